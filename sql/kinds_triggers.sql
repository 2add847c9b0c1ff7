-- Triggers of every kind fire for a write by version as for the UPDATE that it is: in the same order, with the same rows, on both paths.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA kinds_triggers;
SET search_path = kinds_triggers;

-- What a write answers, or its SQLSTATE; a line more where it took another path than a table of this kind should.
CREATE FUNCTION put(rel regclass, key anycompatible, expected bigint, changes jsonb, may_be_direct boolean DEFAULT true) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    before record := interlock.write_paths();
    later record;
    r interlock.write_result;
    direct boolean := may_be_direct AND current_setting('interlock.direct_writes') = 'auto';
BEGIN
    r := interlock.try_versioned_update(rel, key, expected, changes);
    RETURN NEXT concat_ws(' ', r.status, r.version);
    later := interlock.write_paths();
    IF (later.direct - before.direct, later.planner - before.planner) <> (direct::integer, (NOT direct)::integer) THEN
        RETURN NEXT format('direct %s planner %s', later.direct - before.direct, later.planner - before.planner);
    END IF;
EXCEPTION WHEN OTHERS THEN
    RETURN NEXT SQLSTATE;
END $$;

-- what fired, in order, with what it saw
CREATE TABLE log (n integer GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION told() RETURNS SETOF text LANGUAGE sql AS $$ WITH lines AS (DELETE FROM log RETURNING n, line) SELECT line FROM lines ORDER BY n $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log (line) VALUES (concat_ws(' ', TG_TABLE_NAME, TG_NAME, TG_WHEN, TG_OP, TG_LEVEL,
        CASE WHEN TG_LEVEL = 'ROW' AND TG_OP <> 'INSERT' THEN OLD::text END, CASE WHEN TG_LEVEL = 'ROW' AND TG_OP <> 'DELETE' THEN '-> ' || NEW::text END));
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

-- ORDER: by name, before ours and after the write; AFTER triggers see what was stored, generated columns and all
CREATE TABLE plain (id integer PRIMARY KEY, a text, b text, twice text GENERATED ALWAYS AS (a || a) STORED);
INSERT INTO plain VALUES (1, 'a', 'b'), (2, 'a', 'b'), (3, 'a', 'b');
SELECT count(interlock.enable_versioning('plain'));
CREATE TRIGGER x AFTER UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION tell();
SELECT put('plain', 1, 1, '{"a": "x"}');
SELECT told();
CREATE TRIGGER w AFTER UPDATE OR DELETE OR INSERT ON plain FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER b BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER a BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION tell();
SELECT put('plain', 1, 2, '{"a": "y"}');
SELECT told();
-- the same as the UPDATE itself
UPDATE plain SET a = 'y' WHERE id = 2;
SELECT told();
-- what is not written fires nothing
SELECT put('plain', 1, 3, '{"a": "y"}'), put('plain', 1, 2, '{"a": "z"}'), put('plain', 9, 1, '{"a": "z"}');
SELECT told();
-- a BEFORE trigger changes NEW: the later ones, ours, the stored row and the AFTER triggers see it
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.b := upper(NEW.a); RETURN NEW; END $$;
CREATE TRIGGER aa BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION shout();
SELECT put('plain', 1, 3, '{"a": "z"}');
SELECT told();
-- one that changes the key, so that the row is another one's by now
CREATE OR REPLACE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := NEW.id + 100; RETURN NEW; END $$;
SELECT put('plain', 1, 4, '{"a": "k"}'), put('plain', 1, 5, '{"a": "l"}');
SELECT told();
-- one that writes the generated column: it is computed all the same
CREATE OR REPLACE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.twice := 'mine'; RETURN NEW; END $$;
SELECT put('plain', 101, 5, '{"a": "g"}');
SELECT * FROM plain WHERE id = 101;
DELETE FROM log;
-- one that returns NULL: rejected, in both forms, the row as it was, and the AFTER triggers silent
CREATE OR REPLACE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
SELECT put('plain', 101, 6, '{"a": "n"}');
SELECT interlock.versioned_update('plain', 101, 6, '{"a": "n"}');
SELECT told();
-- one that returns OLD: written, as PostgreSQL has it, with nothing new
CREATE OR REPLACE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$;
SELECT put('plain', 101, 6, '{"a": "o"}');
SELECT told();
-- one that raises: its own error, in both forms
CREATE OR REPLACE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING errcode = 'NOT00'; END $$;
SELECT put('plain', 101, 6, '{"a": "e"}');
DROP TRIGGER aa ON plain;
-- an AFTER trigger that raises takes the write with it
CREATE TRIGGER zz AFTER UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION shout();
SELECT put('plain', 101, 6, '{"a": "e"}');
SELECT told();
SELECT * FROM plain ORDER BY id;
DROP TRIGGER zz ON plain;
-- a trigger on a row whose big value the write leaves alone sees that value
CREATE TABLE heavy (id integer PRIMARY KEY, n integer, big text, list text[]);
ALTER TABLE heavy ALTER big SET STORAGE EXTERNAL;
INSERT INTO heavy VALUES (1, 0, repeat('x', 100000), ARRAY[repeat('y', 100000)]);
SELECT count(interlock.enable_versioning('heavy'));
CREATE FUNCTION weigh() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log (line) VALUES (format('%s: %s %s, %s %s, same %s', TG_WHEN, length(OLD.big), length(OLD.list[1]), length(NEW.big), length(NEW.list[1]), OLD.big = NEW.big));
    RETURN NEW;
END $$;
CREATE TRIGGER after AFTER UPDATE ON heavy FOR EACH ROW EXECUTE FUNCTION weigh();
SELECT put('heavy', 1, 1, '{"n": 1}');
CREATE TRIGGER before BEFORE UPDATE ON heavy FOR EACH ROW EXECUTE FUNCTION weigh();
SELECT put('heavy', 1, 2, '{"n": 2}'), put('heavy', 1, 3, '{"big": "small"}');
SELECT told();

-- UPDATE OF and WHEN: the columns that the write names, changed or not; conditions on OLD and NEW, on the version, on the whole row
CREATE TABLE chosen (id integer PRIMARY KEY, a integer, b integer, c integer);
INSERT INTO chosen VALUES (1, 1, 1, 1);
SELECT count(interlock.enable_versioning('chosen', except_columns => '{c}'));
CREATE TRIGGER of_a BEFORE UPDATE OF a ON chosen FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER of_a_b AFTER UPDATE OF a, b ON chosen FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER of_id AFTER UPDATE OF id ON chosen FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER of_version AFTER UPDATE OF version ON chosen FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER when_b AFTER UPDATE ON chosen FOR EACH ROW WHEN (OLD.b IS DISTINCT FROM NEW.b) EXECUTE FUNCTION tell();
CREATE TRIGGER when_other AFTER UPDATE ON chosen FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION tell();
CREATE TRIGGER when_version AFTER UPDATE ON chosen FOR EACH ROW WHEN (NEW.version = OLD.version) EXECUTE FUNCTION tell();
CREATE TRIGGER when_before BEFORE UPDATE ON chosen FOR EACH ROW WHEN (NEW.a + NEW.b > 10) EXECUTE FUNCTION tell();
SELECT put('chosen', 1, 1, '{"b": 2}');
SELECT told();
SELECT put('chosen', 1, 2, '{"a": 1, "b": 20}');
SELECT told();
SELECT put('chosen', 1, 3, '{"c": 5}');
SELECT told();
SELECT put('chosen', 1, 3, '{"c": 5, "a": 1}');
SELECT told();

-- STATEMENT triggers and TRANSITION TABLES: once for the call; for the row that was written, and for none
CREATE TABLE whole (id integer PRIMARY KEY, a text, twice text GENERATED ALWAYS AS (a || a) STORED);
INSERT INTO whole VALUES (1, 'a'), (2, 'a');
SELECT count(interlock.enable_versioning('whole'));
CREATE FUNCTION tell_tables() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log (line) VALUES (concat_ws(' ', TG_NAME, TG_LEVEL, (SELECT string_agg(o::text, ' ' ORDER BY o.id) FROM old_rows AS o), '->', (SELECT string_agg(n::text, ' ' ORDER BY n.id) FROM new_rows AS n)));
    RETURN NULL;
END $$;
CREATE TRIGGER a_statement BEFORE UPDATE ON whole FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER b_statement AFTER UPDATE ON whole FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER c_tables AFTER UPDATE ON whole REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tell_tables();
CREATE TRIGGER d_tables AFTER UPDATE ON whole REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH ROW EXECUTE FUNCTION tell_tables();
CREATE TRIGGER e_row AFTER UPDATE ON whole FOR EACH ROW EXECUTE FUNCTION tell();
SELECT put('whole', 1, 1, '{"a": "b"}', false);
SELECT told();
-- a call that writes nothing is still a statement, for those who watch statements
SELECT put('whole', 1, 2, '{"a": "b"}', false), put('whole', 1, 1, '{"a": "c"}', false), put('whole', 9, 1, '{"a": "c"}', false);
SELECT told();
-- two calls in one statement are two statements
SELECT put('whole', 1, 2, '{"a": "c"}', false), put('whole', 2, 1, '{"a": "c"}', false);
SELECT told();
-- a WHEN clause of a statement trigger, one for other columns
DROP TRIGGER c_tables ON whole;
DROP TRIGGER d_tables ON whole;
DROP TRIGGER e_row ON whole;
CREATE OR REPLACE TRIGGER a_statement BEFORE UPDATE OF version ON whole FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE OR REPLACE TRIGGER b_statement AFTER UPDATE OF a ON whole FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION tell();
SELECT put('whole', 1, 3, '{"a": "d"}', false);
SELECT told();
-- statement triggers for INSERT, DELETE and TRUNCATE are none of an update's business
DROP TRIGGER a_statement ON whole;
DROP TRIGGER b_statement ON whole;
CREATE TRIGGER f AFTER INSERT OR DELETE ON whole FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER g AFTER TRUNCATE ON whole FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER h AFTER INSERT ON whole REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tell();
CREATE TRIGGER i BEFORE DELETE ON whole FOR EACH ROW EXECUTE FUNCTION tell();
SELECT put('whole', 1, 4, '{"a": "e"}');
SELECT told();

-- ENABLED, DISABLED, REPLICA and ALWAYS triggers, in both roles of the session
CREATE TABLE modes (id integer PRIMARY KEY, a text);
INSERT INTO modes VALUES (1, 'a');
SELECT count(interlock.enable_versioning('modes'));
CREATE TRIGGER off AFTER UPDATE ON modes FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER on_always AFTER UPDATE ON modes FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER on_origin AFTER UPDATE ON modes FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER on_replica BEFORE UPDATE ON modes FOR EACH ROW EXECUTE FUNCTION tell();
ALTER TABLE modes DISABLE TRIGGER off, ENABLE ALWAYS TRIGGER on_always, ENABLE REPLICA TRIGGER on_replica;
SELECT put('modes', 1, 1, '{"a": "b"}');
SELECT told();
SET session_replication_role = replica;
SELECT put('modes', 1, 2, '{"a": "c"}', false);
SELECT told();
RESET session_replication_role;
SELECT * FROM modes;

-- PostgreSQL's own triggers in C: tsvector_update_trigger, suppress_redundant_updates_trigger
CREATE TABLE searched (id integer PRIMARY KEY, body text, words tsvector);
INSERT INTO searched VALUES (1, 'a');
SELECT count(interlock.enable_versioning('searched', except_columns => '{words}'));
CREATE TRIGGER words BEFORE INSERT OR UPDATE ON searched FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger(words, 'pg_catalog.simple', body);
SELECT put('searched', 1, 1, '{"body": "fat cats"}');
SELECT * FROM searched;
CREATE TRIGGER redundant BEFORE UPDATE ON searched FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
SELECT put('searched', 1, 2, '{"body": "fat cats"}'), put('searched', 1, 2, '{"body": "thin cats"}');
SELECT * FROM searched;

-- SYSTEM COLUMNS in triggers, conditions, checks and generated columns
CREATE TABLE placed (id integer PRIMARY KEY, a text, home oid GENERATED ALWAYS AS (tableoid) STORED CHECK (tableoid <> 0));
INSERT INTO placed VALUES (1, 'a');
SELECT count(interlock.enable_versioning('placed'));
CREATE FUNCTION place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log (line) VALUES (format('%s %s to %s, moved %s', TG_WHEN, OLD.tableoid::regclass, NEW.tableoid::regclass, OLD.ctid <> NEW.ctid));
    RETURN NEW;
END $$;
CREATE TRIGGER after AFTER UPDATE ON placed FOR EACH ROW WHEN (OLD.tableoid = NEW.tableoid AND OLD.ctid <> NEW.ctid) EXECUTE FUNCTION place();
SELECT put('placed', 1, 1, '{"a": "b"}');
SELECT told();
SELECT home = 'placed'::regclass AS home FROM placed;

-- a trigger that FIRES AFTER OURS and clobbers the version: what was stored is what is told
CREATE TABLE late (id integer PRIMARY KEY, a text);
INSERT INTO late VALUES (1, 'a');
SELECT count(interlock.enable_versioning('late'));
CREATE FUNCTION clobber() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.version := 100; RETURN NEW; END $$;
CREATE TRIGGER "~~late" BEFORE UPDATE ON late FOR EACH ROW EXECUTE FUNCTION clobber();
SELECT put('late', 1, 1, '{"a": "b"}'), put('late', 1, 2, '{"a": "c"}'), put('late', 1, 100, '{"a": "c"}');
SELECT * FROM late;
SELECT problems FROM interlock.versioned_tables WHERE relation = 'late'::regclass;

-- NESTED calls: each write's trigger writes the next row of the same table
CREATE TABLE chain (id integer PRIMARY KEY, a integer);
INSERT INTO chain SELECT n, 0 FROM generate_series(1, 5) AS n;
SELECT count(interlock.enable_versioning('chain'));
CREATE FUNCTION pass_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log (line) VALUES (format('%s.%s %s(%s) depth %s: %s', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_NAME, TG_ARGV[0], pg_trigger_depth(), NEW));
    PERFORM interlock.versioned_update('chain', NEW.id + 1, 1, jsonb_build_object('a', NEW.a)) WHERE NEW.id < 5;
    RETURN NEW;
END $$;
CREATE TRIGGER pass_on AFTER UPDATE ON chain FOR EACH ROW EXECUTE FUNCTION pass_on('x');
SELECT interlock.versioned_update('chain', 1, 1, '{"a": 7}');
SELECT told();
SELECT sum(a), sum(version) FROM chain;

SELECT (SELECT direct > 0 FROM interlock.write_paths()) = (current_setting('interlock.direct_writes') = 'auto') AS path;
DROP SCHEMA kinds_triggers CASCADE;
