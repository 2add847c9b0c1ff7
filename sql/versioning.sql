-- Proves that versioning can be switched on, changed, inspected and taken off, and is refused with the right SQLSTATE where it makes no sense.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA versioning;
SET search_path = versioning;

CREATE ROLE regress_owner;
CREATE ROLE regress_other;
GRANT USAGE ON SCHEMA versioning TO regress_owner, regress_other;

-- what a call of interlock's is refused with
CREATE FUNCTION refusal(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    code text;
    message text;
    hint text;
BEGIN
    EXECUTE 'SELECT interlock.' || call;
    RETURN call || ': done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN format(E'%s: %s %s', call, code, message) || coalesce(E'\n    ' || nullif(hint, ''), '');
END $$;

CREATE FUNCTION triggers(rel regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT pg_catalog.pg_get_triggerdef(oid) FROM pg_catalog.pg_trigger WHERE tgrelid = rel AND NOT tgisinternal ORDER BY tgname
$$;

-- a table without the column gets it, with no rewrite and no look at its rows

CREATE TABLE plain (id integer PRIMARY KEY, name text);
INSERT INTO plain SELECT i, 'name ' || i FROM generate_series(1, 3) AS i;
SELECT relfilenode AS file FROM pg_class WHERE oid = 'plain'::regclass \gset
SELECT interlock.enable_versioning('plain');
SELECT relfilenode = :file AS same_file FROM pg_class WHERE oid = 'plain'::regclass;
SELECT format_type(atttypid, atttypmod) AS type, attnotnull AS not_null, pg_get_expr(adbin, adrelid) AS "default"
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = 'plain'::regclass AND attname = 'version';
SELECT * FROM plain ORDER BY id;
SELECT * FROM triggers('plain');
SELECT * FROM interlock.versioned_tables WHERE relation = 'plain'::regclass;

-- a column that is there is taken as it is: each kind, nullable or not, empty or not

CREATE TABLE kinds (id integer PRIMARY KEY, s smallint NOT NULL DEFAULT 1, i integer NOT NULL DEFAULT 1, b bigint, t timestamptz);
INSERT INTO kinds VALUES (1, 1, 1, 7, NULL);
SELECT interlock.enable_versioning('kinds', 's') \gset
SELECT version_column, kind FROM interlock.versioned_tables WHERE relation = 'kinds'::regclass;
SELECT interlock.enable_versioning('kinds', 'i') \gset
SELECT version_column, kind FROM interlock.versioned_tables WHERE relation = 'kinds'::regclass;
SELECT interlock.enable_versioning('kinds', 'b') \gset
SELECT version_column, kind FROM interlock.versioned_tables WHERE relation = 'kinds'::regclass;
SELECT interlock.enable_versioning('kinds', 't') \gset
SELECT version_column, kind FROM interlock.versioned_tables WHERE relation = 'kinds'::regclass;
SELECT s, i, b, t FROM kinds;
SELECT attname, attnotnull FROM pg_attribute WHERE attrelid = 'kinds'::regclass AND attnum > 1 ORDER BY attnum;

-- every setting; a second call replaces all of them

CREATE TABLE settings (id integer PRIMARY KEY, name text, hits integer, seen timestamptz, version integer NOT NULL DEFAULT 1, revision bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('settings', 'version', '{hits, seen}', 'echo', true, 'observe') \gset
SELECT * FROM interlock.versioned_tables WHERE relation = 'settings'::regclass;
SELECT * FROM triggers('settings');
SELECT interlock.enable_versioning('settings', accept => 'increment', require_version => true) \gset
SELECT * FROM interlock.versioned_tables WHERE relation = 'settings'::regclass;
SELECT interlock.enable_versioning('settings', except_columns => '{id}', mode => 'observe') \gset
SELECT * FROM interlock.versioned_tables WHERE relation = 'settings'::regclass;
SELECT interlock.enable_versioning('settings', 'revision') \gset
SELECT * FROM interlock.versioned_tables WHERE relation = 'settings'::regclass;
SELECT * FROM triggers('settings');
INSERT INTO settings (id, name) VALUES (1, 'a');
UPDATE settings SET name = 'b';
SELECT version, revision FROM settings;

-- partitions, inheritance children, temporary, unlogged and foreign tables

CREATE TABLE parted (region text, id integer, note text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE parted_north PARTITION OF parted FOR VALUES IN ('north') PARTITION BY RANGE (id);
CREATE TABLE parted_north_1 PARTITION OF parted_north FOR VALUES FROM (0) TO (1000);
CREATE TABLE parted_south PARTITION OF parted FOR VALUES IN ('south');
SELECT interlock.enable_versioning('parted', except_columns => '{note}', accept => 'echo') \gset
SELECT interlock.enable_versioning('parted', except_columns => '{note}', accept => 'increment') \gset
CREATE TABLE base (id integer PRIMARY KEY, name text);
CREATE TABLE derived (extra text) INHERITS (base);
CREATE TABLE derived_again () INHERITS (derived);
SELECT interlock.enable_versioning('base') \gset
CREATE TEMP TABLE fleeting (id integer PRIMARY KEY);
SELECT interlock.enable_versioning('fleeting') \gset
CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY);
SELECT interlock.enable_versioning('unlogged') \gset
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE far_away (id integer, name text) SERVER nowhere;
SELECT interlock.enable_versioning('far_away') \gset
SELECT * FROM interlock.versioned_tables
WHERE relation NOT IN ('plain'::regclass, 'kinds'::regclass, 'settings'::regclass) ORDER BY relation::text COLLATE "C";

-- names that must be quoted, and names that try to be more than names

CREATE SCHEMA "Odd ""schema""";
CREATE TABLE "Odd ""schema"""."%s'; DROP TABLE plain; --" ("I d" integer PRIMARY KEY, "select" text, "a,b" text, "{}\" text, "ver sion""%" integer NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('"Odd ""schema"""."%s''; DROP TABLE plain; --"', 'ver sion"%', ARRAY['a,b', '{}\']) \gset
INSERT INTO "Odd ""schema"""."%s'; DROP TABLE plain; --" VALUES (1, 'a', 'b', 'c');
UPDATE "Odd ""schema"""."%s'; DROP TABLE plain; --" SET "a,b" = 'd', "{}\" = 'e';
UPDATE "Odd ""schema"""."%s'; DROP TABLE plain; --" SET "select" = 'f';
SELECT * FROM "Odd ""schema"""."%s'; DROP TABLE plain; --";
SELECT * FROM interlock.versioned_tables WHERE version_column LIKE '%"%';
SELECT interlock.assert_versioned(ARRAY['"Odd ""schema"""."%s''; DROP TABLE plain; --"'::regclass]);
\pset format unaligned
\pset tuples_only on
SELECT refusal($$enable_versioning('"Odd ""schema"""."%s''; DROP TABLE plain; --"', 'a,b')$$);
SELECT refusal($$enable_versioning('"Odd ""schema"""."%s''; DROP TABLE plain; --"', except_columns => '{"no%s"}')$$);
\pset tuples_only off
\pset format aligned
SELECT interlock.disable_versioning('"Odd ""schema"""."%s''; DROP TABLE plain; --"') \gset
DROP SCHEMA "Odd ""schema""" CASCADE;

-- enable_versioning refuses

CREATE VIEW a_view AS SELECT 1 AS id, 1 AS version;
CREATE MATERIALIZED VIEW a_matview AS SELECT 1 AS id, 1 AS version;
CREATE SEQUENCE a_sequence;
CREATE TYPE a_type AS (id integer, version integer);
CREATE DOMAIN counter AS bigint;
CREATE TABLE typed (
    id bigint PRIMARY KEY, identity bigint GENERATED ALWAYS AS IDENTITY, by_default bigint GENERATED BY DEFAULT AS IDENTITY,
    computed bigint GENERATED ALWAYS AS (1) STORED,
    a_text text, a_numeric numeric, a_timestamp timestamp, a_date date, an_array bigint[], a_domain counter, an_oid oid, a_uuid uuid,
    name text, other text, version bigint NOT NULL DEFAULT 1, changed timestamptz);
CREATE TABLE holey (id integer PRIMARY KEY, "Rev" integer);
INSERT INTO holey VALUES (1, 1), (2, NULL);
CREATE TABLE holey_parent (id integer, version integer) PARTITION BY LIST (id);
CREATE TABLE holey_part PARTITION OF holey_parent DEFAULT;
INSERT INTO holey_part VALUES (1, NULL);
CREATE TABLE mixed_parent (id integer PRIMARY KEY);
CREATE TABLE mixed_child (version text) INHERITS (mixed_parent);
ALTER TABLE unlogged OWNER TO regress_owner;
CREATE TABLE empty ();

\pset format unaligned
\pset tuples_only on
SELECT refusal(call) FROM unnest(ARRAY[
    -- no table
    $$enable_versioning('nowhere')$$,
    $$enable_versioning(0)$$,
    $$enable_versioning(4294967295)$$,
    $$enable_versioning('a_view')$$,
    $$enable_versioning('a_matview')$$,
    $$enable_versioning('a_sequence')$$,
    $$enable_versioning('a_type')$$,
    $$enable_versioning('plain_pkey')$$,
    $$enable_versioning('parted_pkey')$$,
    $$enable_versioning('pg_catalog.pg_class')$$,
    $$enable_versioning('interlock.versioned_tables')$$,
    -- no version column
    $$enable_versioning('typed', 'a_text')$$,
    $$enable_versioning('typed', 'a_numeric')$$,
    $$enable_versioning('typed', 'a_timestamp')$$,
    $$enable_versioning('typed', 'a_date')$$,
    $$enable_versioning('typed', 'an_array')$$,
    $$enable_versioning('typed', 'a_domain')$$,
    $$enable_versioning('typed', 'an_oid')$$,
    $$enable_versioning('typed', 'a_uuid')$$,
    $$enable_versioning('typed', 'id')$$,
    $$enable_versioning('typed', 'identity')$$,
    $$enable_versioning('typed', 'by_default')$$,
    $$enable_versioning('typed', 'computed')$$,
    $$enable_versioning('typed', 'xmin')$$,
    $$enable_versioning('mixed_parent')$$,
    $$enable_versioning('holey', 'Rev')$$,
    $$enable_versioning('holey_parent')$$,
    -- no columns to except
    $$enable_versioning('typed', except_columns => '{name, nothing}')$$,
    $$enable_versioning('typed', except_columns => '{name, other, name}')$$,
    $$enable_versioning('typed', except_columns => '{name, version}')$$,
    $$enable_versioning('typed', except_columns => '{ctid}')$$,
    $$enable_versioning('typed', except_columns => '{NULL}')$$,
    $$enable_versioning('typed', except_columns => '{Name}')$$,
    -- no settings
    $$enable_versioning('typed', accept => 'both')$$,
    $$enable_versioning('typed', accept => 'Echo')$$,
    $$enable_versioning('typed', accept => '')$$,
    $$enable_versioning('typed', mode => 'off')$$,
    $$enable_versioning('typed', mode => '')$$,
    $$enable_versioning('typed', require_version => true)$$,
    $$enable_versioning('typed', require_version => true, accept => 'either')$$,
    $$enable_versioning('typed', 'changed', require_version => true, accept => 'echo')$$,
    $$enable_versioning(NULL)$$,
    $$enable_versioning('typed', NULL)$$,
    $$enable_versioning('typed', except_columns => NULL)$$,
    $$enable_versioning('typed', accept => NULL)$$,
    $$enable_versioning('typed', require_version => NULL)$$,
    $$enable_versioning('typed', mode => NULL)$$,
    -- versioned through the parent
    $$enable_versioning('parted_south')$$,
    $$enable_versioning('parted_north')$$,
    $$enable_versioning('parted_north_1')$$,
    $$disable_versioning('parted_south')$$,
    $$disable_versioning('parted_north_1')$$,
    -- no reason to refuse
    $$enable_versioning('empty')$$,
    $$enable_versioning('typed', 'changed', accept => 'echo')$$]) AS call;

-- without ownership nothing is even looked at; whoever owns the table needs no other right
SET ROLE regress_other;
SELECT versioning.refusal(call) FROM unnest(ARRAY[
    $$enable_versioning('versioning.holey', 'Rev')$$,
    $$enable_versioning('versioning.unlogged')$$,
    $$enable_versioning('versioning.typed', 'id')$$,
    $$enable_versioning('versioning.typed', except_columns => '{nothing}')$$,
    $$disable_versioning('versioning.plain')$$,
    $$disable_versioning('versioning.typed')$$]) AS call;
SET ROLE regress_owner;
SELECT versioning.refusal(call) FROM unnest(ARRAY[
    $$enable_versioning('versioning.unlogged', accept => 'echo')$$,
    $$disable_versioning('versioning.unlogged')$$,
    $$enable_versioning('versioning.unlogged', 'another')$$]) AS call;
RESET ROLE;

-- all descendants must be one's own
ALTER TABLE mixed_parent OWNER TO regress_owner;
ALTER TABLE mixed_child DROP COLUMN version;
SET ROLE regress_owner;
SELECT versioning.refusal($$enable_versioning('versioning.mixed_parent')$$);
RESET ROLE;
SELECT count(*) FROM interlock.versioned_tables WHERE relation IN ('mixed_parent'::regclass, 'mixed_child'::regclass);

-- a null that row-level security hides from the owner is still one
CREATE TABLE hidden (id integer PRIMARY KEY, version integer);
INSERT INTO hidden VALUES (1, NULL);
ALTER TABLE hidden OWNER TO regress_owner;
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SET ROLE regress_owner;
SELECT versioning.refusal($$enable_versioning('versioning.hidden')$$);
RESET ROLE;

-- read-only transactions
BEGIN READ ONLY;
SELECT refusal(call) FROM unnest(ARRAY[
    $$enable_versioning('typed')$$,
    $$enable_versioning('plain', accept => 'echo')$$,
    $$enable_versioning('fleeting', accept => 'echo')$$,
    $$disable_versioning('plain')$$,
    $$disable_all()$$,
    $$assert_versioned('{plain}')$$]) AS call;
COMMIT;
\pset tuples_only off
\pset format aligned

-- a refused call leaves everything as it was

SELECT relation, version_column, accept FROM interlock.versioned_tables
WHERE relation IN ('plain'::regclass, 'typed'::regclass, 'holey'::regclass) ORDER BY relation::text COLLATE "C";

-- the hint of a column with nulls is the way

UPDATE versioning.holey SET "Rev" = 1 WHERE "Rev" IS NULL;
SELECT interlock.enable_versioning('holey', 'Rev') \gset

-- disable_versioning: the triggers go, the column and its values stay

UPDATE plain SET name = 'changed' WHERE id = 1;
SELECT interlock.disable_versioning('plain') \gset
SELECT * FROM triggers('plain');
UPDATE plain SET name = 'changed again' WHERE id = 1;
SELECT * FROM plain ORDER BY id;
SELECT interlock.enable_versioning('plain') \gset
UPDATE plain SET name = 'and again' WHERE id = 1;
SELECT * FROM plain WHERE id = 1;
SELECT interlock.disable_versioning('parted') \gset
SELECT interlock.disable_versioning('base') \gset
SELECT relation FROM interlock.versioned_tables
WHERE relation IN ('parted'::regclass, 'parted_north'::regclass, 'parted_north_1'::regclass, 'parted_south'::regclass, 'base'::regclass, 'derived'::regclass, 'derived_again'::regclass);

\pset format unaligned
\pset tuples_only on
SELECT refusal(call) FROM unnest(ARRAY[
    $$disable_versioning('parted')$$,
    $$disable_versioning('parted_south')$$,
    $$disable_versioning('base')$$,
    $$disable_versioning('mixed_parent')$$,
    $$disable_versioning('a_view')$$,
    $$disable_versioning('a_sequence')$$,
    $$disable_versioning('plain_pkey')$$,
    $$disable_versioning('pg_catalog.pg_class')$$,
    $$disable_versioning('nowhere')$$,
    $$disable_versioning(4294967295)$$,
    $$disable_versioning(NULL)$$]) AS call;
\pset tuples_only off
\pset format aligned

-- it also clears up what somebody left by halves: renamed or dropped triggers

CREATE TABLE halves (id integer PRIMARY KEY, a text, b text);
SELECT interlock.enable_versioning('halves', except_columns => '{a}') \gset
ALTER TRIGGER "~interlock_version" ON halves RENAME TO my_version;
ALTER TRIGGER "~interlock_version_column" ON halves RENAME TO my_column;
ALTER TRIGGER "~interlock_except_columns" ON halves RENAME TO my_exceptions;
SELECT interlock.enable_versioning('halves', except_columns => '{b}') \gset
SELECT * FROM triggers('halves');
ALTER TRIGGER "~interlock_version_column" ON halves RENAME TO my_column;
SELECT interlock.disable_versioning('halves') \gset
SELECT interlock.enable_versioning('halves', except_columns => '{a, b}') \gset
DROP TRIGGER "~interlock_version" ON halves;
SELECT count(*) FROM interlock.versioned_tables WHERE relation = 'halves'::regclass;
SELECT interlock.disable_versioning('halves') \gset
SELECT * FROM triggers('halves');

-- disabling a parent takes versioning off descendants that had it on their own, too

SELECT interlock.enable_versioning('derived') \gset
SELECT interlock.disable_versioning('base') \gset
SELECT * FROM triggers('derived');

-- locks: readers are not disturbed where the column is there and the table is not versioned yet

CREATE TABLE locked (id integer PRIMARY KEY, version bigint NOT NULL DEFAULT 1);
CREATE VIEW locks AS SELECT mode FROM pg_locks
WHERE pid = pg_backend_pid() AND relation = 'locked'::regclass AND mode IN ('ShareRowExclusiveLock', 'AccessExclusiveLock')
ORDER BY mode;
BEGIN;
SELECT interlock.enable_versioning('locked') \gset
TABLE locks;
COMMIT;
BEGIN;
SELECT interlock.enable_versioning('locked', accept => 'echo') \gset
TABLE locks;
COMMIT;
BEGIN;
SELECT interlock.assert_versioned('{locked}') \gset
TABLE locks;
SELECT interlock.disable_versioning('locked') \gset
TABLE locks;
COMMIT;

-- disable_all: the way out; DROP EXTENSION refuses before it and needs no CASCADE after it

BEGIN;
SELECT interlock.disable_all() > 0 AS some;
SELECT interlock.disable_all();
SELECT interlock.enable_versioning('plain', except_columns => '{name}') \gset
SELECT interlock.enable_versioning('parted', except_columns => '{note}') \gset
SELECT interlock.enable_versioning('base', except_columns => '{name}') \gset
SELECT interlock.enable_versioning('fleeting') \gset
ALTER TRIGGER "~interlock_version" ON plain RENAME TO my_version;
ALTER TRIGGER "~interlock_version_column" ON parted RENAME TO my_column;
ALTER TABLE plain DISABLE TRIGGER ALL;
DROP TRIGGER "~interlock_version" ON derived;
SAVEPOINT versioned;
\set VERBOSITY sqlstate
DROP EXTENSION interlock;
\set VERBOSITY default
ROLLBACK TO versioned;
SELECT interlock.disable_all();
SELECT count(*) FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE p.pronamespace = 'interlock'::regnamespace AND c.relnamespace <> p.pronamespace;
DROP EXTENSION interlock;
UPDATE plain SET name = 'free again' WHERE id = 1;
SELECT * FROM plain WHERE id = 1;
ROLLBACK;

-- it finds triggers of ours that others made: on a view, of another kind, on a partition beside the inherited one

BEGIN;
CREATE TRIGGER mine INSTEAD OF UPDATE ON a_view FOR EACH ROW EXECUTE FUNCTION interlock.row_version();
SELECT interlock.disable_all() > 0 AS some;
DROP EXTENSION interlock;
ROLLBACK;
BEGIN;
CREATE TRIGGER mine AFTER UPDATE ON plain FOR EACH STATEMENT EXECUTE FUNCTION interlock.row_version();
SELECT interlock.disable_all() > 0 AS some;
DROP EXTENSION interlock;
ROLLBACK;
BEGIN;
CREATE TABLE older (id integer NOT NULL);
CREATE TABLE younger (id integer NOT NULL) PARTITION BY RANGE (id);
ALTER TABLE younger ATTACH PARTITION older DEFAULT;
SELECT interlock.enable_versioning('younger') \gset
CREATE TRIGGER mine BEFORE UPDATE ON older FOR EACH ROW EXECUTE FUNCTION interlock.row_version();
SELECT interlock.disable_all() > 0 AS some;
DROP EXTENSION interlock;
ROLLBACK;

-- and takes all or none: with one table of somebody else's it is refused

BEGIN;
SELECT interlock.disable_all() > 0 AS some;
SELECT interlock.enable_versioning('plain') \gset
ALTER TABLE unlogged OWNER TO regress_owner;
SELECT interlock.enable_versioning('unlogged') \gset
SET ROLE regress_owner;
SAVEPOINT versioned;
\set VERBOSITY sqlstate
SELECT interlock.disable_all();
\set VERBOSITY default
ROLLBACK TO versioned;
RESET ROLE;
SELECT relation FROM interlock.versioned_tables ORDER BY relation::text COLLATE "C";
ROLLBACK;

-- DROP EXTENSION … CASCADE is the other way; a new extension starts from nothing, in the same session

BEGIN;
SET LOCAL client_min_messages = error;
DROP EXTENSION interlock CASCADE;
SELECT * FROM triggers('plain');
UPDATE plain SET name = 'free' WHERE id = 1;
CREATE EXTENSION interlock;
SELECT interlock.enable_versioning('plain') \gset
UPDATE plain SET name = 'versioned' WHERE id = 1;
SELECT * FROM plain WHERE id = 1;
ROLLBACK;

-- versioned_tables: every way to be versioned and yet not

CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;

CREATE TABLE disabled (id integer PRIMARY KEY);
CREATE TABLE replica (id integer PRIMARY KEY);
CREATE TABLE always (id integer PRIMARY KEY);
CREATE TABLE lost (id integer PRIMARY KEY);
CREATE TABLE later (id integer PRIMARY KEY);
CREATE TABLE not_later (id integer PRIMARY KEY);
CREATE TABLE has_child (id integer PRIMARY KEY);
CREATE TABLE several (id integer PRIMARY KEY);
SELECT count(interlock.enable_versioning(rel::regclass)) FROM unnest('{disabled, replica, always, lost, later, not_later, has_child, several}'::text[]) AS rel;
ALTER TABLE disabled DISABLE TRIGGER "~interlock_version";
ALTER TABLE replica ENABLE REPLICA TRIGGER "~interlock_version";
ALTER TABLE always ENABLE ALWAYS TRIGGER "~interlock_version";
ALTER TABLE lost DROP COLUMN version CASCADE;
CREATE TRIGGER "~~touch" BEFORE INSERT OR UPDATE ON later FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER "~a" BEFORE INSERT OR UPDATE ON not_later FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER "~~after" AFTER INSERT OR UPDATE ON not_later FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER "~~delete" BEFORE DELETE ON not_later FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER "~~statement" BEFORE UPDATE ON not_later FOR EACH STATEMENT EXECUTE FUNCTION touch();
CREATE TRIGGER "~~off" BEFORE UPDATE ON not_later FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE not_later DISABLE TRIGGER "~~off";
CREATE TABLE younger_child () INHERITS (has_child);
CREATE TRIGGER "~z ""quoted""" BEFORE UPDATE ON several FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE several DISABLE TRIGGER "~interlock_version";
ALTER TABLE several DROP COLUMN version CASCADE;
CREATE TABLE "several''child" () INHERITS (several);
SELECT relation, version_column, kind, problems FROM interlock.versioned_tables
WHERE relation::text IN ('disabled', 'replica', 'always', 'lost', 'later', 'not_later', 'has_child', 'several') ORDER BY relation::text COLLATE "C" \gx

-- one partition's trigger switched off is shown

SELECT interlock.enable_versioning('parted') \gset
ALTER TABLE parted_south DISABLE TRIGGER "~interlock_version";
SELECT relation, problems FROM interlock.versioned_tables WHERE relation::text LIKE 'parted%' ORDER BY relation::text COLLATE "C";

-- a trigger that somebody made by hand does not break the view for everybody

BEGIN;
CREATE TABLE by_hand (id integer PRIMARY KEY, version bigint);
CREATE TRIGGER mine BEFORE UPDATE ON by_hand FOR EACH ROW EXECUTE FUNCTION interlock.row_version('accept=echo');
SELECT accept, require_version, mode, problems FROM interlock.versioned_tables WHERE relation = 'by_hand'::regclass;
ROLLBACK;
BEGIN;
CREATE TABLE by_hand (id integer PRIMARY KEY, version bigint);
CREATE TRIGGER mine BEFORE UPDATE ON by_hand FOR EACH ROW EXECUTE FUNCTION interlock.row_version('accept=\\000', 'require_version=maybe', '', 'what');
SELECT count(t) > 5 AS listed FROM (SELECT * FROM interlock.versioned_tables OFFSET 0) AS t;
SELECT interlock.assert_versioned('{plain}');
ROLLBACK;

-- assert_versioned: silent where all is well, and names everything else at once

SELECT interlock.assert_versioned('{plain, parted_north, parted_north_1, not_later, fleeting}');
SELECT interlock.assert_versioned('{}');
\pset format unaligned
\pset tuples_only on
SELECT refusal(call) FROM unnest(ARRAY[
    $$assert_versioned('{empty, mixed_parent}')$$,
    $$assert_versioned('{disabled}')$$,
    $$assert_versioned('{replica}')$$,
    $$assert_versioned('{always}')$$,
    $$assert_versioned('{lost}')$$,
    $$assert_versioned('{later}')$$,
    $$assert_versioned('{has_child}')$$,
    $$assert_versioned('{younger_child}')$$,
    $$assert_versioned('{plain, several, mixed_parent, disabled}')$$,
    $$assert_versioned('{parted_south}')$$,
    $$assert_versioned('{a_view}')$$,
    $$assert_versioned('{pg_catalog.pg_class}')$$,
    $$assert_versioned('{nowhere}')$$,
    $$assert_versioned('{4294967295}')$$,
    $$assert_versioned('{plain, NULL}')$$,
    $$assert_versioned(NULL)$$]) AS call;

-- a partitioned table is not in force while one of its partitions is not
SELECT left(refusal($$assert_versioned('{parted}')$$), 35);

-- anybody may ask, about any table
SET ROLE regress_other;
SELECT versioning.refusal($$assert_versioned('{versioning.plain}')$$);
SELECT versioning.refusal($$assert_versioned('{versioning.mixed_parent}')$$);
RESET ROLE;
\pset tuples_only off
\pset format aligned

DROP SCHEMA versioning CASCADE;
DROP FOREIGN DATA WRAPPER nothing CASCADE;
DROP ROLE regress_owner, regress_other;
