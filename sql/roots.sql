-- Proves that a transaction which changes rows of a child makes one new version of each root they refer to, at commit, whatever else it does.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA roots;
SET search_path = roots;

CREATE TABLE customers (id bigint PRIMARY KEY, name text);
CREATE TABLE orders (id integer PRIMARY KEY, customer bigint REFERENCES customers, note text);
CREATE TABLE lines (id integer PRIMARY KEY, order_id integer REFERENCES orders ON UPDATE CASCADE ON DELETE CASCADE, quantity integer);
INSERT INTO customers SELECT i, 'c' || i FROM generate_series(1, 3) AS i;
INSERT INTO orders SELECT i, 1, 'o' || i FROM generate_series(1, 5) AS i;
SELECT interlock.enable_versioning('orders') \gset
SELECT interlock.enable_root_versioning('lines', 'orders') \gset

-- the roots whose version has moved since it was asked last

CREATE TABLE seen (id integer, version bigint);
CREATE FUNCTION moved() RETURNS TABLE (id integer, "from" bigint, "to" bigint) LANGUAGE sql AS $$
    WITH moved AS (SELECT o.id, s.version AS before, o.version AS after FROM orders AS o FULL JOIN seen AS s USING (id)
                   WHERE s.version IS DISTINCT FROM o.version),
         gone AS (DELETE FROM seen),
         here AS (INSERT INTO seen SELECT id, version FROM orders)
    SELECT * FROM moved WHERE moved IS NOT NULL OR moved.after IS NOT NULL ORDER BY 1
$$;
SELECT * FROM moved();

-- INSERT, UPDATE, DELETE, several rows, several statements: one version each

INSERT INTO lines VALUES (1, 1, 1);
SELECT * FROM moved();
INSERT INTO lines SELECT i, 1 + i % 2, 1 FROM generate_series(2, 20) AS i;
SELECT * FROM moved();
UPDATE lines SET quantity = 2 WHERE order_id = 1;
SELECT * FROM moved();
DELETE FROM lines WHERE id = 20;
SELECT * FROM moved();
BEGIN;
INSERT INTO lines VALUES (20, 1, 1);
UPDATE lines SET quantity = quantity + 1 WHERE order_id = 1;
SELECT * FROM moved();
DELETE FROM lines WHERE id = 20;
COMMIT;
SELECT * FROM moved();

-- moved children: both roots; no root; none left

UPDATE lines SET order_id = 3 WHERE id = 1;
SELECT * FROM moved();
INSERT INTO lines VALUES (21, NULL, 1);
UPDATE lines SET quantity = 2 WHERE id = 21;
SELECT * FROM moved();
UPDATE lines SET order_id = 4 WHERE id = 21;
SELECT * FROM moved();
UPDATE lines SET order_id = NULL WHERE id = 21;
SELECT * FROM moved();
DELETE FROM lines WHERE id = 21;
SELECT * FROM moved();

-- an UPDATE that leaves every row as it was is no change

UPDATE lines SET quantity = quantity, order_id = order_id;
SELECT * FROM moved();

-- COPY, INSERT … ON CONFLICT, MERGE, a writable CTE, versioned_update of a child that is versioned itself

COPY lines FROM STDIN;
30	1	1
31	2	1
32	1	1
\.
SELECT * FROM moved();
INSERT INTO lines VALUES (30, 4, 1), (33, 5, 1) ON CONFLICT (id) DO UPDATE SET quantity = 7;
SELECT * FROM moved();
INSERT INTO lines VALUES (30, 4, 1) ON CONFLICT DO NOTHING;
SELECT * FROM moved();
MERGE INTO lines AS l USING (VALUES (31, 8), (32, 0), (34, 1)) AS n (id, quantity) ON l.id = n.id
WHEN MATCHED AND n.quantity = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET quantity = n.quantity
WHEN NOT MATCHED THEN INSERT VALUES (n.id, 3, n.quantity);
SELECT * FROM moved();
WITH gone AS (DELETE FROM lines WHERE id >= 30 RETURNING id) INSERT INTO lines SELECT id + 10, 4, 0 FROM gone WHERE id = 30;
SELECT * FROM moved();
BEGIN;
SELECT interlock.enable_versioning('lines') \gset
SELECT interlock.versioned_update('lines', 40, 1, '{"quantity": 1}');
SELECT interlock.versioned_update('lines', 40, 2, '{"quantity": 2}');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT * FROM moved();
SELECT relation, roots FROM interlock.versioned_tables WHERE relation = 'lines'::regclass;
ROLLBACK;

