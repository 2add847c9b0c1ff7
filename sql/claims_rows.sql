-- Proves which rows claim_rows claims, in which order, what it makes of them, and each error.
\set VERBOSITY terse
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA claims_rows;
SET search_path = claims_rows;

-- What a statement raises: code, message, table, detail, hint; or what it returns.
CREATE FUNCTION said(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    message text; detail text; hint text; relation text;
BEGIN
    RETURN QUERY EXECUTE 'SELECT r::text FROM ' || statement || ' AS r';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, relation = TABLE_NAME;
    RETURN NEXT concat_ws(' | ', SQLSTATE, message, nullif(relation, ''), nullif(detail, ''), nullif(hint, ''));
END $$;
CREATE FUNCTION ago(seconds integer) RETURNS timestamptz LANGUAGE sql AS $$ SELECT clock_timestamp() - make_interval(secs => seconds) $$;

CREATE TABLE jobs (id integer PRIMARY KEY, payload text NOT NULL DEFAULT 'work');
SELECT interlock.enable_claims('jobs', 'delete', max_attempts => 3);
INSERT INTO jobs (id, run_at) SELECT i, ago(100 - i) FROM generate_series(1, 20) AS i;

-- THE ROWS as they are after the claim: typed, by run_at, each claimed once
SELECT pg_typeof(r), id, payload, attempts, claimed_by, claim_token BETWEEN (extract(epoch FROM now()) * 1000000)::bigint - 1 AND (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 1,
    claimed_until - clock_timestamp() BETWEEN '29 s' AND '30 s', last_error, finished_at, dead_at
FROM interlock.claim_rows(NULL::jobs, 'worker') AS r;
SELECT r AS claimed FROM interlock.claim_rows(NULL::jobs, 'worker', 1) AS r \gset
SELECT jobs::text = :'claimed' FROM jobs WHERE id = 2;
SELECT id, claimed_by, claimed_until > clock_timestamp() + '59 m' FROM interlock.claim_rows(NULL::jobs, 'ann', 3, '1 h');
SELECT (interlock.claim_rows(NULL::jobs, 'ann', 2)).id;
SELECT r.id FROM jobs AS j, interlock.claim_rows(j, 'ann', 1) AS r WHERE j.id = 1;
PREPARE claim AS SELECT id FROM interlock.claim_rows(NULL::jobs, $1, $2);
EXECUTE claim ('ann', 2);
EXECUTE claim ('bob', 1);
SELECT string_agg(id::text, ' ' ORDER BY id) FROM jobs WHERE claimed_by IS NULL;
-- what it writes, and nothing else; it is a HOT update
SELECT id, claimed_by, attempts, payload, run_at < now(), last_error FROM jobs WHERE id IN (1, 6, 11) ORDER BY id;

-- WITHIN A TRANSACTION a claim is seen, and not claimed again however soon it expires; a savepoint takes it back
BEGIN;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'ann', 2, '1 ms');
SELECT id, attempts FROM jobs WHERE claimed_by = 'ann' AND id > 11 ORDER BY id;
SELECT pg_sleep(0.01);
SAVEPOINT s;
SELECT string_agg(id::text, ' ') FROM interlock.claim_rows(NULL::jobs, 'ann', 2);
ROLLBACK TO s;
SELECT string_agg(id::text, ' ') FROM interlock.claim_rows(NULL::jobs, 'ann', 3);
COMMIT;
SELECT string_agg(id::text, ' ' ORDER BY id) FROM jobs WHERE claimed_by IS NULL;
-- expired: claimable by whoever comes, without a reaper
BEGIN;
SELECT string_agg(id::text, ' ') FROM interlock.claim_rows(NULL::jobs, 'bob', 100);
ROLLBACK;
SELECT string_agg(id::text, ' ') FROM interlock.claim_rows(NULL::jobs, 'bob', 100);
SELECT count(*) FROM interlock.claim_rows(NULL::jobs, 'bob', 100);

-- LATE ROWS, behind those that were claimed long ago: a new one, one given back, one whose claim expired, one that was moved
INSERT INTO jobs (id, run_at) VALUES (0, ago(1000));
UPDATE jobs SET claimed_by = NULL, claimed_until = NULL WHERE id = 3;
UPDATE jobs SET claimed_until = ago(1) WHERE id = 5;
UPDATE jobs SET claimed_by = NULL, claimed_until = NULL, run_at = ago(2000) WHERE id = 7;
SELECT id, attempts FROM interlock.claim_rows(NULL::jobs, 'bob', 10);
-- scheduled rows wait for their time, and are in nobody's way
INSERT INTO jobs (id, run_at) VALUES (31, clock_timestamp() + '1 h'), (32, clock_timestamp() + '50 ms'), (33, ago(0));
SELECT id FROM interlock.claim_rows(NULL::jobs, 'bob', 10);
SELECT pg_sleep(0.06);
SELECT id FROM interlock.claim_rows(NULL::jobs, 'bob', 10);

-- THE LAST ATTEMPT expired: the row is dead, and not delivered
UPDATE jobs SET claimed_until = ago(1), attempts = 3 WHERE id IN (1, 2);
UPDATE jobs SET last_error = 'said before' WHERE id = 2;
UPDATE jobs SET claimed_until = ago(1), attempts = 2 WHERE id = 3;
SELECT id, attempts FROM interlock.claim_rows(NULL::jobs, 'bob', 10);
SELECT id, attempts, claimed_by, claimed_until, last_error, dead_at IS NOT NULL, finished_at FROM jobs WHERE id IN (1, 2) ORDER BY id;
-- a row that was handed back, or never claimed, is delivered whatever its attempts
UPDATE jobs SET claimed_by = NULL, claimed_until = NULL, attempts = 3 WHERE id = 4;
SELECT id, attempts FROM interlock.claim_rows(NULL::jobs, 'bob', 10);
-- finished rows are none, kept or not
UPDATE jobs SET finished_at = now(), claimed_until = NULL WHERE id = 8;
DELETE FROM jobs WHERE id = 9;
SELECT count(*) FROM interlock.claim_rows(NULL::jobs, 'bob', 10);
TRUNCATE jobs;
SELECT count(*) FROM interlock.claim_rows(NULL::jobs, 'bob', 10);
INSERT INTO jobs (id) SELECT generate_series(1, 10000);
SELECT count(*), min(id), max(id) FROM interlock.claim_rows(NULL::jobs, 'bob', 10000);

-- PRIORITIES: the smaller first, then by run_at; what is scheduled in one is not in the way of the next; new ones anywhere
CREATE TABLE tickets (id integer PRIMARY KEY, urgency text NOT NULL);
SELECT interlock.enable_claims('tickets', 'keep', order_by => 'urgency');
INSERT INTO tickets (id, urgency, run_at) SELECT i, substr('bdf', 1 + i % 3, 1), CASE WHEN i % 4 = 0 THEN now() + '1 h' ELSE ago(100 - i) END FROM generate_series(1, 24) AS i;
SELECT string_agg(urgency || id, ' ') FROM interlock.claim_rows(NULL::tickets, 'w', 8);
SELECT string_agg(urgency || id, ' ') FROM interlock.claim_rows(NULL::tickets, 'w', 5);
INSERT INTO tickets (id, urgency) VALUES (100, 'a'), (101, 'b'), (102, 'c'), (103, 'd'), (104, 'g');
SELECT string_agg(urgency || id, ' ') FROM interlock.claim_rows(NULL::tickets, 'w', 4);
SELECT string_agg(urgency || id, ' ') FROM interlock.claim_rows(NULL::tickets, 'w', 100);
INSERT INTO tickets (id, urgency) SELECT 1000 + i, 'p' || lpad(i::text, 3, '0') FROM generate_series(1, 100) AS i;
SELECT string_agg(urgency, ' ') FROM interlock.claim_rows(NULL::tickets, 'w', 3);
SELECT count(*), max(urgency) FROM interlock.claim_rows(NULL::tickets, 'w', 200);
INSERT INTO tickets (id, urgency) VALUES (2000, 'p099'), (2001, 'p100'), (2002, 'p000');
SELECT string_agg(urgency, ' ') FROM interlock.claim_rows(NULL::tickets, 'w', 10);
-- one that is the key, and one that is run_at
CREATE TABLE by_key (id integer PRIMARY KEY);
SELECT interlock.enable_claims('by_key', 'delete', order_by => 'id');
INSERT INTO by_key (id, run_at) SELECT i, CASE WHEN i = 2 THEN now() + '1 h' ELSE ago(i) END FROM generate_series(1, 4) AS i;
SELECT string_agg(id::text, ' ') FROM interlock.claim_rows(NULL::by_key, 'w', 2);
SELECT string_agg(id::text, ' ') FROM interlock.claim_rows(NULL::by_key, 'w', 9);

-- QUEUES, a key of two columns, columns of other names
CREATE TABLE mails (tenant text, no bigint, channel varchar(20) NOT NULL, sender text, send_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (tenant, no));
SELECT interlock.enable_claims('mails', 'delete', queue_column => 'channel', columns => '{"run_at": "send_at", "claimed_by": "sender"}');
INSERT INTO mails (tenant, no, channel, send_at) SELECT t, n, CASE WHEN n % 2 = 0 THEN 'news' ELSE 'bills' END, ago(10) FROM unnest('{x,y}'::text[]) AS t, generate_series(1, 4) AS n ORDER BY t, n;
SELECT string_agg(tenant || no, ' '), min(sender) FROM interlock.claim_rows(NULL::mails, 'w', 3, queue => 'news');
SELECT string_agg(tenant || no, ' ') FROM interlock.claim_rows(NULL::mails, 'w', 10, queue => 'bills');
SELECT string_agg(tenant || no, ' ') FROM interlock.claim_rows(NULL::mails, 'w', 10, queue => 'news');
SELECT count(*) FROM interlock.claim_rows(NULL::mails, 'w', 10, queue => 'there is none');

-- GROUPS: one row of each at a time, in order; rows without a group are free
CREATE TABLE events (id integer PRIMARY KEY, account text);
SELECT interlock.enable_claims('events', 'delete', group_by => 'account', max_attempts => 2);
INSERT INTO events (id, account, run_at) SELECT i, nullif(substr('abc-', 1 + i % 4, 1), '-'), ago(100 - i) FROM generate_series(1, 16) AS i;
SELECT string_agg(coalesce(account, '-') || id, ' ') FROM interlock.claim_rows(NULL::events, 'w', 4);
SELECT string_agg(coalesce(account, '-') || id, ' ') FROM interlock.claim_rows(NULL::events, 'w', 20);
DELETE FROM events WHERE id = 1;
SELECT string_agg(coalesce(account, '-') || id, ' ') FROM interlock.claim_rows(NULL::events, 'w', 20);
-- a delay holds the group's place; an expired claim is first
UPDATE events SET claimed_by = NULL, claimed_until = now() + '1 h' WHERE id = 5;
SELECT count(*) FROM interlock.claim_rows(NULL::events, 'w', 20);
UPDATE events SET claimed_until = ago(1) WHERE id IN (5, 2);
SELECT string_agg(account || id || ' ' || attempts, ' ') FROM interlock.claim_rows(NULL::events, 'w', 20);
-- an earlier row arrives while one runs: it waits; a scheduled one is not waited for
INSERT INTO events (id, account, run_at) VALUES (90, 'a', ago(1000)), (91, 'd', now() + '1 h'), (92, 'd', ago(1));
SELECT string_agg(account || id, ' ') FROM interlock.claim_rows(NULL::events, 'w', 20);
DELETE FROM events WHERE claimed_by IS NOT NULL;
SELECT string_agg(account || id, ' ') FROM interlock.claim_rows(NULL::events, 'w', 20);
-- a last attempt that expired makes way
UPDATE events SET claimed_until = ago(1), attempts = 2 WHERE claimed_by IS NOT NULL AND account = 'b';
SELECT string_agg(account || id, ' ') FROM interlock.claim_rows(NULL::events, 'w', 20);
SELECT string_agg(account || id, ' ') FROM interlock.claim_rows(NULL::events, 'w', 20);
SELECT id, last_error FROM events WHERE dead_at IS NOT NULL;
-- in one transaction, too
BEGIN;
DELETE FROM events WHERE claimed_by IS NOT NULL AND dead_at IS NULL;
SELECT string_agg(account || id, ' ') FROM interlock.claim_rows(NULL::events, 'w', 1);
SELECT string_agg(account || id, ' ') FROM interlock.claim_rows(NULL::events, 'w', 20);
SELECT count(*) FROM interlock.claim_rows(NULL::events, 'w', 20);
ROLLBACK;

-- TRIGGERS of others fire as for an UPDATE; constraints and generated columns hold; a versioned table's version stays
CREATE TABLE watched (id integer PRIMARY KEY, twice integer GENERATED ALWAYS AS (attempts * 2) STORED, attempts integer NOT NULL DEFAULT 0, CHECK (attempts < 3), seen text);
SELECT interlock.enable_claims('watched', 'delete');
CREATE TABLE told (what text);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO told VALUES (concat_ws(' ', TG_WHEN, TG_LEVEL, NEW.id, NEW.claimed_by));
    IF TG_WHEN = 'BEFORE' AND NEW.id = 2 THEN RETURN NULL; END IF;
    IF TG_WHEN = 'BEFORE' THEN NEW.seen := 'by a trigger'; END IF;
    RETURN NEW;
END $$;
INSERT INTO watched (id, run_at) SELECT i, ago(10 - i) FROM generate_series(1, 4) AS i;
CREATE TRIGGER after_row AFTER UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION tell();
SELECT id, twice, seen FROM interlock.claim_rows(NULL::watched, 'w', 1);
CREATE TRIGGER before_row BEFORE UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION tell();
SELECT id, twice, seen FROM interlock.claim_rows(NULL::watched, 'w', 2);
TABLE told;
TRUNCATE told;
DROP TRIGGER before_row ON watched;
CREATE TRIGGER of_payload BEFORE UPDATE OF seen ON watched FOR EACH ROW EXECUTE FUNCTION tell();
DELETE FROM watched WHERE id < 4;
SELECT id, seen FROM interlock.claim_rows(NULL::watched, 'w', 2);
TABLE told;
UPDATE watched SET claimed_until = ago(1), attempts = 2;
SELECT split_part(said($$interlock.claim_rows(NULL::watched, 'w')$$), '|', 2);

CREATE TABLE orders (id integer PRIMARY KEY, note text);
SELECT interlock.enable_versioning('orders');
SELECT interlock.enable_claims('orders', 'keep');
INSERT INTO orders (id) VALUES (1), (2);
SELECT id, version FROM interlock.claim_rows(NULL::orders, 'w', 2);
SELECT interlock.versioned_update('orders', 1, 1, '{"note": "done"}');
-- the foreign key of another table
CREATE TABLE order_lines (order_id integer REFERENCES orders ON UPDATE CASCADE);
INSERT INTO order_lines VALUES (1);
INSERT INTO orders (id) VALUES (3);
SELECT id, version FROM interlock.claim_rows(NULL::orders, 'w', 2);
-- columns that were dropped and added; toasted ones
ALTER TABLE orders DROP COLUMN note, ADD COLUMN extra text DEFAULT 'added later';
INSERT INTO orders (id, extra) SELECT 4, string_agg(md5(i::text), '') FROM generate_series(1, 1000) AS i;
UPDATE orders SET claimed_until = ago(1) WHERE id < 4;
SELECT id, length(extra), left(extra, 5), version FROM interlock.claim_rows(NULL::orders, 'w', 9);
SELECT id, length(extra) FROM orders ORDER BY id;

-- A deferrable key, a partition, a temporary table, an unlogged one
CREATE TABLE deferred (id integer PRIMARY KEY DEFERRABLE);
SELECT interlock.enable_claims('deferred', 'delete');
INSERT INTO deferred VALUES (1), (2);
SELECT id, claimed_by FROM interlock.claim_rows(NULL::deferred, 'w', 9);
CREATE TABLE parted (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (100);
SELECT said($$interlock.claim_rows(NULL::parted, 'w')$$);
CREATE TEMP TABLE temporary (id integer PRIMARY KEY);
SELECT interlock.enable_claims('temporary', 'delete');
INSERT INTO temporary SELECT generate_series(1, 3);
SELECT string_agg(id::text, ' ') FROM interlock.claim_rows(NULL::temporary, 'w', 2);
SELECT string_agg(id::text, ' ') FROM interlock.claim_rows(NULL::temporary, 'w', 2);
CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY);
SELECT interlock.enable_claims('unlogged', 'delete');
INSERT INTO unlogged SELECT generate_series(1, 3);
SELECT string_agg(id::text, ' ') FROM interlock.claim_rows(NULL::unlogged, 'w', 9);

-- WHO MAY: what an UPDATE of these columns needs; policies hold
CREATE ROLE regress_claimer;
GRANT USAGE ON SCHEMA claims_rows TO regress_claimer;
TRUNCATE jobs;
INSERT INTO jobs (id, payload) SELECT i, CASE WHEN i % 2 = 0 THEN 'secret' ELSE 'open' END FROM generate_series(1, 6) AS i;
SET ROLE regress_claimer;
SELECT said($$interlock.claim_rows(NULL::jobs, 'w')$$);
RESET ROLE;
GRANT SELECT ON jobs TO regress_claimer;
GRANT UPDATE (attempts, claimed_by, claim_token, claimed_until, last_error) ON jobs TO regress_claimer;
SET ROLE regress_claimer;
SELECT said($$interlock.claim_rows(NULL::jobs, 'w')$$);
RESET ROLE;
GRANT UPDATE (dead_at) ON jobs TO regress_claimer;
SET ROLE regress_claimer;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'w');
RESET ROLE;
ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON jobs FOR SELECT USING (true);
CREATE POLICY writers ON jobs FOR UPDATE USING (payload = 'open') WITH CHECK (claimed_by <> 'mallory');
SET ROLE regress_claimer;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'w', 1);
SELECT said($$interlock.claim_rows(NULL::jobs, 'mallory')$$);
SELECT id FROM interlock.claim_rows(NULL::jobs, 'w', 9);
RESET ROLE;
SELECT string_agg(id::text, ' ') FROM interlock.claim_rows(NULL::jobs, 'w', 9);
ALTER TABLE jobs DISABLE ROW LEVEL SECURITY;

