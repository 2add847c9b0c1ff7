-- Proves that a checkout is one row's whatever the type of its key, however the key is written, and whatever the settings of the session that asks: types, composite keys, hostile texts, long keys.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
RESET client_min_messages;
CREATE SCHEMA checkout_keys;
SET search_path = checkout_keys;

-- For a table (id TYPE PRIMARY KEY, body text): a row with this key is checked out, under the settings that are set. Others, who write the key in another
-- way and under other settings, are refused; so is a plain write; the holder uses it under any of them. Returns what went wrong, or "ok" with the key as it is stored.
CREATE FUNCTION try(type text, written text, also text = NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    other text := coalesce(also, written);
    t bigint;
    problems text[] := '{}';
    settings text;
    stored text;
    shown jsonb;
BEGIN
    EXECUTE format('DROP TABLE k; CREATE TABLE k (id %s PRIMARY KEY, body text)', type);
    EXECUTE format('INSERT INTO k VALUES (%L, %L)', written, 'a');
    PERFORM interlock.enable_checkout('k');
    EXECUTE format('SELECT token FROM interlock.checkout(%L, %L, %L, %L)', 'k', written, 'ann', '1 h') INTO t;
    SELECT key INTO STRICT stored FROM interlock.checkout_registry WHERE relation = 'k'::regclass;
    -- as if the transaction that took it were over
    PERFORM set_config('checkouts.token', t::text, false);
    RETURN stored;
END $$;
CREATE FUNCTION judge(written text, type text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    problems text[] := '{}';
    t bigint := current_setting('checkouts.token');
    granted boolean;
    found boolean;
BEGIN
    EXECUTE format('SELECT granted FROM interlock.try_checkout(%L, %L, %L, %L)', 'k', written, 'bob', '1 h') INTO granted;
    IF granted THEN problems := array_append(problems, 'granted to another'); END IF;
    EXECUTE format('SELECT granted FROM interlock.try_checkout(%L, %L::%s, %L, %L)', 'k', written, type, 'bob', '1 h') INTO granted;
    IF granted THEN problems := array_append(problems, 'granted to another who sends the type'); END IF;
    BEGIN
        UPDATE k SET body = body || 'x';
        problems := array_append(problems, 'written');
    EXCEPTION WHEN SQLSTATE 'IL010' THEN NULL;
    END;
    EXECUTE format('SELECT interlock.try_renew_checkout(%L, %L, %s, %L) IS NOT NULL', 'k', written, t, '1 h') INTO found;
    IF NOT found THEN problems := array_append(problems, 'not renewed'); END IF;
    RAISE EXCEPTION USING ERRCODE = 'P0999', MESSAGE = coalesce(nullif(concat_ws(', ', VARIADIC problems), ''), 'ok');
EXCEPTION WHEN SQLSTATE 'P0999' THEN
    RETURN SQLERRM;
END $$;
-- What a statement comes to: its result, how many rows it wrote, or its SQLSTATE and message, without times.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    written bigint;
BEGIN
    IF statement ILIKE 'SELECT %' THEN
        EXECUTE statement INTO result;
        RETURN coalesce(nullif(result, ''), 'done');
    END IF;
    EXECUTE statement;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN 'wrote ' || written;
EXCEPTION WHEN OTHERS THEN
    RETURN regexp_replace(concat_ws(' ', SQLSTATE, SQLERRM), ' until .*$', '');
END $$;
-- the settings that show the same value in another way
CREATE FUNCTION elsewhere(again boolean = true) RETURNS void LANGUAGE sql AS $$
    SELECT set_config('timezone', 'America/St_Johns', again), set_config('datestyle', 'SQL, DMY', again), set_config('intervalstyle', 'sql_standard', again), set_config('bytea_output', 'escape', again),
        set_config('extra_float_digits', '-5', again), set_config('lc_monetary', 'C', again);
$$;

-- how each is stored; then, in other transactions, by the text as it was written or another of the same value, at home and elsewhere
CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"');
CREATE TABLE k ();
CREATE DOMAIN small AS numeric(10, 2) CHECK (VALUE < 1000);
CREATE TABLE cases (n serial, type text, written text, also text);
INSERT INTO cases (type, written, also) VALUES
    ('smallint', '-7', '-07'), ('int', '7', ' 7'), ('bigint', '-9223372036854775808', NULL), ('oid', '4000000000', NULL),
    ('numeric', '1.0', '1.00'), ('numeric', '1', '1.000'), ('numeric', '100', '1e2'), ('numeric', '-0.00', '0'), ('numeric', '123456789012345678901234567890.5', '123456789012345678901234567890.50'), ('numeric', 'NaN', 'nan'), ('numeric(6,3)', '1.5', '1.5000'), ('small', '1.5', '1.50'),
    ('float8', '0.1', '1e-1'), ('float8', '-0', '0'), ('float8', '1e300', NULL), ('float8', 'Infinity', 'inf'), ('float8', 'NaN', NULL), ('float4', '0.1', '0.10'), ('real', '1e10', NULL),
    ('text', 'Straße', NULL), ('text', 'a"b\c''d', NULL), ('text', E'tab\tline\n\x01', NULL), ('text', '', NULL), ('text', '日本語 🙂', NULL), ('text', '{"id": 1}', NULL), ('text', '[1]', NULL), ('varchar(10)', 'x', NULL), ('char(5)', 'x', 'x  '), ('name', 'x', NULL), ('"char"', 'x', NULL),
    ('uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{a0eebc999c0b4ef8bb6d6bb9bd380a11}'), ('boolean', 'yes', 't'), ('mood', 'it''s "ok"', NULL),
    ('bytea', '\x00ff', E'\\000\\377'), ('bytea', '', NULL), ('bit(4)', '1010', NULL), ('varbit', '101', NULL),
    ('date', '2026-03-04', '20260304'), ('date', 'infinity', NULL), ('date', '0044-03-15 BC', NULL),
    ('timestamp', '2026-03-04 05:06:07.123456', '2026-03-04T05:06:07.123456'), ('timestamptz', '2026-03-04 05:06:07+00', '2026-03-04 07:06:07+02'), ('timestamptz', '2026-07-04 05:06:07.5+00', '2026-07-04T05:06:07.500Z'), ('timestamptz', '-infinity', NULL),
    ('time', '05:06:07', '05:06:07.000'), ('timetz', '05:06:07+02', NULL),
    ('interval', '1 day 02:03:04', NULL), ('interval', '1 day', '24 hours'), ('interval', '36 hours', '1 day 12 hours'), ('interval', '1 mon -1 day', '29 days'), ('interval', '-1 year', '-360 days'), ('interval', '1 day -2 hours', '22 hours'),
    ('inet', '10.0.0.1', '10.0.0.1/32'), ('cidr', '10.0.0.0/8', NULL), ('macaddr', '08:00:2b:01:02:03', '08002b010203'), ('money', '12.50', '12.5'),
    ('int4range', '[1,3]', '[1,4)'), ('tstzrange', '[2026-01-01 00:00+00,2026-01-02 00:00+00)', '[2026-01-01 02:00+02,2026-01-02 00:00+00)'), ('date[]', '{2026-03-04}', NULL), ('text[]', '{a,"b c"}', NULL), ('jsonb', '{"a": [1, "x"]}', '{"a":[1,"x"]}'), ('pg_lsn', '0/16', NULL), ('regtype', 'integer', 'int4');
-- one transaction a case and step: the checkout must be of an earlier one
CREATE PROCEDURE run() LANGUAGE plpgsql AS $$
DECLARE
    c record;
    stored text;
    home text;
    away text;
BEGIN
    FOR c IN SELECT * FROM cases ORDER BY n LOOP
        stored := try(c.type, c.written);
        COMMIT;
        home := judge(c.written, c.type) || coalesce(' ' || nullif(judge(coalesce(c.also, c.written), c.type), 'ok'), '');
        COMMIT;
        PERFORM elsewhere();
        away := CASE WHEN c.type IN ('money') THEN judge(c.written, c.type) ELSE judge(coalesce(c.also, c.written), c.type) END;
        COMMIT;
        RAISE NOTICE '% % %', c.type, stored, CASE WHEN home = 'ok' AND away = 'ok' THEN 'ok' ELSE 'home: ' || home || ', elsewhere: ' || away END;
    END LOOP;
END $$;
CALL run();
RESET ALL;
SET search_path = checkout_keys;

-- where equal values are not written alike, the row as it is stored says which
CREATE EXTENSION IF NOT EXISTS citext SCHEMA checkout_keys;
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
TRUNCATE cases RESTART IDENTITY;
INSERT INTO cases (type, written, also) VALUES ('citext', 'Ann', 'aNN'), ('text COLLATE blind', 'Ann', 'aNN'), ('jsonb', '{"a": 1.0}', '{"a": 1.00}'), ('numrange', '[1.0,2.0)', '[1,2)'), ('numeric[]', '{1.0}', '{1}');
CALL run();
RESET ALL;
SET search_path = checkout_keys;
DROP TABLE k;

-- COMPOSITE keys: by row, by JSON, in the key's order, whatever the table's
CREATE TABLE seat (body text, place text, day date, flight int, PRIMARY KEY (flight, day, place));
INSERT INTO seat VALUES ('a', '12"A', '2026-03-04', 7), ('b', '12B', '2026-03-04', 7);
SELECT interlock.enable_checkout('seat');
SELECT granted FROM interlock.try_checkout('seat', ROW(7, '2026-03-04', '12"A'), 'ann', '1 h');
SELECT key FROM interlock.checkout_registry WHERE relation = 'seat'::regclass;
SELECT relation, key FROM interlock.checkouts WHERE relation = 'seat'::regclass;
BEGIN;
SELECT elsewhere() \g /dev/null
SELECT granted FROM interlock.try_checkout('seat', '{"place": "12\"A", "day": "04/03/2026", "flight": "7"}', 'bob', '1 h');
SELECT granted FROM interlock.try_checkout('seat', jsonb_build_object('place', '12"A', 'flight', 7, 'day', '2026-03-04'), 'bob', '1 h');
SELECT granted FROM interlock.try_checkout('seat', ROW(7::bigint, date '2026-03-04', '12"A'::varchar), 'bob', '1 h');
SELECT relation, key FROM interlock.checkouts WHERE relation = 'seat'::regclass;
SELECT outcome($$UPDATE seat SET body = 'x'$$);
ROLLBACK;
SELECT outcome($$UPDATE seat SET body = 'x' WHERE place = '12B'$$);
SELECT outcome($$SELECT interlock.checkout('seat', 7, 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.checkout('seat', ROW(7, '2026-03-04'), 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.checkout('seat', ROW(7, '2026-03-04', NULL), 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.checkout('seat', '{"flight": 7}'::jsonb, 'x', '1 h')$$);
SELECT outcome($$SELECT interlock.checkout('seat', ROW(7, 'no day', '12B'), 'x', '1 h')$$);

-- NAMES of tables and columns with everything in them, in another schema
CREATE SCHEMA "checkout ""keys"" 'Ω' \";
CREATE TABLE "checkout ""keys"" 'Ω' \"."Täble ""x"" 'y' \" ("The ""id"" 'Ω'" int PRIMARY KEY, "hïts ""x""" int, body text);
\set table '"checkout ""keys"" \'Ω\' \\"."Täble ""x"" \'y\' \\"'
INSERT INTO :table VALUES (1, 0, 'a');
SELECT interlock.enable_checkout(:'table', '{"hïts \"x\""}', '{"Job''s \\ role"}');
SELECT granted FROM interlock.try_checkout(:'table', 1, 'ann', '1 h');
SELECT outcome(format($q$UPDATE %s SET body = 'x'$q$, :'table'));
SELECT outcome(format($q$UPDATE %s SET "hïts ""x""" = 1$q$, :'table'));
SELECT key FROM interlock.checkouts WHERE relation = :'table'::regclass;
SELECT interlock.disable_checkout(:'table');
DROP TABLE :table;
DROP SCHEMA "checkout ""keys"" 'Ω' \";
CREATE TABLE a123456789b123456789c123456789d123456789e123456789f123456789xyz (a123456789b123456789c123456789d123456789e123456789f123456789xyz int PRIMARY KEY, x123456789b123456789c123456789d123456789e123456789f123456789xyz int);
INSERT INTO a123456789b123456789c123456789d123456789e123456789f123456789xyz VALUES (1);
SELECT interlock.enable_checkout('a123456789b123456789c123456789d123456789e123456789f123456789xyz', '{x123456789b123456789c123456789d123456789e123456789f123456789xyz}');
SELECT granted FROM interlock.try_checkout('a123456789b123456789c123456789d123456789e123456789f123456789xyz', 1, 'ann', '1 h');
SELECT outcome($$UPDATE a123456789b123456789c123456789d123456789e123456789f123456789xyz SET x123456789b123456789c123456789d123456789e123456789f123456789xyz = 1$$);
SELECT outcome($$DELETE FROM a123456789b123456789c123456789d123456789e123456789f123456789xyz$$);

-- LONG keys: up to 1,000 bytes as they are stored; a longer one cannot be checked out, and is nobody's
CREATE TABLE long (id text PRIMARY KEY, body text);
SELECT interlock.enable_checkout('long');
INSERT INTO long SELECT repeat('x', n), 'a' FROM unnest('{995, 996, 997, 2500}'::int[]) AS n;
INSERT INTO long SELECT repeat('"', n), 'a' FROM unnest('{498, 499}'::int[]) AS n;
INSERT INTO long SELECT repeat('é', n), 'a' FROM unnest('{498, 499}'::int[]) AS n;
SELECT granted FROM interlock.try_checkout('long', repeat('x', 996), 'ann', '1 h');
SELECT outcome($$SELECT interlock.checkout('long', repeat('x', 997), 'ann', '1 h')$$);
SELECT outcome($$SELECT interlock.try_checkout('long', repeat('x', 2500), 'ann', '1 h')$$);
SELECT outcome($$SELECT interlock.try_use_checkout('long', repeat('x', 2500), 1)$$);
SELECT outcome($$SELECT interlock.break_checkout('long', repeat('x', 2500))$$);
SELECT granted FROM interlock.try_checkout('long', repeat('"', 498), 'ann', '1 h');
SELECT outcome($$SELECT interlock.checkout('long', repeat('"', 499), 'ann', '1 h')$$);
SELECT granted FROM interlock.try_checkout('long', repeat('é', 498), 'ann', '1 h');
SELECT outcome($$SELECT interlock.checkout('long', repeat('é', 499), 'ann', '1 h')$$);
SELECT outcome($$UPDATE long SET body = 'x' WHERE id = repeat('x', 996)$$);
SELECT outcome($$UPDATE long SET body = 'x' WHERE id = repeat('"', 498)$$);
SELECT outcome($$UPDATE long SET body = 'x' WHERE id NOT IN (repeat('x', 996), repeat('"', 498), repeat('é', 498))$$);
SELECT outcome($$DELETE FROM long WHERE id = repeat('x', 2500)$$);

SET client_min_messages = warning;
DROP SCHEMA checkout_keys CASCADE;
SELECT interlock.prune_leases('0') >= 0;
