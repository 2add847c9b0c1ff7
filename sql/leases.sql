-- Proves what each function of leases does, refuses and tells: tokens that only grow, whatever ends a lease; expiry by the clock; who may; and that nobody but the functions reads or writes what is stored.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_lease_ann, regress_lease_bob, regress_lease_team;
RESET client_min_messages;
CREATE ROLE regress_lease_ann;
CREATE ROLE regress_lease_bob;
CREATE ROLE regress_lease_team;
GRANT regress_lease_team TO regress_lease_ann;
CREATE SCHEMA leases;
GRANT USAGE ON SCHEMA leases TO PUBLIC;
SET search_path = leases;
SELECT interlock.create_lock_namespace('ls');
SELECT interlock.create_lock_namespace('ls text', 'text');
SELECT interlock.create_lock_namespace('ls uuid', 'uuid');
SELECT interlock.create_lock_namespace('ls team', roles => '{regress_lease_team}');

-- What a statement comes to: its result, or its SQLSTATE, message and hint. Tokens and times are left out.
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
    RETURN regexp_replace(regexp_replace(concat_ws(' | ', SQLSTATE, message, nullif(hint, '')), '\d{16}', 'T'), '\d{4}-\d\d-\d\d \d\d:\d\d:[0-9.:+-]+', 'WHEN');
END $$;
-- Takes a lease and keeps its token; tells whether it was granted.
CREATE FUNCTION take(key bigint, ttl interval = '1 hour', holder text = 'me') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r interlock.lease_result := interlock.try_acquire_lease('ls', key, holder, ttl);
BEGIN
    IF r.granted THEN PERFORM set_config('leases.token', r.token::text, false); END IF;
    RETURN CASE WHEN r.granted THEN 'granted' ELSE 'held by ' || r.holder || coalesce(' token ' || r.token, '') END;
END $$;
CREATE FUNCTION token() RETURNS bigint LANGUAGE sql AS $$ SELECT current_setting('leases.token')::bigint $$;
CREATE FUNCTION shown(named text = 'ls%') RETURNS SETOF text LANGUAGE sql AS
$$ SELECT concat_ws(' ', namespace, key, holder, expired, payload) FROM interlock.leases WHERE namespace LIKE named ORDER BY namespace, key $$;

