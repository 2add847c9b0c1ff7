\set key random(1, 100000)
SELECT * FROM accounts_theirs WHERE id = :key FOR UPDATE;
