-- The same in columns of the row, which nobody else has to respect.
\set key :client_id + 1 + random(0, :keys - 1) * :clients
UPDATE documents SET holder = 'ann', token = token + 1, held_until = clock_timestamp() + '1 minute' WHERE id = :key AND (held_until IS NULL OR held_until <= clock_timestamp() OR holder = 'ann') RETURNING token \gset
UPDATE documents SET held_until = NULL WHERE id = :key AND token = :token;
