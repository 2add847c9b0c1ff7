CALL lock_by_polling(7);