-- the root by its version, as ORMs do: lines first, or the root first, and not once is it in the way

BEGIN;
UPDATE lines SET quantity = 10 WHERE id = 2;
UPDATE orders SET note = 'lines first', version = 12 WHERE id = 1 AND version = 11;
COMMIT;
SELECT * FROM orders WHERE id = 1;
BEGIN;
UPDATE orders SET note = 'root first', version = 13 WHERE id = 1 AND version = 12;
UPDATE lines SET quantity = 11 WHERE id = 2;
DELETE FROM lines WHERE id = 4;
COMMIT;
SELECT * FROM orders WHERE id = 1;
BEGIN;
UPDATE lines SET quantity = 12 WHERE id = 2;
UPDATE orders SET note = 'echo', version = 13 WHERE id = 1;
UPDATE lines SET quantity = 13 WHERE id = 2;
COMMIT;
SELECT * FROM orders WHERE id = 1;
BEGIN;
UPDATE lines SET quantity = 14 WHERE id = 2;
SELECT interlock.versioned_update('orders', 1, 14, '{"note": "versioned_update"}');
UPDATE lines SET quantity = 15 WHERE id = 2;
COMMIT;
SELECT * FROM orders WHERE id = 1;

-- the root changed without a new version (only an excepted column), or not at all, is still bumped

BEGIN;
SELECT interlock.enable_versioning('orders', except_columns => '{note}') \gset
COMMIT;
SELECT * FROM moved();
BEGIN;
UPDATE orders SET note = 'excepted' WHERE id = 1;
UPDATE lines SET quantity = 16 WHERE id = 2;
UPDATE orders SET note = note WHERE id = 2;
UPDATE lines SET quantity = 16 WHERE id = 3;
COMMIT;
SELECT * FROM moved();
SELECT interlock.enable_versioning('orders') \gset

-- a root that the transaction inserted needs no bump

BEGIN;
INSERT INTO orders VALUES (6, 1, 'new');
INSERT INTO lines VALUES (60, 6, 1);
UPDATE orders SET note = 'newer' WHERE id = 6;
INSERT INTO lines VALUES (61, 6, 1);
COMMIT;
SELECT * FROM moved();

-- a root that it deleted, and one that it deleted and inserted again

BEGIN;
UPDATE lines SET quantity = 2 WHERE id = 60;
DELETE FROM orders WHERE id = 6;
COMMIT;
SELECT * FROM moved();
BEGIN;
DELETE FROM lines WHERE order_id = 4;
DELETE FROM orders WHERE id = 4;
INSERT INTO orders VALUES (4, 1, 'again');
INSERT INTO lines VALUES (40, 4, 1);
COMMIT;
SELECT * FROM moved();

-- ON DELETE CASCADE and ON UPDATE CASCADE from the root

INSERT INTO lines VALUES (50, 5, 1), (51, 5, 1);
DELETE FROM orders WHERE id = 5;
SELECT * FROM moved();
UPDATE orders SET id = 7 WHERE id = 4;
SELECT * FROM lines WHERE order_id = 7;
SELECT * FROM moved();

-- ON DELETE SET NULL, SET DEFAULT and ON UPDATE CASCADE of another key, on a column of many types

CREATE TABLE notes (id integer PRIMARY KEY, set_null integer REFERENCES orders ON DELETE SET NULL,
                    set_default integer DEFAULT 1 REFERENCES orders ON DELETE SET DEFAULT);
