-- A write by version through a view is the UPDATE of that view: its columns, its conditions, its owner's rights, its checks and its INSTEAD OF trigger decide.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_views_reader, regress_views_owner;
CREATE ROLE regress_views_reader;
CREATE ROLE regress_views_owner;
CREATE SCHEMA views;
SET search_path = views;
GRANT USAGE ON SCHEMA views TO regress_views_reader, regress_views_owner;

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

CREATE TABLE doc (id integer PRIMARY KEY, owner name, title text, secret text DEFAULT 'hidden', state text DEFAULT 'open', n integer DEFAULT 0);
INSERT INTO doc (id, owner, title) SELECT n, CASE n % 2 WHEN 1 THEN 'regress_views_reader' ELSE 'somebody' END, 'title ' || n FROM generate_series(1, 9) AS n;
SELECT interlock.enable_versioning('doc', accept => 'echo', require_version => true) \gset

-- SIMPLE: columns under other names, in another order, some left out; every outcome in the view's terms
CREATE VIEW page AS SELECT version AS revision, title AS heading, id AS number, n, n * 2 AS twice FROM doc WHERE state = 'open';
SELECT put('page', '{"number": 1}', 1, '{"heading": "one"}');
SELECT put('page', '{"number": 1}', 2, '{"heading": "one"}');
SELECT put('page', '{"number": 1}', 2, '{}');
SELECT put('page', '{"number": 1}', 1, '{"heading": "late", "n": 0}');
SELECT put('page', '{"number": 1}', 1, '{"heading": "late", "n": 5}', '{"heading": "title 1", "n": 0}');
SELECT put('page', '{"number": 99}', 1, '{"heading": "x"}');
SELECT raised('page', '{"number": 1}', 2, '{"heading": "uno"}'), raised('page', '{"number": 1}', 2, '{"heading": "late"}'), raised('page', '{"number": 99}', 2, '{"heading": "x"}');
SELECT id, title, version FROM doc WHERE id = 1;
-- values go through the column's type; computed, unknown and hidden columns are no columns to change; nor is the version
SELECT put('page', '{"number": 1}', 3, '{"n": "x"}'), put('page', '{"number": 1}', 3, '{"title": "x"}'), put('page', '{"number": 1}', 3, '{"secret": "x"}'), put('page', '{"number": 1}', 3, '{"revision": 9}');
SELECT put('page', '{"number": 1}', 3, '{"twice": 8}') IN ('0A000', '55000', '428C9') AS refused;
-- a row that the view's condition hides is missing, at every version; one that leaves its sight is written
UPDATE doc SET state = 'closed', version = 1 WHERE id = 2;
SELECT put('page', '{"number": 2}', 2, '{"heading": "x"}'), put('page', '{"number": 2}', 1, '{"heading": "x"}');
CREATE VIEW stated AS SELECT id, state, version FROM doc WHERE state = 'open';
SELECT put('stated', '{"id": 3}', 1, '{"state": "closed"}'), put('stated', '{"id": 3}', 2, '{"state": "open"}');

-- THE KEY is any columns of the view that find one row: more rows than one is an error, and none of them is written
SELECT put('page', '{"heading": "title 4"}', 1, '{"n": 4}'), put('page', '{"n": 4, "number": 4}', 2, '{"heading": "vier"}');
SELECT put('page', '{"n": 0}', 1, '{"heading": "x"}');
SELECT count(*) FROM doc WHERE title = 'x';
-- what is no key
SELECT put('page', '{}', 1, '{"n": 1}') IN ('22023', '21000') AS nothing, put('page', '{"nope": 1}', 1, '{"n": 1}') IN ('22023', '42703') AS unknown, put('page', '{"number": null}', 1, '{"n": 1}') IN ('22004', '22023', 'missing') AS null,
       put('page', '[1]', 1, '{"n": 1}') AS array, put('page', '{"number": "x"}', 1, '{"n": 1}') AS "no number";

