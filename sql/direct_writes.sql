-- Proves which writes take the direct path: all that are exactly an update of one row of one heap, and no other.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
RESET client_min_messages;
CREATE SCHEMA direct_writes;
SET search_path = direct_writes;
SET interlock.direct_writes = auto;

-- the path that one versioned_update takes, and what it answers
CREATE FUNCTION route(rel regclass, key integer, expected bigint, changes jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before bigint := (interlock.write_paths()).direct;
    answer interlock.write_status;
BEGIN
    SELECT r.status INTO answer FROM interlock.try_versioned_update(rel, key, expected, changes) AS r;
    RETURN CASE WHEN (interlock.write_paths()).direct > before THEN 'direct' ELSE 'planner' END || ': ' || answer;
END $$;

CREATE TABLE plain (id integer PRIMARY KEY, a text, n integer);
INSERT INTO plain SELECT i, 'a', i FROM generate_series(1, 9) AS i;
SELECT interlock.enable_versioning('plain') \gset

-- an ordinary table, whatever comes of the write
SELECT route('plain', 1, 1, '{"a": "b"}'), route('plain', 1, 2, '{"a": "b"}'), route('plain', 1, 1, '{"a": "c"}'), route('plain', 77, 1, '{"a": "c"}');
SET interlock.direct_writes = off;
SELECT route('plain', 1, 2, '{"a": "c"}'), route('plain', 1, 3, '{"a": "c"}'), route('plain', 1, 1, '{"a": "c"}'), route('plain', 77, 1, '{"a": "c"}');
SET interlock.direct_writes = nonsense;
SET interlock.direct_writes = auto;

-- nothing to change is nothing to write
SELECT route('plain', 1, 3, '{}');

-- with generated columns, checks, more indexes, foreign keys, AFTER and BEFORE row triggers
CREATE TABLE rich (id integer PRIMARY KEY, a text UNIQUE, n integer CHECK (n > 0), twice integer GENERATED ALWAYS AS (n * 2) STORED, friend integer REFERENCES rich);
INSERT INTO rich VALUES (1, 'a', 1), (2, 'b', 2);
SELECT interlock.enable_versioning('rich') \gset
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% %: % became %', TG_WHEN, TG_LEVEL, OLD, NEW; RETURN NEW; END $$;
CREATE TRIGGER tell_after AFTER UPDATE OF n ON rich FOR EACH ROW EXECUTE FUNCTION tell();
SELECT route('rich', 1, 1, '{"n": 5}'), route('rich', 1, 2, '{"friend": 2}');
CREATE TRIGGER tell_before BEFORE UPDATE ON rich FOR EACH ROW EXECUTE FUNCTION tell();
SELECT route('rich', 1, 3, '{"n": 6, "a": "x"}');
SELECT * FROM rich ORDER BY id;
\set VERBOSITY terse
SELECT route('rich', 2, 1, '{"a": "x"}');
SELECT route('rich', 2, 1, '{"n": -1}');
SELECT route('rich', 2, 1, '{"friend": 3}');
\set VERBOSITY default
SELECT id, version FROM rich ORDER BY id;

-- statement triggers and transition tables
CREATE TABLE told (LIKE plain INCLUDING ALL);
INSERT INTO told VALUES (1, 'a', 1);
SELECT interlock.enable_versioning('told') \gset
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER nothing AFTER UPDATE ON told FOR EACH STATEMENT EXECUTE FUNCTION nothing();
SELECT route('told', 1, 1, '{"a": "b"}');
DROP TRIGGER nothing ON told;
SELECT route('told', 1, 2, '{"a": "c"}');
CREATE TRIGGER nothing AFTER UPDATE ON told REFERENCING NEW TABLE AS new_rows FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT route('told', 1, 3, '{"a": "d"}');
DROP TRIGGER nothing ON told;

-- rules
CREATE RULE also AS ON UPDATE TO told DO ALSO NOTIFY told;
SELECT route('told', 1, 4, '{"a": "e"}');
DROP RULE also ON told;

-- row-level security, for those it applies to
ALTER TABLE told ENABLE ROW LEVEL SECURITY;
SELECT route('told', 1, 5, '{"a": "f"}');
CREATE ROLE regress_direct;
GRANT USAGE ON SCHEMA direct_writes TO regress_direct;
GRANT SELECT, UPDATE ON told, plain TO regress_direct;
CREATE POLICY everything ON told USING (true);
SET ROLE regress_direct;
SELECT route('told', 1, 6, '{"a": "g"}'), route('plain', 2, 1, '{"a": "g"}');
RESET ROLE;
ALTER TABLE told DISABLE ROW LEVEL SECURITY;

-- a row trigger that would not fire
SET session_replication_role = replica;
SELECT route('told', 1, 7, '{"a": "h"}');
RESET session_replication_role;

-- a deferrable primary key
CREATE TABLE deferred (id integer PRIMARY KEY DEFERRABLE, a text);
INSERT INTO deferred VALUES (1, 'a');
SELECT interlock.enable_versioning('deferred') \gset
SELECT route('deferred', 1, 1, '{"a": "b"}');

-- inheritance parents, not their children; partitioned tables, not their partitions
CREATE TABLE parent (id integer PRIMARY KEY, a text);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
INSERT INTO parent VALUES (1, 'a');
INSERT INTO child VALUES (2, 'a');
SELECT interlock.enable_versioning('parent') \gset
SELECT route('parent', 1, 1, '{"a": "b"}'), route('child', 2, 1, '{"a": "b"}');
CREATE TABLE parted (id integer PRIMARY KEY, a text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (10);
INSERT INTO parted VALUES (1, 'a'), (2, 'a');
SELECT interlock.enable_versioning('parted') \gset
SELECT route('parted', 1, 1, '{"a": "b"}'), route('parted_1', 2, 1, '{"a": "b"}');
-- the key leads to the partition; a trigger there could lead elsewhere, a statement trigger belongs to the table that is named
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER passes BEFORE UPDATE ON parted_1 FOR EACH ROW EXECUTE FUNCTION pass();
SELECT route('parted', 1, 2, '{"a": "c"}'), route('parted_1', 2, 2, '{"a": "c"}');
DROP TRIGGER passes ON parted_1;
CREATE TRIGGER passes AFTER UPDATE ON parted_1 FOR EACH STATEMENT EXECUTE FUNCTION pass();
SELECT route('parted', 1, 3, '{"a": "d"}'), route('parted_1', 2, 3, '{"a": "d"}');
CREATE TRIGGER passes AFTER UPDATE ON parted FOR EACH STATEMENT EXECUTE FUNCTION pass();
DROP TRIGGER passes ON parted_1;
SELECT route('parted', 1, 4, '{"a": "e"}'), route('parted_1', 2, 4, '{"a": "e"}');

-- temporary and unlogged tables are heaps like any other
CREATE TEMPORARY TABLE fleeting (id integer PRIMARY KEY, a text);
CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY, a text);
INSERT INTO fleeting VALUES (1, 'a');
INSERT INTO unlogged VALUES (1, 'a');
SELECT interlock.enable_versioning('fleeting') \gset
SELECT interlock.enable_versioning('unlogged') \gset
SELECT route('fleeting', 1, 1, '{"a": "b"}'), route('unlogged', 1, 1, '{"a": "b"}');

-- REPEATABLE READ: what is written is direct; whether an unwritten row is the newest, the planner path tells
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT route('plain', 3, 1, '{"a": "b"}'), route('plain', 3, 2, '{"a": "b"}'), route('plain', 3, 1, '{"a": "c"}');
COMMIT;

-- another table access method, were it heap by another name
CREATE ACCESS METHOD regress_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE otherwise (id integer PRIMARY KEY, a text) USING regress_heap;
INSERT INTO otherwise VALUES (1, 'a');
SELECT interlock.enable_versioning('otherwise') \gset
SELECT route('otherwise', 1, 1, '{"a": "b"}');

-- every write of the family but insertions; what belongs to UPDATE is nothing to a DELETE, and the other way round
CREATE FUNCTION path(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before bigint := (interlock.write_paths()).direct;
    answer text;
BEGIN
    EXECUTE format('SELECT string_agg(r.status::text, %L) FROM interlock.%s AS r', ',', call) INTO answer;
    RETURN format('%s %s', CASE WHEN (interlock.write_paths()).direct > before THEN 'direct' ELSE 'planner' END, answer);
END $$;
CREATE TABLE kind (id integer PRIMARY KEY, a text);
INSERT INTO kind SELECT i, 'a' FROM generate_series(1, 9) AS i;
SELECT interlock.enable_versioning('kind') \gset
CREATE FUNCTION paths(first integer) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT call || ': ' || path(format(call, first)) FROM unnest(ARRAY[
        'try_versioned_touch(''kind'', %1$s, 1)', 'try_versioned_check(''kind'', %1$s, 2)', 'try_versioned_check(''kind'', %1$s, 2, ''no key update'')',
        'try_versioned_merge(''kind'', %1$s, ''{"a": "a"}'', ''{"a": "b"}'')', 'try_compare_and_update(''kind'', %1$s, ''{"a": "b"}'', ''{"a": "c"}'')',
        'try_versioned_upsert(''kind'', ''{"id": %1$s, "a": "d"}'', 4)', 'try_versioned_save(''(%1$s,e,5)''::kind)',
        'try_versioned_update_many(''kind'', ''[{"id": %1$s, "version": 6, "a": "f"}]'')', 'try_versioned_delete(''kind'', %1$s, 7)',
        'try_versioned_upsert(''kind'', ''{"id": %1$s}'', NULL)']) AS call $$;
SELECT paths(1);
CREATE TRIGGER nothing AFTER DELETE ON kind FOR EACH STATEMENT EXECUTE FUNCTION nothing();
SELECT paths(2);
DROP TRIGGER nothing ON kind;
CREATE TRIGGER nothing AFTER UPDATE ON kind FOR EACH STATEMENT EXECUTE FUNCTION nothing();
SELECT paths(3);

-- the locks are held until the transaction ends, and taken again where those of a savepoint, or of a cursor, were lost
CREATE TABLE kept (id integer PRIMARY KEY, a text);
INSERT INTO kept SELECT i, 'a' FROM generate_series(1, 4) AS i;
SELECT interlock.enable_versioning('kept') \gset
UPDATE kept SET a = 'b' WHERE id = 3;
CREATE VIEW held AS SELECT relation::regclass FROM pg_locks
    WHERE pid = pg_backend_pid() AND mode = 'RowExclusiveLock' AND relation IN ('kept'::regclass, 'kept_pkey'::regclass) ORDER BY relation::regclass::text;
BEGIN;
SAVEPOINT s;
SELECT route('kept', 1, 1, '{"a": "b"}'), route('kept', 1, 2, '{"a": "c"}');
SELECT * FROM held;
ROLLBACK TO s;
SELECT * FROM held;
SELECT route('kept', 1, 1, '{"a": "b"}');
SELECT * FROM held;
COMMIT;
SELECT * FROM held;
BEGIN;
DECLARE writing CURSOR FOR SELECT interlock.versioned_update('kept', i, 1, '{"a": "c"}') FROM generate_series(2, 4) AS i;
FETCH writing;
SELECT * FROM held;
SAVEPOINT s;
FETCH writing;
ROLLBACK TO s;
SELECT * FROM held;
SELECT route('kept', 2, 2, '{"a": "d"}');
SELECT * FROM held;
COMMIT;
SELECT * FROM kept ORDER BY id;

-- an update that needs no new index entries is a heap-only one, and is counted as such
SELECT pg_stat_force_next_flush();
SELECT n_tup_upd > 0 AS updated, n_tup_hot_upd = n_tup_upd AS hot FROM pg_stat_user_tables WHERE relid = 'plain'::regclass;

SET client_min_messages = warning;
DROP SCHEMA direct_writes CASCADE;
DROP ACCESS METHOD regress_heap;
DROP ROLE regress_direct;
