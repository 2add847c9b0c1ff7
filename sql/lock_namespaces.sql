-- Proves that namespaces are registered and changed by those who may, refused by name with a way out, used by the members of their roles only, and that every change of the registry, however made, holds from the next call on.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_ns_ann, regress_ns_bob, regress_ns_team, regress_ns_club, regress_ns_gone, regress_ns_found, regress_ns_admin, regress_ns_owner, regress_ns_apart, interlock_admin;
RESET client_min_messages;
CREATE ROLE regress_ns_team;
CREATE ROLE regress_ns_club;
CREATE ROLE regress_ns_ann;
CREATE ROLE regress_ns_bob;
CREATE ROLE regress_ns_owner;
CREATE ROLE regress_ns_admin;
CREATE ROLE regress_ns_apart NOINHERIT;
CREATE SCHEMA lock_namespaces;
GRANT USAGE ON SCHEMA lock_namespaces TO PUBLIC;
SET search_path = lock_namespaces;

-- What a statement comes to: its result, or its SQLSTATE, message and hint.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    message text;
    hint text;
BEGIN
    EXECUTE statement INTO result;
    RETURN coalesce(nullif(result, ''), 'done');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, message, nullif(hint, ''));
END $$;
-- Does this role take a lock there?
CREATE FUNCTION uses(namespace text) RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws(': ', nullif(current_user, session_user), lock_namespaces.outcome(format('SELECT interlock.advisory_xact_lock(%L, %L)', namespace, '1'))) $$;
CREATE FUNCTION registered() RETURNS SETOF text LANGUAGE sql AS
$$ SELECT concat_ws(' ', name, key_type, roles, also_builtin, max_locks, comment, usable, CASE WHEN NOT notify THEN 'notifies nobody' END) FROM interlock.lock_namespaces WHERE name LIKE 'ns%' ORDER BY id $$;

-- REGISTERED: bigint keys and everybody by default
SELECT interlock.create_lock_namespace('ns');
SELECT interlock.create_lock_namespace('ns text', 'text', comment => 'by name', max_locks => 10);
SELECT interlock.create_lock_namespace('ns uuid', key_type => 'uuid', roles => '{regress_ns_team,regress_ns_club}');
SELECT interlock.create_lock_namespace('ns old', also_builtin => 'bigint');
SELECT interlock.create_lock_namespace('ns old 7', 'int8', also_builtin => 'int4:-7');
SELECT registered();
-- a namespace has two classes of tag: its id, which is even, and the next one
SELECT count(*), bool_and(id % 2 = 0 AND id BETWEEN 1024 AND 29000) FROM interlock.lock_namespaces WHERE name LIKE 'ns%';

-- ALTERED: what is NULL stays as it is
SELECT interlock.alter_lock_namespace('ns text');
SELECT interlock.alter_lock_namespace('ns text', roles => '{regress_ns_team}', max_locks => 20);
SELECT registered() OFFSET 1 LIMIT 1;
SELECT interlock.alter_lock_namespace('ns text', roles => '{}', comment => 'still by name', max_locks => 0);
SELECT registered() OFFSET 1 LIMIT 1;
SELECT interlock.alter_lock_namespace('ns old 7', also_builtin => 'int4:2147483647');
SELECT interlock.alter_lock_namespace('ns old', also_builtin => '');
SELECT registered() OFFSET 3;
SELECT interlock.alter_lock_namespace('ns text', notify => false);
SELECT registered() OFFSET 1 LIMIT 1;
SELECT interlock.alter_lock_namespace('ns text', comment => 'by name again');
SELECT registered() OFFSET 1 LIMIT 1;
SELECT interlock.alter_lock_namespace('ns text', notify => true);
SELECT registered() OFFSET 1 LIMIT 1;
-- registered so
SELECT interlock.create_lock_namespace('ns quiet', notify => false);
SELECT registered() OFFSET 5;
SELECT interlock.drop_lock_namespace('ns quiet');

