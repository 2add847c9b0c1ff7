-- Every index shows the row that a write by version left, and what PostgreSQL counts of an update is counted on both paths alike.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA kinds_indexes;
SET search_path = kinds_indexes;

-- INDEXES of every kind over one table: each look-up uses nothing but an index on that column
CREATE TABLE item (id integer PRIMARY KEY, name text, price numeric, tags text[], doc jsonb, words tsvector, place point, span int4range, day date, code text, state text, note text);
INSERT INTO item SELECT n, 'Name ' || n, n, ARRAY['t' || n, 'all'], jsonb_build_object('k', n), to_tsvector('simple', 'w' || n), point(n, n), int4range(n, n + 1), date '2024-01-01' + n, 'c' || n, 'closed', 'note'
FROM generate_series(1, 500) AS n;
SELECT count(interlock.enable_versioning('item'));
CREATE INDEX item_expression ON item (lower(name));
CREATE INDEX item_partial ON item (price) WHERE state = 'open';
CREATE INDEX item_covering ON item (code) INCLUDE (note);
CREATE INDEX item_gin ON item USING gin (tags);
CREATE INDEX item_jsonb ON item USING gin (doc jsonb_path_ops);
CREATE INDEX item_words ON item USING gin (words) WITH (fastupdate = off);
CREATE INDEX item_gist ON item USING gist (place);
CREATE INDEX item_spgist ON item USING spgist (span);
CREATE INDEX item_brin ON item USING brin (day) WITH (pages_per_range = 1);
CREATE INDEX item_hash ON item USING hash (state);
CREATE UNIQUE INDEX item_unique ON item (upper(code), (price + 0)) WHERE state <> 'void';
SET enable_seqscan = off;
CREATE VIEW found AS
SELECT 'expression' AS by, (SELECT array_agg(id) FROM item WHERE lower(name) = 'new name') AS ids
UNION ALL SELECT 'partial', (SELECT array_agg(id) FROM item WHERE price = 7777 AND state = 'open')
UNION ALL SELECT 'covering', (SELECT array_agg(note) FROM (SELECT note FROM item WHERE code = 'new code') AS i)::text[]::integer[]
UNION ALL SELECT 'gin', (SELECT array_agg(id) FROM item WHERE tags @> '{new tag}')
UNION ALL SELECT 'jsonb', (SELECT array_agg(id) FROM item WHERE doc @> '{"k": "new"}')
UNION ALL SELECT 'words', (SELECT array_agg(id) FROM item WHERE words @@ 'new')
UNION ALL SELECT 'gist', (SELECT array_agg(id) FROM item WHERE place <@ box(point(-1, -1), point(-2, -2)))
UNION ALL SELECT 'spgist', (SELECT array_agg(id) FROM item WHERE span @> -5)
UNION ALL SELECT 'brin', (SELECT array_agg(id) FROM item WHERE day = '2030-01-01')
UNION ALL SELECT 'hash', (SELECT array_agg(id) FROM item WHERE state = 'open')
UNION ALL SELECT 'unique', (SELECT array_agg(id) FROM item WHERE upper(code) = 'NEW CODE' AND price + 0 = 7777 AND state <> 'void');
SELECT * FROM found WHERE ids IS NOT NULL;
SELECT interlock.versioned_update('item', 7, 1, '{"name": "New Name", "price": 7777, "tags": ["new tag"], "doc": {"k": "new"}, "words": "new", "place": "(-1.5,-1.5)", "span": "[-5,-4)",
    "day": "2030-01-01", "code": "new code", "state": "open", "note": "12345"}');
SELECT * FROM found;
-- the old values are no longer found
SELECT (SELECT count(*) FROM item WHERE lower(name) = 'name 7'), (SELECT count(*) FROM item WHERE code = 'c7'), (SELECT count(*) FROM item WHERE tags @> '{t7}'), (SELECT count(*) FROM item WHERE doc @> '{"k": 7}'),
       (SELECT count(*) FROM item WHERE words @@ 'w7'), (SELECT count(*) FROM item WHERE place <@ box(point(7, 7), point(7, 7))), (SELECT count(*) FROM item WHERE span = int4range(7, 8)), (SELECT count(*) FROM item WHERE day = date '2024-01-08');
