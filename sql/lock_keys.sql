-- Proves that every way to write a key of a namespace meets in one lock, that nothing is converted with loss, and that texts and uuids have the tags of SipHash-2-4, which no release may change.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA lock_keys;
SET search_path = lock_keys;
RESET client_min_messages;
SELECT interlock.create_lock_namespace('keys bigint');
SELECT interlock.create_lock_namespace('keys text', 'text');
SELECT interlock.create_lock_namespace('keys uuid', 'uuid');

-- The tag, classid/objid as pg_locks has them, of the lock that a call takes; or how it fails. Nothing stays locked.
CREATE FUNCTION tag(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
    EXECUTE call;
    SELECT string_agg(format('%s/%s', l.classid, l.objid), ' ' ORDER BY l.classid, l.objid) INTO result
    FROM pg_locks AS l JOIN interlock.lock_namespaces AS n ON n.id = l.objsubid
    WHERE l.pid = pg_backend_pid() AND l.locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());
    RAISE SQLSTATE 'ZZ000';
EXCEPTION
    WHEN SQLSTATE 'ZZ000' THEN RETURN result;
    WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE FUNCTION key(namespace text, key text) RETURNS text LANGUAGE sql AS
$$ SELECT lock_keys.tag(format('SELECT interlock.advisory_xact_lock(%L, %s)', 'keys ' || namespace, key)) $$;
CREATE FUNCTION keys(namespace text, keys text) RETURNS text LANGUAGE sql AS
$$ SELECT lock_keys.tag(format('SELECT interlock.advisory_xact_lock_many(%L, %s)', 'keys ' || namespace, keys)) $$;

CREATE DOMAIN id AS bigint CHECK (value > 0);
CREATE DOMAIN small_id AS smallint;
CREATE DOMAIN exact AS numeric(10, 2);
CREATE DOMAIN word AS text;
CREATE DOMAIN words AS text[];
CREATE DOMAIN own_uuid AS uuid;
CREATE DOMAIN longer_word AS word;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN own_mood AS mood;
CREATE TYPE pair AS (a integer, b integer);

-- BIGINT: 42 in every type that can hold it is one lock
SELECT key, key('bigint', key) FROM unnest(ARRAY['42', '42::smallint', '42::bigint', '42::oid', '42.0', '42::numeric', '42.00::lock_keys.exact', '42::lock_keys.id', '42::lock_keys.small_id',
    $$'42'$$, $$'42'::text$$, $$'42'::varchar$$, $$'42'::varchar(2)$$, $$'42'::char(5)$$, $$'42'::name$$, $$'42'::lock_keys.word$$, $$'42'::lock_keys.longer_word$$, $$' 42 '$$, $$'+42'$$, $$'0042'$$, $$'42'::cstring$$]) AS key;