-- REFUSED: a name that is registered, or cannot be one
SELECT outcome($$SELECT interlock.create_lock_namespace('ns', 'text')$$);
SELECT outcome($$SELECT interlock.create_lock_namespace('')$$);
SELECT outcome($$SELECT interlock.create_lock_namespace(' ns')$$);
SELECT outcome($$SELECT interlock.create_lock_namespace('ns ')$$);
SELECT left(outcome(format('SELECT interlock.create_lock_namespace(%L)', E'ns\n')), 5);
SELECT left(outcome(format('SELECT interlock.create_lock_namespace(%L)', E'n\ts')), 5);
SELECT left(outcome(format('SELECT interlock.create_lock_namespace(%L)', E'ns\x7f')), 5);
SELECT outcome(format('SELECT interlock.create_lock_namespace(%L)', repeat('n', 201)));
-- 200 bytes, not characters
SELECT left(outcome(format('SELECT interlock.create_lock_namespace(%L)', repeat('é', 101))), 5);
SELECT outcome(format('SELECT interlock.create_lock_namespace(%L)', repeat('é', 100)));
SELECT uses(repeat('é', 100));
SELECT outcome(format('SELECT interlock.drop_lock_namespace(%L)', repeat('é', 100)));
-- key types and built-in locks
SELECT outcome($$SELECT interlock.create_lock_namespace('ns x', 'int4')$$);
SELECT outcome($$SELECT interlock.create_lock_namespace('ns x', 'varchar')$$);
SELECT outcome($$SELECT interlock.create_lock_namespace('ns x', 'no_such_type')$$);
SELECT builtin, left(outcome(format('SELECT interlock.create_lock_namespace(%L, also_builtin => %L)', 'ns x', builtin)), 5)
FROM unnest('{"", "BIGINT", "int8", "int4", "int4:", "int4:x", "int4:7 ", "int4: 7", "int4:+7", "int4:1.0", "int4:2147483648", "int4:-2147483649", "int4:99999999999999999999"}'::text[]) AS builtin;
SELECT outcome($$SELECT interlock.create_lock_namespace('ns x', 'text', also_builtin => 'bigint')$$);
SELECT outcome($$SELECT interlock.create_lock_namespace('ns x', 'uuid', also_builtin => 'int4:7')$$);
SELECT outcome($$SELECT interlock.alter_lock_namespace('ns text', also_builtin => 'bigint')$$);
SELECT outcome($$SELECT interlock.alter_lock_namespace('ns', also_builtin => 'no')$$);
-- bounds
SELECT outcome($$SELECT interlock.create_lock_namespace('ns x', max_locks => 0)$$);
SELECT outcome($$SELECT interlock.create_lock_namespace('ns x', max_locks => -1)$$);
SELECT outcome($$SELECT interlock.alter_lock_namespace('ns', max_locks => -1)$$);
-- NULL
SELECT outcome($$SELECT interlock.create_lock_namespace(NULL)$$);
SELECT outcome($$SELECT interlock.create_lock_namespace('ns x', NULL)$$);
SELECT outcome($$SELECT interlock.create_lock_namespace('ns x', roles => NULL)$$);
SELECT outcome($$SELECT interlock.create_lock_namespace('ns x', roles => '{regress_ns_team,NULL}')$$);
SELECT outcome($$SELECT interlock.create_lock_namespace('ns x', notify => NULL)$$);
SELECT outcome($$SELECT interlock.alter_lock_namespace(NULL)$$);
SELECT outcome($$SELECT interlock.alter_lock_namespace('ns', roles => '{NULL}')$$);
SELECT outcome($$SELECT interlock.drop_lock_namespace(NULL)$$);
SELECT outcome($$SELECT interlock.advisory_xact_lock(NULL, 1)$$);
-- none of which registered anything
SELECT count(*) FROM interlock.lock_namespaces WHERE name LIKE 'ns%';

-- UNKNOWN names: the nearest ones in the hint, first those that differ in case only
SELECT interlock.create_lock_namespace('ns x');
SELECT interlock.create_lock_namespace('ns Billing');
SELECT interlock.create_lock_namespace('ns billing');
SELECT interlock.create_lock_namespace('ns secret', roles => '{regress_ns_club}');
SELECT uses('ns biling');
SELECT uses('NS BILLING');
SELECT uses('ns secert');
SELECT uses('something else altogether');
SELECT uses('');
SELECT uses(repeat('n', 201));
SELECT outcome($$SELECT interlock.alter_lock_namespace('ns bill')$$);
SELECT outcome($$SELECT interlock.drop_lock_namespace('ns textt')$$);
-- not the names that the role may not use
SET ROLE regress_ns_ann;
SELECT uses('ns secert');
SELECT uses('ns biling');
RESET ROLE;

-- UNICODE: the bytes are the name; composed and decomposed are two
SELECT interlock.create_lock_namespace(U&'ns caf\00E9');
SELECT interlock.create_lock_namespace(U&'ns cafe\0301');
SELECT interlock.create_lock_namespace('ns 🔒 "quoted" ''twice'' \ back');
SELECT uses(U&'ns caf\00E9'), uses(U&'ns cafe\0301'), uses('ns 🔒 "quoted" ''twice'' \ back');
SELECT left(uses(U&'ns CAF\00C9'), 5);

