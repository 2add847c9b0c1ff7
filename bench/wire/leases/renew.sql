-- A heartbeat: the client has its lease and renews it.
\if :token = 0
SELECT interlock.break_lease('bench', 'job of ' || :client_id);
SELECT token FROM interlock.acquire_lease('bench', 'job of ' || :client_id, 'worker', '1 hour') \gset
\endif
SELECT interlock.renew_lease('bench', 'job of ' || :client_id, :token, '1 minute');
