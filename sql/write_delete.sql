-- A delete by version takes the row away if it is at that version, and otherwise tells, in both forms.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_deleter, regress_owner;
CREATE ROLE regress_deleter;
CREATE ROLE regress_owner;
CREATE SCHEMA write_delete;
SET search_path = write_delete;
GRANT USAGE ON SCHEMA write_delete TO regress_deleter, regress_owner;
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

CREATE TABLE account (id integer PRIMARY KEY, owner text, balance numeric(12,2), note text);
INSERT INTO account SELECT n, 'o' || n, n * 100, NULL FROM generate_series(1, 9) AS n;
SELECT interlock.enable_versioning('account') \gset

-- EVERY OUTCOME, raised and told
\pset tuples_only off
SELECT interlock.versioned_delete('account', 1, 1);
SELECT interlock.versioned_delete(rel => 'account', key => 2, expected => 1);
SELECT r.* FROM interlock.try_versioned_delete('account', 3, 1) AS r;
SELECT interlock.versioned_delete('account', 4, 2);
SELECT r.* FROM interlock.try_versioned_delete('account', 4, 2) AS r;
SELECT interlock.versioned_delete('account', 1, 1);
SELECT r.* FROM interlock.try_versioned_delete('account', 1, 1) AS r;
\pset tuples_only on
SELECT id, version FROM account ORDER BY id;
SELECT told($$versioned_delete('account', 4, 0)$$, $$versioned_delete('account', 4, -1)$$, $$versioned_delete('account', 4, 9223372036854775807)$$,
            $$try_versioned_delete('account', 4, -9223372036854775808)$$, $$versioned_delete('account', 99, 1)$$);
-- a trigger that keeps the row: rejected; one that raises: its error
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.owner = 'o5' THEN RETURN NULL; END IF; RAISE 'not %', OLD.owner USING ERRCODE = 'MY001'; END $$;
CREATE TRIGGER keep BEFORE DELETE ON account FOR EACH ROW WHEN (OLD.id IN (5, 6)) EXECUTE FUNCTION keep();
SELECT told($$versioned_delete('account', 5, 1)$$, $$try_versioned_delete('account', 5, 1)$$, $$versioned_delete('account', 6, 1)$$, $$try_versioned_delete('account', 6, 1)$$);
-- a stale one does not get as far as the trigger
SELECT told($$try_versioned_delete('account', 5, 2)$$, $$try_versioned_delete('account', 6, 2)$$);
DROP TRIGGER keep ON account;

-- ARGUMENTS
SELECT told($$versioned_delete(NULL, 1, 1)$$, $$try_versioned_delete(NULL, 1, 1)$$, $$versioned_delete('account', NULL, 1)$$, $$versioned_delete('account', NULL::integer, 1)$$,
            $$versioned_delete('account', 4, NULL)$$, $$try_versioned_delete('account', 4, NULL)$$);
SELECT told($$versioned_delete('nowhere', 1, 1)$$, $$versioned_delete(0::oid::regclass, 1, 1)$$, $$versioned_delete('account_pkey', 1, 1)$$, $$versioned_delete('pg_class', 1, 1)$$);
SELECT told($$versioned_delete('account', 1.5, 1)$$, $$versioned_delete('account', 'x', 1)$$, $$versioned_delete('account', ROW(1, 2), 1)$$, $$versioned_delete('account', '{"nope": 1}'::jsonb, 1)$$,
            $$versioned_delete('account', '{}'::jsonb, 1)$$, $$versioned_delete('account', true, 1)$$, $$try_versioned_delete('account', '{"id": 4, "owner": "o4"}'::jsonb, 1)$$);
