-- The same without a guard.
\set key :client_id + 1 + random(0, :keys - 1) * :clients
UPDATE documents SET body = 'text of ' || :key WHERE id = :key;
