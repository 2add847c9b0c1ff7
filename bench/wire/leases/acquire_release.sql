-- A lease taken and given back; a key of its own for each client, so that it is granted.
\set key :client_id + 1 + random(0, :keys - 1) * :clients
SELECT token FROM interlock.try_acquire_lease('bench', 'job ' || :key, 'worker', '1 minute') \gset
SELECT interlock.release_lease('bench', 'job ' || :key, :token);