-- WHO REGISTERS: the database's owner, and members of interlock_admin where there is such a role
SET ROLE regress_ns_ann;
SELECT outcome($$SELECT interlock.create_lock_namespace('ns ann')$$);
SELECT outcome($$SELECT interlock.alter_lock_namespace('ns')$$);
SELECT outcome($$SELECT interlock.drop_lock_namespace('ns')$$);
-- nor does it learn which names there are
SELECT outcome($$SELECT interlock.drop_lock_namespace('ns secret')$$) = outcome($$SELECT interlock.drop_lock_namespace('no such')$$);
RESET ROLE;
CREATE ROLE interlock_admin;
GRANT interlock_admin TO regress_ns_admin;
SET ROLE regress_ns_admin;
SELECT outcome($$SELECT interlock.create_lock_namespace('ns admin', roles => '{regress_ns_club}')$$);
SELECT outcome($$SELECT interlock.alter_lock_namespace('ns admin', comment => 'not for admins')$$);
-- it sees what it may change, and uses what it may use
SELECT name, usable FROM interlock.lock_namespaces WHERE name IN ('ns', 'ns secret', 'ns admin') ORDER BY id;
SELECT uses('ns admin');
SELECT current_user, session_user = current_user;
SELECT outcome($$SELECT interlock.drop_lock_namespace('ns admin')$$);
-- it may not touch the registry itself
SELECT outcome('SELECT count(*) FROM interlock.lock_namespace_registry');
SELECT outcome($$DELETE FROM interlock.lock_namespace_registry$$);
SELECT outcome($$SELECT nextval('interlock.lock_namespace_ids')$$);
RESET ROLE;
REVOKE interlock_admin FROM regress_ns_admin;
SET ROLE regress_ns_admin;
SELECT outcome($$SELECT interlock.create_lock_namespace('ns admin')$$);
SET ROLE interlock_admin;
SELECT outcome($$SELECT interlock.create_lock_namespace('ns admin')$$);
RESET ROLE;
SELECT interlock.drop_lock_namespace('ns admin');
DROP ROLE interlock_admin;
SELECT current_database() AS db, pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = current_database() \gset
BEGIN;
ALTER DATABASE :"db" OWNER TO regress_ns_owner;
SET ROLE regress_ns_owner;
SELECT outcome($$SELECT interlock.create_lock_namespace('ns owner')$$);
SELECT outcome($$SELECT interlock.drop_lock_namespace('ns owner')$$);
SELECT outcome('SELECT count(*) > 0 FROM interlock.lock_namespace_registry');
ROLLBACK;

