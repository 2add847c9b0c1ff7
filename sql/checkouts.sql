-- Proves what each function of checkouts does, refuses and tells: tokens, holders, expiry, notes, savepoints, who may, what the view shows, and that nobody but the functions reads or writes what is stored.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_checkout_ann, regress_checkout_bob, regress_checkout_team;
RESET client_min_messages;
CREATE ROLE regress_checkout_ann;
CREATE ROLE regress_checkout_bob;
CREATE ROLE regress_checkout_team;
GRANT regress_checkout_team TO regress_checkout_ann;
CREATE SCHEMA checkouts;
GRANT USAGE ON SCHEMA checkouts TO PUBLIC;
SET search_path = checkouts;

-- What a statement comes to: its result, how many rows it wrote, or its SQLSTATE, message, detail and hint. Tokens and times are left out.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    written bigint;
    message text;
    detail text;
    hint text;
BEGIN
    IF statement ILIKE 'SELECT %' THEN
        EXECUTE statement INTO result;
        RETURN coalesce(nullif(result, ''), CASE WHEN result IS NULL THEN 'NULL' ELSE 'done' END);
    END IF;
    EXECUTE statement;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN 'wrote ' || written;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN regexp_replace(regexp_replace(concat_ws(' | ', SQLSTATE, message, nullif(detail, ''), nullif(hint, '')), '\d{16}', 'T', 'g'), '\d{4}-\d\d-\d\d \d\d:\d\d:[0-9.]+[A-Z:+0-9-]*( UTC| P[SD]T)?', 'WHEN', 'g');
END $$;
-- Checks a row out and keeps its token; tells whether it was granted.
CREATE FUNCTION take(key bigint, ttl interval = '1 hour', holder text = 'me', note text = NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r interlock.lease_result := interlock.try_checkout('page', key, holder, ttl, note);
BEGIN
    IF r.granted THEN PERFORM set_config('checkouts.token', r.token::text, false); END IF;
    RETURN CASE WHEN r.granted THEN 'granted' ELSE 'held by ' || r.holder || coalesce(' token ' || r.token, '') END;
END $$;
CREATE FUNCTION token() RETURNS bigint LANGUAGE sql AS $$ SELECT current_setting('checkouts.token')::bigint $$;
CREATE FUNCTION shown() RETURNS SETOF text LANGUAGE sql AS
$$ SELECT concat_ws(' ', relation, key, holder, expired, note) FROM interlock.checkouts ORDER BY relation::text, key $$;
CREATE TABLE page (id bigint PRIMARY KEY, body text, hits int DEFAULT 0);
INSERT INTO page SELECT n, 'page ' || n FROM generate_series(1, 60) AS n;

-- NOT SET UP, and no table to set up
SELECT outcome($$SELECT interlock.checkout('page', 1, 'ann', '1 h')$$);
SELECT outcome(format('SELECT interlock.%s', call))
FROM unnest(ARRAY[$$try_checkout('page', 1, 'x', '1 h')$$, $$renew_checkout('page', 1, 1, '1 h')$$, $$try_renew_checkout('page', 1, 1, '1 h')$$, $$use_checkout('page', 1, 1)$$,
    $$try_use_checkout('page', 1, 1)$$, $$checkin('page', 1, 1)$$, $$break_checkout('page', 1)$$, $$disable_checkout('page')$$]) AS call;
SELECT interlock.enable_checkout('page');

-- CHECKOUT: the token is the clock's microseconds, the times are the clock's
SELECT token BETWEEN (extract(epoch FROM now()) * 1000000)::bigint - 1 AND (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 1,
    holder, acquired_at BETWEEN now() AND clock_timestamp(), expires_at - acquired_at
FROM interlock.checkout('page', 1, 'ann', '90 s', 'out for lunch');
SELECT granted, token > 0, holder, expires_at - acquired_at, blocking_pid FROM interlock.try_checkout('page', 2, 'bob', '1 day');
SELECT shown();
-- held is told; another one's token stays secret
SELECT granted, token, holder, acquired_at < clock_timestamp(), expires_at > clock_timestamp(), blocking_pid FROM interlock.try_checkout('page', 1, 'bob', '1 s');
SELECT outcome($$SELECT interlock.checkout('page', 1, 'bob', '1 s')$$);
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 1$$);
SELECT outcome($$DELETE FROM page WHERE id = 1$$);
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 2$$);
-- DETAIL for machines: the table, the key, who, until when, and the note
DO $$
DECLARE
    detail text;
