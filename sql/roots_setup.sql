-- Proves that root versioning can be switched on and taken off, follows renames, partitions and drops, works with every kind of key, and is refused with the right SQLSTATE where it makes no sense.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA roots_setup;
SET search_path = roots_setup;
CREATE ROLE regress_roots_owner;
CREATE ROLE regress_roots_other;
GRANT USAGE ON SCHEMA roots_setup TO regress_roots_owner, regress_roots_other;

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

-- three triggers on the child; a second call leaves the same three

CREATE TABLE orders (id integer PRIMARY KEY, note text);
CREATE TABLE lines (id integer PRIMARY KEY, order_id integer REFERENCES orders ON DELETE CASCADE, quantity integer);
SELECT interlock.enable_versioning('orders') \gset
SELECT interlock.enable_root_versioning('lines', 'orders');
SELECT interlock.enable_root_versioning('lines', 'orders', 'lines_order_id_fkey') \gset
SELECT * FROM triggers('lines');
SELECT * FROM interlock.versioned_tables;
INSERT INTO orders VALUES (1), (2), (3);
INSERT INTO lines VALUES (1, 1, 1);
SELECT version FROM orders WHERE id = 1;

-- renames of everything, another table and column of the old name, a moved schema

CREATE SCHEMA "Other schema";
ALTER TABLE lines RENAME COLUMN order_id TO "the Order";
ALTER TABLE lines RENAME CONSTRAINT lines_order_id_fkey TO "a key";
ALTER TABLE lines RENAME TO "Order ""lines""";
ALTER TABLE orders RENAME COLUMN id TO number;
ALTER TABLE orders RENAME COLUMN version TO "the Version";
ALTER TABLE orders RENAME TO "Orders";
ALTER TABLE "Orders" SET SCHEMA "Other schema";
ALTER TABLE "Order ""lines""" ADD order_id integer DEFAULT 2;
CREATE TABLE orders (id integer PRIMARY KEY, version bigint DEFAULT 1);
INSERT INTO orders VALUES (1), (2);
INSERT INTO "Order ""lines""" VALUES (2, 1, 1);
UPDATE "Order ""lines""" SET "the Order" = 3 WHERE id = 1;
SELECT number, "the Version" FROM "Other schema"."Orders" ORDER BY number;
SELECT * FROM orders ORDER BY id;
SELECT * FROM triggers('"Order ""lines"""');
SELECT relation, roots, problems FROM interlock.versioned_tables ORDER BY relation::text COLLATE "C";
SELECT interlock.disable_root_versioning('"Order ""lines"""', '"Other schema"."Orders"');
SELECT interlock.enable_root_versioning('"Order ""lines"""', '"Other schema"."Orders"') \gset
DELETE FROM "Order ""lines""" WHERE id = 2;
SELECT number, "the Version" FROM "Other schema"."Orders" ORDER BY number;

-- the foreign key's columns cannot go or change their type unnoticed; other columns come and go

\set VERBOSITY sqlstate
ALTER TABLE "Order ""lines""" DROP COLUMN "the Order";
ALTER TABLE "Order ""lines""" ALTER COLUMN "the Order" TYPE bigint;
\set VERBOSITY default
ALTER TABLE "Order ""lines""" DROP COLUMN quantity, ADD price numeric, ALTER COLUMN order_id TYPE text;
UPDATE "Order ""lines""" SET price = 1;
SELECT number, "the Version" FROM "Other schema"."Orders" ORDER BY number;

-- without the foreign key, changes are refused until it is back or root versioning is taken off

ALTER TABLE "Order ""lines""" DROP CONSTRAINT "a key";
SELECT relation, roots, problems FROM interlock.versioned_tables WHERE roots <> '{}';
UPDATE "Order ""lines""" SET price = 2;
ALTER TABLE "Order ""lines""" ADD FOREIGN KEY ("the Order") REFERENCES "Other schema"."Orders";
UPDATE "Order ""lines""" SET price = 2;
SELECT number, "the Version" FROM "Other schema"."Orders" ORDER BY number;

