-- Proves that locks in namespaces behave as the built-in advisory locks do, hold for hold, in transactions, savepoints, sessions and prepared transactions, and what ours have besides: bounds, all or none, old processes excluded, nobody's business.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_adv_in, regress_adv_out;
RESET client_min_messages;
CREATE ROLE regress_adv_in;
CREATE ROLE regress_adv_out;
CREATE SCHEMA advisory_locks;
GRANT USAGE ON SCHEMA advisory_locks TO PUBLIC;
SET search_path = advisory_locks;
SELECT interlock.create_lock_namespace('adv'), interlock.create_lock_namespace('adv text', 'text');

-- What a statement comes to: its result, or its SQLSTATE, message and DETAIL.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    message text;
    detail text;
BEGIN
    EXECUTE statement INTO result;
    RETURN coalesce(nullif(result, ''), 'done');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, message, nullif(detail, ''));
END $$;
-- What this session and prepared transactions hold, as the view says.
CREATE FUNCTION held() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', namespace, coalesce(key_text, key::text), mode, scope, holds, CASE WHEN pid IS NULL THEN 'prepared' END) FROM interlock.advisory_locks
    WHERE namespace LIKE 'adv%' ORDER BY namespace COLLATE "C", key, mode, pid IS NULL
$$;
-- The same as pg_locks says, built-in locks included: how many of ours, and which others.
CREATE FUNCTION in_pg_locks() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', count(*) FILTER (WHERE objsubid > 2), string_agg(format('[%s,%s,%s]', classid, objid, objsubid), ' ' ORDER BY objsubid, classid, objid) FILTER (WHERE objsubid <= 2))
    FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND granted
$$;

-- TRANSACTION LOCKS: neither unlock_all nor unlock releases them, the transaction's end does
BEGIN;
SELECT interlock.advisory_xact_lock('adv', 1), interlock.advisory_xact_lock('adv', 2, shared => true), interlock.advisory_xact_lock('adv text', 'x'), interlock.advisory_xact_lock('adv text', 'y', true);
SELECT held();
SELECT pg_advisory_unlock_all();
SELECT in_pg_locks();
SELECT interlock.advisory_session_unlock('adv', 1), interlock.advisory_session_unlock('adv', 2, true), interlock.advisory_session_unlock('adv text', 'x'), interlock.advisory_session_unlock('adv text', 'y', true);
SELECT interlock.advisory_session_unlock_all('adv');
SELECT in_pg_locks();
COMMIT;
SELECT in_pg_locks();
-- taken many times, released once
BEGIN;
SELECT interlock.advisory_xact_lock('adv', 1), interlock.advisory_xact_lock('adv', 1), interlock.try_advisory_xact_lock('adv', 1), interlock.advisory_xact_lock('adv', 2, true), interlock.try_advisory_xact_lock('adv', 2, true);
SELECT held();
ROLLBACK;
SELECT in_pg_locks();

