-- Proves that tables, markers, triggers and values of odd kinds make claims refuse, or act as an UPDATE would, and never crash or go astray.
\set VERBOSITY terse
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA claims_odd;
SET search_path = claims_odd;

-- What a statement raises: code, message, hint; or what it returns.
CREATE FUNCTION said(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    message text; hint text;
BEGIN
    RETURN QUERY EXECUTE 'SELECT r::text FROM ' || statement || ' AS r';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN NEXT concat_ws(' | ', SQLSTATE, message, nullif(hint, ''));
END $$;
CREATE FUNCTION ago(seconds integer) RETURNS timestamptz LANGUAGE sql AS $$ SELECT clock_timestamp() - make_interval(secs => seconds) $$;

-- A NOT NULL THAT WAS DROPPED: refused and told, until it is there again; what ends a claim goes on
CREATE TABLE tickets (id integer PRIMARY KEY, urgency text NOT NULL, topic text NOT NULL);
SELECT interlock.enable_claims('tickets', 'keep', order_by => 'urgency', queue_column => 'topic');
INSERT INTO tickets (id, urgency, topic) VALUES (1, 'a', 'x'), (2, 'b', 'x');
SELECT claim_token AS token FROM interlock.claim_rows(NULL::tickets, 'w', queue => 'x') \gset
ALTER TABLE tickets ALTER urgency DROP NOT NULL;
INSERT INTO tickets (id, urgency, topic) VALUES (3, NULL, 'x'), (4, NULL, 'x');
SELECT said($$interlock.claim_rows(NULL::tickets, 'w', 9, queue => 'x')$$);
SELECT ready, alarm LIKE '%table "tickets" has lost the NOT NULL of column "urgency"%' FROM interlock.claim_status WHERE relation = 'tickets'::regclass;
SELECT interlock.finish_claim('tickets', 1, :token);
SELECT said($$interlock.enable_claims('tickets', 'keep', order_by => 'urgency', queue_column => 'topic')$$);
DELETE FROM tickets WHERE urgency IS NULL;
ALTER TABLE tickets ALTER urgency SET NOT NULL;
SELECT id FROM interlock.claim_rows(NULL::tickets, 'w', 9, queue => 'x');
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY '{topic,run_at,attempts}'::text[] LOOP
        EXECUTE format('ALTER TABLE tickets ALTER %I DROP NOT NULL', name);
        RAISE WARNING '%', said($s$interlock.claim_rows(NULL::tickets, 'w', 9, queue => 'x')$s$);
        EXECUTE format('ALTER TABLE tickets ALTER %I SET NOT NULL', name);
    END LOOP;
END $$;

-- A MARKER MADE BY HAND, on columns of other types
CREATE TABLE forged (id integer PRIMARY KEY, c1 text NOT NULL DEFAULT '', c2 integer NOT NULL DEFAULT 0, c3 integer, c4 text DEFAULT 'x', c5 timestamptz, c6 text, c7 timestamptz, c8 timestamptz, c9 point);
CREATE TRIGGER marker BEFORE UPDATE OF c1, c2, c3, c4, c5, c6, c7, c8 ON forged FOR EACH ROW WHEN (false) EXECUTE FUNCTION interlock.claim_columns(
    'columns=run_at attempts claimed_by claim_token claimed_until last_error finished_at dead_at', 'on_finish=keep', 'max_attempts=3', 'backoff=1', 'max_backoff=1');
CREATE INDEX ON forged (c1, id) WHERE c7 IS NULL AND c8 IS NULL;
INSERT INTO forged (id) VALUES (1);
SELECT said($$interlock.claim_rows(NULL::forged, 'w')$$);
SELECT said($$interlock.try_finish_claim('forged', 1, 1)$$);
SELECT said($$interlock.claim_counts('forged')$$);
SELECT alarm LIKE '%of another type%' FROM interlock.claim_status WHERE relation = 'forged'::regclass;
DROP TABLE forged;

-- GROUPS that another column tells, of another type, known by this session from before
CREATE TABLE regrouped (id integer PRIMARY KEY, account integer, customer text);
SELECT interlock.enable_claims('regrouped', 'keep', group_by => 'account');
INSERT INTO regrouped (id, account, customer) SELECT i, i % 2, 'x' FROM generate_series(1, 6) AS i;
SELECT id FROM interlock.claim_rows(NULL::regrouped, 'w', 9);
UPDATE regrouped SET finished_at = now();
SELECT interlock.enable_claims('regrouped', 'keep', group_by => 'customer');
INSERT INTO regrouped (id, customer) SELECT i, 'y' FROM generate_series(11, 13) AS i;
SELECT id FROM interlock.claim_rows(NULL::regrouped, 'w', 9);
SELECT interlock.enable_claims('regrouped', 'keep');
SELECT id FROM interlock.claim_rows(NULL::regrouped, 'w', 9);
-- whose name is stored beside the row, and gone with it
CREATE TABLE stored (id integer PRIMARY KEY, account text);
ALTER TABLE stored ALTER account SET STORAGE EXTERNAL;
SELECT interlock.enable_claims('stored', 'delete', group_by => 'account');
INSERT INTO stored SELECT i, (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 70) AS n) FROM generate_series(1, 2) AS i;
SELECT id FROM interlock.claim_rows(NULL::stored, 'w', 9);
DELETE FROM stored;
VACUUM stored;
SELECT id FROM interlock.claim_rows(NULL::stored, 'w', 9);
-- of a type that has an order and only the shorter of the two hashes
CREATE TYPE code;
CREATE FUNCTION code_in(cstring) RETURNS code LANGUAGE internal IMMUTABLE STRICT AS 'int8in';
CREATE FUNCTION code_out(code) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int8out';
CREATE TYPE code (INPUT = code_in, OUTPUT = code_out, LIKE = int8);
CREATE FUNCTION code_lt(code, code) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int8lt';
CREATE FUNCTION code_le(code, code) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int8le';
CREATE FUNCTION code_eq(code, code) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int8eq';
CREATE FUNCTION code_ge(code, code) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int8ge';
CREATE FUNCTION code_gt(code, code) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int8gt';
CREATE FUNCTION code_cmp(code, code) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'btint8cmp';
CREATE FUNCTION code_hash(code) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'hashint8';
CREATE OPERATOR < (LEFTARG = code, RIGHTARG = code, FUNCTION = code_lt);
CREATE OPERATOR <= (LEFTARG = code, RIGHTARG = code, FUNCTION = code_le);
CREATE OPERATOR = (LEFTARG = code, RIGHTARG = code, FUNCTION = code_eq, HASHES, MERGES);
CREATE OPERATOR >= (LEFTARG = code, RIGHTARG = code, FUNCTION = code_ge);
CREATE OPERATOR > (LEFTARG = code, RIGHTARG = code, FUNCTION = code_gt);
CREATE OPERATOR CLASS code_order DEFAULT FOR TYPE code USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 code_cmp(code, code);
CREATE OPERATOR CLASS code_hash DEFAULT FOR TYPE code USING hash AS OPERATOR 1 =, FUNCTION 1 code_hash(code);
CREATE TABLE coded (id integer PRIMARY KEY, code code NOT NULL);
SELECT said($$interlock.enable_claims('coded', 'keep', group_by => 'code')$$);
SELECT interlock.enable_claims('coded', 'keep', order_by => 'code');
INSERT INTO coded (id, code) VALUES (1, '30'), (2, '4'), (3, '5');
SELECT id, code FROM interlock.claim_rows(NULL::coded, 'w', 2);

