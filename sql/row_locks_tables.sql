-- Proves that rows of every kind of table can be locked, as SELECT ... FOR UPDATE locks them: views, partitions, children, policies, column grants, foreign tables, and what ALTER TABLE left in old rows.
\set VERBOSITY terse
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_clerk, regress_boss;
CREATE ROLE regress_clerk;
CREATE ROLE regress_boss;
CREATE SCHEMA row_locks_tables;
SET search_path = row_locks_tables;
GRANT USAGE ON SCHEMA row_locks_tables TO regress_clerk, regress_boss;

-- What a statement raises, in short; or what it returns.
CREATE FUNCTION said(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    message text; detail text;
BEGIN
    RETURN QUERY EXECUTE 'SELECT r::text FROM ' || statement || ' AS r';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN NEXT concat_ws(' | ', SQLSTATE, message, nullif(detail, ''));
END $$;
-- COLUMNS: added with a default that old rows do not hold, dropped, generated, toasted
CREATE TABLE changed (gone text, id integer PRIMARY KEY, a text);
INSERT INTO changed VALUES ('x', 1, 'old'), ('y', 2, 'old too');
ALTER TABLE changed ADD COLUMN added integer DEFAULT 42, ADD COLUMN missing text;
ALTER TABLE changed DROP COLUMN gone;
SELECT r.* FROM interlock.lock_row(NULL::changed, 1) AS r;
SELECT r FROM interlock.lock_rows(NULL::changed, '{2,1}') AS r;
SELECT r.* FROM interlock.try_lock_rows(NULL::changed, '{2,1}') AS r;
ALTER TABLE changed ADD COLUMN later date DEFAULT '2026-01-01', DROP COLUMN missing;
SELECT r FROM interlock.lock_rows(NULL::changed, '{2,1}') AS r;
SELECT r.row FROM interlock.try_lock_row(NULL::changed, 1) AS r;
ALTER TABLE changed ALTER COLUMN added TYPE text USING 'no. ' || added;
SELECT r FROM interlock.lock_row(NULL::changed, 2) AS r;
PREPARE again AS SELECT r FROM interlock.lock_rows(NULL::changed, '{1}') AS r;
EXECUTE again;
ALTER TABLE changed ADD COLUMN last integer DEFAULT 9;
EXECUTE again;
CREATE TABLE made (id integer PRIMARY KEY, n integer, twice integer GENERATED ALWAYS AS (n * 2) STORED, long text, pair changed);
INSERT INTO made (id, n, long, pair) SELECT 1, 4, string_agg(md5(i::text), ''), '(1,a,b,,0)' FROM generate_series(1, 1000) AS i;
SELECT r.id, r.twice, length(r.long), md5(r.long) = md5(m.long), r.pair FROM interlock.lock_row(NULL::made, 1) AS r JOIN made AS m USING (id);
SELECT r.id, length(r.long) FROM interlock.lock_rows(NULL::made, '{1}') AS r;
SELECT length((r.row).long) FROM interlock.try_lock_rows(NULL::made, '{1}') AS r;
CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY);
CREATE TEMPORARY TABLE own (id integer PRIMARY KEY);
INSERT INTO unlogged VALUES (1);
INSERT INTO own VALUES (1);
SELECT r.id FROM interlock.lock_row(NULL::unlogged, 1) AS r;
SELECT r.id FROM interlock.lock_row(NULL::own, 1) AS r;
-- a key with more in its index
CREATE TABLE covering (id integer, a text, PRIMARY KEY (id) INCLUDE (a));
INSERT INTO covering VALUES (1, 'a');
SELECT r FROM interlock.lock_rows(NULL::covering, '{1}') AS r;
-- one that is checked late
CREATE TABLE late (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, a text);
INSERT INTO late VALUES (1, 'a');
SELECT r FROM interlock.lock_rows(NULL::late, '{1}') AS r;
BEGIN;
INSERT INTO late VALUES (1, 'b');
SELECT said('interlock.lock_row(NULL::late, 1)');
ROLLBACK;