-- SESSION AND TRANSACTION LOCKS on the same keys, the transaction's first
BEGIN;
SELECT interlock.advisory_xact_lock('adv', 1), interlock.advisory_xact_lock('adv', 2, true), interlock.advisory_xact_lock('adv text', 'x'), interlock.advisory_xact_lock('adv text', 'y', true);
SELECT interlock.advisory_session_lock('adv', 1), interlock.advisory_session_lock('adv', 2, true), interlock.advisory_session_lock('adv text', 'x'), interlock.advisory_session_lock('adv text', 'y', true);
SELECT held();
ROLLBACK;
SELECT held();
SELECT interlock.advisory_session_unlock('adv', 1), interlock.advisory_session_unlock('adv', 1), interlock.advisory_session_unlock('adv', 2, true), interlock.advisory_session_unlock('adv', 2, true);
SELECT interlock.advisory_session_unlock('adv text', 'x'), interlock.advisory_session_unlock('adv text', 'y', true), in_pg_locks();
-- the session's first
BEGIN;
SELECT interlock.advisory_session_lock('adv', 1), interlock.advisory_session_lock('adv', 2, true);
SELECT interlock.advisory_xact_lock('adv', 1), interlock.advisory_xact_lock('adv', 2, true);
SELECT held();
ROLLBACK;
SELECT held();
-- unlocked, the transaction still holds it
BEGIN;
SELECT interlock.advisory_xact_lock('adv', 1);
SELECT interlock.advisory_session_unlock('adv', 1);
SELECT held();
COMMIT;
SELECT held();
SELECT pg_advisory_unlock_all();
SELECT in_pg_locks(), count(*) FROM held();
-- many times, and one unlock for each
SELECT interlock.advisory_session_lock('adv', 1), interlock.advisory_session_lock('adv', 1), interlock.try_advisory_session_lock('adv', 1), interlock.advisory_session_lock('adv', 1, true);
SELECT held();
SELECT interlock.advisory_session_unlock('adv', 1), interlock.advisory_session_unlock('adv', 1), in_pg_locks();
SELECT held();
SELECT interlock.advisory_session_unlock('adv', 1);
SELECT held();
SELECT interlock.advisory_session_unlock('adv', 1);
SELECT interlock.advisory_session_unlock('adv', 1, shared => true), in_pg_locks();
-- a rollback, of a savepoint too, neither releases nor takes them back
BEGIN;
SELECT interlock.advisory_session_lock('adv', 1);
SAVEPOINT s;
SELECT interlock.advisory_session_lock('adv', 2);
SELECT interlock.advisory_session_unlock('adv', 1);
ROLLBACK TO s;
SELECT held();
ROLLBACK;
SELECT held();
-- all of one namespace, and only of that one
SELECT interlock.advisory_session_lock('adv', 2), interlock.advisory_session_lock('adv', 3, true), interlock.advisory_session_lock('adv', 3), interlock.advisory_session_lock('adv text', 'x'), pg_advisory_lock(7);
SELECT interlock.advisory_session_unlock_all('adv');
SELECT held();
SELECT interlock.advisory_session_unlock_all('adv'), interlock.advisory_session_unlock_all('adv text'), in_pg_locks();
SELECT pg_advisory_unlock(7);
-- pg_advisory_unlock_all() and DISCARD ALL drop ours too, and nobody believes otherwise
SELECT interlock.advisory_session_lock('adv', 1), interlock.advisory_session_lock('adv', 1), interlock.advisory_session_lock('adv text', 'x', true);
DISCARD ALL;
SET search_path = advisory_locks;
SELECT in_pg_locks(), count(*) FROM held();
SELECT interlock.advisory_session_unlock('adv', 1);
SELECT interlock.advisory_session_unlock_all('adv text');
SELECT interlock.advisory_session_lock('adv', 1);
SELECT pg_advisory_unlock_all();
SELECT interlock.advisory_session_lock('adv', 1);
SELECT held();
SELECT interlock.advisory_session_unlock('adv', 1);
SELECT interlock.advisory_session_unlock('adv', 1);
SELECT interlock.advisory_session_unlock_all('adv'), in_pg_locks();

-- EXCLUSIVE AND SHARED are held side by side by one session
BEGIN;
SELECT interlock.advisory_xact_lock('adv', 1, true), interlock.advisory_xact_lock('adv', 1);
SELECT held();
ROLLBACK;
SELECT interlock.advisory_session_lock('adv', 1), interlock.advisory_session_lock('adv', 1, true);
SELECT interlock.advisory_session_unlock('adv', 1);
SELECT held();
SELECT interlock.advisory_session_unlock('adv', 1, true), in_pg_locks();

-- SAVEPOINTS: rolled back, one gives back what it took, and no more; released, it leaves it
BEGIN;
SELECT interlock.advisory_xact_lock('adv', 1);
SAVEPOINT s;
SELECT interlock.advisory_xact_lock('adv', 1), interlock.advisory_xact_lock('adv', 2), interlock.try_advisory_xact_lock('adv', 3, wait => '1 s'), interlock.advisory_xact_lock_many('adv', '{4,5}');
SELECT in_pg_locks();
ROLLBACK TO s;
SELECT held();
SELECT interlock.advisory_xact_lock('adv', 2);
RELEASE s;
SELECT held();
SAVEPOINT t;
SELECT interlock.advisory_xact_lock('adv', 3);
SELECT 1 / 0;
ROLLBACK TO t;
SELECT held();
COMMIT;
SELECT in_pg_locks();

-- ERRORS: in a function, in an EXCEPTION block, in the statement after
BEGIN;
DO $$
BEGIN
    PERFORM interlock.advisory_xact_lock('adv', 1);
    BEGIN
        PERFORM interlock.advisory_xact_lock('adv', 2);
        PERFORM interlock.advisory_session_lock('adv', 3);
        PERFORM interlock.advisory_xact_lock_many('adv', ARRAY[4, 5, NULL]);
    EXCEPTION WHEN null_value_not_allowed THEN
        PERFORM interlock.advisory_xact_lock('adv', 6);
    END;