SELECT interlock.enable_root_versioning('notes', 'orders', 'notes_set_null_fkey') \gset
SELECT interlock.enable_root_versioning('notes', 'orders', 'notes_set_default_fkey') \gset
INSERT INTO orders VALUES (8, 1, 'to go');
INSERT INTO notes VALUES (1, 8, 2), (2, 2, 8);
SELECT * FROM moved();
DELETE FROM orders WHERE id = 8;
SELECT * FROM notes ORDER BY id;
SELECT * FROM moved();
UPDATE notes SET set_null = 3 WHERE id = 2;
SELECT * FROM moved();
SELECT interlock.disable_root_versioning('notes', 'orders') \gset
UPDATE notes SET set_null = 2 WHERE id = 2;
SELECT * FROM moved();

-- a root's own BEFORE DELETE trigger that deletes its lines

CREATE FUNCTION delete_lines() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM lines WHERE order_id = old.id; RETURN old; END $$;
CREATE TRIGGER delete_lines BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION delete_lines();
INSERT INTO orders VALUES (9, 1, 'with lines');
INSERT INTO lines VALUES (90, 9, 1), (91, 9, 1);
DELETE FROM orders WHERE id = 9;
SELECT * FROM moved();
DROP TRIGGER delete_lines ON orders;

-- TRUNCATE is no change to any root

TRUNCATE lines;
SELECT * FROM moved();
INSERT INTO lines SELECT i, 1, 1 FROM generate_series(1, 5) AS i;
SELECT * FROM moved();

-- rolled back: nothing

BEGIN;
UPDATE lines SET quantity = 2;
ROLLBACK;
SELECT * FROM moved();

-- savepoints: what was touched in one that is rolled back is forgotten, and touched again it counts

BEGIN;
SAVEPOINT a;
UPDATE lines SET quantity = 2;
ROLLBACK TO a;
COMMIT;
SELECT * FROM moved();
BEGIN;
SAVEPOINT a;
UPDATE lines SET quantity = 2;
ROLLBACK TO a;
UPDATE lines SET quantity = 2;
COMMIT;
SELECT * FROM moved();
BEGIN;
UPDATE lines SET quantity = 3;
SAVEPOINT a;
UPDATE lines SET quantity = 4, order_id = 2;
ROLLBACK TO a;
COMMIT;
SELECT * FROM moved();
BEGIN;
SAVEPOINT a;
UPDATE lines SET quantity = 4;
RELEASE a;
SAVEPOINT b;
SAVEPOINT c;
UPDATE lines SET order_id = 2 WHERE id = 1;
RELEASE c;
ROLLBACK TO b;
INSERT INTO lines VALUES (6, 3, 1);
COMMIT;
SELECT * FROM moved();

-- the root's own change rolled back: bumped after all; the other way round: not twice

BEGIN;
UPDATE lines SET quantity = 5;
SAVEPOINT a;
UPDATE orders SET note = 'rolled back' WHERE id = 1;
ROLLBACK TO a;
COMMIT;
SELECT * FROM moved();
BEGIN;
SAVEPOINT a;
UPDATE orders SET note = 'kept' WHERE id = 1;
RELEASE a;
SAVEPOINT b;
UPDATE lines SET quantity = 6;
RELEASE b;
COMMIT;
SELECT * FROM moved();

-- functions with exception blocks, one after another

DO $$
BEGIN
    FOR i IN 1 .. 100 LOOP
        BEGIN
            UPDATE lines SET quantity = i;
            IF i % 3 > 0 THEN RAISE EXCEPTION 'not this one'; END IF;
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
    END LOOP;
END $$;
SELECT * FROM moved();
DO $$
BEGIN
    UPDATE lines SET quantity = 1 / 0;
EXCEPTION WHEN division_by_zero THEN NULL;
END $$;
SELECT * FROM moved();

-- SET CONSTRAINTS … IMMEDIATE bumps then, and later changes not again

BEGIN;
UPDATE lines SET quantity = 101;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT * FROM moved();
UPDATE lines SET quantity = 102 WHERE order_id = 1;
SELECT * FROM moved();
INSERT INTO lines VALUES (7, 2, 1);
SELECT * FROM moved();
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO lines VALUES (8, 2, 1), (9, 7, 1);
SELECT * FROM moved();
COMMIT;
SELECT * FROM moved();

-- after that bump, what an ORM sends still counts from the version that it read: echo and increment, once

