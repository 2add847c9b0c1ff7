-- Proves what becomes of a claim that is finished, renewed, given back, has failed, or died: the row afterwards, what is told and refused, one row and many, and that plain SQL's rules hold (privileges, policies, triggers, constraints).
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_claims_worker, regress_claims_ops;
RESET client_min_messages;
CREATE ROLE regress_claims_worker;
CREATE ROLE regress_claims_ops;
CREATE SCHEMA claims_ends;
GRANT USAGE ON SCHEMA claims_ends TO PUBLIC;
SET search_path = claims_ends;

-- What a statement comes to: its result, or its SQLSTATE, message and hint.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    message text;
    hint text;
BEGIN
    EXECUTE statement INTO result;
    RETURN coalesce(nullif(result, ''), CASE WHEN result IS NULL THEN 'NULL' ELSE 'done' END);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, message, nullif(hint, ''));
END $$;
-- The DETAIL of its error.
CREATE FUNCTION detail(statement text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN detail;
END $$;

CREATE TABLE jobs (id int PRIMARY KEY, payload text);
SELECT interlock.enable_claims('jobs', 'delete', max_attempts => 3, backoff => '10 s', max_backoff => '1 min');
CREATE TABLE kept (id int PRIMARY KEY, payload text);
SELECT interlock.enable_claims('kept', 'keep', max_attempts => 3);
-- New rows, and a claim in plain SQL.
CREATE PROCEDURE fill(rel regclass, n int) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DELETE FROM %s', rel);
    EXECUTE format('INSERT INTO %s (id, payload, run_at) SELECT i, ''p'', ''2020-01-01'' FROM generate_series(1, $1) AS i', rel) USING n;
END $$;
CREATE PROCEDURE take(rel regclass, keys int[], token bigint, worker text = 'w1', ttl interval = '1 h') LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('UPDATE %s SET claimed_by = $3, claim_token = $2, claimed_until = clock_timestamp() + $4, attempts = attempts + 1 WHERE id = ANY ($1)', rel) USING keys, token, worker, ttl;
END $$;
-- A row's claim columns, times as what they mean.
CREATE FUNCTION shown(rel regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($f$SELECT concat_ws(' ', 'row', id, 'attempts', attempts, 'by ' || claimed_by, 'token ' || claim_token,
        CASE WHEN claimed_until > clock_timestamp() THEN 'held' ELSE 'expired' || left(claimed_until::text, 0) END,
        CASE WHEN run_at > clock_timestamp() THEN 'later' WHEN run_at > '2020-01-01' THEN 'now' END,
        'error ' || last_error, 'finished' || left(finished_at::text, 0), 'dead' || left(dead_at::text, 0)) FROM %s ORDER BY id$f$, rel);
END $$;

-- FINISH: the row is deleted, or kept with the time and its history
CALL fill('jobs', 4);
CALL fill('kept', 4);
CALL take('jobs', '{1,2,3}', 17);
CALL take('kept', '{1,2,3}', 17);
SELECT outcome($$SELECT interlock.finish_claim('jobs', 1, 17)$$), outcome($$SELECT interlock.finish_claim('kept', 1, 17)$$);
SELECT interlock.try_finish_claim('jobs', 2, 17), interlock.try_finish_claim('kept', 2, 17);
SELECT shown('jobs');
SELECT shown('kept');
-- another token, one that was taken over, a row that is gone, finished, or was never claimed
CALL take('jobs', '{3}', 18, 'w2');
SELECT k, t, outcome(format('SELECT interlock.finish_claim(''jobs'', %s, %s)', k, t)), interlock.try_finish_claim('jobs', k, t) FROM (VALUES (3, 17), (1, 17), (4, 17), (4, 0)) AS v (k, t);
SELECT outcome($$SELECT interlock.finish_claim('kept', 1, 17)$$);
SELECT detail($$SELECT interlock.finish_claim('jobs', 3, 17)$$) - 'claimed_until', (detail($$SELECT interlock.finish_claim('jobs', 3, 17)$$) ->> 'claimed_until')::timestamptz = claimed_until FROM jobs WHERE id = 3;
SELECT detail($$SELECT interlock.finish_claim('jobs', 1, 17)$$);
SELECT detail($$SELECT interlock.finish_claim('jobs', 4, 17)$$);
SELECT detail($$SELECT interlock.finish_claim('kept', 1, 17)$$) - 'finished_at', (detail($$SELECT interlock.finish_claim('kept', 1, 17)$$) ->> 'finished_at')::timestamptz = finished_at FROM kept WHERE id = 1;
-- an expired claim counts while nobody took the row
CALL take('jobs', '{4}', 19, ttl => '-1 h');
SELECT interlock.try_finish_claim('jobs', 4, 19);
-- in the transaction of the claim, and rolled back with it
BEGIN;
CALL take('jobs', '{3}', 20);
SELECT interlock.try_finish_claim('jobs', 3, 20);
SAVEPOINT s;
SELECT interlock.try_finish_claim('jobs', 3, 20);
ROLLBACK;
SELECT shown('jobs');

-- FINISH MANY: told in the order of the arguments; each key as often as it is there
CALL fill('jobs', 6);
CALL fill('kept', 6);
CALL take('jobs', '{1,2,3,4}', 17);
CALL take('kept', '{1,2,3,4}', 17);
SELECT r.* FROM interlock.finish_claims('jobs', '{4,9,1,4,3,5}', '{17,17,17,17,16,17}') AS r;
SELECT r.* FROM interlock.finish_claims('kept', '{4,9,1,4,3,5}', '{17,17,17,17,16,17}') AS r;
SELECT shown('jobs');
SELECT shown('kept');
SELECT r.* FROM interlock.finish_claims('jobs', '{}'::int[], '{}') AS r;
SELECT r.* FROM interlock.finish_claims('jobs', ARRAY['2'], '{17}') AS r;
SELECT outcome(format('SELECT r.status FROM interlock.finish_claims(''jobs'', %s) AS r', a))
FROM unnest(ARRAY['''{1}'', ''{}''', '''{1}'', ''{1,2}''', '''{1,NULL}'', ''{1,2}''', '''{1,2}'', ''{1,NULL}''', 'NULL::int[], ''{1}''', '''{1}'', NULL', '''{{1,2}}'', ''{1,2}''', '''{1}'', ''{{1}}''', '''{a}''::text[], ''{1}''', '''{1.5}''::numeric[], ''{1}''']) AS a;
-- many, in any order
CALL fill('jobs', 1000);
SELECT array_agg(i) AS thousand FROM generate_series(1, 1000) AS i \gset
CALL take('jobs', :'thousand', 5);
SELECT r.status, count(*) FROM interlock.finish_claims('jobs', ARRAY(SELECT i FROM generate_series(2, 1001) AS i ORDER BY md5(i::text)), array_fill(5::bigint, '{1000}')) AS r GROUP BY 1 ORDER BY 1;
SELECT shown('jobs');

-- RENEW: by the clock from now, whatever it was before; also once it has expired
CALL fill('jobs', 4);
CALL take('jobs', '{1,2}', 17);
CALL take('jobs', '{3}', 17, ttl => '-1 h');
SELECT interlock.renew_claim('jobs', 1, 17, '2 h') - clock_timestamp() BETWEEN '119 min' AND '2 h', interlock.renew_claim('jobs', 2, 17) - clock_timestamp() BETWEEN '29 s' AND '30 s', interlock.try_renew_claim('jobs', 3, 17, '1 us') BETWEEN now() AND clock_timestamp();
SELECT claimed_until - clock_timestamp() > '119 min' FROM jobs WHERE id = 1;
SELECT outcome($$SELECT interlock.renew_claim('jobs', 1, 16, '1 h')$$);
SELECT interlock.try_renew_claim('jobs', 1, 16, '1 h'), interlock.try_renew_claim('jobs', 4, 16, '1 h'), interlock.try_renew_claim('jobs', 9, 16, '1 h');
SELECT r.* FROM interlock.renew_claims('jobs', '{3,2,9,1,1}', '{17,16,17,17,17}', '1 h') AS r;
SELECT shown('jobs');
SELECT outcome(format('SELECT interlock.renew_claim(''jobs'', 1, 17, %s)', t)) FROM unnest(ARRAY['''0''', '''-1 s''', '''367 days''', 'NULL']) AS t;
-- a row that this transaction has locked or written itself is not busy
BEGIN;
SELECT FROM jobs WHERE id = 1 FOR UPDATE;
SELECT interlock.renew_claim('jobs', 1, 17, '3 h') - clock_timestamp() > '179 min';
UPDATE jobs SET payload = 'x' WHERE id = 2;
SELECT interlock.renew_claim('jobs', 2, 17, '3 h') - clock_timestamp() > '179 min';
COMMIT;

-- GIVEN BACK without an error: no attempt is counted; with retry_in, later
CALL fill('jobs', 3);
CALL take('jobs', '{1,2,3}', 17);
SELECT outcome($$SELECT interlock.release_claim('jobs', 1, 17)$$), interlock.try_release_claim('jobs', 2, 17, retry_in => '1 h'), interlock.try_release_claim('jobs', 3, 16);
SELECT shown('jobs');
SELECT outcome($$SELECT interlock.release_claim('jobs', 1, 17)$$);
SELECT interlock.try_release_claim('jobs', 1, 17), interlock.try_finish_claim('jobs', 1, 17), interlock.try_renew_claim('jobs', 1, 17) IS NULL;
UPDATE jobs SET attempts = 0 WHERE id = 3;
SELECT interlock.release_claim('jobs', 3, 17, NULL, '0');
SELECT shown('jobs');
SELECT outcome(format('SELECT interlock.release_claim(''jobs'', 3, 17, retry_in => %s)', t)) FROM unnest(ARRAY['''-1 s''', '''367 days''']) AS t;

-- FAILED: a backoff that doubles, with jitter in its second half, up to max_backoff; dead after max_attempts
CALL fill('jobs', 100);
SELECT array_agg(i) AS hundred FROM generate_series(1, 100) AS i \gset
CALL take('jobs', :'hundred', 17);
SELECT bool_and(interlock.try_release_claim('jobs', id, 17, 'e')) FROM generate_series(1, 100) AS id;
SELECT min(run_at - clock_timestamp()) BETWEEN '4 s' AND '6 s', max(run_at - clock_timestamp()) BETWEEN '9 s' AND '10 s', count(DISTINCT run_at) > 90, count(claimed_until), min(attempts), max(attempts), count(dead_at) FROM jobs;
CALL take('jobs', :'hundred', 18);
SELECT bool_and(interlock.try_release_claim('jobs', id, 18, 'e')) FROM generate_series(1, 100) AS id;
SELECT min(run_at - clock_timestamp()) BETWEEN '9 s' AND '12 s', max(run_at - clock_timestamp()) BETWEEN '18 s' AND '20 s', count(dead_at) FROM jobs;
CALL fill('jobs', 2);
SELECT interlock.enable_claims('jobs', 'delete', max_attempts => 1000, backoff => '10 s', max_backoff => '1 min');
UPDATE jobs SET attempts = CASE id WHEN 1 THEN 3 ELSE 900 END;
CALL take('jobs', '{1,2}', 17);
SELECT bool_and(interlock.try_release_claim('jobs', id, 17, 'e')) FROM generate_series(1, 2) AS id;
SELECT count(*) FROM jobs WHERE run_at - clock_timestamp() BETWEEN '29 s' AND '1 min';
SELECT interlock.enable_claims('jobs', 'delete', max_attempts => 3, backoff => '0', max_backoff => '0');
CALL fill('jobs', 3);
CALL take('jobs', '{1,2,3}', 17);
SELECT interlock.release_claim('jobs', 1, 17, 'at once'), interlock.release_claim('jobs', 2, 17, 'as asked', '1 h');
SELECT shown('jobs');
-- the last attempt; retry_in makes no difference
UPDATE jobs SET attempts = 2;
CALL take('jobs', '{1,2}', 18);
SELECT interlock.release_claim('jobs', 1, 18, 'at last'), interlock.release_claim('jobs', 2, 18, 'at last', '1 h');
SELECT shown('jobs');
SELECT outcome($$SELECT interlock.finish_claim('jobs', 1, 18)$$);
SELECT detail($$SELECT interlock.finish_claim('jobs', 1, 18)$$) ? 'dead_at';
-- an error is kept up to 10,000 bytes, whole characters
CALL fill('jobs', 2);
CALL take('jobs', '{1,2}', 17);
SELECT interlock.release_claim('jobs', 1, 17, repeat('x', 10001)), interlock.release_claim('jobs', 2, 17, '');
SELECT length(last_error), last_error IS NOT NULL FROM jobs ORDER BY id;

-- GIVEN BACK OR FAILED, MANY: told in the order of the arguments; one error and retry_in for all
CALL fill('jobs', 6);
SELECT interlock.enable_claims('jobs', 'delete', max_attempts => 3, backoff => '10 s', max_backoff => '1 min');
CALL take('jobs', '{1,2,3,4}', 17);
SELECT r.* FROM interlock.release_claims('jobs', '{4,9,1,4,3,5}', '{17,17,17,17,16,17}') AS r;
SELECT shown('jobs');
SELECT r.status FROM interlock.release_claims('jobs', '{3,2}', '{17,17}', retry_in => '1 h') AS r;
CALL take('jobs', '{1,4,5,6}', 18);
UPDATE jobs SET attempts = 3 WHERE id IN (5, 6);
SELECT r.status FROM interlock.release_claims('jobs', '{5,1}', '{18,18}', 'e') AS r;
SELECT r.status FROM interlock.release_claims('jobs', ARRAY['6', '4'], '{18,18}', 'f', '0') AS r;
SELECT shown('jobs');
SELECT r.* FROM interlock.release_claims('jobs', '{}'::int[], '{}', 'e') AS r;
SELECT r.* FROM interlock.release_claims('jobs', '{4}', '{18}') AS r;
SELECT outcome(format('SELECT r.status FROM interlock.release_claims(''jobs'', %s) AS r', a))
FROM unnest(ARRAY['''{1}'', ''{}''', '''{1,NULL}'', ''{1,2}''', '''{1,2}'', ''{1,NULL}''', 'NULL::int[], ''{1}''', '''{1}'', NULL', '''{{1,2}}'', ''{1,2}''', '''{a}''::text[], ''{1}''', '''{1}'', ''{1}'', retry_in => ''-1 s''', '''{1}'', ''{1}'', ''e'', ''367 days''']) AS a;
-- each has a share of the backoff of its own
CALL fill('jobs', 100);
CALL take('jobs', :'hundred', 17);
SELECT r.status, count(*) FROM interlock.release_claims('jobs', ARRAY(SELECT i FROM unnest(:'hundred'::int[]) AS i ORDER BY md5(i::text)), array_fill(17::bigint, '{100}'), 'e') AS r GROUP BY 1;
SELECT min(run_at - clock_timestamp()) BETWEEN '4 s' AND '6 s', max(run_at - clock_timestamp()) BETWEEN '9 s' AND '10 s', count(DISTINCT run_at) > 90, count(DISTINCT last_error), count(claimed_until), min(attempts), max(attempts), count(dead_at) FROM jobs;
-- what this session gave back, it claims again before what comes after it
CALL fill('jobs', 9);
SELECT array_agg(claim_token ORDER BY id) AS tokens FROM interlock.claim_rows(NULL::jobs, 'w1', 2) \gset
SELECT pg_sleep(0.3);
SELECT id FROM interlock.claim_rows(NULL::jobs, 'w1', 1);
SELECT r.status FROM interlock.release_claims('jobs', '{1,2}', :'tokens') AS r;
SELECT id FROM interlock.claim_rows(NULL::jobs, 'w1', 1);

-- GROUPS: a row keeps its place, and waits by its claim's time, which is nobody's
CREATE TABLE grouped (id int PRIMARY KEY, payload text, customer int DEFAULT 1);
SELECT interlock.enable_claims('grouped', 'keep', group_by => 'customer', max_attempts => 2);
CALL fill('grouped', 5);
CALL take('grouped', '{1,2,3,4}', 17);
SELECT interlock.release_claim('grouped', 1, 17), interlock.release_claim('grouped', 2, 17, retry_in => '1 h'), interlock.release_claim('grouped', 3, 17, 'e'), interlock.release_claim('grouped', 4, 17, 'e', '1 h');
SELECT shown('grouped');
SELECT interlock.try_finish_claim('grouped', 3, 17);
UPDATE grouped SET claimed_until = NULL;
CALL take('grouped', '{3}', 18);
SELECT interlock.release_claim('grouped', 3, 18, 'f');
SELECT shown('grouped');
CALL fill('grouped', 4);
CALL take('grouped', '{1,2,3,4}', 17);
SELECT r.status FROM interlock.release_claims('grouped', '{1,2}', '{17,17}', retry_in => '1 h') AS r;
SELECT r.status FROM interlock.release_claims('grouped', '{4,3}', '{17,17}', 'e') AS r;
SELECT shown('grouped');

-- REVIVE: a dead row begins anew, and what was claimed before stays lost
CALL fill('kept', 3);
CALL take('kept', '{1,2,3}', 17);
UPDATE kept SET dead_at = now(), last_error = 'lease expired', attempts = 3 WHERE id < 3;
SELECT interlock.finish_claim('kept', 3, 17);
SELECT interlock.revive_claim('kept', 1), interlock.try_revive_claim('kept', 2);
SELECT shown('kept');
SELECT interlock.try_finish_claim('kept', 1, 17), interlock.try_revive_claim('kept', 1), interlock.try_revive_claim('kept', 3), interlock.try_revive_claim('kept', 9);
SELECT k, outcome(format('SELECT interlock.revive_claim(''kept'', %s)', k)) FROM unnest(ARRAY[1, 3, 9]) AS k;

-- A WORKER THAT DIED: its claims are given back, with the attempt, or dead after the last
CALL fill('kept', 7);
CALL take('kept', '{1,2,3}', 17);
CALL take('kept', '{4}', 17, ttl => '-1 h');
CALL take('kept', '{5}', 18, 'w2');
CALL take('kept', '{6,7}', 17);
UPDATE kept SET attempts = 3 WHERE id IN (2, 3);
UPDATE kept SET last_error = 'e' WHERE id = 3;
SELECT interlock.finish_claim('kept', 6, 17);
UPDATE kept SET dead_at = now() WHERE id = 7;
SELECT interlock.release_worker('kept', 'w1'), interlock.release_worker('kept', 'w1'), interlock.release_worker('kept', 'nobody');
SELECT shown('kept');
SELECT outcome(format('SELECT interlock.release_worker(''kept'', %s)', w)) FROM unnest(ARRAY['''''', 'NULL', 'repeat(''ö'', 200)', 'repeat(''ö'', 201)']) AS w;

-- ARGUMENTS that cannot be
SELECT outcome(a) FROM unnest(ARRAY[
    $$SELECT interlock.finish_claim(NULL, 1, 1)$$, $$SELECT interlock.finish_claim('jobs', NULL::int, 1)$$, $$SELECT interlock.finish_claim('jobs', 1, NULL)$$,
    $$SELECT interlock.finish_claim('jobs', 1.5, 1)$$, $$SELECT interlock.finish_claim('jobs', 'x', 1)$$, $$SELECT interlock.finish_claim('jobs', true, 1)$$,
    $$SELECT interlock.finish_claim('pg_class', 1, 1)$$, $$SELECT interlock.finish_claim('interlock.leases', 1, 1)$$]) AS a;

-- KEYS: composite ones, as the write functions take them
CREATE TABLE pairs (a int, b text, payload text, PRIMARY KEY (b, a));
SELECT interlock.enable_claims('pairs', 'keep');
INSERT INTO pairs SELECT i, 'b' || i FROM generate_series(1, 6) AS i;
UPDATE pairs SET claimed_by = 'w1', claim_token = a;
SELECT interlock.try_finish_claim('pairs', ROW('b1', 1), 1), interlock.try_finish_claim('pairs', '{"a": 2, "b": "b2"}', 2), interlock.try_finish_claim('pairs', '{"a": 2, "b": "b3"}'::jsonb, 2);
SELECT r.* FROM interlock.finish_claims('pairs', ARRAY['{"b": "b4", "a": 4}', '{"a": 3, "b": "b3"}']::jsonb[], '{4,3}') AS r;
SELECT r.* FROM interlock.renew_claims('pairs', ARRAY[ROW('b6', 6), ROW('b5', 5)], '{6,5}') AS r;
SELECT r.* FROM interlock.release_claims('pairs', ARRAY[ROW('b6', 6), ROW('b1', 1)], '{6,1}') AS r;
SELECT outcome($$SELECT interlock.finish_claim('pairs', ROW('b5', 5), 4)$$);

-- PRIVILEGES: those of the UPDATE or DELETE, and SELECT on what is looked at
CALL fill('jobs', 4);
CALL fill('kept', 4);
CALL take('jobs', '{1,2,3,4}', 17);
CALL take('kept', '{1,2,3,4}', 17);
GRANT SELECT (id, run_at, attempts, claimed_by, claim_token, claimed_until, last_error, finished_at, dead_at) ON jobs, kept TO regress_claims_worker;
SET ROLE regress_claims_worker;
SELECT outcome(a) FROM unnest(ARRAY[$$SELECT interlock.finish_claim('jobs', 1, 17)$$, $$SELECT interlock.finish_claim('kept', 1, 17)$$, $$SELECT interlock.renew_claim('kept', 1, 17)$$, $$SELECT interlock.release_claim('kept', 1, 17)$$,
    $$SELECT interlock.release_claim('kept', 1, 17, 'e')$$, $$SELECT r.status FROM interlock.release_claims('kept', '{1,2}', '{17,17}') AS r$$, $$SELECT interlock.revive_claim('kept', 1)$$, $$SELECT interlock.release_worker('kept', 'w1')$$]) AS a;
RESET ROLE;
GRANT DELETE ON jobs TO regress_claims_worker;
GRANT UPDATE (claimed_until, finished_at) ON kept TO regress_claims_worker;
SET ROLE regress_claims_worker;
SELECT outcome(a) FROM unnest(ARRAY[$$SELECT interlock.finish_claim('jobs', 1, 17)$$, $$SELECT interlock.finish_claim('kept', 1, 17)$$, $$SELECT interlock.renew_claim('kept', 2, 17) > now()$$, $$SELECT interlock.release_claim('kept', 2, 17)$$,
    $$SELECT interlock.finish_claim('jobs', 1, 17)$$, $$SELECT interlock.finish_claim('kept', 1, 17)$$]) AS a;
RESET ROLE;
GRANT UPDATE (claimed_by, attempts) ON kept TO regress_claims_worker;
REVOKE SELECT (last_error) ON jobs FROM regress_claims_worker;
SET ROLE regress_claims_worker;
SELECT outcome(a) FROM unnest(ARRAY[$$SELECT interlock.finish_claim('jobs', 2, 17)$$, $$SELECT interlock.release_claim('kept', 2, 17)$$, $$SELECT interlock.release_claim('kept', 3, 17, retry_in => '1 h')$$,
    $$SELECT string_agg(r.status::text, ' ') FROM interlock.release_claims('kept', '{3,2}', '{17,17}') AS r$$, $$SELECT r.status FROM interlock.release_claims('kept', '{4}', '{17}', 'e') AS r$$]) AS a;
RESET ROLE;
SET ROLE regress_claims_ops;
SELECT outcome($$SELECT interlock.finish_claim('jobs', 2, 17)$$), outcome($$SELECT interlock.finish_claim('jobs', 9, 17)$$);
RESET ROLE;
SELECT shown('kept');
BEGIN READ ONLY;
SELECT outcome($$SELECT interlock.finish_claim('jobs', 2, 17)$$);
ROLLBACK;

-- POLICIES: what is hidden is missing; what may not be written is rejected, and said
CALL fill('kept', 4);
CALL take('kept', '{1,2,3,4}', 17);
GRANT ALL ON kept TO regress_claims_worker;
ALTER TABLE kept ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON kept FOR SELECT USING (id <> 2);
CREATE POLICY written ON kept FOR UPDATE USING (id <> 3) WITH CHECK (finished_at IS NULL OR id <> 4);
SET ROLE regress_claims_worker;
SELECT k, outcome(format('SELECT interlock.finish_claim(''kept'', %s, 17)', k)) FROM generate_series(1, 4) AS k;
SELECT interlock.try_finish_claim('kept', 2, 17);
SELECT k, outcome(format('SELECT interlock.renew_claim(''kept'', %s, 17) > now()', k)) FROM generate_series(2, 4) AS k;
SELECT outcome(format('SELECT string_agg(r.status::text, '' '') FROM interlock.release_claims(''kept'', %L, ''{17,17}'', ''e'', ''1 h'') AS r', k)) FROM unnest(ARRAY['{4,2}', '{4,3}']) AS k;
RESET ROLE;
SELECT shown('kept');
ALTER TABLE kept DISABLE ROW LEVEL SECURITY;

-- TRIGGERS of the table fire as for the statement; one that returns NULL rejects
CREATE TABLE log (what text);
CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log VALUES (concat_ws(' ', tg_when, tg_op, tg_level, CASE WHEN tg_level = 'ROW' THEN coalesce(new.id, old.id) END));
    RETURN CASE WHEN tg_level = 'ROW' AND coalesce(new.payload, old.payload) = 'no' THEN NULL ELSE coalesce(new, old) END;
END $$;
CALL fill('kept', 4);
CALL take('kept', '{1,2,3,4}', 17);
UPDATE kept SET payload = 'no' WHERE id = 2;
CALL fill('jobs', 3);
CALL take('jobs', '{1,2,3}', 17);
UPDATE jobs SET payload = 'no' WHERE id = 2;
CREATE TRIGGER before BEFORE UPDATE OR DELETE ON kept FOR EACH ROW EXECUTE FUNCTION logged();
CREATE TRIGGER after AFTER UPDATE OR DELETE ON kept FOR EACH ROW EXECUTE FUNCTION logged();
CREATE TRIGGER before BEFORE UPDATE OR DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION logged();
CREATE TRIGGER after AFTER UPDATE OR DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION logged();
SELECT interlock.try_finish_claim('kept', 1, 17), interlock.try_finish_claim('jobs', 1, 17), interlock.renew_claim('kept', 3, 17) > now();
SELECT outcome($$SELECT interlock.try_finish_claim('kept', 2, 17)$$), outcome($$SELECT interlock.try_finish_claim('jobs', 2, 17)$$), outcome($$SELECT r.status FROM interlock.finish_claims('jobs', '{3,2}', '{17,17}') AS r$$);
SELECT r.status FROM interlock.finish_claims('jobs', '{3,4}', '{17,17}') AS r;
SELECT outcome($$SELECT r.status FROM interlock.release_claims('kept', '{4,2}', '{17,17}') AS r$$);
SELECT r.status FROM interlock.release_claims('kept', '{4,9}', '{17,17}') AS r;
SELECT what FROM log;
TRUNCATE log;
DROP TRIGGER before ON kept;
DROP TRIGGER after ON kept;
-- also statement triggers
CREATE TRIGGER statement AFTER UPDATE ON kept FOR EACH STATEMENT EXECUTE FUNCTION logged();
SELECT r.* FROM interlock.finish_claims('kept', '{2,3,9}', '{17,17,17}') AS r;
SELECT what FROM log;
DROP TRIGGER statement ON kept;
-- a trigger that ends the claim under the write
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE kept SET payload = 'm' WHERE id = new.id AND payload <> 'm';
    RETURN new;
END $$;
CALL fill('kept', 1);
CALL take('kept', '{1}', 17);
CREATE TRIGGER meddle BEFORE UPDATE ON kept FOR EACH ROW WHEN (old.payload = 'p' AND new.payload = 'p') EXECUTE FUNCTION meddle();
SELECT outcome($$SELECT interlock.finish_claim('kept', 1, 17)$$);
DROP TRIGGER meddle ON kept;

-- CONSTRAINTS and generated columns
CREATE TABLE strict (id int PRIMARY KEY, payload text, done boolean GENERATED ALWAYS AS (finished_at IS NOT NULL) STORED, finished_at timestamptz, attempts int NOT NULL DEFAULT 0 CHECK (attempts < 3));
SELECT interlock.enable_claims('strict', 'keep');
CREATE TABLE refers (strict_id int REFERENCES strict);
CALL fill('strict', 2);
CALL take('strict', '{1,2}', 17);
INSERT INTO refers VALUES (1);
SELECT interlock.try_finish_claim('strict', 1, 17);
SELECT id, done FROM strict ORDER BY id;
SELECT interlock.enable_claims('strict', 'delete');
SELECT outcome($$SELECT interlock.finish_claim('strict', 2, 17)$$);
UPDATE strict SET finished_at = NULL;
SELECT outcome($$SELECT interlock.finish_claim('strict', 1, 17)$$);
-- a key that is checked at commit
CREATE TABLE late (id int PRIMARY KEY DEFERRABLE, payload text);
SELECT interlock.enable_claims('late', 'keep');
CALL fill('late', 2);
CALL take('late', '{1,2}', 17);
SELECT interlock.try_finish_claim('late', 1, 17), interlock.renew_claim('late', 2, 17) > now();
SELECT shown('late');
-- a foreign key's lock on the row does not make it busy
BEGIN;
SELECT FROM late WHERE id = 2 FOR KEY SHARE;
SELECT interlock.try_renew_claim('late', 2, 17, '2 h') - now() > '1 h';
COMMIT;

-- ISOLATION: the same above READ COMMITTED where nobody interferes
CALL fill('kept', 3);
CALL take('kept', '{1,2,3}', 17);
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT r.* FROM interlock.finish_claims('kept', '{1,2}', '{17,16}') AS r;
SELECT interlock.renew_claim('kept', 3, 17, '2 h') - now() > '1 h', interlock.try_finish_claim('kept', 9, 17), outcome($$SELECT interlock.finish_claim('kept', 2, 16)$$);
COMMIT;

-- SEEING: counts, the age of what is oldest, per queue where there are few
CREATE TABLE queued (id int PRIMARY KEY, payload text, queue text NOT NULL DEFAULT 'a');
SELECT interlock.enable_claims('queued', 'keep', queue_column => 'queue', max_attempts => 4);
CREATE VIEW status AS SELECT queue, ready, delayed, running, expired, dead, exact, oldest_ready_age > '1 year' AS old, on_finish, max_attempts, notify FROM interlock.claim_status WHERE relation = 'queued'::regclass;
SELECT * FROM status;
CALL fill('queued', 12);
CALL take('queued', '{1,2}', 17);
CALL take('queued', '{3}', 17, ttl => '-1 h');
UPDATE queued SET run_at = now() + interval '1 h' WHERE id = 4;
UPDATE queued SET claimed_until = now() + interval '1 h' WHERE id = 5;
UPDATE queued SET dead_at = now() WHERE id = 6;
UPDATE queued SET finished_at = now() WHERE id = 7;
SELECT * FROM status;
UPDATE queued SET queue = '' WHERE id > 8;
SELECT * FROM status;
SELECT * FROM interlock.claim_counts('queued');
INSERT INTO queued SELECT i, 'p', i FROM generate_series(13, 60) AS i;
SELECT * FROM status;
INSERT INTO queued SELECT i, 'p', 'a' FROM generate_series(101, 10101) AS i;
UPDATE queued SET queue = 'a';
SELECT queue, ready, running, expired, exact FROM status;
SELECT * FROM interlock.claim_counts('queued');
SET ROLE regress_claims_ops;
SELECT queue, ready, dead, exact, max_attempts FROM interlock.claim_status WHERE relation = 'claims_ends.queued'::regclass;
SELECT outcome($$SELECT interlock.claim_counts('queued')$$);
RESET ROLE;
SELECT outcome($$SELECT interlock.claim_counts('log')$$);
SELECT count(*) FROM interlock.claim_table_status('log');
-- a role without a schema still sees the tables of others
REVOKE USAGE ON SCHEMA claims_ends FROM PUBLIC;
SET ROLE regress_claims_ops;
SELECT count(*) > 5, count(ready) FROM interlock.claim_status WHERE relation::text LIKE 'claims_ends.%';
RESET ROLE;

-- WHICH WAY: the direct one, where it is the same
SET interlock.direct_writes = auto;
DROP TRIGGER before ON jobs;
DROP TRIGGER after ON jobs;
CALL fill('jobs', 7);
CALL take('jobs', '{1,2,3,4,5,6,7}', 17);
SELECT direct AS before FROM interlock.write_paths() \gset
SELECT interlock.try_finish_claim('jobs', 1, 17), interlock.try_release_claim('jobs', 2, 17, 'e'), interlock.try_renew_claim('jobs', 3, 17) > now();
SELECT r.status FROM interlock.finish_claims('jobs', '{3,4,5}', '{17,17,17}') AS r;
SELECT r.status FROM interlock.release_claims('jobs', '{7,6}', '{17,17}', 'e') AS r;
SELECT direct - :before FROM interlock.write_paths();
RESET interlock.direct_writes;

-- PARAMETERS, as clients send them: text[] keys of integers, many rows, again and again on one plan
CALL fill('jobs', 120);
SELECT count(*) FROM interlock.claim_rows(NULL::jobs, 'w', 100);
CREATE TABLE mine AS SELECT id, claim_token FROM jobs WHERE claimed_by = 'w';
DO $$
DECLARE ids text[]; tokens bigint[]; done bigint;
BEGIN
    FOR i IN 1 .. 50 LOOP
        SELECT array_agg(id::text), array_agg(claim_token) INTO ids, tokens FROM (SELECT * FROM mine ORDER BY md5(id::text || i) LIMIT 2 * i) AS part;
        EXECUTE 'SELECT count(*) FROM interlock.renew_claims($1, $2, $3, $4) AS r WHERE r.status = ''done''' INTO done USING 'jobs'::regclass, ids, tokens, interval '10 s';
        ASSERT done = 2 * i, done;
    END LOOP;
    EXECUTE 'SELECT count(*) FROM interlock.release_claims($1, $2, $3) AS r WHERE r.status = ''done''' INTO done USING 'jobs'::regclass, ids[:50], tokens[:50];
    ASSERT done = 50, done;
    EXECUTE 'SELECT count(*) FROM interlock.finish_claims($1, $2, $3) AS r WHERE r.status = ''done''' INTO done USING 'jobs'::regclass, ids, tokens;
    ASSERT done = 50, done;
END $$;
SELECT count(*), count(claimed_by) FROM jobs;

SET client_min_messages = warning;
DROP SCHEMA claims_ends CASCADE;
DROP OWNED BY regress_claims_worker, regress_claims_ops;
DROP ROLE regress_claims_worker, regress_claims_ops;