END $$;
SELECT held();
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv', k), 1 / (3 - k) FROM generate_series(1, 3) AS k$$);
SELECT in_pg_locks();
COMMIT;
SELECT interlock.advisory_xact_lock('adv', k), 1 / (3 - k) FROM generate_series(1, 3) AS k;
SELECT held();
SELECT interlock.advisory_session_unlock_all('adv');

-- CURSORS: what they fetched is locked until the transaction ends, also when they are closed; a savepoint gives back what was fetched in it
BEGIN;
DECLARE c CURSOR FOR SELECT interlock.advisory_xact_lock('adv', k) FROM generate_series(1, 5) AS k;
FETCH 2 FROM c;
SELECT in_pg_locks();
SAVEPOINT s;
FETCH 1 FROM c;
SELECT in_pg_locks();
ROLLBACK TO s;
SELECT in_pg_locks();
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT interlock.advisory_xact_lock('adv', k) FROM generate_series(1, 5) AS k;
FETCH 2 FROM c;
CLOSE c;
SELECT in_pg_locks();
COMMIT;
SELECT in_pg_locks();
-- PREPARED STATEMENTS lock anew each time
PREPARE p(bigint) AS SELECT interlock.advisory_xact_lock('adv', $1);
BEGIN;
EXECUTE p(1);
EXECUTE p(2);
SELECT in_pg_locks();
COMMIT;
EXECUTE p(1);
SELECT in_pg_locks();
DEALLOCATE p;

-- PREPARE TRANSACTION: the locks go with it; its holder has no pid
BEGIN;
SELECT interlock.advisory_xact_lock('adv', 42), interlock.advisory_xact_lock('adv', 43, true), interlock.advisory_xact_lock_many('adv text', '{x,y}'), interlock.advisory_xact_slot('adv', 42, 1);
PREPARE TRANSACTION 'regress_adv';
SELECT concat_ws(' ', namespace, kind, mode, scope, holds, pid, usename) FROM interlock.advisory_locks WHERE kind = 'lock' ORDER BY namespace COLLATE "C", key;
SELECT interlock.try_advisory_xact_lock('adv', 42), interlock.try_advisory_xact_lock('adv', 42, true), interlock.try_advisory_xact_lock('adv', 43), interlock.try_advisory_xact_lock('adv', 43, true), interlock.try_advisory_xact_lock_many('adv text', '{w,x}'), interlock.try_advisory_session_lock('adv', 42), interlock.try_advisory_xact_slot('adv', 42, 1), interlock.try_advisory_xact_slot('adv', 42, 2);
SELECT held();

-- UNAVAILABLE: which lock, in which mode, and who has it; 0 stands for prepared transactions
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv', 42, wait => '0')$$);
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv', 42, true, '20 ms')$$);
SELECT outcome($$SELECT interlock.advisory_session_lock('adv', 43, wait => '20 ms')$$);
SELECT outcome($$SELECT interlock.advisory_xact_lock_many('adv text', ARRAY['a', 'x'], wait => '20 ms')$$);
SELECT outcome($$SELECT interlock.advisory_xact_slot('adv', 42, 1, '20 ms')$$);
SELECT outcome($$SELECT interlock.advisory_xact_slot('adv', 42, 1, '0')$$);
SET lock_timeout = '20 ms';
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv', 42)$$);
SELECT outcome($$SELECT interlock.advisory_session_lock('adv', 42)$$);
SELECT outcome($$SELECT interlock.try_advisory_xact_lock('adv', 42, wait => NULL)$$);
SELECT outcome($$SELECT interlock.advisory_xact_slot('adv', 42, 1)$$);
SHOW lock_timeout;
RESET lock_timeout;
DO $$
DECLARE hint text;
BEGIN
    PERFORM interlock.advisory_xact_lock('adv', 42, wait => '0');
