\set key random(1, 99000)
SELECT r.* FROM interlock.lock_rows(NULL::accounts_ours, ARRAY[:key + 900, :key + 100, :key + 300, :key + 200, :key, :key + 500, :key + 400, :key + 700, :key + 800, :key + 600]) AS r;
