\set key random(1, 99000)
SELECT * FROM accounts_theirs WHERE id = ANY(ARRAY[:key + 900, :key + 100, :key + 300, :key + 200, :key, :key + 500, :key + 400, :key + 700, :key + 800, :key + 600]) ORDER BY id FOR UPDATE;