-- ROLES BY NAME: members of one, also through another
SELECT uses('ns secret');
GRANT regress_ns_team TO regress_ns_bob;
GRANT regress_ns_bob TO regress_ns_ann;
SET ROLE regress_ns_ann;
SELECT left(uses('ns uuid'), 23), left(uses('ns secret'), 23);
SELECT registered();
RESET ROLE;
-- granted and revoked from one call to the next, also within a transaction
GRANT regress_ns_club TO regress_ns_ann;
SET ROLE regress_ns_ann;
SELECT uses('ns secret');
RESET ROLE;
REVOKE regress_ns_club FROM regress_ns_ann;
SET ROLE regress_ns_ann;
SELECT uses('ns secret');
RESET ROLE;
BEGIN;
GRANT regress_ns_club TO regress_ns_ann;
SET LOCAL ROLE regress_ns_ann;
SELECT uses('ns secret');
SAVEPOINT s;
RESET ROLE;
REVOKE regress_ns_club FROM regress_ns_ann;
SET LOCAL ROLE regress_ns_ann;
SELECT uses('ns secret');
ROLLBACK TO s;
SELECT current_user, uses('ns secret');
ROLLBACK;
SET ROLE regress_ns_ann;
SELECT uses('ns secret');
RESET ROLE;
-- a member that does not inherit has to become the role
GRANT regress_ns_club TO regress_ns_apart;
SET ROLE regress_ns_apart;
SELECT uses('ns secret');
SET ROLE regress_ns_club;
SELECT uses('ns secret');
RESET ROLE;
-- a function that runs as its owner has its owner's roles
CREATE FUNCTION lock_for_club() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT lock_namespaces.uses('ns secret') $$;
ALTER FUNCTION lock_for_club() OWNER TO regress_ns_club;
SET ROLE regress_ns_bob;
SELECT lock_for_club();
SELECT uses('ns secret');
RESET ROLE;
-- a name that is no role's yet matches nobody (a superuser needs no role)
SELECT interlock.create_lock_namespace('ns later', roles => '{regress_ns_gone}');
SELECT uses('ns later');
SET ROLE regress_ns_ann;
SELECT uses('ns later');
RESET ROLE;
CREATE ROLE regress_ns_gone;
GRANT regress_ns_gone TO regress_ns_ann;
SET ROLE regress_ns_ann;
SELECT uses('ns later');
RESET ROLE;
DROP ROLE regress_ns_gone;
SET ROLE regress_ns_ann;
SELECT uses('ns later');
RESET ROLE;
CREATE ROLE regress_ns_gone;
GRANT regress_ns_gone TO regress_ns_admin;
SET ROLE regress_ns_ann;
SELECT uses('ns later');
SET ROLE regress_ns_admin;
SELECT uses('ns later');
RESET ROLE;
-- renamed, the role is another
ALTER ROLE regress_ns_gone RENAME TO regress_ns_found;
SET ROLE regress_ns_admin;
SELECT uses('ns later');
RESET ROLE;
DROP ROLE regress_ns_found;
SELECT interlock.alter_lock_namespace('ns later', roles => '{regress_ns_bob,"no such role"}');
-- pg_database_owner is a role like any other, whose only member is the owner of today
SELECT interlock.create_lock_namespace('ns owned', roles => '{pg_database_owner}');
BEGIN;
ALTER DATABASE :"db" OWNER TO regress_ns_owner;
SET LOCAL ROLE regress_ns_owner;
SELECT uses('ns owned');
RESET ROLE;
ALTER DATABASE :"db" OWNER TO :"owner";
SET LOCAL ROLE regress_ns_owner;
SELECT uses('ns owned');
ROLLBACK;
-- altered roles hold from the next call on
SELECT interlock.alter_lock_namespace('ns secret', roles => '{regress_ns_bob}');
SET ROLE regress_ns_bob;
SELECT uses('ns secret');
RESET ROLE;
SELECT interlock.alter_lock_namespace('ns secret', roles => '{regress_ns_club}');
SET ROLE regress_ns_bob;
SELECT uses('ns secret');

