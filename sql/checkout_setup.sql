-- Proves how tables are set up for checkouts, and what becomes of checkouts when tables change: settings, partitions and their moves, attach and detach, children, temporary tables, renames, drops, the way out.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_setup_owner;
RESET client_min_messages;
CREATE ROLE regress_setup_owner;
CREATE SCHEMA checkout_setup;
GRANT USAGE, CREATE ON SCHEMA checkout_setup TO regress_setup_owner;
SET search_path = checkout_setup;

-- What a statement comes to: its result, how many rows it wrote, or its SQLSTATE, message and hint. Times are left out.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    written bigint;
    hint text;
BEGIN
    IF statement ILIKE 'SELECT %' THEN
        EXECUTE statement INTO result;
        RETURN coalesce(nullif(result, ''), CASE WHEN result IS NULL THEN 'NULL' ELSE 'done' END);
    END IF;
    EXECUTE statement;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN 'wrote ' || written;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN regexp_replace(concat_ws(' | ', SQLSTATE, SQLERRM, CASE WHEN SQLSTATE NOT LIKE 'IL%' THEN nullif(hint, '') END), ' until \d{4}-.*$', '');
END $$;
-- The same with the write undone.
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    result := outcome(statement);
    RAISE EXCEPTION USING ERRCODE = 'P0999';
EXCEPTION WHEN SQLSTATE 'P0999' THEN
    RETURN result;
END $$;
CREATE FUNCTION take(rel regclass, key anycompatible, ttl interval = '1 hour', holder text = 'ann') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r interlock.lease_result := interlock.try_checkout(rel, key, holder, ttl);
BEGIN
    IF r.granted THEN PERFORM set_config('checkouts.token', r.token::text, false); END IF;
    RETURN CASE WHEN r.granted THEN 'granted' ELSE 'held by ' || r.holder END;
END $$;
CREATE FUNCTION token() RETURNS bigint LANGUAGE sql AS $$ SELECT current_setting('checkouts.token')::bigint $$;
CREATE FUNCTION shown() RETURNS SETOF text LANGUAGE sql AS $$ SELECT concat_ws(' ', relation, key, holder) FROM interlock.checkouts ORDER BY relation::text, key $$;
CREATE FUNCTION guards(rel regclass) RETURNS SETOF text LANGUAGE sql AS
$$ SELECT concat_ws(' ', tgrelid::regclass, tgname, tgenabled, tgattr::text) FROM pg_trigger WHERE tgname LIKE '%checkout%' AND tgrelid IN (SELECT relid FROM pg_partition_tree(rel) UNION SELECT rel) ORDER BY tgrelid::regclass::text, tgname $$;

-- REFUSED
CREATE TABLE no_key (id int);
CREATE TABLE only_unique (id int UNIQUE);
CREATE TABLE doc (id int PRIMARY KEY, body text, hits int DEFAULT 0);
INSERT INTO doc SELECT n, 'body' FROM generate_series(1, 20) AS n;
CREATE VIEW doc_view AS SELECT * FROM doc;
CREATE MATERIALIZED VIEW doc_mat AS SELECT * FROM doc;
CREATE SEQUENCE doc_seq;
SELECT c, outcome('SELECT interlock.enable_checkout(' || c || ')') FROM unnest(ARRAY[$$'no_key'$$, $$'only_unique'$$, $$'doc_view'$$, $$'doc_mat'$$, $$'doc_seq'$$, $$'doc_pkey'$$, $$'nothing'$$, $$'pg_class'$$, $$'doc', '{nothing}'$$, $$'doc', '{hits, hits}'$$, $$'doc', '{id}'$$, $$'doc', '{hits, id}'$$, $$'doc', '{ctid}'$$, $$'doc', '{}', '{""}'$$]) AS c;
SET ROLE regress_setup_owner;
SELECT outcome($$SELECT interlock.enable_checkout('doc')$$), outcome($$SELECT interlock.disable_checkout('doc')$$);
RESET ROLE;
SELECT outcome($$SELECT interlock.disable_checkout('doc')$$), outcome($$SELECT interlock.disable_checkout('doc_view')$$);
CREATE TABLE deferrable_key (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, body text);
INSERT INTO deferrable_key VALUES (1, 'a');
SELECT outcome($$SELECT interlock.enable_checkout('deferrable_key')$$);