EXCEPTION WHEN lock_not_available THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RAISE WARNING '%', hint;
END $$;
-- nothing of them is held, and no timer runs on
SELECT held();
SELECT pg_sleep(0.05);
-- TOLD: the try_ forms wait as long, and leave the transaction as it was
BEGIN;
SELECT interlock.advisory_xact_lock('adv', 1);
SELECT interlock.try_advisory_xact_lock('adv', 42, wait => '20 ms'), interlock.try_advisory_xact_lock('adv', 42, true, '20 ms'), interlock.try_advisory_session_lock('adv', 42, wait => '20 ms'), interlock.try_advisory_xact_slot('adv', 42, 1, '20 ms');
-- all or none: those before the one that was not to be had are given back, but not those that were held before
SELECT interlock.try_advisory_xact_lock_many('adv', '{44,42,41,1}'), interlock.try_advisory_xact_lock_many('adv', '{44,42,41,1}', wait => '20 ms');
SELECT held();
SAVEPOINT s;
SELECT interlock.try_advisory_xact_lock_many('adv', '{44,43,41,1}', shared => true);
SELECT in_pg_locks();
ROLLBACK TO s;
SELECT held();
COMMIT;
-- in nested EXCEPTION blocks, one deadline within another; afterwards waits are as unbounded as before
SET lock_timeout = '10 s';
DO $$
BEGIN
    BEGIN
        PERFORM interlock.advisory_xact_lock('adv', 42, wait => '20 ms');
    EXCEPTION WHEN lock_not_available THEN
        BEGIN
            PERFORM interlock.advisory_xact_lock_many('adv', '{41,42}', wait => '20 ms');
        EXCEPTION WHEN lock_not_available THEN
            IF interlock.try_advisory_xact_lock('adv', 42, wait => '20 ms') OR current_setting('lock_timeout') <> '10s' THEN
                RAISE EXCEPTION 'taken or left behind';
            END IF;
        END;
    END;
    PERFORM pg_sleep(0.05);
END $$;
SHOW lock_timeout;
RESET lock_timeout;
ROLLBACK PREPARED 'regress_adv';
SELECT interlock.try_advisory_xact_lock('adv', 42), in_pg_locks();

-- session locks stay with the session
SELECT interlock.advisory_session_lock('adv', 2);
BEGIN;
SELECT interlock.advisory_xact_lock('adv', 1), interlock.advisory_session_lock('adv', 3);
PREPARE TRANSACTION 'regress_adv';
SELECT held();
SELECT interlock.advisory_session_unlock('adv', 2), interlock.advisory_session_unlock('adv', 3);
COMMIT PREPARED 'regress_adv';
SELECT in_pg_locks();
-- held for both on one key, it cannot be prepared; given back before, it can
BEGIN;
SELECT interlock.advisory_session_lock('adv', 1), interlock.advisory_xact_lock('adv', 1);
PREPARE TRANSACTION 'regress_adv';
SELECT held();
BEGIN;
SELECT interlock.advisory_xact_lock('adv', 1);
SELECT interlock.advisory_session_unlock('adv', 1);
PREPARE TRANSACTION 'regress_adv';
SELECT held();
COMMIT PREPARED 'regress_adv';
SELECT in_pg_locks();
-- the same in the two modes of one key
BEGIN;
SELECT interlock.advisory_session_lock('adv', 1, true), interlock.advisory_xact_lock('adv', 1);
\set VERBOSITY sqlstate
PREPARE TRANSACTION 'regress_adv';
\set VERBOSITY default
SELECT interlock.advisory_session_unlock_all('adv'), in_pg_locks();

-- MANY: each once, in the order of their tags
BEGIN;
SELECT interlock.advisory_xact_lock_many('adv', ARRAY[3, -1, 2, 3, 2, 1, 9223372036854775807, -9223372036854775808]);
SELECT held();
SELECT interlock.advisory_xact_lock_many('adv', '{}'), interlock.try_advisory_xact_lock_many('adv', '{}'::bigint[]);
SELECT in_pg_locks();
COMMIT;
BEGIN;
SELECT interlock.advisory_xact_lock_many('adv text', ARRAY(SELECT k::text FROM generate_series(1, 1000) AS k)), interlock.try_advisory_xact_lock_many('adv', ARRAY(SELECT k FROM generate_series(1000, 1, -1) AS k), shared => true);
SELECT in_pg_locks();
COMMIT;
SELECT outcome($$SELECT interlock.advisory_xact_lock_many('adv', ARRAY[1, NULL])$$);
SELECT in_pg_locks();

