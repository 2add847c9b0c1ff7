-- A save takes a whole row of a table's type, edited, and writes what differs; without a version it inserts. In both forms the row as stored comes back.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_saver;
CREATE ROLE regress_saver;
CREATE SCHEMA write_save;
SET search_path = write_save;
SET timezone = 'UTC';
GRANT USAGE ON SCHEMA write_save TO regress_saver;
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

CREATE TABLE account (id integer PRIMARY KEY, owner text, balance numeric(12,2) NOT NULL DEFAULT 10, twice numeric GENERATED ALWAYS AS (balance * 2) STORED, gone text, note text DEFAULT 'new', seen integer);
ALTER TABLE account DROP COLUMN gone;
SELECT interlock.enable_versioning('account', except_columns => '{seen}') \gset
-- the row with these edits
CREATE FUNCTION edited(key integer, edits jsonb) RETURNS account LANGUAGE sql AS $$ SELECT jsonb_populate_record(a, edits) FROM account AS a WHERE id = key $$;

-- EVERY OUTCOME, raised and told. Inserted: NULL stays NULL where the column may hold it, else it stands for the default
\pset tuples_only off
SELECT r.* FROM interlock.versioned_save(ROW(1, 'ann', NULL, NULL, NULL, NULL, NULL)::account) AS r;
SELECT r.* FROM interlock.versioned_save(jsonb_populate_record(NULL::account, '{"id": 2, "owner": "bob", "balance": 20, "twice": 7, "note": "x"}')) AS r;
SELECT r.* FROM interlock.try_versioned_save(ROW(3, 'eve', 30, NULL, NULL, 1, NULL)::account) AS r;
SELECT r.* FROM interlock.versioned_save(ROW(1, 'eve', 10, NULL, NULL, NULL, NULL)::account) AS r;
SELECT r.* FROM interlock.try_versioned_save(ROW(1, 'eve', 10, NULL, 'x', NULL, NULL)::account) AS r;
-- updated
SELECT r.* FROM interlock.versioned_save(edited(1, '{"owner": "anna", "note": "y", "twice": 1}')) AS r;
SELECT r.* FROM interlock.try_versioned_save(edited(1, '{"owner": null}')) AS r;
-- nothing to write
SELECT r.* FROM interlock.versioned_save(edited(1, '{"balance": 10.00}')) AS r;
SELECT r.* FROM interlock.try_versioned_save(edited(1, '{"twice": 99}')) AS r;
-- stale, missing
SELECT r.* FROM interlock.versioned_save(edited(1, '{"owner": "x", "version": 2}')) AS r;
SELECT r.* FROM interlock.try_versioned_save(edited(1, '{"owner": "x", "version": 2}')) AS r;
SELECT r.* FROM interlock.versioned_save(edited(1, '{"id": 99}')) AS r;
SELECT r.* FROM interlock.try_versioned_save(edited(1, '{"id": 99}')) AS r;
SELECT * FROM account ORDER BY id;
\pset tuples_only on
-- an excepted column alone: written, and the version stays
SELECT r.* FROM interlock.try_versioned_save(edited(1, '{"seen": 5}')) AS r;
-- a row from the table itself, from a variable, from a parameter
SELECT r.id, r.version FROM account AS a, LATERAL interlock.versioned_save(a) AS r ORDER BY 1;
DO $$
DECLARE a account; b interlock.write_result;
BEGIN
    SELECT * INTO a FROM account WHERE id = 2;
    FOR i IN 1..2 LOOP
        a.note := 'loop ' || i;
        a := interlock.versioned_save(a);
    END LOOP;
    ASSERT a.version = 3 AND a.note = 'loop 2', a::text;
    a.version := 2;
    BEGIN
        a := interlock.versioned_save(a);
        RAISE 'not reached';
    EXCEPTION WHEN SQLSTATE 'IL001' THEN
        b := interlock.try_versioned_save(a);
        ASSERT b.status = 'stale' AND b.version = 3 AND b.conflicts = '{}', b::text;
    END;