BEGIN
    UPDATE page SET body = 'x' WHERE id = 1;
EXCEPTION WHEN SQLSTATE 'IL010' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RAISE NOTICE '% %', detail::jsonb - 'expires_at', (detail::jsonb ->> 'expires_at')::timestamptz = (SELECT expires_at FROM interlock.checkouts WHERE key = '{"id": 1}');
END $$;
-- the same holder opens it again: the same token, renewed; the note stays, or is replaced
SELECT take(3, '1 hour', 'ann', 'first');
SELECT token() AS first \gset
SELECT r.token = :first, r.holder, r.expires_at - now() > '110 min', r.acquired_at < now() FROM interlock.checkout('page', 3, 'ann', '2 hours') AS r;
SELECT shown() AS s INTERSECT VALUES ('page {"id": 3} ann f first');
SELECT r.token = :first FROM interlock.checkout('page', 3, 'ann', '1 min', 'second') AS r;
SELECT shown() AS s INTERSECT VALUES ('page {"id": 3} ann f second');
SELECT expires_at < now() + '2 min' FROM interlock.checkouts WHERE key = '{"id": 3}';
SELECT take(3, '1 h', 'Ann'), take(3, '1 h', 'ann ');

-- MISSING rows, also for try_; a row that was checked out and deleted is still somebody's
SELECT outcome($$SELECT interlock.checkout('page', 1000, 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.try_checkout('page', 1000, 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.use_checkout('page', 1000, 1)$$);
SELECT outcome($$SELECT interlock.try_use_checkout('page', 1000, 1)$$), outcome($$SELECT interlock.try_renew_checkout('page', 1000, 1, '1 h')$$), outcome($$SELECT interlock.checkin('page', 1000, 1)$$), outcome($$SELECT interlock.break_checkout('page', 1000)$$);

-- HOLDERS, TTLS, NOTES
SELECT outcome($$SELECT interlock.checkout('page', 4, '', '1 h')$$);
SELECT outcome(format('SELECT granted FROM interlock.try_checkout(%L, 4, %L, %L)', 'page', repeat('é', 200), '1 us'));
SELECT outcome(format('SELECT granted FROM interlock.try_checkout(%L, 4, %L, %L)', 'page', repeat('é', 201), '1 us'));
SELECT ttl, outcome(format('SELECT granted FROM interlock.try_checkout(%L, 4, %L, %L)', 'page', 'x', ttl))
FROM unnest('{0, "-1 us", "-1 day", "100 years", "366 days 00:00:00.000001", "-178000000 years", "178000000 years"}'::text[]) AS ttl;
SELECT outcome($$SELECT interlock.checkout('page', 4, 'x', 'infinity')$$) ~ '^(22023|22007) ';
SELECT ttl, expires_at - acquired_at FROM unnest('{"366 days", "1 mon", "1 us"}'::interval[]) WITH ORDINALITY AS t (ttl, n), interlock.checkout('page', 50 + n, 'x', ttl);
SELECT granted FROM interlock.try_checkout('page', 4, 'it''s "me", \ <ü>', '1 h', E'two\nlines, "quoted"');
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 4$$);
SELECT holder, note FROM interlock.checkouts WHERE key = '{"id": 4}';
SELECT granted FROM interlock.try_checkout('page', 5, 'long', '1 h', (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) AS i));
SELECT granted FROM interlock.try_checkout('page', 5, 'long', '1 h');
SELECT length(note), md5(note) = md5((SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) AS i)) FROM interlock.checkouts WHERE key = '{"id": 5}';