-- TRIGGERS of the table see the write as one of the table's
CREATE TABLE log (n integer GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO views.log (line) VALUES (format('%s %s %s: %s %s to %s %s', TG_TABLE_NAME, TG_WHEN, TG_OP, OLD.title, OLD.version, NEW.title, NEW.version));
    RETURN NEW;
END $$;
CREATE TRIGGER before BEFORE UPDATE OF title ON doc FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER after AFTER UPDATE OF title ON doc FOR EACH ROW EXECUTE FUNCTION tell();
SELECT put('page', '{"number": 4}', 3, '{"heading": "four"}'), put('page', '{"number": 4}', 4, '{"n": 44}');
SELECT line FROM log ORDER BY n;
DROP TRIGGER before ON doc;
DROP TRIGGER after ON doc;
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER swallow BEFORE UPDATE ON doc FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT put('page', '{"number": 4}', 5, '{"heading": "x"}'), raised('page', '{"number": 4}', 5, '{"heading": "x"}');
DROP TRIGGER swallow ON doc;

-- WITH CHECK OPTION: 44000 for a row that the view could not show, in both forms, local and cascaded
CREATE VIEW open_docs AS SELECT id, title, state, n, version FROM doc WHERE state = 'open' WITH CHECK OPTION;
CREATE VIEW low_docs AS SELECT * FROM open_docs WHERE n < 100 WITH LOCAL CHECK OPTION;
CREATE VIEW low_cascaded AS SELECT * FROM stated WHERE id < 100 WITH CASCADED CHECK OPTION;
SELECT put('open_docs', '{"id": 5}', 1, '{"state": "closed"}'), raised('open_docs', '{"id": 5}', 1, '{"state": "closed"}'), put('open_docs', '{"id": 5}', 1, '{"n": 500}');
SELECT put('low_docs', '{"id": 6}', 1, '{"n": 500}'), put('low_docs', '{"id": 6}', 1, '{"state": "closed"}'), put('low_docs', '{"id": 5}', 2, '{"n": 5}'), put('low_docs', '{"id": 6}', 1, '{"n": 6}');
SELECT put('low_cascaded', '{"id": 6}', 2, '{"state": "closed"}');
-- a check that the version itself decides
CREATE VIEW young AS SELECT id, title, version FROM doc WHERE version < 4 WITH CHECK OPTION;
SELECT put('young', '{"id": 6}', 2, '{"title": "three"}'), put('young', '{"id": 6}', 3, '{"title": "four"}');

-- VIEWS OVER VIEWS, over a partitioned table, over an inheritance parent
CREATE VIEW page_of_page AS SELECT number AS num, revision AS rev, heading FROM page WHERE n < 1000;
SELECT put('page_of_page', '{"num": 1}', 3, '{"heading": "deep"}'), put('page_of_page', '{"num": 1}', 3, '{"heading": "late"}');
CREATE TABLE parted (id integer PRIMARY KEY, a text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
INSERT INTO parted VALUES (1, 'a');
CREATE TABLE parent (id integer PRIMARY KEY, a text);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
INSERT INTO child VALUES (1, 'a');
SELECT count(interlock.enable_versioning(t)) FROM unnest('{parted, parent}'::regclass[]) AS t;
CREATE VIEW of_parted AS SELECT id, a, version FROM parted;
CREATE VIEW of_parent AS SELECT id, a, version FROM parent;
SELECT put('of_parted', '{"id": 1}', 1, '{"a": "b"}'), put('of_parted', '{"id": 1}', 1, '{"a": "c"}'), put('of_parent', '{"id": 1}', 1, '{"a": "b"}'), put('of_parent', '{"id": 1}', 1, '{"a": "c"}');

-- WHAT IS NO VERSIONED VIEW: 55000 where there is no version of one table to be seen
CREATE VIEW versionless AS SELECT id, title FROM doc;
CREATE VIEW computed AS SELECT id, title, version + 0 AS version FROM doc;
CREATE TABLE unversioned (id integer PRIMARY KEY, a text, version bigint);
CREATE VIEW of_unversioned AS SELECT * FROM unversioned;
CREATE VIEW joined AS SELECT d.id, d.title, d.version, u.a FROM doc AS d JOIN unversioned AS u USING (id);
CREATE VIEW grouped AS SELECT id, max(title) AS title, max(version) AS version FROM doc GROUP BY id;
CREATE MATERIALIZED VIEW kept AS SELECT id, title, version FROM doc;
SELECT v, put(v::regclass, '{"id": 1}', 4, '{"title": "x"}') IN ('55000', '42809', '0A000') AS refused FROM unnest('{versionless, computed, joined, grouped, kept}'::text[]) AS v;
SELECT put('of_unversioned', '{"id": 1}', 1, '{"a": "x"}');

-- RIGHTS: the view's owner's on the table, the caller's on the view
ALTER TABLE doc OWNER TO regress_views_owner;
ALTER VIEW open_docs OWNER TO regress_views_owner;
GRANT SELECT (id, title, version), UPDATE (title) ON open_docs TO regress_views_reader;
SET ROLE regress_views_reader;
SELECT put('open_docs', '{"id": 7}', 1, '{"title": "by right of the view"}');
SELECT put('open_docs', '{"id": 7}', 1, '{"title": "late"}');
SELECT put('open_docs', '{"id": 7}', 2, '{"n": 1}'), put('open_docs', '{"n": 0}', 2, '{"title": "x"}'), put('doc', '{"id": 7}', 2, '{"title": "x"}');
RESET ROLE;
-- security_invoker: the caller's on both
ALTER VIEW open_docs SET (security_invoker = true);
SET ROLE regress_views_reader;
SELECT put('open_docs', '{"id": 7}', 2, '{"title": "x"}');
RESET ROLE;
GRANT SELECT, UPDATE ON doc TO regress_views_reader;
SET ROLE regress_views_reader;
SELECT put('open_docs', '{"id": 7}', 2, '{"title": "by both rights"}');
RESET ROLE;
-- row-level security of the table: the owner's policies, or with security_invoker the caller's
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON doc USING (owner = current_user);
SET ROLE regress_views_reader;
SELECT put('open_docs', '{"id": 7}', 3, '{"title": "own"}'), put('open_docs', '{"id": 8}', 1, '{"title": "not own"}');
RESET ROLE;
ALTER VIEW open_docs RESET (security_invoker);
SET ROLE regress_views_reader;
SELECT put('open_docs', '{"id": 8}', 1, '{"title": "the owner of the table is not bound"}');
RESET ROLE;
ALTER TABLE doc DISABLE ROW LEVEL SECURITY;

-- SECURITY_BARRIER: nothing of a row that the view hides can be found out, whatever is sent
CREATE VIEW own_docs WITH (security_barrier) AS SELECT id, title, secret, version FROM doc WHERE owner = current_user;
ALTER VIEW own_docs OWNER TO regress_views_owner;
GRANT SELECT, UPDATE ON own_docs TO regress_views_reader;
SET ROLE regress_views_reader;
SELECT put('own_docs', '{"id": 9}', 1, '{"title": "mine"}'), put('own_docs', '{"id": 9}', 1, '{"title": "late"}');
SELECT put('own_docs', '{"id": 8}', 2, '{"secret": "hidden"}'), put('own_docs', '{"id": 8}', 2, '{"secret": "guess"}'), put('own_docs', '{"id": 8}', 9, '{}'), put('own_docs', '{"id": 8, "secret": "hidden"}', 2, '{"title": "x"}');
RESET ROLE;

-- INSTEAD OF triggers: what the trigger returns is what was written; NULL is rejected; its own writes are judged as anybody's
CREATE VIEW desk AS SELECT id, title, n, version FROM doc WHERE state = 'open';
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE doc SET title = NEW.title || '!', version = OLD.version WHERE id = OLD.id RETURNING title, version INTO NEW.title, NEW.version;
    RETURN NEW;
END $$;
CREATE TRIGGER instead INSTEAD OF UPDATE ON desk FOR EACH ROW EXECUTE FUNCTION instead();
SELECT put('desk', '{"id": 9}', 2, '{"title": "instead"}'), put('desk', '{"id": 9}', 2, '{"title": "late"}'), put('desk', '{"id": 2}', 2, '{"title": "hidden"}');
SELECT title, version FROM doc WHERE id = 9;
CREATE OR REPLACE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE doc SET title = NEW.title WHERE id = OLD.id; RETURN NEW; END $$;
SELECT put('desk', '{"id": 9}', 3, '{"title": "no version"}');
CREATE OR REPLACE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
SELECT put('desk', '{"id": 9}', 3, '{"title": "swallowed"}'), raised('desk', '{"id": 9}', 3, '{"title": "swallowed"}');
CREATE OR REPLACE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING errcode = 'NOT00'; END $$;
SELECT put('desk', '{"id": 9}', 3, '{"title": "raised"}');
SELECT title, version FROM doc WHERE id = 9;

-- PLAIN SQL through a view is judged by the table's trigger, under the view's names
\set VERBOSITY sqlstate
UPDATE page SET heading = 'plain', revision = 4 WHERE number = 1 RETURNING revision;
UPDATE page SET heading = 'plain', revision = 4 WHERE number = 1 RETURNING revision;
UPDATE page SET heading = 'no version' WHERE number = 1 RETURNING revision;
\set VERBOSITY default

-- A VIEW THAT CHANGES between two calls of a session
CREATE OR REPLACE VIEW page AS SELECT version AS revision, title AS heading, id AS number, n, n * 2 AS twice FROM doc WHERE state = 'closed';
SELECT put('page', '{"number": 1}', 5, '{"heading": "x"}'), put('page', '{"number": 2}', 2, '{"heading": "two"}');
ALTER VIEW page RENAME COLUMN heading TO head;
SELECT put('page', '{"number": 2}', 3, '{"heading": "x"}'), put('page', '{"number": 2}', 3, '{"head": "zwei"}');
ALTER TABLE doc RENAME COLUMN version TO edition;
SELECT put('page', '{"number": 2}', 4, '{"head": "drei"}');
SELECT interlock.disable_versioning('doc') \gset
SELECT put('page', '{"number": 2}', 5, '{"head": "x"}');

SELECT id, title, state, n, edition FROM doc ORDER BY id;
DROP SCHEMA views CASCADE;
DROP ROLE regress_views_reader, regress_views_owner;