-- REFUSED
SELECT said($$interlock.claim_rows(NULL::jobs, NULL)$$);
SELECT said($$interlock.claim_rows(NULL::jobs, '')$$);
SELECT said($$interlock.claim_rows(NULL::jobs, repeat('é', 201))$$);
SELECT said($$interlock.claim_rows(NULL::jobs, repeat('é', 200))$$);
SELECT said($$interlock.claim_rows(NULL::jobs, 'w', NULL)$$);
SELECT said($$interlock.claim_rows(NULL::jobs, 'w', 0)$$);
SELECT said($$interlock.claim_rows(NULL::jobs, 'w', 10001)$$);
SELECT said($$interlock.claim_rows(NULL::jobs, 'w', 1, NULL)$$);
SELECT said($$interlock.claim_rows(NULL::jobs, 'w', 1, '0 s')$$);
SELECT said($$interlock.claim_rows(NULL::jobs, 'w', 1, '-1 s')$$);
SELECT said($$interlock.claim_rows(NULL::jobs, 'w', 1, '367 days')$$);
SELECT said($$interlock.claim_rows(NULL::jobs, 'w', queue => 'q')$$);
SELECT said($$interlock.claim_rows(NULL::mails, 'w')$$);
SELECT said($$interlock.claim_rows(NULL::told, 'w')$$);
SELECT said($$interlock.claim_rows(NULL::order_lines, 'w')$$);
SELECT said($$interlock.claim_rows(1, 'w')$$);
CREATE VIEW shown AS SELECT * FROM jobs;
SELECT said($$interlock.claim_rows(NULL::shown, 'w')$$);
CREATE TABLE plain (id integer PRIMARY KEY);
SELECT said($$interlock.claim_rows(NULL::plain, 'w')$$);
BEGIN READ ONLY;
SELECT said($$interlock.claim_rows(NULL::jobs, 'w')$$);
SELECT said($$interlock.claim_rows(NULL::temporary, 'w')$$);
ROLLBACK;
DROP INDEX jobs_claim_idx;
SELECT said($$interlock.claim_rows(NULL::jobs, 'w')$$);
SELECT interlock.enable_claims('jobs', 'delete');
INSERT INTO jobs (id) VALUES (99);
SELECT id FROM interlock.claim_rows(NULL::jobs, 'w', 9);

RESET search_path;
DROP SCHEMA claims_rows CASCADE;
DROP ROLE regress_claimer;