-- WAIT: no time at all, a very long one, a negative one
SELECT wait, outcome(format('SELECT interlock.advisory_xact_lock(%L, 1, wait => %L)', 'adv', wait)), outcome(format('SELECT interlock.try_advisory_xact_lock_many(%L, %L, wait => %L)', 'adv', '{1}', wait))
FROM unnest('{0, 1 us, 1 ms, 1 month -30 days, 1 month -30 days -1 us, 100 years, 178000000 years, -1 us, -1 s, -1 month, -178000000 years, 1 month -31 days, -1 day 24 hours, NULL}'::text[]) AS wait;
-- infinite intervals, which not every server knows
SELECT left(outcome($$SELECT interlock.advisory_xact_lock('adv', 1, wait => 'infinity')$$), 5) IN ('22007', '22023');

-- BOUNDS: a session holds so many locks of a namespace and no more
SELECT interlock.create_lock_namespace('adv few', max_locks => 3);
BEGIN;
SELECT interlock.advisory_xact_lock('adv few', k) FROM generate_series(1, 3) AS k;
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv few', 4)$$);
SELECT outcome($$SELECT interlock.try_advisory_xact_lock('adv few', 4)$$);
SELECT left(outcome($$SELECT interlock.advisory_session_lock('adv few', 4)$$), 5), left(outcome($$SELECT interlock.advisory_xact_slot('adv few', 4, 2)$$), 5), left(outcome($$SELECT interlock.try_advisory_xact_lock_many('adv few', '{4}')$$), 5);
-- those that it holds, it may take again, in the other mode, too, and for the session
SELECT interlock.advisory_xact_lock('adv few', 1), interlock.try_advisory_xact_lock('adv few', 2, true), interlock.advisory_xact_lock_many('adv few', '{3,2,1}'), interlock.advisory_session_lock('adv few', 3);
-- the others' locks do not count
SELECT interlock.advisory_xact_lock('adv', 4), in_pg_locks();
COMMIT;
-- one session lock is left, which counts
BEGIN;
SELECT interlock.advisory_xact_lock_many('adv few', '{1,2}');
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv few', 4)$$);
SELECT interlock.advisory_session_unlock('adv few', 3);
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv few', 4)$$);
COMMIT;
-- what a savepoint gave back does not
BEGIN;
SAVEPOINT s;
SELECT interlock.advisory_xact_lock_many('adv few', '{1,2,3}');
ROLLBACK TO s;
SELECT interlock.advisory_xact_lock_many('adv few', '{4,5,6}');
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv few', 1)$$);
ROLLBACK;
-- more than the bound at once: none
BEGIN;
SELECT outcome($$SELECT interlock.advisory_xact_lock_many('adv few', '{1,2,3,4}')$$);
SELECT in_pg_locks();
SELECT interlock.advisory_xact_lock_many('adv few', '{1,2,3,3,2,1}');
COMMIT;
-- session locks, dropped by others
SELECT interlock.advisory_session_lock('adv few', k) FROM generate_series(1, 3) AS k;
SELECT outcome($$SELECT interlock.advisory_session_lock('adv few', 4)$$);
SELECT pg_advisory_unlock_all();
SELECT interlock.advisory_session_lock('adv few', k) FROM generate_series(4, 6) AS k;
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv few', 1)$$);
SELECT interlock.advisory_session_unlock_all('adv few');
-- held in both modes, or for both scopes, and given back in one: still held
SELECT interlock.advisory_session_lock('adv few', k), interlock.advisory_session_lock('adv few', k, true) FROM generate_series(1, 3) AS k;
SELECT left(outcome($$SELECT interlock.advisory_session_lock('adv few', 4)$$), 5);
SELECT interlock.advisory_session_unlock('adv few', k) FROM generate_series(1, 3) AS k;
SELECT left(outcome($$SELECT interlock.advisory_session_lock('adv few', 4)$$), 5), in_pg_locks();
SELECT interlock.advisory_session_unlock_all('adv few');
BEGIN;
SELECT interlock.advisory_xact_lock('adv few', k), interlock.advisory_session_lock('adv few', k) FROM generate_series(1, 3) AS k;
SELECT left(outcome($$SELECT interlock.advisory_xact_lock('adv few', 4)$$), 5);
SELECT interlock.advisory_session_unlock_all('adv few');
SELECT left(outcome($$SELECT interlock.advisory_xact_lock('adv few', 4)$$), 5), in_pg_locks();
COMMIT;
-- one is enough for a slot
SELECT interlock.alter_lock_namespace('adv few', max_locks => 1);
BEGIN;
SELECT interlock.advisory_xact_slot('adv few', 1, 3), interlock.advisory_xact_slot('adv few', 1, 3);
SELECT left(outcome($$SELECT interlock.advisory_xact_slot('adv few', 2, 3)$$), 5), left(outcome($$SELECT interlock.advisory_xact_lock('adv few', 1)$$), 5);
COMMIT;
-- taken and given back without end
DO $$
BEGIN
    FOR i IN 1..100 LOOP
        PERFORM interlock.advisory_session_lock('adv few', i);
        PERFORM interlock.advisory_session_unlock('adv few', i);
    END LOOP;