END $$;
PREPARE save AS SELECT r.note, r.version FROM interlock.versioned_save($1::account) AS r;
EXECUTE save ('(2,bob,20.00,,param,,3)');
EXECUTE save ('(2,bob,20.00,,param,,3)');

-- Called once: (f()).* would call it for every column, and the second call finds what the first did
\set VERBOSITY terse
SELECT (interlock.versioned_save('(2,bob,20.00,,once,,4)'::account)).*;
SELECT (interlock.try_versioned_save('(2,bob,20.00,,once,,4)'::account)).*;
\set VERBOSITY default
SELECT (s.r).note, (s.r).version FROM (SELECT interlock.versioned_save('(2,bob,20.00,,twice,,5)'::account) AS r OFFSET 0) AS s;
SELECT r.* FROM interlock.versioned_save('(2,bob,20.00,,thrice,,6)'::account) AS r;

-- ARGUMENTS: rows of no table, or of none that can be saved
CREATE TYPE pair AS (id integer, version bigint);
CREATE VIEW shown AS SELECT * FROM account;
CREATE TABLE unversioned (id integer PRIMARY KEY, version bigint);
CREATE TABLE keyless (id integer);
CREATE TABLE by_time (id integer PRIMARY KEY, version timestamptz NOT NULL DEFAULT now());
CREATE TABLE disabled (id integer PRIMARY KEY);
SELECT count(interlock.enable_versioning(t)) FROM unnest('{keyless, by_time, disabled}'::regclass[]) AS t;
ALTER TABLE disabled DISABLE TRIGGER ALL;
SELECT told($$versioned_save(NULL::account)$$, $$try_versioned_save(NULL::account)$$, $$versioned_save(1)$$, $$try_versioned_save('x'::text)$$, $$try_versioned_save(ROW(1, 1)::pair)$$,
            $$versioned_save('{"id": 1}'::jsonb)$$, $$versioned_save(ARRAY[ROW(1, 1)::unversioned])$$, $$versioned_save(ROW(1, 1)::unversioned)$$, $$try_versioned_save(ROW(1, NULL)::unversioned)$$,
            $$versioned_save(ROW(1, NULL)::keyless)$$, $$versioned_save(ROW(1, NULL)::by_time)$$, $$try_versioned_save(ROW(1, now())::by_time)$$, $$versioned_save(ROW(1, 1)::disabled)$$, $$versioned_save((SELECT c FROM pg_class AS c LIMIT 1))$$);
SELECT codes($$versioned_save(NULL)$$, $$versioned_save('x')$$, $$versioned_save(NULL::integer)$$, $$versioned_save(NULL::pair)$$, $$versioned_save((SELECT s FROM (SELECT 1 AS id, 1 AS version) AS s))$$);
SELECT interlock.versioned_save(ROW(1, 1));
SELECT interlock.try_versioned_save(s) FROM (SELECT 1 AS id, 1 AS version) AS s;
-- a row of NULLs is a row
SELECT codes($$versioned_save(ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL)::account)$$, $$versioned_save(edited(1, '{"id": null}'))$$, $$try_versioned_save(edited(1, '{"id": null, "version": null}'))$$, $$versioned_save(edited(1, '{"balance": null}'))$$);
SELECT told($$versioned_save(edited(1, '{"id": null}'))$$);
-- a domain over the row's type
CREATE DOMAIN rich_account AS account CHECK ((VALUE).balance > 0);
SELECT r.note, r.version FROM interlock.versioned_save(edited(1, '{"note": "domain"}')::rich_account) AS r;