CREATE TABLE unversioned (id integer PRIMARY KEY, version bigint);
CREATE TABLE keyless (id integer);
CREATE TABLE by_time (id integer PRIMARY KEY, version timestamptz NOT NULL DEFAULT now());
CREATE TABLE disabled (id integer PRIMARY KEY);
SELECT count(interlock.enable_versioning(t)) FROM unnest('{keyless, by_time, disabled}'::regclass[]) AS t;
ALTER TABLE disabled DISABLE TRIGGER ALL;
SELECT told($$versioned_delete('unversioned', 1, 1)$$, $$versioned_delete('keyless', 1, 1)$$, $$versioned_delete('by_time', 1, 1)$$, $$try_versioned_delete('by_time', 1, 1)$$, $$versioned_delete('disabled', 1, 1)$$);
-- the key as it may be given: untyped, typed, by name, through a prepared statement
PREPARE remove AS SELECT r.status FROM interlock.try_versioned_delete('account', $1, $2) AS r;
EXECUTE remove ('5', 1);
EXECUTE remove (5, 1);
SELECT told($$try_versioned_delete('account', '{"id": "6"}'::jsonb, 1)$$, $$try_versioned_delete('account', ROW(7), 1)$$, $$try_versioned_delete('account', 8.0, 1)$$);
SELECT id FROM account ORDER BY id;

-- KEYS of other types; a composite one in another order than the table's
CREATE DOMAIN code AS text CHECK (VALUE ~ '^[a-z]+$');
CREATE TABLE coded (id code PRIMARY KEY);
CREATE TABLE uuided (id uuid PRIMARY KEY);
CREATE TABLE line (note text, number smallint, gone integer, "order" bigint, PRIMARY KEY ("order", number));
ALTER TABLE line DROP COLUMN gone;
INSERT INTO coded VALUES ('abc'), ('def');
INSERT INTO uuided VALUES ('6ba7b810-9dad-11d1-80b4-00c04fd430c8');
INSERT INTO line VALUES ('a', 2, 7), ('b', 7, 2), ('c', 3, 3);
SELECT count(interlock.enable_versioning(t)) FROM unnest('{coded, uuided, line}'::regclass[]) AS t;
SELECT told($$try_versioned_delete('coded', 'abc', 1)$$, $$try_versioned_delete('coded', 'def'::code, 1)$$, $$try_versioned_delete('uuided', '6BA7B8109dad11d180b400c04fd430c8', 1)$$,
            $$versioned_delete('line', ROW(7, 3), 1)$$, $$versioned_delete('line', ROW(7, 2), 3)$$, $$try_versioned_delete('line', ROW(7, 2), 1)$$, $$try_versioned_delete('line', '{"number": 7, "order": "2"}', 1)$$);
TABLE line;

-- NAMES that want quoting, in the DETAIL too
CREATE SCHEMA "Sch.ema ""d""";
CREATE TABLE "Sch.ema ""d"""."T""; --\" ("Id ""1""\n" integer PRIMARY KEY, "key" text, rel text, expected text);
INSERT INTO "Sch.ema ""d"""."T""; --\" VALUES (1), (2);
SELECT interlock.enable_versioning('"Sch.ema ""d"""."T""; --\"', 'Ver"sion') \gset
SELECT told($$versioned_delete('"Sch.ema ""d"""."T""; --\"', 1, 2)$$, $$versioned_delete('"Sch.ema ""d"""."T""; --\"', '{"Id \"1\"\\n": 1}'::jsonb, 1)$$, $$versioned_delete('"Sch.ema ""d"""."T""; --\"', 1, 1)$$,
            $$try_versioned_delete('"Sch.ema ""d"""."T""; --\"', 2, 2)$$);
SELECT repeat('n', 63) AS long, repeat('ä', 31) || 'x' AS wide \gset
CREATE TABLE :"long" (:"wide" text PRIMARY KEY);
INSERT INTO :"long" VALUES (repeat('k', 2000)), (E'a "b"\n\\c');
SELECT interlock.enable_versioning(:'long', repeat('v', 63)::name) \gset
SELECT told(format('versioned_delete(%L, %L, 7)', :'long', E'a "b"\n\\c'));
SELECT length(t) < 1000 AS clipped FROM (SELECT replace(told(format('versioned_delete(%L, %L, 7)', :'long', repeat('k', 2000))), repeat('k', 2000), '') AS t) AS m;
SELECT (interlock.try_versioned_delete(:'long', id, 1)).status FROM :"long" AS l (id) ORDER BY id;