-- SETTINGS: a second call changes them, and the checkouts stay
SELECT interlock.enable_checkout('doc', '{hits}', '{regress_setup_owner}');
SELECT guards('doc');
SELECT take('doc', 1);
SELECT attempt('UPDATE doc SET hits = 1 WHERE id = 1');
SELECT interlock.enable_checkout('doc');
SELECT guards('doc');
SELECT attempt('UPDATE doc SET hits = 1 WHERE id = 1'), shown();
-- in one transaction with what is checked out and written
BEGIN;
SELECT interlock.disable_checkout('doc'), outcome('UPDATE doc SET hits = 1 WHERE id = 1'), outcome($$SELECT interlock.checkout('doc', 1, 'x', '1 h')$$), interlock.enable_checkout('doc'), take('doc', 1, '1 h', 'me too');
ROLLBACK;
SELECT shown(), attempt('UPDATE doc SET hits = 1 WHERE id = 1');
-- taken off and set up again, the table has none
SELECT interlock.disable_checkout('doc');
SELECT shown(), guards('doc');
SELECT interlock.enable_checkout('doc');
SELECT attempt('UPDATE doc SET hits = 1 WHERE id = 1'), interlock.try_use_checkout('doc', 1, token());
-- also where its triggers were dropped by hand
SELECT take('doc', 1);
DROP TRIGGER "~interlock_checkout" ON doc;
SELECT outcome('UPDATE doc SET hits = 1 WHERE id = 1'), outcome($$SELECT interlock.checkin('doc', 1, token())$$);
SELECT interlock.enable_checkout('doc');
SELECT attempt('UPDATE doc SET hits = 1 WHERE id = 1'), shown();

-- RENAMES: of the table, its schema, its columns, its key, its trigger
SELECT take('doc', 1);
ALTER TABLE doc RENAME TO paper;
ALTER TABLE paper RENAME id TO number;
ALTER TRIGGER "~interlock_checkout" ON paper RENAME TO "~renamed";
SELECT shown(), outcome('UPDATE paper SET body = ''x'' WHERE number = 1'), take('paper', 1, '1 h', 'bob');
BEGIN; SELECT interlock.use_checkout('paper', 1, token()); UPDATE paper SET body = 'mine' WHERE number = 1; COMMIT;
SELECT interlock.enable_checkout('paper', '{hits}');
SELECT guards('paper'), shown();
ALTER TABLE paper RENAME TO doc;
ALTER TABLE doc RENAME number TO id;
DROP VIEW doc_view;
DROP MATERIALIZED VIEW doc_mat;
-- the row's table is rewritten, the key's type becomes wider, a column comes and goes: the checkout stays
ALTER TABLE doc ALTER id TYPE bigint, ADD COLUMN more int DEFAULT 1, DROP COLUMN body;
SELECT outcome('UPDATE doc SET more = 2 WHERE id = 1'), attempt('UPDATE doc SET hits = 5 WHERE id = 1'), take('doc', 1, '1 h', 'bob'), interlock.checkin('doc', 1, token());
-- without its key, rows of the table are nobody's
SELECT take('doc', 2);
ALTER TABLE doc DROP CONSTRAINT doc_pkey;
SELECT outcome('UPDATE doc SET more = 2 WHERE id = 2'), outcome($$SELECT interlock.checkin('doc', 2, token())$$), shown();
ALTER TABLE doc ADD PRIMARY KEY (id);
SELECT outcome('UPDATE doc SET more = 3 WHERE id = 2'), interlock.checkin('doc', 2, token());
-- dropped: the view forgets it, a new table of that name has none, the rest is pruned
SELECT take('doc', 3);
DROP TABLE doc;
SELECT count(*) FROM shown();
CREATE TABLE doc (id int PRIMARY KEY, body text);
INSERT INTO doc SELECT n, 'body' FROM generate_series(1, 20) AS n;
SELECT count(*) FROM interlock.checkout_registry AS c WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = c.relation);
SELECT interlock.enable_checkout('doc');
SELECT count(*) FROM interlock.checkout_registry AS c WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = c.relation);
SELECT outcome('UPDATE doc SET body = ''x'' WHERE id = 3');
SELECT take('doc', 1, '1 us'), take('doc', 2);
CREATE TABLE dropped (id int PRIMARY KEY);
INSERT INTO dropped VALUES (1);
SELECT interlock.enable_checkout('dropped');
SELECT take('dropped', 1, '1 us');
DROP TABLE dropped;
SELECT interlock.prune_leases('0'), shown();