-- ACQUIRE: the token is the clock's microseconds, the times are the clock's
SELECT token BETWEEN (extract(epoch FROM now()) * 1000000)::bigint - 1 AND (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 1,
    holder, acquired_at BETWEEN now() AND clock_timestamp(), expires_at - acquired_at
FROM interlock.acquire_lease('ls', 1, 'ann', '90 s');
SELECT granted, token > 0, holder, expires_at - acquired_at, blocking_pid FROM interlock.try_acquire_lease('ls', 2, 'bob', '1 day', '{"host": "b"}');
SELECT shown();
-- held is told; not re-entrant; another one's token stays secret
SELECT granted, token, holder, acquired_at < clock_timestamp(), expires_at > clock_timestamp(), blocking_pid FROM interlock.try_acquire_lease('ls', 1, 'bob', '1 s');
SELECT granted, token, holder FROM interlock.try_acquire_lease('ls', 1, 'ann', '1 s');
SELECT outcome($$SELECT interlock.acquire_lease('ls', 1, 'ann', '1 s')$$);
-- DETAIL for machines
DO $$
DECLARE
    detail jsonb;
    text text;
BEGIN
    BEGIN
        PERFORM interlock.acquire_lease('ls', 1, 'bob', '1 s');
    EXCEPTION WHEN SQLSTATE 'IL010' THEN
        GET STACKED DIAGNOSTICS text = PG_EXCEPTION_DETAIL;
        detail := text;
        RAISE NOTICE '% %', detail - 'expires_at', (detail ->> 'expires_at')::timestamptz = (SELECT expires_at FROM interlock.leases WHERE namespace = 'ls' AND key = '1');
    END;
    BEGIN
        PERFORM interlock.check_lease('ls text', 'a "key"', 5);
    EXCEPTION WHEN SQLSTATE 'IL011' THEN
        GET STACKED DIAGNOSTICS text = PG_EXCEPTION_DETAIL;
        RAISE NOTICE '%', text;
    END;
END $$;

-- KEYS: typed and untyped callers of one key meet; the view shows it as text
PREPARE untyped AS SELECT granted FROM interlock.try_acquire_lease('ls', $1, 'x', '1 h');
EXECUTE untyped(1);
SELECT granted FROM interlock.try_acquire_lease('ls', '1', 'x', '1 h');
SELECT granted FROM interlock.try_acquire_lease('ls', 1::smallint, 'x', '1 h');
SELECT granted FROM interlock.try_acquire_lease('ls', 1.0, 'x', '1 h');
SELECT outcome($$SELECT interlock.acquire_lease('ls', 1.5, 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.acquire_lease('ls', 'one', 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.acquire_lease('ls', now(), 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.acquire_lease('ls', 9223372036854775808, 'x', '1 h')$$);
SELECT granted FROM interlock.try_acquire_lease('ls', -9223372036854775808, 'least', '1 h');
SELECT granted FROM interlock.try_acquire_lease('ls text', 'Straße', 'x', '1 h');
SELECT granted FROM interlock.try_acquire_lease('ls text', 'straße', 'x', '1 h');
SELECT granted FROM interlock.try_acquire_lease('ls text', 42, 'x', '1 h');
SELECT granted FROM interlock.try_acquire_lease('ls text', '42'::varchar, 'x', '1 h');
SELECT granted FROM interlock.try_acquire_lease('ls uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'x', '1 h');
SELECT granted FROM interlock.try_acquire_lease('ls uuid', '{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}'::uuid, 'x', '1 h');
SELECT outcome($$SELECT interlock.acquire_lease('ls uuid', 'x', 'x', '1 h')$$);
SELECT shown();
-- a key has at most 1,000 bytes, not characters
SELECT outcome(format('SELECT granted FROM interlock.try_acquire_lease(%L, %L, %L, %L)', 'ls text', repeat('é', 500), 'x', '1 h'));
SELECT outcome(format('SELECT granted FROM interlock.try_acquire_lease(%L, %L, %L, %L)', 'ls text', repeat('é', 501), 'x', '1 h'));
SELECT outcome(format('SELECT interlock.break_lease(%L, %L)', 'ls text', repeat('x', 1001)));
SELECT granted FROM interlock.try_acquire_lease('ls text', '', 'the empty key', '1 h');
-- the longest notification fits
SELECT granted FROM interlock.try_acquire_lease('ls text', repeat(E'\x01', 1000), 'x', '1 h');
SELECT interlock.break_lease('ls text', repeat(E'\x01', 1000));

-- HOLDERS and TTLS
SELECT outcome($$SELECT interlock.acquire_lease('ls', 3, '', '1 h')$$);
SELECT outcome(format('SELECT granted FROM interlock.try_acquire_lease(%L, 3, %L, %L)', 'ls', repeat('é', 200), '1 us'));
SELECT outcome(format('SELECT granted FROM interlock.try_acquire_lease(%L, 3, %L, %L)', 'ls', repeat('é', 201), '1 us'));
SELECT ttl, outcome(format('SELECT granted FROM interlock.try_acquire_lease(%L, 3, %L, %L)', 'ls', 'x', ttl))
FROM unnest('{0, "-1 us", "-1 day", "100 years", "366 days 00:00:00.000001", "1 year 7 days", "-178000000 years", "178000000 years"}'::text[]) AS ttl;
SELECT outcome($$SELECT interlock.acquire_lease('ls', 3, 'x', 'infinity')$$) ~ '^(22023|22007) ';
SELECT outcome($$SELECT interlock.acquire_lease('ls', 3, 'x', '-infinity')$$) ~ '^(22023|22007) ';
SELECT ttl, expires_at - acquired_at FROM unnest('{"366 days", "1 mon", "1 day", "1 us"}'::interval[]) WITH ORDINALITY AS t (ttl, n), interlock.acquire_lease('ls', 10 + n, 'x', ttl);

-- NULL
SELECT outcome($$SELECT interlock.acquire_lease(NULL, 1, 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.acquire_lease('ls', NULL::int, 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.acquire_lease('ls', 4, NULL, '1 h')$$);
SELECT outcome($$SELECT interlock.acquire_lease('ls', 4, 'x', NULL)$$);
SELECT outcome($$SELECT granted FROM interlock.try_acquire_lease('ls', 4, 'x', '1 h', NULL)$$);
SELECT outcome($$SELECT interlock.renew_lease('ls', 4, NULL, '1 h')$$);
SELECT outcome($$SELECT interlock.try_renew_lease('ls', 4, 1, NULL)$$);
SELECT outcome($$SELECT interlock.release_lease('ls', 4, NULL)$$);
SELECT outcome($$SELECT interlock.check_lease('ls', 4, NULL)$$);
SELECT outcome($$SELECT interlock.try_check_lease(NULL, 4, 1)$$);
SELECT outcome($$SELECT interlock.break_lease('ls', NULL::bigint)$$);
SELECT outcome($$SELECT interlock.prune_leases(NULL)$$);
SELECT outcome($$SELECT interlock.acquire_lease('lss', 1, 'x', '1 h')$$);

-- RENEW, CHECK, RELEASE with the token, and with another one
SELECT take(5, '1 hour');
SELECT interlock.renew_lease('ls', 5, token(), '2 hours') - clock_timestamp() BETWEEN '119 min' AND '120 min';
SELECT interlock.try_renew_lease('ls', '5', token(), '1 min') - clock_timestamp() BETWEEN '59 s' AND '60 s';
SELECT interlock.check_lease('ls', 5, token());
SELECT interlock.try_check_lease('ls', 5, token());
SELECT wrong - token() AS off, outcome(format('SELECT interlock.renew_lease(%L, 5, %s, %L)', 'ls', wrong, '1 h')), outcome(format('SELECT interlock.try_renew_lease(%L, 5, %s, %L)', 'ls', wrong, '1 h')),
    outcome(format('SELECT interlock.check_lease(%L, 5, %s)', 'ls', wrong)), outcome(format('SELECT interlock.try_check_lease(%L, 5, %s)', 'ls', wrong)), outcome(format('SELECT interlock.release_lease(%L, 5, %s)', 'ls', wrong))
FROM (VALUES (token() - 1), (token() + 1)) AS w (wrong);
-- a bad ttl is refused whatever the token
SELECT outcome($$SELECT interlock.try_renew_lease('ls', 5, 1, '0')$$);
SELECT interlock.release_lease('ls', 5, token());
SELECT interlock.release_lease('ls', 5, token()), interlock.try_check_lease('ls', 5, token()), interlock.try_renew_lease('ls', 5, token(), '1 h');
SELECT outcome('SELECT interlock.check_lease(''ls'', 5, leases.token())');
SELECT count(*) FROM shown('ls') AS s WHERE s LIKE 'ls 5 %';
-- a key that never had a lease
SELECT interlock.try_check_lease('ls', 6, 1), interlock.try_renew_lease('ls', 6, 1, '1 h'), interlock.release_lease('ls', 6, 1), interlock.break_lease('ls', 6);
SELECT outcome($$SELECT interlock.check_lease('ls', 6, 1)$$);

-- EXPIRED: still the holder's, until somebody takes it
SELECT take(7, '1 us');
SELECT shown('ls') AS s INTERSECT VALUES ('ls 7 me t');
SELECT interlock.try_check_lease('ls', 7, token());
SELECT interlock.renew_lease('ls', 7, token(), '1 us') < clock_timestamp();
SELECT token() AS before \gset
SELECT take(7, '1 us', 'other');
SELECT token() > :before, interlock.try_check_lease('ls', 7, :before), interlock.try_renew_lease('ls', 7, :before, '1 h'), interlock.release_lease('ls', 7, :before), interlock.try_check_lease('ls', 7, token());
-- a release of an expired one is a release
SELECT interlock.release_lease('ls', 7, token());

-- TOKENS only grow: across release, expiry, break, prune, and where the last one is ahead of the clock
CREATE TABLE seen (n serial, token bigint);
SELECT take(8); INSERT INTO seen (token) VALUES (token()); SELECT interlock.release_lease('ls', 8, token());
SELECT take(8, '1 us'); INSERT INTO seen (token) VALUES (token());
SELECT take(8); INSERT INTO seen (token) VALUES (token()); SELECT interlock.break_lease('ls', 8), interlock.break_lease('ls', 8), interlock.try_check_lease('ls', 8, token());
SELECT take(8, '1 us'); INSERT INTO seen (token) VALUES (token()); SELECT interlock.prune_leases('0') > 0, interlock.try_renew_lease('ls', 8, token(), '1 h');
SELECT take(8, '1 us'); INSERT INTO seen (token) VALUES (token());
UPDATE interlock.lease_registry SET token = token + 10::bigint ^ 15 WHERE key = '8';
SELECT take(8, '1 us'); INSERT INTO seen (token) VALUES (token());
SELECT take(8, '1 us'); INSERT INTO seen (token) VALUES (token());
SELECT token - lag(token) OVER (ORDER BY n) = 1 FROM seen ORDER BY n DESC LIMIT 1;
-- it is not pruned: the next one could be smaller
SELECT interlock.prune_leases('0');
SELECT take(8, '1 us'); INSERT INTO seen (token) VALUES (token());
SELECT count(*), bool_and(token > coalesce(before, 0)) FROM (SELECT token, lag(token) OVER (ORDER BY n) AS before FROM seen) AS s;
-- the last one that there is
UPDATE interlock.lease_registry SET token = 9223372036854775806 WHERE key = '8';
SELECT take(8, '1 us'), token();
SELECT outcome($$SELECT interlock.acquire_lease('ls', 8, 'x', '1 h')$$);
DELETE FROM interlock.lease_registry WHERE key = '8';

-- PRUNE
SELECT outcome($$SELECT interlock.prune_leases('-1 us')$$);
SELECT outcome($$SELECT interlock.prune_leases('102 years')$$);
SELECT outcome($$SELECT interlock.prune_leases('infinity')$$) ~ '^(22023|22007) ';
SELECT take(20, '1 us'); SELECT take(21); SELECT interlock.release_lease('ls', 21, token()); SELECT take(22);
SELECT interlock.prune_leases('1 hour'), interlock.prune_leases('0'), interlock.prune_leases('0');
SELECT shown('ls') LIKE 'ls 22%' AS s ORDER BY s DESC LIMIT 1;

-- SEVERAL CALLS in one statement, and in one transaction: each sees what the one before did
SELECT a.granted, b.granted, b.holder FROM interlock.try_acquire_lease('ls', 30, 'first', '1 h') AS a, LATERAL interlock.try_acquire_lease('ls', CASE WHEN a.granted THEN 30 END, 'second', '1 h') AS b;
SELECT sum(granted::int) FROM (SELECT (interlock.try_acquire_lease('ls', 32 + i % 3, 'x', '1 h')).granted FROM generate_series(1, 9) AS i) AS s;
BEGIN;
SELECT take(40);
SELECT interlock.try_check_lease('ls', 40, token()), interlock.renew_lease('ls', 40, token(), '1 h') > now(), interlock.try_check_lease('ls', 40, token()), interlock.release_lease('ls', 40, token()), interlock.try_check_lease('ls', 40, token()), take(40), interlock.try_check_lease('ls', 40, token()), interlock.break_lease('ls', 40), interlock.break_lease('ls', 40), take(40, '1 us'), take(40);
COMMIT;
SELECT interlock.try_check_lease('ls', 40, token());
-- the trap: (f(...)).* calls the function once per column
SELECT granted, token IS NULL AS token_is_lost FROM (SELECT (interlock.try_acquire_lease('ls', 42, 'x', '1 h')).*) AS s;
SELECT r.granted, r.token IS NULL AS token_is_lost FROM interlock.try_acquire_lease('ls', 43, 'x', '1 h') AS r;

-- SAVEPOINTS take back what was done after them
BEGIN;
SAVEPOINT s;
SELECT take(50);
ROLLBACK TO s;
SELECT interlock.break_lease('ls', 50);
SELECT take(50);
SAVEPOINT s;
SELECT interlock.renew_lease('ls', 50, token(), '5 hours') > now() + '4 hours';
ROLLBACK TO s;
SELECT expires_at < now() + '2 hours' FROM interlock.leases WHERE namespace = 'ls' AND key = '50';
SAVEPOINT s;
SELECT interlock.release_lease('ls', 50, token());
ROLLBACK TO s;
SELECT interlock.try_check_lease('ls', 50, token());
SAVEPOINT s;
SELECT interlock.check_lease('ls', 50, 1);
ROLLBACK TO s;
SELECT interlock.check_lease('ls', 50, token());
COMMIT;
SELECT take(50);
BEGIN;
SELECT take(51);
ROLLBACK;
SELECT count(*) FROM shown('ls') AS s WHERE s LIKE 'ls 51 %';

-- PAYLOADS stay with renewals, also large ones, and go with the lease
SELECT granted FROM interlock.try_acquire_lease('ls', 60, 'p', '1 us', jsonb_build_object('text', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) AS i)));
SELECT length(payload ->> 'text') FROM interlock.leases WHERE namespace = 'ls' AND key = '60';
SELECT token AS t FROM interlock.lease_registry WHERE key = '60' \gset
SELECT interlock.renew_lease('ls', 60, :t, '1 us') IS NOT NULL, interlock.renew_lease('ls', 60, :t, '1 us') IS NOT NULL;
SELECT length(payload ->> 'text'), md5(payload ->> 'text') = md5((SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) AS i)) FROM interlock.leases WHERE namespace = 'ls' AND key = '60';
SELECT take(60);
SELECT payload FROM interlock.leases WHERE namespace = 'ls' AND key = '60';

-- READ-ONLY
BEGIN READ ONLY;
SELECT outcome($$SELECT interlock.acquire_lease('ls', 70, 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.try_acquire_lease('ls', 70, 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.renew_lease('ls', 70, 1, '1 h')$$);
SELECT outcome($$SELECT interlock.try_renew_lease('ls', 70, 1, '1 h')$$);
SELECT outcome($$SELECT interlock.release_lease('ls', 70, 1)$$);
SELECT outcome($$SELECT interlock.check_lease('ls', 70, 1)$$);
SELECT outcome($$SELECT interlock.try_check_lease('ls', 70, 1)$$);
SELECT outcome($$SELECT interlock.break_lease('ls', 70)$$);
SELECT outcome($$SELECT interlock.prune_leases('0')$$);
SELECT count(*) > 0 FROM interlock.leases;
ROLLBACK;

-- ROLES: members use, see and prune; others do none of it
SELECT granted FROM interlock.try_acquire_lease('ls team', 1, 'team', '1 h');
SELECT granted FROM interlock.try_acquire_lease('ls team', 2, 'team', '1 us');
SET ROLE regress_lease_bob;
SELECT outcome(format('SELECT interlock.%s', call))
FROM unnest(ARRAY[$$acquire_lease('ls team', 1, 'x', '1 h')$$, $$try_acquire_lease('ls team', 1, 'x', '1 h')$$, $$renew_lease('ls team', 1, 1, '1 h')$$, $$try_renew_lease('ls team', 1, 1, '1 h')$$,
    $$release_lease('ls team', 1, 1)$$, $$check_lease('ls team', 1, 1)$$, $$try_check_lease('ls team', 1, 1)$$, $$break_lease('ls team', 1)$$]) AS call;
SELECT shown('ls team');
SELECT interlock.prune_leases('0') >= 0;
-- nobody's rights: what is stored is not read or written, nor its tokens seen
SELECT outcome('SELECT max(token) FROM interlock.lease_registry');
SELECT outcome($$INSERT INTO interlock.lease_registry VALUES (1, '1', 1, 'x', now(), now())$$);
SELECT outcome('UPDATE interlock.lease_registry SET holder = NULL');
SELECT outcome('DELETE FROM interlock.lease_registry');
SELECT outcome('TRUNCATE interlock.lease_registry');
SELECT outcome('SELECT FROM interlock.lease_registry FOR KEY SHARE');
SELECT outcome('LOCK TABLE interlock.lease_registry IN ACCESS SHARE MODE');
SELECT left(outcome($$UPDATE interlock.leases SET holder = 'x'$$), 5);
SELECT count(*) FROM pg_stats WHERE tablename = 'lease_registry';
CREATE FUNCTION pg_temp.leak(holder text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN IF holder = 'team' THEN RAISE NOTICE 'saw %', holder; END IF; RETURN true; END $$;
SELECT count(*) FROM interlock.leases WHERE pg_temp.leak(holder) AND holder = 'team';
RESET ROLE;
DROP FUNCTION pg_temp.leak(text);
SET ROLE regress_lease_ann;
SELECT shown('ls team');
SELECT granted, holder, token FROM interlock.try_acquire_lease('ls team', 1, 'ann', '1 h');
SELECT interlock.break_lease('ls team', 1), granted FROM interlock.try_acquire_lease('ls team', 3, 'ann', '1 h');
RESET ROLE;
SELECT 'pruned by others' FROM shown('ls team') AS s HAVING count(*) FILTER (WHERE s LIKE '% 2 team t') = 0;

-- DROPPED: not while a lease is held; registered anew, it has none
SELECT outcome($$SELECT interlock.drop_lock_namespace('ls team')$$);
SELECT interlock.break_lease('ls team', 3);
SELECT outcome($$SELECT interlock.drop_lock_namespace('ls team')$$);
SELECT interlock.create_lock_namespace('ls team');
SELECT shown('ls team');
SELECT interlock.try_check_lease('ls team', 2, 1), granted FROM interlock.try_acquire_lease('ls team', 2, 'x', '1 h');

-- ALTERED by its owner, what is stored would be misread: it is refused
BEGIN;
ALTER TABLE interlock.lease_registry ADD COLUMN more int;
SELECT outcome($$SELECT interlock.try_acquire_lease('ls', 80, 'x', '1 h')$$);
ROLLBACK;
BEGIN;
ALTER TABLE interlock.lease_registry ALTER COLUMN token TYPE text;
SELECT outcome($$SELECT interlock.try_acquire_lease('ls', 80, 'x', '1 h')$$);
ROLLBACK;
BEGIN;
CREATE INDEX ON interlock.lease_registry ((holder || 'x'));
SELECT outcome($$SELECT interlock.try_acquire_lease('ls', 80, 'x', '1 h')$$);
ROLLBACK;
BEGIN;
ALTER TABLE interlock.lease_registry DROP CONSTRAINT lease_registry_pkey;
SELECT outcome($$SELECT interlock.try_check_lease('ls', 80, 1)$$);
ROLLBACK;
BEGIN;
ALTER TABLE interlock.lock_namespace_registry ADD COLUMN more int;
SELECT outcome($$SELECT interlock.try_check_lease('ls', 80, 1)$$);
ROLLBACK;

-- COST: a renewal is one row, and touches no index
SELECT take(90);
SELECT pg_relation_size('interlock.lease_registry_pkey') AS size \gset
SELECT count(interlock.renew_lease('ls', 90, token(), '1 h')) FROM generate_series(1, 50);
SELECT pg_relation_size('interlock.lease_registry_pkey') = :size;

TRUNCATE interlock.lease_registry;
SELECT interlock.drop_lock_namespace(name) FROM interlock.lock_namespaces WHERE name LIKE 'ls%';
SET client_min_messages = warning;
DROP SCHEMA leases CASCADE;
DROP ROLE regress_lease_ann, regress_lease_bob, regress_lease_team;
