-- Where writes by version are called from, what the commands around them see, and what replication and event triggers ask of them.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA kinds_commands;
SET search_path = kinds_commands;

CREATE TABLE doc (id integer PRIMARY KEY, name text, n integer DEFAULT 0);
INSERT INTO doc SELECT n, 'name ' || n FROM generate_series(1, 9) AS n;
SELECT interlock.enable_versioning('doc') \gset

-- LATER COMMANDS see the write: in functions of PL/pgSQL and SQL, and in a procedure that commits and rolls back
CREATE FUNCTION put_and_read(id integer, expected bigint) RETURNS SETOF doc LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT * FROM doc WHERE doc.id = put_and_read.id;
    PERFORM interlock.versioned_update('doc', id, expected, '{"n": 1}');
    RETURN QUERY SELECT * FROM doc WHERE doc.id = put_and_read.id;
    UPDATE doc SET n = n + 1 WHERE doc.id = put_and_read.id AND doc.n = 1;
    RETURN QUERY SELECT * FROM doc WHERE doc.id = put_and_read.id;
    PERFORM interlock.versioned_update('doc', id, expected + 2, '{"n": 3}');
    RETURN QUERY SELECT * FROM doc WHERE doc.id = put_and_read.id;
END $$;
SELECT * FROM put_and_read(1, 1);
CREATE FUNCTION put_twice(id integer, expected bigint) RETURNS bigint LANGUAGE sql AS $$
    SELECT interlock.versioned_update('doc', id, expected, '{"n": 10}');
    UPDATE doc SET n = n + 1 WHERE doc.id = $1;
    SELECT interlock.versioned_update('doc', id, expected + 2, jsonb_build_object('n', (SELECT n + 1 FROM doc WHERE doc.id = $1)));
$$;
SELECT put_twice(2, 1), (SELECT n FROM doc WHERE id = 2) AS "as the statement began";
SELECT n, version FROM doc WHERE id = 2;
CREATE PROCEDURE put_all(INOUT done integer) LANGUAGE plpgsql AS $$
DECLARE d doc;
BEGIN
    done := 0;
    FOR d IN SELECT * FROM doc ORDER BY id LOOP
        PERFORM interlock.versioned_update('doc', d.id, d.version, '{"name": "by the procedure"}');
        done := done + 1;
        IF d.id % 2 = 0 THEN COMMIT; ELSE ROLLBACK; END IF;
    END LOOP;
END $$;
CALL put_all(NULL);
SELECT id, version FROM doc WHERE name = 'by the procedure' ORDER BY id;
-- CTEs, recursive ones too; VALUES; INSERT … SELECT; the SET list and RETURNING of another write
TRUNCATE doc;
INSERT INTO doc SELECT n, 'name ' || n FROM generate_series(1, 9) AS n;
WITH w AS (SELECT id, interlock.versioned_update('doc', id, version, '{"n": 1}') AS v FROM doc WHERE id <= 3) SELECT id, v FROM w ORDER BY id;
WITH w AS MATERIALIZED (SELECT id, interlock.versioned_update('doc', id, version, '{"n": 2}') AS v FROM doc WHERE id <= 2), x AS (SELECT count(*) AS rows FROM w) SELECT rows FROM x;
-- one that nobody reads does not run
WITH w AS (SELECT interlock.versioned_update('doc', 1, 3, '{"n": 99}')) SELECT n, version FROM doc WHERE id = 1;
WITH RECURSIVE chain (step, version) AS (SELECT 1, interlock.versioned_update('doc', 4, 1, '{"n": 1}') UNION ALL SELECT step + 1, interlock.versioned_update('doc', 4, version, jsonb_build_object('n', step + 1)) FROM chain WHERE step < 5)
SELECT * FROM chain;
SELECT n, version FROM doc WHERE id = 4;
-- beside a data-modifying CTE of another row, and of the same row after it
WITH other AS (UPDATE doc SET n = 5 WHERE id = 5 RETURNING id, version) SELECT interlock.versioned_update('doc', 6, 1, '{"n": 6}'), other.* FROM other;
WITH gone AS (DELETE FROM doc WHERE id = 9 RETURNING id, version) SELECT r.status FROM gone, LATERAL interlock.try_versioned_update('doc', gone.id, gone.version, '{"n": 6}') AS r;
SELECT r.* FROM (VALUES (7, 1, '{"n": 7}'::jsonb), (8, 9, '{"n": 8}'), (99, 1, '{}')) AS w (id, expected, changes), LATERAL interlock.try_versioned_update('doc', id, expected, changes) AS r ORDER BY w.id;
CREATE TABLE result (LIKE doc, status text);
INSERT INTO result (id, version, status) SELECT d.id, r.version, r.status FROM doc AS d, LATERAL interlock.try_versioned_update('doc', d.id, d.version, '{"n": 100}') AS r;
SELECT count(*), bool_and(r.version = d.version AND d.n = 100) FROM result AS r JOIN doc AS d USING (id);
UPDATE result SET n = interlock.versioned_update('doc', id, version, '{"n": 101}') WHERE id = 1 RETURNING n, (SELECT n FROM doc WHERE id = 1) AS "as the statement began";
DELETE FROM result WHERE id = 2 RETURNING interlock.versioned_update('doc', id, version, '{"n": 102}');
SELECT id, n, version FROM doc WHERE id IN (1, 2) ORDER BY id;

