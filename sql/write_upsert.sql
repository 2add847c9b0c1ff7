-- An upsert inserts where no version is expected and updates where one is: in both forms, and never the one for the other.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_upserter;
CREATE ROLE regress_upserter;
CREATE SCHEMA write_upsert;
SET search_path = write_upsert;
SET timezone = 'UTC';
GRANT USAGE ON SCHEMA write_upsert TO regress_upserter;
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

CREATE TABLE account (id integer PRIMARY KEY, owner text, balance numeric(12,2) NOT NULL DEFAULT 10, email text CONSTRAINT one_email UNIQUE,
                      twice numeric GENERATED ALWAYS AS (balance * 2) STORED, note text DEFAULT 'new' CONSTRAINT short CHECK (length(note) < 10));
SELECT interlock.enable_versioning('account') \gset

-- EVERY OUTCOME, raised and told
\pset tuples_only off
SELECT interlock.versioned_upsert('account', '{"id": 1, "owner": "ann"}', NULL);
SELECT r.* FROM interlock.try_versioned_upsert('account', '{"id": 2, "owner": "bob", "balance": 20, "note": null}', NULL) AS r;
SELECT interlock.versioned_upsert('account', '{"id": 1, "owner": "eve"}', NULL);
SELECT r.* FROM interlock.try_versioned_upsert('account', '{"id": 1, "owner": "eve", "balance": 10.00, "note": "x"}', NULL) AS r;
SELECT interlock.versioned_upsert('account', '{"id": 1, "owner": "anna"}', 1);
SELECT r.* FROM interlock.try_versioned_upsert(rel => 'account', new_row => '{"id": 1, "owner": "anne", "note": null}', expected => 2) AS r;
SELECT r.* FROM interlock.try_versioned_upsert('account', '{"id": 1, "owner": "anne", "balance": 10.00}', 3) AS r;
SELECT interlock.versioned_upsert('account', '{"id": 1}', 3);
SELECT interlock.versioned_upsert('account', '{"id": 1, "owner": "x"}', 1);
SELECT r.* FROM interlock.try_versioned_upsert('account', '{"id": 1, "owner": "x", "note": null}', 1) AS r;
SELECT interlock.versioned_upsert('account', '{"id": 99, "owner": "x"}', 1);
SELECT r.* FROM interlock.try_versioned_upsert('account', '{"id": 99, "owner": "x"}', 1) AS r;
SELECT * FROM account ORDER BY id;
\pset tuples_only on
-- the version in the row: null, or the expected one
SELECT told($$versioned_upsert('account', '{"id": 3, "version": null}', NULL)$$, $$versioned_upsert('account', '{"id": 4, "version": 1}', NULL)$$, $$try_versioned_upsert('account', '{"id": 3, "version": 1, "note": "y"}', 1)$$,
            $$try_versioned_upsert('account', '{"id": 3, "version": "2", "note": "z"}', 2)$$, $$try_versioned_upsert('account', '{"id": 3, "version": null, "note": "w"}', 3)$$,
            $$versioned_upsert('account', '{"id": 3, "version": 3, "note": "v"}', 4)$$, $$try_versioned_upsert('account', '{"id": 3, "version": 4, "note": "v"}', 3)$$, $$try_versioned_upsert('account', '{"id": 3, "version": "x"}', 3)$$,
            $$try_versioned_upsert('account', '{"id": 99, "version": 1}', NULL)$$);
-- what `current` says can be sent back, but for the generated columns
WITH now AS (SELECT r.current, r.version FROM interlock.try_versioned_upsert('account', '{"id": 3}', NULL) AS r)
SELECT r.* FROM now, interlock.try_versioned_upsert('account', now.current - 'twice', now.version) AS r;
-- constraints: the primary key alone is told, all others are PostgreSQL's own
SELECT told($$versioned_upsert('account', '{"id": 5, "email": "a@b"}', NULL)$$, $$versioned_upsert('account', '{"id": 6, "email": "a@b"}', NULL)$$, $$try_versioned_upsert('account', '{"id": 6, "email": "a@b"}', NULL)$$,
            $$try_versioned_upsert('account', '{"id": 5, "email": "a@b"}', NULL)$$, $$try_versioned_upsert('account', '{"id": 1, "email": "a@b"}', 3)$$);
