-- Proves that a key has as many slots as callers say and not one more, that a transaction keeps the slot that it has, and that slots come back with savepoints and transactions. Who waits for whom is in specs/.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA advisory_slots;
SET search_path = advisory_slots;
RESET client_min_messages;
SELECT interlock.create_lock_namespace('slots'), interlock.create_lock_namespace('slots text', 'text');

CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    message text;
    detail text;
BEGIN
    EXECUTE statement INTO result;
    RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, message, nullif(detail, ''));
END $$;
-- What is held: nothing but slots, each exclusively.
CREATE FUNCTION held() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', CASE WHEN kind <> 'slot' OR mode <> 'exclusive' OR scope <> 'transaction' THEN kind || ' ' || mode || ' ' || scope END, namespace || ':', key_text), ', ' ORDER BY namespace COLLATE "C", key_text COLLATE "C"), 'none')
    FROM interlock.advisory_locks WHERE namespace LIKE 'slots%'
$$;

-- ONE, and the same again, from whichever call
BEGIN;
SELECT interlock.advisory_xact_slot('slots', 7, 3), interlock.advisory_xact_slot('slots', 7, 3), interlock.try_advisory_xact_slot('slots', '7', 3), interlock.advisory_xact_slot('slots', 7.0, 3, '0'), interlock.advisory_xact_slot('slots', 7::smallint, 3, '1 s');
SELECT held();
-- another key, another namespace: another slot
SELECT interlock.advisory_xact_slot('slots', 8, 3), interlock.advisory_xact_slot('slots text', '7', 3), interlock.try_advisory_xact_slot('slots text', 7, 1);
SELECT held();
-- the lock of that key is apart, and so is the built-in one
SELECT interlock.try_advisory_xact_lock('slots', 7), pg_try_advisory_xact_lock(7);
COMMIT;
SELECT held();

-- AS MANY as there are: prepared transactions have the others
BEGIN;
SELECT interlock.advisory_xact_slot('slots', 7, 3);
PREPARE TRANSACTION 'regress_slots_1';
BEGIN;
SELECT interlock.advisory_xact_slot('slots', 7, 3);
PREPARE TRANSACTION 'regress_slots_2';
BEGIN;
SELECT interlock.advisory_xact_slot('slots', 7, 3);
PREPARE TRANSACTION 'regress_slots_3';
SELECT held();
SELECT interlock.try_advisory_xact_slot('slots', 7, 3), interlock.try_advisory_xact_slot('slots', 7, 3, '30 ms');
SELECT outcome($$SELECT interlock.advisory_xact_slot('slots', 7, 3, '0')$$);
SELECT outcome($$SELECT interlock.advisory_xact_slot('slots', 7, 3, '30 ms')$$);
SET lock_timeout = '30 ms';
SELECT outcome($$SELECT interlock.advisory_xact_slot('slots', 7, 3)$$);
SELECT outcome($$SELECT interlock.try_advisory_xact_slot('slots', 7, 3, NULL)$$);
SELECT outcome($$SELECT interlock.advisory_xact_slot('slots', 7, 1)$$);
RESET lock_timeout;
SET statement_timeout = '30 ms';
SELECT interlock.advisory_xact_slot('slots', 7, 3);
SELECT interlock.try_advisory_xact_slot('slots', 7, 3, '10 s');
RESET statement_timeout;
-- nothing left behind: no lock, no timer, no setting
SELECT held();
SELECT pg_sleep(0.05);
SHOW lock_timeout;
SHOW deadlock_timeout;
-- the lowest that is free
COMMIT PREPARED 'regress_slots_2';
SELECT interlock.advisory_xact_slot('slots', 7, 3);
ROLLBACK PREPARED 'regress_slots_1';
SELECT interlock.advisory_xact_slot('slots', 7, 3);
-- counts that differ: each caller keeps to its own
SELECT interlock.try_advisory_xact_slot('slots', 7, 1), interlock.try_advisory_xact_slot('slots', 7, 2);
BEGIN;
SELECT interlock.advisory_xact_slot('slots', 7, 1);
SELECT interlock.try_advisory_xact_slot('slots', 7, 3), held();
COMMIT;
COMMIT PREPARED 'regress_slots_3';
SELECT held();

-- SAVEPOINTS give theirs back
BEGIN;
SAVEPOINT s;
SELECT interlock.advisory_xact_slot('slots', 7, 3);
ROLLBACK TO s;
SELECT held();
SELECT interlock.advisory_xact_slot('slots', 7, 3);
SAVEPOINT t;
SELECT interlock.advisory_xact_slot('slots', 7, 3), interlock.advisory_xact_slot('slots', 8, 3, '1 s');
ROLLBACK TO t;
SELECT held();
SAVEPOINT u;
SELECT interlock.advisory_xact_slot('slots', 8, 3, '1 s');
RELEASE u;
SELECT held();
ROLLBACK;
SELECT held();
-- errors do as well
BEGIN;
SELECT outcome($$SELECT interlock.advisory_xact_slot('slots', 7, 3) / 0$$);
SELECT held();
COMMIT;

-- ARGUMENTS
SELECT slots, outcome(format('SELECT interlock.advisory_xact_slot(%L, 7, %L)', 'slots', slots)), outcome(format('SELECT interlock.try_advisory_xact_slot(%L, 7, %L)', 'slots', slots)) FROM unnest('{0,1,1000,1001,-1,2147483647,NULL}'::integer[]) AS slots;
SELECT outcome($$SELECT interlock.advisory_xact_slot(NULL, 7, 3)$$);
SELECT outcome($$SELECT interlock.advisory_xact_slot('slots', 7, 3, '-1 s')$$);
SELECT outcome($$SELECT interlock.advisory_xact_slot('slots', 7, 3, '178000000 years')$$);
SELECT outcome($$SELECT interlock.advisory_xact_slot('no such slots', 7, 3)$$);
SELECT outcome($$SELECT interlock.advisory_xact_slot('slots', 'seven', 3)$$);

-- DESCRIBED
BEGIN;
SELECT interlock.advisory_xact_slot('slots', -7, 3), interlock.advisory_xact_slot('slots text', 'some key', 1000);
SELECT interlock.describe_advisory_lock(classid, objid, objsubid) AS lock FROM pg_locks WHERE locktype = 'advisory' ORDER BY lock;
COMMIT;

SET client_min_messages = warning;
DELETE FROM interlock.lock_namespace_registry WHERE name LIKE 'slots%';
DROP SCHEMA advisory_slots CASCADE;
