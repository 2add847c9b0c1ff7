-- The same in more round trips: insert if it is not there, read under a lock, update; and an UPDATE.
\set key :client_id + 1 + random(0, :keys - 1) * :clients
INSERT INTO leases_by_hand (namespace, key, token, holder, acquired_at, expires_at) VALUES (1, 'job ' || :key, 0, NULL, clock_timestamp(), '-infinity') ON CONFLICT DO NOTHING;
BEGIN;
SELECT token, expires_at <= clock_timestamp() AS free FROM leases_by_hand WHERE namespace = 1 AND key = 'job ' || :key FOR UPDATE \gset
UPDATE leases_by_hand SET token = :token + 1, holder = 'worker', acquired_at = clock_timestamp(), expires_at = clock_timestamp() + '1 minute' WHERE namespace = 1 AND key = 'job ' || :key;
COMMIT;
\set token :token + 1
UPDATE leases_by_hand SET expires_at = clock_timestamp(), holder = NULL WHERE namespace = 1 AND key = 'job ' || :key AND token = :token;