-- with CASCADE the column takes the triggers along; so does the root

BEGIN;
SET LOCAL client_min_messages = error;
ALTER TABLE "Order ""lines""" DROP COLUMN "the Order" CASCADE;
SELECT * FROM triggers('"Order ""lines"""');
ROLLBACK;
\set VERBOSITY sqlstate
DROP TABLE "Other schema"."Orders";
\set VERBOSITY default
BEGIN;
SET LOCAL client_min_messages = error;
DROP TABLE "Other schema"."Orders" CASCADE;
SELECT * FROM triggers('"Order ""lines"""');
UPDATE "Order ""lines""" SET price = 3;
ROLLBACK;
BEGIN;
ALTER TABLE "Order ""lines""" DROP CONSTRAINT "Order ""lines""_the Order_fkey";
DROP TABLE "Other schema"."Orders";
SELECT * FROM triggers('"Order ""lines"""');
ROLLBACK;

-- a root that is no longer versioned is no root; disable_all takes everything

BEGIN;
SELECT interlock.disable_versioning('"Other schema"."Orders"') \gset
SELECT * FROM triggers('"Order ""lines"""');
SELECT * FROM interlock.versioned_tables;
ROLLBACK;
BEGIN;
SELECT interlock.disable_all();
SELECT * FROM triggers('"Order ""lines"""');
DROP EXTENSION interlock;
UPDATE "Order ""lines""" SET price = 4;
ROLLBACK;
BEGIN;
SET LOCAL client_min_messages = error;
DROP EXTENSION interlock CASCADE;
UPDATE "Order ""lines""" SET price = 4;
ROLLBACK;
BEGIN;
DROP TRIGGER "~interlock_version" ON "Other schema"."Orders";
SELECT relation, roots, problems FROM interlock.versioned_tables;
UPDATE "Order ""lines""" SET price = 5;
COMMIT;
SELECT number, "the Version" FROM "Other schema"."Orders" ORDER BY number;
SELECT interlock.enable_versioning('"Other schema"."Orders"', 'the Version') \gset
UPDATE "Order ""lines""" SET price = 6;
SELECT number, "the Version" FROM "Other schema"."Orders" ORDER BY number;
BEGIN;
ALTER TABLE "Order ""lines""" DISABLE TRIGGER "~interlock_root_update";
SELECT relation, problems FROM interlock.versioned_tables WHERE roots <> '{}';
ROLLBACK;

DROP TABLE "Order ""lines""";
DROP TABLE "Other schema"."Orders";
DROP TABLE orders;

-- every type of key, also where the foreign key's is another one; keys of several columns in any order; a unique key

CREATE DOMAIN order_number AS integer;
CREATE TABLE many (id integer PRIMARY KEY, i2 smallint UNIQUE, i8 bigint UNIQUE, n numeric UNIQUE, t text UNIQUE, v varchar(10) UNIQUE, c char(5) UNIQUE,
                   u uuid UNIQUE, d date UNIQUE, ts timestamptz UNIQUE, nm name UNIQUE, b bytea UNIQUE, a integer[] UNIQUE, dom order_number UNIQUE,
                   x integer, y text, z smallint, UNIQUE (x, y, z));
SELECT interlock.enable_versioning('many') \gset
INSERT INTO many SELECT i, i, i, i, 't' || i, 'v' || i, 'c' || i, ('00000000-0000-0000-0000-00000000000' || i)::uuid, '2020-01-01'::date + i,
       '2020-01-01'::timestamptz + i * interval '1 day', 'n' || i, decode('0' || i, 'hex'), ARRAY[i, NULL], i, i, 'y' || i, i FROM generate_series(1, 2) AS i;
