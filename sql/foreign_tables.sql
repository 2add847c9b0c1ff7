-- A foreign table is versioned by its local triggers: plain SQL is judged here before it is sent, and a write by version finds its row by a JSON key. Through postgres_fdw, looped back to this database.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
SELECT count(*) = 0 AS without FROM pg_available_extensions WHERE name = 'postgres_fdw' \gset
\if :without
\quit
\endif
CREATE SCHEMA foreign_tables;
SET search_path = foreign_tables;
CREATE EXTENSION postgres_fdw;
DO $$ BEGIN
    EXECUTE format('CREATE SERVER regress_loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
                   split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
    EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER regress_loop OPTIONS (user %L)', current_user);
END $$;

-- What a write answers with all that comes with it, or its SQLSTATE; a line more where it did not take the planner path.
CREATE FUNCTION put(rel regclass, key jsonb, expected bigint, changes jsonb, base jsonb DEFAULT NULL) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    before bigint := (interlock.write_paths()).direct;
    r interlock.write_result;
BEGIN
    r := interlock.try_versioned_update(rel, key, expected, changes, base);
    RETURN NEXT concat_ws(' ', r.status, r.version, r.current::text, r.conflicts::text);
    IF (interlock.write_paths()).direct > before THEN RETURN NEXT 'directly'; END IF;
EXCEPTION WHEN OTHERS THEN
    RETURN NEXT SQLSTATE;
END $$;
-- The same of the raising form.
CREATE FUNCTION raised(rel regclass, key jsonb, expected bigint, changes jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN interlock.versioned_update(rel, key, expected, changes);
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;

-- near is the remote side: a table of no special kind, in other names and another order
CREATE TABLE near (version bigint NOT NULL DEFAULT 1, remark text, id integer PRIMARY KEY, n numeric(6,2) CHECK (n < 1000), tags text[], doc jsonb);
INSERT INTO near SELECT 1, 'note ' || i, i, i, ARRAY['a', 'b' || i], jsonb_build_object('k', i) FROM generate_series(1, 5) AS i;
CREATE FOREIGN TABLE far (id integer NOT NULL, note text OPTIONS (column_name 'remark'), n numeric(6,2), tags text[], doc jsonb, version bigint NOT NULL DEFAULT 1) SERVER regress_loop OPTIONS (schema_name 'foreign_tables', table_name 'near');
SELECT interlock.enable_versioning('far', except_columns => '{tags}', accept => 'echo', require_version => true) \gset
SELECT relation, version_column, except_columns, accept, require_version, problems FROM interlock.versioned_tables WHERE relation = 'far'::regclass;

-- PLAIN SQL is judged before it is sent
\set VERBOSITY sqlstate
UPDATE far SET note = 'echo', version = 1 WHERE id = 1 RETURNING version;
UPDATE far SET note = 'stale', version = 1 WHERE id = 1 RETURNING version;
UPDATE far SET note = 'no version' WHERE id = 1 RETURNING version;
UPDATE far SET tags = '{c}' WHERE id = 1 RETURNING version, tags;
INSERT INTO far (id, note, version) VALUES (6, 'kept', 42), (7, 'first', NULL) RETURNING version;
DELETE FROM far WHERE id = 7 RETURNING version;
\set VERBOSITY default
SELECT * FROM near ORDER BY id;

-- BY VERSION: every outcome, with the foreign table's columns
SELECT put('far', '{"id": 1}', 2, '{"note": "one"}');
SELECT put('far', '{"id": 1}', 3, '{"note": "one", "n": "1.00"}');
SELECT put('far', '{"id": 1}', 3, '{}');
SELECT put('far', '{"id": 1}', 2, '{"note": "late", "n": 7}', '{"n": 1}');
SELECT put('far', '{"id": 99}', 1, '{"note": "x"}');
SELECT put('far', '{"id": 1}', 3, '{"tags": ["d", null]}');
SELECT raised('far', '{"id": 1}', 3, '{"note": "uno", "n": null}'), raised('far', '{"id": 1}', 3, '{"note": "late"}'), raised('far', '{"id": 99}', 3, '{"note": "x"}');
SELECT put('far', '{"id": 1}', 4, '{"doc": {"k": [1, null]}, "tags": [], "n": 12.5}');
SELECT * FROM near WHERE id = 1;
-- the key is any columns that find one row
SELECT put('far', '{"note": "note 2"}', 1, '{"n": 22}'), put('far', '{"id": 2, "note": "note 2"}', 2, '{"n": 23}'), put('far', '{"id": 2, "note": "other"}', 3, '{"n": 24}');
UPDATE near SET remark = 'twin' WHERE id IN (3, 4);
SELECT put('far', '{"note": "twin"}', 1, '{"n": 0}');
SELECT id, n, version FROM near WHERE remark = 'twin' ORDER BY id;
-- what is refused
SELECT put('far', '{"id": 2}', 3, '{"version": 9}'), put('far', '{"id": 2}', 3, '{"nope": 9}'), put('far', '{"id": 2}', 3, '{"n": "x"}'), put('far', '{"id": 2}', 3, '{"n": 100000}');
-- what the remote side refuses comes back with its own code
SELECT put('far', '{"id": 2}', 3, '{"n": 1000}'), put('far', '{"id": 2}', 3, '{"n": 999}');
-- many rows of one statement
SELECT n, r.status, r.version FROM generate_series(3, 5) AS n, LATERAL interlock.try_versioned_update('far', jsonb_build_object('id', n), 1, jsonb_build_object('note', 'all ' || n)) AS r ORDER BY n;
-- a rollback takes the remote row back, too
BEGIN;
SELECT put('far', '{"id": 5}', 2, '{"note": "a"}');
SAVEPOINT s;
SELECT put('far', '{"id": 5}', 3, '{"note": "b"}');
ROLLBACK TO s;
SELECT put('far', '{"id": 5}', 3, '{"note": "c"}');
COMMIT;
BEGIN;
SELECT put('far', '{"id": 5}', 4, '{"note": "d"}');
ROLLBACK;
SELECT remark, version FROM near WHERE id = 5;

-- LOCAL TRIGGERS see the rows, and may change or reject them
CREATE TABLE log (n integer GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log (line) VALUES (format('%s %s: %s %s to %s %s', TG_NAME, TG_WHEN, OLD.note, OLD.version, NEW.note, NEW.version));
    IF TG_WHEN = 'BEFORE' THEN NEW.note := upper(NEW.note); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tell_before BEFORE UPDATE ON far FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER tell_after AFTER UPDATE ON far FOR EACH ROW WHEN (OLD.version < NEW.version) EXECUTE FUNCTION tell();
SELECT put('far', '{"id": 5}', 4, '{"note": "loud"}');
SELECT line FROM log ORDER BY n;
DROP TRIGGER tell_before ON far;
DROP TRIGGER tell_after ON far;
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER swallow BEFORE UPDATE ON far FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT put('far', '{"id": 5}', 5, '{"note": "x"}'), raised('far', '{"id": 5}', 5, '{"note": "x"}');
DROP TRIGGER swallow ON far;
SELECT remark, version FROM near WHERE id = 5;

-- A CHANGE ON THE OTHER SIDE: seen where it moved the version, as by any writer who did not
UPDATE near SET remark = 'changed over there', version = version + 1 WHERE id = 5;
SELECT put('far', '{"id": 5}', 5, '{"note": "late"}');
-- a remote table that is versioned itself takes what we send for the increment that it is, and does not count twice
SELECT interlock.enable_versioning('near') \gset
SELECT put('far', '{"id": 5}', 6, '{"note": "both"}'), put('far', '{"id": 5}', 6, '{"note": "late"}');
-- (in one transaction the two sides would wait for each other)
SELECT interlock.versioned_update('near', 5, 7, '{"remark": "from that side"}');
SELECT put('far', '{"id": 5}', 7, '{"note": "late"}');
SELECT remark, version FROM near WHERE id = 5;

-- RIGHTS are those on the foreign table
DROP ROLE IF EXISTS regress_foreign_reader;
CREATE ROLE regress_foreign_reader;
GRANT USAGE ON SCHEMA foreign_tables TO regress_foreign_reader;
SET ROLE regress_foreign_reader;
SELECT put('far', '{"id": 5}', 8, '{"note": "x"}');
RESET ROLE;

-- a CHILD of a local table: the parent's key finds it
CREATE TABLE parent (id integer PRIMARY KEY, note text);
INSERT INTO parent VALUES (101, 'local');
CREATE TABLE near_child (id integer PRIMARY KEY, note text, version bigint NOT NULL DEFAULT 1);
INSERT INTO near_child VALUES (201, 'remote');
CREATE FOREIGN TABLE far_child () INHERITS (parent) SERVER regress_loop OPTIONS (schema_name 'foreign_tables', table_name 'near_child');
SELECT interlock.enable_versioning('parent') \gset
SELECT relation FROM interlock.versioned_tables WHERE relation::text LIKE '%parent' OR relation::text LIKE '%child' ORDER BY relation::text;
SELECT put('parent', '{"id": 101}', 1, '{"note": "a"}'), put('parent', '{"id": 201}', 1, '{"note": "a"}'), put('parent', '{"id": 201}', 1, '{"note": "b"}'), put('far_child', '{"id": 201}', 2, '{"note": "c"}');
SELECT tableoid::regclass, * FROM parent ORDER BY id;
-- a VIEW of it
CREATE VIEW far_view AS SELECT id AS number, note, version AS v FROM far WHERE id < 5;
SELECT put('far_view', '{"number": 4}', 2, '{"note": "seen"}'), put('far_view', '{"number": 4}', 2, '{"note": "late"}'), put('far_view', '{"number": 5}', 8, '{"note": "hidden"}');

-- disabled, and off
ALTER FOREIGN TABLE far DISABLE TRIGGER "~interlock_version";
SELECT put('far', '{"id": 4}', 3, '{"note": "x"}');
ALTER FOREIGN TABLE far ENABLE TRIGGER "~interlock_version";
SELECT interlock.disable_versioning('far') \gset
SELECT put('far', '{"id": 4}', 3, '{"note": "x"}');
SELECT id, remark, n, version FROM near ORDER BY id;

DROP SCHEMA foreign_tables CASCADE;
DROP ROLE regress_foreign_reader;