-- PARTITIONS: by the root, by an inner one, by a leaf; columns in other places; a row that moved
CREATE TABLE parted (id integer, region integer, note text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 (note text, unused integer, region integer NOT NULL, id integer NOT NULL);
ALTER TABLE parted_2 DROP COLUMN unused;
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES IN (2);
CREATE TABLE parted_3 PARTITION OF parted FOR VALUES IN (3, 4) PARTITION BY RANGE (id);
CREATE TABLE parted_3_low PARTITION OF parted_3 FOR VALUES FROM (0) TO (100);
INSERT INTO parted SELECT i, r, format('%s in %s', i, r) FROM generate_series(1, 2) AS i, generate_series(1, 4) AS r;
SELECT r.* FROM interlock.lock_row(NULL::parted, ROW(1, 2)) AS r;
SELECT r.* FROM interlock.lock_rows(NULL::parted, ARRAY[ROW(2, 4), ROW(2, 1), ROW(1, 3), ROW(1, 2), ROW(1, 1)]) AS r;
SELECT r.* FROM interlock.lock_rows(NULL::parted_3, ARRAY[ROW(2, 4), ROW(1, 3)]) AS r;
SELECT r.* FROM interlock.lock_rows(NULL::parted_2, ARRAY[ROW(2, 2), ROW(1, 2)]) AS r;
SELECT r.* FROM interlock.try_lock_rows(NULL::parted, ARRAY[ROW(100, 3), ROW(1, 2), ROW(1, 9)]) AS r;
SELECT said('interlock.lock_row(NULL::parted, ROW(1, 5))');
SELECT said('interlock.lock_row(NULL::parted_1, ROW(1, 2))');
BEGIN;
UPDATE parted SET region = 2 WHERE id = 1 AND region = 1 AND false;
UPDATE parted SET id = 3, region = 2 WHERE id = 1 AND region = 1;
SELECT r.key, r.status, (r.row).note FROM interlock.try_lock_rows(NULL::parted, ARRAY[ROW(1, 1), ROW(3, 2)]) AS r;
ROLLBACK;
CREATE TABLE hashed (id text, n integer, PRIMARY KEY (id)) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed SELECT i, i FROM generate_series(1, 5) AS i;
SELECT r.* FROM interlock.lock_rows(NULL::hashed, '{5,4,3,2,1}') AS r;
SELECT interlock.enable_versioning('parted', 'version') \gset
SELECT r.* FROM interlock.lock_row(NULL::parted, ROW(1, 2), expected => 1) AS r;
SELECT r.* FROM interlock.try_lock_row(NULL::parted, ROW(1, 2), expected => 2) AS r;
SELECT said('interlock.lock_row(NULL::parted, ROW(1, 2), expected => 2)');

-- CHILDREN: rows of them all, in the parent's columns; two with one key are one too many
CREATE TABLE parent (id integer PRIMARY KEY, a text);
CREATE TABLE child (b text) INHERITS (parent);
INSERT INTO parent VALUES (1, 'parent');
INSERT INTO child VALUES (2, 'child', 'b'), (1, 'twin', 'b');
SELECT said('interlock.lock_row(NULL::parent, 2)');
SELECT said('interlock.lock_row(NULL::parent, 1)');
SELECT said('interlock.try_lock_rows(NULL::parent, ''{2,1}'')');
SELECT said('interlock.lock_row(NULL::child, 2)');

-- VIEWS: the rows below; the key is a JSON object of any columns
CREATE TABLE base (id integer PRIMARY KEY, a text, hidden text DEFAULT 'hidden', version bigint NOT NULL DEFAULT 1);
INSERT INTO base (id, a) VALUES (1, 'one'), (2, 'two'), (3, 'three');
CREATE VIEW shown AS SELECT a AS name, id AS number, version FROM base WHERE id < 3;
SELECT r.* FROM interlock.lock_row(NULL::shown, '{"number": 1}') AS r;
SELECT r.* FROM interlock.lock_rows(NULL::shown, ARRAY['{"number": 2}', '{"number": 1}', '{"number": 2}']) AS r;
SELECT r.* FROM interlock.lock_rows(NULL::shown, ARRAY['{"name": "two"}', '{"name": "one"}']::jsonb[]) AS r;
SELECT r.* FROM interlock.try_lock_rows(NULL::shown, ARRAY['{"number": 3}', '{"number": 1}']) AS r;
SELECT said($$interlock.lock_rows(NULL::shown, ARRAY['{"number": 1}', '{"name": "two"}'])$$);
SELECT said($$interlock.lock_row(NULL::shown, '{"version": 1}')$$);
SELECT said($$interlock.lock_row(NULL::shown, 1)$$);
SELECT said($$interlock.lock_rows(NULL::shown, ARRAY[1])$$);
SELECT said($$interlock.lock_row(NULL::shown, '{"nonsense": 1}')$$);
SELECT said($$interlock.lock_rows(NULL::shown, ARRAY[NULL]::text[])$$);
SELECT interlock.enable_versioning('base') \gset
SELECT r.* FROM interlock.lock_row(NULL::shown, '{"number": 1}', expected => 1) AS r;
SELECT r.* FROM interlock.try_lock_row(NULL::shown, '{"number": 1}', expected => 2) AS r;
CREATE VIEW joined AS SELECT b.id, b.a, c.b FROM base AS b JOIN child AS c USING (id);
CREATE VIEW grouped AS SELECT id, count(*) FROM base GROUP BY id;
SELECT r.* FROM interlock.lock_row(NULL::joined, '{"id": 2}') AS r;
SELECT said($$interlock.lock_row(NULL::grouped, '{"id": 2}')$$);
SELECT said($$interlock.try_lock_row(NULL::grouped, '{"id": 2}')$$);

-- PRIVILEGES: SELECT on all columns, UPDATE on one
CREATE TABLE secret (id integer PRIMARY KEY, a text, b text);
INSERT INTO secret VALUES (1, 'a', 'b');
GRANT EXECUTE ON FUNCTION said TO regress_clerk;
SET ROLE regress_clerk;
SELECT said('interlock.lock_row(NULL::secret, 1)');
RESET ROLE;
GRANT SELECT ON secret TO regress_clerk;
SET ROLE regress_clerk;
SELECT said('interlock.lock_row(NULL::secret, 1, ''key share'')');
SELECT said('interlock.try_lock_row(NULL::secret, 1)');
SELECT said('interlock.lock_rows(NULL::secret, ''{}'')');
RESET ROLE;
GRANT UPDATE (b) ON secret TO regress_clerk;
SET ROLE regress_clerk;
SELECT said('interlock.lock_row(NULL::secret, 1)');
SELECT said('interlock.lock_rows(NULL::secret, ''{1}'')');
RESET ROLE;
REVOKE SELECT ON secret FROM regress_clerk;
GRANT SELECT (id, a) ON secret TO regress_clerk;
SET ROLE regress_clerk;
SELECT said('interlock.lock_row(NULL::secret, 1)');
SELECT said('interlock.try_lock_rows(NULL::secret, ''{1}'')');
RESET ROLE;
GRANT SELECT (b) ON secret TO regress_clerk;
SET ROLE regress_clerk;
SELECT said('interlock.lock_row(NULL::secret, 1)');
RESET ROLE;
REVOKE SELECT, UPDATE ON secret FROM regress_clerk;
GRANT UPDATE ON secret TO regress_clerk;
SET ROLE regress_clerk;
SELECT said('interlock.lock_row(NULL::secret, 1)');
RESET ROLE;
-- of a leaf alone, of the root alone
GRANT SELECT, UPDATE ON parted_1 TO regress_clerk;
SET ROLE regress_clerk;
SELECT said('interlock.lock_row(NULL::parted, ROW(1, 1))');
SELECT said('interlock.lock_row(NULL::parted_1, ROW(1, 1))');
RESET ROLE;
REVOKE SELECT, UPDATE ON parted_1 FROM regress_clerk;
GRANT SELECT, UPDATE ON parted TO regress_clerk;
SET ROLE regress_clerk;
SELECT said('interlock.lock_row(NULL::parted, ROW(1, 1))');
SELECT said('interlock.lock_row(NULL::parted_1, ROW(1, 1))');
RESET ROLE;
-- a view is read and locked as its owner below it
CREATE VIEW window_on AS SELECT id, a FROM secret;
GRANT SELECT ON window_on TO regress_clerk;
SET ROLE regress_clerk;
SELECT said($$interlock.lock_row(NULL::window_on, '{"id": 1}')$$);
RESET ROLE;
GRANT UPDATE ON window_on TO regress_clerk;
SET ROLE regress_clerk;
SELECT said($$interlock.lock_row(NULL::window_on, '{"id": 1}')$$);
RESET ROLE;
-- a schema that one may not use
CREATE SCHEMA row_locks_closed;
CREATE TABLE row_locks_closed.t (id integer PRIMARY KEY);
INSERT INTO row_locks_closed.t VALUES (1);
GRANT SELECT, UPDATE ON row_locks_closed.t TO regress_clerk;
GRANT USAGE ON SCHEMA row_locks_closed TO regress_clerk;
SET ROLE regress_clerk;
PREPARE closed AS SELECT r FROM interlock.lock_rows(NULL::row_locks_closed.t, '{1}') AS r;
EXECUTE closed;
RESET ROLE;
REVOKE USAGE ON SCHEMA row_locks_closed FROM regress_clerk;
SET ROLE regress_clerk;
EXECUTE closed;
RESET ROLE;

-- POLICIES: what the UPDATE policy hides cannot be locked, whatever the strength
CREATE TABLE guarded (id integer PRIMARY KEY, reader text, writer text, version bigint NOT NULL DEFAULT 1);
INSERT INTO guarded VALUES (1, 'regress_clerk', 'regress_clerk'), (2, 'regress_clerk', 'regress_boss'), (3, 'regress_boss', 'regress_clerk'), (4, 'regress_boss', 'regress_boss');
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON guarded FOR SELECT USING (reader = current_user);
GRANT SELECT, UPDATE ON guarded TO regress_clerk, regress_boss;
SET ROLE regress_clerk;
SELECT said('interlock.try_lock_rows(NULL::guarded, ''{1,2,3,4}'')');
RESET ROLE;
CREATE POLICY writers ON guarded FOR UPDATE USING (writer = current_user);
SELECT interlock.enable_versioning('guarded') \gset
SET ROLE regress_clerk;
SELECT id FROM guarded FOR UPDATE;
SELECT said('interlock.try_lock_rows(NULL::guarded, ''{1,2,3,4}'')');
SELECT said('interlock.try_lock_rows(NULL::guarded, ''{1,2,3,4}'', ''key share'')');
SELECT said('interlock.lock_rows(NULL::guarded, ''{1,2,3,4}'', missing_ok => true)');
SELECT said('interlock.lock_row(NULL::guarded, 2)');
SELECT said('interlock.lock_row(NULL::guarded, 4)');
SELECT said('interlock.lock_row(NULL::guarded, 1, expected => 1)');
SELECT said('interlock.try_lock_row(NULL::guarded, 1, expected => 2)');
SELECT said('interlock.try_lock_row(NULL::guarded, 2, expected => 2)');
SELECT said('interlock.try_lock_row(NULL::guarded, 4, expected => 2)');
SET row_security = off;
SELECT said('interlock.lock_row(NULL::guarded, 1)');
RESET row_security;
SET ROLE regress_boss;
SELECT said('interlock.try_lock_rows(NULL::guarded, ''{1,2,3,4}'')');
RESET ROLE;
SELECT said('interlock.try_lock_rows(NULL::guarded, ''{1,2,3,4}'')');

-- AS ALTER TABLE GOES ON between calls of one transaction
BEGIN;
SELECT r FROM interlock.lock_row(NULL::secret, 1) AS r;
ALTER TABLE secret RENAME COLUMN a TO first;
ALTER TABLE secret RENAME TO known;
ALTER TABLE known DROP COLUMN b;
SELECT r.first FROM interlock.lock_row(NULL::known, 1) AS r;
ALTER TABLE known DROP CONSTRAINT secret_pkey;
SAVEPOINT s;
SELECT r FROM interlock.lock_row(NULL::known, 1) AS r;
ROLLBACK TO s;
ALTER TABLE known ADD PRIMARY KEY (first);
SELECT r FROM interlock.lock_row(NULL::known, 'a') AS r;
ALTER SCHEMA row_locks_tables RENAME TO row_locks_elsewhere;
SELECT r.id FROM interlock.lock_row(NULL::row_locks_elsewhere.known, 'a') AS r;
ROLLBACK;
SELECT r FROM interlock.lock_row(NULL::secret, 1) AS r;
-- FOREIGN TABLES: by a JSON key, and never without waiting (the other server would not be told)
SELECT count(*) = 0 AS without FROM pg_available_extensions WHERE name = 'postgres_fdw' \gset
\if :without
\quit
\endif
CREATE EXTENSION postgres_fdw;
DO $$ BEGIN
    EXECUTE format('CREATE SERVER regress_loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L, dbname %L)',
                   split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'), current_database());
    EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER regress_loop OPTIONS (user %L)', current_user);
END $$;
CREATE FOREIGN TABLE far (id integer NOT NULL, a text) SERVER regress_loop OPTIONS (schema_name 'row_locks_tables', table_name 'secret');
SELECT r.* FROM interlock.lock_row(NULL::far, '{"id": 1}') AS r;
SELECT r.* FROM interlock.lock_rows(NULL::far, ARRAY['{"id": 1}']::jsonb[], wait => '10 s') AS r;
SELECT r.* FROM interlock.try_lock_row(NULL::far, '{"id": 2}') AS r;
SELECT said($$interlock.lock_row(NULL::far, '{"id": 1}', wait => '0')$$);
SELECT said($$interlock.lock_rows(NULL::far, ARRAY['{"id": 1}'], skip_locked => true)$$);
SELECT said($$interlock.lock_row(NULL::far, 1)$$);

DROP EXTENSION postgres_fdw CASCADE;
DROP SCHEMA row_locks_tables, row_locks_closed CASCADE;
DROP ROLE regress_clerk, regress_boss;