BEGIN;
SELECT version AS read FROM orders WHERE id = 1 \gset
UPDATE lines SET quantity = 103 WHERE order_id = 1;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE orders SET note = 'echo after the bump', version = :read WHERE id = 1;
SELECT version - :read AS moved_by, note FROM orders WHERE id = 1;
ROLLBACK;
BEGIN;
UPDATE lines SET quantity = 103 WHERE order_id = 1;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE orders SET note = 'increment after the bump', version = :read + 1 WHERE id = 1;
SELECT version - :read AS moved_by, note FROM orders WHERE id = 1;
UPDATE orders SET note = 'the next one', version = :read + 2 WHERE id = 1 AND version = :read + 1;
SELECT version - :read AS moved_by, note FROM orders WHERE id = 1;
ROLLBACK;
\set VERBOSITY sqlstate
-- but only from that bump, and not where it was rolled back
BEGIN;
UPDATE orders SET note = 'not a bump' WHERE id = 1;
UPDATE orders SET note = 'stale', version = :read WHERE id = 1;
ROLLBACK;
BEGIN;
UPDATE lines SET quantity = 103 WHERE order_id = 1;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE orders SET note = 'older', version = :read - 1 WHERE id = 1;
ROLLBACK;
BEGIN;
UPDATE lines SET quantity = 103 WHERE order_id = 1;
SAVEPOINT a;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO a;
UPDATE orders SET note = 'by itself' WHERE id = 1;
UPDATE orders SET note = 'stale', version = :read WHERE id = 1;
ROLLBACK;
-- a WHERE is not seen by any trigger: no row is found, and versioned_update is stale
BEGIN;
UPDATE lines SET quantity = 103 WHERE order_id = 1;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE orders SET note = 'too late', version = :read + 1 WHERE id = 1 AND version = :read RETURNING id;
SELECT interlock.versioned_update('orders', 1, :read, '{"note": "too late"}');
ROLLBACK;
\set VERBOSITY default
SELECT * FROM moved();

-- a flush that is rolled back is done again

BEGIN;
UPDATE lines SET quantity = 104 WHERE order_id = 1;
SAVEPOINT a;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT * FROM moved();
ROLLBACK TO a;
SELECT * FROM moved();
UPDATE lines SET quantity = 105 WHERE order_id = 1;
COMMIT;
SELECT * FROM moved();
BEGIN;
SAVEPOINT a;
UPDATE lines SET quantity = 106 WHERE order_id = 1;
SAVEPOINT b;
SET CONSTRAINTS ALL IMMEDIATE;
RELEASE b;
ROLLBACK TO a;
UPDATE lines SET quantity = 106 WHERE order_id = 1;
COMMIT;
SELECT * FROM moved();
BEGIN;
UPDATE lines SET quantity = 107 WHERE order_id = 1;
SAVEPOINT a;
UPDATE orders SET note = 'rolled back later' WHERE id = 1;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO a;
COMMIT;
SELECT * FROM moved();

-- at every isolation level

BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE lines SET quantity = 108 WHERE order_id = 1;
UPDATE orders SET note = 'by itself' WHERE id = 2;
UPDATE lines SET quantity = 108 WHERE order_id = 2;
SAVEPOINT a;
UPDATE orders SET note = 'rolled back' WHERE id = 1;
ROLLBACK TO a;
COMMIT;
SELECT * FROM moved();
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO lines VALUES (10, 3, 1);
INSERT INTO orders VALUES (10, 1, 'new');
INSERT INTO lines VALUES (11, 10, 1);
COMMIT;
SELECT * FROM moved();

-- two levels: lines, their order, its customer; each once

SELECT interlock.enable_versioning('customers') \gset
SELECT interlock.enable_root_versioning('orders', 'customers') \gset
UPDATE orders SET customer = 2 WHERE id IN (2, 3);
SELECT id, version FROM customers ORDER BY id;
INSERT INTO lines VALUES (12, 1, 1), (13, 10, 1);
SELECT id, version FROM customers ORDER BY id;
SELECT * FROM moved();
BEGIN;
UPDATE lines SET quantity = 109;
UPDATE orders SET customer = 3 WHERE id = 2;
UPDATE customers SET name = 'by itself', version = 3 WHERE id = 1 AND version = 2;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT id, version FROM customers ORDER BY id;
SELECT * FROM moved();
UPDATE lines SET quantity = 110;
COMMIT;
SELECT id, version FROM customers ORDER BY id;
SELECT * FROM moved();
SELECT interlock.disable_root_versioning('orders', 'customers') \gset

