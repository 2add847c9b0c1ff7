-- Proves that advisory_lock_holders tells who holds the lock of one key, whatever the key's type, or its slots, and nobody else.

SET client_min_messages = warning;
DROP EXTENSION IF EXISTS interlock;
DROP ROLE IF EXISTS regress_holders;
CREATE EXTENSION interlock;
RESET client_min_messages;

CREATE ROLE regress_holders;
SELECT interlock.create_lock_namespace('numbers', also_builtin => 'bigint');
SELECT interlock.create_lock_namespace('texts', 'text', ARRAY['pg_monitor']);

-- nobody
SELECT * FROM interlock.advisory_lock_holders('numbers', 7);

-- the transaction, with the built-in lock of the key; scope and holds only of our own lock
BEGIN;
SELECT interlock.advisory_xact_lock('numbers', 7, shared => true);
SELECT kind, mode, scope, holds, pid = pg_backend_pid() AS ours FROM interlock.advisory_lock_holders('numbers', '7') ORDER BY kind COLLATE "C";
SELECT count(*) FROM interlock.advisory_lock_holders('numbers', 8);
COMMIT;
SELECT count(*) FROM interlock.advisory_lock_holders('numbers', 7);

-- a process without interlock
SELECT pg_advisory_lock(7);
SELECT kind, mode, scope, holds, pid = pg_backend_pid() AS ours FROM interlock.advisory_lock_holders('numbers', 7);
SELECT pg_advisory_unlock(7);

-- the session, as often as it took it, and in which mode
SELECT interlock.advisory_session_lock('texts', 'a'), interlock.advisory_session_lock('texts', 'a'), interlock.advisory_session_lock('texts', 'a', shared => true);
SELECT kind, mode, scope, holds, pid = pg_backend_pid() AS ours FROM interlock.advisory_lock_holders('texts', 'a') ORDER BY mode COLLATE "C";
SELECT count(*) FROM interlock.advisory_lock_holders('texts', 'b');
-- what takes it away behind our back is seen
SELECT pg_advisory_unlock_all();
SELECT count(*) FROM interlock.advisory_lock_holders('texts', 'a');

-- slots, apart from the key's lock
BEGIN;
SELECT interlock.advisory_xact_slot('texts', 'a', 3);
SELECT kind, mode, scope, holds, pid = pg_backend_pid() AS ours FROM interlock.advisory_lock_holders('texts', 'a', 3);
SELECT count(*) FROM interlock.advisory_lock_holders('texts', 'a');
COMMIT;

-- a prepared transaction has no process
BEGIN;
SELECT interlock.advisory_xact_lock('texts', 'p');
PREPARE TRANSACTION 'holders';
SELECT kind, mode, scope, holds, pid FROM interlock.advisory_lock_holders('texts', 'p');
ROLLBACK PREPARED 'holders';

-- what is refused
\set VERBOSITY sqlstate
SELECT * FROM interlock.advisory_lock_holders('number', 7);
SELECT * FROM interlock.advisory_lock_holders(NULL, 7);
SELECT * FROM interlock.advisory_lock_holders('numbers', 'x');
SELECT * FROM interlock.advisory_lock_holders('numbers', 7, 0);
SELECT * FROM interlock.advisory_lock_holders('numbers', 7, 1001);
SET ROLE regress_holders;
SELECT * FROM interlock.advisory_lock_holders('texts', 'a');
RESET ROLE;
\set VERBOSITY default

DROP EXTENSION interlock;
DROP ROLE regress_holders;