-- CURSORS: one that is open shows what it saw when it was opened; the rows of one that locks may be written; a loop over one writes what it reads
BEGIN;
DECLARE reading CURSOR FOR SELECT id, n FROM doc ORDER BY id;
FETCH reading;
SELECT interlock.versioned_update('doc', 2, (SELECT version FROM doc WHERE id = 2), '{"n": 1000}');
FETCH reading;
CLOSE reading;
DECLARE locking CURSOR FOR SELECT id, n, version FROM doc WHERE id = 3 FOR UPDATE;
FETCH locking;
SELECT interlock.versioned_update('doc', 3, (SELECT version FROM doc WHERE id = 3), '{"n": 1001}');
COMMIT;
DO $$
DECLARE
    d doc;
    each_one CURSOR FOR SELECT * FROM doc ORDER BY id;
BEGIN
    FOR d IN each_one LOOP
        PERFORM interlock.versioned_update('doc', d.id, d.version, jsonb_build_object('n', -d.id));
    END LOOP;
END $$;
SELECT sum(n), count(*) FROM doc;

-- MERGE whose source calls it, and whose target is versioned
MERGE INTO result AS t USING (SELECT d.id, r.status, r.version FROM doc AS d, LATERAL interlock.try_versioned_update('doc', d.id, d.version, '{"n": 0}') AS r) AS s ON t.id = s.id
WHEN MATCHED THEN UPDATE SET status = s.status, version = s.version WHEN NOT MATCHED THEN INSERT (id, status, version) VALUES (s.id, s.status, s.version);
SELECT count(*), count(DISTINCT status), bool_and(r.version = d.version) FROM result AS r JOIN doc AS d USING (id);
-- its SET list is the union over its branches: a branch that leaves the version alone looks like an echo of what is there
SELECT interlock.enable_versioning('doc', accept => 'echo', require_version => true) \gset
TRUNCATE doc;
INSERT INTO doc VALUES (1, 'a', 0, 5), (2, 'a', 0, 5), (3, 'a', 0, 5);
CREATE VIEW rows AS SELECT id, name, version FROM doc ORDER BY id;
MERGE INTO doc AS t USING (VALUES (1, 'both', 5), (2, 'no version', NULL)) AS s (id, name, version) ON t.id = s.id
WHEN MATCHED AND s.version IS NULL THEN UPDATE SET name = s.name WHEN MATCHED THEN UPDATE SET name = s.name, version = s.version;
TABLE rows;
\set VERBOSITY sqlstate
MERGE INTO doc AS t USING (VALUES (2, 'no version anywhere')) AS s (id, name) ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = s.name;
MERGE INTO doc AS t USING (VALUES (1, 'late', 5)) AS s (id, name, version) ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = s.name, version = s.version;
MERGE INTO doc AS t USING (VALUES (1, 'late', 6), (2, 'late', 5)) AS s (id, name, version) ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = s.name, version = s.version;
\set VERBOSITY default
MERGE INTO doc AS t USING (VALUES (1, 6), (3, 5), (4, NULL)) AS s (id, version) ON t.id = s.id
WHEN MATCHED AND t.id = 3 THEN DELETE WHEN MATCHED THEN UPDATE SET name = 'merged', version = s.version WHEN NOT MATCHED THEN INSERT (id, name, version) VALUES (s.id, 'new', s.version);
TABLE rows;
-- ON CONFLICT: what a second row of the statement wants is refused by PostgreSQL, what a stale one wants by us
\set VERBOSITY sqlstate
INSERT INTO doc VALUES (1, 'twice', 0, 7), (1, 'twice', 0, 8) ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version;
INSERT INTO doc VALUES (9, 'kept?', 0, 1), (1, 'stale', 0, 1) ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version;
\set VERBOSITY default
INSERT INTO doc VALUES (9, 'new', 0, 3), (1, 'up', 0, 7) ON CONFLICT (id) DO UPDATE SET name = excluded.name, version = excluded.version WHERE doc.name <> 'none' RETURNING id, version;
TABLE rows;