END $$;
-- the setting, for namespaces without a bound of their own; not for everyone to raise
SET interlock.max_namespace_locks = 2;
BEGIN;
SELECT interlock.advisory_xact_lock_many('adv', '{1,2}');
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv', 3)$$);
SET LOCAL interlock.max_namespace_locks = 3;
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv', 3)$$);
COMMIT;
RESET interlock.max_namespace_locks;
SET ROLE regress_adv_in;
SELECT left(outcome('SET interlock.max_namespace_locks = 3000'), 5);
RESET ROLE;
SELECT left(outcome('SET interlock.max_namespace_locks = 0'), 5);
-- 2,000 by default, and then a clear word instead of a full shared table
BEGIN;
SELECT count(interlock.advisory_xact_lock('adv', k)::text) FROM generate_series(1, 2000) AS k;
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv', 2001)$$);
SELECT count(interlock.advisory_xact_lock('adv text', k)::text) FROM generate_series(1, 2000) AS k;
SELECT in_pg_locks();
COMMIT;

-- ALSO BUILT-IN: processes that do not know us yet are excluded
SELECT interlock.create_lock_namespace('adv also', also_builtin => 'bigint'), interlock.create_lock_namespace('adv seven', also_builtin => 'int4:7'), interlock.create_lock_namespace('adv minus', also_builtin => 'int4:-1');
BEGIN;
SELECT interlock.advisory_xact_lock('adv also', 42), interlock.advisory_xact_lock('adv also', -42, true), interlock.advisory_xact_lock('adv seven', 42), interlock.advisory_xact_lock('adv minus', -5);
SELECT classid, objid, objsubid, mode FROM pg_locks WHERE locktype = 'advisory' AND objsubid <= 2 ORDER BY 3, 1, 2;
SAVEPOINT s;
SELECT interlock.advisory_xact_lock_many('adv seven', '{1,2}'), interlock.try_advisory_xact_lock('adv also', 1), in_pg_locks();
ROLLBACK TO s;
SELECT in_pg_locks();
COMMIT;
SELECT in_pg_locks();
BEGIN;
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv seven', 2147483648)$$);
SELECT outcome($$SELECT interlock.try_advisory_xact_lock_many('adv seven', '{1,-2147483649}')$$);
SELECT in_pg_locks();
SELECT interlock.advisory_xact_lock_many('adv seven', '{2147483647,-2147483648}'), in_pg_locks();
COMMIT;
-- for the session, from the first hold to the last
SELECT interlock.advisory_session_lock('adv seven', 1), interlock.advisory_session_lock('adv seven', 1), in_pg_locks();
SELECT interlock.advisory_session_unlock('adv seven', 1), in_pg_locks();
SELECT interlock.advisory_session_unlock('adv seven', 1), in_pg_locks();
SELECT interlock.advisory_session_lock('adv also', 1), interlock.advisory_session_lock('adv also', 2), in_pg_locks();
SELECT interlock.advisory_session_unlock_all('adv also'), in_pg_locks();
-- also where the namespace gets its built-in lock meanwhile, another one, or loses it
SELECT interlock.alter_lock_namespace('adv also', also_builtin => '');
SELECT interlock.advisory_session_lock('adv also', 1), in_pg_locks();
SELECT interlock.alter_lock_namespace('adv also', also_builtin => 'bigint');
SELECT interlock.advisory_session_lock('adv also', 1), in_pg_locks();
SELECT interlock.alter_lock_namespace('adv also', also_builtin => 'int4:8');
SELECT interlock.advisory_session_lock('adv also', 1), in_pg_locks();
SELECT interlock.alter_lock_namespace('adv also', also_builtin => '');
SELECT interlock.advisory_session_lock('adv also', 1), in_pg_locks();
SELECT interlock.advisory_session_unlock('adv also', 1), in_pg_locks() FROM generate_series(1, 4);
SELECT in_pg_locks();
-- only where the namespace says so
BEGIN;
SELECT pg_advisory_xact_lock(42), pg_advisory_xact_lock(0, 42), interlock.advisory_xact_lock('adv', 42);
SELECT in_pg_locks();
-- slots have none
SELECT interlock.alter_lock_namespace('adv also', also_builtin => 'bigint');
SELECT interlock.advisory_xact_slot('adv also', 99, 3), in_pg_locks();
ROLLBACK;
-- unavailable because of a prepared process of old
BEGIN;
SELECT pg_advisory_xact_lock(7, 42), pg_advisory_xact_lock_shared(7, 43);
PREPARE TRANSACTION 'regress_adv';
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv seven', 42, wait => '0')$$);
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv seven', 42, wait => '20 ms')$$);
SELECT interlock.try_advisory_xact_lock('adv seven', 42, true), interlock.try_advisory_xact_lock('adv seven', 43), interlock.try_advisory_xact_lock('adv seven', 43, true), interlock.try_advisory_xact_lock_many('adv seven', '{41,42}'), interlock.try_advisory_session_lock('adv seven', 42, wait => '20 ms');
COMMIT PREPARED 'regress_adv';
SELECT in_pg_locks();

