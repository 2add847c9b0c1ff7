-- Proves every rule of the row trigger: what becomes of the version in each kind of write, what is refused, and what the refusal says to whom.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA row_trigger;
SET search_path = row_trigger;
SET timezone = 'UTC';
\pset format unaligned
\pset fieldsep ' | '
\pset null NULL
\pset tuples_only on
\set VERBOSITY sqlstate

-- what a statement that returns one value returned, or its SQLSTATE, undone
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    BEGIN
        EXECUTE statement INTO result;
        RAISE EXCEPTION USING errcode = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN NULL;
    END;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate;
END $$;

-- all that an error says
CREATE FUNCTION error(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    code text;
    message text;
    detail text;
    hint text;
    schema_name text;
    table_name text;
    column_name text;
BEGIN
    EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
        schema_name = SCHEMA_NAME, table_name = TABLE_NAME, column_name = COLUMN_NAME;
    RETURN NEXT code || ' ' || message;
    IF detail <> '' THEN RETURN NEXT '    detail ' || detail; END IF;
    IF hint <> '' THEN RETURN NEXT '    hint ' || hint; END IF;
    RETURN NEXT '    fields ' || concat_ws(', ', nullif(schema_name, ''), nullif(table_name, ''), nullif(column_name, ''));
END $$;

--
-- INSERT: a supplied version is kept, NULL becomes the first one
--

CREATE TABLE docs (id integer PRIMARY KEY, name text, hits integer NOT NULL DEFAULT 0, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('docs', except_columns => '{hits}') \gset

INSERT INTO docs (id, name) VALUES (1, 'a') RETURNING version;
INSERT INTO docs (id, name, version) VALUES (2, 'b', 7) RETURNING version;
INSERT INTO docs (id, name, version) VALUES (3, 'c', NULL) RETURNING version;
INSERT INTO docs (id, name, version) VALUES (4, 'd', DEFAULT) RETURNING version;
INSERT INTO docs (id, name, version) VALUES (5, 'e', 0), (6, 'f', -3), (7, 'g', NULL), (8, 'h', 9) RETURNING version;
INSERT INTO docs SELECT id + 10, name, hits, version + 10 FROM docs WHERE id IN (1, 2) RETURNING version;

-- COPY, with and without the column
COPY docs (id, name, version) FROM stdin;
21	copied	42
22	copied	\N
\.
COPY docs (id, name) FROM stdin;
23	copied
\.
SELECT id, version FROM docs WHERE id > 20 ORDER BY id;

-- ON CONFLICT: EXCLUDED.version is what was supplied, so the compare-and-set works
INSERT INTO docs (id, name, version) VALUES (2, 'upserted', 7)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version RETURNING version;
INSERT INTO docs (id, name, version) VALUES (2, 'upserted late', 7)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version RETURNING version;
INSERT INTO docs (id, name, version) VALUES (2, 'upserted', 8)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version RETURNING version;
INSERT INTO docs (id, name) VALUES (2, 'without')
ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING version;
INSERT INTO docs (id, name) VALUES (2, 'incremented')
ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = docs.version + 1 RETURNING version;
INSERT INTO docs (id, name) VALUES (2, 'nothing') ON CONFLICT DO NOTHING RETURNING version;
INSERT INTO docs (id, name) VALUES (2, 'nothing')
ON CONFLICT (id) DO UPDATE SET name = docs.name RETURNING version;
-- a version of NULL becomes 1 before there is a conflict, and is judged as 1
INSERT INTO docs (id, name, version) VALUES (2, 'unversioned', NULL)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version RETURNING version;

--
-- UPDATE: what was sent, by what changed, for each setting; the row is at version 7
--

CREATE TABLE rules (id integer PRIMARY KEY, name text, hits integer, version integer NOT NULL);
INSERT INTO rules VALUES (1, 'a', 0, 7);

\pset tuples_only off
SELECT interlock.enable_versioning('rules', except_columns => '{hits}', accept => 'either') \gset
CREATE VIEW matrix AS
SELECT sent, outcome(format(E'UPDATE rules SET name = \'b\'%s RETURNING version', assignment)) AS "a change",
    outcome(format(E'UPDATE rules SET name = \'a\'%s RETURNING version', assignment)) AS "no change",
    outcome(format('UPDATE rules SET hits = 1%s RETURNING version', assignment)) AS "excepted only",
    outcome(format(E'UPDATE rules SET hits = 1, name = \'b\'%s RETURNING version', assignment)) AS "both"
FROM (VALUES (1, 'nothing', ''), (2, '6', ', version = 6'), (3, '7 (echo)', ', version = 7'), (4, '8 (increment)', ', version = 8'), (5, '9', ', version = 9'),
      (6, '-1', ', version = -1'), (7, 'NULL', ', version = NULL'), (8, 'itself', ', version = version'), (9, 'itself + 1', ', version = version + 1'),
      (10, 'DEFAULT (there is none)', ', version = DEFAULT')) AS cases (number, sent, assignment)
ORDER BY number;
TABLE matrix;
SELECT interlock.enable_versioning('rules', except_columns => '{hits}', accept => 'echo') \gset
TABLE matrix;
SELECT interlock.enable_versioning('rules', except_columns => '{hits}', accept => 'increment') \gset
TABLE matrix;
SELECT interlock.enable_versioning('rules', except_columns => '{hits}', accept => 'echo', require_version => true) \gset
TABLE matrix;
SELECT interlock.enable_versioning('rules', except_columns => '{hits}', accept => 'increment', require_version => true) \gset
TABLE matrix;

-- the same rules where another BEFORE trigger makes the whole row be compared
CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE TRIGGER leave BEFORE UPDATE ON rules FOR EACH ROW EXECUTE FUNCTION leave();
SELECT interlock.enable_versioning('rules', except_columns => '{hits}', accept => 'either') \gset
TABLE matrix;
SELECT interlock.enable_versioning('rules', except_columns => '{hits}', accept => 'echo', require_version => true) \gset
TABLE matrix;
\pset tuples_only on
SELECT * FROM rules;

--
-- what counts as a change
--

-- values, not assignments; the key too; several rows are judged one by one
UPDATE docs SET name = name, hits = hits WHERE id = 1 RETURNING version;
UPDATE docs SET name = 'a' WHERE id = 1 RETURNING version;
UPDATE docs SET name = NULL WHERE id = 1 RETURNING version;
UPDATE docs SET name = NULL WHERE id = 1 RETURNING version;
UPDATE docs SET id = 100 WHERE id = 1 RETURNING version;
UPDATE docs SET (name, hits) = ('z', 5) WHERE id = 100 RETURNING version;
UPDATE docs SET (name, hits) = ('z', 6) WHERE id = 100 RETURNING version;
UPDATE docs SET (name, hits, version) = (SELECT 'y', 7, 4) WHERE id = 100 RETURNING version;
UPDATE docs SET name = 'c' WHERE id IN (3, 4, 7, 8) RETURNING id, version;
UPDATE docs SET name = new.name, version = new.version
FROM (VALUES (3, 'x', 1), (4, 'x', 2)) AS new (id, name, version) WHERE docs.id = new.id RETURNING docs.id, docs.version;
WITH written AS (UPDATE docs SET name = 'cte' WHERE id = 5 RETURNING version) SELECT * FROM written;
BEGIN;
DECLARE of_docs CURSOR FOR SELECT * FROM docs WHERE id = 5 FOR UPDATE;
MOVE of_docs;
UPDATE docs SET name = 'cursor', version = 1 WHERE CURRENT OF of_docs RETURNING version;
COMMIT;
-- a statement with one stale row among several changes none
UPDATE docs SET name = 'all or nothing', version = 2 WHERE id IN (3, 4, 5);
SELECT id, name, version FROM docs WHERE id IN (3, 4, 5) ORDER BY id;
-- no rows, no opinion: this is what a trigger cannot see
UPDATE docs SET name = 'lost', version = 2 WHERE id = 3 AND version = 1 RETURNING version;
-- nor does it see DELETE or TRUNCATE; a row deleted and inserted again starts anew
DELETE FROM docs WHERE id = 3 RETURNING version;
INSERT INTO docs (id) VALUES (3) RETURNING version;

-- stored images decide: 1.0 and 1.00 are different to whoever reads them
CREATE TABLE amounts (id integer PRIMARY KEY, amount numeric, facts json, tags text[], version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('amounts') \gset
INSERT INTO amounts VALUES (1, 1.0, '{"a":1}', '{a,b}');
UPDATE amounts SET amount = 1.0, facts = '{"a":1}', tags = ARRAY['a', 'b'] RETURNING version;
UPDATE amounts SET amount = 1.00 RETURNING version;
UPDATE amounts SET facts = '{"a": 1}' RETURNING version;
UPDATE amounts SET tags = '[0:1]={a,b}' RETURNING version;

-- stored generated columns follow from the others and do not count, whichever way the row is compared
CREATE TABLE computed (id integer PRIMARY KEY, price integer, hits integer, twice integer GENERATED ALWAYS AS (price * 2) STORED,
    popular boolean GENERATED ALWAYS AS (hits > 10) STORED, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('computed', except_columns => '{hits}') \gset
INSERT INTO computed (id, price, hits) VALUES (1, 10, 0);
UPDATE computed SET price = 10 RETURNING version, twice, popular;
UPDATE computed SET hits = 11 RETURNING version, twice, popular;
UPDATE computed SET price = 11 RETURNING version, twice, popular;
UPDATE computed SET price = 11, version = 2 RETURNING version, twice, popular;
CREATE TRIGGER leave BEFORE UPDATE ON computed FOR EACH ROW EXECUTE FUNCTION leave();
UPDATE computed SET price = 11 RETURNING version, twice, popular;
UPDATE computed SET hits = 9 RETURNING version, twice, popular;
UPDATE computed SET price = 12, version = 2 RETURNING version, twice, popular;

-- dropped columns, and a column that was added with a default and is not stored in the row yet
CREATE TABLE altered (id integer PRIMARY KEY, gone text, name text, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('altered') \gset
CREATE TRIGGER leave BEFORE UPDATE ON altered FOR EACH ROW EXECUTE FUNCTION leave();
INSERT INTO altered VALUES (1, 'gone', 'a');
ALTER TABLE altered DROP COLUMN gone;
ALTER TABLE altered ADD COLUMN added integer DEFAULT 5;
UPDATE altered SET name = 'a', added = 5 RETURNING version;
UPDATE altered SET added = NULL RETURNING version;
UPDATE altered SET added = 5 RETURNING version;

-- a large value that is stored out of line: left alone, sent again, and changed
CREATE TABLE large (id integer PRIMARY KEY, body text, squeezed text, hits integer NOT NULL DEFAULT 0, version bigint NOT NULL DEFAULT 1);
ALTER TABLE large ALTER body SET STORAGE EXTERNAL;
SELECT interlock.enable_versioning('large', except_columns => '{hits}') \gset
CREATE TRIGGER leave BEFORE UPDATE ON large FOR EACH ROW EXECUTE FUNCTION leave();
INSERT INTO large VALUES (1, repeat('x', 100000), repeat('y', 1000000));
SELECT reltoastrelid::regclass AS toast FROM pg_class WHERE oid = 'large'::regclass \gset
SELECT array_agg(DISTINCT chunk_id ORDER BY chunk_id) AS chunks FROM :toast \gset
UPDATE large SET hits = 1 RETURNING version;
UPDATE large SET hits = 2, body = body, squeezed = squeezed RETURNING version;
UPDATE large SET hits = 2, version = 1 RETURNING version;
SELECT array_agg(DISTINCT chunk_id ORDER BY chunk_id) = :'chunks' AS untouched FROM :toast;
UPDATE large SET body = repeat('x', 100000), squeezed = repeat('y', 1000000) RETURNING version;
UPDATE large SET body = overlay(body PLACING 'z' FROM 99999) RETURNING version;
UPDATE large SET squeezed = overlay(squeezed PLACING 'z' FROM 999999) RETURNING version;
ALTER TABLE large DISABLE TRIGGER leave;
UPDATE large SET body = body, squeezed = squeezed RETURNING version;
UPDATE large SET body = repeat('x', 100000) RETURNING version;

--
-- other BEFORE triggers: what they make of the row is what is judged
--

CREATE TABLE stamped (id integer PRIMARY KEY, name text, updated_at timestamptz, version bigint NOT NULL DEFAULT 1);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.updated_at := clock_timestamp(); RETURN new; END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION stamp();
SELECT interlock.enable_versioning('stamped') \gset
INSERT INTO stamped VALUES (1, 'a');
-- only the stamp changed, and it is a column like any other
UPDATE stamped SET name = 'a' RETURNING version;
UPDATE stamped SET name = 'a', version = 2 RETURNING version;
-- unless it is excepted
SELECT interlock.enable_versioning('stamped', except_columns => '{updated_at}') \gset
UPDATE stamped SET name = 'a' RETURNING version;
UPDATE stamped SET name = 'a', version = 3 RETURNING version;
UPDATE stamped SET name = 'b', version = 3 RETURNING version;
SELECT interlock.enable_versioning('stamped', except_columns => '{updated_at}', accept => 'echo', require_version => true) \gset
UPDATE stamped SET name = 'b' RETURNING version;
UPDATE stamped SET name = 'c' RETURNING version;

-- a trigger of one's own that counts versions is harmless beside ours; one that takes the change back leaves no change
CREATE TABLE counted (id integer PRIMARY KEY, name text, version bigint NOT NULL DEFAULT 1);
CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.version := old.version + 1; RETURN new; END $$;
CREATE TRIGGER count_up BEFORE UPDATE ON counted FOR EACH ROW EXECUTE FUNCTION count_up();
SELECT interlock.enable_versioning('counted') \gset
INSERT INTO counted VALUES (1, 'a');
UPDATE counted SET name = 'b' RETURNING version;
UPDATE counted SET name = 'b' RETURNING version;
CREATE OR REPLACE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.name := old.name; RETURN new; END $$;
UPDATE counted SET name = 'taken back' RETURNING name, version;
UPDATE counted SET name = 'taken back', version = 2 RETURNING name, version;
-- a trigger that changes what was not in the SET list makes a change
CREATE OR REPLACE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.name := old.name || '+'; RETURN new; END $$;
UPDATE counted SET id = 1 RETURNING name, version;
-- a trigger that returns NULL writes nothing, and ours never hears of it
CREATE OR REPLACE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
UPDATE counted SET name = 'swallowed', version = 99 RETURNING name, version;
SELECT * FROM counted;

-- AFTER triggers and transition tables see the old and the new version
CREATE TABLE seen (id integer PRIMARY KEY, name text, version bigint NOT NULL DEFAULT 1);
CREATE TABLE sightings (number integer GENERATED ALWAYS AS IDENTITY, what text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sightings (what) VALUES (format('row: %s to %s', old.version, new.version));
    RETURN NULL;
END $$;
CREATE FUNCTION see_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sightings (what) SELECT format('statement: %s to %s', b.version, a.version) FROM before AS b JOIN after AS a USING (id) ORDER BY id;
    RETURN NULL;
END $$;
CREATE TRIGGER see AFTER UPDATE ON seen FOR EACH ROW EXECUTE FUNCTION see();
CREATE TRIGGER see_all AFTER UPDATE ON seen REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION see_all();
SELECT interlock.enable_versioning('seen') \gset
INSERT INTO seen VALUES (1, 'a', 4), (2, 'b', 8);
UPDATE seen SET name = 'c';
SELECT what FROM sightings ORDER BY number;

--
-- require_version: what passes without a version
--

CREATE TABLE owners (id integer PRIMARY KEY, name text);
CREATE TABLE things (id integer PRIMARY KEY, name text, hits integer,
    owner integer REFERENCES owners ON DELETE SET NULL ON UPDATE CASCADE,
    maker integer DEFAULT 1 REFERENCES owners ON DELETE SET DEFAULT ON UPDATE CASCADE, version integer NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('things', except_columns => '{hits}', accept => 'echo', require_version => true) \gset
INSERT INTO owners VALUES (1, 'first'), (2, 'second'), (3, 'third');
INSERT INTO things (id, name, owner, maker) VALUES (1, 'a', 2, 3);
UPDATE things SET name = 'b';
UPDATE things SET owner = NULL;
UPDATE things SET hits = 1, name = 'b';
INSERT INTO things (id, name) VALUES (1, 'b') ON CONFLICT (id) DO UPDATE SET name = excluded.name;
-- only excepted columns
UPDATE things SET hits = 1 RETURNING version;
-- nothing at all
UPDATE things SET name = 'a' RETURNING version;
-- referential actions, which move the version, once for each
UPDATE owners SET id = 20 WHERE id = 2;
SELECT * FROM things;
DELETE FROM owners WHERE id = 20;
SELECT * FROM things;
DELETE FROM owners WHERE id = 3;
SELECT * FROM things;
-- interlock's own writes
SELECT interlock.versioned_update('things', 1, 4, '{"name": "own"}');
SELECT * FROM things;
-- DELETE is no update
DELETE FROM things RETURNING version;

-- a trigger that one of interlock's writes fires is judged by itself
CREATE TABLE totals (id integer PRIMARY KEY, amount integer, version bigint NOT NULL DEFAULT 1);
INSERT INTO totals VALUES (1, 0);
CREATE FUNCTION add_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE totals SET amount = amount + 1; RETURN NULL; END $$;
CREATE TRIGGER add_up AFTER UPDATE ON things FOR EACH ROW EXECUTE FUNCTION add_up();
SELECT interlock.enable_versioning('totals', accept => 'echo', require_version => true) \gset
INSERT INTO things (id, name) VALUES (2, 'a');
SELECT interlock.versioned_update('things', 2, 1, '{"name": "b"}');
SELECT interlock.enable_versioning('totals') \gset
SELECT interlock.versioned_update('things', 2, 1, '{"name": "b"}');
SELECT * FROM totals;

--
-- timestamptz: never refused, never standing still
--

CREATE TABLE clocked (id integer PRIMARY KEY, name text, hits integer, at timestamptz);
SELECT interlock.enable_versioning('clocked', 'at', except_columns => '{hits}') \gset
INSERT INTO clocked VALUES (1, 'a', 0, '2020-01-01') RETURNING at;
INSERT INTO clocked VALUES (2, 'a', 0, NULL) RETURNING at BETWEEN now() AND clock_timestamp();
\pset tuples_only off
CREATE VIEW clocked_matrix AS
SELECT sent, outcome(format(E'UPDATE clocked SET name = \'b\'%s WHERE id = 1 RETURNING %s', assignment, shown)) AS "a change",
    outcome(format(E'UPDATE clocked SET name = \'a\'%s WHERE id = 1 RETURNING %s', assignment, shown)) AS "no change",
    outcome(format('UPDATE clocked SET hits = 1%s WHERE id = 1 RETURNING %s', assignment, shown)) AS "excepted only"
FROM (VALUES (1, 'nothing', ''), (2, 'earlier', $$, at = '2019-01-01'$$), (3, 'same', $$, at = '2020-01-01'$$), (4, 'later', $$, at = '2020-01-02'$$),
      (5, 'the future', $$, at = '2200-01-01'$$), (6, 'NULL', ', at = NULL'), (7, 'now()', ', at = now()'), (8, '-infinity', $$, at = '-infinity'$$)) AS cases (number, sent, assignment),
    (VALUES ($$CASE WHEN at = now() THEN 'now()' WHEN at BETWEEN now() AND clock_timestamp() THEN 'clock' ELSE at::text END$$)) AS s (shown)
ORDER BY number;
TABLE clocked_matrix;
\pset tuples_only on
-- at the clock's time in the middle of a transaction, and growing within it
BEGIN;
SELECT at AS first FROM clocked WHERE id = 2 \gset
UPDATE clocked SET name = 'b' WHERE id = 2 RETURNING at > :'first';
SELECT at AS first FROM clocked WHERE id = 2 \gset
UPDATE clocked SET name = 'c' WHERE id = 2 RETURNING at > :'first';
COMMIT;
-- a clock that stands still or goes back: at least one microsecond more
INSERT INTO clocked VALUES (3, 'a', 0, '2200-01-01');
UPDATE clocked SET name = 'b' WHERE id = 3 RETURNING at;
UPDATE clocked SET name = 'c', at = '2200-01-01' WHERE id = 3 RETURNING at;
UPDATE clocked SET name = 'd', at = NULL WHERE id = 3 RETURNING at;
-- many updates in one transaction: as many values
CREATE TABLE ticks (at timestamptz);
BEGIN;
DO $$
DECLARE
    version timestamptz;
BEGIN
    FOR i IN 1 .. 1000 LOOP
        UPDATE clocked SET name = i::text WHERE id = 1 RETURNING at INTO version;
        INSERT INTO ticks VALUES (version);
    END LOOP;
END $$;
COMMIT;
SELECT count(*), count(DISTINCT at) FROM ticks;
SELECT count(*) FROM (SELECT at > lag(at) OVER () AS grows FROM ticks) AS t WHERE NOT grows;
-- infinities: nothing is later than infinity, and everything than -infinity
INSERT INTO clocked VALUES (4, 'a', 0, 'infinity'), (5, 'a', 0, '-infinity') RETURNING at;
UPDATE clocked SET name = 'b' WHERE id = 5 RETURNING at BETWEEN now() AND clock_timestamp();
UPDATE clocked SET name = 'a' WHERE id = 4 RETURNING at;
UPDATE clocked SET name = 'b' WHERE id = 4;
SELECT count(*) AS hints FROM error('UPDATE clocked SET name = ''b'' WHERE id = 4') AS line WHERE line LIKE '%hint %';
-- a row without one gets it
SET session_replication_role = replica;
INSERT INTO clocked VALUES (6, 'a', 0, NULL), (7, 'a', 0, NULL);
RESET session_replication_role;
UPDATE clocked SET name = 'b' WHERE id = 6 RETURNING at BETWEEN now() AND clock_timestamp();
UPDATE clocked SET name = 'b', at = '2020-01-01' WHERE id = 7 RETURNING at;
-- no version that a caller could expect
SELECT interlock.versioned_update('clocked', 1, 1, '{"name": "b"}');

--
-- the last value of a counter: 22003, with the way on
--

CREATE TABLE small (id integer PRIMARY KEY, name text, version smallint NOT NULL);
CREATE TABLE medium (id integer PRIMARY KEY, name text, version integer NOT NULL);
CREATE TABLE big (id integer PRIMARY KEY, name text, version bigint NOT NULL);
SELECT count(interlock.enable_versioning(t)) FROM unnest('{small, medium, big}'::regclass[]) AS t;
INSERT INTO small VALUES (1, 'a', 32766) RETURNING version;
INSERT INTO medium VALUES (1, 'a', 2147483646) RETURNING version;
INSERT INTO big VALUES (1, 'a', 9223372036854775806) RETURNING version;
UPDATE small SET name = 'b' RETURNING version;
UPDATE medium SET name = 'b', version = 2147483646 RETURNING version;
UPDATE big SET name = 'b', version = 9223372036854775807 RETURNING version;
UPDATE small SET name = 'c';
UPDATE medium SET name = 'c';
UPDATE big SET name = 'c';
UPDATE small SET name = 'c', version = 32767;
UPDATE big SET name = 'c', version = 9223372036854775807;
SELECT interlock.versioned_update('small', 1, 32767, '{"name": "c"}');
SELECT error($$UPDATE small SET name = 'c'$$);
SELECT error($$UPDATE medium SET name = 'c'$$);
-- where nothing changes nothing is counted; a stale version is stale
UPDATE small SET name = 'b' RETURNING version;
UPDATE small SET name = 'b', version = 32767 RETURNING version;
UPDATE big SET name = 'c', version = 1;
UPDATE small SET name = 'c', version = -32768;
-- the hint is the way
SELECT interlock.disable_versioning('small') \gset
ALTER TABLE small ALTER version TYPE bigint;
SELECT interlock.enable_versioning('small') \gset
UPDATE small SET name = 'c' RETURNING version;
-- for bigint there is no larger type to send anybody to
SELECT line LIKE '%to bigint%' AS useless FROM error($$UPDATE big SET name = 'c'$$) AS line WHERE line LIKE '%hint %';

--
-- a row without a version, as a write with triggers off can leave it
--

CREATE TABLE holey (id integer PRIMARY KEY, name text, hits integer, version integer DEFAULT 1);
SELECT interlock.enable_versioning('holey', except_columns => '{hits}', accept => 'echo') \gset
SET session_replication_role = replica;
INSERT INTO holey SELECT i, 'a', 0, NULL FROM generate_series(1, 6) AS i;
RESET session_replication_role;
UPDATE holey SET name = 'b' WHERE id = 1 RETURNING version;
UPDATE holey SET name = 'a' WHERE id = 2 RETURNING version;
UPDATE holey SET name = 'b', version = NULL WHERE id = 3 RETURNING version;
UPDATE holey SET name = 'b', version = 1 WHERE id = 4 RETURNING version;
-- a version that the row does not have is not its version
UPDATE holey SET name = 'b', version = 7 WHERE id = 5 RETURNING version;
SELECT version FROM holey WHERE id = 5;

--
-- partitions: a row that moves keeps its version, raised once
--

CREATE TABLE parted (region text, id integer, name text, version bigint NOT NULL DEFAULT 1, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE parted_north PARTITION OF parted FOR VALUES IN ('north');
CREATE TABLE parted_south (version bigint NOT NULL DEFAULT 1, gone text, name text, id integer NOT NULL, region text NOT NULL);
ALTER TABLE parted_south DROP COLUMN gone;
ALTER TABLE parted ATTACH PARTITION parted_south FOR VALUES IN ('south');
SELECT interlock.enable_versioning('parted', except_columns => '{name}') \gset
INSERT INTO parted VALUES ('north', 1, 'a', 7), ('south', 2, 'b', NULL) RETURNING version;
UPDATE parted SET region = 'south' WHERE id = 1 RETURNING tableoid::regclass, version;
UPDATE parted SET region = 'north', version = 8 WHERE id = 1 RETURNING tableoid::regclass, version;
UPDATE parted SET region = 'south', version = 10 WHERE id = 1 RETURNING tableoid::regclass, version;
UPDATE parted SET region = 'north', version = 12 WHERE id = 1 RETURNING tableoid::regclass, version;
UPDATE parted SET region = 'south' WHERE id = 1 RETURNING tableoid::regclass, version;
UPDATE parted SET name = 'excepted' RETURNING id, version;
UPDATE parted_south SET id = 3, version = 1 WHERE id = 2 RETURNING version;
INSERT INTO parted VALUES ('south', 3, 'c', 2) ON CONFLICT (region, id) DO UPDATE SET id = 4, version = excluded.version RETURNING id, version;
SELECT interlock.versioned_update('parted', '{"region": "south", "id": 4}'::jsonb, 3, '{"name": "own"}');
SELECT interlock.enable_versioning('parted', accept => 'echo', require_version => true) \gset
UPDATE parted SET region = 'north' WHERE id = 4;
UPDATE parted SET region = 'north', version = 3 WHERE id = 4 RETURNING tableoid::regclass, version;

-- inheritance children, through the parent and by themselves
CREATE TABLE base (id integer PRIMARY KEY, name text);
CREATE TABLE derived (extra text, gone text, version bigint NOT NULL DEFAULT 1, name text, id integer NOT NULL);
ALTER TABLE derived DROP COLUMN gone;
ALTER TABLE derived INHERIT base;
SELECT interlock.enable_versioning('base', except_columns => '{name}') \gset
INSERT INTO base VALUES (1, 'a');
INSERT INTO derived (id, name) VALUES (2, 'b');
UPDATE base SET name = 'excepted' RETURNING tableoid::regclass, version;
SELECT interlock.enable_versioning('base') \gset
UPDATE base SET name = 'c' RETURNING tableoid::regclass, version;
UPDATE base SET name = 'd', version = 2 RETURNING tableoid::regclass, version;
UPDATE derived SET extra = 'e', version = 2;
UPDATE derived SET extra = 'e', version = 3 RETURNING version;

-- a foreign key that includes the version follows it
CREATE TABLE quotes (id integer PRIMARY KEY, name text, version integer NOT NULL DEFAULT 1, UNIQUE (id, version));
CREATE TABLE signatures (quote integer, quote_version integer, FOREIGN KEY (quote, quote_version) REFERENCES quotes (id, version) ON UPDATE CASCADE);
SELECT interlock.enable_versioning('quotes') \gset
INSERT INTO quotes VALUES (1, 'a');
INSERT INTO signatures VALUES (1, 1);
UPDATE quotes SET name = 'b' RETURNING version;
SELECT * FROM signatures;

-- a view that can be updated: the table's rules
CREATE VIEW docs_view AS SELECT id AS doc, version AS revision, name AS title FROM docs;
UPDATE docs_view SET title = 'through the view' WHERE doc = 8 RETURNING revision;
UPDATE docs_view SET title = 'echo', revision = 11 WHERE doc = 8 RETURNING revision;
UPDATE docs_view SET title = 'stale', revision = 10 WHERE doc = 8 RETURNING revision;

--
-- MERGE: its SET list is the union over its branches, so one that leaves the version alone echoes the row's own
--

CREATE TABLE merged (id integer PRIMARY KEY, name text, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('merged') \gset
INSERT INTO merged VALUES (1, 'a', 7), (2, 'a', 7);
MERGE INTO merged AS t USING (VALUES (1, 'b', 7), (2, 'b', NULL), (3, 'b', 5), (4, 'b', NULL)) AS s (id, name, version) ON t.id = s.id
WHEN MATCHED AND s.version IS NOT NULL THEN UPDATE SET name = s.name, version = s.version
WHEN MATCHED THEN UPDATE SET name = s.name
WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.name, s.version);
SELECT * FROM merged ORDER BY id;
MERGE INTO merged AS t USING (VALUES (1, 'c', 7)) AS s (id, name, version) ON t.id = s.id
WHEN MATCHED THEN UPDATE SET name = s.name, version = s.version;
SELECT interlock.enable_versioning('merged', accept => 'echo', require_version => true) \gset
MERGE INTO merged AS t USING (VALUES (1, 'c')) AS s (id, name) ON t.id = s.id
WHEN MATCHED THEN UPDATE SET name = s.name;
MERGE INTO merged AS t USING (VALUES (1, 'c', 8), (2, 'c', NULL)) AS s (id, name, version) ON t.id = s.id
WHEN MATCHED AND s.version IS NOT NULL THEN UPDATE SET name = s.name, version = s.version
WHEN MATCHED THEN UPDATE SET name = s.name;
SELECT * FROM merged ORDER BY id;
SELECT interlock.enable_versioning('merged', accept => 'increment') \gset
MERGE INTO merged AS t USING (VALUES (1, 'd', 10), (2, 'd', NULL)) AS s (id, name, version) ON t.id = s.id
WHEN MATCHED AND s.version IS NOT NULL THEN UPDATE SET name = s.name, version = s.version
WHEN MATCHED THEN UPDATE SET name = s.name;

--
-- session_replication_role = replica: what is replicated is written as it comes
--

SET session_replication_role = replica;
INSERT INTO docs (id, name, version) VALUES (50, 'replicated', 40) RETURNING version;
INSERT INTO docs (id, name, version) VALUES (51, 'replicated', NULL) RETURNING version;
UPDATE docs SET name = 'b' WHERE id = 50 RETURNING version;
UPDATE docs SET name = 'c', version = 12 WHERE id = 50 RETURNING version;
RESET session_replication_role;
UPDATE docs SET name = 'd' WHERE id = 50 RETURNING version;

--
-- what an error says
--

CREATE TABLE "Order ""lines""" ("order" integer, "line no" text, name text, version integer NOT NULL DEFAULT 1, PRIMARY KEY ("line no", "order"));
SELECT interlock.enable_versioning('"Order ""lines"""', accept => 'echo', require_version => true) \gset
INSERT INTO "Order ""lines""" VALUES (7, E'a "b", \\ (c)\n', 'secret');
SELECT error($$UPDATE "Order ""lines""" SET name = 'b', version = 5$$);
SELECT error($$UPDATE "Order ""lines""" SET name = 'b', version = 2$$);
SELECT error($$UPDATE "Order ""lines""" SET name = 'b', version = NULL$$);
SELECT error($$UPDATE "Order ""lines""" SET name = 'b'$$);
-- a partition is named by its own name, a table without a primary key names no row
SELECT error($$UPDATE parted SET name = 'b', version = 99 WHERE id = 4$$);
CREATE TABLE keyless (id integer UNIQUE, name text, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('keyless') \gset
INSERT INTO keyless VALUES (1, 'secret');
SELECT error($$UPDATE keyless SET name = 'b', version = 99$$);
-- DETAIL is JSON
SELECT line::jsonb -> 'key' FROM (SELECT substr(line, 12) FROM error($$UPDATE "Order ""lines""" SET name = 'b', version = 5$$) AS line WHERE line LIKE '%detail %') AS t (line);

-- to whoever may not SELECT the key or the version it names neither
CREATE ROLE regress_writer;
GRANT USAGE ON SCHEMA row_trigger TO regress_writer;
CREATE TABLE secrets (id text PRIMARY KEY, name text, version smallint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('secrets', accept => 'echo', require_version => true) \gset
INSERT INTO secrets VALUES ('hush', 'a', 32767);
GRANT UPDATE ON secrets TO regress_writer;
SET ROLE regress_writer;
SELECT error($$UPDATE row_trigger.secrets SET name = 'b', version = 4$$);
SELECT error($$UPDATE row_trigger.secrets SET name = 'b', version = NULL$$);
SELECT error($$UPDATE row_trigger.secrets SET name = 'b'$$);
RESET ROLE;
GRANT SELECT (id) ON secrets TO regress_writer;
SET ROLE regress_writer;
SELECT error($$UPDATE row_trigger.secrets SET name = 'b', version = 4$$);
SELECT error($$UPDATE row_trigger.secrets SET name = 'b'$$);
RESET ROLE;
REVOKE SELECT (id) ON secrets FROM regress_writer;
GRANT SELECT (version) ON secrets TO regress_writer;
SET ROLE regress_writer;
SELECT error($$UPDATE row_trigger.secrets SET name = 'b', version = 4$$);
RESET ROLE;
GRANT SELECT ON secrets TO regress_writer;
SET ROLE regress_writer;
SELECT error($$UPDATE row_trigger.secrets SET name = 'b', version = 4$$);
RESET ROLE;

-- nor under row-level security, whichever row it is
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON secrets USING (true);
SET ROLE regress_writer;
SELECT error($$UPDATE row_trigger.secrets SET name = 'b', version = 4$$);
SELECT error($$UPDATE row_trigger.secrets SET name = 'b'$$);
RESET ROLE;
-- which does not apply to the owner unless it is forced
SELECT error($$UPDATE secrets SET name = 'b', version = 4$$);
-- and of a row that a policy hides nothing is heard
ALTER POLICY everything ON secrets USING (false);
SET ROLE regress_writer;
UPDATE row_trigger.secrets SET name = 'b', version = 4 RETURNING version;
RESET ROLE;

-- a partition reports by the privileges on the table that was written to
GRANT SELECT, UPDATE ON parted TO regress_writer;
SET ROLE regress_writer;
SELECT error($$UPDATE row_trigger.parted SET name = 'b', version = 99 WHERE id = 4$$);
RESET ROLE;
REVOKE SELECT ON parted FROM regress_writer;
GRANT SELECT (name) ON parted TO regress_writer;
SET ROLE regress_writer;
SELECT error($$UPDATE row_trigger.parted SET name = 'b', version = 99 WHERE name = 'own'$$);
RESET ROLE;
GRANT SELECT ON parted TO regress_writer;
ALTER TABLE parted ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON parted USING (true);
SET ROLE regress_writer;
SELECT error($$UPDATE row_trigger.parted SET name = 'b', version = 99 WHERE id = 4$$);
RESET ROLE;

--
-- the trigger functions where they do not belong
--

CREATE TABLE wrong (id integer PRIMARY KEY, name text, version bigint NOT NULL DEFAULT 1);
INSERT INTO wrong VALUES (1, 'a');
SELECT interlock.row_version();
SELECT interlock.version_column();
SELECT interlock.except_columns();
CREATE TRIGGER wrong AFTER UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION interlock.row_version();
UPDATE wrong SET name = 'b';
CREATE OR REPLACE TRIGGER wrong BEFORE UPDATE ON wrong FOR EACH STATEMENT EXECUTE FUNCTION interlock.row_version();
UPDATE wrong SET name = 'b';
CREATE OR REPLACE TRIGGER wrong BEFORE DELETE ON wrong FOR EACH ROW EXECUTE FUNCTION interlock.row_version();
DELETE FROM wrong;
CREATE OR REPLACE TRIGGER wrong BEFORE TRUNCATE ON wrong FOR EACH STATEMENT EXECUTE FUNCTION interlock.row_version();
TRUNCATE wrong;
CREATE OR REPLACE TRIGGER wrong BEFORE INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION interlock.version_column();
INSERT INTO wrong VALUES (2);
CREATE OR REPLACE TRIGGER wrong BEFORE DELETE ON wrong FOR EACH ROW EXECUTE FUNCTION interlock.except_columns();
DELETE FROM wrong;
DROP TRIGGER wrong ON wrong;
CREATE VIEW wrong_view AS SELECT * FROM wrong;
CREATE TRIGGER wrong INSTEAD OF UPDATE ON wrong_view FOR EACH ROW EXECUTE FUNCTION interlock.row_version();
UPDATE wrong_view SET name = 'b';
-- in the right place, but with nothing that says which column, or with arguments that mean nothing
CREATE TRIGGER by_hand BEFORE INSERT OR UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION interlock.row_version();
SELECT error($$UPDATE wrong SET name = 'b'$$);
CREATE OR REPLACE TRIGGER by_hand BEFORE INSERT OR UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION interlock.row_version('accept=anything');
SELECT error($$UPDATE wrong SET name = 'b'$$);
CREATE OR REPLACE TRIGGER by_hand BEFORE INSERT OR UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION interlock.row_version('accept=echo', 'colour=blue');
SELECT error($$INSERT INTO wrong VALUES (2)$$);
CREATE OR REPLACE TRIGGER by_hand BEFORE INSERT OR UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION interlock.row_version('');
UPDATE wrong SET name = 'b';
-- which a new call puts right
SELECT interlock.enable_versioning('wrong') \gset
UPDATE wrong SET name = 'b' RETURNING version;

DROP SCHEMA row_trigger CASCADE;
DROP ROLE regress_writer;