-- one by one: each column alone, others through a row that moved in the heap
SELECT interlock.versioned_update('item', 8, 1, '{"state": "open"}'), interlock.versioned_update('item', 8, 2, '{"price": 7777}'), interlock.versioned_update('item', 8, 3, '{"name": "NEW NAME"}'),
       interlock.versioned_update('item', 8, 4, '{"day": "2030-01-01"}'), interlock.versioned_update('item', 8, 5, '{"tags": ["all", "new tag"]}'), interlock.versioned_update('item', 8, 6, '{"note": "54321"}');
SELECT * FROM found;
SELECT note FROM item WHERE code IN ('c8', 'new code') ORDER BY code;
-- out of a partial index, and unique through an expression
SELECT interlock.versioned_update('item', 7, 2, '{"state": "closed"}');
SELECT ids FROM found WHERE by IN ('partial', 'hash');
SELECT interlock.versioned_update('item', 8, 7, '{"code": "NEW code"}');
SELECT interlock.versioned_update('item', 8, 7, '{"code": "NEW code", "state": "void"}');
-- an index that is not valid yet is kept up to date all the same; so is one that is new to the session's cache
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'item_hash'::regclass;
SELECT interlock.versioned_update('item', 8, 8, '{"state": "half", "code": "other"}');
UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'item_hash'::regclass;
SELECT id FROM item WHERE state = 'half';
CREATE INDEX item_late ON item (note, version);
SELECT interlock.versioned_update('item', 8, 9, '{"price": 1}');
SELECT id, version FROM item WHERE note = '54321' AND version = 10;
-- an index on a function of the whole row, the version in it
CREATE FUNCTION whole(item) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT $1.name || $1.version $$;
CREATE INDEX item_whole ON item (whole(item));
SELECT interlock.versioned_update('item', 9, 1, '{"note": "x"}');
SELECT id FROM item WHERE whole(item) = 'Name 92';
-- every row is there, once
SET enable_bitmapscan = off;
SELECT count(*), count(DISTINCT id) FROM item WHERE code > '';
RESET enable_seqscan;
RESET enable_bitmapscan;