-- FOREIGN KEYS: cascades and refusals are PostgreSQL's own
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child (id integer PRIMARY KEY, parent integer REFERENCES parent ON DELETE CASCADE);
CREATE TABLE strict (id integer PRIMARY KEY, parent integer REFERENCES parent);
CREATE TABLE forgetful (id integer PRIMARY KEY, parent integer REFERENCES parent ON DELETE SET NULL);
INSERT INTO parent SELECT generate_series(1, 3);
INSERT INTO child VALUES (1, 1), (2, 1), (3, 3);
INSERT INTO strict VALUES (1, 2);
INSERT INTO forgetful VALUES (1, 1);
SELECT interlock.enable_versioning('parent'), interlock.enable_versioning('child'), interlock.enable_versioning('forgetful', accept => 'echo', require_version => true) \gset
SELECT codes($$versioned_delete('parent', 2, 1)$$, $$try_versioned_delete('parent', 2, 1)$$, $$versioned_delete('parent', 1, 2)$$, $$versioned_delete('parent', 1, 1)$$);
SELECT id FROM parent ORDER BY id;
SELECT id, parent FROM child;
TABLE forgetful;

-- TRIGGERS see the row as it was; the statement's fire, transition tables too
CREATE TABLE log (n serial, event text);
CREATE FUNCTION log_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log (event) VALUES (format('%s %s %s', TG_WHEN, TG_LEVEL, CASE WHEN TG_LEVEL = 'ROW' THEN OLD::text END));
    RETURN OLD;
END $$;
CREATE FUNCTION log_table() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log (event) SELECT 'table ' || o::text FROM old_rows AS o; RETURN NULL; END $$;
CREATE TABLE watched (id integer PRIMARY KEY, a text, twice text GENERATED ALWAYS AS (a || a) STORED);
INSERT INTO watched SELECT n, 'a' FROM generate_series(1, 4) AS n;
SELECT interlock.enable_versioning('watched') \gset
CREATE TRIGGER before BEFORE DELETE ON watched FOR EACH ROW EXECUTE FUNCTION log_delete();
CREATE TRIGGER after AFTER DELETE ON watched FOR EACH ROW EXECUTE FUNCTION log_delete();
SELECT told($$try_versioned_delete('watched', 1, 1)$$, $$try_versioned_delete('watched', 2, 5)$$);
CREATE TRIGGER statement_before BEFORE DELETE ON watched FOR EACH STATEMENT EXECUTE FUNCTION log_delete();
CREATE TRIGGER statement_after AFTER DELETE ON watched REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION log_table();
SELECT told($$try_versioned_delete('watched', 2, 1)$$);
SELECT event FROM log ORDER BY n;
DROP TRIGGER statement_before ON watched;
DROP TRIGGER statement_after ON watched;
-- a trigger that deletes or updates the row before us: PostgreSQL's own error
CREATE FUNCTION pull() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE watched SET a = 'pulled' WHERE id = OLD.id; RETURN OLD; END $$;
CREATE TRIGGER pull BEFORE DELETE ON watched FOR EACH ROW EXECUTE FUNCTION pull();
SELECT codes($$versioned_delete('watched', 3, 1)$$, $$try_versioned_delete('watched', 3, 1)$$);
SELECT * FROM watched ORDER BY id;
-- a rule that does something besides, and one that does something else
CREATE TABLE ruled (id integer PRIMARY KEY, a text);
INSERT INTO ruled VALUES (1, 'a'), (2, 'b');
SELECT interlock.enable_versioning('ruled') \gset
CREATE RULE also AS ON DELETE TO ruled DO ALSO INSERT INTO log (event) VALUES ('rule ' || old.id);
SELECT told($$try_versioned_delete('ruled', 1, 1)$$, $$try_versioned_delete('ruled', 2, 2)$$);
DROP RULE also ON ruled;
CREATE RULE instead AS ON DELETE TO ruled DO INSTEAD NOTHING;
SELECT told($$versioned_delete('ruled', 2, 1)$$, $$try_versioned_delete('ruled', 2, 1)$$, $$try_versioned_delete('ruled', 2, 2)$$);
SELECT event FROM log WHERE event LIKE 'rule%';
TABLE ruled;

