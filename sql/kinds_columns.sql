-- A write by version leaves every column that it does not name as it was stored, and what follows from a row follows from the new one, on both paths alike.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA kinds_columns;
SET search_path = kinds_columns;
SET bytea_output = 'hex';

-- What a write answers, or its SQLSTATE; a line more where it took another path than a table of this kind should.
CREATE FUNCTION put(rel regclass, key anycompatible, expected bigint, changes jsonb, may_be_direct boolean DEFAULT true) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    before record := interlock.write_paths();
    later record;
    r interlock.write_result;
    direct boolean := may_be_direct AND current_setting('interlock.direct_writes') = 'auto';
BEGIN
    r := interlock.try_versioned_update(rel, key, expected, changes);
    RETURN NEXT concat_ws(' ', r.status, r.version);
    later := interlock.write_paths();
    IF (later.direct - before.direct, later.planner - before.planner) <> (direct::integer, (NOT direct)::integer) THEN
        RETURN NEXT format('direct %s planner %s', later.direct - before.direct, later.planner - before.planner);
    END IF;
EXCEPTION WHEN OTHERS THEN
    RETURN NEXT SQLSTATE;
END $$;

-- TOASTED values that the write does not name keep their chunks: beside a change, an excepted change, another toasted value,
-- within arrays, composites and ranges, through a BEFORE trigger that hands the row on, and where an index wants the row's new place
CREATE TYPE pair AS (a integer, b text);
CREATE TABLE big (id integer PRIMARY KEY, n integer, hits integer, ext text, main text, squeezed text, list text[], part pair, body jsonb, raw bytea, span numrange);
ALTER TABLE big ALTER ext SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL, ALTER main SET STORAGE MAIN;
SELECT string_agg(md5(n::text), '') AS noise FROM generate_series(1, 1000) AS n \gset
SELECT string_agg(replace(md5(n::text), 'a', '1'), '') AS other FROM generate_series(1, 1000) AS n \gset
INSERT INTO big VALUES (1, 0, 0, repeat('x', 20000), repeat('m', 300), :'noise', ARRAY[:'noise', NULL], (1, :'noise'), jsonb_build_object('a', :'noise'::text), decode(:'other', 'escape'),
    numrange(0, (repeat('7', 20000))::numeric));
SELECT count(interlock.enable_versioning('big', except_columns => '{hits}'));
-- all values that are stored out of line, each by the places of its chunks
CREATE FUNCTION chunks(rel regclass) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE told text[];
BEGIN
    EXECUTE format('SELECT array_agg(value ORDER BY value) FROM (SELECT chunk_id || '' '' || array_agg(ctid ORDER BY chunk_seq)::text AS value FROM %s GROUP BY chunk_id) AS v',
                   (SELECT reltoastrelid::regclass FROM pg_class WHERE oid = rel)) INTO told;
    RETURN told;
END $$;
SELECT chunks('big') AS before \gset
SELECT cardinality(chunks('big'));
SELECT put('big', 1, 1, '{"n": 1}');
SELECT put('big', 1, 2, '{"hits": 1}');
SELECT put('big', 1, 2, '{"n": 1}');
SELECT put('big', 1, 1, '{"n": 9}');
SELECT chunks('big') = :'before' AS untouched, n, hits, version FROM big;
-- with a BEFORE trigger, and an index that the write must serve
CREATE FUNCTION hand_on() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := NEW.n + 100; RETURN NEW; END $$;
CREATE TRIGGER hand_on BEFORE UPDATE ON big FOR EACH ROW EXECUTE FUNCTION hand_on();
CREATE INDEX ON big (n);
SELECT chunks('big') AS before \gset
SELECT put('big', 1, 3, '{"n": 3}');
SELECT put('big', 1, 4, '{"hits": 2}');
SELECT chunks('big') = :'before' AS untouched, n, version FROM big;
DROP TRIGGER hand_on ON big;
-- one of them changes: the others stay
SELECT put('big', 1, 5, jsonb_build_object('squeezed', :'other'::text, 'list', '["short"]'::jsonb));
SELECT cardinality(chunks('big')) AS now, count(*) AS stayed FROM unnest(:'before'::text[]) AS chunk WHERE chunk = ANY (chunks('big'));
SELECT squeezed = :'other' AS squeezed, list, (part).b = :'noise' AS part, body ->> 'a' = :'noise' AS body, length(ext), length(raw), upper(span) = repeat('7', 20000)::numeric AS span FROM big;
-- compression is the stored value's own: the new setting is for new values
CREATE TABLE squeezed (id integer PRIMARY KEY, n integer, a text COMPRESSION pglz, b text COMPRESSION pglz);
INSERT INTO squeezed VALUES (1, 0, repeat('a', 5000), repeat('b', 5000));
SELECT count(interlock.enable_versioning('squeezed'));
ALTER TABLE squeezed ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
SELECT put('squeezed', 1, 1, jsonb_build_object('b', repeat('c', 5000)));
SELECT pg_column_compression(a), pg_column_compression(b), a = repeat('a', 5000) AS a, b = repeat('c', 5000) AS b FROM squeezed;