-- NULL
SELECT outcome(format('SELECT interlock.%s', call))
FROM unnest(ARRAY[$$checkout(NULL, 6, 'x', '1 h')$$, $$checkout('page', NULL::int, 'x', '1 h')$$, $$checkout('page', NULL, 'x', '1 h')$$, $$checkout('page', 6, NULL, '1 h')$$, $$try_checkout('page', 6, 'x', NULL)$$,
    $$renew_checkout('page', 6, NULL, '1 h')$$, $$renew_checkout(NULL, 6, 1, '1 h')$$, $$try_renew_checkout('page', 6, 1, NULL)$$, $$use_checkout('page', 6, NULL)$$, $$use_checkout('page', NULL::int, 1)$$, $$try_use_checkout(NULL, 6, 1)$$, $$checkin('page', 6, NULL)$$, $$checkin('page', NULL::int, 1)$$,
    $$break_checkout('page', NULL::bigint)$$, $$break_checkout(NULL, 6)$$, $$enable_checkout(NULL)$$, $$enable_checkout('page', NULL)$$, $$enable_checkout('page', '{hits, NULL}')$$, $$enable_checkout('page', '{}', NULL)$$, $$enable_checkout('page', '{}', '{x, NULL}')$$, $$enable_checkout('page', '{}', '{""}')$$, $$disable_checkout(NULL)$$]) AS call;
SELECT granted FROM interlock.try_checkout('page', 6, 'x', '1 us', NULL);
SELECT outcome($$SELECT interlock.checkout('no_table', 1, 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.checkout(1::oid::regclass, 1, 'x', '1 h')$$);

-- RENEW, USE, CHECKIN with the token, and with another one
SELECT take(7);
SELECT interlock.renew_checkout('page', 7, token(), '2 hours') - clock_timestamp() BETWEEN '119 min' AND '120 min';
SELECT interlock.try_renew_checkout('page', '7', token(), '1 min') - clock_timestamp() BETWEEN '59 s' AND '60 s';
SELECT interlock.use_checkout('page', 7, token());
SELECT interlock.try_use_checkout('page', 7, token());
SELECT wrong - token() AS off, outcome(format('SELECT interlock.renew_checkout(%L, 7, %s, %L)', 'page', wrong, '1 h')), outcome(format('SELECT interlock.try_renew_checkout(%L, 7, %s, %L)', 'page', wrong, '1 h')),
    outcome(format('SELECT interlock.use_checkout(%L, 7, %s)', 'page', wrong)), outcome(format('SELECT interlock.try_use_checkout(%L, 7, %s)', 'page', wrong)), outcome(format('SELECT interlock.checkin(%L, 7, %s)', 'page', wrong))
FROM (VALUES (token() - 1), (token() + 1)) AS w (wrong);
-- of another row
SELECT outcome(format('SELECT interlock.try_use_checkout(%L, 8, %s)', 'page', token()));
-- a bad ttl is refused whatever the token
SELECT outcome($$SELECT interlock.try_renew_checkout('page', 7, 1, '0')$$);
SELECT interlock.checkin('page', 7, token());
SELECT interlock.checkin('page', 7, token()), interlock.try_use_checkout('page', 7, token()), interlock.try_renew_checkout('page', 7, token(), '1 h');
SELECT outcome('SELECT interlock.use_checkout(''page'', 7, checkouts.token())');
SELECT count(*) FROM shown() AS s WHERE s LIKE '% 7} %';

-- USED: who presents the token writes, in that transaction only
SELECT take(8);
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 8$$);
BEGIN;
SELECT interlock.use_checkout('page', 8, token());
UPDATE page SET body = 'mine' WHERE id = 8;
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 1$$);
COMMIT;
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 8$$);
-- as one statement: the token is presented before the row is written
BEGIN;
WITH used AS MATERIALIZED (SELECT interlock.try_use_checkout('page', 8, token()) AS ok) UPDATE page SET body = 'in one' FROM used WHERE id = 8 AND ok RETURNING body;
COMMIT;
-- renewing presents it, too; so does taking; a failed attempt does not
BEGIN; SELECT interlock.renew_checkout('page', 8, token(), '1 h') > now(); UPDATE page SET body = 'renewed' WHERE id = 8; COMMIT;
BEGIN; SELECT take(8); UPDATE page SET body = 'reentered' WHERE id = 8; COMMIT;
BEGIN; SELECT take(8, '1 h', 'other'), interlock.try_use_checkout('page', 8, 1), interlock.try_renew_checkout('page', 8, 1, '1 h'), interlock.checkin('page', 8, 1); SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 8$$); COMMIT;
BEGIN; SELECT take(9); UPDATE page SET body = 'taken' WHERE id = 9; SELECT interlock.checkin('page', 9, token()); UPDATE page SET body = 'given back' WHERE id = 9; COMMIT;
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 9$$);
-- the holder deletes the row, and its key is checked out all the same; it comes back under the checkout
BEGIN; SELECT interlock.use_checkout('page', 8, token()) FROM (SELECT take(8)) AS t; DELETE FROM page WHERE id = 8; COMMIT;
SELECT take(8, '1 h', 'other');
SELECT outcome('SELECT take(8)');
INSERT INTO page VALUES (8, 'by anybody');
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 8$$), outcome($$DELETE FROM page WHERE id = 8$$);
SELECT interlock.checkin('page', 8, token());
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 8$$);
-- a new key is another row's: the holder moves from under its checkout
SELECT take(10);
SELECT outcome($$UPDATE page SET id = 110 WHERE id = 10$$);
BEGIN; SELECT interlock.use_checkout('page', 10, token()); UPDATE page SET id = 110 WHERE id = 10; COMMIT;
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 110$$), take(10, '1 h', 'other'), interlock.checkin('page', 10, token());