-- PARTITIONED tables of several levels, with a default partition and a leaf of another column order; hash
CREATE TABLE part (id integer, region text, a text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE part_north PARTITION OF part FOR VALUES IN ('north');
CREATE TABLE part_south (gone text, a text, region text NOT NULL, gone2 integer, id integer NOT NULL);
ALTER TABLE part_south DROP COLUMN gone, DROP COLUMN gone2;
ALTER TABLE part ATTACH PARTITION part_south FOR VALUES IN ('south');
CREATE TABLE part_rest PARTITION OF part DEFAULT PARTITION BY RANGE (id);
CREATE TABLE part_rest_low PARTITION OF part_rest FOR VALUES FROM (0) TO (100);
CREATE TABLE part_rest_high PARTITION OF part_rest FOR VALUES FROM (100) TO (200);
SELECT interlock.enable_versioning('part') \gset
INSERT INTO part (id, region, a) SELECT n, region, 'a' FROM unnest('{north, south, east}'::text[]) AS region, unnest('{1, 2, 150}'::int[]) AS n;
SELECT told($$try_versioned_delete('part', ROW('south', 1), 2)$$, $$try_versioned_delete('part', ROW('south', 1), 1)$$, $$try_versioned_delete('part', ROW('south', 1), 1)$$, $$try_versioned_delete('part_south', ROW('south', 2), 1)$$,
            $$try_versioned_delete('part', ROW('east', 150), 1)$$, $$try_versioned_delete('part_rest', ROW('east', 1), 1)$$, $$try_versioned_delete('part_north', ROW('south', 150), 1)$$, $$versioned_delete('part_north', ROW('north', 1), 7)$$);
SELECT tableoid::regclass, region, id FROM part ORDER BY region, id;
CREATE TABLE hashed (id integer PRIMARY KEY, a text) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed SELECT n, 'a' FROM generate_series(1, 20) AS n;
SELECT interlock.enable_versioning('hashed') \gset
SELECT count(interlock.versioned_delete('hashed', n, 1)) FROM generate_series(1, 19) AS n;
SELECT id FROM hashed;

-- INHERITANCE: one row of the child through the parent; the same key twice is 21000
CREATE TABLE base (id integer PRIMARY KEY, a text);
CREATE TABLE derived (extra text, PRIMARY KEY (id)) INHERITS (base);
SELECT interlock.enable_versioning('base') \gset
INSERT INTO base VALUES (1, 'base'), (2, 'base');
INSERT INTO derived (id, a, version) VALUES (2, 'derived', 1), (3, 'derived', 1);
SELECT codes($$versioned_delete('base', 2, 1)$$, $$try_versioned_delete('base', 2, 1)$$, $$try_versioned_delete('base', 2, 5)$$, $$versioned_delete('base', 3, 1)$$, $$versioned_delete('derived', 2, 1)$$, $$versioned_delete('base', 2, 1)$$);
SELECT tableoid::regclass, id FROM base ORDER BY 1, 2;

-- TEMPORARY and unlogged tables; read-only transactions
CREATE TEMPORARY TABLE scratch (id integer PRIMARY KEY);
CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY);
INSERT INTO scratch VALUES (1), (2);
INSERT INTO unlogged VALUES (1);
SELECT interlock.enable_versioning('pg_temp.scratch'), interlock.enable_versioning('unlogged') \gset
SELECT told($$try_versioned_delete('scratch', 1, 1)$$, $$try_versioned_delete('unlogged', 1, 1)$$);
BEGIN READ ONLY;
SELECT told($$versioned_delete('account', 4, 1)$$, $$try_versioned_delete('account', 4, 7)$$, $$try_versioned_delete('account', 99, 1)$$, $$try_versioned_delete('scratch', 2, 1)$$);
COMMIT;