-- the 64 bits of the key are the tag's, whatever its sign
SELECT key, key('bigint', key) FROM unnest(ARRAY['0', '-0.0', '1', '-1', $$'-1'$$, '-1.0', '-2147483649', '4294967296', '4294967295::oid', '9223372036854775807', $$'9223372036854775807'$$, '9223372036854775807.0', '-9223372036854775808', $$'-9223372036854775808'$$, '1e18']) AS key;
-- with loss, out of range, malformed, of another type
SELECT key, key('bigint', key) FROM unnest(ARRAY['1.5', '-0.1', '9223372036854775807.4', $$'NaN'::numeric$$, $$'Infinity'::numeric$$, $$'-Infinity'::numeric$$]) AS key;
SELECT key, key('bigint', key) FROM unnest(ARRAY['9223372036854775808', '-9223372036854775809', '1e30', $$'9223372036854775808'$$]) AS key;
SELECT key, key('bigint', key) FROM unnest(ARRAY[$$''$$, $$'x'$$, $$'1.0'$$, $$'4 2'$$, $$'42'::"char"::text || '-'$$, $$'1e3'$$]) AS key;
SELECT key, key('bigint', key) FROM unnest(ARRAY['42::float8', '42::real', 'true', $$'4'::"char"$$, '42::money', $$'42'::jsonb$$, $$'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid$$, $$'\x2a'::bytea$$, $$'good'::lock_keys.mood$$, $$'good'::lock_keys.own_mood$$, 'ROW(42)', '(4, 2)::lock_keys.pair', 'ARRAY[42]', $$'pg_class'::regclass$$, $$date '2000-01-01'$$, $$'42'::xid8$$]) AS key;

-- TEXT: the bytes; without the padding of char(n)
SELECT key, key('text', key) FROM unnest(ARRAY[$$'invoice-7'$$, $$'invoice-7'::text$$, $$'invoice-7'::varchar$$, $$'invoice-7'::varchar(9)$$, $$'invoice-7'::char(20)$$, $$'invoice-7'::name$$, $$'invoice-7'::lock_keys.word$$, $$'invoice-7'::cstring$$]) AS key;
SELECT key, key('text', key) FROM unnest(ARRAY[$$'invoice-7 '$$, $$'invoice-7 '::varchar$$, $$'Invoice-7'$$]) AS key;
-- integers as their text, uuids as theirs
SELECT key, key('text', key) FROM unnest(ARRAY['42', $$'42'$$, '42::smallint', '42::bigint', '42::oid', '42::lock_keys.id', $$'042'$$]) AS key;
SELECT key, key('text', key) FROM unnest(ARRAY['-9223372036854775808', $$'-9223372036854775808'$$]) AS key;
SELECT key, key('text', key) FROM unnest(ARRAY[$$'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid$$, $$'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'$$]) AS key;
-- what has several texts is refused
SELECT key, key('text', key) FROM unnest(ARRAY['42.0', '42::numeric', '42::float8', 'true', $$'"x"'::jsonb$$, $$'good'::lock_keys.mood$$, $$now()$$, $$'a'::"char"$$, $$'\x61'::bytea$$]) AS key;

-- UUID: in every spelling that its input takes
SELECT key, key('uuid', key) FROM unnest(ARRAY[$$'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'$$, $$'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'$$, $$'{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}'$$, $$'a0eebc999c0b4ef8bb6d6bb9bd380a11'::text$$,
    $$'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid$$, $$'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::lock_keys.own_uuid$$, $$'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::char(40)$$, $$'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::name$$]) AS key;
SELECT key, key('uuid', key) FROM unnest(ARRAY['42', '42.0', $$'42'$$, $$''$$, $$'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g'$$, $$'\x00'::bytea$$, 'true']) AS key;

-- NULL is no key, of whatever type
SELECT key, key('bigint', key) FROM unnest(ARRAY['NULL', 'NULL::bigint', 'NULL::text', 'NULL::float8']) AS key;
SELECT tag($$SELECT interlock.advisory_xact_lock('keys text', 'x', NULL)$$);
SELECT tag($$SELECT interlock.advisory_xact_lock('keys text', 'x', wait => NULL)$$);

-- STABLE: SipHash-2-4 with the key 00 01 … 0f, computed elsewhere. The first line of each block is a published test vector: of no bytes, and of the bytes 00 to 0f.
CREATE TABLE known (namespace text, key text, hash text);
INSERT INTO known VALUES
    ('text', '', '726fdb47dd0e0e31'),
    ('text', 'a', '2ba3e8e9a71148ca'),
    ('text', 'seven77', 'ebfd28c5341ccd94'),
    ('text', 'eight888', 'ac7b09121143bdf4'),
    ('text', 'nine99999', 'de3ce9ec66008b06'),
    ('text', 'invoice-7', 'f050e50e6ea70650'),
    ('text', '42', '20626087b15d6d13'),
    ('text', 'Ünïcode 🔒', '8718e9e684932446'),
    ('text', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '883bb51e6257058c'),
    ('text', repeat('x', 100000), '7d23dea09c48687d'),
    ('uuid', '00010203-0405-0607-0809-0a0b0c0d0e0f', '3f2acc7f57c29bdb'),
    ('uuid', '00000000-0000-0000-0000-000000000000', '98a0d3c0ef557701'),
    ('uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '3a4ae5ee851ff509');
-- the key as pg_locks shows it, from the hash; and from a column, where it may be compressed or out of line
CREATE FUNCTION tag_of(hash text) RETURNS text LANGUAGE sql AS
$$ SELECT format('%s/%s', ('x' || left(hash, 8))::bit(32)::bigint & 4294967295, ('x' || right(hash, 8))::bit(32)::bigint & 4294967295) $$;
SELECT namespace, left(key, 40), tag_of(hash), lock_keys.key(namespace, quote_literal(key)) = tag_of(hash), tag(format('SELECT interlock.advisory_xact_lock(%L, key) FROM lock_keys.known WHERE hash = %L', 'keys ' || namespace, hash)) = tag_of(hash)
FROM known;
-- composed and decomposed characters are two keys
SELECT key('text', $$U&'k\00E9y'$$), key('text', $$U&'ke\0301y'$$) <> key('text', $$U&'k\00E9y'$$);
-- the bigint in the view is the hash
BEGIN;
SELECT interlock.advisory_xact_lock('keys text', 'a'), interlock.advisory_xact_lock('keys uuid', '00010203-0405-0607-0809-0a0b0c0d0e0f'), interlock.advisory_xact_lock('keys bigint', -42);
SELECT namespace, to_hex(key), key_text FROM interlock.advisory_locks WHERE namespace LIKE 'keys %' ORDER BY namespace COLLATE "C";
COMMIT;

-- PARAMETERS of prepared statements, typed and not: an untyped one is a text
PREPARE untyped AS SELECT interlock.advisory_xact_lock('keys bigint', $1);
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'untyped';
PREPARE of_bigint(bigint) AS SELECT interlock.advisory_xact_lock('keys bigint', $1);
PREPARE of_smallint(smallint) AS SELECT interlock.advisory_xact_lock('keys bigint', $1);
PREPARE of_numeric(numeric) AS SELECT interlock.advisory_xact_lock('keys bigint', $1);
SELECT tag($$EXECUTE untyped('42')$$), tag('EXECUTE of_bigint(42)'), tag('EXECUTE of_smallint(42)'), tag('EXECUTE of_numeric(42.0)'), tag('EXECUTE of_numeric(42.5)'), tag('EXECUTE of_bigint(NULL)');
SET plan_cache_mode = force_generic_plan;
SELECT tag($$EXECUTE untyped('42')$$), tag('EXECUTE of_bigint(42)');
RESET plan_cache_mode;
DEALLOCATE ALL;

-- ARRAYS: element for element the same
SELECT keys, keys('bigint', keys) FROM unnest(ARRAY['ARRAY[42, 7]', $$'{42,7}'$$, $$ARRAY['42', '7']$$, 'ARRAY[42, 7]::smallint[]', 'ARRAY[42, 7]::bigint[]', 'ARRAY[42, 7.0]', $$'{7,42}'::varchar[]$$, $$'{42,7}'::lock_keys.words$$, 'ARRAY[42, 7]::lock_keys.id[]', $$'{{42,7},{7,42}}'$$, $$'[5:6]={42,7}'::integer[]$$, $$'42 7'::oidvector$$, 'ARRAY(SELECT k FROM unnest(ARRAY[42, 7, 42]) AS k)']) AS keys;
SELECT keys, keys('bigint', keys) FROM unnest(ARRAY['ARRAY[42, 1.5]', 'ARRAY[42, NULL]', $$'{42,NULL}'$$, $$'{42,x}'$$, 'ARRAY[42::float8]', 'ARRAY[true]', $$'{42'$$, 'NULL', 'NULL::bigint[]', '42', $$'42'$$]) AS keys;
SELECT keys('text', $$'{42,invoice-7}'$$) = keys('text', $$ARRAY['invoice-7'::varchar, '42'::varchar]$$), keys('text', 'ARRAY[42]') = key('text', $$'42'$$);
SELECT keys('uuid', $$'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'$$) = keys('uuid', $$ARRAY['A0EEBC999C0B4EF8BB6D6BB9BD380A11'::uuid]$$);
-- no keys, no locks
SELECT keys, keys('bigint', keys), keys('bigint', keys) IS NULL FROM unnest(ARRAY[$$'{}'$$, 'ARRAY[]::bigint[]', $$'{}'::text[]$$]) AS keys;

-- A conversion that changes the registry meanwhile: what was asked for is what is locked
CREATE FUNCTION disturbs(value bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM interlock.alter_lock_namespace('keys bigint', comment => 'disturbed by ' || value);
    PERFORM interlock.advisory_xact_lock('keys text', 'disturbed');
    RETURN true;
END $$;
CREATE DOMAIN disturbing AS bigint CHECK (disturbs(value));
BEGIN;
SELECT interlock.advisory_xact_lock('keys bigint', 42::disturbing);
SELECT interlock.advisory_xact_lock_many('keys bigint', ARRAY[43, 44]::disturbing[]);
SELECT namespace, key_text, CASE WHEN namespace = 'keys bigint' THEN key END AS key FROM interlock.advisory_locks WHERE namespace LIKE 'keys %' ORDER BY namespace COLLATE "C", 3;
SELECT comment FROM interlock.lock_namespaces WHERE name = 'keys bigint';
ROLLBACK;

-- UNLOCK and SLOTS read their keys the same way
SELECT interlock.advisory_session_lock('keys bigint', 42::smallint), interlock.advisory_session_lock('keys text', 'x'::char(5));
SELECT interlock.advisory_session_unlock('keys bigint', '42'), interlock.advisory_session_unlock('keys text', 'x'::name);
SELECT tag($$SELECT interlock.advisory_session_unlock('keys bigint', 1.5)$$);
SELECT tag($$SELECT interlock.advisory_session_unlock('keys bigint', NULL)$$);
SELECT tag($$SELECT interlock.advisory_xact_slot('keys bigint', 1.5, 3)$$);
SELECT tag($$SELECT interlock.advisory_xact_slot('keys bigint', NULL, 3)$$);
SELECT tag($$SELECT interlock.try_advisory_xact_lock('keys uuid', 'x')$$);
SELECT tag($$SELECT interlock.try_advisory_xact_lock_many('keys bigint', '{x}')$$);
SELECT tag($$SELECT interlock.try_advisory_session_lock('keys bigint', 'x')$$);

-- MESSAGES show a long key in part, whole characters
SELECT interlock.advisory_session_unlock('keys text', 'x' || repeat('é', 10000));

SET client_min_messages = warning;
SELECT interlock.drop_lock_namespace(name) FROM interlock.lock_namespaces WHERE name LIKE 'keys %';
DROP SCHEMA lock_keys CASCADE;
