-- All clients want the key at once, again and again; each works for a millisecond with it.
SELECT wait_for_tick();
BEGIN;
CALL lock_by_polling(7);
SELECT note_holder('one_key_polling');
SELECT pg_sleep(0.001);
COMMIT;