CREATE TABLE children (id integer, i2 bigint REFERENCES many (i2), i8 smallint REFERENCES many (i8), n integer REFERENCES many (n), t varchar REFERENCES many (t),
                       v text REFERENCES many (v), c char(9) REFERENCES many (c), u uuid REFERENCES many (u), d date REFERENCES many (d), ts timestamptz REFERENCES many (ts),
                       nm name REFERENCES many (nm), b bytea REFERENCES many (b), a integer[] REFERENCES many (a), dom order_number REFERENCES many (dom),
                       z bigint, x order_number, y varchar, CONSTRAINT several FOREIGN KEY (z, x, y) REFERENCES many (z, x, y));
SELECT count(interlock.enable_root_versioning('children', 'many', conname)) FROM pg_constraint WHERE conrelid = 'children'::regclass;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'children'::regclass AND tgname LIKE '~interlock_root%';
CREATE FUNCTION touches(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before bigint[] := ARRAY(SELECT version FROM many ORDER BY id);
BEGIN
    EXECUTE change;
    SET CONSTRAINTS ALL IMMEDIATE;
    SET CONSTRAINTS ALL DEFERRED;
    RETURN ARRAY(SELECT version - before[id] FROM many ORDER BY id);
END $$;
\pset tuples_only on
\pset format unaligned
SELECT format('SELECT %L, touches(%L)', name, format('INSERT INTO children (%I) SELECT %I FROM many WHERE id = 2', name, name))
FROM unnest('{i2, i8, n, t, v, c, u, d, ts, nm, b, a, dom}'::text[]) AS name \gexec
\pset format aligned
\pset tuples_only off
SELECT touches('INSERT INTO children (n) VALUES (1)');
SELECT touches('INSERT INTO children (c) VALUES (''c1'')');
SELECT touches('INSERT INTO children (a) VALUES (''{1, NULL}'')');
SELECT touches('INSERT INTO children (x, y, z) VALUES (1, ''y1'', 1)');
SELECT touches('INSERT INTO children (x, y, z) VALUES (2, ''y2'', 2)');
SELECT touches('INSERT INTO children (x, y, z) VALUES (1, ''y1'', NULL)');
SELECT touches('UPDATE children SET x = 1, y = ''y1'', z = 1 WHERE x = 2');
SELECT touches('DELETE FROM children WHERE x = 1');
SELECT touches('INSERT INTO children (t, u) VALUES (''t1'', ''00000000-0000-0000-0000-000000000001''), (''t2'', ''00000000-0000-0000-0000-000000000001'')');
DROP TABLE children, many;

-- partitioned children: partitions of other layouts, rows that move, attach and detach

CREATE TABLE orders (id integer PRIMARY KEY, note text);
SELECT interlock.enable_versioning('orders') \gset
INSERT INTO orders VALUES (1), (2), (3);
CREATE TABLE lines (id integer, region text, order_id integer REFERENCES orders ON DELETE CASCADE, quantity integer, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE lines_north PARTITION OF lines FOR VALUES IN ('north') PARTITION BY RANGE (id);
CREATE TABLE lines_north_1 PARTITION OF lines_north DEFAULT;
CREATE TABLE lines_south (quantity integer, gone text, order_id integer, region text NOT NULL, id integer NOT NULL);
ALTER TABLE lines_south DROP COLUMN gone;
ALTER TABLE lines ATTACH PARTITION lines_south FOR VALUES IN ('south');
SELECT interlock.enable_root_versioning('lines', 'orders') \gset
SELECT interlock.enable_root_versioning('lines', 'orders') \gset
CREATE TABLE lines_west PARTITION OF lines FOR VALUES IN ('west');
CREATE TABLE lines_east (order_id integer, id integer NOT NULL, quantity integer, region text NOT NULL);
ALTER TABLE lines ATTACH PARTITION lines_east FOR VALUES IN ('east');
SELECT relation, roots, problems FROM interlock.versioned_tables ORDER BY relation::text COLLATE "C";
INSERT INTO lines SELECT i, (ARRAY['north', 'south', 'west', 'east'])[1 + i % 4], 1, 1 FROM generate_series(1, 8) AS i;
SELECT * FROM orders ORDER BY id;
UPDATE lines SET order_id = 2 WHERE region = 'east';
SELECT * FROM orders ORDER BY id;
UPDATE lines SET region = 'south' WHERE region = 'north';
SELECT * FROM orders ORDER BY id;
UPDATE lines SET region = 'west', order_id = 3 WHERE id = 3;
SELECT * FROM orders ORDER BY id;
UPDATE lines SET quantity = quantity;
SELECT * FROM orders ORDER BY id;
DELETE FROM lines_south;
SELECT * FROM orders ORDER BY id;
-- also where another table refers to the partitioned one, which makes PostgreSQL look at a moved row twice
CREATE TABLE parts (line integer, region text, FOREIGN KEY (line, region) REFERENCES lines ON UPDATE CASCADE);
INSERT INTO parts SELECT id, region FROM lines WHERE region = 'west' LIMIT 1;
UPDATE lines SET region = 'south' WHERE region = 'west';
SELECT * FROM orders ORDER BY id;
DROP TABLE parts;
SELECT refusal($$enable_root_versioning('lines_south', 'orders')$$);
SELECT refusal($$disable_root_versioning('lines_south', 'orders')$$);
-- a detached table keeps its roots, as PostgreSQL leaves it the triggers, until it is told otherwise
ALTER TABLE lines DETACH PARTITION lines_west;
INSERT INTO lines_west VALUES (1, 'west', 1, 1);
SELECT * FROM orders ORDER BY id;
BEGIN;
SELECT interlock.disable_all() > 0 AS some;
DROP EXTENSION interlock;
ROLLBACK;
BEGIN;
SELECT interlock.enable_root_versioning('lines_west', 'orders') \gset
SELECT interlock.disable_root_versioning('lines', 'orders') \gset
INSERT INTO lines_west VALUES (2, 'west', 2, 1);
COMMIT;
SELECT * FROM orders ORDER BY id;
SELECT interlock.enable_root_versioning('lines', 'orders') \gset
\set VERBOSITY sqlstate
ALTER TABLE lines ATTACH PARTITION lines_west FOR VALUES IN ('west');
\set VERBOSITY default
SELECT interlock.disable_root_versioning('lines_west', 'orders') \gset
ALTER TABLE lines ATTACH PARTITION lines_west FOR VALUES IN ('west');
ALTER TABLE lines DETACH PARTITION lines_west;
SELECT interlock.disable_root_versioning('lines_west', 'orders') \gset
ALTER TABLE lines ATTACH PARTITION lines_west FOR VALUES IN ('west');
DELETE FROM lines WHERE id = 1 AND region = 'west';
SELECT * FROM orders ORDER BY id;
SELECT interlock.disable_root_versioning('lines', 'orders') \gset
SELECT relation FROM interlock.versioned_tables;
DROP TABLE lines;

-- a partitioned root: whichever partition it is in, or moves to

CREATE TABLE parted (region text, id integer, note text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE parted_north PARTITION OF parted FOR VALUES IN ('north');
CREATE TABLE parted_south (note text, id integer NOT NULL, region text NOT NULL);
ALTER TABLE parted ATTACH PARTITION parted_south FOR VALUES IN ('south');
SELECT interlock.enable_versioning('parted') \gset
CREATE TABLE lines (id integer, region text, parent integer, FOREIGN KEY (region, parent) REFERENCES parted ON UPDATE CASCADE);
SELECT interlock.enable_root_versioning('lines', 'parted') \gset
INSERT INTO parted VALUES ('north', 1), ('south', 1);
INSERT INTO lines VALUES (1, 'north', 1), (2, 'south', 1);
SELECT tableoid::regclass, * FROM parted ORDER BY region;
BEGIN;
UPDATE parted SET note = 'by itself' WHERE region = 'north';
UPDATE lines SET id = id + 10;
COMMIT;
SELECT tableoid::regclass, * FROM parted ORDER BY region;
BEGIN;
DELETE FROM lines WHERE id = 12;
UPDATE parted SET region = 'south', id = 2 WHERE region = 'north';
UPDATE lines SET id = id + 10;
COMMIT;
SELECT * FROM lines ORDER BY id;
SELECT tableoid::regclass, * FROM parted ORDER BY region, id;
BEGIN;
UPDATE lines SET id = id + 10;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE parted SET note = 'echo after the bump', version = 4 WHERE region = 'south' AND id = 2;
SELECT tableoid::regclass, * FROM parted ORDER BY region, id;
ROLLBACK;
DROP TABLE lines, parted;

-- inheritance: a foreign key is of one table and to one table, and so are its roots

CREATE TABLE lines (id integer, order_id integer REFERENCES orders);
CREATE TABLE more_lines () INHERITS (lines);
CREATE TABLE more_orders () INHERITS (orders);
SELECT interlock.enable_root_versioning('lines', 'orders') \gset
INSERT INTO more_orders VALUES (1, 'not referred to');
UPDATE orders SET version = 100, note = 'x' WHERE false;
SELECT id, version AS before FROM ONLY orders WHERE id = 1 \gset
INSERT INTO lines VALUES (1, 1);
INSERT INTO more_lines VALUES (2, 1);
SELECT tableoid::regclass, version - :before AS moved_by FROM ONLY orders WHERE id = 1;
SELECT version FROM more_orders;
DROP TABLE more_lines, more_orders, lines;

-- temporary and unlogged tables; a deferred foreign key; NO ACTION; MATCH FULL; a shared primary key

CREATE TEMP TABLE fleeting (id integer PRIMARY KEY);
CREATE TEMP TABLE fleeting_lines (id integer, root integer REFERENCES fleeting) ON COMMIT DELETE ROWS;
SELECT interlock.enable_versioning('fleeting') \gset
SELECT interlock.enable_root_versioning('fleeting_lines', 'fleeting') \gset
INSERT INTO fleeting VALUES (1);
INSERT INTO fleeting_lines VALUES (1, 1);
SELECT * FROM fleeting;
CREATE UNLOGGED TABLE quick (id integer PRIMARY KEY);
SELECT interlock.enable_versioning('quick') \gset
CREATE UNLOGGED TABLE quick_lines (id integer PRIMARY KEY REFERENCES quick MATCH FULL DEFERRABLE INITIALLY DEFERRED);
SELECT interlock.enable_root_versioning('quick_lines', 'quick') \gset
BEGIN;
INSERT INTO quick_lines VALUES (1);
INSERT INTO quick VALUES (1);
COMMIT;
SELECT * FROM quick;
DELETE FROM quick_lines;
SELECT * FROM quick;
-- a line whose root is not there, bumped too early
BEGIN;
INSERT INTO quick_lines VALUES (2);
SET CONSTRAINTS "~interlock_root_insert" IMMEDIATE;
INSERT INTO quick VALUES (2);
COMMIT;
SELECT * FROM quick ORDER BY id;
DROP TABLE fleeting_lines, fleeting, quick_lines, quick;

-- two roots of one child, by one and the same column

CREATE TABLE bills (id integer PRIMARY KEY);
SELECT interlock.enable_versioning('bills') \gset
INSERT INTO bills VALUES (1);
CREATE TABLE lines (id integer, both_id integer REFERENCES orders REFERENCES bills);
SELECT interlock.enable_root_versioning('lines', 'orders') \gset
INSERT INTO lines VALUES (1, 1);
SELECT * FROM bills;
SELECT interlock.enable_root_versioning('lines', 'bills') \gset
INSERT INTO lines VALUES (1, 1);
SELECT * FROM bills;
SELECT roots FROM interlock.versioned_tables WHERE relation = 'lines'::regclass;
SELECT interlock.disable_root_versioning('lines', 'orders') \gset
SELECT roots FROM interlock.versioned_tables WHERE relation = 'lines'::regclass;
INSERT INTO lines VALUES (1, 1);
SELECT * FROM bills;

-- every refusal

CREATE TABLE unversioned (id integer PRIMARY KEY);
CREATE TABLE no_key (id integer);
CREATE TABLE two_keys (id integer, a integer REFERENCES orders, b integer REFERENCES orders, c integer REFERENCES unversioned);
CREATE TABLE tree (id integer PRIMARY KEY, parent integer REFERENCES tree);
CREATE TABLE lost (id integer PRIMARY KEY, of_lost integer);
CREATE TABLE of_lost (id integer REFERENCES lost);
CREATE VIEW a_view AS SELECT 1 AS id;
SELECT count(interlock.enable_versioning(rel::regclass)) FROM unnest('{lines, tree, lost}'::text[]) AS rel;
SET client_min_messages = error;
ALTER TABLE lost DROP COLUMN version CASCADE;
RESET client_min_messages;
SET client_min_messages = warning;
CREATE TABLE a (id integer PRIMARY KEY, other integer);
CREATE TABLE b (id integer PRIMARY KEY REFERENCES a);
CREATE TABLE c (id integer PRIMARY KEY REFERENCES b);
ALTER TABLE a ADD FOREIGN KEY (other) REFERENCES c;
SELECT count(interlock.enable_versioning(rel::regclass)) FROM unnest('{a, b, c}'::text[]) AS rel;
SELECT interlock.enable_root_versioning('b', 'a'), interlock.enable_root_versioning('c', 'b') \gset
\pset format unaligned
\pset tuples_only on
SELECT refusal(call) FROM unnest(ARRAY[
    $$enable_root_versioning('no_key', 'orders')$$,
    $$enable_root_versioning('no_key', 'orders', 'x')$$,
    $$enable_root_versioning('two_keys', 'orders')$$,
    $$enable_root_versioning('two_keys', 'orders', 'two_keys_c_fkey')$$,
    $$enable_root_versioning('two_keys', 'orders', 'two_keys_a_fkey')$$,
    $$enable_root_versioning('two_keys', 'unversioned')$$,
    $$enable_root_versioning('of_lost', 'lost')$$,
    $$enable_root_versioning('tree', 'tree')$$,
    $$enable_root_versioning('a', 'c')$$,
    $$enable_root_versioning('orders', 'lines')$$,
    $$enable_root_versioning('a_view', 'orders')$$,
    $$enable_root_versioning('lines', 'a_view')$$,
    $$enable_root_versioning('pg_catalog.pg_class', 'orders')$$,
    $$enable_root_versioning('4294967295', 'orders')$$,
    $$enable_root_versioning('lines', '4294967295')$$,
    $$enable_root_versioning(NULL, 'orders')$$,
    $$enable_root_versioning('lines', NULL)$$,
    $$disable_root_versioning('no_key', 'orders')$$,
    $$disable_root_versioning('bills', 'orders')$$,
    $$disable_root_versioning('a_view', 'orders')$$,
    $$disable_root_versioning(NULL, 'orders')$$,
    $$disable_root_versioning('lines', NULL)$$]) AS call;

-- ownership of both, before any lock and for everything that is taken off
ALTER TABLE lines OWNER TO regress_roots_owner;
SET ROLE regress_roots_owner;
SELECT roots_setup.refusal($$enable_root_versioning('roots_setup.lines', 'roots_setup.bills')$$);
SELECT roots_setup.refusal($$disable_root_versioning('roots_setup.lines', 'roots_setup.bills')$$);
RESET ROLE;
ALTER TABLE lines OWNER TO CURRENT_USER;
ALTER TABLE bills OWNER TO regress_roots_owner;
SET ROLE regress_roots_owner;
SELECT roots_setup.refusal($$enable_root_versioning('roots_setup.lines', 'roots_setup.bills')$$);
SELECT roots_setup.refusal($$disable_versioning('roots_setup.bills')$$);
SET ROLE regress_roots_other;
SELECT roots_setup.refusal($$disable_root_versioning('roots_setup.lines', 'roots_setup.bills')$$);
RESET ROLE;
BEGIN READ ONLY;
SELECT refusal($$enable_root_versioning('lines', 'orders')$$);
SELECT refusal($$disable_root_versioning('lines', 'orders')$$);
COMMIT;

-- the internal functions called by hand: refused, whatever they are given
SELECT refusal(call) FROM unnest(ARRAY[
    $$root_touched('orders', 'lines'::regclass, 1)$$,
    $$root_touched('orders', NULL, 1)$$,
    $$root_touched(NULL, NULL, NULL::integer)$$,
    $$root_touched('orders', 1, VARIADIC ARRAY[1])$$,
    $$root_touched('orders'::regclass, l.tableoid, l.both_id) FROM roots_setup.lines AS l$$,
    $$root_touched('orders'::regclass, l.tableoid, o.id) FROM roots_setup.lines AS l JOIN orders AS o ON o.id = l.both_id ORDER BY o.id$$,
    $$root_touched('orders'::regclass, max(l.tableoid::oid), max(l.both_id)) FROM roots_setup.lines AS l$$,
    $$root_version()$$]) AS call;
\pset tuples_only off
\pset format aligned

-- and in triggers made by hand: of a table that is no child, of another shape, at another time

\set VERBOSITY sqlstate
CREATE TRIGGER mine AFTER INSERT ON no_key FOR EACH ROW WHEN (interlock.root_touched('orders'::regclass, NEW.tableoid, NEW.id)) EXECUTE FUNCTION interlock.root_version();
INSERT INTO no_key VALUES (1);
DROP TRIGGER mine ON no_key;
CREATE TRIGGER mine BEFORE INSERT ON no_key FOR EACH ROW EXECUTE FUNCTION interlock.root_version();
INSERT INTO no_key VALUES (1);
DROP TRIGGER mine ON no_key;
CREATE TRIGGER mine AFTER INSERT ON no_key FOR EACH STATEMENT EXECUTE FUNCTION interlock.root_version();
INSERT INTO no_key VALUES (1);
DROP TRIGGER mine ON no_key;
CREATE TRIGGER mine AFTER INSERT ON no_key FOR EACH ROW EXECUTE FUNCTION interlock.root_version();
INSERT INTO no_key VALUES (1);
DROP TRIGGER mine ON no_key;
CREATE TRIGGER mine AFTER UPDATE ON b FOR EACH ROW WHEN (interlock.root_touched('a'::regclass, NEW.tableoid, OLD.id, NEW.tableoid)) EXECUTE FUNCTION interlock.root_version();
UPDATE b SET id = 1;
INSERT INTO a VALUES (1);
INSERT INTO b VALUES (1);
UPDATE b SET version = 2;
DROP TRIGGER mine ON b;
CREATE TRIGGER mine AFTER UPDATE ON b FOR EACH ROW WHEN (interlock.root_touched('a'::regclass, NEW.tableoid, OLD.id, NEW.version)) EXECUTE FUNCTION interlock.root_version();
UPDATE b SET version = 2;
DROP TRIGGER mine ON b;
CREATE TRIGGER mine AFTER UPDATE ON b FOR EACH ROW WHEN (interlock.root_touched('a'::regclass, NEW.tableoid, OLD.version, NEW.version)) EXECUTE FUNCTION interlock.root_version();
UPDATE b SET version = 2;
DROP TRIGGER mine ON b;
\set VERBOSITY default

-- a circle closed by hand ends where it began

CREATE CONSTRAINT TRIGGER mine AFTER UPDATE ON a FROM c DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (interlock.root_touched('c'::regclass, NEW.tableoid, OLD.other, NEW.other)) EXECUTE FUNCTION interlock.root_version();
INSERT INTO c VALUES (1);
UPDATE a SET other = 1;
SELECT a.version AS a, b.version AS b, c.version AS c FROM a, b, c;
UPDATE c SET version = version + 1;
SELECT a.version AS a, b.version AS b, c.version AS c FROM a, b, c;

DROP SCHEMA roots_setup CASCADE;
DROP SCHEMA "Other schema" CASCADE;
DROP ROLE regress_roots_owner, regress_roots_other;