SELECT codes($$versioned_upsert('account', '{"id": 6, "balance": null}', NULL)$$, $$versioned_upsert('account', '{"id": 6, "note": "much too long"}', NULL)$$, $$try_versioned_upsert('account', '{"id": 6, "balance": 1e12}', NULL)$$,
             $$try_versioned_upsert('account', '{"id": null}', NULL)$$, $$versioned_upsert('account', '{}', NULL)$$, $$versioned_upsert('account', '{"owner": "x"}', NULL)$$,
             $$try_versioned_upsert('account', '{"id": 1, "note": "much too long"}', 3)$$, $$try_versioned_upsert('account', '{"id": 1, "balance": null}', 3)$$);
-- a taken key goes before the constraints of the row, as it does in ON CONFLICT; a value that does not fit goes before all
SELECT codes($$try_versioned_upsert('account', '{"id": 5, "email": "a@b"}', NULL)$$, $$versioned_upsert('account', '{"id": 5, "owner": {"a": 1}, "balance": "x"}', NULL)$$);

-- ARGUMENTS
SELECT told($$versioned_upsert(NULL, '{}', NULL)$$, $$try_versioned_upsert(NULL, '{}', 1)$$, $$versioned_upsert('account', NULL, NULL)$$, $$try_versioned_upsert('account', NULL, 1)$$);
SELECT told(VARIADIC array_agg(format('%s(''account'', %L, %s)', f, new_row, coalesce(expected, 'NULL')) ORDER BY new_row, expected, f))
FROM unnest('{versioned_upsert}'::text[]) AS f, unnest('{1, NULL}'::text[]) AS expected,
     unnest(ARRAY['[]', '[{"id": 1}]', 'null', '1', '"x"', '{"id": 1, "nope": 1}', '{"id": 1, "Owner": 1}', '{"id": 1, "ctid": "(0,1)"}', '{"id": 1, "": 1}', '{"id": 1, "twice": 20}', '{"id": 1, "twice": null}', '{"id": "x"}', '{"id": 1.5}', '{"id": [1]}']) AS new_row;
SELECT told($$versioned_upsert('account', '{"owner": "x"}', 1)$$, $$try_versioned_upsert('account', '{}', 1)$$, $$versioned_upsert('account', '{"id": null, "owner": "x"}', 1)$$);
CREATE TABLE unversioned (id integer PRIMARY KEY, version bigint);
CREATE TABLE keyless (id integer);
CREATE TABLE by_time (id integer PRIMARY KEY, version timestamptz NOT NULL DEFAULT now());
CREATE TABLE disabled (id integer PRIMARY KEY);
SELECT count(interlock.enable_versioning(t)) FROM unnest('{keyless, by_time, disabled}'::regclass[]) AS t;
ALTER TABLE disabled DISABLE TRIGGER ALL;
SELECT told(VARIADIC array_agg(format('versioned_upsert(%L, ''{"id": 1}'', %s)', rel, coalesce(expected, 'NULL'))))
FROM unnest('{unversioned, keyless, by_time, disabled, nowhere, account_pkey, pg_class}'::text[]) AS rel, unnest('{1, NULL}'::text[]) AS expected;
PREPARE put AS SELECT r.status, r.version FROM interlock.try_versioned_upsert('account', $1, $2) AS r;
EXECUTE put ('{"id": 7}', NULL);
EXECUTE put ('{"id": 7}', NULL);
EXECUTE put ('{"id": 7, "note": "p"}', 1);
EXECUTE put ('{"id": 7, "note": "p"}', 1);

