-- The same in a namespace that notifies nobody of a release.
\set key :client_id + 1 + random(0, :keys - 1) * :clients
SELECT token FROM interlock.try_acquire_lease('bench silent', 'job ' || :key, 'worker', '1 minute') \gset
SELECT interlock.release_lease('bench silent', 'job ' || :key, :token);