-- REPLICATION IDENTITY: an UPDATE of a published table that has none is refused, and so is a write by version, whatever it would have come to
CREATE TABLE published (id integer PRIMARY KEY, a text, other integer NOT NULL UNIQUE, hidden integer DEFAULT 0);
INSERT INTO published VALUES (1, 'a', 1);
SELECT interlock.enable_versioning('published') \gset
CREATE PUBLICATION regress_kinds FOR TABLE published;
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
    EXECUTE statement INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE VIEW attempts AS SELECT attempt(sql) FROM (VALUES (1, 'UPDATE published SET a = a || ''x'' RETURNING version'), (2, 'UPDATE published SET a = a WHERE false RETURNING version'),
    (3, 'SELECT (interlock.try_versioned_update(''published'', 1, (SELECT version FROM published), jsonb_build_object(''a'', clock_timestamp()))).status'),
    (4, 'SELECT (interlock.try_versioned_update(''published'', 1, (SELECT version FROM published), jsonb_build_object(''other'', (SELECT other FROM published)))).status'),
    (5, 'SELECT (interlock.try_versioned_update(''published'', 1, 0, jsonb_build_object(''a'', ''stale''))).status'),
    (6, 'SELECT (interlock.try_versioned_update(''published'', 9, 1, jsonb_build_object(''a'', ''missing''))).status')) AS v (n, sql) ORDER BY n;
TABLE attempts;
ALTER TABLE published REPLICA IDENTITY NOTHING;
TABLE attempts;
ALTER TABLE published REPLICA IDENTITY FULL;
TABLE attempts;
ALTER TABLE published REPLICA IDENTITY USING INDEX published_other_key;
TABLE attempts;
ALTER TABLE published DROP CONSTRAINT published_other_key;
TABLE attempts;
ALTER TABLE published REPLICA IDENTITY DEFAULT;
-- a row filter and a column list that the identity does not cover
ALTER PUBLICATION regress_kinds SET TABLE published WHERE (hidden = 0);
TABLE attempts;
ALTER PUBLICATION regress_kinds SET TABLE published (a, version);
TABLE attempts;
ALTER PUBLICATION regress_kinds SET TABLE published (id, a);
TABLE attempts;
-- a publication that leaves updates out asks for nothing
ALTER TABLE published REPLICA IDENTITY NOTHING;
ALTER PUBLICATION regress_kinds SET TABLE published;
ALTER PUBLICATION regress_kinds SET (publish = 'insert, delete');
TABLE attempts;
DROP PUBLICATION regress_kinds;
-- through the root and by the partition
CREATE TABLE root (id integer PRIMARY KEY, a text) PARTITION BY RANGE (id);
CREATE TABLE root_1 PARTITION OF root DEFAULT;
INSERT INTO root VALUES (1, 'a');
SELECT interlock.enable_versioning('root') \gset
CREATE PUBLICATION regress_kinds FOR TABLE root WITH (publish_via_partition_root = true);
ALTER TABLE root_1 REPLICA IDENTITY NOTHING;
SELECT attempt($$UPDATE root SET a = 'b' RETURNING version$$), attempt($$SELECT interlock.versioned_update('root', 1, 1, '{"a": "b"}')$$), attempt($$SELECT interlock.versioned_update('root_1', 1, 1, '{"a": "b"}')$$);
DROP PUBLICATION regress_kinds;

