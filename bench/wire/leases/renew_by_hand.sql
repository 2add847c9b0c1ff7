-- The same by hand.
\if :token = 0
INSERT INTO leases_by_hand VALUES (1, 'job of ' || :client_id, 1, 'worker', clock_timestamp(), clock_timestamp() + '1 hour') ON CONFLICT (namespace, key) DO UPDATE SET holder = 'worker' RETURNING token \gset
\endif
UPDATE leases_by_hand SET expires_at = clock_timestamp() + '1 minute' WHERE namespace = 1 AND key = 'job of ' || :client_id AND token = :token RETURNING expires_at;
