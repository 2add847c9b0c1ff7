-- A fenced write: the lease is checked in the transaction.
\if :token = 0
SELECT interlock.break_lease('bench', 'job of ' || :client_id);
SELECT token FROM interlock.acquire_lease('bench', 'job of ' || :client_id, 'worker', '1 hour') \gset
\endif
BEGIN;
SELECT interlock.check_lease('bench', 'job of ' || :client_id, :token);
UPDATE results SET value = value + 1 WHERE id = :client_id;
COMMIT;