-- NOBODY'S RIGHTS: the registry is not read, written or called by those who do not own the database
SELECT outcome('SELECT count(*) FROM interlock.lock_namespace_registry');
SELECT outcome($$INSERT INTO interlock.lock_namespace_registry VALUES (2048, 'mine', 'bigint')$$);
SELECT outcome($$UPDATE interlock.lock_namespace_registry SET roles = '{}'$$);
SELECT outcome('DELETE FROM interlock.lock_namespace_registry');
SELECT outcome('TRUNCATE interlock.lock_namespace_registry');
SELECT outcome($$SELECT setval('interlock.lock_namespace_ids', 1024)$$);
SELECT outcome('SELECT last_value FROM interlock.lock_namespace_ids');
SELECT outcome($$UPDATE interlock.lock_namespaces SET comment = 'mine'$$);
SELECT outcome('SELECT interlock.lock_namespaces_changed()');
-- the barrier: an own function in WHERE does not see what the role may not
CREATE FUNCTION pg_temp.leak(name text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN IF name LIKE 'ns s%' THEN RAISE NOTICE 'saw %', name; END IF; RETURN true; END $$;
SELECT count(*) FROM interlock.lock_namespaces WHERE pg_temp.leak(name) AND name LIKE 'ns s%';
RESET ROLE;
DROP FUNCTION pg_temp.leak(text);

-- PLAIN SQL of the owner is seen at once: INSERT, UPDATE, DELETE, COPY, TRUNCATE
SELECT max(id) AS last FROM interlock.lock_namespaces \gset
INSERT INTO interlock.lock_namespace_registry (id, name, key_type) VALUES (:last + 2, 'ns plain', 'bigint');
SELECT uses('ns plain');
UPDATE interlock.lock_namespace_registry SET name = 'ns renamed' WHERE name = 'ns plain';
SELECT uses('ns plain');
SELECT uses('ns renamed');
UPDATE interlock.lock_namespace_registry SET key_type = 'uuid' WHERE name = 'ns renamed';
SELECT uses('ns renamed');
UPDATE interlock.lock_namespace_registry SET key_type = 'bigint', roles = '{regress_ns_club}' WHERE name = 'ns renamed';
SET ROLE regress_ns_ann;
SELECT left(uses('ns renamed'), 21);
RESET ROLE;
UPDATE interlock.lock_namespace_registry SET roles = '{{regress_ns_team,NULL},{NULL,regress_ns_club}}' WHERE name = 'ns renamed';
SET ROLE regress_ns_ann;
SELECT uses('ns renamed');
RESET ROLE;
DELETE FROM interlock.lock_namespace_registry WHERE name = 'ns renamed';
SELECT left(uses('ns renamed'), 5);
COPY interlock.lock_namespace_registry (id, name, key_type, roles) FROM stdin;
28000	ns copied	bigint	{}
\.
SELECT uses('ns copied');
-- the constraints hold for the owner, too
\set VERBOSITY sqlstate
INSERT INTO interlock.lock_namespace_registry (id, name, key_type) VALUES (28000, 'ns same id', 'bigint');
INSERT INTO interlock.lock_namespace_registry (id, name, key_type) VALUES (28002, 'ns copied', 'bigint');
INSERT INTO interlock.lock_namespace_registry (id, name, key_type) VALUES (28003, 'ns odd', 'bigint');
INSERT INTO interlock.lock_namespace_registry (id, name, key_type) VALUES (1022, 'ns low', 'bigint');
INSERT INTO interlock.lock_namespace_registry (id, name, key_type) VALUES (29002, 'ns high', 'bigint');
INSERT INTO interlock.lock_namespace_registry (id, name, key_type) VALUES (28002, 'ns type', 'int4');
INSERT INTO interlock.lock_namespace_registry (id, name, key_type) VALUES (28002, '', 'bigint');
INSERT INTO interlock.lock_namespace_registry (id, name, key_type) VALUES (28002, repeat('n', 201), 'bigint');
INSERT INTO interlock.lock_namespace_registry (id, name, key_type, max_locks) VALUES (28002, 'ns none', 'bigint', 0);
\set VERBOSITY default
-- what only the functions check, every use checks
INSERT INTO interlock.lock_namespace_registry (id, name, key_type, also_builtin) VALUES (28002, 'ns unfit', 'bigint', 'nonsense');
SELECT uses('ns unfit');
DELETE FROM interlock.lock_namespace_registry WHERE id = 28002;
BEGIN;
TRUNCATE interlock.lock_namespace_registry;
SELECT uses('ns');
SELECT count(*) FROM interlock.lock_namespaces;
ROLLBACK;
SELECT uses('ns');
-- also while triggers are off, as a data-only restore has them
SET session_replication_role = replica;
UPDATE interlock.lock_namespace_registry SET name = 'ns replicated' WHERE name = 'ns copied';
SELECT uses('ns replicated');
RESET session_replication_role;

-- IDS are given out once
SELECT id AS dropped FROM interlock.lock_namespaces WHERE name = 'ns later' \gset
SELECT interlock.drop_lock_namespace('ns later');
SELECT left(uses('ns later'), 5);
SELECT interlock.create_lock_namespace('ns later');
SELECT id > :dropped FROM interlock.lock_namespaces WHERE name = 'ns later';
SELECT id AS dropped FROM interlock.lock_namespaces WHERE name = 'ns later' \gset
BEGIN;
SELECT interlock.create_lock_namespace('ns rolled back');
ROLLBACK;
SELECT interlock.create_lock_namespace('ns rolled back');
SELECT id = :dropped + 4 FROM interlock.lock_namespaces WHERE name = 'ns rolled back';
-- a sequence that lags behind what was restored passes over it
SELECT last_value AS at FROM interlock.lock_namespace_ids \gset
SELECT setval('interlock.lock_namespace_ids', 1024, false) = 1024;
SELECT interlock.create_lock_namespace('ns after lag');
SELECT count(DISTINCT id) = count(*) FROM interlock.lock_namespaces;
SELECT setval('interlock.lock_namespace_ids', 27996) = 27996;
SELECT interlock.create_lock_namespace('ns before');
SELECT interlock.create_lock_namespace('ns behind');
SELECT name, id FROM interlock.lock_namespaces WHERE id > 27000 ORDER BY id;
-- and there is an end to them
SELECT setval('interlock.lock_namespace_ids', 29000) = 29000;
SELECT outcome($$SELECT interlock.create_lock_namespace('ns too many')$$);
SELECT setval('interlock.lock_namespace_ids', :at) = :at;

-- ROLLED BACK, savepoints included, the next call finds what was
BEGIN;
SELECT interlock.create_lock_namespace('ns new');
SELECT uses('ns new');
ROLLBACK;
SELECT left(uses('ns new'), 5);
BEGIN;
SAVEPOINT s;
SELECT interlock.create_lock_namespace('ns new');
SELECT uses('ns new');
ROLLBACK TO s;
SELECT left(uses('ns new'), 5);
SELECT interlock.create_lock_namespace('ns new', 'uuid');
SELECT left(uses('ns new'), 5);
COMMIT;
SELECT left(uses('ns new'), 5);
BEGIN;
SELECT interlock.drop_lock_namespace('ns new');
SELECT left(uses('ns new'), 5);
SELECT interlock.create_lock_namespace('ns new', 'text');
SELECT uses('ns new');
ROLLBACK;
SELECT left(uses('ns new'), 5);
BEGIN;
SELECT interlock.alter_lock_namespace('ns new', roles => '{regress_ns_club}');
SET LOCAL ROLE regress_ns_ann;
SELECT left(uses('ns new'), 21);
ROLLBACK;
SET ROLE regress_ns_ann;
SELECT left(uses('ns new'), 21);
RESET ROLE;
-- within one statement
SELECT interlock.create_lock_namespace('ns at once'), interlock.advisory_xact_lock('ns at once', 1);

-- IN USE: not dropped under those who hold its locks, oneself included
SELECT interlock.advisory_session_lock('ns', 1);
SELECT outcome($$SELECT interlock.drop_lock_namespace('ns')$$);
SELECT interlock.advisory_session_unlock('ns', 1);
BEGIN;
SELECT interlock.advisory_xact_slot('ns', 1, 3);
SELECT outcome($$SELECT interlock.drop_lock_namespace('ns')$$);
-- a lock of the built-in function with the same number, or of another namespace, is not one of these
ROLLBACK;
BEGIN;
SELECT pg_advisory_xact_lock(1), interlock.advisory_xact_lock('ns billing', 1);
SELECT outcome($$SELECT interlock.drop_lock_namespace('ns')$$);
ROLLBACK;

-- READ ONLY transactions register nothing
BEGIN READ ONLY;
SELECT uses('ns');
SELECT left(outcome($$SELECT interlock.create_lock_namespace('ns read only')$$), 5);
SELECT left(outcome($$SELECT interlock.alter_lock_namespace('ns', comment => 'read only')$$), 5);
SELECT left(outcome($$SELECT interlock.drop_lock_namespace('ns x')$$), 5);
COMMIT;

-- A snapshot from before: nothing is left undone in silence
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM interlock.lock_namespaces WHERE name = 'ns';
SELECT interlock.create_lock_namespace('ns snapshot');
SELECT interlock.alter_lock_namespace('ns snapshot', comment => 'own');
SELECT interlock.drop_lock_namespace('ns snapshot');
COMMIT;

-- A HOSTILE search_path changes nothing
CREATE FUNCTION nothing(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR = (FUNCTION = nothing, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION nothing(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR = (FUNCTION = nothing, LEFTARG = integer, RIGHTARG = integer);
CREATE FUNCTION nextval(regclass) RETURNS bigint LANGUAGE sql AS 'SELECT 1 / 0';
CREATE TABLE lock_namespace_registry ();
CREATE DOMAIN int4 AS text;
SET search_path = lock_namespaces, pg_catalog;
SELECT lock_namespaces.outcome($$SELECT interlock.create_lock_namespace('ns hostile')$$);
SELECT lock_namespaces.outcome($$SELECT interlock.create_lock_namespace('ns hostile')$$);
SELECT lock_namespaces.outcome($$SELECT interlock.alter_lock_namespace('ns hostile', comment => 'changed', max_locks => 3)$$);
SELECT lock_namespaces.uses('ns hostile');
SELECT comment, max_locks FROM interlock.lock_namespaces WHERE name OPERATOR(pg_catalog.=) 'ns hostile';
SELECT lock_namespaces.outcome($$SELECT interlock.drop_lock_namespace('ns hostile')$$);
SELECT left(lock_namespaces.uses('ns hostile'), 5);
RESET search_path;

SET client_min_messages = warning;
DELETE FROM interlock.lock_namespace_registry WHERE name LIKE 'ns%';
DROP SCHEMA lock_namespaces CASCADE;
DROP ROLE regress_ns_ann, regress_ns_bob, regress_ns_team, regress_ns_club, regress_ns_admin, regress_ns_owner, regress_ns_apart;