-- DEFAULTS, identity, generated columns, domains, NOT NULL and not
CREATE SEQUENCE numbers;
CREATE DOMAIN required AS text NOT NULL DEFAULT 'of the domain';
CREATE TABLE serials (id serial PRIMARY KEY, n integer NOT NULL DEFAULT nextval('numbers'), may integer DEFAULT 7, d text NOT NULL DEFAULT 'd');
CREATE TABLE always (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text, other integer GENERATED BY DEFAULT AS IDENTITY);
CREATE TABLE strict (id integer PRIMARY KEY, a text NOT NULL);
SELECT count(interlock.enable_versioning(t)) FROM unnest('{serials, always, strict}'::regclass[]) AS t;
SELECT r.* FROM interlock.versioned_save(ROW(NULL, NULL, NULL, NULL, NULL)::serials) AS r;
SELECT r.* FROM interlock.versioned_save(ROW(NULL, 9, 9, 'mine', NULL)::serials) AS r;
SELECT r.* FROM interlock.versioned_save(ROW(NULL, 'a', NULL, NULL)::always) AS r;
-- the key that is generated always is not the one that was sent
SELECT r.* FROM interlock.try_versioned_save(ROW(77, 'b', 77, NULL)::always) AS r;
SELECT r.* FROM interlock.versioned_save(ROW(2, 'c', 78, 1)::always) AS r;
SELECT codes($$versioned_save(ROW(1, NULL, NULL)::strict)$$, $$versioned_save(ROW(1, 'x', NULL)::strict)$$, $$versioned_save(ROW(1, NULL, 1)::strict)$$, $$versioned_save(ROW(NULL, 9, 9, NULL, 1)::serials)$$, $$versioned_save(ROW(1, NULL, 9, 'd', 1)::serials)$$);

-- ONLY WHAT WAS EDITED is in the SET list, whatever its type, and as the same bytes; toasted values stay where they are
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE trio AS (a integer, b text, c numeric);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TABLE shapes (id text PRIMARY KEY, m mood, p trio, j jsonb, k json, l integer[], t timestamptz, c char(4), n numeric, f double precision, d positive, r int4range, big text);
ALTER TABLE shapes ALTER big SET STORAGE EXTERNAL;
SELECT interlock.enable_versioning('shapes') \gset
CREATE FUNCTION log_columns() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'update of %', TG_ARGV[0]; RETURN NEW; END $$;
SELECT format('CREATE TRIGGER %I BEFORE UPDATE OF %I ON shapes FOR EACH ROW EXECUTE FUNCTION log_columns(%L)', 'of_' || attname, attname, attname) FROM pg_attribute WHERE attrelid = 'shapes'::regclass AND attnum > 0 \gexec
INSERT INTO shapes VALUES ('a', 'ok', (1, 'x', 1.0), '{"a": [1, null]}', '{"b" : 1}', '[0:2]={1,NULL,3}', '2024-02-29 12:00+02', 'ab', 1.0, 0, 5, '[1,5)', repeat('x', 1000000));
CREATE FUNCTION shape(edits jsonb) RETURNS shapes LANGUAGE sql AS $$ SELECT jsonb_populate_record(s, edits) FROM shapes AS s $$;
SELECT r.status, r.version FROM shapes AS s, LATERAL interlock.try_versioned_save(s) AS r;
SELECT r.status, r.version FROM interlock.try_versioned_save(shape('{"m": "sad", "t": "2024-02-29T10:00:00+00:00", "c": "ab", "r": "[1,4]", "j": {"a": [1, null]}}')) AS r;
SELECT r.status, r.version FROM interlock.try_versioned_save(shape('{"n": 1.00}')) AS r;
SELECT r.status, r.version FROM interlock.try_versioned_save(shape('{"f": "-0"}')) AS r;
SELECT r.status, r.version FROM interlock.try_versioned_save(shape('{"p": {"c": 1.00}}')) AS r;
SELECT r.status, r.version FROM interlock.try_versioned_save(shape('{"l": [1, null, 3]}')) AS r;
SELECT r.status, r.version FROM interlock.try_versioned_save(shape('{"k": {"b": 1}, "d": 6, "t": null}')) AS r;
SELECT format('SELECT array_agg(ctid ORDER BY ctid) AS chunks FROM %s', reltoastrelid::regclass) AS toast FROM pg_class WHERE oid = 'shapes'::regclass \gset
:toast \gset before_
SELECT r.m, length(r.big), r.version FROM interlock.versioned_save(shape('{"m": "ok"}')) AS r;
SELECT r.status, length(r.current ->> 'big') FROM interlock.try_versioned_save(shape('{}')) AS r;
:toast \gset after_
SELECT :'before_chunks' = :'after_chunks' AS untouched;
SELECT length(r.big), r.version FROM interlock.versioned_save(shape(jsonb_build_object('big', repeat('y', 1000001)))) AS r;

