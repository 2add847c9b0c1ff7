-- Rows of partitioned and inherited tables: they move with their version, and a write by version finds, writes and reports them wherever they are.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA kinds_partitions;
SET search_path = kinds_partitions;

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
CREATE TABLE log (n integer GENERATED ALWAYS AS IDENTITY, line text);
CREATE FUNCTION told() RETURNS SETOF text LANGUAGE sql AS $$ WITH lines AS (DELETE FROM log RETURNING n, line) SELECT line FROM lines ORDER BY n $$;
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log (line) VALUES (concat_ws(' ', TG_TABLE_NAME, TG_WHEN, TG_OP, CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD)::text END, CASE WHEN TG_OP <> 'DELETE' THEN '-> ' || to_jsonb(NEW)::text END));
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

-- A MOVE by plain SQL: BEFORE UPDATE bumps, INSERT keeps what was bumped; toasted values, generated columns and other column orders come along
CREATE TABLE doc (id integer, region text, body text, hits integer DEFAULT 0, size integer GENERATED ALWAYS AS (length(body)) STORED, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE doc_eu PARTITION OF doc FOR VALUES IN ('eu');
CREATE TABLE doc_us (version bigint NOT NULL, gone text, size integer GENERATED ALWAYS AS (length(body)) STORED, body text, region text NOT NULL, hits integer DEFAULT 0, id integer NOT NULL);
ALTER TABLE doc_us DROP COLUMN gone;
CREATE TABLE doc_rest PARTITION OF doc DEFAULT PARTITION BY RANGE (id);
CREATE TABLE doc_rest_1 PARTITION OF doc_rest FOR VALUES FROM (0) TO (100);
CREATE TABLE doc_rest_2 PARTITION OF doc_rest FOR VALUES FROM (100) TO (200);
ALTER TABLE doc ADD COLUMN version bigint NOT NULL DEFAULT 1;
ALTER TABLE doc ATTACH PARTITION doc_us FOR VALUES IN ('us');
SELECT interlock.enable_versioning('doc', except_columns => '{hits}') \gset
SELECT string_agg(md5(n::text), '') AS noise FROM generate_series(1, 1000) AS n \gset
INSERT INTO doc (id, region, body) VALUES (1, 'eu', :'noise'), (2, 'asia', 'b');
UPDATE doc SET region = 'us' WHERE id = 1 RETURNING tableoid::regclass, version, size, body = :'noise' AS body;
UPDATE doc SET region = 'asia', version = 2 WHERE id = 1 RETURNING tableoid::regclass, version, size, body = :'noise' AS body;
UPDATE doc SET id = 101, version = 4 WHERE id = 1 RETURNING tableoid::regclass, version, size, body = :'noise' AS body;
\set VERBOSITY sqlstate
UPDATE doc SET id = 1, version = 2 WHERE id = 101;
\set VERBOSITY default
-- the write by version finds it there, by its new key, from the root, from the partition of partitions and from the leaf
SELECT put('doc', ROW(1, 'eu'), 1, '{"body": "x"}'), put('doc', ROW(1, 'eu'), 4, '{"body": "x"}'), put('doc', ROW(101, 'asia'), 3, '{"body": "x"}');
SELECT put('doc', ROW(101, 'asia'), 4, '{"body": "x"}'), put('doc_rest', ROW(101, 'asia'), 5, '{"body": "y"}'), put('doc_rest_2', ROW(101, 'asia'), 6, '{"body": "z"}');
-- not in a partition where it is not, though the key would be there
SELECT put('doc_rest_1', ROW(101, 'asia'), 7, '{"body": "x"}'), put('doc_eu', ROW(101, 'asia'), 7, '{"body": "x"}');
SELECT put('doc', ROW(101, 'asia'), 7, '{"hits": 1}'), put('doc', ROW(101, 'asia'), 7, '{"size": 1}');
SELECT tableoid::regclass, id, region, body, hits, size, version FROM doc ORDER BY id;
-- the partition key is part of every key here, so it is nothing to change
SELECT put('doc', ROW(101, 'asia'), 7, '{"region": "us"}', false), put('doc_rest_2', ROW(101, 'asia'), 7, '{"id": 102}');
-- the report is in the root's terms, whatever the partition's columns are numbered
UPDATE doc SET region = 'us' WHERE id = 101;
SELECT r.* FROM interlock.try_versioned_update('doc', '{"region": "us", "id": 101}'::jsonb, 7, '{"body": "mine", "hits": 9}', '{"body": "z"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('doc_us', '{"region": "us", "id": 101}'::jsonb, 7, '{"body": "mine"}') AS r;

-- A MOVE by a BEFORE trigger that changes the partition key of a write by version: it is one write, which bumps once; the row is under its new key then
CREATE FUNCTION emigrate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.region := NEW.body; RETURN NEW; END $$;
CREATE TRIGGER emigrate BEFORE UPDATE OF body ON doc FOR EACH ROW WHEN (NEW.body IN ('eu', 'us', 'asia')) EXECUTE FUNCTION emigrate();
CREATE TRIGGER tell_after AFTER INSERT OR UPDATE OR DELETE ON doc FOR EACH ROW EXECUTE FUNCTION tell();
SELECT put('doc', ROW(101, 'us'), 8, '{"body": "asia"}', false);
SELECT told();
SELECT put('doc', ROW(101, 'us'), 9, '{"body": "x"}', false), put('doc', ROW(101, 'asia'), 9, '{"body": "eu"}', false);
SELECT told();
SELECT tableoid::regclass, id, region, body, version FROM doc WHERE id = 101;
-- through the leaf it has nowhere to go: PostgreSQL's own error; through a partition of partitions likewise
SELECT put('doc_eu', ROW(101, 'eu'), 10, '{"body": "asia"}'), put('doc_rest', ROW(2, 'asia'), 1, '{"body": "us"}', false);
-- to where no partition is, and onto a key that is taken
DROP TRIGGER tell_after ON doc;
CREATE OR REPLACE FUNCTION emigrate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := 500; NEW.region := 'nowhere'; RETURN NEW; END $$;
SELECT put('doc', ROW(101, 'eu'), 10, '{"body": "us"}', false);
CREATE OR REPLACE FUNCTION emigrate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := 2; NEW.region := 'asia'; RETURN NEW; END $$;
SELECT put('doc', ROW(101, 'eu'), 10, '{"body": "us"}', false);
SELECT tableoid::regclass, id, region, body, version FROM doc ORDER BY id;
-- one transaction goes on after a moved row, with savepoints around the move
CREATE OR REPLACE FUNCTION emigrate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.region := NEW.body; RETURN NEW; END $$;
BEGIN;
SAVEPOINT s;
SELECT put('doc', ROW(101, 'eu'), 10, '{"body": "us"}', false), put('doc', ROW(101, 'us'), 11, '{"body": "y"}', false);
ROLLBACK TO s;
SELECT put('doc', ROW(101, 'eu'), 10, '{"body": "asia"}', false);
COMMIT;
SELECT tableoid::regclass, id, region, body, version FROM doc WHERE id = 101;
DROP TRIGGER emigrate ON doc;

-- TRIGGERS of the root and of one partition; transition tables of the root see the row in the root's columns
CREATE TRIGGER on_all BEFORE UPDATE ON doc FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER on_us AFTER UPDATE ON doc_us FOR EACH ROW EXECUTE FUNCTION tell();
CREATE FUNCTION tell_tables() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log (line) SELECT format('%s: %s -> %s', TG_TABLE_NAME, to_jsonb(o), to_jsonb(n)) FROM old_rows AS o FULL JOIN new_rows AS n USING (id);
    RETURN NULL;
END $$;
CREATE TRIGGER tables AFTER UPDATE ON doc REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tell_tables();
INSERT INTO doc (id, region, body) VALUES (3, 'us', 'c');
SELECT put('doc', ROW(3, 'us'), 1, '{"body": "d"}', false);
SELECT told();
SELECT put('doc_us', ROW(3, 'us'), 2, '{"body": "e"}');
SELECT told();
-- rejected in a partition
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER swallow BEFORE UPDATE ON doc_us FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT put('doc', ROW(3, 'us'), 3, '{"body": "f"}', false), put('doc_us', ROW(3, 'us'), 3, '{"body": "f"}'), put('doc', ROW(2, 'asia'), 1, '{"body": "f"}', false);
DROP TRIGGER swallow ON doc_us;
DROP TRIGGER on_all ON doc;
DROP TRIGGER on_us ON doc_us;
DROP TRIGGER tables ON doc;
DELETE FROM log;

-- CONSTRAINTS and indexes of one partition
ALTER TABLE doc_us ADD CONSTRAINT short CHECK (length(body) < 5);
CREATE UNIQUE INDEX ON doc_us (body);
INSERT INTO doc (id, region, body) VALUES (4, 'us', 'four');
SELECT put('doc', ROW(3, 'us'), 3, '{"body": "four"}', false), put('doc_us', ROW(3, 'us'), 3, '{"body": "four"}'), put('doc', ROW(3, 'us'), 3, '{"body": "longer"}', false), put('doc_us', ROW(3, 'us'), 3, '{"body": "longer"}');
SELECT put('doc', ROW(3, 'us'), 3, '{"body": "ok"}');

-- MERGE and ON CONFLICT onto a partitioned table judge the row where it is
SELECT interlock.enable_versioning('doc', accept => 'echo', require_version => true) \gset
MERGE INTO doc USING (VALUES (3, 'us', 'm', 4), (5, 'us', 'n', 1)) AS s (id, region, body, version) ON doc.id = s.id AND doc.region = s.region
WHEN MATCHED THEN UPDATE SET body = s.body, version = s.version WHEN NOT MATCHED THEN INSERT (id, region, body) VALUES (s.id, s.region, s.body);
INSERT INTO doc (id, region, body, version) VALUES (3, 'us', 'up', 5) ON CONFLICT (id, region) DO UPDATE SET body = excluded.body, version = excluded.version RETURNING version;
\set VERBOSITY sqlstate
INSERT INTO doc (id, region, body, version) VALUES (3, 'us', 'late', 5) ON CONFLICT (id, region) DO UPDATE SET body = excluded.body, version = excluded.version RETURNING version;
INSERT INTO doc (id, region, body) VALUES (3, 'us', 'none') ON CONFLICT (id, region) DO UPDATE SET body = excluded.body RETURNING version;
\set VERBOSITY default
SELECT put('doc', ROW(3, 'us'), 6, '{"body": "own"}');
SELECT tableoid::regclass, id, region, body, version FROM doc ORDER BY id;

-- FOREIGN KEYS to a partitioned table: a move by UPDATE reaches the referring rows, which make a version
CREATE TABLE line (n integer PRIMARY KEY, doc integer, region text, FOREIGN KEY (doc, region) REFERENCES doc ON UPDATE CASCADE ON DELETE SET NULL);
INSERT INTO line VALUES (1, 3, 'us');
SELECT interlock.enable_versioning('line', accept => 'echo', require_version => true) \gset
UPDATE doc SET region = 'eu', version = 7 WHERE id = 3;
SELECT * FROM line;
SELECT put('line', 1, 2, '{"region": "us"}'), put('line', 1, 2, '{"doc": 5, "region": "us"}');
DELETE FROM doc WHERE id = 5;
SELECT * FROM line;

-- INHERITANCE: children with columns, constraints and triggers of their own; each by itself on the direct path where nothing inherits from it
CREATE TABLE base (id integer PRIMARY KEY, a text);
CREATE TABLE mid (b text CHECK (b <> 'bad'), PRIMARY KEY (id)) INHERITS (base);
CREATE TABLE leaf (c integer GENERATED ALWAYS AS (length(a)) STORED, PRIMARY KEY (id)) INHERITS (mid);
INSERT INTO base VALUES (1, 'a');
INSERT INTO mid VALUES (2, 'a', 'b');
INSERT INTO leaf VALUES (3, 'a', 'b');
SELECT count(interlock.enable_versioning('base'));
SELECT put('base', 1, 1, '{"a": "x"}', false), put('base', 2, 1, '{"a": "x"}', false), put('base', 3, 1, '{"a": "xyz"}', false);
SELECT put('mid', 2, 2, '{"b": "x"}', false), put('mid', 3, 2, '{"b": "bad"}', false), put('leaf', 3, 2, '{"b": "x", "a": "four"}'), put('leaf', 3, 3, '{"b": "bad"}'), put('leaf', 2, 3, '{"b": "x"}');
-- the parent's name knows the parent's columns
SELECT put('base', 3, 3, '{"b": "x"}', false);
SELECT r.* FROM interlock.try_versioned_update('base', 3, 1, '{"a": "mine"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('leaf', 3, 1, '{"a": "mine"}') AS r;
CREATE TRIGGER tell BEFORE UPDATE ON leaf FOR EACH ROW EXECUTE FUNCTION tell();
SELECT put('base', 3, 3, '{"a": "five5"}', false), put('leaf', 3, 4, '{"a": "sixsix"}');
SELECT told();
SELECT tableoid::regclass, * FROM base ORDER BY id;
-- ONLY is not for keys: the child's row counts
INSERT INTO leaf VALUES (1, 'twin', 'b');
SELECT put('base', 1, 2, '{"a": "y"}', false);
DELETE FROM leaf WHERE id = 1;
SELECT put('base', 1, 2, '{"a": "y"}', false);
-- a child that leaves, and one that comes, is a table of its own, or not, from the next call on
ALTER TABLE leaf NO INHERIT mid;
SELECT put('base', 3, 5, '{"a": "z"}', false), put('leaf', 3, 5, '{"a": "z"}');
ALTER TABLE leaf INHERIT mid;
SELECT put('base', 3, 6, '{"a": "zz"}', false), put('mid', 2, 3, '{"a": "zz"}', false);

-- UNLOGGED and TEMPORARY partitions
CREATE TABLE fast (id integer PRIMARY KEY, a text) PARTITION BY HASH (id);
CREATE UNLOGGED TABLE fast_0 PARTITION OF fast FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE UNLOGGED TABLE fast_1 PARTITION OF fast FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO fast SELECT n, 'a' FROM generate_series(1, 20) AS n;
SELECT count(interlock.enable_versioning('fast'));
SELECT count(*) FILTER (WHERE r.version = 2) FROM generate_series(1, 20) AS n, LATERAL interlock.try_versioned_update('fast', n, 1, '{"a": "b"}') AS r;
SELECT count(*), min(version), max(version), count(DISTINCT tableoid) FROM fast;
CREATE TEMPORARY TABLE passing (id integer PRIMARY KEY, a text) PARTITION BY RANGE (id);
CREATE TEMPORARY TABLE passing_1 PARTITION OF passing DEFAULT;
INSERT INTO passing VALUES (1, 'a');
SELECT count(interlock.enable_versioning('passing'));
SELECT put('passing', 1, 1, '{"a": "b"}'), put('passing_1', 1, 2, '{"a": "c"}');

SELECT (SELECT direct > 0 FROM interlock.write_paths()) = (current_setting('interlock.direct_writes') = 'auto') AS path;
DROP SCHEMA kinds_partitions CASCADE;