-- ARRAYS that the write does not name keep their lower bounds, dimensions and NULLs
CREATE TABLE lists (id integer PRIMARY KEY, n integer, shifted integer[], nested text[], none integer[], pairs pair[]);
INSERT INTO lists VALUES (1, 0, '[-1:1]={1,NULL,3}', '[0:1][2:3]={{a,b},{c,NULL}}', '{}', ARRAY[(1, 'x'), NULL]::pair[]);
SELECT count(interlock.enable_versioning('lists'));
SELECT put('lists', 1, 1, '{"n": 1}');
SELECT * FROM lists;
-- in PostgreSQL's own text they can be sent, too
SELECT put('lists', 1, 2, '{"shifted": "[-1:1]={1,NULL,3}", "n": 1}');
SELECT put('lists', 1, 2, '{"shifted": "[5:6]={1,2}", "nested": [["a", null], ["c", "d"]]}');
SELECT put('lists', 1, 3, '{"nested": [["a", null], ["c", "d"]]}');
SELECT * FROM lists;

-- DOMAINS: over a domain, an array, a composite, NOT NULL with a default; a value that the write does not name is not checked again
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN small AS positive CHECK (VALUE < 1000);
CREATE DOMAIN named AS text NOT NULL DEFAULT 'nobody' CHECK (VALUE <> '');
CREATE DOMAIN good_pair AS pair CHECK (VALUE IS NULL OR (VALUE).a IS NOT NULL);
CREATE TABLE checked (id integer PRIMARY KEY, n integer, s small, w named, p good_pair, l small[]);
INSERT INTO checked (id, n, s) VALUES (1, 0, 5);
SELECT count(interlock.enable_versioning('checked'));
SELECT put('checked', 1, 1, '{"s": 1000}'), put('checked', 1, 1, '{"s": 0}'), put('checked', 1, 1, '{"w": null}'), put('checked', 1, 1, '{"w": ""}'), put('checked', 1, 1, '{"p": {"b": "x"}}'),
       put('checked', 1, 1, '{"l": [1, 1000]}');
SELECT put('checked', 1, 1, '{"s": 6, "w": "me", "p": {"a": 1}, "l": [1, null]}');
ALTER DOMAIN small ADD CONSTRAINT even CHECK (VALUE % 2 = 1) NOT VALID;
SELECT put('checked', 1, 2, '{"n": 1}');
SELECT put('checked', 1, 3, '{"s": 8}');
SELECT put('checked', 1, 3, '{"s": 7}');
SELECT * FROM checked;
-- what a BEFORE trigger makes of a domain is checked by the assignment that made it
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.s := NEW.s - 7; RETURN NEW; END $$;
CREATE TRIGGER spoil BEFORE UPDATE ON checked FOR EACH ROW EXECUTE FUNCTION spoil();
SELECT put('checked', 1, 4, '{"n": 2}');
DROP TRIGGER spoil ON checked;

-- CHECK and NOT NULL: of the table, over several columns, one with the version, NOT VALID ones for the new row as UPDATE does
CREATE TABLE bounded (id integer PRIMARY KEY, lo integer NOT NULL, hi integer, note text, CONSTRAINT span CHECK (lo <= hi));
INSERT INTO bounded VALUES (1, 1, 5, 'old'), (2, 1, 5, 'old');
SELECT count(interlock.enable_versioning('bounded'));
ALTER TABLE bounded ADD CONSTRAINT versions CHECK (version < 4), ADD CONSTRAINT noted CHECK (note <> 'old') NOT VALID;
SELECT put('bounded', 1, 1, '{"hi": 6}');
SELECT put('bounded', 1, 1, '{"hi": 6, "note": "new"}');
SELECT put('bounded', 1, 2, '{"lo": 7}'), put('bounded', 1, 2, '{"lo": null}'), put('bounded', 1, 2, '{"lo": 7, "hi": 8}'), put('bounded', 1, 3, '{"lo": 8}');
SELECT * FROM bounded ORDER BY id;
-- the error is PostgreSQL's own, with the row for those who may see it
SELECT r.* FROM interlock.try_versioned_update('bounded', 2, 1, '{"lo": 9, "note": "new"}') AS r;

-- GENERATED columns: from the version itself, from a column that a BEFORE trigger changes, from nothing that changed; in an index, a check and a foreign key
CREATE TABLE labels (label text PRIMARY KEY);
INSERT INTO labels SELECT 'a/' || n FROM generate_series(1, 4) AS n;
CREATE TABLE computed (id integer PRIMARY KEY, name text, n integer, version bigint NOT NULL DEFAULT 1,
    label text GENERATED ALWAYS AS (name || '/' || version) STORED UNIQUE REFERENCES labels,
    twice integer GENERATED ALWAYS AS (n * 2) STORED CHECK (twice < 100),
    fixed text GENERATED ALWAYS AS ('fixed') STORED);