-- KEYS, NAMES: a composite key in another order than the table's, what wants quoting
CREATE TABLE lines (note text, number smallint, gone integer, "order" bigint, PRIMARY KEY ("order", number));
ALTER TABLE lines DROP COLUMN gone;
SELECT interlock.enable_versioning('lines') \gset
SELECT r.* FROM interlock.versioned_save(ROW('a', 2, 7, NULL)::lines) AS r;
SELECT r.* FROM interlock.try_versioned_save(ROW('b', 2, 7, 1)::lines) AS r;
SELECT told($$versioned_save(ROW('c', 2, 7, 1)::lines)$$, $$versioned_save(ROW('c', 7, 2, 1)::lines)$$, $$versioned_save(ROW('c', 2, 7, NULL)::lines)$$);
ALTER TABLE lines ADD COLUMN added text NOT NULL DEFAULT 'since then', ADD COLUMN later integer;
SELECT r.* FROM lines AS l, LATERAL interlock.versioned_save(l) AS r;
SELECT r.* FROM interlock.versioned_save(ROW('d', 2, 7, 2, 'edited', NULL)::lines) AS r;
CREATE SCHEMA "Sch.ema ""s""";
CREATE TABLE "Sch.ema ""s"""."T""; --\" ("Id ""1""\n" integer PRIMARY KEY, new_row text, r text, t text, "Mixed" text, "$1" text);
SELECT interlock.enable_versioning('"Sch.ema ""s"""."T""; --\"', 'Ver"sion') \gset
SELECT r.* FROM interlock.versioned_save(ROW(1, 'a', 'b', 'c', 'd', 'e', NULL)::"Sch.ema ""s"""."T""; --\") AS r;
SELECT r.* FROM interlock.try_versioned_save(ROW(1, 'a', 'b', 'c', 'd', 'f', 1)::"Sch.ema ""s"""."T""; --\") AS r;
SELECT r.* FROM interlock.versioned_save(ROW(1, 'a', 'b', 'c', 'd', 'g', 1)::"Sch.ema ""s"""."T""; --\") AS r;

-- TRIGGERS: what they make of the row comes back; swallowed is rejected
CREATE FUNCTION mend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE NEW.a
        WHEN 'swallow' THEN RETURN NULL;
        WHEN 'raise' THEN RAISE 'not this one' USING ERRCODE = 'MY001';
        WHEN 'key' THEN NEW.id := 'from the trigger';
        ELSE NEW.a := NEW.a || '!';
    END CASE;
    RETURN NEW;
END $$;
CREATE TABLE mended (id text PRIMARY KEY, a text);
SELECT interlock.enable_versioning('mended') \gset
CREATE TRIGGER mend BEFORE INSERT OR UPDATE ON mended FOR EACH ROW EXECUTE FUNCTION mend();
SELECT r.* FROM interlock.versioned_save(ROW('1', 'x', NULL)::mended) AS r;
SELECT r.* FROM interlock.versioned_save(ROW('1', 'y', 1)::mended) AS r;
SELECT r.* FROM interlock.versioned_save(ROW(NULL, 'key', NULL)::mended) AS r;
SELECT told($$try_versioned_save(ROW('2', 'swallow', NULL)::mended)$$, $$versioned_save(ROW('2', 'swallow', NULL)::mended)$$, $$versioned_save(ROW(NULL, 'swallow', NULL)::mended)$$, $$try_versioned_save(ROW(NULL, 'swallow', NULL)::mended)$$,
            $$try_versioned_save(ROW('1', 'swallow', 2)::mended)$$, $$versioned_save(ROW('1', 'swallow', 2)::mended)$$, $$versioned_save(ROW('1', 'raise', 2)::mended)$$, $$try_versioned_save(ROW('1', 'raise', 1)::mended)$$);
DROP TRIGGER mend ON mended;
-- one that changes the row after us: the row as it is then; one that takes it away: it is no longer there to be returned
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.a = 'again' THEN UPDATE mended SET a = 'changed' WHERE id = NEW.id; END IF;
    IF NEW.a = 'away' THEN DELETE FROM mended WHERE id = NEW.id; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER meddle AFTER INSERT OR UPDATE ON mended FOR EACH ROW EXECUTE FUNCTION meddle();
SELECT r.* FROM interlock.versioned_save(ROW('3', 'again', NULL)::mended) AS r;
SELECT r.status, r.current FROM interlock.try_versioned_save(ROW('3', 'again', 2)::mended) AS r;
SELECT codes($$versioned_save(ROW('3', 'away', 4)::mended)$$);
SELECT r.* FROM interlock.try_versioned_save(ROW('3', 'away', 4)::mended) AS r;
SELECT * FROM mended ORDER BY id;

-- KINDS OF TABLES
CREATE TABLE part (id integer, region text, a text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE part_north PARTITION OF part FOR VALUES IN ('north');
CREATE TABLE part_south (gone text, a text, region text NOT NULL, gone2 integer, id integer NOT NULL);
ALTER TABLE part_south DROP COLUMN gone, DROP COLUMN gone2;
ALTER TABLE part ATTACH PARTITION part_south FOR VALUES IN ('south');
SELECT interlock.enable_versioning('part') \gset
SELECT r.* FROM interlock.versioned_save(ROW(1, 'south', 'a', NULL)::part) AS r;
SELECT r.* FROM interlock.versioned_save(ROW(1, 'south', 'b', 1)::part) AS r;
SELECT r.* FROM part_south AS p, LATERAL interlock.versioned_save(p) AS r;
SELECT r.* FROM interlock.try_versioned_save((SELECT jsonb_populate_record(p, '{"a": "c"}') FROM part_south AS p)) AS r;
SELECT codes($$versioned_save(ROW(1, 'east', 'a', NULL)::part)$$, $$versioned_save(ROW(1, 'east', 'a', 1)::part)$$, $$versioned_save(ROW(1, 'south', 'z', 2)::part)$$);
SELECT r.* FROM interlock.try_versioned_save(ROW(1, 'south', 'd', 2)::part) AS r;
CREATE TABLE base (id integer PRIMARY KEY, a text);
CREATE TABLE derived (extra text, PRIMARY KEY (id)) INHERITS (base);
SELECT interlock.enable_versioning('base') \gset
INSERT INTO base VALUES (1, 'base'), (2, 'base');
INSERT INTO derived (id, a, version, extra) VALUES (2, 'derived', 1, 'e'), (3, 'derived', 1, 'e');
SELECT codes($$versioned_save(ROW(2, 'x', 1)::base)$$, $$try_versioned_save(ROW(2, 'base', 1)::base)$$);
SELECT r.* FROM interlock.versioned_save(ROW(3, 'through the parent', 1)::base) AS r;
SELECT r.* FROM derived AS d, LATERAL interlock.versioned_save(d) AS r WHERE d.id = 3;
CREATE TEMPORARY TABLE scratch (id integer PRIMARY KEY, a text);
SELECT interlock.enable_versioning('pg_temp.scratch') \gset
SELECT r.* FROM interlock.versioned_save(ROW(1, 'a', NULL)::scratch) AS r;
BEGIN READ ONLY;
SELECT told($$versioned_save(edited(1, '{"note": "z"}'))$$, $$try_versioned_save(edited(1, '{}'))$$);
SELECT r.* FROM interlock.versioned_save(ROW(1, 'b', 1)::scratch) AS r;
COMMIT;
CREATE TABLE deferred (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, a text);
SELECT interlock.enable_versioning('deferred') \gset
SELECT r.* FROM interlock.versioned_save(ROW(1, 'a', NULL)::deferred) AS r;
SELECT r.* FROM interlock.try_versioned_save(ROW(1, 'b', NULL)::deferred) AS r;
SELECT r.* FROM interlock.try_versioned_save(ROW(1, 'b', 1)::deferred) AS r;
-- rules that do something besides
CREATE TABLE ruled (id integer PRIMARY KEY, a text);
CREATE TABLE rule_log (event text);
SELECT interlock.enable_versioning('ruled') \gset
CREATE RULE also AS ON UPDATE TO ruled DO ALSO INSERT INTO rule_log VALUES (new.a);
SELECT r.* FROM interlock.versioned_save(ROW(1, 'a', NULL)::ruled) AS r;
SELECT r.* FROM interlock.versioned_save(ROW(1, 'b', 1)::ruled) AS r;
TABLE rule_log;

-- SETTINGS OF VERSIONING: required versions, small counters, observed, a replica
CREATE TABLE small (id integer PRIMARY KEY, a text, version smallint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('small', accept => 'echo', require_version => true) \gset
SELECT r.* FROM interlock.versioned_save(ROW(1, 'a', NULL)::small) AS r;
SELECT r.* FROM interlock.versioned_save(ROW(1, 'b', 1)::small) AS r;
SELECT interlock.enable_versioning('small', accept => 'increment', require_version => true) \gset
SELECT r.* FROM interlock.versioned_save(ROW(1, 'c', 2)::small) AS r;
SELECT interlock.enable_versioning('small', mode => 'observe') \gset
SELECT r.* FROM interlock.versioned_save(ROW(1, 'd', 2)::small) AS r;
SELECT r.* FROM interlock.versioned_save(ROW(1, 'd', 3)::small) AS r;
SET session_replication_role = replica;
SELECT r.* FROM interlock.versioned_save(ROW(1, 'e', 4)::small) AS r;
SELECT r.* FROM interlock.versioned_save(ROW(2, 'e', NULL)::small) AS r;
RESET session_replication_role;
UPDATE small SET version = 32767 WHERE id = 2;
SELECT codes($$versioned_save(ROW(2, 'f', 32767)::small)$$, $$versioned_save(ROW(2, 'e', 32767)::small)$$);

-- PRIVILEGES: SELECT on the whole row, INSERT, or UPDATE on what was edited
CREATE TABLE staff (id integer PRIMARY KEY, name text, salary integer);
SELECT interlock.enable_versioning('staff') \gset
INSERT INTO staff VALUES (1, 'ann', 5000);
GRANT SELECT (id, name, version), UPDATE, INSERT ON staff TO regress_saver;
SET ROLE regress_saver;
SELECT told($$versioned_save(ROW(1, 'anna', 5000, 1)::staff)$$, $$try_versioned_save(ROW(1, 'anna', 5000, 9)::staff)$$);
SELECT codes($$try_versioned_save(ROW(2, 'bob', 1, NULL)::staff)$$);
RESET ROLE;
REVOKE ALL ON staff FROM regress_saver;
GRANT SELECT, UPDATE (name) ON staff TO regress_saver;
SET ROLE regress_saver;
SELECT told($$try_versioned_save(ROW(1, 'anna', 5000, 1)::staff)$$, $$try_versioned_save(ROW(1, 'anna', 6000, 2)::staff)$$, $$try_versioned_save(ROW(3, 'bob', 1, NULL)::staff)$$);
-- stale all the same where another column has changed since
RESET ROLE;
UPDATE staff SET salary = 5500;
SET ROLE regress_saver;
SELECT told($$try_versioned_save(ROW(1, 'anne', 5000, 2)::staff)$$, $$versioned_save(ROW(1, 'anne', 5000, 2)::staff)$$, $$try_versioned_save(ROW(9, 'anne', 5000, 2)::staff)$$);
RESET ROLE;
SELECT * FROM staff ORDER BY id;
-- row-level security
CREATE TABLE doc (id integer PRIMARY KEY, owner name, title text);
INSERT INTO doc VALUES (2, 'postgres', 'shared'), (3, 'postgres', 'SECRET');
SELECT interlock.enable_versioning('doc') \gset
GRANT SELECT, INSERT, UPDATE ON doc TO regress_saver;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON doc FOR SELECT USING (owner = current_user OR title = 'shared');
CREATE POLICY make ON doc FOR INSERT WITH CHECK (true);
CREATE POLICY change ON doc FOR UPDATE USING (owner = current_user);
SET ROLE regress_saver;
SELECT r.* FROM interlock.versioned_save(ROW(1, 'regress_saver', 'own', NULL)::doc) AS r;
SELECT r.* FROM interlock.versioned_save(ROW(1, 'regress_saver', 'mine', 1)::doc) AS r;
SELECT told($$try_versioned_save(ROW(2, 'regress_saver', 'mine', 1)::doc)$$, $$try_versioned_save(ROW(2, 'postgres', 'shared', 1)::doc)$$, $$try_versioned_save(ROW(2, 'regress_saver', 'mine', 9)::doc)$$, $$try_versioned_save(ROW(3, 'regress_saver', 'mine', 1)::doc)$$, $$versioned_save(ROW(3, 'postgres', 'SECRET', 1)::doc)$$);
RESET ROLE;

-- IN TRANSACTIONS and statements
BEGIN;
SAVEPOINT a;
SELECT r.note, r.version FROM interlock.versioned_save(edited(3, '{"note": "a"}')) AS r;
ROLLBACK TO a;
SELECT r.note, r.version FROM interlock.versioned_save(edited(3, '{"note": "b"}')) AS r;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT r.note, r.version FROM interlock.versioned_save(edited(3, '{"note": "c"}')) AS r;
SELECT r.status, r.version, r.conflicts FROM interlock.try_versioned_save(edited(3, '{"note": "d", "version": 2}')) AS r;
SELECT r.status, r.version FROM interlock.try_versioned_save(edited(3, '{}')) AS r;
SELECT r.id, r.version FROM interlock.versioned_save(ROW(50, NULL, NULL, NULL, NULL, NULL, NULL)::account) AS r;
ROLLBACK;
WITH w AS (UPDATE account SET note = 'cte' WHERE id = 3 RETURNING account AS a)
SELECT r.note, r.version FROM w, LATERAL interlock.versioned_save(jsonb_populate_record(w.a, '{"note": "after cte"}')) AS r;
-- a hostile search_path
CREATE SCHEMA hostile_save;
CREATE TABLE hostile_save.account (id integer PRIMARY KEY, version bigint);
CREATE FUNCTION hostile_save.wrong(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile_save.wrong(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE OPERATOR hostile_save.= (FUNCTION = hostile_save.wrong, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR hostile_save.= (FUNCTION = hostile_save.wrong, LEFTARG = bigint, RIGHTARG = bigint);
CREATE FUNCTION hostile_save.to_jsonb(anyelement) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
SET search_path = hostile_save, pg_catalog;
SELECT r.note, r.version FROM interlock.versioned_save('(3,eve,30.00,,hostile,1,4)'::write_save.account) AS r;
SELECT r.status, r.version FROM interlock.try_versioned_save('(3,eve,30.00,,hostile,1,3)'::write_save.account) AS r;
SELECT r.status, r.version FROM interlock.try_versioned_save('(60,,,,,,)'::write_save.account) AS r;
RESET search_path;

DROP SCHEMA write_save, hostile_save, "Sch.ema ""s""" CASCADE;
DROP ROLE regress_saver;
