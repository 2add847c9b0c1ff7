-- A touch forces a new version and changes nothing else; a check locks the row at its version and changes nothing. Both judge first, in both forms.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_toucher;
CREATE ROLE regress_toucher;
CREATE SCHEMA write_touch_check;
SET search_path = write_touch_check;
GRANT USAGE ON SCHEMA write_touch_check TO regress_toucher;
-- What each call comes to: the result (without its null fields), or the error with all its fields. XX000 is a bug.
CREATE FUNCTION told(VARIADIC calls text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    call text; r jsonb; state text; message text; detail text; hint text; c text; k text;
BEGIN
    FOREACH call IN ARRAY calls LOOP
        BEGIN
            EXECUTE format('SELECT to_jsonb(r) FROM interlock.%s AS r', call) INTO r;
            RETURN NEXT format('%s: %s', call, CASE WHEN jsonb_typeof(r) = 'object' THEN jsonb_strip_nulls(r - 'current' - 'conflicts')
                || CASE WHEN r ->> 'current' IS NULL THEN '{}' ELSE jsonb_build_object('current', r -> 'current') END
                || CASE WHEN r ->> 'conflicts' IS NULL THEN '{}' ELSE jsonb_build_object('conflicts', r -> 'conflicts') END ELSE r END);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, c = COLUMN_NAME, k = CONSTRAINT_NAME;
            RETURN NEXT format('%s: %s', call, concat_ws(' | ', state, message, nullif(detail, ''), 'hint: ' || nullif(hint, ''), 'column: ' || nullif(c, ''), 'constraint: ' || nullif(k, '')));
        END;
    END LOOP;
END $$;
-- the same with the code only
CREATE FUNCTION codes(VARIADIC calls text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    call text;
BEGIN
    FOREACH call IN ARRAY calls LOOP
        BEGIN
            EXECUTE format('SELECT 1 FROM interlock.%s AS r', call);
            RETURN NEXT format('%s: done', call);
        EXCEPTION WHEN OTHERS THEN
            RETURN NEXT format('%s: %s', call, SQLSTATE);
        END;
    END LOOP;
END $$;

CREATE TABLE account (id integer PRIMARY KEY, owner text, balance numeric(12,2), twice numeric GENERATED ALWAYS AS (balance * 2) STORED, note text);
INSERT INTO account (id, owner, balance) SELECT n, 'o' || n, n * 100 FROM generate_series(1, 6) AS n;
SELECT interlock.enable_versioning('account') \gset

-- EVERY OUTCOME OF A TOUCH, raised and told
\pset tuples_only off
SELECT interlock.versioned_touch('account', 1, 1);
SELECT interlock.versioned_touch(rel => 'account', key => 1, expected => 2);
SELECT r.* FROM interlock.try_versioned_touch('account', 1, 3) AS r;
SELECT interlock.versioned_touch('account', 1, 3);
SELECT r.* FROM interlock.try_versioned_touch('account', 1, 3) AS r;
SELECT interlock.versioned_touch('account', 99, 3);
SELECT r.* FROM interlock.try_versioned_touch('account', 99, 3) AS r;
\pset tuples_only on
SELECT * FROM account WHERE id = 1;
SELECT told($$try_versioned_touch('account', 1, 5)$$, $$try_versioned_touch('account', 1, -1)$$, $$try_versioned_touch('account', 1, 9223372036854775807)$$, $$try_versioned_touch('account', 1, -9223372036854775808)$$);
-- a trigger that keeps the row, and one that raises; stale rows do not get that far
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.id = 2 THEN RETURN NULL; END IF; RAISE 'not %', OLD.owner USING ERRCODE = 'MY001'; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON account FOR EACH ROW WHEN (OLD.id IN (2, 3)) EXECUTE FUNCTION keep();
SELECT told($$versioned_touch('account', 2, 1)$$, $$try_versioned_touch('account', 2, 1)$$, $$try_versioned_touch('account', 2, 2)$$, $$versioned_touch('account', 3, 1)$$, $$try_versioned_touch('account', 3, 1)$$, $$versioned_touch('account', 3, 2)$$);
DROP TRIGGER keep ON account;
SELECT id, version FROM account ORDER BY id;

-- ARGUMENTS of both
SELECT told($$versioned_touch(NULL, 1, 1)$$, $$try_versioned_touch(NULL, 1, 1)$$, $$versioned_touch('account', NULL, 1)$$, $$versioned_touch('account', 1, NULL)$$, $$try_versioned_touch('account', 1, NULL)$$);
SELECT told($$versioned_check(NULL, 1, 1)$$, $$try_versioned_check(NULL, 1, 1)$$, $$versioned_check('account', NULL, 1)$$, $$versioned_check('account', 1, NULL)$$, $$try_versioned_check('account', 1, NULL)$$,
            $$versioned_check('account', 1, 1, NULL)$$, $$try_versioned_check('account', 1, 1, lock => NULL)$$);
SELECT told($$versioned_check('account', 2, 1, 'update')$$, $$try_versioned_check('account', 2, 1, '')$$, $$versioned_check('account', 2, 1, 'SHARE')$$, $$versioned_check('account', 2, 1, 'key share')$$, $$versioned_check('account', 99, 1, ' share')$$);
SELECT length(t) < 400 AS clipped FROM (SELECT replace(told($$versioned_check('account', 2, 1, repeat('ä', 500000))$$), 'repeat', '') AS t) AS m;
CREATE TABLE unversioned (id integer PRIMARY KEY, version bigint);
CREATE TABLE keyless (id integer);
CREATE TABLE by_time (id integer PRIMARY KEY, version timestamptz NOT NULL DEFAULT now());
CREATE TABLE disabled (id integer PRIMARY KEY);
SELECT count(interlock.enable_versioning(t)) FROM unnest('{keyless, by_time, disabled}'::regclass[]) AS t;
ALTER TABLE disabled DISABLE TRIGGER ALL;
SELECT told(VARIADIC array_agg(format('%s(%L, 1, 1)', f, rel)))
FROM unnest('{versioned_touch, try_versioned_touch, versioned_check, try_versioned_check}'::text[]) AS f,
     unnest('{unversioned, keyless, by_time, disabled, nowhere, account_pkey, pg_class}'::text[]) AS rel;
SELECT codes(VARIADIC array_agg(format('%s(''account'', %s, 1)', f, key)))
FROM unnest('{versioned_touch, try_versioned_touch, versioned_check, try_versioned_check}'::text[]) AS f,
     unnest(ARRAY['1.5', $$'x'$$, 'true', 'ROW(1, 2)', $$'{"id": 1, "owner": "o1"}'::jsonb$$, $$'[]'::jsonb$$, '99::bigint << 40']) AS key;
PREPARE touch AS SELECT r.status, r.version FROM interlock.try_versioned_touch('account', $1, $2) AS r;
EXECUTE touch ('4', 1);
EXECUTE touch (4, 2);
PREPARE look AS SELECT r.status, r.version FROM interlock.try_versioned_check('account', $1, $2, $3) AS r;
EXECUTE look ('4', 3, 'share');
EXECUTE look (4, 3, 'no key update');
EXECUTE look (4, 3, 'x');

-- WHAT A TOUCH CHANGES: the version, and nothing else, whatever the settings say; the last value of a counter is 22003
CREATE TABLE small (id integer PRIMARY KEY, a text, version smallint NOT NULL DEFAULT 1);
CREATE TABLE middle (id integer PRIMARY KEY, a text, version integer NOT NULL DEFAULT 1);
CREATE TABLE big (id integer PRIMARY KEY, a text, version bigint NOT NULL DEFAULT 1);
INSERT INTO small VALUES (1, 'a', 32766), (2, 'a', 1), (3, 'a', -1);
INSERT INTO middle VALUES (1, 'a', 2147483646);
INSERT INTO big VALUES (1, 'a', 9223372036854775806);
SELECT count(interlock.enable_versioning(t)) FROM unnest('{small, middle, big}'::regclass[]) AS t;
SELECT told($$versioned_touch('small', 1, 32766)$$, $$versioned_touch('small', 1, 32767)$$, $$try_versioned_touch('small', 1, 32767)$$, $$try_versioned_touch('small', 1, 98303)$$, $$versioned_touch('small', 3, -1)$$,
            $$versioned_touch('middle', 1, 2147483646)$$, $$versioned_touch('middle', 1, 2147483647)$$, $$versioned_touch('big', 1, 9223372036854775806)$$, $$try_versioned_touch('big', 1, 9223372036854775807)$$);
SELECT told($$try_versioned_check('small', 1, 32767)$$, $$try_versioned_check('small', 1, 98303)$$, $$try_versioned_check('big', 1, 9223372036854775807, 'no key update')$$);
SELECT interlock.enable_versioning('small', accept => 'echo', require_version => true, except_columns => '{a}') \gset
SELECT told($$try_versioned_touch('small', 2, 1)$$, $$try_versioned_check('small', 2, 2)$$);
SELECT interlock.enable_versioning('small', accept => 'increment', require_version => true) \gset
SELECT told($$try_versioned_touch('small', 2, 2)$$, $$try_versioned_check('small', 2, 3)$$);
SELECT interlock.enable_versioning('small', mode => 'observe') \gset
SELECT told($$try_versioned_touch('small', 2, 3)$$, $$versioned_touch('small', 2, 3)$$, $$versioned_check('small', 2, 3)$$);
SELECT count(*) FROM interlock.observed_writes() WHERE relation = 'small'::regclass;
SET session_replication_role = replica;
SELECT told($$try_versioned_touch('small', 2, 4)$$, $$try_versioned_touch('small', 2, 4)$$, $$try_versioned_check('small', 2, 5)$$, $$versioned_touch('small', 1, 32767)$$);
RESET session_replication_role;
SELECT * FROM small ORDER BY id;
-- a row that has no version is at none that could be expected
CREATE TABLE loose (id integer PRIMARY KEY, version integer);
SELECT interlock.enable_versioning('loose') \gset
ALTER TABLE loose DISABLE TRIGGER USER;
INSERT INTO loose VALUES (1, NULL);
ALTER TABLE loose ENABLE TRIGGER USER;
SELECT told($$versioned_touch('loose', 1, 1)$$, $$try_versioned_touch('loose', 1, 0)$$, $$versioned_check('loose', 1, 0)$$, $$try_versioned_check('loose', 1, 1)$$);
-- a table of nothing but its key; a version column of another name
CREATE TABLE bare (id integer PRIMARY KEY);
INSERT INTO bare VALUES (1);
SELECT interlock.enable_versioning('bare', 'Row "rev"') \gset
SELECT told($$versioned_touch('bare', 1, 1)$$, $$try_versioned_touch('bare', 1, 1)$$, $$versioned_check('bare', 1, 1)$$, $$try_versioned_check('bare', 1, 2)$$);
TABLE bare;
-- toasted values stay where they are
CREATE TABLE wide (id integer PRIMARY KEY, big text);
ALTER TABLE wide ALTER big SET STORAGE EXTERNAL;
INSERT INTO wide VALUES (1, repeat('x', 1000000));
SELECT interlock.enable_versioning('wide') \gset
SELECT format('SELECT array_agg(ctid ORDER BY ctid) AS chunks FROM %s', reltoastrelid::regclass) AS toast FROM pg_class WHERE oid = 'wide'::regclass \gset
:toast \gset before_
SELECT told($$versioned_touch('wide', 1, 1)$$, $$versioned_check('wide', 1, 2)$$);
:toast \gset after_
SELECT :'before_chunks' = :'after_chunks' AS untouched, length(big), version FROM wide;
-- triggers: those of the version column, or of any column, fire; OLD and NEW differ in the version; one that changes NEW is obeyed
CREATE TABLE log (n serial, event text);
CREATE FUNCTION log_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log (event) VALUES (format('%s %s: %s -> %s', TG_NAME, TG_LEVEL, OLD, NEW)); RETURN NEW; END $$;
CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.a := NEW.a || '!'; RETURN NEW; END $$;
CREATE TABLE watched (id integer PRIMARY KEY, a text, b text);
INSERT INTO watched VALUES (1, 'a', 'b');
SELECT interlock.enable_versioning('watched') \gset
CREATE TRIGGER any_column AFTER UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION log_update();
CREATE TRIGGER of_a AFTER UPDATE OF a ON watched FOR EACH ROW EXECUTE FUNCTION log_update();
CREATE TRIGGER of_b BEFORE UPDATE OF b ON watched FOR EACH ROW EXECUTE FUNCTION log_update();
CREATE TRIGGER of_version AFTER UPDATE OF version ON watched FOR EACH ROW EXECUTE FUNCTION log_update();
SELECT told($$versioned_touch('watched', 1, 1)$$, $$versioned_check('watched', 1, 2)$$, $$versioned_check('watched', 1, 2, 'no key update')$$);
CREATE TRIGGER change BEFORE UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION change();
CREATE TRIGGER statement AFTER UPDATE ON watched FOR EACH STATEMENT EXECUTE FUNCTION log_update();
SELECT told($$versioned_touch('watched', 1, 2)$$, $$versioned_check('watched', 1, 3)$$);
-- a role that may not write the version touches the first column that it may write
GRANT SELECT ON watched TO regress_toucher;
GRANT ALL ON log, log_n_seq TO regress_toucher;
GRANT UPDATE (b, a) ON watched TO regress_toucher;
SET ROLE regress_toucher;
SELECT told($$versioned_touch('watched', 1, 3)$$);
RESET ROLE;
REVOKE UPDATE ON watched FROM regress_toucher;
GRANT UPDATE (b) ON watched TO regress_toucher;
SET ROLE regress_toucher;
SELECT told($$versioned_touch('watched', 1, 4)$$);
RESET ROLE;
REVOKE UPDATE (b) ON watched FROM regress_toucher;
GRANT UPDATE (b, version) ON watched TO regress_toucher;
SET ROLE regress_toucher;
SELECT told($$versioned_touch('watched', 1, 5)$$);
RESET ROLE;
SELECT event FROM log ORDER BY n;
TABLE watched;
-- that role where the table requires versions, and where nothing but an excepted, an identity or the key column is hers to write
CREATE TABLE hers (id integer PRIMARY KEY, serial integer GENERATED ALWAYS AS IDENTITY, seen text, twice integer GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO hers VALUES (1), (2);
SELECT interlock.enable_versioning('hers', accept => 'echo', require_version => true, except_columns => '{seen}') \gset
GRANT SELECT ON hers TO regress_toucher;
GRANT UPDATE (seen) ON hers TO regress_toucher;
SET ROLE regress_toucher;
SELECT told($$try_versioned_touch('hers', 1, 1)$$, $$try_versioned_touch('hers', 1, 1)$$);
RESET ROLE;
REVOKE UPDATE (seen) ON hers FROM regress_toucher;
GRANT UPDATE (id) ON hers TO regress_toucher;
SET ROLE regress_toucher;
SELECT told($$try_versioned_touch('hers', 1, 2)$$);
RESET ROLE;
-- PostgreSQL lets nobody set an identity or generated column, so the right to write only those is none
REVOKE UPDATE (id) ON hers FROM regress_toucher;
GRANT UPDATE (serial, twice) ON hers TO regress_toucher;
SET ROLE regress_toucher;
SELECT told($$try_versioned_touch('hers', 1, 3)$$);
RESET ROLE;

-- EVERY OUTCOME OF A CHECK, raised and told
\pset tuples_only off
SELECT interlock.versioned_check('account', 5, 1);
SELECT interlock.versioned_check(rel => 'account', key => 5, expected => 1, lock => 'no key update');
SELECT r.* FROM interlock.try_versioned_check('account', 5, 1) AS r;
SELECT r.* FROM interlock.try_versioned_check('account', 5, 1, 'no key update') AS r;
SELECT interlock.versioned_check('account', 5, 2);
SELECT r.* FROM interlock.try_versioned_check('account', 5, 2, 'no key update') AS r;
SELECT interlock.versioned_check('account', 99, 1);
SELECT r.* FROM interlock.try_versioned_check('account', 99, 1) AS r;
\pset tuples_only on
-- the row is locked by it where it is at that version, and only there; the table's lock is that of SELECT ... FOR SHARE
CREATE FUNCTION locked(key integer, lock text, expected bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE before tid; after tid; locker xid; outcome text;
BEGIN
    SELECT ctid INTO before FROM account WHERE id = key;
    SELECT status INTO outcome FROM interlock.try_versioned_check('account', key, expected, lock);
    SELECT ctid, xmax INTO after, locker FROM account WHERE id = key;
    RETURN format('%s: same place %s, locked %s', outcome, before = after, locker::text <> '0');
END $$;
INSERT INTO account (id, owner, balance) VALUES (7, 'o7', 700), (8, 'o8', 800);
BEGIN;
SELECT locked(7, 'share', 2), locked(8, 'no key update', 2);
SELECT mode FROM pg_locks WHERE relation = 'account'::regclass AND pid = pg_backend_pid() AND mode NOT IN ('AccessShareLock', 'RowShareLock');
SELECT locked(7, 'share', 1), locked(8, 'no key update', 1);
SELECT mode FROM pg_locks WHERE relation = 'account'::regclass AND pid = pg_backend_pid() AND mode <> 'AccessShareLock';
COMMIT;
-- once more, and with the stronger lock, in a transaction of its own; then the write that it was for
BEGIN;
SELECT locked(5, 'share', 1), locked(5, 'share', 1), locked(5, 'no key update', 1);
SELECT interlock.versioned_update('account', 5, 1, '{"note": "checked"}');
SELECT told($$try_versioned_check('account', 5, 1)$$, $$try_versioned_check('account', 5, 2)$$, $$try_versioned_delete('account', 5, 2)$$, $$try_versioned_check('account', 5, 2)$$);
ROLLBACK;
-- a savepoint takes the lock back, and nothing is written
BEGIN;
SAVEPOINT a;
SELECT told($$try_versioned_touch('account', 6, 1)$$, $$try_versioned_check('account', 6, 2)$$);
ROLLBACK TO a;
SELECT told($$try_versioned_check('account', 6, 2)$$, $$try_versioned_check('account', 6, 1)$$);
ROLLBACK;
-- under a snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT told($$try_versioned_check('account', 6, 1)$$, $$try_versioned_check('account', 6, 2)$$, $$try_versioned_check('account', 99, 1)$$, $$versioned_touch('account', 6, 1)$$, $$versioned_check('account', 6, 2, 'no key update')$$,
            $$versioned_touch('account', 6, 2)$$, $$try_versioned_touch('account', 6, 2)$$, $$try_versioned_touch('account', 99, 2)$$);
ROLLBACK;
-- read-only transactions
CREATE TEMPORARY TABLE scratch (id integer PRIMARY KEY);
CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY);
INSERT INTO scratch VALUES (1);
INSERT INTO unlogged VALUES (1);
SELECT interlock.enable_versioning('pg_temp.scratch'), interlock.enable_versioning('unlogged') \gset
SELECT told($$versioned_touch('scratch', 1, 1)$$, $$versioned_touch('unlogged', 1, 1)$$, $$try_versioned_check('unlogged', 1, 2)$$);
BEGIN READ ONLY;
SELECT told($$versioned_touch('account', 6, 1)$$, $$try_versioned_touch('account', 6, 9)$$, $$versioned_check('account', 6, 1)$$, $$try_versioned_check('account', 99, 1, 'no key update')$$,
            $$try_versioned_touch('scratch', 1, 2)$$, $$try_versioned_check('scratch', 1, 3)$$);
COMMIT;

-- PARTITIONED and inherited tables
CREATE TABLE part (id integer, region text, a text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE part_north PARTITION OF part FOR VALUES IN ('north');
CREATE TABLE part_south (gone text, a text, region text NOT NULL, gone2 integer, id integer NOT NULL);
ALTER TABLE part_south DROP COLUMN gone, DROP COLUMN gone2;
ALTER TABLE part ATTACH PARTITION part_south FOR VALUES IN ('south');
CREATE TABLE part_rest PARTITION OF part DEFAULT PARTITION BY HASH (id);
CREATE TABLE part_rest_0 PARTITION OF part_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_rest_1 PARTITION OF part_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT interlock.enable_versioning('part') \gset
INSERT INTO part (id, region, a) SELECT n, region, 'a' FROM unnest('{north, south, east}'::text[]) AS region, unnest('{1, 2}'::int[]) AS n;
SELECT told(VARIADIC array_agg(format('%s(%L, %s, %s)', f, rel, key, version) ORDER BY rel, key, version, f))
FROM unnest('{try_versioned_touch, try_versioned_check}'::text[]) AS f, unnest(ARRAY[$$ROW('south', 1)$$, $$'{"id": 2, "region": "east"}'$$]) AS key, unnest('{part, part_south, part_rest}'::regclass[]) AS rel, generate_series(1, 2) AS version;
SELECT told($$versioned_check('part', ROW('south', 2), 2)$$, $$versioned_touch('part_south', ROW('south', 2), 2)$$, $$versioned_check('part', ROW('west', 2), 1)$$);
BEGIN;
SELECT told($$versioned_check('part', ROW('south', 2), 1)$$, $$versioned_check('part', ROW('east', 1), 1, 'no key update')$$);
SELECT region, id, xmax <> 0 AS locked FROM part WHERE (region, id) NOT IN (('south', 1), ('east', 2)) ORDER BY region, id;
COMMIT;
SELECT tableoid::regclass, * FROM part ORDER BY region, id;
CREATE TABLE base (id integer PRIMARY KEY, a text);
CREATE TABLE derived (extra text, PRIMARY KEY (id)) INHERITS (base);
SELECT interlock.enable_versioning('base') \gset
INSERT INTO base VALUES (1, 'base'), (2, 'base');
INSERT INTO derived (id, a, version) VALUES (2, 'derived', 5), (3, 'derived', 1);
SELECT codes($$versioned_touch('base', 2, 1)$$, $$try_versioned_touch('base', 2, 9)$$, $$versioned_check('base', 2, 1)$$, $$try_versioned_check('base', 2, 5)$$, $$try_versioned_check('base', 2, 9, 'no key update')$$,
             $$versioned_touch('base', 3, 1)$$, $$versioned_check('base', 3, 2)$$, $$versioned_touch('derived', 2, 5)$$);
SELECT tableoid::regclass, * FROM base ORDER BY 2, 1;
-- a rule that does something besides an update, or in its place: to a check it is nothing
CREATE TABLE ruled (id integer PRIMARY KEY, a text);
INSERT INTO ruled VALUES (1, 'a');
SELECT interlock.enable_versioning('ruled') \gset
TRUNCATE log;
CREATE RULE also AS ON UPDATE TO ruled DO ALSO INSERT INTO log (event) VALUES (format('rule %s -> %s', old.version, new.version));
SELECT told($$try_versioned_check('ruled', 1, 1)$$, $$try_versioned_touch('ruled', 1, 1)$$, $$try_versioned_touch('ruled', 1, 1)$$);
DROP RULE also ON ruled;
CREATE RULE instead AS ON UPDATE TO ruled DO INSTEAD NOTHING;
SELECT told($$try_versioned_check('ruled', 1, 2)$$, $$try_versioned_touch('ruled', 1, 2)$$);
SELECT count(*) FROM log;

-- PRIVILEGES: SELECT on key and version, and UPDATE on any column
CREATE TABLE staff (id integer PRIMARY KEY, name text, salary integer, version bigint NOT NULL DEFAULT 1);
INSERT INTO staff SELECT n, 'name', 1000 FROM generate_series(1, 3) AS n;
SELECT interlock.enable_versioning('staff') \gset
CREATE VIEW calls AS SELECT f || args AS call FROM unnest('{try_versioned_touch, try_versioned_check, versioned_touch, versioned_check}'::text[]) WITH ORDINALITY AS f (f, n),
    unnest(ARRAY[$$('staff', 1, 7)$$, $$('staff', 99, 1)$$]) WITH ORDINALITY AS a (args, m) ORDER BY n, m;
GRANT SELECT ON calls TO regress_toucher;
SET ROLE regress_toucher;
SELECT codes(VARIADIC array_agg(call)) FROM calls;
RESET ROLE;
GRANT SELECT ON staff TO regress_toucher;
GRANT DELETE, INSERT ON staff TO regress_toucher;
SET ROLE regress_toucher;
SELECT codes(VARIADIC array_agg(call)) FROM calls;
RESET ROLE;
REVOKE ALL ON staff FROM regress_toucher;
GRANT UPDATE ON staff TO regress_toucher;
SET ROLE regress_toucher;
SELECT codes(VARIADIC array_agg(call)) FROM calls;
RESET ROLE;
GRANT SELECT (id) ON staff TO regress_toucher;
SET ROLE regress_toucher;
SELECT codes(VARIADIC array_agg(call)) FROM calls;
RESET ROLE;
REVOKE ALL ON staff FROM regress_toucher;
GRANT SELECT (id, version), UPDATE (salary) ON staff TO regress_toucher;
SET ROLE regress_toucher;
SELECT told(VARIADIC array_agg(call)) FROM calls;
RESET ROLE;
-- a touch sets a column to itself, and that one she must see; a check needs no more than the version
GRANT UPDATE (name) ON staff TO regress_toucher;
SET ROLE regress_toucher;
SELECT told($$versioned_touch('staff', 1, 1)$$, $$try_versioned_touch('staff', 1, 2)$$, $$try_versioned_check('staff', 1, 1)$$, $$try_versioned_check('staff', 1, 2)$$);
RESET ROLE;
-- of those that she may update, the one that she may see, though it is not the first
GRANT SELECT (salary) ON staff TO regress_toucher;
CREATE TRIGGER of_name AFTER UPDATE OF name ON staff FOR EACH ROW EXECUTE FUNCTION log_update();
CREATE TRIGGER of_salary AFTER UPDATE OF salary ON staff FOR EACH ROW EXECUTE FUNCTION log_update();
SET ROLE regress_toucher;
SELECT told($$try_versioned_touch('staff', 1, 1)$$, $$versioned_touch('staff', 1, 1)$$, $$try_versioned_check('staff', 1, 2)$$, $$try_versioned_touch('staff', 1, 1)$$);
RESET ROLE;
SELECT * FROM staff WHERE id = 1;
SELECT event FROM log WHERE event LIKE 'of%' ORDER BY n DESC LIMIT 1;
-- row-level security: locks ask the policies of UPDATE too
CREATE TABLE doc (id integer PRIMARY KEY, owner name, shared boolean, title text);
INSERT INTO doc VALUES (1, 'regress_toucher', false, 'own'), (2, 'postgres', true, 'shared'), (3, 'postgres', false, 'SECRET');
SELECT interlock.enable_versioning('doc') \gset
GRANT SELECT, UPDATE ON doc TO regress_toucher;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON doc FOR SELECT USING (owner = current_user OR shared);
CREATE POLICY change ON doc FOR UPDATE USING (owner = current_user) WITH CHECK (title <> 'frozen');
SET ROLE regress_toucher;
SELECT told($$versioned_touch('doc', 2, 1)$$, $$try_versioned_touch('doc', 2, 1)$$, $$try_versioned_touch('doc', 2, 2)$$, $$try_versioned_touch('doc', 3, 1)$$, $$versioned_touch('doc', 3, 2)$$);
SELECT told($$versioned_check('doc', 2, 1)$$, $$try_versioned_check('doc', 2, 1, 'no key update')$$, $$try_versioned_check('doc', 2, 2)$$, $$try_versioned_check('doc', 3, 1)$$, $$versioned_check('doc', 3, 2)$$);
SELECT told($$try_versioned_touch('doc', 1, 2)$$, $$try_versioned_touch('doc', 1, 1)$$, $$try_versioned_check('doc', 1, 1)$$, $$try_versioned_check('doc', 1, 2)$$);
RESET ROLE;
UPDATE doc SET title = 'frozen' WHERE id = 1;
SET ROLE regress_toucher;
SELECT codes($$versioned_touch('doc', 1, 3)$$, $$try_versioned_touch('doc', 1, 3)$$, $$try_versioned_check('doc', 1, 3)$$);
RESET ROLE;
-- what is rejected is not locked
BEGIN;
SET LOCAL ROLE regress_toucher;
SELECT told($$try_versioned_check('doc', 2, 1)$$);
SELECT id, xmax = 0 AS free FROM doc WHERE id = 2;
COMMIT;

-- MANY ROWS of a statement, functions, a hostile search_path
SELECT a.id, t.version, c.status, c.version FROM (SELECT id, version FROM account WHERE id IN (2, 3, 6) ORDER BY id) AS a,
    LATERAL interlock.try_versioned_touch('account', a.id, a.version) AS t, LATERAL interlock.try_versioned_check('account', a.id, t.version) AS c ORDER BY 1;
DO $$
BEGIN
    BEGIN
        PERFORM interlock.versioned_touch('account', 6, 2);
        PERFORM interlock.versioned_check('account', 6, 2);
    EXCEPTION WHEN SQLSTATE 'IL001' THEN
        PERFORM interlock.versioned_touch('account', 6, 2);
    END;
    PERFORM interlock.versioned_check('account', 6, 3, 'no key update');
END $$;
SELECT id, version FROM account ORDER BY id;
CREATE SCHEMA hostile_touch;
CREATE FUNCTION hostile_touch.wrong(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile_touch.wrong(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile_touch.wrong(bigint, integer) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE OPERATOR hostile_touch.= (FUNCTION = hostile_touch.wrong, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR hostile_touch.= (FUNCTION = hostile_touch.wrong, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR hostile_touch.+ (FUNCTION = hostile_touch.wrong, LEFTARG = bigint, RIGHTARG = integer);
CREATE FUNCTION hostile_touch.to_jsonb(anyelement) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE DOMAIN hostile_touch.int8 AS text;
SET search_path = hostile_touch, pg_catalog;
SELECT r.status, r.version FROM interlock.try_versioned_touch('write_touch_check.account', 6, 3) AS r;
SELECT r.status, r.version FROM interlock.try_versioned_touch('write_touch_check.account', 6, 3) AS r;
SELECT r.status, r.version FROM interlock.try_versioned_check('write_touch_check.account', 6, 4) AS r;
SELECT r.status, r.version FROM interlock.try_versioned_touch('write_touch_check.part', ROW('north', 1), 1) AS r;
SELECT r.status, r.version FROM interlock.try_versioned_check('write_touch_check.part', ROW('north', 1), 2, 'no key update') AS r;
RESET search_path;

DROP SCHEMA write_touch_check, hostile_touch CASCADE;
DROP ROLE regress_toucher;