-- EVENT TRIGGERS around enable_versioning: what raises at the end of any of its commands, or at the start, leaves nothing half-done
CREATE TABLE watched (id integer PRIMARY KEY, hits integer);
CREATE TABLE watched_parts (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE watched_part PARTITION OF watched_parts DEFAULT;
INSERT INTO watched VALUES (1, 0);
CREATE TABLE refused_tag (tag text, nth integer);
CREATE SEQUENCE seen;
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TAG = (SELECT tag FROM kinds_commands.refused_tag) AND nextval('kinds_commands.seen') = (SELECT nth FROM kinds_commands.refused_tag) THEN
        RAISE 'frozen' USING errcode = 'FROZE';
    END IF;
END $$;
CREATE EVENT TRIGGER regress_kinds_end ON ddl_command_end EXECUTE FUNCTION refuse();
CREATE FUNCTION state() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', (SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('watched'::regclass, 'watched_parts'::regclass, 'watched_part'::regclass)), 'triggers',
        (SELECT count(*) FROM pg_attribute WHERE attrelid IN ('watched'::regclass, 'watched_parts'::regclass) AND attname = 'version'), 'columns', (SELECT count(*) FROM interlock.versioned_tables WHERE relation::text LIKE 'watched%'), 'versioned')
$$;
CREATE FUNCTION try(call text, tag text, nth integer) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM setval('seen', 1, false);
    DELETE FROM refused_tag;
    INSERT INTO refused_tag VALUES (tag, nth);
    EXECUTE call;
    RETURN 'done ' || state();
EXCEPTION WHEN SQLSTATE 'FROZE' THEN
    RETURN 'refused ' || state();
END $$;
SELECT tag, nth, try($$SELECT interlock.enable_versioning('watched', except_columns => '{hits}')$$, tag, nth) FROM (VALUES ('ALTER TABLE', 1), ('CREATE TRIGGER', 1), ('CREATE TRIGGER', 2), ('CREATE TRIGGER', 3)) AS v (tag, nth);
SELECT try($$SELECT interlock.enable_versioning('watched', except_columns => '{hits}')$$, 'none', 0);
-- while one is refused, what was in force stays in force
SELECT try($$SELECT interlock.enable_versioning('watched', accept => 'echo', require_version => true)$$, 'CREATE TRIGGER', 1);
SELECT except_columns, accept, require_version FROM interlock.versioned_tables WHERE relation = 'watched'::regclass;
SELECT interlock.versioned_update('watched', 1, 1, '{"hits": 1}');
SELECT try($$SELECT interlock.enable_versioning('watched_parts')$$, 'CREATE TRIGGER', 2), try($$SELECT interlock.enable_versioning('watched_parts')$$, 'none', 0);
-- the same on the way out
CREATE EVENT TRIGGER regress_kinds_drop ON sql_drop EXECUTE FUNCTION refuse();
SELECT try($$SELECT interlock.disable_versioning('watched')$$, 'DROP TRIGGER', 1), try($$SELECT interlock.disable_all()$$, 'DROP TRIGGER', 3);
DROP EVENT TRIGGER regress_kinds_end;
DROP EVENT TRIGGER regress_kinds_drop;
SELECT interlock.versioned_update('watched', 1, 1, '{"hits": 2}');

SELECT (SELECT direct > 0 FROM interlock.write_paths()) = (current_setting('interlock.direct_writes') = 'auto') AS path;
DROP SCHEMA kinds_commands CASCADE;
