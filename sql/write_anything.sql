-- Anything at all, in any combination, given to every write: a standard code or one of ours, never an internal error; and which path each takes.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA write_anything;
SET search_path = write_anything;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN positive AS integer CONSTRAINT is_positive CHECK (VALUE > 0);
CREATE TABLE account (id integer PRIMARY KEY, owner text, n numeric(6,2) CHECK (n >= 0), m mood, p pair, l integer[], j jsonb, d positive, twice numeric GENERATED ALWAYS AS (n * 2) STORED, always integer GENERATED ALWAYS AS IDENTITY, gone text);
ALTER TABLE account DROP COLUMN gone;
CREATE TABLE line (number smallint, "order" text, note text, PRIMARY KEY ("order", number));
CREATE TABLE part (id text PRIMARY KEY, a text) PARTITION BY LIST (id);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a', '1');
CREATE TABLE deferred (id text PRIMARY KEY DEFERRABLE, a text);
CREATE TABLE swallowing (id text PRIMARY KEY, a text);
CREATE TABLE by_time (id integer PRIMARY KEY, a text, version timestamptz NOT NULL DEFAULT '2024-01-01');
CREATE TABLE plain (id text PRIMARY KEY, version text);
CREATE TABLE keyless (id integer);
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
SELECT count(interlock.enable_versioning(t)) FROM unnest('{account, line, part, deferred, swallowing, by_time, keyless}'::regclass[]) AS t;
INSERT INTO account (id, n) VALUES (1, 100);
INSERT INTO line VALUES (2, '7', 'x');
INSERT INTO part VALUES ('1', 'x');
INSERT INTO deferred VALUES ('1', 'x');
INSERT INTO swallowing VALUES ('1', 'x');
INSERT INTO by_time VALUES (1, 'x');
INSERT INTO plain VALUES ('1', 'x');
CREATE TRIGGER swallow BEFORE INSERT OR UPDATE OR DELETE ON swallowing FOR EACH ROW EXECUTE FUNCTION swallow();
CREATE VIEW a_view AS SELECT id, owner, version FROM account;
-- the SQLSTATE, or done; each call is taken back
CREATE FUNCTION code_of(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT ' || call;
    RAISE SQLSTATE 'DONE0';
EXCEPTION WHEN OTHERS THEN
    IF SQLSTATE LIKE 'XX%' THEN RETURN SQLSTATE || ': ' || call || ': ' || SQLERRM; END IF;
    RETURN SQLSTATE;
END $$;
CREATE TABLE rels AS SELECT unnest(ARRAY[$$'account'$$, $$'line'$$, $$'part'$$, $$'part_a'$$, $$'deferred'$$, $$'swallowing'$$, $$'by_time'$$, $$'plain'$$, $$'keyless'$$, $$'a_view'$$, $$'account_pkey'$$, $$'pg_class'$$, '0', 'NULL']) AS rel;
CREATE TABLE keys AS SELECT unnest(ARRAY['NULL', '1', $$'1'$$, '1.5', $$''$$, $$'x'::"char"$$, 'ROW()', $$ROW('7', 2)$$, 'ROW(NULL, ROW(1))', $$'{}'::jsonb$$, $$'{"id": 1}'::jsonb$$, $$'{"id": null}'::jsonb$$, $$'{"order": 7, "number": 2}'$$, $$'[]'::json$$, 'ARRAY[1]', 'now()', $$(1, 'x')::pair$$, $$repeat('x', 10000)$$]) AS key;
CREATE TABLE objects AS SELECT unnest(ARRAY['NULL', $$'{}'$$, $$'[]'$$, $$'null'$$, $$'{"id": null, "a": "x"}'$$, $$'{"id": 1, "owner": null, "version": 1}'$$, $$'{"id": "1", "a": "y"}'$$, $$'{"id": "a", "version": null}'$$, $$'{"order": null, "number": 2, "version": 1, "note": "y"}'$$, $$'{"order": "7", "number": 2}'$$, $$'{"version": "x"}'$$, $$'{"version": {}}'$$,
    $$'{"owner": {"a": [null]}, "l": {"a": 1}, "p": [[]]}'$$, $$'{"p": {"a": "x"}, "d": 0}'$$, $$'{"m": "bad"}'$$, $$'{"j": null, "l": [[1], [2, 3]]}'$$, $$'{"twice": 1, "always": 1}'$$, $$'{"": 1, "nope": 2}'$$, $$'{"a": "x"}'$$, $$'{"note": "x"}'$$, $$'{"owner": "x"}'$$]) AS object;
CREATE TABLE codes (function text, code text);
INSERT INTO codes SELECT f, code_of(format('interlock.%s(%s, %s, %s)', f, rel, key, expected)) FROM unnest('{versioned_delete, try_versioned_delete, versioned_touch, try_versioned_touch, versioned_check, try_versioned_check}'::text[]) AS f, rels, keys, unnest('{NULL, 1, -9223372036854775808}'::text[]) AS expected;
INSERT INTO codes SELECT f, code_of(format('interlock.%s(%s, %s, %s)', f, rel, object, expected)) FROM unnest('{versioned_upsert, try_versioned_upsert}'::text[]) AS f, rels, objects, unnest('{NULL, 1, -9223372036854775808}'::text[]) AS expected;
INSERT INTO codes SELECT f, code_of(format('interlock.%s(%s, %s, %s, %s)', f, rel, key, o.object, c.object)) FROM unnest('{try_versioned_merge, try_compare_and_update}'::text[]) AS f, rels, (SELECT key FROM keys WHERE key IN ('1', $$'1'$$, $$'{"order": 7, "number": 2}'$$, 'NULL')) AS k, objects AS o, objects AS c;
INSERT INTO codes SELECT f, code_of(format('interlock.%s(%s, %s)', f, rel, CASE WHEN c.object IN ('NULL', $$'[]'$$) THEN c.object ELSE format('jsonb_build_array(%s::jsonb, %s::jsonb)', o.object, c.object) END)) FROM unnest('{versioned_update_many, try_versioned_update_many}'::text[]) AS f, rels, objects AS o, objects AS c;
INSERT INTO codes SELECT f, code_of(format('interlock.%s(%s)', f, saved)) FROM unnest('{versioned_save, try_versioned_save}'::text[]) AS f,
    unnest(ARRAY['NULL', '1', $$'x'$$, 'ROW()', 'ROW(1)', 'NULL::account', 'NULL::pair', $$(1, 'x')::pair$$, 'ROW(NULL, NULL, NULL)::deferred', $$ROW(NULL, 'x', NULL)::swallowing$$, $$ROW(NULL, 'x', 1)::swallowing$$, $$ROW('1', 'x', 1)::swallowing$$, $$ROW('1', 'y', 1)::swallowing$$, $$ROW('1', 'x', NULL)::swallowing$$, $$ROW('1', 'x', NULL)::deferred$$,
        $$ROW('1', 'y', NULL)::part$$, $$ROW('a', 'y', NULL)::part$$, $$ROW('b', 'y', NULL)::part$$, $$ROW('1', 'z', 1)::part_a$$, 'ROW(1)::keyless', 'ROW(1, NULL)::keyless', $$ROW(1, 'x', now())::by_time$$, $$ROW('1', '1')::plain$$, '(SELECT v FROM a_view AS v)', '(SELECT a FROM account AS a)', '(SELECT a FROM account AS a WHERE false)', $$'(1,x)'::pair$$, 'ARRAY[1]', 'jsonb_populate_record(NULL::account, ''{"id": 1, "d": 7}'')',
        'jsonb_populate_record(NULL::account, ''{"id": 2, "version": -1}'')', '(SELECT c FROM pg_class AS c LIMIT 1)', '(SELECT t FROM interlock.versioned_tables AS t LIMIT 1)', 'NULL::interlock.write_result']) AS saved;
SELECT function, count(*), count(*) FILTER (WHERE code LIKE 'XX%') AS internal, min(code) FILTER (WHERE code LIKE 'XX%') AS first_of_them, bool_or(code = 'DONE0') AS some_done FROM codes GROUP BY function ORDER BY function;
-- all of it was taken back
SELECT id, version FROM account;
SELECT * FROM line;
SELECT * FROM deferred;

-- THE PATHS: everything but an insertion is direct on an ordinary table, and nothing is where that is switched off
CREATE FUNCTION route(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before record;
    after record;
BEGIN
    SELECT * INTO before FROM interlock.write_paths();
    EXECUTE 'SELECT FROM interlock.' || call;
    SELECT * INTO after FROM interlock.write_paths();
    RETURN format('%s: %s direct, %s planner', call, after.direct - before.direct, after.planner - before.planner);
END $$;
CREATE TABLE heap (id integer PRIMARY KEY, a text, b text);
CREATE TABLE told (id integer PRIMARY KEY, a text, b text);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER nothing AFTER DELETE OR UPDATE ON told FOR EACH STATEMENT EXECUTE FUNCTION nothing();
INSERT INTO heap SELECT n, 'a', 'b' FROM generate_series(1, 9) AS n;
INSERT INTO told SELECT n, 'a', 'b' FROM generate_series(1, 9) AS n;
INSERT INTO plain SELECT n::text, 'x' FROM generate_series(2, 9) AS n;
SELECT count(interlock.enable_versioning(t)) FROM unnest('{heap, told}'::regclass[]) AS t;
CREATE TABLE calls (n serial, call text);
INSERT INTO calls (call) VALUES ($$try_versioned_delete(%L, 1, 1)$$), ($$try_versioned_delete(%L, 2, 9)$$), ($$try_versioned_touch(%L, 2, 1)$$), ($$try_versioned_check(%L, 3, 1)$$), ($$try_versioned_check(%L, 3, 1, 'no key update')$$), ($$try_versioned_upsert(%L, '{"id": 3, "a": "x"}', 1)$$),
    ($$try_versioned_merge(%L, 4, '{"a": "a"}', '{"a": "x"}')$$), ($$try_compare_and_update(%L, 5, '{"a": "a"}', '{"a": "x"}')$$), ($$try_compare_and_update(%L, 5, '{"a": "a"}', '{"a": "y"}')$$), ($$versioned_update_many(%L, '[{"id": 6, "version": 1, "a": "x"}, {"id": 7, "version": 1, "b": "x"}]')$$);
SET interlock.direct_writes = auto;
SELECT route(format(call, 'heap')) FROM calls ORDER BY n;
SELECT route(format(call, 'told')) FROM calls ORDER BY n;
SELECT route($$try_compare_and_update('plain', 5, '{"version": "x"}', '{"version": "y"}')$$), route($$versioned_save(ROW(8, 'x', 'b', 1)::heap)$$);
SET interlock.direct_writes = off;
TRUNCATE heap;
INSERT INTO heap SELECT n, 'a', 'b' FROM generate_series(1, 9) AS n;
SELECT route(format(call, 'heap')) FROM calls ORDER BY n;

SET client_min_messages = error;
DROP SCHEMA write_anything CASCADE;