-- every setting of the root: a version is required, one way only, observed, a clock, a small counter at its end

SELECT interlock.enable_versioning('orders', accept => 'increment', require_version => true) \gset
UPDATE lines SET quantity = 111 WHERE order_id = 1;
SELECT * FROM moved();
SELECT interlock.enable_versioning('orders', accept => 'echo', require_version => true) \gset
UPDATE lines SET quantity = 112 WHERE order_id = 1;
SELECT * FROM moved();
SELECT interlock.enable_versioning('orders', mode => 'observe') \gset
UPDATE lines SET quantity = 113 WHERE order_id = 1;
SELECT * FROM moved();
SELECT count(*) FROM interlock.observed_writes() WHERE relation = 'orders'::regclass;
ALTER TABLE orders ADD at timestamptz NOT NULL DEFAULT '2020-01-01';
SELECT interlock.enable_versioning('orders', 'at') \gset
UPDATE lines SET quantity = 114 WHERE order_id = 1;
SELECT id, at > '2020-01-01' AS later FROM orders WHERE id < 3 ORDER BY id;
SELECT at AS read FROM orders WHERE id = 1 \gset
BEGIN;
UPDATE orders SET at = '2100-01-01' WHERE id = 1;
UPDATE lines SET quantity = 115 WHERE order_id = 1;
COMMIT;
SELECT at = '2100-01-01' AS kept FROM orders WHERE id = 1;
UPDATE lines SET quantity = 116 WHERE order_id = 1;
SELECT at - '2100-01-01' AS later FROM orders WHERE id = 1;
ALTER TABLE orders ADD small smallint NOT NULL DEFAULT 32766;
SELECT interlock.enable_versioning('orders', 'small') \gset
UPDATE lines SET quantity = 117 WHERE order_id = 1;
\set VERBOSITY sqlstate
UPDATE lines SET quantity = 118 WHERE order_id = 1;
\set VERBOSITY default
SELECT interlock.enable_versioning('orders') \gset
SELECT * FROM moved();

-- the bump touches nothing but the version, as an UPDATE of its own

CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING '% % of %: version % to %, the rest %, by %', tg_when, tg_op, tg_level, old.version, new.version,
        CASE WHEN to_jsonb(old) - 'version' = to_jsonb(new) - 'version' THEN 'as it was' ELSE 'changed' END, current_user;
    RETURN new;
END $$;
CREATE TRIGGER tell_before BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER tell_after AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER tell_note AFTER UPDATE OF note ON orders FOR EACH ROW EXECUTE FUNCTION tell();
CREATE ROLE regress_roots_owner;
CREATE ROLE regress_roots_writer;
GRANT USAGE ON SCHEMA roots TO regress_roots_owner, regress_roots_writer;
ALTER TABLE orders OWNER TO regress_roots_owner;
SET client_min_messages = warning;
\set SHOW_CONTEXT never
UPDATE lines SET quantity = 119 WHERE order_id = 1;
DROP TRIGGER tell_before ON orders;
DROP TRIGGER tell_after ON orders;
DROP TRIGGER tell_note ON orders;
SELECT * FROM moved();

-- a writer of lines needs no privilege on the root, and no policy hides it: not with FORCE, and not from its owner

GRANT SELECT, INSERT, UPDATE, DELETE ON lines TO regress_roots_writer;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
SET ROLE regress_roots_writer;
SELECT has_table_privilege('orders', 'SELECT') OR has_any_column_privilege('orders', 'UPDATE') AS may_do_anything;
UPDATE lines SET quantity = 120 WHERE order_id = 1;
SELECT current_user;
RESET ROLE;
SELECT * FROM moved();
SET ROLE regress_roots_owner;
SELECT count(*) AS visible FROM orders;
RESET ROLE;
ALTER TABLE orders NO FORCE ROW LEVEL SECURITY;
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;
ALTER TABLE orders OWNER TO CURRENT_USER;