-- SESSION LOCKS OFF, as behind a proxy that pools connections by transaction; unlocking goes on
SELECT interlock.advisory_session_lock('adv', 1);
SET interlock.session_locks = off;
SELECT outcome($$SELECT interlock.advisory_session_lock('adv', 1)$$);
SELECT outcome($$SELECT interlock.try_advisory_session_lock('adv', 2)$$);
SELECT interlock.advisory_session_unlock('adv', 1), outcome($$SELECT interlock.advisory_xact_lock('adv', 1)$$), in_pg_locks();
RESET interlock.session_locks;

-- ROLES: who lost the membership can still unlock, and nothing else
SELECT interlock.create_lock_namespace('adv ours', 'text', roles => '{regress_adv_in}');
SET ROLE regress_adv_in;
SELECT interlock.advisory_session_lock('adv ours', 'x'), interlock.advisory_session_lock('adv ours', 'y');
SELECT held();
RESET ROLE;
SELECT usename = session_user, application_name = current_setting('application_name'), state, wait_time IS NULL, hold_time BETWEEN '0' AND '1 min', pid = pg_backend_pid(), granted, kind, mode, scope, holds, key_text, namespace FROM interlock.advisory_locks ORDER BY key_text COLLATE "C";
SET ROLE regress_adv_out;
SELECT held();
SELECT count(*) FROM interlock.advisory_locks;
SELECT outcome($$SELECT interlock.advisory_xact_lock('adv ours', 'x')$$);
SELECT left(outcome($$SELECT interlock.try_advisory_xact_lock('adv ours', 'z')$$), 5), left(outcome($$SELECT interlock.advisory_xact_lock_many('adv ours', '{}')$$), 5), left(outcome($$SELECT interlock.advisory_session_lock('adv ours', 'x')$$), 5), left(outcome($$SELECT interlock.advisory_xact_slot('adv ours', 'x', 3)$$), 5);
SELECT interlock.advisory_session_unlock('adv ours', 'x'), interlock.advisory_session_unlock_all('adv ours');
RESET ROLE;
SELECT in_pg_locks();