INSERT INTO computed VALUES (1, 'a', 1);
SELECT count(interlock.enable_versioning('computed', except_columns => '{n}'));
SELECT put('computed', 1, 1, '{"name": "a", "n": 2}');
SELECT * FROM computed;
SELECT interlock.enable_versioning('computed') \gset
SELECT put('computed', 1, 1, '{"n": 3}');
SELECT * FROM computed;
SELECT put('computed', 1, 2, '{"n": 50}'), put('computed', 1, 2, '{"name": "b"}');
CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := NEW.n + 1; RETURN NEW; END $$;
CREATE TRIGGER count_up BEFORE UPDATE ON computed FOR EACH ROW EXECUTE FUNCTION count_up();
SELECT put('computed', 1, 2, '{"n": 4}');
SELECT * FROM computed;
SELECT put('computed', 1, 3, '{"twice": 4}'), put('computed', 1, 3, '{"fixed": "x"}');
-- a generated column that is virtual (PostgreSQL 18): told like any other on both paths
CREATE FUNCTION virtual() RETURNS void LANGUAGE plpgsql AS $$
DECLARE r interlock.write_result;
BEGIN
    IF current_setting('server_version_num')::integer < 180000 THEN RETURN; END IF;
    EXECUTE 'CREATE TABLE virtual (id integer PRIMARY KEY, n integer, twice integer GENERATED ALWAYS AS (n * 2) VIRTUAL CHECK (twice < 100))';
    EXECUTE 'INSERT INTO virtual VALUES (1, 5)';
    PERFORM interlock.enable_versioning('virtual');
    ASSERT interlock.versioned_update('virtual', 1, 1, '{"n": 6}') = 2;
    r := interlock.try_versioned_update('virtual', 1, 1, '{"n": 7}');
    ASSERT r.current = '{"id": 1, "n": 6, "twice": 12, "version": 2}', r.current;
    ASSERT (SELECT p FROM put('virtual', 1, 2, '{"n": 50}') AS p) = '23514', 'its check';
END $$;
SELECT virtual();

-- IDENTITY: ALWAYS is not for changes to name, and stays as it is; BY DEFAULT is
CREATE TABLE numbered (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, serial integer GENERATED ALWAYS AS IDENTITY, chosen integer GENERATED BY DEFAULT AS IDENTITY, note text);
INSERT INTO numbered (note) VALUES ('a');
SELECT count(interlock.enable_versioning('numbered'));
SELECT put('numbered', 1, 1, '{"serial": 7}'), put('numbered', 1, 1, '{"note": "b", "chosen": 7}'), put('numbered', 1, 2, '{"chosen": null}');
SELECT * FROM numbered;
INSERT INTO numbered (note) VALUES ('b') RETURNING id, serial, chosen;

-- DROPPED and ADDED columns among 200: what is gone reads as NULL, what was added without a rewrite as its default, whatever is written
DO $$ BEGIN
    EXECUTE (SELECT format('CREATE TABLE wide (id integer PRIMARY KEY, %s)', string_agg(format('c%s text', n), ', ')) FROM generate_series(1, 200) AS n);
    EXECUTE (SELECT format('INSERT INTO wide VALUES (1, %s)', string_agg(quote_literal('v' || n), ', ')) FROM generate_series(1, 200) AS n);
END $$;
SELECT count(interlock.enable_versioning('wide'));
DO $$ BEGIN
    EXECUTE (SELECT 'ALTER TABLE wide ' || string_agg(format('DROP COLUMN c%s', n), ', ') FROM generate_series(2, 200, 3) AS n);
END $$;
ALTER TABLE wide ADD COLUMN added integer DEFAULT 7, ADD COLUMN late text NOT NULL DEFAULT 'late', ADD COLUMN empty text;
SELECT put('wide', 1, 1, '{"c3": "x"}'), put('wide', 1, 2, '{"c2": "x"}'), put('wide', 1, 2, '{"added": 7, "late": "late", "empty": null}'), put('wide', 1, 2, '{"added": 8}');
SELECT c1, c3, c199, added, late, empty, version FROM wide;
SELECT count(*), count(*) FILTER (WHERE value = 'v' || substr(key, 2)) AS kept FROM wide AS w, jsonb_each_text(to_jsonb(w)) WHERE key ~ '^c\d';

SELECT (SELECT direct > 0 FROM interlock.write_paths()) = (current_setting('interlock.direct_writes') = 'auto') AS path;
DROP SCHEMA kinds_columns CASCADE;