-- EXPIRED: anybody writes, and that ends it; until then it is still the holder's
SELECT take(11, '1 us');
SELECT shown() AS s INTERSECT VALUES ('page {"id": 11} me t');
SELECT interlock.try_use_checkout('page', 11, token());
BEGIN; SELECT interlock.use_checkout('page', 11, token()); UPDATE page SET body = 'late, but the first' WHERE id = 11; COMMIT;
SELECT outcome($$UPDATE page SET body = body WHERE id = 11$$), interlock.try_use_checkout('page', 11, token());
BEGIN; UPDATE page SET body = 'undone' WHERE id = 11; SELECT interlock.try_use_checkout('page', 11, token()); ROLLBACK;
SELECT interlock.try_use_checkout('page', 11, token());
SELECT outcome($$UPDATE page SET body = 'somebody' WHERE id = 11$$), interlock.try_use_checkout('page', 11, token()), interlock.try_renew_checkout('page', 11, token(), '1 h'), interlock.checkin('page', 11, token());
SELECT count(*) FROM shown() AS s WHERE s LIKE '% 11} %';
SELECT take(12, '1 us'), interlock.renew_checkout('page', 12, token(), '1 h') > now();
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 12$$);
SELECT take(13, '1 us'); DELETE FROM page WHERE id = 13; SELECT interlock.try_use_checkout('page', 13, token());
-- taken by another, and by the same holder: a new token
SELECT take(14, '1 us'), token() AS before \gset
SELECT take(14, '1 us', 'other');
SELECT token() > :before, interlock.try_use_checkout('page', 14, :before), interlock.try_renew_checkout('page', 14, :before, '1 h'), interlock.checkin('page', 14, :before);
SELECT token() AS before \gset
SELECT take(14, '1 us', 'other'), token() > :before;
-- a checkin of an expired one is a checkin
SELECT interlock.checkin('page', 14, token());

-- BREAK
SELECT take(15), interlock.break_checkout('page', 15), interlock.break_checkout('page', 15), interlock.try_use_checkout('page', 15, token());
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 15$$);
SELECT take(15, '1 us'), interlock.break_checkout('page', 15), interlock.try_renew_checkout('page', 15, token(), '1 h');

-- TOKENS only grow: across checkin, expiry, break, prune, and where the last one is ahead of the clock
CREATE TABLE seen (n serial, token bigint);
SELECT take(16); INSERT INTO seen (token) VALUES (token()); SELECT interlock.checkin('page', 16, token());
SELECT take(16, '1 us'); INSERT INTO seen (token) VALUES (token());
SELECT take(16); INSERT INTO seen (token) VALUES (token()); SELECT interlock.break_checkout('page', 16);
SELECT take(16, '1 us'); INSERT INTO seen (token) VALUES (token()); SELECT interlock.prune_leases('0') > 0, interlock.try_renew_checkout('page', 16, token(), '1 h');
SELECT take(16, '1 us'); INSERT INTO seen (token) VALUES (token());
UPDATE interlock.checkout_registry SET token = token + 10::bigint ^ 15 WHERE key = '[16]';
SELECT take(16, '1 us'); INSERT INTO seen (token) VALUES (token());
SELECT interlock.prune_leases('0'), take(16, '1 us'); INSERT INTO seen (token) VALUES (token());
SELECT token - lag(token) OVER (ORDER BY n) = 1 FROM seen ORDER BY n DESC LIMIT 1;
SELECT count(*), bool_and(token > coalesce(before, 0)) FROM (SELECT token, lag(token) OVER (ORDER BY n) AS before FROM seen) AS s;
UPDATE interlock.checkout_registry SET token = 9223372036854775807 WHERE key = '[16]';
SELECT outcome($$SELECT interlock.checkout('page', 16, 'x', '1 h')$$);