-- DESCRIBED: a tag as deadlock reports and pg_locks show it
SELECT id FROM interlock.lock_namespaces WHERE name = 'adv' \gset
SELECT id AS text_id FROM interlock.lock_namespaces WHERE name = 'adv text' \gset
SELECT id AS ours_id FROM interlock.lock_namespaces WHERE name = 'adv ours' \gset
BEGIN;
SELECT interlock.advisory_xact_lock('adv', -42), interlock.advisory_xact_lock('adv text', 'described "so"'), interlock.advisory_xact_slot('adv', 7, 3), interlock.advisory_xact_slot('adv text', 'some', 3);
SELECT interlock.describe_advisory_lock(classid, objid, objsubid) AS lock FROM pg_locks WHERE locktype = 'advisory' ORDER BY lock;
COMMIT;
SELECT interlock.describe_advisory_lock(0, 42, :id), interlock.describe_advisory_lock(4294967295, 4294967295, :id), interlock.describe_advisory_lock(1, 2, :text_id), interlock.describe_advisory_lock(1, 2, :id + 1), interlock.describe_advisory_lock('0', '42', :'id');
SELECT interlock.describe_advisory_lock(a, b, c) FROM (VALUES (0::oid, 42::oid, 1), (4294967295, 4294967254, 1), (7, 4294967295, 2), (1, 2, 0), (1, 2, 4), (1, 2, 1023), (1, 2, 28990), (1, 2, 29001), (1, 2, 29002), (1, 2, 29749), (1, 2, -1), (1, 2, 40000)) AS t (a, b, c);
SET ROLE regress_adv_out;
SELECT replace(interlock.describe_advisory_lock(1, 2, :ours_id), :'ours_id', 'ID');
RESET ROLE;
SELECT interlock.describe_advisory_lock(NULL, 2, 1), outcome('SELECT interlock.describe_advisory_lock(1, 2, 70000)');

-- PARALLEL queries lock in one process
CREATE TABLE items AS SELECT k FROM generate_series(1, 1000) AS k;
ANALYZE items;
SELECT count(set_config(name, 'on', false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
CREATE FUNCTION is_parallel(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
        IF line ~ 'Gather' THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
END $$;
SELECT is_parallel('SELECT count(*) FROM items'), is_parallel($$SELECT count(interlock.advisory_xact_lock('adv', k)::text) FROM items$$), is_parallel($$SELECT count(*) FROM items WHERE interlock.try_advisory_xact_lock('adv', k)$$);
BEGIN;
SELECT count(*) FROM items WHERE interlock.try_advisory_xact_lock('adv', k);
SELECT in_pg_locks();
COMMIT;
SELECT count(set_config(name, reset_val, false)) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');

-- REPEATABLE READ: no warning where there was no wait
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT interlock.advisory_xact_lock('adv', 1), interlock.advisory_xact_lock('adv', 2, wait => '1 s'), interlock.try_advisory_xact_lock_many('adv', '{1,3}', wait => '1 s'), interlock.advisory_xact_slot('adv', 1, 3);
COMMIT;
-- READ ONLY transactions lock
BEGIN READ ONLY;
SELECT interlock.advisory_xact_lock('adv', 1), interlock.try_advisory_xact_lock('adv', 2, wait => '1 s'), interlock.advisory_session_lock('adv', 3);
COMMIT;
SELECT interlock.advisory_session_unlock('adv', 3);

-- LOOPS gather no memory
BEGIN;
SELECT pg_advisory_xact_lock(7, 1);
PREPARE TRANSACTION 'regress_adv';
CREATE FUNCTION memory() RETURNS bigint LANGUAGE sql AS 'SELECT sum(total_bytes)::bigint FROM pg_backend_memory_contexts';
DO $$
DECLARE before bigint;
BEGIN
    FOR round IN 1..2 LOOP
        before := advisory_locks.memory();
        FOR i IN 1..5000 LOOP
            PERFORM interlock.advisory_xact_lock('adv', 1), interlock.advisory_session_lock('adv text', 'x'), interlock.try_advisory_xact_lock('adv seven', 1), interlock.advisory_xact_slot('adv', 1, 3);
            PERFORM interlock.advisory_session_unlock('adv text', 'x');
        END LOOP;
    END LOOP;
    RAISE WARNING 'grown by less than 256 kB: %', advisory_locks.memory() - before < 262144;
END $$;
-- nor do sessions that let DISCARD ALL unlock for them
DO $$
DECLARE before bigint;
BEGIN
    FOR round IN 1..20 LOOP
        IF round = 11 THEN before := advisory_locks.memory(); END IF;
        PERFORM interlock.advisory_session_lock('adv', round * 1000 + i) FROM generate_series(1, 500) AS i;
        PERFORM pg_advisory_unlock_all();
    END LOOP;
    RAISE WARNING 'grown by less than 256 kB: %', advisory_locks.memory() - before < 262144;
END $$;
ROLLBACK PREPARED 'regress_adv';
SELECT in_pg_locks();

SET client_min_messages = warning;
DELETE FROM interlock.lock_namespace_registry WHERE name LIKE 'adv%';
DROP SCHEMA advisory_locks CASCADE;
DROP ROLE regress_adv_in, regress_adv_out;
