\set key random(1, 100000)
SELECT r.* FROM interlock.lock_row(NULL::accounts_ours, :key) AS r;
