-- What a session keeps of a table between two writes is forgotten as soon as it is no longer true, and comes back right after a ROLLBACK.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_alice, regress_bob;
CREATE ROLE regress_alice;
CREATE ROLE regress_bob;
CREATE SCHEMA write_plans;
SET search_path = write_plans;
GRANT USAGE ON SCHEMA write_plans TO regress_alice, regress_bob;

-- A write from one place that PL/pgSQL plans once: what came of it, or the SQLSTATE. An internal error is a bug.
CREATE FUNCTION put(rel regclass, key anycompatible, expected bigint, changes jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
    SELECT concat_ws(' ', r.status, r.version, r.conflicts::text) INTO told FROM interlock.try_versioned_update(rel, key, expected, changes) AS r;
    RETURN told;
EXCEPTION WHEN OTHERS THEN
    IF SQLSTATE LIKE 'XX%' THEN RAISE; END IF;
    RETURN SQLSTATE;
END $$;

CREATE TABLE t (id integer PRIMARY KEY, a integer, b integer, c text, gone text);
INSERT INTO t SELECT n, 0, 0, '', '' FROM generate_series(1, 5) AS n;
SELECT interlock.enable_versioning('t');
PREPARE put_a AS SELECT r.status::text, r.version FROM interlock.try_versioned_update('t', $1::integer, $2, jsonb_build_object('a', $3::integer)) AS r;
PREPARE put_ab AS SELECT r.status::text, r.version FROM interlock.try_versioned_update('t', $1::integer, $2, jsonb_build_object('a', $3::integer, 'b', $4::integer)) AS r;
EXECUTE put_a (1, 1, 1);
EXECUTE put_ab (1, 2, 2, 3);
SELECT put('t', 1, 3, '{"a": 3}'), put('t', 1, 4, '{"a": 4, "b": 4}'), put('t', 1, 1, '{"a": 0}'), put('t', 1, 5, '{}');

-- COLUMNS added, dropped, renamed, retyped
SELECT put('t', 1, 5, '{"d": 5}');
ALTER TABLE t ADD COLUMN d integer DEFAULT 7, DROP COLUMN gone;
SELECT put('t', 1, 5, '{"d": 5}'), put('t', 1, 6, '{"gone": "x"}'), put('t', 1, 1, '{"d": 6}');
EXECUTE put_a (1, 6, 6);
EXECUTE put_ab (1, 7, 7, 7);
-- two columns change names: the value goes to the column of that name
BEGIN;
ALTER TABLE t RENAME a TO swap;
ALTER TABLE t RENAME b TO a;
ALTER TABLE t RENAME swap TO b;
COMMIT;
EXECUTE put_a (1, 8, 8);
SELECT put('t', 1, 9, '{"b": 9}');
SELECT a, b, version FROM t WHERE id = 1;
SELECT put('t', 1, 1, '{"a": 0}');
ALTER TABLE t RENAME b TO e;
EXECUTE put_a (1, 10, 10);
SELECT put('t', 1, 11, '{"b": 9}'), put('t', 1, 11, '{"e": 11}');
\set VERBOSITY sqlstate
EXECUTE put_ab (1, 12, 12, 12);
\set VERBOSITY default
ALTER TABLE t RENAME e TO b;
EXECUTE put_ab (1, 12, 12, 12);
-- another type, another length, another domain
ALTER TABLE t ALTER c TYPE varchar(2);
SELECT put('t', 1, 13, '{"c": "abc"}'), put('t', 1, 13, '{"c": "ab"}');
ALTER TABLE t ALTER c TYPE varchar(3);
SELECT put('t', 1, 14, '{"c": "abc"}');
ALTER TABLE t ALTER c TYPE jsonb USING to_jsonb(c);
SELECT put('t', 1, 15, '{"c": "abc"}'), put('t', 1, 15, '{"c": {"x": [1]}}');
ALTER TABLE t ALTER c TYPE integer[] USING '{1}';
SELECT put('t', 1, 16, '{"c": {"x": [1]}}'), put('t', 1, 16, '{"c": [1, 2]}'), put('t', 1, 1, '{"c": [3]}');
ALTER TABLE t ALTER a TYPE text;
EXECUTE put_a (1, 17, 17);
SELECT put('t', 1, 18, '{"a": "seventeen"}'), put('t', 1, 1, '{"a": 0}');
ALTER TABLE t ALTER a TYPE integer USING 18;
EXECUTE put_a (1, 19, 19);
SELECT put('t', 1, 20, '{"a": "seventeen"}');
-- a generated column in place of a plain one, and back
ALTER TABLE t DROP COLUMN b;
ALTER TABLE t ADD COLUMN b integer GENERATED ALWAYS AS (a + 1) STORED;
SELECT put('t', 1, 20, '{"b": 1}'), put('t', 1, 20, '{"a": 20}');
ALTER TABLE t ALTER b DROP EXPRESSION;
EXECUTE put_ab (1, 21, 21, 1);
SELECT a, b, c, d, version FROM t WHERE id = 1;

-- THE TABLE renamed, and its name taken by another
ALTER TABLE t RENAME TO u;
CREATE TABLE t (a integer, version smallint NOT NULL DEFAULT 1, id integer PRIMARY KEY);
INSERT INTO t VALUES (0, 1, 1);
SELECT put('t', 1, 1, '{"a": 1}');
SELECT interlock.enable_versioning('t');
SELECT put('t', 1, 1, '{"a": 1}'), put('u', 1, 22, '{"a": 22}');
EXECUTE put_a (1, 2, 2);
SELECT * FROM t;
DROP TABLE t;
ALTER TABLE u RENAME TO t;
EXECUTE put_a (1, 23, 23);
-- moved to another schema, and one of its name where it was
CREATE SCHEMA write_plans_2;
ALTER TABLE t SET SCHEMA write_plans_2;
SELECT put('write_plans_2.t', 1, 24, '{"a": 24}'), put('write_plans_2.t', 1, 1, '{"a": 0}');
CREATE TABLE t (id integer PRIMARY KEY, a integer);
INSERT INTO t VALUES (1, 0);
SELECT interlock.enable_versioning('t');
EXECUTE put_a (1, 1, 1);
SELECT put('write_plans_2.t', 1, 25, '{"a": 25}'), put('t', 1, 2, '{"a": 2}');
SELECT (SELECT a FROM t), (SELECT a FROM write_plans_2.t WHERE id = 1);
-- schemas renamed: each other's names
ALTER SCHEMA write_plans RENAME TO write_plans_3;
ALTER SCHEMA write_plans_2 RENAME TO write_plans;
ALTER SCHEMA write_plans_3 RENAME TO write_plans_2;
SET search_path = write_plans_2;
SELECT put('write_plans.t', 1, 26, '{"a": 26}'), put('write_plans_2.t', 1, 3, '{"a": 3}'), put('write_plans.t', 1, 1, '{"a": 0}');
SELECT (SELECT a FROM write_plans_2.t), (SELECT a FROM write_plans.t WHERE id = 1);
ALTER SCHEMA write_plans RENAME TO write_plans_3;
ALTER SCHEMA write_plans_2 RENAME TO write_plans;
SET search_path = write_plans;
SELECT put('write_plans_3.t', 1, 27, '{"a": 27}'), put('t', 1, 4, '{"a": 4}');
-- dropped and made again under its name, with other columns in other places
DROP TABLE t;
CREATE TABLE t (b text, a bigint, "Version" integer NOT NULL DEFAULT 5, id integer, PRIMARY KEY (id));
INSERT INTO t (id, a) VALUES (1, 0);
SELECT interlock.enable_versioning('t', 'Version');
EXECUTE put_a (1, 5, 5);
SELECT put('t', 1, 6, '{"a": 5000000000}'), put('t', 1, 1, '{"a": 0}');
DROP TABLE t;
\set VERBOSITY sqlstate
EXECUTE put_a (1, 7, 7);
\set VERBOSITY default
ALTER TABLE write_plans_3.t SET SCHEMA write_plans;
DROP SCHEMA write_plans_3;
EXECUTE put_a (1, 28, 28);

-- THE SEARCH_PATH: a name is looked up anew, also by what was prepared before
CREATE SCHEMA write_plans_2;
CREATE TABLE write_plans_2.t (id integer PRIMARY KEY, a integer);
INSERT INTO write_plans_2.t VALUES (1, 0);
SELECT interlock.enable_versioning('write_plans_2.t');
CREATE FUNCTION put_here(expected bigint, a integer) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN interlock.versioned_update('t', 1, expected, jsonb_build_object('a', a)); END $$;
SELECT put_here(29, 29);
SET search_path = write_plans_2, write_plans;
EXECUTE put_a (1, 1, 1);
SELECT put_here(2, 2), put('t', 1, 3, '{"a": 3}');
SET search_path = write_plans, write_plans_2;
EXECUTE put_a (1, 30, 30);
SELECT put_here(31, 31), put('t', 1, 32, '{"a": 32}');
SELECT (SELECT a FROM t WHERE id = 1), (SELECT a FROM write_plans_2.t);
SET search_path = write_plans;
DROP SCHEMA write_plans_2 CASCADE;

-- THE KEY dropped, put on other columns, renamed, retyped, moved to another index
ALTER TABLE t DROP CONSTRAINT t_pkey;
SELECT put('t', 1, 33, '{"a": 33}'), put('t', 1, 33, '{}');
ALTER TABLE t ADD PRIMARY KEY (d, id);
SELECT put('t', 1, 33, '{"a": 33}'), put('t', ROW(5, 1), 33, '{"a": 33}'), put('t', '{"id": 1, "d": 5}', 34, '{"a": 34}'), put('t', ROW(5, 1), 1, '{"a": 0}'), put('t', ROW(5, 1), 35, '{"d": 0}');
ALTER TABLE t DROP CONSTRAINT t_pkey;
ALTER TABLE t ADD PRIMARY KEY (id, d);
SELECT put('t', ROW(5, 1), 35, '{"a": 35}'), put('t', ROW(1, 5), 35, '{"a": 35}');
ALTER TABLE t RENAME d TO "D";
ALTER TABLE t RENAME CONSTRAINT t_pkey TO the_key;
SELECT put('t', ROW(1, 5), 36, '{"a": 36}'), put('t', '{"id": 1, "d": 5}', 37, '{"a": 37}'), put('t', '{"id": 1, "D": 5}', 37, '{"a": 37}');
ALTER TABLE t DROP CONSTRAINT the_key;
ALTER TABLE t RENAME "D" TO d;
CREATE UNIQUE INDEX t_id ON t (id);
ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_id;
EXECUTE put_a (1, 38, 38);
SELECT put('t', 1, 39, '{"d": 39}');
ALTER TABLE t ALTER id TYPE bigint;
EXECUTE put_a (1, 40, 40);
SELECT put('t', 1::smallint, 41, '{"d": 41}'), put('t', 1.5, 42, '{"d": 42}'), put('t', '1', 42, '{"d": 42}'), put('t', 1.0, 43, '{"d": 43}');
ALTER TABLE t ALTER id TYPE text;
EXECUTE put_a (1, 44, 44);
SELECT put('t', 1.0, 45, '{"d": 45}'), put('t', '1', 45, '{"d": 45}'), put('t', 1::bigint, 46, '{"d": 46}');
ALTER TABLE t ALTER id TYPE integer USING id::integer;
EXECUTE put_a (1, 47, 47);
SELECT put('t', 1.0, 48, '{"d": 48}');

-- THE VERSION renamed, on another column, of another type
ALTER TABLE t RENAME version TO "Rev";
EXECUTE put_a (1, 49, 49);
SELECT put('t', 1, 50, '{"Rev": 1}'), put('t', 1, 50, '{"version": 1}'), put('t', 1, 1, '{"a": 0}');
ALTER TABLE t RENAME a TO version;
SELECT put('t', 1, 50, '{"version": 50}');
ALTER TABLE t RENAME version TO a;
ALTER TABLE t ADD COLUMN other smallint NOT NULL DEFAULT 100;
SELECT interlock.enable_versioning('t', 'other');
EXECUTE put_a (1, 51, 51);
EXECUTE put_a (1, 100, 52);
SELECT put('t', 1, 101, '{"Rev": 1}');
SELECT interlock.enable_versioning('t', 'Rev');
ALTER TABLE t DROP COLUMN other;
EXECUTE put_a (1, 1, 53);
SELECT interlock.disable_versioning('t');
SELECT put('t', 1, 2, '{"a": 54}');
ALTER TABLE t ALTER "Rev" TYPE integer;
SELECT interlock.enable_versioning('t', 'Rev');
EXECUTE put_a (1, 2, 54);
ALTER TABLE t DROP COLUMN "Rev" CASCADE;
SELECT put('t', 1, 3, '{"a": 55}');
SELECT interlock.enable_versioning('t');
EXECUTE put_a (1, 1, 55);

-- SETTINGS of a second enable_versioning, and triggers of others
SELECT interlock.enable_versioning('t', except_columns => '{a}');
EXECUTE put_a (1, 2, 56);
SELECT put('t', 1, 2, '{"d": 56}');
SELECT interlock.enable_versioning('t', except_columns => '{d}', accept => 'echo', require_version => true);
EXECUTE put_a (1, 3, 57);
SELECT put('t', 1, 4, '{"d": 57}');
SELECT interlock.enable_versioning('t');
SELECT put('t', 1, 4, '{"d": 58}');
ALTER TABLE t DISABLE TRIGGER USER;
SELECT put('t', 1, 5, '{"d": 59}');
ALTER TABLE t ENABLE TRIGGER USER;
SELECT put('t', 1, 5, '{"d": 59}');
SET session_replication_role = replica;
SELECT put('t', 1, 6, '{"d": 60}');
RESET session_replication_role;
SELECT put('t', 1, 7, '{"d": 61}');
CREATE FUNCTION set_b() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.b := NEW.d; NEW.d := OLD.d; RETURN NEW; END $$;
CREATE TRIGGER set_b BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION set_b();
SELECT put('t', 1, 8, '{"d": 62}');
SELECT b, d, version FROM t WHERE id = 1;
DROP TRIGGER set_b ON t;
SELECT put('t', 1, 9, '{"d": 63}');
CREATE RULE log AS ON UPDATE TO t DO ALSO NOTIFY t;
SELECT put('t', 1, 10, '{"d": 64}');
DROP RULE log ON t;
SELECT put('t', 1, 11, '{"d": 65}');

-- ROLES: one after another from the same place, each with its own rights, as they are now
GRANT SELECT, UPDATE ON t TO regress_alice;
GRANT SELECT (id, a, version), UPDATE (a) ON t TO regress_bob;
SET ROLE regress_alice;
SELECT put('t', 1, 12, '{"d": 66}'), put('t', 1, 13, '{"d": 66, "a": 66}'), put('t', 1, 12, '{"a": 0, "d": 0}');
SET ROLE regress_bob;
SELECT put('t', 1, 14, '{"d": 67}'), put('t', 1, 14, '{"a": 67}'), put('t', 1, 15, '{"d": 66, "a": 66}'), put('t', 1, 12, '{"a": 0}');
SET ROLE regress_alice;
SELECT put('t', 1, 15, '{"d": 68}');
RESET ROLE;
REVOKE UPDATE ON t FROM regress_alice;
REVOKE SELECT (a) ON t FROM regress_bob;
GRANT UPDATE (d) ON t TO regress_bob;
SET ROLE regress_alice;
SELECT put('t', 1, 16, '{"d": 69}');
SET ROLE regress_bob;
SELECT put('t', 1, 16, '{"a": 69, "d": 69}'), put('t', 1, 12, '{"a": 0}');
RESET ROLE;
GRANT SELECT ON t TO regress_bob;
SET ROLE regress_bob;
SELECT put('t', 1, 17, '{"a": 69, "d": 69}'), put('t', 1, 12, '{"a": 0}');
RESET ROLE;
-- policies switched on, changed, and off
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
SET ROLE regress_bob;
SELECT put('t', 1, 17, '{"a": 70}');
RESET ROLE;
CREATE POLICY p ON t USING (id = 1);
SET ROLE regress_bob;
SELECT put('t', 1, 17, '{"a": 70}'), put('t', 2, 1, '{"a": 70}');
RESET ROLE;
ALTER POLICY p ON t USING (id = 2);
SET ROLE regress_bob;
SELECT put('t', 1, 18, '{"a": 71}'), put('t', 2, 1, '{"a": 71}');
RESET ROLE;
SELECT put('t', 1, 18, '{"a": 71}');
ALTER TABLE t DISABLE ROW LEVEL SECURITY;
SET ROLE regress_bob;
SELECT put('t', 1, 19, '{"a": 72}');
RESET ROLE;

-- INDEXES and storage
CREATE INDEX t_a ON t (a);
SELECT put('t', 1, 20, '{"a": 73}');
DROP INDEX t_a;
SELECT put('t', 1, 21, '{"a": 74}');
CREATE UNIQUE INDEX t_d ON t (d) WHERE d > 1000;
SELECT put('t', 1, 22, '{"d": 1001}'), put('t', 2, 1, '{"d": 1001}');
REINDEX TABLE t;
SELECT put('t', 1, 23, '{"a": 75}');
VACUUM FULL t;
SELECT put('t', 1, 24, '{"a": 76}');
ANALYZE t;
SELECT put('t', 1, 25, '{"a": 77}');
DISCARD PLANS;
SELECT put('t', 1, 26, '{"a": 78}');
TRUNCATE t;
SELECT put('t', 1, 27, '{"a": 79}');
INSERT INTO t (id, a) VALUES (1, 0);
SELECT put('t', 1, 1, '{"a": 1}');
CREATE TEMPORARY TABLE of_the_session (id integer PRIMARY KEY, a integer);
INSERT INTO of_the_session VALUES (1, 0);
SELECT interlock.enable_versioning('of_the_session');
SELECT put('of_the_session', 1, 1, '{"a": 1}');
DISCARD TEMP;
CREATE TEMPORARY TABLE of_the_session (a integer, id integer PRIMARY KEY);
INSERT INTO of_the_session VALUES (0, 1);
SELECT interlock.enable_versioning('of_the_session');
SELECT put('of_the_session', 1, 1, '{"a": 1}');

-- PARTITIONS added, dropped, detached, attached
CREATE TABLE p (id integer PRIMARY KEY, a integer) PARTITION BY RANGE (id);
CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (1) TO (2);
SELECT interlock.enable_versioning('p');
INSERT INTO p VALUES (1, 0);
SELECT put('p', 1, 1, '{"a": 1}'), put('p', 2, 1, '{"a": 1}'), put('p', 1, 1, '{"a": 0}');
CREATE TABLE p_2 (a integer, gone text, id integer NOT NULL, version bigint NOT NULL);
ALTER TABLE p_2 DROP COLUMN gone;
INSERT INTO p_2 VALUES (0, 2, 1);
ALTER TABLE p ATTACH PARTITION p_2 FOR VALUES FROM (2) TO (3);
SELECT put('p', 2, 1, '{"a": 1}'), put('p', 1, 2, '{"a": 2}'), put('p_2', 2, 2, '{"a": 2}');
ALTER TABLE p DETACH PARTITION p_1;
SELECT put('p', 1, 3, '{"a": 3}'), put('p', 2, 3, '{"a": 3}'), put('p_1', 1, 3, '{"a": 3}');
DROP TABLE p_2;
SELECT put('p', 2, 4, '{"a": 4}');
CREATE TABLE p_2 PARTITION OF p FOR VALUES FROM (2) TO (30) PARTITION BY LIST (id);
CREATE TABLE p_2_2 PARTITION OF p_2 FOR VALUES IN (2);
INSERT INTO p VALUES (2, 0);
SELECT put('p', 2, 1, '{"a": 1}'), put('p_2', 2, 2, '{"a": 2}'), put('p_2_2', 2, 3, '{"a": 3}'), put('p', 1, 1, '{"a": 1}');
SELECT interlock.enable_versioning('p', accept => 'echo', require_version => true);
SELECT put('p', 2, 4, '{"a": 4}'), put('p_2_2', 2, 5, '{"a": 5}');
-- a child comes and goes
CREATE TABLE parent (id integer PRIMARY KEY, a integer);
SELECT interlock.enable_versioning('parent');
INSERT INTO parent VALUES (1, 0);
SELECT put('parent', 1, 1, '{"a": 1}'), put('parent', 2, 1, '{"a": 1}');
CREATE TABLE child (id integer PRIMARY KEY, a integer, version bigint NOT NULL);
INSERT INTO child VALUES (1, 0, 2), (2, 0, 1);
SELECT interlock.enable_versioning('child');
ALTER TABLE child INHERIT parent;
SELECT put('parent', 1, 2, '{"a": 2}'), put('parent', 2, 1, '{"a": 1}');
ALTER TABLE child NO INHERIT parent;
SELECT put('parent', 1, 2, '{"a": 2}'), put('parent', 2, 2, '{"a": 1}');

-- TYPES that change under their columns
CREATE TYPE mood AS ENUM ('sad');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN small AS integer;
CREATE TABLE typed (id integer PRIMARY KEY, m mood, p pair, ps pair[], s small);
INSERT INTO typed VALUES (1);
SELECT interlock.enable_versioning('typed');
SELECT put('typed', 1, 1, '{"m": "sad", "p": {"a": 1, "b": "x"}, "ps": [{"a": 1}], "s": 5000}'), put('typed', 1, 2, '{"m": "ok"}'), put('typed', 1, 2, '{"p": "(1,x,2)"}');
SELECT put('typed', 1, 1, '{"m": null, "p": null, "ps": null, "s": null}');
ALTER TYPE mood ADD VALUE 'ok';
ALTER TYPE pair ADD ATTRIBUTE c integer;
ALTER DOMAIN small ADD CONSTRAINT small CHECK (VALUE < 100) NOT VALID;
SELECT put('typed', 1, 2, '{"m": "ok"}'), put('typed', 1, 3, '{"p": {"a": 2, "b": "y", "c": 3}}'), put('typed', 1, 4, '{"ps": [{"a": 2, "c": 3}]}'), put('typed', 1, 5, '{"s": 100}');
SELECT p, ps FROM typed;
SELECT put('typed', 1, 5, '{"p": "(2,y,4)"}');
SELECT put('typed', 1, 1, '{"p": null}');
ALTER TYPE pair RENAME ATTRIBUTE c TO d;
SELECT put('typed', 1, 6, '{"p": {"a": 2, "d": 5}}');
ALTER TYPE pair DROP ATTRIBUTE b;
SELECT put('typed', 1, 7, '{"p": {"a": 2, "d": 6}}'), put('typed', 1, 8, '{"p": "(2,7)"}'), put('typed', 1, 9, '{"ps": ["(1,2)", {"a": 3, "d": 4}]}');
SELECT p, ps FROM typed;
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
ALTER DOMAIN small DROP CONSTRAINT small;
SELECT put('typed', 1, 10, '{"m": "sad"}'), put('typed', 1, 10, '{"m": "blue", "s": 100}');
ALTER DOMAIN small SET NOT NULL;
SELECT put('typed', 1, 11, '{"s": null}');
-- casts that come, change and go, for keys
CREATE TYPE color AS ENUM ('red', 'blue');
CREATE FUNCTION color_number(color) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN CASE $1 WHEN 'red' THEN 1 ELSE 2 END; END $$;
CREATE FUNCTION color_number_2(color) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT CASE $1 WHEN 'red' THEN 2 ELSE 1 END $$;
CREATE FUNCTION number_color(integer) RETURNS color LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN CASE $1 WHEN 1 THEN 'red' WHEN 2 THEN 'blue' END; END $$;
CREATE FUNCTION number_color_2(integer) RETURNS color LANGUAGE sql IMMUTABLE AS $$ SELECT CASE $1 WHEN 2 THEN 'red'::color ELSE 'blue' END $$;
CREATE TABLE colored (id integer PRIMARY KEY, a text);
CREATE TABLE colored_too (id integer PRIMARY KEY, a text);
INSERT INTO colored VALUES (1, ''), (2, '');
INSERT INTO colored_too VALUES (1, ''), (2, '');
SELECT interlock.enable_versioning('colored'), interlock.enable_versioning('colored_too');
SELECT put('colored', 'red'::color, 1, '{"a": "no cast"}');
CREATE CAST (color AS integer) WITH FUNCTION color_number(color) AS ASSIGNMENT;
CREATE CAST (integer AS color) WITH FUNCTION number_color(integer) AS ASSIGNMENT;
SELECT put('colored', 'red'::color, 1, '{"a": "red is 1"}'), put('colored_too', 'red'::color, 1, '{"a": "red is 1"}');
DROP CAST (color AS integer);
DROP CAST (integer AS color);
DROP FUNCTION color_number(color), number_color(integer);
SELECT put('colored', 'red'::color, 2, '{"a": "no cast"}');
SELECT put('colored_too', 'red'::color, 2, '{"a": "no cast"}');
CREATE CAST (color AS integer) WITH FUNCTION color_number_2(color) AS ASSIGNMENT;
CREATE CAST (integer AS color) WITH FUNCTION number_color_2(integer) AS ASSIGNMENT;
SELECT put('colored', 'red'::color, 1, '{"a": "red is 2"}');
SELECT put('colored_too', 'red'::color, 1, '{"a": "red is 2"}');
SELECT id, c.a, t.a FROM colored AS c JOIN colored_too AS t USING (id) ORDER BY id;

-- ROLLBACK of all such changes, of a transaction and of a part of it
DROP TABLE t;
CREATE TABLE t (id integer PRIMARY KEY, a integer, b integer, c text);
INSERT INTO t VALUES (1, 0, 0, ''), (2, 0, 0, '');
SELECT interlock.enable_versioning('t');
EXECUTE put_a (1, 1, 1);
EXECUTE put_ab (1, 2, 2, 2);
BEGIN;
ALTER TABLE t RENAME a TO swap;
ALTER TABLE t RENAME b TO a;
ALTER TABLE t RENAME swap TO b;
EXECUTE put_a (1, 3, 3);
SELECT a, b FROM t WHERE id = 1;
ROLLBACK;
EXECUTE put_a (1, 3, 4);
SELECT a, b FROM t WHERE id = 1;
BEGIN;
SAVEPOINT one;
ALTER TABLE t ADD COLUMN d integer, DROP COLUMN b, ALTER c TYPE integer USING 0;
SELECT put('t', 1, 4, '{"d": 1, "c": 5}'), put('t', 1, 4, '{"b": 1}');
SAVEPOINT two;
ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (c);
SELECT put('t', 5, 4, '{"a": 5}');
ROLLBACK TO one;
SELECT put('t', 1, 4, '{"c": "text"}'), put('t', 1, 5, '{"d": 1}');
EXECUTE put_ab (1, 5, 5, 5);
SAVEPOINT three;
ALTER TABLE t RENAME TO u;
CREATE TABLE t (id integer PRIMARY KEY, a integer);
INSERT INTO t VALUES (1, 0);
SELECT interlock.enable_versioning('t');
EXECUTE put_a (1, 1, 1);
ROLLBACK TO three;
EXECUTE put_a (1, 6, 6);
COMMIT;
SELECT * FROM t ORDER BY id;
BEGIN;
DROP TABLE t;
CREATE TABLE t (id text PRIMARY KEY, a integer);
INSERT INTO t VALUES ('1', 0);
SELECT interlock.enable_versioning('t', 'v');
EXECUTE put_a (1, 1, 1);
ROLLBACK;
EXECUTE put_a (1, 7, 7);
BEGIN;
SELECT interlock.enable_versioning('t', 'other');
EXECUTE put_a (1, 1, 8);
SELECT interlock.disable_versioning('t');
SELECT put('t', 1, 1, '{"a": 9}');
ROLLBACK;
EXECUTE put_a (1, 8, 8);
BEGIN;
ALTER SCHEMA write_plans RENAME TO write_plans_2;
SELECT write_plans_2.put('write_plans_2.t', 1, 9, '{"a": 9}');
ROLLBACK;
EXECUTE put_a (1, 9, 9);
-- a table that never came to be
BEGIN;
CREATE TABLE passing (id integer PRIMARY KEY, a integer);
INSERT INTO passing VALUES (1, 0);
SELECT interlock.enable_versioning('passing');
SELECT put('passing', 1, 1, '{"a": 1}');
ROLLBACK;

-- DEFINITIONS CHANGED BY A TRIGGER of the very write: what is in use stays until it is done
CREATE TABLE busy (id integer PRIMARY KEY, a integer, b integer);
INSERT INTO busy SELECT n, 0, 0 FROM generate_series(1, 20) AS n;
SELECT interlock.enable_versioning('busy');
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    GRANT SELECT ON busy TO PUBLIC;
    ALTER TABLE t ALTER c SET DEFAULT 'x';
    PERFORM put('t', 2, version, jsonb_build_object('a', NEW.id)) FROM t WHERE id = 2;
    IF NEW.id < 20 THEN
        PERFORM put('busy', NEW.id + 1, 1, CASE NEW.id % 2 WHEN 0 THEN '{"a": 1}' ELSE '{"a": 1, "b": 1}'::jsonb END);
    END IF;
    REVOKE SELECT ON busy FROM PUBLIC;
    RETURN NEW;
END $$;
CREATE TRIGGER meddle BEFORE UPDATE ON busy FOR EACH ROW EXECUTE FUNCTION meddle();
SELECT put('busy', 1, 1, '{"a": 1}'), put('busy', 1, 1, '{"a": 2}');
SELECT count(*), sum(a), sum(b), min(version), max(version) FROM busy;
SELECT a, version FROM t WHERE id = 2;

-- MORE COLUMN SETS than are kept, over and over, each still writing what it should
DO $$ BEGIN EXECUTE (SELECT format('CREATE TABLE many (id integer PRIMARY KEY, %s)', string_agg(format('c%s integer', n), ', ')) FROM generate_series(1, 300) AS n); END $$;
INSERT INTO many VALUES (1);
SELECT interlock.enable_versioning('many');
DO $$
DECLARE version bigint := 1;
BEGIN
    FOR round IN 1..2 LOOP
        FOR n IN 1..300 LOOP
            version := interlock.versioned_update('many', 1, version, jsonb_build_object('c' || n, n * round, 'c' || (n % 300 + 1), -n));
        END LOOP;
    END LOOP;
END $$;
SELECT version, jsonb_object_agg(key, value) @> '{"c1": -300, "c2": 4, "c150": 300, "c300": 600}' AS right FROM many AS m, jsonb_each(to_jsonb(m)) GROUP BY version;
SELECT count(*) FROM many AS m, jsonb_each_text(to_jsonb(m)) AS c WHERE key ~ '^c' AND value::integer = substr(key, 2)::integer * 2;

-- THE EXTENSION dropped and made again in one session
DROP EXTENSION interlock CASCADE;
\set VERBOSITY sqlstate
EXECUTE put_a (1, 10, 10);
\set VERBOSITY default
SELECT put('t', 1, 10, '{"a": 10}');
CREATE EXTENSION interlock;
SELECT put('t', 1, 10, '{"a": 10}');
SELECT interlock.enable_versioning('t'), interlock.enable_versioning('many');
EXECUTE put_a (1, 10, 10);
SELECT put('t', 1, 11, '{"a": 11}'), put('t', 1, 1, '{"a": 0}'), put('many', 1, 601, '{"c1": 0}');
BEGIN;
DROP EXTENSION interlock CASCADE;
ROLLBACK;
EXECUTE put_a (1, 12, 12);
SELECT put('t', 1, 13, '{"a": 13}');
BEGIN;
DROP EXTENSION interlock CASCADE;
CREATE EXTENSION interlock;
SELECT interlock.enable_versioning('t');
SELECT put('t', 1, 14, '{"a": 14}');
ROLLBACK;
SELECT put('t', 1, 14, '{"a": 15}');

DROP SCHEMA write_plans CASCADE;
DROP ROLE regress_alice, regress_bob;