-- SEVERAL CALLS in one statement, and in one transaction: each sees what the one before did
SELECT a.granted, b.granted, b.holder FROM interlock.try_checkout('page', 17, 'first', '1 h') AS a, LATERAL interlock.try_checkout('page', CASE WHEN a.granted THEN 17 END, 'second', '1 h') AS b;
BEGIN;
SELECT take(18);
SELECT interlock.try_use_checkout('page', 18, token()), interlock.renew_checkout('page', 18, token(), '1 h') > now(), interlock.checkin('page', 18, token()), interlock.try_use_checkout('page', 18, token()), take(18), interlock.break_checkout('page', 18), interlock.break_checkout('page', 18), take(18, '1 us'), take(18);
COMMIT;
SELECT interlock.try_use_checkout('page', 18, token());

-- SAVEPOINTS take back what was done after them
SELECT take(19);
BEGIN;
SAVEPOINT s;
SELECT interlock.use_checkout('page', 19, token());
UPDATE page SET body = 'to be undone' WHERE id = 19;
ROLLBACK TO s;
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 19$$);
SAVEPOINT s;
SELECT interlock.renew_checkout('page', 19, token(), '5 hours') > now() + '4 hours';
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 19$$);
ROLLBACK TO s;
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 19$$);
SELECT expires_at < now() + '2 hours' FROM interlock.checkouts WHERE key = '{"id": 19}';
SELECT interlock.use_checkout('page', 19, token());
SAVEPOINT s;
SELECT interlock.renew_checkout('page', 19, token(), '5 hours') > now() + '4 hours';
ROLLBACK TO s;
UPDATE page SET body = 'used before the savepoint' WHERE id = 19;
SAVEPOINT s;
SELECT interlock.use_checkout('page', 19, token());
UPDATE page SET body = 'used again' WHERE id = 19;
RELEASE s;
UPDATE page SET body = 'and after' WHERE id = 19;
SAVEPOINT s;
SELECT interlock.checkin('page', 19, token());
ROLLBACK TO s;
UPDATE page SET body = 'and after a checkin that was called off' WHERE id = 19;
SAVEPOINT s;
SELECT interlock.use_checkout('page', 19, 1);
ROLLBACK TO s;
COMMIT;
SELECT body FROM page WHERE id = 19;
BEGIN; SELECT take(20); ROLLBACK;
SELECT count(*) FROM shown() AS s WHERE s LIKE '% 20} %';
BEGIN; SAVEPOINT s; SELECT take(20); ROLLBACK TO s; SELECT outcome($$UPDATE page SET body = 'nobody has it' WHERE id = 20$$); COMMIT;
SELECT interlock.try_use_checkout('page', 20, token());

-- READ-ONLY
BEGIN READ ONLY;
SELECT outcome(format('SELECT interlock.%s', call))
FROM unnest(ARRAY[$$checkout('page', 22, 'x', '1 h')$$, $$try_checkout('page', 22, 'x', '1 h')$$, $$renew_checkout('page', 22, 1, '1 h')$$, $$try_renew_checkout('page', 22, 1, '1 h')$$, $$use_checkout('page', 22, 1)$$,
    $$try_use_checkout('page', 22, 1)$$, $$checkin('page', 22, 1)$$, $$break_checkout('page', 22)$$, $$enable_checkout('page')$$, $$disable_checkout('page')$$]) AS call;
SELECT count(*) > 0 FROM interlock.checkouts;
ROLLBACK;

