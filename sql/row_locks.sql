-- Proves what lock_row, lock_rows and their try_ forms answer: rows, order, modes, keys of every type, and each error in full.
\set VERBOSITY terse
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA row_locks;
SET search_path = row_locks;

-- What a statement raises: code, message, schema and table, detail, hint; or what it returns.
CREATE FUNCTION said(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    message text; detail text; hint text; scheme text; relation text;
BEGIN
    RETURN QUERY EXECUTE 'SELECT r::text FROM ' || statement || ' AS r';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
        scheme = SCHEMA_NAME, relation = TABLE_NAME;
    RETURN NEXT concat_ws(' | ', SQLSTATE, message, nullif(concat_ws('.', nullif(scheme, ''), nullif(relation, '')), ''), nullif(detail, ''), nullif(hint, ''));
END $$;
-- Has this transaction itself (no savepoint of it) locked the row, or written it?
CREATE FUNCTION is_locked(rel regclass, id integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    locked boolean;
BEGIN
    EXECUTE format('SELECT xmax::text::bigint = pg_current_xact_id_if_assigned()::text::bigint %% (1::bigint << 32) FROM %s WHERE id = %s', rel, id) INTO locked;
    RETURN coalesce(locked, false);
END $$;

CREATE TABLE accounts (id integer PRIMARY KEY, owner text, balance numeric(10,2) NOT NULL DEFAULT 0, tags text[]);
INSERT INTO accounts SELECT i, 'owner ' || i, i * 10, ARRAY['a', 'b' || i] FROM generate_series(1, 9) AS i;

-- ONE ROW, as a row of the table; untyped, typed, and typed otherwise
SELECT r.* FROM interlock.lock_row(NULL::accounts, 1) AS r;
SELECT r.* FROM interlock.lock_row(NULL::accounts, '2') AS r;
SELECT r.id, r.owner FROM interlock.lock_row(NULL::accounts, 3::bigint) AS r;
SELECT r.id, r.owner FROM interlock.lock_row(NULL::accounts, 4.0) AS r;
SELECT r.id, r.owner FROM interlock.lock_row(row_type => NULL::accounts, key => 5::smallint, mode => 'share', wait => '1 s') AS r;
SELECT r.id FROM interlock.lock_row(NULL::accounts, jsonb_build_object('id', 6)) AS r;
SELECT r.id FROM accounts AS a, interlock.lock_row(a, 7) AS r WHERE a.id = 1;
SELECT (interlock.lock_row(NULL::accounts, 8)).owner;
SELECT r IS NULL, pg_typeof(r) FROM interlock.lock_row(NULL::accounts, 9) AS r;
PREPARE one AS SELECT r.owner FROM interlock.lock_row(NULL::accounts, $1) AS r;
EXECUTE one ('1');
EXECUTE one (2);
SELECT said('interlock.lock_row(NULL::accounts, 10)');
SELECT said('interlock.lock_row(NULL::accounts, NULL)');
SELECT said('interlock.lock_row(NULL::accounts, 1.5)');
SELECT said('interlock.lock_row(NULL::accounts, ''x'')');
SELECT said('interlock.lock_row(NULL::accounts, ROW(1, 2))');
SELECT said('interlock.lock_row(NULL::accounts, true)');
SELECT said('interlock.lock_row(NULL::accounts, 3000000000)');

-- it is locked until the transaction ends, or the savepoint before it is gone
BEGIN;
SELECT is_locked('accounts', 1);
SELECT r.id FROM interlock.lock_row(NULL::accounts, 1) AS r;
SELECT is_locked('accounts', 1), is_locked('accounts', 2);
COMMIT;
BEGIN;
SELECT is_locked('accounts', 1);
COMMIT;

-- THE MODES
SELECT mode, r.id FROM unnest(ARRAY['update', 'no key update', 'share', 'key share']) AS mode, interlock.lock_row(NULL::accounts, 1, mode) AS r;
SELECT said('interlock.lock_row(NULL::accounts, 1, ''UPDATE'')');
SELECT said('interlock.lock_row(NULL::accounts, 1, ''exclusive'')');
SELECT said('interlock.lock_rows(NULL::accounts, ''{1}'', '''')');
SELECT said('interlock.lock_rows(NULL::accounts, ''{1}'', repeat(''long'', 50))');

-- MANY ROWS: in the order of their keys, each once
SELECT r.* FROM interlock.lock_rows(NULL::accounts, ARRAY[3, 1, 2, 3, 1]) AS r;
SELECT r.id FROM interlock.lock_rows(NULL::accounts, '{9,8,7}') AS r;
SELECT r.id FROM interlock.lock_rows(NULL::accounts, ARRAY['3', ' 2', '03']) AS r;
SELECT r.id FROM interlock.lock_rows(NULL::accounts, ARRAY[2.0, 1.00, 2.000]) AS r;
SELECT r.id FROM interlock.lock_rows(NULL::accounts, ARRAY[ROW(2), ROW(1)]) AS r;
SELECT r.id FROM interlock.lock_rows(NULL::accounts, ARRAY['{"id": 2}', '{"id": 1}']::jsonb[]) AS r;
SELECT count(*) FROM interlock.lock_rows(NULL::accounts, '{}') AS r;
SELECT count(*) FROM interlock.lock_rows(NULL::accounts, ARRAY[]::bigint[]) AS r;
SELECT (interlock.lock_rows(NULL::accounts, '[5:7]={3,2,1}'::integer[])).owner;
SELECT interlock.lock_rows(NULL::accounts, ARRAY[2, 1]);
SELECT sum(balance) FROM interlock.lock_rows(NULL::accounts, (SELECT array_agg(id) FROM accounts)) AS r;
SELECT said('interlock.lock_rows(NULL::accounts, ARRAY[4, 12, 1, 11])');
SELECT r.id FROM interlock.lock_rows(NULL::accounts, ARRAY[4, 12, 1, 11], missing_ok => true) AS r;
SELECT count(*) FROM interlock.lock_rows(NULL::accounts, ARRAY[12, 11], missing_ok => true) AS r;
SELECT r.id FROM interlock.lock_rows(NULL::accounts, ARRAY[4, 3], skip_locked => true) AS r;
SELECT said('interlock.lock_rows(NULL::accounts, ARRAY[4, 13], skip_locked => true)');
SELECT said('interlock.lock_rows(NULL::accounts, ARRAY[1, NULL])');
SELECT said('interlock.lock_rows(NULL::accounts, ARRAY[[1, 2], [3, 4]])');
SELECT said('interlock.lock_rows(NULL::accounts, ARRAY[1, 2.5])');
SELECT said('interlock.lock_rows(NULL::accounts, ''{1,x}'')');
SELECT said('interlock.lock_rows(NULL::accounts, ARRAY[1], wait => ''1 s'', skip_locked => true)');
SELECT said('interlock.lock_rows(NULL::accounts, ARRAY[1], wait => ''0'', skip_locked => true)');
-- all or nothing: an error leaves none locked
BEGIN;
SAVEPOINT s;
SELECT r.id FROM interlock.lock_rows(NULL::accounts, ARRAY[2, 77]) AS r;
ROLLBACK TO s;
RELEASE s;
SELECT r.id FROM interlock.lock_rows(NULL::accounts, ARRAY[3, 4]) AS r;
SELECT array_agg(id ORDER BY id) FILTER (WHERE is_locked('accounts', id)) AS locked FROM accounts;
COMMIT;

-- TELLING
SELECT r.* FROM interlock.try_lock_row(NULL::accounts, 1) AS r;
SELECT r.status, (r.row).owner FROM interlock.try_lock_row(NULL::accounts, '1', 'share', '0') AS r;
SELECT r.* FROM interlock.try_lock_row(NULL::accounts, 10) AS r;
SELECT r.* FROM interlock.try_lock_rows(NULL::accounts, ARRAY[12, 2, 1, 2]) AS r;
SELECT r.key, r.status, (r.row).* FROM interlock.try_lock_rows(NULL::accounts, '{2,11}', 'key share', '1 s') AS r;
SELECT count(*) FROM interlock.try_lock_rows(NULL::accounts, '{}') AS r;
SELECT said('interlock.try_lock_row(NULL::accounts, NULL)');
SELECT said('interlock.try_lock_rows(NULL::accounts, NULL::integer[])');
SELECT said('interlock.try_lock_rows(NULL::accounts, ''{1}'', ''none'')');

-- ARGUMENTS that must not be null, and bounds that make no sense
SELECT said('interlock.lock_row(NULL::accounts, 1, NULL)');
SELECT said('interlock.lock_rows(NULL::accounts, NULL::integer[])');
SELECT said('interlock.lock_rows(NULL::accounts, ''{1}'', NULL)');
SELECT said('interlock.lock_rows(NULL::accounts, ''{1}'', skip_locked => NULL)');
SELECT said('interlock.lock_rows(NULL::accounts, ''{1}'', missing_ok => NULL)');
SELECT said('interlock.lock_row(NULL::accounts, 1, wait => ''-1 ms'')');
SELECT said('interlock.try_lock_rows(NULL::accounts, ''{1}'', wait => ''-1 day'')');
SELECT r.id FROM interlock.lock_row(NULL::accounts, 1, wait => '1000000 years') AS r;
SELECT r.id FROM interlock.lock_row(NULL::accounts, 1, wait => '00:00:00.000001') AS r;
SELECT r.id FROM interlock.lock_row(NULL::accounts, 1, wait => '0') AS r;

-- WHAT IS NO TABLE'S ROW TYPE
CREATE TYPE pair AS (id integer, n integer);
CREATE DOMAIN account AS accounts;
CREATE MATERIALIZED VIEW copied AS SELECT * FROM accounts;
CREATE TABLE keyless (id integer);
SELECT said('interlock.lock_row(1, 1)');
SELECT said('(SELECT interlock.lock_row(ROW(1, 2), 1))');
SELECT said('interlock.lock_row(NULL::pair, 1)');
SELECT said('interlock.lock_row(NULL::account, 1)');
SELECT said('interlock.lock_rows(NULL::account, ''{1}'')');
SELECT said('interlock.try_lock_row(NULL::accounts[], 1)');
SELECT said('interlock.lock_row(NULL, 1)');
SELECT said('interlock.lock_row(NULL::copied, ''{"id": 1}'')');
SELECT said('interlock.lock_row(NULL::keyless, 1)');
SELECT said('interlock.lock_row(NULL::pg_class, 1)');

-- KEYS OF OTHER TYPES
CREATE FUNCTION locked(keys anycompatiblearray, relation anyelement) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT r::text FROM interlock.lock_rows(relation, keys) AS r
$$;
CREATE TYPE color AS ENUM ('red', 'green', 'blue');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TABLE k_int2 (k smallint PRIMARY KEY);          INSERT INTO k_int2 VALUES (3), (-1), (2);
CREATE TABLE k_int8 (k bigint PRIMARY KEY);            INSERT INTO k_int8 VALUES (3), (-9000000000), (9000000000);
CREATE TABLE k_text (k text COLLATE "C" PRIMARY KEY);  INSERT INTO k_text VALUES ('b'), ('B'), ('a'), (''), ('{"k": 1}');
CREATE TABLE k_char (k char(5) PRIMARY KEY);           INSERT INTO k_char VALUES ('b'), ('a');
CREATE TABLE k_uuid (k uuid PRIMARY KEY);              INSERT INTO k_uuid VALUES ('00000000-0000-0000-0000-00000000000f'), ('00000000-0000-0000-0000-000000000001');
CREATE TABLE k_num (k numeric(8,2) PRIMARY KEY);       INSERT INTO k_num VALUES (2.50), (-1), (10);
CREATE TABLE k_float (k float8 PRIMARY KEY);           INSERT INTO k_float VALUES ('NaN'), (0), ('-Infinity');
CREATE TABLE k_date (k date PRIMARY KEY);              INSERT INTO k_date VALUES ('2026-02-01'), ('2026-01-01'), ('infinity');
CREATE TABLE k_time (k timestamptz PRIMARY KEY);       INSERT INTO k_time VALUES ('2026-02-01 12:00+00'), ('2026-01-01 12:00+00');
CREATE TABLE k_bool (k boolean PRIMARY KEY);           INSERT INTO k_bool VALUES (true), (false);
CREATE TABLE k_enum (k color PRIMARY KEY);             INSERT INTO k_enum VALUES ('red'), ('green'), ('blue');
CREATE TABLE k_domain (k positive PRIMARY KEY);        INSERT INTO k_domain VALUES (3), (1);
CREATE TABLE k_bytes (k bytea PRIMARY KEY);            INSERT INTO k_bytes VALUES ('\x02'), ('\x01ff');
CREATE TABLE k_array (k integer[] PRIMARY KEY);        INSERT INTO k_array VALUES ('{2}'), ('{1,9}');
CREATE TABLE k_range (k int4range PRIMARY KEY);        INSERT INTO k_range VALUES ('[2,3)'), ('[1,9)');
CREATE TABLE k_json (k jsonb PRIMARY KEY);             INSERT INTO k_json VALUES ('2'), ('{"a": 1}');
CREATE TABLE k_row (k pair PRIMARY KEY);               INSERT INTO k_row VALUES ((2, 1)), ((1, 2));
SET timezone = 'UTC';
SELECT locked(ARRAY[3, 2, -1]::smallint[], NULL::k_int2);
SELECT locked(ARRAY[3, 2, -1], NULL::k_int2);
SELECT locked(ARRAY[9000000000, 3, -9000000000], NULL::k_int8);
SELECT locked('{b,B,a,"","{\"k\": 1}"}'::text[], NULL::k_text);
SELECT locked('{b,a,"a    "}'::text[], NULL::k_char);
SELECT locked('{b,a}'::char(5)[], NULL::k_char);
SELECT locked('{00000000-0000-0000-0000-00000000000F,00000000-0000-0000-0000-000000000001}'::text[], NULL::k_uuid);
SELECT locked(ARRAY[10, 2.5, 2.500, -1.0], NULL::k_num);
SELECT said('locked(ARRAY[2.501], NULL::k_num)');
SELECT locked(ARRAY['NaN', '-Infinity', 0, '-0']::float8[], NULL::k_float);
SELECT locked(ARRAY['infinity', '2026-02-01', '2026-01-01']::date[], NULL::k_date);
SELECT locked(ARRAY['2026-02-01 13:00+01', '2026-01-01 12:00+00', '2026-02-01 12:00+00']::timestamptz[], NULL::k_time);
SELECT locked(ARRAY[true, false, true], NULL::k_bool);
SELECT locked('{blue,red,green}'::color[], NULL::k_enum);
SELECT locked('{blue,red}'::text[], NULL::k_enum);
SELECT locked(ARRAY[3, 1]::positive[], NULL::k_domain);
SELECT locked(ARRAY[3, 1], NULL::k_domain);
SELECT locked('{"\\x02","\\x01ff"}'::bytea[], NULL::k_bytes);
SELECT locked('{"{2}","{1,9}"}'::text[], NULL::k_array);
SELECT locked(ARRAY['[2,3)', '[1,8]']::int4range[], NULL::k_range);
SELECT locked(ARRAY['{"a": 1}', '2']::jsonb[], NULL::k_json);
SELECT locked('{"(2,1)","(1,2)"}'::text[], NULL::k_row);

-- several columns, in the key's order, which is not the table's
CREATE TABLE lines (note text, line integer, order_id bigint, PRIMARY KEY (order_id, line));
INSERT INTO lines SELECT format('line %s of %s', l, o), l, o FROM generate_series(1, 3) AS l, generate_series(7, 9) AS o;
SELECT r.note FROM interlock.lock_row(NULL::lines, ROW(7, 2)) AS r;
SELECT r.note FROM interlock.lock_row(NULL::lines, '{"line": 2, "order_id": 8}') AS r;
SELECT r.note FROM interlock.lock_rows(NULL::lines, ARRAY[ROW(9, 1), ROW(7, 3), ROW(7, 1), ROW(9, 1)]) AS r;
SELECT r.note FROM interlock.lock_rows(NULL::lines, ARRAY['{"line": 1, "order_id": 9}', '{"order_id": 7, "line": 3}']::jsonb[]) AS r;
SELECT r.note FROM interlock.lock_rows(NULL::lines, ARRAY['{"line": 1, "order_id": 9}', '{"order_id": 7, "line": 3}']) AS r;
SELECT r.note FROM interlock.lock_rows(NULL::lines, (SELECT array_agg(ROW(order_id, line)) FROM lines WHERE line < 3)) AS r;
SELECT r.key, r.status FROM interlock.try_lock_rows(NULL::lines, ARRAY[ROW(9, 1), ROW(7, 4)]) AS r;
SELECT said('interlock.lock_row(NULL::lines, 7)');
SELECT said('interlock.lock_row(NULL::lines, ROW(7))');
SELECT said('interlock.lock_row(NULL::lines, ROW(7, NULL))');
SELECT said('interlock.lock_row(NULL::lines, ROW(7, 4))');
SELECT said('interlock.lock_rows(NULL::lines, ARRAY[ROW(7, 1), NULL])');
SELECT said('interlock.lock_rows(NULL::lines, ARRAY[ROW(7, 1), ROW(8, 1)], missing_ok => true)');

-- VERSIONS
CREATE TABLE orders (id integer PRIMARY KEY, note text, version bigint NOT NULL DEFAULT 1);
INSERT INTO orders SELECT i, 'order ' || i FROM generate_series(1, 4) AS i;
SELECT said('interlock.lock_row(NULL::orders, 1, expected => 1)');
SELECT interlock.enable_versioning('orders') \gset
UPDATE orders SET note = 'paid' WHERE id IN (1, 2);
SELECT r.* FROM interlock.lock_row(NULL::orders, 1, expected => 2) AS r;
SELECT said('interlock.lock_row(NULL::orders, 1, expected => 1)');
SELECT said('interlock.lock_row(NULL::orders, 1, expected => 3)');
SELECT said('interlock.lock_row(NULL::orders, 5, expected => 1)');
SELECT r.* FROM interlock.try_lock_row(NULL::orders, 1, expected => 2) AS r;
SELECT r.* FROM interlock.try_lock_row(NULL::orders, 1, expected => 1) AS r;
SELECT r.* FROM interlock.try_lock_row(NULL::orders, 5, expected => 1) AS r;
SELECT r.* FROM interlock.try_lock_row(NULL::orders, 1, 'share', '0', 9223372036854775807) AS r;
SELECT r.version FROM interlock.lock_row(NULL::orders, 1, expected => NULL) AS r;
-- one that is stale is not locked
BEGIN;
SELECT r.status FROM interlock.try_lock_row(NULL::orders, 2, expected => 1) AS r;
SELECT r.id FROM interlock.lock_row(NULL::orders, 3, expected => 1) AS r;
SELECT is_locked('orders', 2);
COMMIT;
-- locked, then written by the version that the lock returned
BEGIN;
SELECT version AS v FROM interlock.lock_row(NULL::orders, 4) \gset
SELECT interlock.versioned_update('orders', 4, :v, '{"note": "locked and paid"}');
SELECT r.* FROM interlock.lock_row(NULL::orders, 4) AS r;
SELECT r.status FROM interlock.try_lock_row(NULL::orders, 4, expected => :v) AS r;
COMMIT;
CREATE TABLE stamped (id integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT '2026-01-01');
INSERT INTO stamped VALUES (1);
SELECT interlock.enable_versioning('stamped', 'at') \gset
SELECT said('interlock.lock_row(NULL::stamped, 1, expected => 1)');
SELECT r.id FROM interlock.lock_row(NULL::stamped, 1) AS r;

-- WITHIN ONE TRANSACTION: again, more strongly, rows that it inserted, changed, deleted, brought back
BEGIN;
SELECT r.id FROM interlock.lock_row(NULL::accounts, 1, 'key share') AS r;
SELECT r.id FROM interlock.lock_row(NULL::accounts, 1, 'update') AS r;
SELECT r.id FROM interlock.lock_row(NULL::accounts, 1, 'share', '0') AS r;
INSERT INTO accounts VALUES (20, 'new');
UPDATE accounts SET owner = 'changed' WHERE id = 2;
DELETE FROM accounts WHERE id = 3;
DELETE FROM accounts WHERE id = 4;
INSERT INTO accounts VALUES (4, 'again');
UPDATE accounts SET id = 21 WHERE id = 5;
SELECT r.key, r.status, (r.row).owner FROM interlock.try_lock_rows(NULL::accounts, '{20,2,3,4,5,21}') AS r;
-- by a function in the statement that changes them, which sees what it has done so far
WITH changed AS (UPDATE accounts SET owner = 'by CTE' WHERE id = 6 RETURNING id)
SELECT r.owner FROM changed, interlock.lock_row(NULL::accounts, changed.id) AS r;
UPDATE accounts AS a SET owner = (interlock.lock_row(NULL::accounts, a.id)).owner || ', seen' WHERE id IN (7, 8) RETURNING id, owner;
ROLLBACK;
CREATE FUNCTION lock_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.owner := NEW.owner || ' after ' || (interlock.lock_row(NULL::accounts, NEW.id)).owner;
    RETURN NEW;
END $$;
CREATE TRIGGER lock_first BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION lock_first();
UPDATE accounts SET owner = 'locked' WHERE id = 9 RETURNING owner;
DROP TRIGGER lock_first ON accounts;

-- READ-ONLY
BEGIN READ ONLY;
SAVEPOINT s;
SELECT r.id FROM interlock.lock_row(NULL::accounts, 1) AS r;
ROLLBACK TO s;
SELECT r.id FROM interlock.lock_rows(NULL::accounts, '{}') AS r;
ROLLBACK TO s;
SELECT r.status FROM interlock.try_lock_row(NULL::accounts, 1, 'key share') AS r;
ROLLBACK TO s;
SELECT r.status FROM interlock.try_lock_rows(NULL::accounts, '{1}') AS r;
ROLLBACK;
CREATE TEMPORARY TABLE own (id integer PRIMARY KEY, n integer);
INSERT INTO own VALUES (1, 10);
BEGIN READ ONLY;
SELECT r.* FROM interlock.lock_row(NULL::own, 1) AS r;
ROLLBACK;

-- NO SETTING IS LEFT BEHIND
SET lock_timeout = '7s';
SELECT r.id FROM interlock.lock_row(NULL::accounts, 1, wait => '1 s') AS r;
SHOW lock_timeout;
SELECT count(*) FROM interlock.lock_rows(NULL::accounts, '{1,2,3}', wait => '1 s') AS r;
SELECT said('interlock.lock_rows(NULL::accounts, ''{1,77}'', wait => ''1 s'')');
SHOW lock_timeout;
SELECT r.status FROM interlock.try_lock_row(NULL::accounts, 77, wait => '1 s') AS r;
SHOW lock_timeout;
RESET lock_timeout;

-- HOSTILE NAMES, and a search_path that leads elsewhere
CREATE SCHEMA "row ""locks""; --";
CREATE TABLE "row ""locks""; --"."ta""ble $1" ("id; DROP" integer, "Or""der" text, "%s" integer DEFAULT 1, PRIMARY KEY ("Or""der", "id; DROP"));
INSERT INTO "row ""locks""; --"."ta""ble $1" VALUES (1, 'x'), (2, 'a');
SELECT r.* FROM interlock.lock_rows(NULL::"row ""locks""; --"."ta""ble $1", ARRAY[ROW('x', 1), ROW('a', 2)]) AS r;
SELECT said('interlock.lock_row(NULL::"row ""locks""; --"."ta""ble $1", ROW(''x'', 2))');
SELECT r.key FROM interlock.try_lock_rows(NULL::"row ""locks""; --"."ta""ble $1", ARRAY[ROW('%s', 1)]) AS r;
CREATE TABLE owner (id integer PRIMARY KEY);
CREATE FUNCTION never(integer, integer) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
CREATE OPERATOR = (FUNCTION = never, LEFTARG = integer, RIGHTARG = integer);
SET search_path = row_locks, pg_catalog;
SELECT r.id FROM interlock.lock_row(NULL::accounts, 1) AS r;
SELECT r.status FROM interlock.try_lock_rows(NULL::accounts, '{1}') AS r;
DROP OPERATOR = (integer, integer);
SET search_path = row_locks;

-- MANY KEYS: memory is for the keys and the result, which goes to disk
CREATE TABLE many (id bigint PRIMARY KEY, filler text);
INSERT INTO many SELECT i, repeat('x', 100) FROM generate_series(1, 100000) AS i;
SELECT count(*), sum(id), min(r.id) = 1 AS first FROM interlock.lock_rows(NULL::many, (SELECT array_agg(1 + (i * 7919) % 100000) FROM generate_series(1, 100000) AS i)) AS r;
SELECT count(*), count(r.row), count(*) FILTER (WHERE r.status = 'missing') AS missing FROM interlock.try_lock_rows(NULL::many, (SELECT array_agg(i * 2) FROM generate_series(50000, 1, -1) AS i) || ARRAY[200000, 0]) AS r;
SELECT count(*) FROM (SELECT r.id, lag(r.id) OVER () AS before FROM interlock.lock_rows(NULL::many, (SELECT array_agg(1 + (i * 7919) % 100000) FROM generate_series(1, 1000) AS i)) AS r) AS o WHERE o.id <= o.before;

-- NEIGHBOURING KEYS: looked for together, judged one by one. Keys without order, each twice, some of them missing in the middle and at the end, by types of key, as SELECT finds and orders them: 300 rows but for 6 and 21; 320 keys.
CREATE FUNCTION neighbours(type text, made text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text;
BEGIN
    EXECUTE format('CREATE TABLE near (id %s PRIMARY KEY, i integer)', type);
    EXECUTE format('INSERT INTO near SELECT %s, i FROM generate_series(1, 300) AS i WHERE i %% 50 <> 0 AND i NOT BETWEEN 120 AND 140', made);
    EXECUTE format($query$
        WITH given AS (SELECT array_agg((%s)::%s ORDER BY i * 7919 %% 331, n) AS keys FROM generate_series(1, 320) AS i, generate_series(1, 2) AS n),
            selected AS (SELECT array_agg(i ORDER BY id) AS found FROM near, given WHERE id = ANY (keys)),
            locked AS (SELECT array_agg(r.i) AS found FROM given, interlock.lock_rows(NULL::near, keys, missing_ok => true) AS r),
            tried AS (SELECT array_agg((r.row).i) FILTER (WHERE r.status = 'locked') AS found, count(*) FILTER (WHERE r.status = 'missing') AS missing FROM given, interlock.try_lock_rows(NULL::near, keys) AS r)
        SELECT concat_ws(' ', cardinality(locked.found), missing, locked.found = selected.found, tried.found = selected.found)
        FROM selected, locked, tried $query$, made, type) INTO said;
    DROP TABLE near;
    RETURN said;
END $$;
SELECT type, neighbours(type, made)
FROM (VALUES ('smallint', 'i - 150'), ('integer', 'i'), ('integer', 'i * 3'), ('integer', 'i * i'), ('bigint', 'i - 9223372036854775807'), ('bigint', '9223372036854775487 + i'),
    ('oid', 'i'), ('numeric', 'i / 2.0'), ('double precision', 'i / 7.0'), ('date', 'date ''2026-01-01'' + i'), ('timestamptz', 'timestamptz ''2026-01-01'' + i * interval ''1 hour'''),
    ('text', '''key '' || i'), ('text', 'repeat(''long '', 200) || i'), ('varchar(10)', 'md5(i::text)::varchar(10)'), ('char(12)', 'chr(65 + i % 26) || i'), ('name', '''n'' || i'),
    ('uuid', 'md5(i::text)::uuid'), ('bytea', 'decode(md5(i::text), ''hex'')'), ('inet', 'inet ''10.0.0.0'' + i')) AS keys (type, made);
-- equal, but not the same; and what becomes an integer
CREATE TABLE exact (id numeric PRIMARY KEY);
INSERT INTO exact VALUES (1.0), (2), (3.000), (4), (5.0), (6), (7.00), (8), (9);
SELECT array_agg(r.id) FROM interlock.lock_rows(NULL::exact, '{9.0,8,1,7,7.0,6.00,2.0,5,4,3,1.00,2,9}'::numeric[]) AS r;
CREATE TABLE inexact (id double precision PRIMARY KEY);
INSERT INTO inexact VALUES ('-infinity'), (-1), ('-0'), (1), (2), (3), ('infinity'), ('nan');
SELECT array_agg(r.id) FROM interlock.lock_rows(NULL::inexact, '{nan,3,2,1,0,-0,-1,infinity,-infinity,nan}'::double precision[]) AS r;
CREATE TABLE short (id smallint PRIMARY KEY);
INSERT INTO short SELECT i FROM generate_series(-32768, 32767) AS i;
SELECT count(*), min(r.id), max(r.id) FROM interlock.lock_rows(NULL::short, (SELECT array_agg(i) FROM generate_series(32767, -32768, -1) AS i)) AS r;
SELECT array_agg(r.id) FROM interlock.lock_rows(NULL::short, '{7,6,5,4,3,2,1,-1,0,01}'::text[]) AS r;
SELECT array_agg(r.id) FROM interlock.lock_rows(NULL::short, '{7,6,5,4,3,2,1,-1,0}'::bigint[], 'key share') AS r;
-- in partitions, by turns and in ranges
CREATE TABLE by_turns (id integer PRIMARY KEY) PARTITION BY HASH (id);
CREATE TABLE by_turns_0 PARTITION OF by_turns FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_turns_1 PARTITION OF by_turns FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE in_ranges (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE in_ranges_1 PARTITION OF in_ranges FOR VALUES FROM (1) TO (20);
CREATE TABLE in_ranges_2 PARTITION OF in_ranges FOR VALUES FROM (20) TO (50);
INSERT INTO by_turns SELECT i FROM generate_series(1, 40) AS i WHERE i <> 30;
INSERT INTO in_ranges TABLE by_turns;
SELECT array_agg(r.id) FROM interlock.lock_rows(NULL::by_turns, (SELECT array_agg(i) FROM generate_series(40, 1, -1) AS i), missing_ok => true) AS r;
SELECT array_agg(r.id) FROM interlock.lock_rows(NULL::in_ranges, (SELECT array_agg(i) FROM generate_series(60, 1, -1) AS i), missing_ok => true) AS r;
-- beside older versions of the same rows
UPDATE many SET filler = 'y' WHERE id BETWEEN 101 AND 200;
BEGIN;
UPDATE many SET filler = 'z' WHERE id BETWEEN 150 AND 180;
DELETE FROM many WHERE id = 160;
UPDATE many SET id = -id WHERE id = 161;
SELECT r.filler, count(*), min(r.id), max(r.id) FROM interlock.lock_rows(NULL::many, (SELECT array_agg(i) FROM generate_series(141, 210) AS i), missing_ok => true) AS r WHERE length(r.filler) = 1 GROUP BY 1 ORDER BY 1;
ROLLBACK;
SELECT r.filler, count(*), min(r.id), max(r.id) FROM interlock.lock_rows(NULL::many, (SELECT array_agg(i) FROM generate_series(141, 210) AS i)) AS r WHERE length(r.filler) = 1 GROUP BY 1;

SET client_min_messages = warning;
DROP SCHEMA "row ""locks""; --" CASCADE;
DROP SCHEMA row_locks CASCADE;