-- NEITHER the settings of versioning nor the kind of counter matter to a delete
CREATE TABLE small (id integer PRIMARY KEY, version smallint NOT NULL DEFAULT 1);
INSERT INTO small VALUES (1, 32767), (2, -5), (3, 1), (4, 1), (5, 1);
SELECT interlock.enable_versioning('small', accept => 'echo', require_version => true) \gset
SELECT told($$try_versioned_delete('small', 1, 32768)$$, $$try_versioned_delete('small', 1, 98303)$$, $$try_versioned_delete('small', 1, 32767)$$, $$try_versioned_delete('small', 2, -5)$$, $$try_versioned_delete('small', 2, -5)$$);
SELECT interlock.enable_versioning('small', accept => 'increment', require_version => true) \gset
SELECT told($$try_versioned_delete('small', 3, 2)$$, $$try_versioned_delete('small', 3, 1)$$);
SELECT interlock.enable_versioning('small', mode => 'observe') \gset
SELECT told($$versioned_delete('small', 4, 2)$$, $$try_versioned_delete('small', 4, 1)$$);
SELECT count(*) FROM interlock.observed_writes() WHERE relation = 'small'::regclass;
SET session_replication_role = replica;
SELECT told($$try_versioned_delete('small', 5, 2)$$, $$try_versioned_delete('small', 5, 1)$$);
RESET session_replication_role;
-- a row that has no version is at none that could be expected
CREATE TABLE loose (id integer PRIMARY KEY, version integer);
SELECT interlock.enable_versioning('loose') \gset
ALTER TABLE loose DISABLE TRIGGER USER;
INSERT INTO loose VALUES (1, NULL);
ALTER TABLE loose ENABLE TRIGGER USER;
SELECT told($$versioned_delete('loose', 1, 1)$$, $$try_versioned_delete('loose', 1, 0)$$);

-- PRIVILEGES: DELETE, and SELECT on key and version
CREATE TABLE staff (id integer PRIMARY KEY, name text, salary integer, version bigint NOT NULL DEFAULT 1);
INSERT INTO staff SELECT n, 'name', 1000 FROM generate_series(1, 6) AS n;
SELECT interlock.enable_versioning('staff') \gset
SET ROLE regress_deleter;
SELECT told($$versioned_delete('staff', 1, 1)$$, $$try_versioned_delete('staff', 99, 1)$$);
RESET ROLE;
GRANT DELETE ON staff TO regress_deleter;
GRANT SELECT (id) ON staff TO regress_deleter;
SET ROLE regress_deleter;
SELECT told($$versioned_delete('staff', 1, 1)$$, $$try_versioned_delete('staff', 1, 2)$$, $$try_versioned_delete('staff', 99, 1)$$);
RESET ROLE;
REVOKE SELECT (id) ON staff FROM regress_deleter;
GRANT SELECT (version) ON staff TO regress_deleter;
SET ROLE regress_deleter;
SELECT told($$versioned_delete('staff', 1, 1)$$, $$try_versioned_delete('staff', 1, 2)$$);
RESET ROLE;
GRANT SELECT (id) ON staff TO regress_deleter;
SET ROLE regress_deleter;
SELECT told($$versioned_delete('staff', 1, 2)$$, $$try_versioned_delete('staff', 1, 2)$$, $$try_versioned_delete('staff', 1, 1)$$, $$versioned_delete('staff', 2, 1)$$);
RESET ROLE;
REVOKE DELETE ON staff FROM regress_deleter;
GRANT SELECT, UPDATE ON staff TO regress_deleter;
SET ROLE regress_deleter;
SELECT told($$versioned_delete('staff', 3, 1)$$, $$try_versioned_delete('staff', 3, 2)$$);
RESET ROLE;
-- row-level security: what may be seen and not deleted is rejected, what may not be seen is missing
CREATE TABLE doc (id integer PRIMARY KEY, owner name, shared boolean, title text);
INSERT INTO doc VALUES (1, 'regress_deleter', false, 'own'), (2, 'regress_owner', true, 'shared'), (3, 'regress_owner', false, 'SECRET');
SELECT interlock.enable_versioning('doc') \gset
GRANT SELECT, DELETE ON doc TO regress_deleter;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON doc FOR SELECT USING (owner = current_user OR shared);
CREATE POLICY remove ON doc FOR DELETE USING (owner = current_user);
SET ROLE regress_deleter;
SELECT told($$try_versioned_delete('doc', 2, 2)$$, $$try_versioned_delete('doc', 2, 1)$$, $$versioned_delete('doc', 2, 1)$$);
SELECT told($$try_versioned_delete('doc', 3, 1)$$, $$versioned_delete('doc', 3, 1)$$, $$versioned_delete('doc', 3, 2)$$, $$try_versioned_delete('doc', 1, 2)$$, $$try_versioned_delete('doc', 1, 1)$$);
RESET ROLE;
ALTER TABLE doc OWNER TO regress_owner;
ALTER TABLE doc FORCE ROW LEVEL SECURITY;
SET ROLE regress_owner;
SELECT told($$try_versioned_delete('doc', 3, 1)$$);
ALTER TABLE doc NO FORCE ROW LEVEL SECURITY;
DROP POLICY remove ON doc;
SELECT told($$try_versioned_delete('doc', 2, 1)$$);
RESET ROLE;