-- PRIVILEGES: SELECT on the key and UPDATE on a column
SET ROLE regress_checkout_bob;
SELECT outcome(format('SELECT interlock.%s', call))
FROM unnest(ARRAY[$$checkout('page', 1, 'x', '1 h')$$, $$try_checkout('page', 1, 'x', '1 h')$$, $$renew_checkout('page', 1, 1, '1 h')$$, $$use_checkout('page', 1, 1)$$, $$try_use_checkout('page', 1, 1)$$, $$checkin('page', 1, 1)$$, $$break_checkout('page', 1)$$, $$enable_checkout('page')$$, $$disable_checkout('page')$$]) AS call;
SELECT shown();
RESET ROLE;
GRANT SELECT (body) ON page TO regress_checkout_bob;
SET ROLE regress_checkout_bob;
SELECT outcome($$SELECT granted FROM interlock.try_checkout('page', 23, 'x', '1 h')$$);
SELECT shown();
RESET ROLE;
GRANT SELECT (id) ON page TO regress_checkout_bob;
SET ROLE regress_checkout_bob;
SELECT outcome($$SELECT granted FROM interlock.try_checkout('page', 23, 'x', '1 h')$$);
SELECT shown() AS s INTERSECT VALUES ('page {"id": 2} bob f');
RESET ROLE;
GRANT UPDATE (hits) ON page TO regress_checkout_bob;
SET ROLE regress_checkout_bob;
SELECT outcome($$SELECT granted FROM interlock.try_checkout('page', 23, 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.break_checkout('page', 23)$$);
SELECT interlock.prune_leases('0');
RESET ROLE;
-- a writer that may not read the key is told who has the row, and not which row it is
GRANT UPDATE (body) ON page TO regress_checkout_team;
REVOKE SELECT ON page FROM regress_checkout_bob;
REVOKE SELECT (id, body) ON page FROM regress_checkout_bob;
SELECT interlock.break_checkout('page', key ->> 'id') FROM interlock.checkouts WHERE key <> '{"id": 1}' ORDER BY key \g /dev/null
SET ROLE regress_checkout_ann;
SELECT outcome($$UPDATE page SET body = 'x'$$);
RESET ROLE;

-- nobody's rights: what is stored is not read or written, nor its tokens seen
SET ROLE regress_checkout_bob;
SELECT outcome('SELECT max(token) FROM interlock.checkout_registry');
SELECT outcome($$INSERT INTO interlock.checkout_registry VALUES (1, '1', 1, 'x', now(), now())$$);
SELECT outcome('UPDATE interlock.checkout_registry SET holder = NULL');
SELECT outcome('DELETE FROM interlock.checkout_registry');
SELECT outcome('TRUNCATE interlock.checkout_registry');
SELECT outcome('SELECT FROM interlock.checkout_registry FOR KEY SHARE');
SELECT outcome('LOCK TABLE interlock.checkout_registry IN ACCESS SHARE MODE');
SELECT left(outcome($$UPDATE interlock.checkouts SET holder = 'x'$$), 5);
SELECT count(*) FROM pg_stats WHERE tablename = 'checkout_registry';
CREATE FUNCTION pg_temp.leak(holder text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN IF holder IS NOT NULL THEN RAISE NOTICE 'saw %', holder; END IF; RETURN true; END $$;
SELECT count(*) FROM interlock.checkouts WHERE pg_temp.leak(holder);
RESET ROLE;
DROP FUNCTION pg_temp.leak(text);

-- ALTERED by its owner, what is stored would be misread: it is refused, also to writers of the row
BEGIN;
ALTER TABLE interlock.checkout_registry ADD COLUMN more int;
SELECT outcome($$SELECT interlock.try_checkout('page', 24, 'x', '1 h')$$);
SELECT outcome($$UPDATE page SET body = 'x' WHERE id = 24$$);
ROLLBACK;
BEGIN;
ALTER TABLE interlock.checkout_registry DROP CONSTRAINT checkout_registry_pkey;
SELECT outcome($$SELECT interlock.try_use_checkout('page', 24, 1)$$);
ROLLBACK;

-- COST: a renewal is one row, and touches no index
SELECT take(25);
SELECT pg_relation_size('interlock.checkout_registry_pkey') AS size \gset
SELECT count(interlock.renew_checkout('page', 25, token(), '1 h')) FROM generate_series(1, 50);
SELECT pg_relation_size('interlock.checkout_registry_pkey') = :size;

-- the trigger is for its use only
SELECT outcome('SELECT interlock.row_checkout()');
CREATE TABLE other (id int PRIMARY KEY);
CREATE TRIGGER t BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION interlock.row_checkout();
SELECT outcome('INSERT INTO other VALUES (1)');

SET client_min_messages = warning;
DROP SCHEMA checkouts CASCADE;
SELECT interlock.prune_leases('0') >= 0, count(*) FROM interlock.checkouts;
DROP ROLE regress_checkout_ann, regress_checkout_bob, regress_checkout_team;
