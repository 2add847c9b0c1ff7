-- Proves that mode observe refuses nothing, keeps versions moving forward, and counts what enforcing would have refused: by table, role, application and condition.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA observe;
SET search_path = observe;
SET application_name = 'regress';
CREATE ROLE regress_observed;
GRANT USAGE ON SCHEMA observe TO regress_observed;
\pset format unaligned
\pset fieldsep ' | '
\pset null NULL
\pset tuples_only on
\set VERBOSITY sqlstate

-- a session starts with no counts
CREATE TABLE docs (id integer PRIMARY KEY, name text, hits integer, version integer NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('docs', except_columns => '{hits}', accept => 'increment', require_version => true, mode => 'observe') \gset
SELECT mode, problems FROM interlock.versioned_tables WHERE relation = 'docs'::regclass;
INSERT INTO docs VALUES (1, 'a', 0, 7), (2, 'a', 0, 7);
SELECT * FROM interlock.observed_writes() WHERE relation = 'docs'::regclass;
\pset null ''

CREATE VIEW counts AS
SELECT relation, condition, count, last_at BETWEEN now() - interval '1 minute' AND clock_timestamp() AS lately
FROM interlock.observed_writes() WHERE relation::text COLLATE "C" ~ '^(observe\.)?(docs|parted|dropped)' ORDER BY relation::text COLLATE "C", condition;

--
-- what enforcing accepts is neither counted nor written differently
--

UPDATE docs SET name = 'b', version = 8 WHERE id = 1 RETURNING version;
UPDATE docs SET hits = 1 WHERE id = 1 RETURNING version;
UPDATE docs SET name = 'b' WHERE id = 1 RETURNING version;
SELECT interlock.versioned_update('docs', 1, 8, '{"name": "c"}');
TABLE counts;

--
-- what enforcing refuses is written, counted, and makes a version
--

-- no version (IL005)
UPDATE docs SET name = 'd' WHERE id = 1 RETURNING version;
TABLE counts;
-- an echo where increments are wanted, a stale increment, no version at all (IL001): old + 1
UPDATE docs SET name = 'e', version = 10 WHERE id = 1 RETURNING version;
UPDATE docs SET name = 'f', version = 5 WHERE id = 1 RETURNING version;
UPDATE docs SET name = 'g', version = NULL WHERE id = 1 RETURNING version;
UPDATE docs SET name = 'h', version = -1 WHERE id = 1 RETURNING version;
-- one from the future is kept, so that its writer finds what it believes
UPDATE docs SET name = 'i', version = 40 WHERE id = 1 RETURNING version;
UPDATE docs SET name = 'j', version = 41 WHERE id = 1 RETURNING version;
TABLE counts;
-- a stale version is one even where nothing else changes
UPDATE docs SET version = 5 WHERE id = 1 RETURNING version;
-- each row counts
UPDATE docs SET name = 'k' RETURNING id, version;
TABLE counts;

-- interlock's own writes still judge: whoever asks for the check gets it
SELECT interlock.versioned_update('docs', 1, 1, '{"name": "l"}');
SELECT (interlock.try_versioned_update('docs', 1, 1, '{"name": "l"}')).status;
TABLE counts;

-- counts are this session's: a rollback does not take them back
BEGIN;
UPDATE docs SET name = 'rolled back' WHERE id = 2 RETURNING version;
SAVEPOINT a;
UPDATE docs SET name = 'rolled back', version = 1 WHERE id = 2 RETURNING version;
ROLLBACK TO a;
ROLLBACK;
SELECT id, name, version FROM docs WHERE id = 2;
TABLE counts;

--
-- by whom
--

GRANT SELECT, UPDATE ON docs TO regress_observed;
SET ROLE regress_observed;
UPDATE observe.docs SET name = 'm' WHERE id = 1 RETURNING version;
SET application_name = 'regress, "the other"';
UPDATE observe.docs SET name = 'n' WHERE id = 1 RETURNING version;
UPDATE observe.docs SET name = 'o' WHERE id = 1 RETURNING version;
SET application_name = '';
UPDATE observe.docs SET name = 'p', version = 1 WHERE id = 1 RETURNING version;
RESET ROLE;
SET application_name = 'regress';
SELECT (CASE WHEN role = current_user::regrole THEN 'own' ELSE role::text END) COLLATE "C" AS role, application_name COLLATE "C", condition, count
FROM interlock.observed_writes() WHERE relation = 'docs'::regclass ORDER BY 1, 2, 3;

--
-- other kinds and tables
--

-- a partition is named by its own name
CREATE TABLE parted (id integer PRIMARY KEY, name text, version bigint NOT NULL DEFAULT 1) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
SELECT interlock.enable_versioning('parted', accept => 'echo', require_version => true, mode => 'observe') \gset
INSERT INTO parted VALUES (1, 'a', 3), (11, 'a', 3);
UPDATE parted SET name = 'b' RETURNING version;
UPDATE parted SET id = 12, version = 1 WHERE id = 1 RETURNING tableoid::regclass, version;
SELECT * FROM counts WHERE relation::text LIKE '%parted%';

-- a timestamp is never stale, so there is nothing to count
CREATE TABLE docs_by_time (id integer PRIMARY KEY, name text, at timestamptz);
SELECT interlock.enable_versioning('docs_by_time', 'at', mode => 'observe') \gset
INSERT INTO docs_by_time VALUES (1, 'a', '2020-01-01');
UPDATE docs_by_time SET name = 'b', at = '2019-01-01' RETURNING at > '2020-01-01';
SELECT count(*) FROM interlock.observed_writes() WHERE relation = 'docs_by_time'::regclass;

-- the last value has no next one: that is no refusal of the writer's version, and stays an error
CREATE TABLE docs_at_the_end (id integer PRIMARY KEY, name text, version smallint NOT NULL);
SELECT interlock.enable_versioning('docs_at_the_end', accept => 'echo', mode => 'observe') \gset
INSERT INTO docs_at_the_end VALUES (1, 'a', 32767);
UPDATE docs_at_the_end SET name = 'b';

-- a table that is gone is still counted, by its number
CREATE TABLE docs_dropped (id integer PRIMARY KEY, name text);
SELECT interlock.enable_versioning('docs_dropped', accept => 'echo', require_version => true, mode => 'observe') \gset
INSERT INTO docs_dropped VALUES (1, 'a');
UPDATE docs_dropped SET name = 'b' RETURNING version;
SELECT 'docs_dropped'::regclass::oid AS dropped \gset
DROP TABLE docs_dropped;
SELECT relation::text = :'dropped' AS by_number, condition, count FROM interlock.observed_writes() WHERE relation = :dropped;

--
-- on to enforcing: from then on it refuses, and counts no more
--

SELECT interlock.enable_versioning('docs', except_columns => '{hits}', accept => 'increment', require_version => true) \gset
UPDATE docs SET name = 'q' WHERE id = 1;
UPDATE docs SET name = 'q', version = 1 WHERE id = 1;
SELECT version + 1 AS next FROM docs WHERE id = 1 \gset
UPDATE docs SET name = 'q', version = :next WHERE id = 1 RETURNING version = :next;
SELECT sum(count) FROM interlock.observed_writes() WHERE relation = 'docs'::regclass;

-- another session has counts of its own
\connect -
SELECT count(*) FROM interlock.observed_writes();

SET client_min_messages = warning;
DROP SCHEMA observe CASCADE;
DROP ROLE regress_observed;