-- IN TRANSACTIONS, functions and statements
BEGIN;
SAVEPOINT a;
SELECT told($$try_versioned_delete('account', 4, 1)$$, $$try_versioned_delete('account', 4, 1)$$);
ROLLBACK TO a;
SELECT interlock.versioned_update('account', 4, 1, '{"note": "x"}');
SELECT told($$try_versioned_delete('account', 4, 1)$$, $$try_versioned_delete('account', 4, 2)$$);
INSERT INTO account VALUES (4, 'again');
SELECT told($$try_versioned_delete('account', 4, 2)$$, $$try_versioned_delete('account', 4, 1)$$);
ROLLBACK;
-- the newest row is not the snapshot's: 40001 belongs to the isolation specs; what this transaction did itself it sees
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT told($$try_versioned_delete('account', 4, 2)$$, $$try_versioned_delete('account', 99, 2)$$, $$try_versioned_delete('account', 4, 1)$$, $$try_versioned_delete('account', 4, 1)$$);
ROLLBACK;
INSERT INTO account SELECT n, 'o' FROM generate_series(10, 15) AS n;
WITH w AS (UPDATE account SET note = 'cte' WHERE id = 10 RETURNING id, version)
SELECT r.status FROM w, LATERAL interlock.try_versioned_delete('account', w.id, w.version) AS r;
SELECT a.id, r.status FROM (SELECT id FROM account WHERE id > 10 ORDER BY id) AS a, LATERAL interlock.try_versioned_delete('account', a.id, 1 + a.id % 2) AS r ORDER BY 1;
DO $$
BEGIN
    BEGIN
        PERFORM interlock.versioned_delete('account', 13, 1);
        PERFORM interlock.versioned_delete('account', 11, 5);
    EXCEPTION WHEN SQLSTATE 'IL001' THEN
        PERFORM interlock.versioned_update('account', 11, 1, '{"note": "caught"}');
    END;
    BEGIN
        PERFORM interlock.versioned_delete('account', 12, 1);
    EXCEPTION WHEN SQLSTATE 'IL002' THEN
        INSERT INTO account VALUES (12, 'put back');
    END;
END $$;
SELECT id, owner, note, version FROM account ORDER BY id;

-- a hostile search_path
CREATE SCHEMA hostile_delete;
CREATE FUNCTION hostile_delete.wrong(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile_delete.wrong(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE OPERATOR hostile_delete.= (FUNCTION = hostile_delete.wrong, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR hostile_delete.= (FUNCTION = hostile_delete.wrong, LEFTARG = bigint, RIGHTARG = bigint);
CREATE FUNCTION hostile_delete.to_jsonb(anyelement) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE DOMAIN hostile_delete.int8 AS text;
SET search_path = hostile_delete, pg_catalog;
SELECT r.status FROM interlock.try_versioned_delete('write_delete.account', 4, 2) AS r;
SELECT r.status FROM interlock.try_versioned_delete('write_delete.account', 4, 1) AS r;
SELECT r.status FROM interlock.try_versioned_delete('write_delete.part', ROW('north', 1), 2) AS r;
SELECT r.status FROM interlock.try_versioned_delete('write_delete.part', ROW('north', 1), 1) AS r;
RESET search_path;

DROP SCHEMA write_delete, hostile_delete, "Sch.ema ""d""" CASCADE;
DROP ROLE regress_deleter, regress_owner;