-- DEFAULTS: of a key that is left out, too
CREATE SEQUENCE numbers;
CREATE DOMAIN required AS text NOT NULL DEFAULT 'of the domain';
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a integer, b text);
CREATE TABLE serials (id serial PRIMARY KEY, n integer NOT NULL DEFAULT nextval('numbers'), d required);
CREATE TABLE always (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text);
CREATE TABLE by_default (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, other integer GENERATED ALWAYS AS IDENTITY, a text);
CREATE TABLE uuids (id uuid PRIMARY KEY DEFAULT '6ba7b810-9dad-11d1-80b4-00c04fd430c8', a text);
SELECT count(interlock.enable_versioning(t)) FROM unnest('{serials, always, by_default, uuids}'::regclass[]) AS t;
SELECT told($$versioned_upsert('serials', '{}', NULL)$$, $$try_versioned_upsert('serials', '{"n": 7, "d": "mine"}', NULL)$$, $$versioned_upsert('serials', '{"id": 3}', NULL)$$, $$versioned_upsert('serials', '{"id": 3, "d": "mine"}', 1)$$);
SELECT codes($$versioned_upsert('serials', '{"d": null}', NULL)$$, $$versioned_upsert('serials', '{"n": null}', NULL)$$, $$versioned_upsert('serials', '{"id": null}', NULL)$$);
-- a default that is taken is no key that the caller gave: PostgreSQL's own error
SELECT codes($$try_versioned_upsert('serials', '{}', NULL)$$, $$try_versioned_upsert('uuids', '{"a": "x"}', NULL)$$, $$try_versioned_upsert('uuids', '{"a": "x"}', NULL)$$, $$try_versioned_upsert('uuids', '{"id": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}', NULL)$$);
SELECT * FROM serials ORDER BY id;
SELECT told($$versioned_upsert('always', '{"a": "x"}', NULL)$$, $$versioned_upsert('always', '{"id": 1, "a": "y"}', 1)$$, $$try_versioned_upsert('always', '{}', NULL)$$, $$versioned_upsert('by_default', '{"id": 7, "a": "x"}', NULL)$$, $$versioned_upsert('by_default', '{"a": "x"}', NULL)$$);
SELECT codes($$versioned_upsert('always', '{"id": 7}', NULL)$$, $$try_versioned_upsert('always', '{"id": 1}', NULL)$$, $$versioned_upsert('by_default', '{"id": 8, "other": 1}', NULL)$$, $$versioned_upsert('by_default', '{"id": 1, "other": 1}', 1)$$);
TABLE always;
TABLE by_default;
-- columns of every shape
CREATE TABLE shapes (id text PRIMARY KEY, m mood, p pair, j jsonb, k json, l integer[], t timestamptz, c char(4), b bytea, r int4range);
SELECT interlock.enable_versioning('shapes') \gset
SELECT told($$versioned_upsert('shapes', '{"id": "a", "m": "ok", "p": {"a": 1, "b": "x"}, "j": {"a": [1, null]}, "k": [1.10], "l": [1, null, 3], "t": "2024-02-29 12:00+02", "c": "ab", "b": "\\x00ff", "r": "[1,5)"}', NULL)$$,
            $$try_versioned_upsert('shapes', '{"id": "a", "m": "ok", "p": {"a": 1, "b": "x"}, "j": {"a": [1, null]}, "k": [1.10], "l": [1, null, 3], "t": "2024-02-29T10:00:00+00:00", "c": "ab", "b": "\\x00ff", "r": "[1,4]"}', NULL)$$,
            $$try_versioned_upsert('shapes', '{"id": "a", "m": "sad", "p": "(1,y)", "j": "null", "k": null, "l": "{1,2}", "t": "infinity"}', NULL)$$,
            $$try_versioned_upsert('shapes', '{"id": "a", "m": "bad"}', NULL)$$);