-- PARTITIONS: one key, one checkout, through whichever relation it is taken, used or written; whatever their columns
CREATE TABLE place (id int, region text, body text, hits int DEFAULT 0, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE place_eu PARTITION OF place FOR VALUES IN ('eu');
CREATE TABLE place_us (hits int DEFAULT 0, gone text, body text, region text NOT NULL, id int NOT NULL, extra text);
ALTER TABLE place_us DROP COLUMN gone, DROP COLUMN extra;
ALTER TABLE place ATTACH PARTITION place_us FOR VALUES IN ('us');
CREATE TABLE place_rest PARTITION OF place DEFAULT PARTITION BY RANGE (id);
CREATE TABLE place_rest_1 PARTITION OF place_rest FOR VALUES FROM (0) TO (100);
CREATE TABLE place_rest_2 PARTITION OF place_rest FOR VALUES FROM (100) TO (200);
INSERT INTO place VALUES (1, 'eu', 'a'), (1, 'us', 'b'), (1, 'asia', 'c'), (101, 'asia', 'd'), (2, 'us', 'e');
SELECT outcome($$SELECT interlock.enable_checkout('place', '{region}')$$);
SELECT interlock.enable_checkout('place', '{hits}');
SELECT guards('place');
SELECT take('place', ROW(1, 'eu'), holder => 'bob'), take('place', ROW(1, 'us'));
SELECT take('place_us', ROW(1, 'us'), holder => 'bob'), shown();
SELECT s, attempt(s) FROM unnest(ARRAY['UPDATE place SET body = ''x'' WHERE id = 1 AND region = ''us''', 'UPDATE place_us SET body = ''x'' WHERE id = 1', 'UPDATE place_us SET hits = 1 WHERE id = 1', 'DELETE FROM place_us WHERE id = 1', 'DELETE FROM place', 'UPDATE place SET region = ''eu'', id = 9 WHERE id = 1 AND region = ''us''', 'UPDATE place SET region = ''asia'' WHERE id = 2', 'UPDATE place_us SET body = ''x'' WHERE id = 2', 'TRUNCATE place_us']) AS s;
BEGIN;
SELECT interlock.use_checkout('place_us', ROW(1, 'us'), token());
UPDATE place SET body = 'mine' WHERE id = 1 AND region = 'us';
-- the holder moves it to another partition; the checkout stays with the key it had
UPDATE place SET region = 'asia', id = 102 WHERE id = 1 AND region = 'us' RETURNING tableoid::regclass, *;
COMMIT;
SELECT outcome('UPDATE place SET body = ''x'' WHERE id = 102'), take('place', ROW(102, 'asia')), shown();
SELECT outcome('UPDATE place_rest_2 SET body = ''x'' WHERE id = 102'), outcome('UPDATE place_rest SET body = ''x'' WHERE id = 102'), take('place_rest', ROW(102, 'asia'), holder => 'bob'), interlock.checkin('place_rest_2', ROW(102, 'asia'), token());
-- not where the row is not
SELECT outcome($$SELECT interlock.checkout('place_eu', ROW(101, 'asia'), 'x', '1 h')$$), outcome($$SELECT granted FROM interlock.try_checkout('place_rest_2', ROW(101, 'asia'), 'x', '1 us')$$), outcome($$SELECT interlock.checkout('place_rest_1', ROW(101, 'asia'), 'x', '1 us')$$);
-- a partition has the settings of its parent
SELECT outcome($$SELECT interlock.enable_checkout('place_us')$$), outcome($$SELECT interlock.disable_checkout('place_us')$$), outcome($$SELECT interlock.disable_checkout('place_rest')$$);
-- attached: guarded at once; detached: no longer, and its rows' checkouts are the parent's
CREATE TABLE place_af (body text, id int, region text, hits int, PRIMARY KEY (id, region));
INSERT INTO place_af VALUES ('f', 5, 'africa');
SELECT interlock.enable_checkout('place_af');
SELECT take('place_af', ROW(5, 'africa'));
SELECT outcome('ALTER TABLE place ATTACH PARTITION place_af FOR VALUES IN (''africa'')');
SELECT interlock.disable_checkout('place_af');
ALTER TABLE place DETACH PARTITION place_rest;
ALTER TABLE place ATTACH PARTITION place_af FOR VALUES IN ('africa');
SELECT guards('place_af'), guards('place_rest'), shown();
SELECT take('place', ROW(5, 'africa')), outcome($$SELECT interlock.checkout('place_rest', ROW(1, 'asia'), 'x', '1 h')$$);
SELECT outcome('UPDATE place SET body = ''x'' WHERE id = 5'), outcome('UPDATE place_af SET body = ''x'' WHERE id = 5'), outcome('UPDATE place SET hits = 2 WHERE id = 5');
ALTER TABLE place DETACH PARTITION place_af;
SELECT outcome('UPDATE place_af SET body = ''x'' WHERE id = 5'), outcome($$SELECT interlock.checkin('place_af', ROW(5, 'africa'), token())$$), interlock.checkin('place', ROW(5, 'africa'), token());
-- a partition of its own, below a parent that is not set up; then the parent, too
SELECT interlock.disable_checkout('place');
SELECT guards('place'), shown();
SELECT interlock.enable_checkout('place_us');
SELECT take('place_us', ROW(2, 'us')), shown();
SELECT outcome('UPDATE place SET body = ''x'' WHERE id = 2'), outcome($$SELECT interlock.checkout('place', ROW(2, 'us'), 'bob', '1 h')$$), outcome($$SELECT interlock.enable_checkout('place')$$);
SELECT interlock.disable_checkout('place_us');
SELECT interlock.enable_checkout('place');
SELECT take('place_us', ROW(2, 'us'), holder => 'bob'), shown();
SELECT interlock.disable_checkout('place');

-- CHILDREN of tables: refused, also those that came later; a child alone can be set up
CREATE TABLE base (id int PRIMARY KEY, body text);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (base);
INSERT INTO base VALUES (1, 'a');
INSERT INTO child VALUES (2, 'b');
SELECT outcome($$SELECT interlock.enable_checkout('base')$$);
SELECT interlock.enable_checkout('child');
SELECT take('child', 2);
SELECT outcome('UPDATE base SET body = ''x'''), outcome('UPDATE base SET body = ''x'' WHERE id = 1'), outcome('UPDATE child SET body = ''x''');
SELECT interlock.checkin('child', 2, token());
ALTER TABLE child NO INHERIT base;
SELECT interlock.enable_checkout('base');
SELECT take('base', 1);
ALTER TABLE child INHERIT base;
SELECT outcome('UPDATE base SET body = ''x'' WHERE id = 1'), outcome($$SELECT interlock.try_checkout('base', 2, 'x', '1 h')$$), outcome($$SELECT interlock.enable_checkout('base')$$), interlock.try_use_checkout('base', 1, token()), interlock.checkin('base', 1, token());
SELECT interlock.disable_checkout('base');

-- TEMPORARY and unlogged tables
CREATE TEMPORARY TABLE note (id int PRIMARY KEY, body text);
INSERT INTO note VALUES (1, 'a');
SELECT interlock.enable_checkout('note');
SELECT take('note', 1);
SELECT outcome('UPDATE note SET body = ''x'''), take('note', 1, holder => 'bob');
BEGIN; SELECT interlock.use_checkout('note', 1, token()); UPDATE note SET body = 'mine' RETURNING body; COMMIT;
CREATE TEMPORARY TABLE brief (id int PRIMARY KEY) ON COMMIT DELETE ROWS;
SELECT outcome($$SELECT interlock.enable_checkout('brief')$$), outcome($$SELECT interlock.checkout('brief', 1, 'x', '1 h')$$);
DROP TABLE note, brief;
CREATE UNLOGGED TABLE fast (id int PRIMARY KEY, body text);
INSERT INTO fast VALUES (1, 'a');
SELECT interlock.enable_checkout('fast');
SELECT take('fast', 1);
SELECT outcome('UPDATE fast SET body = ''x''');

-- TRUNCATE is not judged; the keys are checked out all the same
TRUNCATE fast;
INSERT INTO fast VALUES (1, 'again');
SELECT outcome('UPDATE fast SET body = ''x''');

-- OWNERS set up, take off, and see to it without being superusers; they cannot forge what is stored
SET ROLE regress_setup_owner;
CREATE TABLE own (id int PRIMARY KEY, body text);
INSERT INTO own VALUES (1, 'a');
SELECT interlock.enable_checkout('own', '{body}', '{regress_setup_owner}');
SELECT granted FROM interlock.try_checkout('own', 1, 'ann', '1 h');
SELECT outcome('DELETE FROM own'), interlock.break_checkout('own', 1);
SELECT interlock.disable_checkout('own');
RESET ROLE;

-- A KEY WITH INCLUDED COLUMNS: the key alone is shown, and asked for
CREATE TABLE included (id int, body text, secret text, PRIMARY KEY (id) INCLUDE (secret));
INSERT INTO included VALUES (1, 'a', 's');
SELECT interlock.enable_checkout('included');
GRANT USAGE ON SCHEMA checkout_setup TO regress_setup_owner;
GRANT SELECT (id, body), UPDATE (body) ON included TO regress_setup_owner;
SET ROLE regress_setup_owner;
SELECT granted FROM interlock.try_checkout('included', 1, 'ann', '1 h');
SELECT relation, key, holder FROM interlock.checkouts WHERE relation = 'included'::regclass;
RESET ROLE;

-- THE WAY OUT: disable_all takes checkouts with it
SELECT interlock.enable_checkout('place', '{hits}');
SELECT take('place', ROW(2, 'us')), take('doc', 5);
SELECT interlock.disable_all() > 0;
SELECT guards('place'), guards('doc'), shown();
SELECT count(*) FROM interlock.checkout_registry AS c JOIN pg_class AS r ON r.oid = c.relation JOIN pg_namespace AS n ON n.oid = r.relnamespace WHERE nspname = 'checkout_setup' AND relname IN ('doc', 'place', 'fast', 'child');
SELECT outcome('UPDATE place SET body = ''x'' WHERE id = 2'), outcome('UPDATE doc SET body = ''x'' WHERE id = 5');

SET client_min_messages = warning;
DROP SCHEMA checkout_setup CASCADE;
SELECT interlock.prune_leases('0') >= 0;
DROP OWNED BY regress_setup_owner;
DROP ROLE regress_setup_owner;