-- a trigger of the root that returns NULL would lose a version: it is an error

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON orders FOR EACH ROW WHEN (old.id = 3) EXECUTE FUNCTION refuse();
UPDATE lines SET quantity = 121 WHERE order_id = 3;
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER refuse ON orders;

-- so is one of its own that fails, and everything is rolled back; where it is caught, it is tried again

CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no changes to order %', old.id; END $$;
CREATE TRIGGER fail BEFORE UPDATE ON orders FOR EACH ROW WHEN (old.id = 3) EXECUTE FUNCTION fail();
UPDATE lines SET quantity = 122;
SELECT count(*) FROM lines WHERE quantity = 122;
SELECT * FROM moved();
BEGIN;
UPDATE lines SET quantity = 123 WHERE order_id IN (1, 3);
SAVEPOINT a;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO a;
DROP TRIGGER fail ON orders;
COMMIT;
SELECT * FROM moved();

-- a trigger of the root that changes lines of other roots while they are bumped

CREATE FUNCTION pass_on() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE lines SET quantity = quantity + 1 WHERE order_id = old.id + 1; RETURN NULL; END $$;
CREATE TRIGGER pass_on AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION pass_on();
UPDATE lines SET quantity = 124 WHERE order_id = 1;
SELECT * FROM moved();
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE lines SET quantity = 125 WHERE order_id IN (1, 2);
COMMIT;
SELECT * FROM moved();
DROP TRIGGER pass_on ON orders;

-- a bump is cancelled like any other statement (no statement_timeout runs during COMMIT itself)

CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN new; END $$;
CREATE TRIGGER dawdle BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION dawdle();
BEGIN;
UPDATE lines SET quantity = 126 WHERE order_id = 1;
SET LOCAL statement_timeout = '50ms';
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
DROP TRIGGER dawdle ON orders;
UPDATE lines SET quantity = 126 WHERE order_id = 1;
SELECT * FROM moved();

-- in a procedure that commits

CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 3 LOOP
        UPDATE lines SET quantity = 200 + i WHERE order_id = 1;
        UPDATE lines SET quantity = 200 - i WHERE order_id = 1;
        COMMIT;
    END LOOP;
END $$;
CALL commits();
SELECT * FROM moved();

-- triggers off: no versions; a session that replicates: the publisher's come with the rows

ALTER TABLE lines DISABLE TRIGGER USER;
UPDATE lines SET quantity = 1;
ALTER TABLE lines ENABLE TRIGGER USER;
SET session_replication_role = replica;
UPDATE lines SET quantity = 2;
RESET session_replication_role;
SELECT * FROM moved();
ALTER TABLE orders DISABLE TRIGGER "~interlock_version";
UPDATE lines SET quantity = 3;
ALTER TABLE orders ENABLE TRIGGER "~interlock_version";
SELECT * FROM moved();

-- what has pending events cannot be altered, truncated or dropped; SET CONSTRAINTS is the way

\set VERBOSITY sqlstate
BEGIN;
UPDATE lines SET quantity = 4;
TRUNCATE lines;
ROLLBACK;
BEGIN;
UPDATE lines SET quantity = 4;
SELECT interlock.disable_root_versioning('lines', 'orders');
ROLLBACK;
BEGIN;
UPDATE lines SET quantity = 4;
SELECT interlock.enable_root_versioning('lines', 'orders');
ROLLBACK;
BEGIN;
UPDATE lines SET quantity = 4;
SELECT interlock.disable_all();
ROLLBACK;
\set VERBOSITY default
BEGIN;
UPDATE lines SET quantity = 4;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT interlock.disable_root_versioning('lines', 'orders') \gset
ALTER TABLE lines ADD extra text;
COMMIT;
SELECT * FROM moved();
UPDATE lines SET extra = 'not watched';
SELECT * FROM moved();

DROP SCHEMA roots CASCADE;
DROP ROLE regress_roots_owner, regress_roots_writer;