SELECT r.status, length(r.current::text) FROM interlock.try_versioned_upsert('shapes', jsonb_build_object('id', 'big', 'j', repeat('x', 1000000), 'l', (SELECT jsonb_agg(n) FROM generate_series(1, 1000) AS n)), NULL) AS r;
SELECT r.status, length(r.current ->> 'j'), length(r.conflicts #>> '{j,mine}'), jsonb_array_length(r.current -> 'l') FROM interlock.try_versioned_upsert('shapes', jsonb_build_object('id', 'big', 'j', repeat('y', 1000000), 'l', '[]'::jsonb), NULL) AS r;
SELECT interlock.versioned_upsert('shapes', jsonb_build_object('id', repeat('k', 2000)), NULL);
SELECT replace(t, repeat('k', 2000), '(2000 times k)') LIKE '%: IL006 | row (id)=(kkk%...) of table "shapes" already exists | {"condition": "row_exists", "schema": "write_upsert", "table": "shapes", "current": 1} |%' AS clipped FROM told(format('versioned_upsert(''shapes'', %L, NULL)', jsonb_build_object('id', repeat('k', 2000)))) AS t;

-- KEYS: composite in another order than the table's, domains
CREATE DOMAIN code AS text CHECK (VALUE ~ '^[a-z]+$');
CREATE TABLE line (note text, number smallint, gone integer, "order" bigint, code code, PRIMARY KEY ("order", number, code));
ALTER TABLE line DROP COLUMN gone;
SELECT interlock.enable_versioning('line') \gset
SELECT told($$versioned_upsert('line', '{"number": 2, "order": 7, "code": "a", "note": "x"}', NULL)$$, $$versioned_upsert('line', '{"number": 2, "order": 7, "code": "a"}', NULL)$$, $$try_versioned_upsert('line', '{"number": "2", "order": "7", "code": "b"}', NULL)$$,
            $$try_versioned_upsert('line', '{"code": "a", "number": 2, "order": 7, "note": "y"}', 1)$$, $$versioned_upsert('line', '{"number": 2, "order": 7}', 1)$$, $$versioned_upsert('line', '{"number": 2, "order": 7, "code": "A"}', NULL)$$);
SELECT * FROM line ORDER BY code;

-- NAMES that want quoting, or mean something in the statements of ours
CREATE SCHEMA "Sch.ema ""u""";
CREATE TABLE "Sch.ema ""u"""."T""; --\" ("Id ""1""\n" integer PRIMARY KEY, excluded text, new_row text, rel text, expected text, t text, "Mixed" text, "$1" text, "select" text);
SELECT interlock.enable_versioning('"Sch.ema ""u"""."T""; --\"', 'Ver"sion') \gset
SELECT told($$versioned_upsert('"Sch.ema ""u"""."T""; --\"', '{"Id \"1\"\\n": 1, "excluded": "a", "new_row": "b", "rel": "c", "expected": "d", "t": "e", "Mixed": "f", "$1": "g", "select": "h", "Ver\"sion": null}', NULL)$$,
            $$versioned_upsert('"Sch.ema ""u"""."T""; --\"', '{"Id \"1\"\\n": 1, "$1": ""}', NULL)$$, $$try_versioned_upsert('"Sch.ema ""u"""."T""; --\"', '{"Id \"1\"\\n": 1, "$1": "", "Mixed": "f", "select": null}', NULL)$$,
            $$try_versioned_upsert('"Sch.ema ""u"""."T""; --\"', '{"Id \"1\"\\n": 1, "select": "i", "Ver\"sion": 1}', 1)$$, $$versioned_upsert('"Sch.ema ""u"""."T""; --\"', '{"Id \"1\"\\n": 1, "mixed": "i"}', 2)$$);
TABLE "Sch.ema ""u"""."T""; --\";
SELECT repeat('n', 63) AS long, repeat('ä', 31) || 'x' AS wide \gset
CREATE TABLE :"long" (:"wide" integer PRIMARY KEY, :"long" text);
SELECT interlock.enable_versioning(:'long', repeat('v', 63)::name) \gset
SELECT told(format('versioned_upsert(%L, %L, NULL)', :'long', jsonb_build_object(:'wide', 1, :'long', 'x')), format('versioned_upsert(%L, %L, NULL)', :'long', jsonb_build_object(:'wide', 1)), format('versioned_upsert(%L, %L, 1)', :'long', jsonb_build_object(:'wide', 1, :'long' || 'n', 'x')));

-- TRIGGERS: what they make of the row is what is stored and returned; a swallowed row is rejected; only named columns are updated
CREATE TABLE log (n serial, event text);
CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log (event) VALUES (format('%s %s %s %s', TG_NAME, TG_WHEN, TG_OP, CASE WHEN TG_LEVEL = 'ROW' THEN NEW::text END)); RETURN NEW; END $$;
CREATE FUNCTION mend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE NEW.a
        WHEN 'swallow' THEN RETURN NULL;
        WHEN 'raise' THEN RAISE 'not this one' USING ERRCODE = 'MY001';
        WHEN 'key' THEN NEW.id := 'from the trigger';
        WHEN 'version' THEN NEW.version := 7;
        ELSE NEW.a := NEW.a || '!';
    END CASE;
    RETURN NEW;
END $$;
CREATE TABLE mended (id text PRIMARY KEY, a text, b text);
SELECT interlock.enable_versioning('mended') \gset
CREATE TRIGGER mend BEFORE INSERT OR UPDATE ON mended FOR EACH ROW EXECUTE FUNCTION mend();
SELECT told($$versioned_upsert('mended', '{"id": "1", "a": "x"}', NULL)$$, $$versioned_upsert('mended', '{"id": "2", "a": "swallow"}', NULL)$$, $$try_versioned_upsert('mended', '{"id": "2", "a": "swallow"}', NULL)$$,
            $$try_versioned_upsert('mended', '{"id": "2", "a": "raise"}', NULL)$$, $$try_versioned_upsert('mended', '{"id": "2", "a": "version"}', NULL)$$, $$try_versioned_upsert('mended', '{"id": null, "a": "key"}', NULL)$$,
            $$try_versioned_upsert('mended', '{"a": "swallow"}', NULL)$$, $$versioned_upsert('mended', '{"a": "swallow"}', NULL)$$);
-- also where the key that is given is null
SELECT told($$try_versioned_upsert('mended', '{"id": null, "a": "swallow"}', NULL)$$, $$versioned_upsert('mended', '{"id": null, "a": "swallow"}', NULL)$$);
SELECT told($$try_versioned_upsert('mended', '{"id": "1", "a": "y"}', 1)$$, $$try_versioned_upsert('mended', '{"id": "1", "a": "swallow"}', 2)$$, $$versioned_upsert('mended', '{"id": "1", "a": "swallow"}', 2)$$, $$try_versioned_upsert('mended', '{"id": "1", "a": "swallow"}', 1)$$);
-- the row that is in the way is told even if the trigger would have swallowed ours
SELECT told($$try_versioned_upsert('mended', '{"id": "1", "a": "swallow"}', NULL)$$);
SELECT * FROM mended ORDER BY id;
DROP TRIGGER mend ON mended;
CREATE TRIGGER of_a BEFORE UPDATE OF a ON mended FOR EACH ROW EXECUTE FUNCTION log_it();
CREATE TRIGGER of_b BEFORE UPDATE OF b ON mended FOR EACH ROW EXECUTE FUNCTION log_it();
CREATE TRIGGER of_key BEFORE UPDATE OF id, version ON mended FOR EACH ROW EXECUTE FUNCTION log_it();
CREATE TRIGGER before BEFORE INSERT ON mended FOR EACH ROW EXECUTE FUNCTION log_it();
CREATE TRIGGER after AFTER INSERT OR UPDATE ON mended FOR EACH ROW EXECUTE FUNCTION log_it();
CREATE TRIGGER statement AFTER INSERT ON mended FOR EACH STATEMENT EXECUTE FUNCTION log_it();
SELECT told($$versioned_upsert('mended', '{"id": "1", "version": 2, "b": "z"}', 2)$$, $$versioned_upsert('mended', '{"id": "8", "b": "z"}', NULL)$$);
SELECT event FROM log ORDER BY n;
-- a trigger that updates the new row after us: the version that we stored is returned, as RETURNING does
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE mended SET a = 'again' WHERE id = NEW.id; RETURN NULL; END $$;
CREATE TRIGGER again AFTER INSERT ON mended FOR EACH ROW EXECUTE FUNCTION again();
SELECT told($$versioned_upsert('mended', '{"id": "9"}', NULL)$$);
SELECT version FROM mended WHERE id = '9';

-- KINDS OF TABLES: a deferrable key
CREATE TABLE deferred (id text PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, a text);
SELECT interlock.enable_versioning('deferred') \gset
SELECT told($$versioned_upsert('deferred', '{"id": "1", "a": "x"}', NULL)$$, $$versioned_upsert('deferred', '{"id": "1", "a": "y"}', NULL)$$, $$try_versioned_upsert('deferred', '{"id": "1", "a": "y"}', NULL)$$,
            $$try_versioned_upsert('deferred', '{"id": "1", "a": "y"}', 1)$$, $$try_versioned_upsert('deferred', '{"id": "2"}', NULL)$$);
SELECT codes($$versioned_upsert('deferred', '{"a": "x"}', NULL)$$, $$versioned_upsert('deferred', '{"id": null, "a": "x"}', NULL)$$, $$versioned_upsert('deferred', '{"id": null, "a": "x"}', 1)$$);
-- rules that do something besides
CREATE TABLE ruled (id integer PRIMARY KEY, a text);
SELECT interlock.enable_versioning('ruled') \gset
CREATE RULE also AS ON UPDATE TO ruled DO ALSO INSERT INTO log (event) VALUES ('rule update');
SELECT told($$versioned_upsert('ruled', '{"id": 1, "a": "x"}', NULL)$$, $$try_versioned_upsert('ruled', '{"id": 1, "a": "y"}', NULL)$$, $$try_versioned_upsert('ruled', '{"id": 1, "a": "y"}', 1)$$);
CREATE RULE also_insert AS ON INSERT TO ruled DO ALSO INSERT INTO log (event) VALUES ('rule insert ' || new.id);
SELECT told($$versioned_upsert('ruled', '{"id": 2, "a": "x"}', NULL)$$, $$try_versioned_upsert('ruled', '{"id": 2, "a": "y"}', NULL)$$);
SELECT event FROM log WHERE event LIKE 'rule%' ORDER BY n;
-- one that does something else instead cannot return what was stored: PostgreSQL's own error
CREATE RULE instead AS ON INSERT TO ruled DO INSTEAD NOTHING;
SELECT codes($$versioned_upsert('ruled', '{"id": 3, "a": "x"}', NULL)$$);
SELECT * FROM ruled ORDER BY id;
-- partitioned: leaves of another column order, by default, or none
CREATE TABLE part (id integer, region text, a text DEFAULT 'of the root', PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE part_north PARTITION OF part FOR VALUES IN ('north') PARTITION BY RANGE (id);
CREATE TABLE part_north_low PARTITION OF part_north FOR VALUES FROM (0) TO (100);
CREATE TABLE part_south (gone text, a text, region text NOT NULL, gone2 integer, id integer NOT NULL);
ALTER TABLE part_south DROP COLUMN gone, DROP COLUMN gone2;
ALTER TABLE part ATTACH PARTITION part_south FOR VALUES IN ('south');
SELECT interlock.enable_versioning('part') \gset
SELECT told($$versioned_upsert('part', '{"id": 1, "region": "south"}', NULL)$$, $$versioned_upsert('part', '{"id": 1, "region": "south", "a": "x"}', NULL)$$, $$try_versioned_upsert('part_south', '{"id": 1, "region": "south", "a": "x"}', NULL)$$,
            $$try_versioned_upsert('part', '{"id": 1, "region": "south", "a": "x"}', 1)$$, $$try_versioned_upsert('part', '{"id": 1, "region": "north"}', NULL)$$, $$try_versioned_upsert('part_north', '{"id": 1, "region": "north", "a": "x"}', 1)$$,
            $$try_versioned_upsert('part', '{"id": 1, "region": "east", "a": "x"}', 1)$$);
SELECT codes($$versioned_upsert('part', '{"id": 1, "region": "east"}', NULL)$$, $$versioned_upsert('part', '{"id": 100, "region": "north"}', NULL)$$, $$versioned_upsert('part_south', '{"id": 1, "region": "north"}', NULL)$$);
CREATE TABLE part_rest PARTITION OF part DEFAULT;
SELECT told($$try_versioned_upsert('part', '{"id": 1, "region": "east"}', NULL)$$, $$try_versioned_upsert('part', '{"id": 1, "region": "east"}', NULL)$$);
SELECT tableoid::regclass, * FROM part ORDER BY region, id;
-- inheritance: a new row is the parent's; the key is that of the table that is named
CREATE TABLE base (id integer PRIMARY KEY, a text);
CREATE TABLE derived (PRIMARY KEY (id)) INHERITS (base);
SELECT interlock.enable_versioning('base') \gset
SELECT told($$versioned_upsert('base', '{"id": 1}', NULL)$$, $$try_versioned_upsert('base', '{"id": 1}', NULL)$$, $$versioned_upsert('derived', '{"id": 2}', NULL)$$, $$try_versioned_upsert('base', '{"id": 2, "a": "x"}', 1)$$);
SELECT tableoid::regclass, * FROM base ORDER BY id;
-- temporary and unlogged tables; read-only transactions
CREATE TEMPORARY TABLE scratch (id integer PRIMARY KEY);
CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY);
SELECT interlock.enable_versioning('pg_temp.scratch'), interlock.enable_versioning('unlogged') \gset
SELECT told($$versioned_upsert('scratch', '{"id": 1}', NULL)$$, $$versioned_upsert('unlogged', '{"id": 1}', NULL)$$, $$versioned_upsert('unlogged', '{"id": 1}', NULL)$$);
BEGIN READ ONLY;
SELECT told($$versioned_upsert('account', '{"id": 50}', NULL)$$, $$try_versioned_upsert('account', '{"id": 1}', NULL)$$, $$try_versioned_upsert('account', '{"id": 1}', 3)$$, $$try_versioned_upsert('scratch', '{"id": 2}', NULL)$$, $$try_versioned_upsert('scratch', '{"id": 2}', NULL)$$);
COMMIT;

-- SETTINGS OF VERSIONING: required versions, counters of every kind, without a default, observed, on a replica
CREATE TABLE small (id integer PRIMARY KEY, a text, version smallint NOT NULL);
SELECT interlock.enable_versioning('small', accept => 'echo', require_version => true) \gset
SELECT told($$versioned_upsert('small', '{"id": 1, "a": "x"}', NULL)$$, $$versioned_upsert('small', '{"id": 1, "a": "y"}', NULL)$$, $$versioned_upsert('small', '{"id": 1, "a": "y"}', 1)$$, $$versioned_upsert('small', '{"id": 1, "version": 70000}', 70000)$$, $$try_versioned_upsert('small', '{"id": 1}', 70000)$$);
SELECT interlock.enable_versioning('small', accept => 'increment', require_version => true) \gset
SELECT told($$versioned_upsert('small', '{"id": 1, "a": "z"}', 2)$$, $$versioned_upsert('small', '{"id": 2}', NULL)$$);
SELECT interlock.enable_versioning('small', mode => 'observe') \gset
SELECT told($$versioned_upsert('small', '{"id": 1, "a": "w"}', 2)$$, $$versioned_upsert('small', '{"id": 1, "a": "w"}', 3)$$, $$versioned_upsert('small', '{"id": 1, "a": "w"}', NULL)$$);
SET session_replication_role = replica;
SELECT codes($$versioned_upsert('small', '{"id": 3}', NULL)$$);
SELECT told($$versioned_upsert('account', '{"id": 8, "note": "r"}', NULL)$$, $$try_versioned_upsert('account', '{"id": 8, "note": "s"}', 1)$$, $$versioned_upsert('account', '{"id": 8, "note": "r"}', NULL)$$);
RESET session_replication_role;
UPDATE small SET version = 32767 WHERE id = 2;
SELECT told($$versioned_upsert('small', '{"id": 2, "a": "last"}', 32767)$$, $$try_versioned_upsert('small', '{"id": 2, "a": null}', 32767)$$);

-- PRIVILEGES: INSERT on the columns that are given, SELECT on key and version
CREATE TABLE staff (id integer PRIMARY KEY, name text, salary integer DEFAULT 1000, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('staff') \gset
INSERT INTO staff VALUES (1, 'ann', 5000);
GRANT INSERT (id, name) ON staff TO regress_upserter;
SET ROLE regress_upserter;
SELECT told($$versioned_upsert('staff', '{"id": 2, "name": "x"}', NULL)$$, $$try_versioned_upsert('staff', '{"id": 1, "name": "x"}', NULL)$$);
RESET ROLE;
GRANT SELECT (id, version) ON staff TO regress_upserter;
SET ROLE regress_upserter;
SELECT told($$versioned_upsert('staff', '{"id": 2, "name": "x"}', NULL)$$, $$try_versioned_upsert('staff', '{"id": 1, "name": "x"}', NULL)$$, $$versioned_upsert('staff', '{"id": 1, "name": "x"}', NULL)$$,
            $$try_versioned_upsert('staff', '{"id": 3, "salary": 1}', NULL)$$, $$try_versioned_upsert('staff', '{"id": 2, "name": "y"}', 1)$$, $$try_versioned_upsert('staff', '{"id": 2, "name": "y"}', 2)$$);
RESET ROLE;
GRANT SELECT (name), UPDATE (name) ON staff TO regress_upserter;
SET ROLE regress_upserter;
SELECT told($$try_versioned_upsert('staff', '{"id": 1, "name": "x"}', NULL)$$, $$try_versioned_upsert('staff', '{"id": 2, "name": "y"}', 1)$$, $$try_versioned_upsert('staff', '{"id": 2, "name": "z"}', 1)$$, $$try_versioned_upsert('staff', '{"id": 2, "salary": 1}', 2)$$);
RESET ROLE;
REVOKE INSERT (id, name) ON staff FROM regress_upserter;
SET ROLE regress_upserter;
SELECT told($$try_versioned_upsert('staff', '{"id": 4, "name": "x"}', NULL)$$, $$try_versioned_upsert('staff', '{"id": 2, "name": "w"}', 2)$$);
RESET ROLE;
SELECT * FROM staff ORDER BY id;
-- row-level security: a new row that is not hers to make or to see is 42501; a hidden one that is in the way is not told
CREATE TABLE doc (id integer PRIMARY KEY, owner name, shared boolean DEFAULT false, title text);
INSERT INTO doc VALUES (2, 'postgres', true, 'shared'), (3, 'postgres', false, 'SECRET');
SELECT interlock.enable_versioning('doc') \gset
GRANT SELECT, INSERT, UPDATE ON doc TO regress_upserter;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON doc FOR SELECT USING (owner = current_user OR shared);
CREATE POLICY make ON doc FOR INSERT WITH CHECK (title <> 'forbidden');
CREATE POLICY change ON doc FOR UPDATE USING (owner = current_user);
SET ROLE regress_upserter;
SELECT codes($$versioned_upsert('doc', '{"id": 1, "owner": "regress_upserter", "title": "forbidden"}', NULL)$$, $$try_versioned_upsert('doc', '{"id": 1, "owner": "postgres", "title": "x"}', NULL)$$);
SELECT told($$versioned_upsert('doc', '{"id": 1, "owner": "regress_upserter", "title": "own"}', NULL)$$, $$try_versioned_upsert('doc', '{"id": 1, "owner": "regress_upserter", "title": "x"}', NULL)$$, $$try_versioned_upsert('doc', '{"id": 2, "owner": "regress_upserter", "title": "x"}', NULL)$$,
            $$try_versioned_upsert('doc', '{"id": 1, "title": "mine"}', 1)$$, $$try_versioned_upsert('doc', '{"id": 2, "title": "mine"}', 1)$$, $$try_versioned_upsert('doc', '{"id": 3, "title": "mine"}', 1)$$);
SELECT told($$try_versioned_upsert('doc', '{"id": 3, "owner": "regress_upserter", "title": "mine"}', NULL)$$, $$versioned_upsert('doc', '{"id": 3, "owner": "regress_upserter", "title": "mine"}', NULL)$$);
RESET ROLE;
SELECT * FROM doc ORDER BY id;

-- IN TRANSACTIONS, functions and statements
BEGIN;
SAVEPOINT a;
SELECT told($$try_versioned_upsert('account', '{"id": 20}', NULL)$$, $$try_versioned_upsert('account', '{"id": 20}', NULL)$$, $$try_versioned_upsert('account', '{"id": 20, "note": "a"}', 1)$$);
ROLLBACK TO a;
SELECT told($$try_versioned_upsert('account', '{"id": 20, "note": "a"}', 1)$$, $$try_versioned_upsert('account', '{"id": 20}', NULL)$$, $$try_versioned_delete('account', 20, 1)$$, $$try_versioned_upsert('account', '{"id": 20}', NULL)$$);
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT told($$try_versioned_upsert('account', '{"id": 21}', NULL)$$, $$try_versioned_upsert('account', '{"id": 21}', NULL)$$, $$try_versioned_upsert('account', '{"id": 21, "note": "b"}', 1)$$, $$try_versioned_upsert('account', '{"id": 21, "note": "b"}', 1)$$, $$try_versioned_upsert('account', '{"id": 22}', 1)$$);
ROLLBACK;
SELECT g.n, r.status, r.version FROM (SELECT 30 + n / 2 AS n FROM generate_series(1, 4) AS n) AS g, LATERAL interlock.try_versioned_upsert('account', jsonb_build_object('id', g.n), NULL) AS r;
WITH w AS (INSERT INTO account (id) VALUES (40) RETURNING id) SELECT r.status, r.version FROM w, LATERAL interlock.try_versioned_upsert('account', jsonb_build_object('id', w.id), NULL) AS r;
DO $$
DECLARE v bigint;
BEGIN
    FOR i IN 1..3 LOOP
        BEGIN
            v := interlock.versioned_upsert('account', '{"id": 41, "note": "n"}', v);
        EXCEPTION WHEN SQLSTATE 'IL006' THEN
            RAISE 'not reached';
        END;
        v := interlock.versioned_upsert('account', jsonb_build_object('id', 41, 'note', i), v);
    END LOOP;
    BEGIN
        PERFORM interlock.versioned_upsert('account', '{"id": 42}', NULL);
        PERFORM interlock.versioned_upsert('account', '{"id": 41}', NULL);
    EXCEPTION WHEN SQLSTATE 'IL006' THEN
        PERFORM interlock.versioned_upsert('account', '{"id": 43}', NULL);
    END;
END $$;
SELECT id, note, version FROM account WHERE id >= 30 ORDER BY id;

-- a hostile search_path
CREATE SCHEMA hostile_upsert;
CREATE FUNCTION hostile_upsert.wrong(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile_upsert.wrong(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile_upsert.wrong(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE OPERATOR hostile_upsert.= (FUNCTION = hostile_upsert.wrong, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR hostile_upsert.= (FUNCTION = hostile_upsert.wrong, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR hostile_upsert.= (FUNCTION = hostile_upsert.wrong, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION hostile_upsert.to_jsonb(anyelement) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE DOMAIN hostile_upsert.int8 AS text;
CREATE TYPE hostile_upsert.mood AS ENUM ('captured');
SET search_path = hostile_upsert, pg_catalog;
SELECT r.status FROM interlock.try_versioned_upsert('write_upsert.shapes', '{"id": "h", "m": "ok"}', NULL) AS r;
SELECT r.status, r.conflicts FROM interlock.try_versioned_upsert('write_upsert.shapes', '{"id": "h", "m": "sad"}', NULL) AS r;
SELECT r.status FROM interlock.try_versioned_upsert('write_upsert.shapes', '{"id": "h", "m": "sad"}', 1) AS r;
SELECT r.status FROM interlock.try_versioned_upsert('write_upsert.part', '{"id": 5, "region": "south"}', NULL) AS r;
SELECT r.status FROM interlock.try_versioned_upsert('write_upsert.part', '{"id": 5, "region": "south"}', NULL) AS r;
RESET search_path;

DROP SCHEMA write_upsert, hostile_upsert, "Sch.ema ""u""" CASCADE;
DROP ROLE regress_upserter;
