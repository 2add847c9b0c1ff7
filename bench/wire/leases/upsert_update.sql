-- The same by hand: the upsert that peers use, and an UPDATE.
\set key :client_id + 1 + random(0, :keys - 1) * :clients
INSERT INTO leases_by_hand AS l (namespace, key, token, holder, acquired_at, expires_at) VALUES (1, 'job ' || :key, 1, 'worker', clock_timestamp(), clock_timestamp() + '1 minute') ON CONFLICT (namespace, key) DO UPDATE SET token = l.token + 1, holder = excluded.holder, acquired_at = excluded.acquired_at, expires_at = excluded.expires_at WHERE l.expires_at <= clock_timestamp() RETURNING token \gset
UPDATE leases_by_hand SET expires_at = clock_timestamp(), holder = NULL WHERE namespace = 1 AND key = 'job ' || :key AND token = :token;