-- PRIORITIES of any type with an order: NaN and infinity, arrays, enums, composites, ranges, domains
CREATE TYPE mood AS ENUM ('good', 'bad');
ALTER TYPE mood ADD VALUE 'fair' BEFORE 'bad';
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN level AS integer CHECK (VALUE < 100);
CREATE FUNCTION claims_by(type text, VARIADIC prios text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    first text; rest text; again text;
BEGIN
    EXECUTE format('CREATE TABLE prioritized (id serial PRIMARY KEY, prio %s NOT NULL)', type);
    PERFORM interlock.enable_claims('prioritized', 'delete', order_by => 'prio');
    EXECUTE format('INSERT INTO prioritized (prio) SELECT p::%s FROM unnest($1) AS p', type) USING prios;
    EXECUTE 'SELECT string_agg(prio::text, '' '') FROM interlock.claim_rows(NULL::prioritized, ''w'', 2)' INTO first;
    EXECUTE format('INSERT INTO prioritized (prio) SELECT p::%s FROM unnest($1) AS p', type) USING prios;
    EXECUTE 'SELECT string_agg(prio::text, '' '') FROM interlock.claim_rows(NULL::prioritized, ''w'', 3)' INTO again;
    EXECUTE 'SELECT string_agg(prio::text, '' '') FROM interlock.claim_rows(NULL::prioritized, ''w'', 99)' INTO rest;
    DROP TABLE prioritized;
    RETURN concat_ws(' | ', type, first, again, rest);
END $$;
SELECT claims_by('float8', 'NaN', 'infinity', '-infinity', '0', '-0', '1.5');
SELECT claims_by('numeric', 'NaN', 'infinity', '-infinity', '1.0', '1.00', '0.5');
SELECT claims_by('integer[]', '{1,2}', '{}', '{1}', '{0,9}');
SELECT claims_by('mood', 'bad', 'fair', 'good');
SELECT claims_by('pair', '(1,b)', '(1,a)', '(0,)', '(2,)');
SELECT claims_by('int4range', '[3,5)', 'empty', '[1,2)', '(,)');
SELECT claims_by('level', '3', '1', '2');
SELECT claims_by('name', 'c', 'a', 'b');
SELECT claims_by('char(4)', 'c', 'a', 'b');
SELECT claims_by('jsonb', '{"a": 1}', '1', '"x"', 'null');
SELECT claims_by('date', 'infinity', '-infinity', '2020-02-02');
SELECT claims_by('interval', '1 month', '30 days', '29 days');

-- TIMES: rows without a beginning are ready, and have no age; rows that never run
CREATE TABLE timeless (id integer PRIMARY KEY);
SELECT interlock.enable_claims('timeless', 'delete');
INSERT INTO timeless (id, run_at) VALUES (1, '-infinity'), (2, 'infinity'), (3, '4713-01-01 BC');
SELECT ready, delayed, oldest_ready_age > '6000 years' FROM interlock.claim_status WHERE relation = 'timeless'::regclass;
SELECT id FROM interlock.claim_rows(NULL::timeless, 'w', 9);
UPDATE timeless SET claimed_until = '-infinity' WHERE id = 1;
UPDATE timeless SET claimed_until = 'infinity' WHERE id = 3;
SELECT id, attempts FROM interlock.claim_rows(NULL::timeless, 'w', 9);
SELECT running, delayed, expired, oldest_ready_age FROM interlock.claim_status WHERE relation = 'timeless'::regclass;
UPDATE timeless SET claimed_by = NULL, claimed_until = NULL, attempts = 2147483647;
SELECT id, attempts FROM interlock.claim_rows(NULL::timeless, 'w', 9);
UPDATE timeless SET claimed_by = NULL, claimed_until = NULL, claim_token = -5, attempts = -5;
SELECT id, attempts FROM interlock.claim_rows(NULL::timeless, 'w', 9);
SELECT said($$interlock.claim_rows(NULL::timeless, 'w', 1, '178000000 years')$$);
SELECT said($$interlock.claim_rows(NULL::timeless, 'w', 1, '366 days')$$);

-- TRIGGERS OF CERTAIN COLUMNS fire where an UPDATE of them would: a claim is none of last_error, nor of dead_at
CREATE TABLE watched (id integer PRIMARY KEY);
SELECT interlock.enable_claims('watched', 'keep', max_attempts => 1);
CREATE TABLE told (no serial, what text);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO told (what) VALUES (concat_ws(' ', NEW.id, TG_NAME));
    RETURN NEW;
END $$;
CREATE TRIGGER error_before BEFORE UPDATE OF last_error ON watched FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER death_before BEFORE UPDATE OF dead_at ON watched FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER death_after AFTER UPDATE OF dead_at ON watched FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER claim_after AFTER UPDATE OF claim_token ON watched FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER run_at_after AFTER UPDATE OF run_at ON watched FOR EACH ROW EXECUTE FUNCTION tell();
INSERT INTO watched (id) VALUES (1), (2);
SELECT id FROM interlock.claim_rows(NULL::watched, 'w');
SELECT what FROM told ORDER BY no;
UPDATE watched SET claimed_until = ago(1) WHERE id = 1;
TRUNCATE told;
SELECT id FROM interlock.claim_rows(NULL::watched, 'w', 9);
SELECT what FROM told ORDER BY no;
SELECT id, dead_at IS NOT NULL, last_error FROM watched ORDER BY id;

-- TRIGGERS that claim, too: each row is claimed once, whoever had it
CREATE TABLE nested (id integer PRIMARY KEY, account text);
SELECT interlock.enable_claims('nested', 'keep', group_by => 'account');
CREATE FUNCTION claim_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() > 1 THEN RETURN NEW; END IF;
    BEGIN
        PERFORM interlock.claim_rows(NULL::nested, 'inner');
        IF NEW.id = 3 THEN RAISE EXCEPTION 'undone'; END IF;
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
    RETURN NEW;
END $$;
CREATE TRIGGER after_claim AFTER UPDATE ON nested FOR EACH ROW EXECUTE FUNCTION claim_another();
INSERT INTO nested (id, account, run_at) SELECT i, nullif(i % 4, 0), ago(100 - i) FROM generate_series(1, 12) AS i;
SELECT count(*) = count(DISTINCT id) FROM interlock.claim_rows(NULL::nested, 'outer', 9);
SELECT min(attempts), max(attempts), count(claimed_by) FROM nested WHERE account IS NULL;
SELECT account, count(claimed_by), sum(attempts) FROM nested WHERE account IS NOT NULL GROUP BY account ORDER BY account;

-- UNIQUE INDEXES that enable_claims could not have made are none of its own
CREATE TABLE mails (id integer PRIMARY KEY, address text, topic text);
SELECT interlock.enable_claims('mails', 'keep', unique_by => '{topic}');
CREATE UNIQUE INDEX one_address ON mails (lower(address)) WHERE finished_at IS NULL AND dead_at IS NULL;
CREATE UNIQUE INDEX with_topic ON mails (address) INCLUDE (topic) WHERE finished_at IS NULL AND dead_at IS NULL;
SELECT interlock.enable_claims('mails', 'keep');
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'mails'::regclass ORDER BY 1::text;
SELECT interlock.disable_claims('mails');
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'mails'::regclass ORDER BY 1::text;

-- LATE ROWS that are many come one call after the other once they are found, not one each second
CREATE TABLE late (id integer PRIMARY KEY);
SELECT interlock.enable_claims('late', 'keep');
INSERT INTO late (id, run_at) SELECT i, ago(10) FROM generate_series(1, 400) AS i;
DO $$ BEGIN FOR i IN 1..20 LOOP PERFORM interlock.claim_rows(NULL::late, 'w'); COMMIT; END LOOP; END $$;
INSERT INTO late (id, run_at) SELECT i, ago(1000) FROM generate_series(1001, 1100) AS i;
SELECT pg_sleep(1.1);
DO $$ BEGIN FOR i IN 1..100 LOOP PERFORM interlock.claim_rows(NULL::late, 'w'); COMMIT; END LOOP; END $$;
SELECT count(*) FROM late WHERE id > 1000 AND claimed_by IS NOT NULL;
-- rows below rows that were below the mark, in a session that has nothing else to claim; a great many of them
CREATE TABLE below (id integer PRIMARY KEY);
SELECT interlock.enable_claims('below', 'keep');
INSERT INTO below (id, run_at) VALUES (1, '2003-03-03');
SELECT id FROM interlock.claim_rows(NULL::below, 'w');
INSERT INTO below (id, run_at) VALUES (2, '2002-02-02');
SELECT id FROM interlock.claim_rows(NULL::below, 'w');
INSERT INTO below (id, run_at) VALUES (3, '2001-01-01');
SELECT id FROM interlock.claim_rows(NULL::below, 'w');
INSERT INTO below (id, run_at) SELECT i, '2000-01-01' FROM generate_series(11, 10010) AS i;
SELECT count(*) FROM interlock.claim_rows(NULL::below, 'w', 10000);

-- GENERATED COLUMNS of a row that dies of its last attempt
CREATE TABLE mourned (id integer PRIMARY KEY, dead_at timestamptz, last_error text,
    state text GENERATED ALWAYS AS (CASE WHEN dead_at IS NULL THEN 'alive' ELSE 'dead: ' || last_error END) STORED);
SELECT interlock.enable_claims('mourned', 'keep', max_attempts => 1);
INSERT INTO mourned (id, attempts, claimed_by, claim_token, claimed_until) VALUES (1, 1, 'w', 1, '2001-01-01');
SELECT id FROM interlock.claim_rows(NULL::mourned, 'w');
SELECT id, state FROM mourned;

RESET search_path;
DROP SCHEMA claims_odd CASCADE;
