-- A walk keeps entries that it read ahead for the next ones. What they say is a hint: rows that are gone, that others took
-- the places of, or that came between them, are claimed as if each claim read the index anew.
\set VERBOSITY terse
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
-- Long enough for what is read ahead to be used, however slow the machine is.
SET interlock.claim_look_back = '1 h';
CREATE SCHEMA claims_ahead;
SET search_path = claims_ahead;
CREATE TABLE jobs (id bigint PRIMARY KEY, queue text NOT NULL, payload text);
SELECT interlock.enable_claims('jobs', 'delete', queue_column => 'queue');
INSERT INTO jobs SELECT id, 'a' FROM generate_series(1, 10) AS id;

-- Their places are taken by rows of another queue, and the next ones of their own come after them.
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', queue => 'a');
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', queue => 'a');
DELETE FROM jobs WHERE id >= 5;
VACUUM jobs;
INSERT INTO jobs SELECT id, 'b' FROM generate_series(5, 10) AS id;
INSERT INTO jobs VALUES (20, 'a');
SELECT id, queue FROM interlock.claim_rows(NULL::jobs, 'worker', 10, queue => 'a');
SELECT id, queue FROM interlock.claim_rows(NULL::jobs, 'worker', 10, queue => 'b');

-- They are finished, dead, scheduled for later, or claimed meanwhile.
TRUNCATE jobs;
INSERT INTO jobs SELECT id, 'a' FROM generate_series(1, 10) AS id;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', queue => 'a');
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', queue => 'a');
UPDATE jobs SET finished_at = now() WHERE id = 3;
UPDATE jobs SET dead_at = now() WHERE id = 4;
UPDATE jobs SET run_at = now() + interval '1 h' WHERE id = 5;
UPDATE jobs SET claimed_by = 'other', claim_token = 1, claimed_until = now() + interval '1 h' WHERE id = 6;
UPDATE jobs SET queue = 'b' WHERE id = 7;
UPDATE jobs SET payload = 'changed in place' WHERE id = 8;
SELECT id, payload FROM interlock.claim_rows(NULL::jobs, 'worker', 10, queue => 'a');

-- Vacuum cuts off the pages that they were on.
TRUNCATE jobs;
INSERT INTO jobs SELECT id, 'a', repeat('x', 100) FROM generate_series(2000, 1, -1) AS id;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', queue => 'a');
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', queue => 'a');
DELETE FROM jobs WHERE id <= 1990;
VACUUM jobs;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', 2, queue => 'a');

-- What was claimed from them and rolled back comes again.
TRUNCATE jobs;
INSERT INTO jobs SELECT id, 'a' FROM generate_series(1, 10) AS id;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', queue => 'a');
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', queue => 'a');
BEGIN;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', 2, queue => 'a');
ROLLBACK;
BEGIN;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', queue => 'a');
SAVEPOINT before;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', 2, queue => 'a');
ROLLBACK TO before;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', 2, queue => 'a');
COMMIT;

-- The first walk of a transaction ends in an error, on its way past them.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH ROW WHEN (NEW.id = 7) EXECUTE FUNCTION refuse();
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', 3, queue => 'a');
DROP TRIGGER refuse ON jobs;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', 3, queue => 'a');

-- A transaction with one snapshot does not use them.
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'worker', queue => 'a');
COMMIT;

-- A thousand claims in a row: each row once, in their order.
TRUNCATE jobs;
INSERT INTO jobs SELECT id, 'a' FROM generate_series(1, 1000) AS id;
CREATE TABLE claimed (position integer GENERATED ALWAYS AS IDENTITY, id bigint);
CREATE PROCEDURE claim_all() LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..1000 LOOP
        INSERT INTO claimed (id) SELECT r.id FROM interlock.claim_rows(NULL::jobs, 'worker', queue => 'a') AS r;
        COMMIT;
    END LOOP;
END $$;
CALL claim_all();
SELECT count(*), count(*) FILTER (WHERE id <> position) AS out_of_order FROM claimed;

-- WHAT COMES LATE, among entries that have been passed a moment ago, is found by looking back; keys may be longer than those before
RESET interlock.claim_look_back;
CREATE TABLE numbers (id bigint PRIMARY KEY);
SELECT interlock.enable_claims('numbers', 'keep');
INSERT INTO numbers (id) VALUES (10), (20), (30), (40);
SELECT id, pg_sleep(0.02) FROM interlock.claim_rows(NULL::numbers, 'worker');
SELECT id, pg_sleep(0.02) FROM interlock.claim_rows(NULL::numbers, 'worker');
SELECT id FROM interlock.claim_rows(NULL::numbers, 'worker');
INSERT INTO numbers (id, run_at) SELECT 15, run_at FROM numbers WHERE id = 10;
SELECT pg_sleep(0.02);
SELECT id FROM interlock.claim_rows(NULL::numbers, 'worker');
SELECT id FROM interlock.claim_rows(NULL::numbers, 'worker');
CREATE TABLE words (id text PRIMARY KEY);
SELECT interlock.enable_claims('words', 'keep');
INSERT INTO words (id) VALUES ('a'), ('b' || repeat('x', 40)), ('c' || repeat('x', 80)), ('d'), ('e');
SELECT left(id, 1), pg_sleep(0.02) FROM interlock.claim_rows(NULL::words, 'worker');
SELECT left(id, 1), pg_sleep(0.02) FROM interlock.claim_rows(NULL::words, 'worker');
SELECT left(id, 1), pg_sleep(0.02) FROM interlock.claim_rows(NULL::words, 'worker');
INSERT INTO words (id, run_at) SELECT 'ab', run_at FROM words WHERE id = 'a';
SELECT left(id, 2), pg_sleep(0.02) FROM interlock.claim_rows(NULL::words, 'worker');
SELECT left(id, 2), pg_sleep(0.02) FROM interlock.claim_rows(NULL::words, 'worker');

-- The setting is in milliseconds.
SELECT boot_val, unit, min_val, max_val FROM pg_settings WHERE name = 'interlock.claim_look_back';

DROP SCHEMA claims_ahead CASCADE;
