-- Proves that versioning follows what is done to a table: renames, drops, new types, partitions that come and go, inheritance, copies, rollbacks.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA versioning_ddl;
SET search_path = versioning_ddl;
\pset format unaligned
\pset fieldsep ' | '
\pset null NULL
\pset tuples_only on
\set VERBOSITY sqlstate

CREATE FUNCTION message(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN format(E'%s %s\n    %s', sqlstate, sqlerrm, hint);
END $$;

-- what is versioned, of all or of one
CREATE FUNCTION shown(rels regclass[]) RETURNS TABLE (relation regclass, version_column name, kind text, except_columns name[], problems text[]) LANGUAGE sql AS $$
    SELECT relation, version_column, kind, except_columns, problems FROM interlock.versioned_tables WHERE relation = ANY (rels) ORDER BY relation::text COLLATE "C"
$$;

--
-- RENAME: nothing to do
--

CREATE TABLE notes (id integer PRIMARY KEY, name text, hits integer, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('notes', except_columns => '{hits}') \gset
INSERT INTO notes VALUES (1, 'a', 0);

ALTER TABLE notes RENAME COLUMN version TO revision;
UPDATE notes SET name = 'b' RETURNING revision;
UPDATE notes SET name = 'c', revision = 2 RETURNING revision;
UPDATE notes SET name = 'd', revision = 2 RETURNING revision;
-- another column that takes the name is not the version
ALTER TABLE notes ADD COLUMN version integer DEFAULT 50;
UPDATE notes SET name = 'd' RETURNING revision, version;
UPDATE notes SET version = 7 RETURNING revision, version;
ALTER TABLE notes RENAME COLUMN hits TO views;
ALTER TABLE notes RENAME COLUMN name TO hits;
UPDATE notes SET views = 1 RETURNING revision;
UPDATE notes SET hits = 'e' RETURNING revision;
SELECT interlock.versioned_update('notes', 1, 6, '{"hits": "f", "version": 8}');
SELECT * FROM shown('{notes}');

ALTER TABLE notes RENAME TO "Notes 2";
UPDATE "Notes 2" SET hits = 'g' RETURNING revision;
SELECT interlock.versioned_update('"Notes 2"', 1, 8, '{"hits": "h"}');
ALTER TRIGGER "~interlock_version" ON "Notes 2" RENAME TO zz_version;
ALTER TRIGGER "~interlock_version_column" ON "Notes 2" RENAME TO a_column;
ALTER TRIGGER "~interlock_except_columns" ON "Notes 2" RENAME TO b_exceptions;
UPDATE "Notes 2" SET hits = 'i' RETURNING revision;
UPDATE "Notes 2" SET views = 2, revision = 10 RETURNING revision;
UPDATE "Notes 2" SET hits = 'j', revision = 9;
ALTER SCHEMA versioning_ddl RENAME TO versioning_ddl_2;
UPDATE versioning_ddl_2."Notes 2" SET hits = 'j' RETURNING revision;
SELECT interlock.versioned_update('versioning_ddl_2."Notes 2"', 1, 11, '{"hits": "k"}');
ALTER SCHEMA versioning_ddl_2 RENAME TO versioning_ddl;
CREATE SCHEMA elsewhere;
ALTER TABLE "Notes 2" SET SCHEMA elsewhere;
UPDATE elsewhere."Notes 2" SET hits = 'l' RETURNING revision;
SELECT interlock.versioned_update('elsewhere."Notes 2"', 1, 13, '{"hits": "m"}');
SELECT interlock.assert_versioned(ARRAY['elsewhere."Notes 2"'::regclass]);
SELECT interlock.disable_versioning('elsewhere."Notes 2"') \gset
DROP SCHEMA elsewhere CASCADE;

-- a new owner, a new tablespace, a cluster order, a rewrite
CREATE ROLE regress_new_owner;
CREATE TABLE moved (id integer PRIMARY KEY, name text, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('moved') \gset
INSERT INTO moved VALUES (1, 'a', 7), (2, 'b', 8);
ALTER TABLE moved OWNER TO regress_new_owner;
ALTER TABLE moved SET UNLOGGED;
CLUSTER moved USING moved_pkey;
ALTER TABLE moved ALTER id TYPE bigint;
VACUUM FULL moved;
UPDATE moved SET name = 'c' RETURNING version;
ALTER TABLE moved OWNER TO CURRENT_USER;

--
-- DROP COLUMN
--

CREATE TABLE shrinking (id integer PRIMARY KEY, name text, a integer, b integer, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('shrinking', except_columns => '{a, b}') \gset
INSERT INTO shrinking VALUES (1, 'a', 0, 0);
ALTER TABLE shrinking DROP COLUMN version;
ALTER TABLE shrinking DROP COLUMN a;
-- with CASCADE an excepted column takes the exception of the others along, which shows
ALTER TABLE shrinking DROP COLUMN a CASCADE;
SELECT * FROM shown('{shrinking}');
UPDATE shrinking SET b = 1 RETURNING version;
SELECT interlock.enable_versioning('shrinking', except_columns => '{b}') \gset
UPDATE shrinking SET b = 2 RETURNING version;
-- and the version column takes the version along, which every write is told
ALTER TABLE shrinking DROP COLUMN version CASCADE;
SELECT * FROM shown('{shrinking}');
SELECT message($$UPDATE shrinking SET name = 'b'$$);
SELECT message($$INSERT INTO shrinking VALUES (2, 'b')$$);
SELECT message($$SELECT interlock.versioned_update('shrinking', 1, 1, '{"name": "b"}')$$);
SELECT message($$SELECT interlock.assert_versioned('{shrinking}')$$);
DELETE FROM shrinking RETURNING id;
-- the ways out: a new column, or no versioning
BEGIN;
SELECT interlock.enable_versioning('shrinking') \gset
INSERT INTO shrinking VALUES (2, 'b') RETURNING version;
ROLLBACK;
SELECT interlock.disable_versioning('shrinking') \gset
INSERT INTO shrinking VALUES (2, 'b') RETURNING id;
UPDATE shrinking SET name = 'c' RETURNING name;

--
-- ALTER COLUMN TYPE: refused by PostgreSQL for the columns that the markers name; the way round it
--

CREATE TABLE growing (id integer PRIMARY KEY, name varchar(10), hits integer, version smallint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('growing', except_columns => '{hits}', accept => 'echo') \gset
INSERT INTO growing VALUES (1, 'a', 0, 32767);
ALTER TABLE growing ALTER version TYPE bigint;
ALTER TABLE growing ALTER hits TYPE bigint;
ALTER TABLE growing ALTER name TYPE text;
UPDATE growing SET name = 'b';
BEGIN;
SELECT interlock.disable_versioning('growing') \gset
ALTER TABLE growing ALTER version TYPE bigint, ALTER hits TYPE bigint;
SELECT interlock.enable_versioning('growing', except_columns => '{hits}', accept => 'echo') \gset
COMMIT;
UPDATE growing SET name = 'b' RETURNING version;
UPDATE growing SET hits = 1 RETURNING version;
SELECT * FROM shown('{growing}');
-- nothing else about the column is refused
ALTER TABLE growing ALTER version DROP DEFAULT, ALTER version DROP NOT NULL;
INSERT INTO growing VALUES (2, 'a') RETURNING version;
ALTER TABLE growing ALTER version SET DEFAULT 100, ALTER version SET NOT NULL;
INSERT INTO growing VALUES (3, 'a') RETURNING version;

-- column after column between two updates, in one session
UPDATE growing SET name = 'c' WHERE id = 1 RETURNING version;
ALTER TABLE growing ADD COLUMN added text;
UPDATE growing SET added = 'x' WHERE id = 1 RETURNING version;
ALTER TABLE growing DROP COLUMN name;
UPDATE growing SET added = 'y', version = 32770 WHERE id = 1 RETURNING version;
ALTER TABLE growing ADD COLUMN twice text GENERATED ALWAYS AS (added || added) STORED;
UPDATE growing SET added = 'y', version = 32771 WHERE id = 1 RETURNING version;
UPDATE growing SET added = 'z', version = 32771 WHERE id = 1 RETURNING version, twice;
ALTER TABLE growing DROP CONSTRAINT growing_pkey;
SELECT message($$UPDATE growing SET added = 'stale', version = 1 WHERE id = 1$$);
UPDATE growing SET added = 'x' WHERE id > 1;
ALTER TABLE growing ADD PRIMARY KEY (added, id);
SELECT message($$UPDATE growing SET added = 'stale', version = 1 WHERE id = 1$$);

--
-- partitions
--

CREATE TABLE parted (id integer, name text, version bigint NOT NULL DEFAULT 1, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
SELECT interlock.enable_versioning('parted', except_columns => '{name}', accept => 'echo') \gset
-- CREATE TABLE … PARTITION OF, of a partition too
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (100) TO (200);
CREATE TABLE parted_3 PARTITION OF parted FOR VALUES FROM (200) TO (300) PARTITION BY LIST (id);
CREATE TABLE parted_3_a PARTITION OF parted_3 DEFAULT;
-- ATTACH of a table that is not versioned, whose columns stand elsewhere
CREATE TABLE parted_4 (version bigint NOT NULL DEFAULT 1, gone integer, name text, id integer NOT NULL);
ALTER TABLE parted_4 DROP COLUMN gone;
INSERT INTO parted_4 (id, version) VALUES (300, 5);
ALTER TABLE parted ATTACH PARTITION parted_4 FOR VALUES FROM (300) TO (400);
-- of one that has partitions itself
CREATE TABLE parted_5 (id integer NOT NULL, name text, version bigint NOT NULL DEFAULT 1) PARTITION BY LIST (id);
CREATE TABLE parted_5_a PARTITION OF parted_5 DEFAULT;
ALTER TABLE parted ATTACH PARTITION parted_5 FOR VALUES FROM (400) TO (500);
INSERT INTO parted VALUES (1, 'a', 1), (100, 'a', 1), (200, 'a', NULL), (400, 'a', 9);
SELECT * FROM shown('{parted, parted_1, parted_2, parted_3, parted_3_a, parted_4, parted_5, parted_5_a}');
SELECT interlock.assert_versioned('{parted, parted_1, parted_2, parted_3, parted_3_a, parted_4, parted_5, parted_5_a}');
UPDATE parted SET id = id + 1 RETURNING tableoid::regclass, id, version;
UPDATE parted SET name = 'b' WHERE id IN (301, 401) RETURNING tableoid::regclass, version;
UPDATE parted SET id = 402, version = 9 WHERE id = 401;

-- ATTACH of a table that is versioned itself: refused by PostgreSQL, disable it first
CREATE TABLE parted_6 (id integer NOT NULL, name text, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('parted_6') \gset
INSERT INTO parted_6 VALUES (500, 'a', 3);
ALTER TABLE parted ATTACH PARTITION parted_6 FOR VALUES FROM (500) TO (600);
BEGIN;
SELECT interlock.disable_versioning('parted_6') \gset
ALTER TABLE parted ATTACH PARTITION parted_6 FOR VALUES FROM (500) TO (600);
COMMIT;
UPDATE parted SET id = 501, version = 3 WHERE id = 500 RETURNING version;

-- with its triggers renamed it slips in and has two of each, which shows; a new call on the parent puts it right
CREATE TABLE parted_7 (id integer NOT NULL, name text, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('parted_7', accept => 'echo') \gset
ALTER TRIGGER "~interlock_version" ON parted_7 RENAME TO a_version;
ALTER TRIGGER "~interlock_version_column" ON parted_7 RENAME TO a_column;
ALTER TABLE parted ATTACH PARTITION parted_7 FOR VALUES FROM (600) TO (700);
SELECT count(*), bool_and(problems <> '{}') FROM shown('{parted_7}');
SELECT interlock.enable_versioning('parted', except_columns => '{name}', accept => 'echo') \gset
SELECT * FROM shown('{parted_7}');
INSERT INTO parted VALUES (600, 'a', 3);
UPDATE parted SET id = 601, version = 3 WHERE id = 600 RETURNING version;

-- DETACH: no longer versioned, until it is enabled by itself
ALTER TABLE parted DETACH PARTITION parted_6;
SELECT * FROM shown('{parted_6}');
UPDATE parted_6 SET id = 502 RETURNING version;
SELECT interlock.enable_versioning('parted_6') \gset
UPDATE parted_6 SET id = 503 RETURNING version;
ALTER TABLE parted DETACH PARTITION parted_5;
SELECT * FROM shown('{parted_5, parted_5_a}');
UPDATE parted_5 SET id = 403 RETURNING version;
-- the rest is as it was
UPDATE parted SET id = 3, version = 2 WHERE id = 2 RETURNING version;

-- new settings reach every partition, renames too
SELECT interlock.enable_versioning('parted', accept => 'increment') \gset
ALTER TABLE parted RENAME COLUMN version TO revision;
UPDATE parted SET name = 'c', revision = 6 WHERE id = 301;
UPDATE parted SET name = 'c', revision = 7 WHERE id = 301 RETURNING revision;
SELECT * FROM shown('{parted, parted_1, parted_2, parted_3, parted_3_a, parted_4}');
ALTER TABLE parted DISABLE TRIGGER "~interlock_version";
UPDATE parted SET name = 'd' WHERE id = 301 RETURNING revision;
ALTER TABLE parted ENABLE TRIGGER "~interlock_version";
UPDATE parted SET name = 'e' WHERE id = 301 RETURNING revision;
DROP TRIGGER "~interlock_version" ON parted_4;

-- a partition that was versioned by itself before its parent
CREATE TABLE late (id integer PRIMARY KEY, name text, version bigint NOT NULL DEFAULT 1) PARTITION BY RANGE (id);
CREATE TABLE late_1 PARTITION OF late FOR VALUES FROM (0) TO (100);
CREATE TABLE late_2 PARTITION OF late FOR VALUES FROM (100) TO (200);
SELECT interlock.enable_versioning('late_1', except_columns => '{name}', accept => 'echo') \gset
SELECT * FROM shown('{late, late_1, late_2}');
INSERT INTO late VALUES (1, 'a'), (100, 'a');
UPDATE late SET id = id + 1 RETURNING id, version;
SELECT interlock.enable_versioning('late') \gset
SELECT * FROM shown('{late, late_1, late_2}');
UPDATE late SET name = 'b' RETURNING id, version;
SELECT interlock.disable_versioning('late') \gset
SELECT * FROM shown('{late, late_1, late_2}');

--
-- inheritance: children that are there get triggers of their own; later ones show as a problem
--

CREATE TABLE base (id integer PRIMARY KEY, name text);
CREATE TABLE child (extra text) INHERITS (base);
CREATE TABLE grandchild () INHERITS (child);
SELECT interlock.enable_versioning('base', except_columns => '{name}') \gset
INSERT INTO grandchild (id, name) VALUES (1, 'a');
CREATE TABLE later_child () INHERITS (base);
CREATE TABLE later_grandchild () INHERITS (child);
SELECT * FROM shown('{base, child, grandchild, later_child, later_grandchild}');
SELECT message($$SELECT interlock.assert_versioned('{base}')$$);
INSERT INTO later_child VALUES (2, 'b');
UPDATE base SET id = id + 10 RETURNING tableoid::regclass, version;
SELECT interlock.enable_versioning('base') \gset
SELECT * FROM shown('{base, child, grandchild, later_child, later_grandchild}');
UPDATE base SET name = 'c' RETURNING tableoid::regclass, version;
-- a child that leaves stays versioned; the column, the parent's, becomes its own
ALTER TABLE later_child NO INHERIT base;
ALTER TABLE base RENAME COLUMN version TO revision;
SELECT * FROM shown('{base, child, grandchild, later_child}');
UPDATE later_child SET name = 'd' RETURNING version;
-- a child by itself
SELECT interlock.disable_versioning('grandchild') \gset
SELECT * FROM shown('{base, child, grandchild}');

--
-- copies of a table are tables without triggers
--

CREATE TABLE original (id integer PRIMARY KEY, name text);
SELECT interlock.enable_versioning('original') \gset
INSERT INTO original VALUES (1, 'a', 5);
CREATE TABLE copy_like (LIKE original INCLUDING ALL);
CREATE TABLE copy_as AS TABLE original;
SELECT * FROM shown('{original, copy_like, copy_as}');
INSERT INTO copy_like TABLE original;
UPDATE copy_like SET name = 'b' RETURNING version;
SELECT message($$SELECT interlock.assert_versioned('{original, copy_like, copy_as}')$$);
SELECT interlock.enable_versioning('copy_like') \gset
SELECT interlock.enable_versioning('copy_as') \gset
UPDATE copy_like SET name = 'c' RETURNING version;
UPDATE copy_as SET name = 'c' RETURNING version;

--
-- ALTER TABLE … TRIGGER
--

ALTER TABLE original DISABLE TRIGGER "~interlock_version";
UPDATE original SET name = 'b' RETURNING version;
UPDATE original SET name = 'c', version = 99 RETURNING version;
SELECT message($$SELECT interlock.versioned_update('original', 1, 99, '{"name": "d"}')$$);
ALTER TABLE original ENABLE TRIGGER "~interlock_version";
UPDATE original SET name = 'd' RETURNING version;
ALTER TABLE original DISABLE TRIGGER ALL;
SELECT * FROM shown('{original}');
ALTER TABLE original ENABLE TRIGGER USER;
UPDATE original SET name = 'e' RETURNING version;
ALTER TABLE original ENABLE REPLICA TRIGGER "~interlock_version";
UPDATE original SET name = 'f' RETURNING version;
SELECT * FROM shown('{original}');
-- a new call puts the mode right as well
SELECT interlock.enable_versioning('original') \gset
UPDATE original SET name = 'g' RETURNING version;
SELECT * FROM shown('{original}');

--
-- it is transactional, as DDL is
--

CREATE TABLE one (id integer PRIMARY KEY, name text);
CREATE TABLE two (id integer PRIMARY KEY, name text);
INSERT INTO one VALUES (1, 'a');
INSERT INTO two VALUES (1, 'a');
BEGIN;
SELECT interlock.enable_versioning('one') \gset
UPDATE one SET name = 'b' RETURNING version;
ROLLBACK;
SELECT * FROM shown('{one, two}');
SELECT * FROM one;
UPDATE one SET name = 'c';
BEGIN;
SELECT interlock.enable_versioning('one') \gset
SELECT interlock.enable_versioning('two', except_columns => '{name}') \gset
UPDATE one SET name = 'd' RETURNING version;
UPDATE two SET name = 'd' RETURNING version;
SAVEPOINT versioned;
SELECT interlock.enable_versioning('two') \gset
UPDATE two SET name = 'e' RETURNING version;
ROLLBACK TO versioned;
UPDATE two SET name = 'e' RETURNING version;
SELECT interlock.disable_versioning('one') \gset
UPDATE one SET name = 'e' RETURNING version;
ROLLBACK TO versioned;
UPDATE one SET name = 'e' RETURNING version;
COMMIT;
SELECT * FROM shown('{one, two}');
-- dropped and made again between two writes
DROP TABLE one;
CREATE TABLE one (name text, version integer NOT NULL DEFAULT 1, id integer PRIMARY KEY);
INSERT INTO one VALUES ('a', 1, 1);
UPDATE one SET name = 'b' RETURNING version;
SELECT interlock.enable_versioning('one') \gset
UPDATE one SET name = 'c' RETURNING version;

-- in the transaction that made the table and filled it, and from a function
BEGIN;
CREATE TEMP TABLE fleeting (id integer PRIMARY KEY, name text) ON COMMIT DROP;
INSERT INTO fleeting VALUES (1, 'a');
SELECT interlock.enable_versioning('fleeting') \gset
UPDATE fleeting SET name = 'b' RETURNING version;
SELECT interlock.versioned_update('fleeting', 1, 2, '{"name": "c"}');
COMMIT;
DO $$
BEGIN
    CREATE TEMP TABLE fleeting (id integer PRIMARY KEY, name text);
    INSERT INTO fleeting VALUES (1, 'a');
    PERFORM interlock.enable_versioning('fleeting');
    UPDATE fleeting SET name = 'b', version = 1;
    ALTER TABLE fleeting RENAME COLUMN version TO revision;
    UPDATE fleeting SET name = 'c';
END $$;
SELECT * FROM fleeting;
UPDATE fleeting SET name = 'd', revision = 1;
DISCARD TEMP;

--
-- event triggers see the commands, and can refuse them
--

CREATE TABLE ddl_log (number integer GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO versioning_ddl.ddl_log (line) SELECT concat_ws(' ', command_tag, object_type, object_identity) FROM pg_event_trigger_ddl_commands();
END $$;
CREATE FUNCTION log_drops() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO versioning_ddl.ddl_log (line) SELECT concat_ws(' ', 'DROP', object_type, object_identity) FROM pg_event_trigger_dropped_objects();
END $$;
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'frozen' USING errcode = 'FROZE'; END $$;
CREATE TABLE watched (id integer PRIMARY KEY);
CREATE EVENT TRIGGER regress_log_ddl ON ddl_command_end EXECUTE FUNCTION log_ddl();
CREATE EVENT TRIGGER regress_log_drops ON sql_drop EXECUTE FUNCTION log_drops();
SELECT interlock.enable_versioning('watched', except_columns => '{id}') \gset
SELECT interlock.disable_versioning('watched') \gset
SELECT line FROM ddl_log ORDER BY number;
DROP EVENT TRIGGER regress_log_ddl;
DROP EVENT TRIGGER regress_log_drops;
CREATE EVENT TRIGGER regress_refuse ON ddl_command_start WHEN tag IN ('CREATE TRIGGER') EXECUTE FUNCTION refuse();
SELECT interlock.enable_versioning('watched');
DROP EVENT TRIGGER regress_refuse;
SELECT * FROM shown('{watched}');

DROP SCHEMA versioning_ddl CASCADE;
DROP ROLE regress_new_owner;