-- HOT: where no indexed column changes and the page has room, no index gets a new entry
CREATE TABLE hot (id integer PRIMARY KEY, a integer, b integer, c integer, version bigint NOT NULL DEFAULT 1) WITH (fillfactor = 10, autovacuum_enabled = off);
CREATE INDEX ON hot (a);
CREATE INDEX ON hot ((b + 1)) WHERE b > 100;
INSERT INTO hot SELECT n, n, n, n FROM generate_series(1, 3) AS n;
SELECT count(interlock.enable_versioning('hot'));
-- tuples updated and of them hot, inserted, deleted, since the last flush of the counters
CREATE FUNCTION counted(rel regclass) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', pg_stat_get_xact_tuples_updated(rel), 'hot', pg_stat_get_xact_tuples_hot_updated(rel), 'inserted', pg_stat_get_xact_tuples_inserted(rel), 'deleted', pg_stat_get_xact_tuples_deleted(rel))
$$;
SELECT pg_stat_force_next_flush() \gset
BEGIN;
SELECT interlock.versioned_update('hot', 1, 1, '{"c": 7}');
SELECT counted('hot');
-- an indexed column that is named, and has its value already
SELECT interlock.versioned_update('hot', 1, 2, '{"c": 8, "a": 1}');
SELECT counted('hot');
-- one that changes
SELECT interlock.versioned_update('hot', 1, 3, '{"a": 8}');
SELECT counted('hot');
-- one in a partial index's expression, though its predicate is false before and after
SELECT interlock.versioned_update('hot', 1, 4, '{"b": 8}');
SELECT counted('hot');
-- what is not written is not counted
SELECT r.status FROM interlock.try_versioned_update('hot', 1, 5, '{"b": 8}') AS r;
SELECT r.status FROM interlock.try_versioned_update('hot', 1, 4, '{"b": 9}') AS r;
SELECT r.status FROM interlock.try_versioned_update('hot', 9, 4, '{"b": 9}') AS r;
SELECT counted('hot');
ROLLBACK;
-- a BEFORE trigger that changes an indexed column, or does not
CREATE FUNCTION change_a() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.a := NEW.a + 1; RETURN NEW; END $$;
CREATE TRIGGER change_a BEFORE UPDATE OF b ON hot FOR EACH ROW EXECUTE FUNCTION change_a();
SELECT pg_stat_force_next_flush() \gset
BEGIN;
SELECT interlock.versioned_update('hot', 2, 1, '{"c": 7}');
SELECT counted('hot');
SELECT interlock.versioned_update('hot', 2, 2, '{"b": 2, "c": 8}');
SELECT counted('hot');
ROLLBACK;
DROP TRIGGER change_a ON hot;
-- an index with the version in it: never hot
CREATE INDEX hot_version ON hot (version);
SELECT pg_stat_force_next_flush() \gset
BEGIN;
SELECT interlock.versioned_update('hot', 2, 1, '{"c": 7}');
SELECT counted('hot');
ROLLBACK;
DROP INDEX hot_version;
-- an excepted column: no new version, so the update is hot though the version is indexed
CREATE TABLE warm (id integer PRIMARY KEY, hits integer, version bigint NOT NULL DEFAULT 1) WITH (fillfactor = 10);
CREATE INDEX ON warm (version);
INSERT INTO warm VALUES (1, 0);
SELECT interlock.enable_versioning('warm', except_columns => '{hits}') \gset
SELECT pg_stat_force_next_flush() \gset
BEGIN;
SELECT interlock.versioned_update('warm', 1, 1, '{"hits": 7}');
SELECT counted('warm');
ROLLBACK;
-- a chain of hot updates is followed to its end by whoever looks, and by the next write
DO $$
DECLARE v bigint := 1;
BEGIN
    FOR n IN 1..50 LOOP
        v := interlock.versioned_update('hot', 3, v, jsonb_build_object('c', n + 1000));
    END LOOP;
END $$;
SET enable_seqscan = off;
SELECT * FROM hot WHERE id = 3;
SELECT id, c FROM hot WHERE a = 3;
RESET enable_seqscan;

-- COUNTERS of the table that has the row: a partition, an inheritance child, a temporary table
CREATE TABLE parted (id integer PRIMARY KEY, a integer) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (10) WITH (fillfactor = 50);
CREATE TABLE parent (id integer PRIMARY KEY, a integer);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
CREATE TEMPORARY TABLE passing (id integer PRIMARY KEY, a integer);
INSERT INTO parted VALUES (1, 0);
INSERT INTO child VALUES (1, 0);
INSERT INTO passing VALUES (1, 0);
SELECT count(interlock.enable_versioning(t)) FROM unnest('{parted, parent, passing}'::regclass[]) AS t;
SELECT pg_stat_force_next_flush() \gset
BEGIN;
SELECT interlock.versioned_update('parted', 1, 1, '{"a": 1}'), interlock.versioned_update('parted_1', 1, 2, '{"a": 2}');
SELECT counted('parted'), counted('parted_1');
SELECT interlock.versioned_update('parent', 1, 1, '{"a": 1}'), interlock.versioned_update('child', 1, 2, '{"a": 2}');
SELECT counted('parent'), counted('child');
SELECT interlock.versioned_update('passing', 1, 1, '{"a": 1}');
SELECT counted('passing');
COMMIT;
-- and of a subtransaction that is taken back: the work was done
SELECT pg_stat_force_next_flush() \gset
BEGIN;
SAVEPOINT s;
SELECT interlock.versioned_update('passing', 1, 2, '{"a": 2}');
ROLLBACK TO s;
SELECT interlock.versioned_update('passing', 1, 2, '{"a": 3}');
SELECT counted('passing');
COMMIT;
SELECT * FROM passing;

SELECT (SELECT direct > 0 FROM interlock.write_paths()) = (current_setting('interlock.direct_writes') = 'auto') AS path;
DROP SCHEMA kinds_indexes CASCADE;
