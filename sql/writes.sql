-- A write by version does what it says: it is written, unchanged, stale, missing or rejected, in both forms.
\set SHOW_CONTEXT never
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA writes;
SET search_path = writes;

CREATE TABLE account (id integer PRIMARY KEY, owner text, balance numeric(12,2) NOT NULL, note text);
INSERT INTO account VALUES (1, 'ann', 100, 'first'), (2, 'bob', 200, NULL), (3, 'eve', 300, 'third');
SELECT interlock.enable_versioning('account');

-- written: the raising form returns the new version
SELECT interlock.versioned_update('account', 1, 1, '{"balance": 90}');
-- written: the telling form says so; the row is the caller's own, so it is not repeated
SELECT r.* FROM interlock.try_versioned_update('account', 1, 2, '{"balance": 80, "note": null}') AS r;
SELECT * FROM account ORDER BY id;
-- only the named columns are set; JSON null is SQL NULL
SELECT r.* FROM interlock.try_versioned_update('account', 2, 1, '{"owner": null}') AS r;
SELECT * FROM account WHERE id = 2;
-- arguments by name, base left out
SELECT interlock.versioned_update(rel => 'account', key => 3, expected => 1, changes => '{"note": "3rd"}');

-- unchanged: the version is verified and returned, nothing is written
SELECT ctid AS place, xmin AS writer FROM account WHERE id = 1 \gset
SELECT interlock.versioned_update('account', 1, 3, '{"balance": 80.00, "owner": "ann"}');
SELECT r.* FROM interlock.try_versioned_update('account', 1, 3, '{"note": null}') AS r;
SELECT ctid = :'place' AND xmin = :'writer' AS untouched, version FROM account WHERE id = 1;
-- unchanged needs the version too
SELECT r.status, r.version FROM interlock.try_versioned_update('account', 1, 2, '{"note": null}') AS r;

-- empty changes: no write, the version is verified
SELECT interlock.versioned_update('account', 1, 3, '{}');
SELECT r.* FROM interlock.try_versioned_update('account', 1, 3, '{}') AS r;
SELECT r.* FROM interlock.try_versioned_update('account', 1, 2, '{}') AS r;
SELECT r.* FROM interlock.try_versioned_update('account', 9, 1, '{}') AS r;
SELECT interlock.versioned_update('account', 1, 2, '{}');
SELECT interlock.versioned_update('account', 9, 1, '{}');

-- stale, raised: both versions, the row's name, nothing of its contents
SELECT interlock.versioned_update('account', 1, 1, '{"balance": 0}');
-- stale, told: the row as it is now, and each column where mine is not theirs
SELECT r.* FROM interlock.try_versioned_update('account', 1, 1, '{"balance": 0, "owner": "ann", "note": "mine"}') AS r;
-- a version from the future is as stale as one from the past
SELECT r.status, r.version FROM interlock.try_versioned_update('account', 1, 4, '{"balance": 0}') AS r;
SELECT r.status, r.version FROM interlock.try_versioned_update('account', 1, 0, '{"balance": 0}') AS r;
SELECT r.status, r.version FROM interlock.try_versioned_update('account', 1, -1, '{"balance": 0}') AS r;
SELECT r.status, r.version FROM interlock.try_versioned_update('account', 1, 9223372036854775807, '{"balance": 0}') AS r;
SELECT r.status, r.version FROM interlock.try_versioned_update('account', 1, -9223372036854775808, '{"balance": 0}') AS r;

-- missing
SELECT interlock.versioned_update('account', 9, 1, '{"balance": 0}');
SELECT r.* FROM interlock.try_versioned_update('account', 9, 1, '{"balance": 0}') AS r;
-- deleted in this transaction is missing
BEGIN;
DELETE FROM account WHERE id = 2;
SELECT r.* FROM interlock.try_versioned_update('account', 2, 2, '{"balance": 0}') AS r;
ROLLBACK;

-- base: a contested column is one that both sides changed, each to something else
CREATE TABLE form (id integer PRIMARY KEY, a text, b text, c text, d text, e text);
INSERT INTO form VALUES (1, 'a0', 'b0', 'c0', 'd0', NULL);
SELECT interlock.enable_versioning('form');
SELECT interlock.versioned_update('form', 1, 1, '{"a": "a1", "b": "b1", "e": "e1"}');
-- a: both changed; b: both to the same; c: only mine changed; d: neither; e: both, from NULL
SELECT r.status, r.version, jsonb_pretty(r.conflicts)
FROM interlock.try_versioned_update('form', 1, 1, '{"a": "a2", "b": "b1", "c": "c2", "d": "d0", "e": "e2"}',
                                    '{"a": "a0", "b": "b0", "c": "c0", "d": "d0", "e": null}') AS r;
-- a column that I send as I read it and that only they changed is not contested
SELECT r.status, r.conflicts
FROM interlock.try_versioned_update('form', 1, 1, '{"a": "a0", "c": "c2"}', '{"a": "a0", "c": "c0"}') AS r;
-- without base every difference is contested
SELECT r.status, r.conflicts FROM interlock.try_versioned_update('form', 1, 1, '{"a": "a0", "c": "c2", "d": "d0"}') AS r;
-- a base that covers some columns only: the others are judged as without base
SELECT r.status, r.conflicts FROM interlock.try_versioned_update('form', 1, 1, '{"a": "a2", "c": "c2"}', '{"c": "c0"}') AS r;
-- the whole row as read may serve as base, key and version included
SELECT r.status, r.conflicts
FROM interlock.try_versioned_update('form', 1, 1, '{"a": "a2"}',
    '{"id": 1, "a": "a0", "b": "b0", "c": "c0", "d": "d0", "e": null, "version": 1}') AS r;
-- no conflict at all is still stale: the caller decides
SELECT r.status, r.version, r.conflicts FROM interlock.try_versioned_update('form', 1, 1, '{"c": "c2"}', '{"c": "c0"}') AS r;
-- base changes nothing where the version is right
SELECT r.* FROM interlock.try_versioned_update('form', 1, 2, '{"c": "c2"}', '{"c": "not what was there"}') AS r;
SELECT interlock.versioned_update('form', 1, 3, '{"c": "c3"}', NULL);
SELECT r.status FROM interlock.try_versioned_update('form', 1, 4, '{"c": "c4"}', NULL) AS r;
-- current and base compare as values of the column, not as JSON: 5.0 was read where 5.00 is stored
SELECT r.status, r.conflicts FROM interlock.try_versioned_update('account', 1, 1, '{"balance": 7}', '{"balance": "80.0"}') AS r;

-- both forms work for many rows of a statement, and inside a statement that reads the same table
CREATE TABLE many AS SELECT n AS id, 'n' || n AS name FROM generate_series(1, 5) AS n;
ALTER TABLE many ADD PRIMARY KEY (id);
SELECT interlock.enable_versioning('many');
SELECT id, interlock.versioned_update('many', id, version, jsonb_build_object('name', 'm' || id)) FROM many ORDER BY id;
SELECT m.id, r.status, r.version
FROM (SELECT id FROM many ORDER BY id) AS m,
     LATERAL interlock.try_versioned_update('many', m.id, 1 + m.id % 2, '{"name": "x"}') AS r ORDER BY 1;
SELECT * FROM many ORDER BY id;

\pset format unaligned
\pset tuples_only on

-- KEYS. Each line finds the row: the version grows by one.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN small_positive AS positive CHECK (VALUE < 1000);
CREATE DOMAIN code AS text CHECK (VALUE ~ '^[A-Z]+$');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN good_mood AS mood CHECK (VALUE <> 'sad');
CREATE DOMAIN good_pair AS pair CHECK ((VALUE).a > 0);
CREATE DOMAIN document AS jsonb CHECK (jsonb_typeof(VALUE) = 'object');
-- a versioned table k_NAME with one row of that key
CREATE FUNCTION make_key_table(name text, type text, value text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (id %s PRIMARY KEY, n integer)', 'k_' || name, type);
    EXECUTE format('INSERT INTO %I VALUES (%L, 0)', 'k_' || name, value);
    PERFORM interlock.enable_versioning(format('%I', 'k_' || name)::regclass);
END $$;
SELECT count(make_key_table(name, type, value)) FROM (VALUES
    ('smallint', 'smallint', '42'), ('int', 'integer', '42'), ('bigint', 'bigint', '42'), ('numeric', 'numeric(10,2)', '42.5'),
    ('float', 'double precision', '0.5'), ('text', 'text', '42'), ('varchar', 'varchar(10)', 'it''s'), ('char', 'char(4)', 'ab'), ('name', 'name', 'n'),
    ('uuid', 'uuid', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'), ('date', 'date', '2024-02-29'),
    ('timestamp', 'timestamp', '2024-02-29 12:00'), ('timestamptz', 'timestamptz', '2024-02-29 12:00+00'), ('interval', 'interval', '1 day'),
    ('enum', 'mood', 'ok'), ('domain', 'positive', '42'), ('domain2', 'small_positive', '42'), ('code', 'code', 'ABC'), ('bytea', 'bytea', '\x00ff'), ('bool', 'boolean', 't'),
    ('inet', 'inet', '10.0.0.1'), ('bit', 'bit(4)', '1010'), ('array', 'integer[]', '{1,2}'), ('range', 'int4range', '[1,5)'),
    ('pair', 'pair', '(1,x)'), ('oid', 'oid', '4000000000'), ('jsonb', 'jsonb', '{"a": 1}'),
    ('domain_enum', 'good_mood', 'ok'), ('domain_pair', 'good_pair', '(1,x)'), ('domain_jsonb', 'document', '{"a": 1}')) AS k (name, type, value);

-- integer: untyped, text, every number type that holds 42, a parameter, a row of one, a JSON object
SELECT interlock.versioned_update('k_int', '42', 1, '{"n": 1}');
SELECT interlock.versioned_update('k_int', '42'::text, 2, '{"n": 2}');
SELECT interlock.versioned_update('k_int', ' 42 '::varchar, 3, '{"n": 3}');
SELECT interlock.versioned_update('k_int', 42::smallint, 4, '{"n": 4}');
SELECT interlock.versioned_update('k_int', 42, 5, '{"n": 5}');
SELECT interlock.versioned_update('k_int', 42::bigint, 6, '{"n": 6}');
SELECT interlock.versioned_update('k_int', 42.0, 7, '{"n": 7}');
SELECT interlock.versioned_update('k_int', 42::real, 8, '{"n": 8}');
SELECT interlock.versioned_update('k_int', 42::double precision, 9, '{"n": 9}');
SELECT interlock.versioned_update('k_int', 42::positive, 10, '{"n": 10}');
SELECT interlock.versioned_update('k_int', ROW(42), 11, '{"n": 11}');
SELECT interlock.versioned_update('k_int', ROW('42'), 12, '{"n": 12}');
SELECT interlock.versioned_update('k_int', ROW(42.0), 13, '{"n": 13}');
SELECT interlock.versioned_update('k_int', '{"id": 42}'::jsonb, 14, '{"n": 14}');
SELECT interlock.versioned_update('k_int', '{"id": "42"}'::json, 15, '{"n": 15}');
SELECT interlock.versioned_update('k_int', 42::oid, 16, '{"n": 16}');
PREPARE untyped_key AS SELECT interlock.versioned_update('k_int', $1, $2, $3);
EXECUTE untyped_key ('42', 17, '{"n": 17}');
EXECUTE untyped_key (42, 18, '{"n": 18}');
PREPARE typed_key (bigint, bigint, jsonb) AS SELECT r.status, r.version FROM interlock.try_versioned_update('k_int', $1, $2, $3) AS r;
EXECUTE typed_key (42, 19, '{"n": 19}');
EXECUTE typed_key (42, 19, '{"n": 20}');
-- one call site, keys of one type after another: what was learned of one type is not used for the next
SELECT interlock.versioned_update('k_int', 42::numeric, 20, '{"n": 21}'), interlock.versioned_update('k_int', 42::real, 21, '{"n": 22}'),
       interlock.versioned_update('k_int', 42::numeric, 22, '{"n": 23}');
SELECT interlock.versioned_update('k_smallint', 42::bigint, 1, '{"n": 1}'), interlock.versioned_update('k_smallint', '42', 2, '{"n": 2}'),
       interlock.versioned_update('k_smallint', 42.00, 3, '{"n": 3}');
SELECT interlock.versioned_update('k_bigint', 42::smallint, 1, '{"n": 1}'), interlock.versioned_update('k_bigint', '42', 2, '{"n": 2}'),
       interlock.versioned_update('k_bigint', 42, 3, '{"n": 3}');
SELECT interlock.versioned_update('k_numeric', 42.5, 1, '{"n": 1}'), interlock.versioned_update('k_numeric', '42.5', 2, '{"n": 2}'),
       interlock.versioned_update('k_numeric', 42.5::real, 3, '{"n": 3}'), interlock.versioned_update('k_numeric', 42.500, 4, '{"n": 4}');
SELECT interlock.versioned_update('k_float', 0.5, 1, '{"n": 1}'), interlock.versioned_update('k_float', '0.5', 2, '{"n": 2}'),
       interlock.versioned_update('k_float', 0.5::real, 3, '{"n": 3}');
-- text: itself, untyped, and what PostgreSQL assigns to text
SELECT interlock.versioned_update('k_text', '42', 1, '{"n": 1}'), interlock.versioned_update('k_text', '42'::text, 2, '{"n": 2}'),
       interlock.versioned_update('k_text', 42, 3, '{"n": 3}'), interlock.versioned_update('k_text', '42'::varchar, 4, '{"n": 4}'),
       interlock.versioned_update('k_text', '42'::name, 5, '{"n": 5}');
-- char(n) is compared with text as = does it, without the blanks at its end
SELECT interlock.versioned_update('k_text', '42'::char(4), 6, '{"n": 6}'), id = '42'::char(4) AS equal FROM k_text;
SELECT interlock.versioned_update('k_varchar', 'it''s', 1, '{"n": 1}'), interlock.versioned_update('k_varchar', 'it''s'::text, 2, '{"n": 2}'),
       interlock.versioned_update('k_varchar', 'it''s'::varchar, 3, '{"n": 3}');
-- char(n): blanks at the end do not count
SELECT interlock.versioned_update('k_char', 'ab', 1, '{"n": 1}'), interlock.versioned_update('k_char', 'ab  ', 2, '{"n": 2}'),
       interlock.versioned_update('k_char', 'ab'::char(2), 3, '{"n": 3}'), interlock.versioned_update('k_char', 'ab'::text, 4, '{"n": 4}');
SELECT interlock.versioned_update('k_name', 'n', 1, '{"n": 1}'), interlock.versioned_update('k_name', 'n'::name, 2, '{"n": 2}');
SELECT interlock.versioned_update('k_uuid', '6BA7B810-9dad-11d1-80b4-00c04fd430c8', 1, '{"n": 1}'),
       interlock.versioned_update('k_uuid', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid, 2, '{"n": 2}');
-- dates: a timestamp without a time of day is a date
SELECT interlock.versioned_update('k_date', '2024-02-29', 1, '{"n": 1}'), interlock.versioned_update('k_date', date '2024-02-29', 2, '{"n": 2}'),
       interlock.versioned_update('k_date', timestamp '2024-02-29', 3, '{"n": 3}');
SELECT interlock.versioned_update('k_timestamp', '2024-02-29 12:00', 1, '{"n": 1}'),
       interlock.versioned_update('k_timestamp', timestamp '2024-02-29 12:00', 2, '{"n": 2}');
SELECT interlock.versioned_update('k_timestamptz', '2024-02-29 13:00+01', 1, '{"n": 1}'),
       interlock.versioned_update('k_timestamptz', timestamptz '2024-02-29 11:00-01', 2, '{"n": 2}');
SELECT interlock.versioned_update('k_interval', '24 hours', 1, '{"n": 1}'), interlock.versioned_update('k_interval', interval '1 day', 2, '{"n": 2}');
SELECT interlock.versioned_update('k_enum', 'ok', 1, '{"n": 1}'), interlock.versioned_update('k_enum', 'ok'::mood, 2, '{"n": 2}'),
       interlock.versioned_update('k_enum', 'ok'::text, 3, '{"n": 3}');
-- domains: by the domain, its base type, or anything that converts to that
SELECT interlock.versioned_update('k_domain', '42', 1, '{"n": 1}'), interlock.versioned_update('k_domain', 42, 2, '{"n": 2}'),
       interlock.versioned_update('k_domain', 42::positive, 3, '{"n": 3}'), interlock.versioned_update('k_domain', 42::bigint, 4, '{"n": 4}'),
       interlock.versioned_update('k_domain', 42::small_positive, 5, '{"n": 5}');
SELECT interlock.versioned_update('k_domain2', '42', 1, '{"n": 1}'), interlock.versioned_update('k_domain2', 42, 2, '{"n": 2}'),
       interlock.versioned_update('k_domain2', 42::positive, 3, '{"n": 3}'), interlock.versioned_update('k_domain2', 42.0, 4, '{"n": 4}');
SELECT interlock.versioned_update('k_code', 'ABC', 1, '{"n": 1}'), interlock.versioned_update('k_code', 'ABC'::code, 2, '{"n": 2}'),
       interlock.versioned_update('k_code', 'ABC'::text, 3, '{"n": 3}'), interlock.versioned_update('k_code', 'ABC'::varchar, 4, '{"n": 4}');
SELECT interlock.versioned_update('k_domain_enum', 'ok', 1, '{"n": 1}'), interlock.versioned_update('k_domain_enum', 'ok'::mood, 2, '{"n": 2}'),
       interlock.versioned_update('k_domain_enum', 'ok'::good_mood, 3, '{"n": 3}');
SELECT interlock.versioned_update('k_domain_pair', '(1,x)', 1, '{"n": 1}'), interlock.versioned_update('k_domain_pair', ROW(1, 'x')::pair, 2, '{"n": 2}'),
       interlock.versioned_update('k_domain_pair', ROW(1, 'x')::good_pair, 3, '{"n": 3}');
SELECT interlock.versioned_update('k_domain_jsonb', '{"a":1}', 1, '{"n": 1}'), interlock.versioned_update('k_domain_jsonb', '{"a": 1}'::jsonb, 2, '{"n": 2}'),
       interlock.versioned_update('k_domain_jsonb', '{"a": 1}'::document, 3, '{"n": 3}');
SELECT interlock.versioned_update('k_bytea', '\x00ff', 1, '{"n": 1}'), interlock.versioned_update('k_bytea', '\x00ff'::bytea, 2, '{"n": 2}');
SELECT interlock.versioned_update('k_bool', 'yes', 1, '{"n": 1}'), interlock.versioned_update('k_bool', true, 2, '{"n": 2}');
SELECT interlock.versioned_update('k_inet', '10.0.0.1', 1, '{"n": 1}'), interlock.versioned_update('k_inet', inet '10.0.0.1', 2, '{"n": 2}');
SELECT interlock.versioned_update('k_bit', '1010', 1, '{"n": 1}'), interlock.versioned_update('k_bit', B'1010', 2, '{"n": 2}');
SELECT interlock.versioned_update('k_array', '{1,2}', 1, '{"n": 1}'), interlock.versioned_update('k_array', ARRAY[1, 2], 2, '{"n": 2}');
SELECT interlock.versioned_update('k_range', '[1,5)', 1, '{"n": 1}'), interlock.versioned_update('k_range', int4range(1, 5), 2, '{"n": 2}');
SELECT interlock.versioned_update('k_pair', '(1,x)', 1, '{"n": 1}'), interlock.versioned_update('k_pair', ROW(1, 'x')::pair, 2, '{"n": 2}');
SELECT interlock.versioned_update('k_oid', '4000000000', 1, '{"n": 1}'), interlock.versioned_update('k_oid', 4000000000, 2, '{"n": 2}'),
       interlock.versioned_update('k_oid', 4000000000::oid, 3, '{"n": 3}');
SELECT interlock.versioned_update('k_jsonb', '{"a":1}', 1, '{"n": 1}'), interlock.versioned_update('k_jsonb', '{"a": 1}'::jsonb, 2, '{"n": 2}');
-- citext, where the server's packages have it (nothing is shown where they do not)
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'citext') THEN
        CREATE EXTENSION citext SCHEMA writes;
        PERFORM make_key_table('citext', 'citext', 'AbC');
        ASSERT interlock.versioned_update('k_citext', 'aBc', 1, '{"n": 1}') = 2;
        ASSERT interlock.versioned_update('k_citext', 'abc'::citext, 2, '{"n": 2}') = 3;
        ASSERT interlock.versioned_update('k_citext', 'ABC'::text, 3, '{"n": 3}') = 4;
        ASSERT interlock.versioned_update('k_citext', 'ABC'::varchar, 4, '{"n": 4}') = 5;
        ASSERT interlock.versioned_update('k_text', '42'::citext, 7, '{"n": 7}') = 8;
        DROP TABLE k_citext;
        DROP EXTENSION citext;
    END IF;
END $$;

-- a text key that looks like JSON is the key itself, as long as the key is one column
INSERT INTO k_text VALUES ('{"id": 42}', 0), ('(42)', 0), ('', 0);
SELECT interlock.versioned_update('k_text', '{"id": 42}', 1, '{"n": 100}');
SELECT interlock.versioned_update('k_text', '(42)', 1, '{"n": 101}');
SELECT interlock.versioned_update('k_text', '', 1, '{"n": 102}');
-- as jsonb it is an object by column name
SELECT interlock.versioned_update('k_text', '{"id": "{\"id\": 42}"}'::jsonb, 2, '{"n": 103}');
SELECT interlock.versioned_update('k_text', '{"id": ""}'::jsonb, 2, '{"n": 104}');
SELECT id, n FROM k_text WHERE n >= 100 ORDER BY n;

-- a text key under a collation for which 'a' = 'A' finds the row that the index finds
DO $$ BEGIN CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TABLE k_no_case (id text COLLATE no_case PRIMARY KEY, n integer);
    INSERT INTO k_no_case VALUES ('abc', 0);
    PERFORM interlock.enable_versioning('k_no_case');
    ASSERT interlock.versioned_update('k_no_case', 'ABC', 1, '{"n": 1}') = 2;
EXCEPTION WHEN feature_not_supported THEN NULL;  -- a server without ICU
END $$;

-- COMPOSITE KEYS, in an order that is not the table's
CREATE TABLE line (note text, number smallint, unused integer, "order" bigint, PRIMARY KEY ("order", number));
ALTER TABLE line DROP COLUMN unused;
INSERT INTO line VALUES ('a', 2, 7), ('b', 7, 2);
SELECT interlock.enable_versioning('line');
SELECT interlock.versioned_update('line', ROW(7, 2), 1, '{"note": "1"}');
SELECT interlock.versioned_update('line', ROW('7', '2'), 2, '{"note": "2"}');
SELECT interlock.versioned_update('line', ROW(7::bigint, 2::smallint), 3, '{"note": "3"}');
SELECT interlock.versioned_update('line', ROW(7.0, ' 2'), 4, '{"note": "4"}');
SELECT interlock.versioned_update('line', (7, 2), 5, '{"note": "5"}');
SELECT interlock.versioned_update('line', '{"number": 2, "order": 7}'::jsonb, 6, '{"note": "6"}');
SELECT interlock.versioned_update('line', '{"number": "2", "order": "7"}'::json, 7, '{"note": "7"}');
SELECT interlock.versioned_update('line', '{"number": 2, "order": 7}', 8, '{"note": "8"}');
SELECT interlock.versioned_update('line', E' \n\t{"number": 2, "order": 7}'::varchar, 9, '{"note": "9"}');
PREPARE untyped_line AS SELECT interlock.versioned_update('line', $1, $2, $3);
EXECUTE untyped_line ('{"number": 2, "order": 7}', 10, '{"note": "10"}');
-- a named composite type, with a dropped attribute; its attribute names do not matter
CREATE TYPE line_key AS (a integer, gone text, b integer);
ALTER TYPE line_key DROP ATTRIBUTE gone;
SELECT interlock.versioned_update('line', ROW(7, 2)::line_key, 11, '{"note": "11"}');
CREATE DOMAIN line_key_domain AS line_key;
SELECT interlock.versioned_update('line', ROW(7, 2)::line_key::line_key_domain, 12, '{"note": "12"}');
-- the row of a subquery
SELECT interlock.versioned_update('line', k, 13, '{"note": "13"}') FROM (SELECT 7 AS x, 2 AS y) AS k;
SELECT interlock.versioned_update('line', ROW(l."order", l.number), l.version, '{"note": "14"}') FROM line AS l WHERE l.number = 2;
-- the messages show the key by its columns
SELECT interlock.versioned_update('line', ROW(7, 2), 1, '{"note": "x"}');
SELECT interlock.versioned_update('line', '{"number": 3, "order": 7}', 1, '{"note": "x"}');
SELECT * FROM line ORDER BY "order";
-- three columns of other types
CREATE TABLE visit (who text, at timestamptz, mood mood, n integer, PRIMARY KEY (who, at, mood));
INSERT INTO visit VALUES ('o''hara, "x"', '2024-01-01 00:00+00', 'sad', 0);
SELECT interlock.enable_versioning('visit');
SELECT interlock.versioned_update('visit', ROW('o''hara, "x"', '2024-01-01 00:00+00', 'sad'), 1, '{"n": 1}');
SELECT interlock.versioned_update('visit', ROW('o''hara, "x"'::varchar, '2024-01-01 00:00+00'::timestamptz, 'sad'::mood), 2, '{"n": 2}');
SELECT interlock.versioned_update('visit', jsonb_build_object('who', who, 'at', at, 'mood', mood), version, '{"n": 3}') FROM visit;
-- a deferrable primary key is a key
CREATE TABLE deferrable_key (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, n integer);
INSERT INTO deferrable_key VALUES (1, 0);
SELECT interlock.enable_versioning('deferrable_key');
SELECT interlock.versioned_update('deferrable_key', 1, 1, '{"n": 1}');
-- columns that the primary key's index only includes are no part of the key, and may be changed
CREATE TABLE including_key (id integer, n integer, PRIMARY KEY (id) INCLUDE (n));
INSERT INTO including_key VALUES (1, 0);
SELECT interlock.enable_versioning('including_key');
SELECT interlock.versioned_update('including_key', 1, 1, '{"n": 1}');

-- COLUMNS AND NAMES
-- dropped columns before, between and after; columns added later, with a default that no row has on disk
CREATE TABLE gaps (gone1 text, id integer, gone2 text, a text, gone3 text, PRIMARY KEY (id));
INSERT INTO gaps VALUES ('x', 1, 'x', 'a', 'x');
ALTER TABLE gaps DROP COLUMN gone1, DROP COLUMN gone2;
SELECT interlock.enable_versioning('gaps');
ALTER TABLE gaps DROP COLUMN gone3, ADD COLUMN b text DEFAULT 'b', ADD COLUMN c integer DEFAULT 5;
SELECT r.* FROM interlock.try_versioned_update('gaps', 1, 1, '{"a": "A", "c": 5}') AS r;
SELECT r.* FROM interlock.try_versioned_update('gaps', 1, 2, '{"b": "b"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('gaps', 1, 2, '{"b": "B"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('gaps', 1, 1, '{"a": "x", "b": "y", "c": 6}') AS r;

-- names that want quoting, in every place where a name can stand
CREATE SCHEMA "Sch.ema ""1""";
CREATE TABLE "Sch.ema ""1""".";DROP TABLE writes.account;--" (
    "Id""; $1" integer PRIMARY KEY, "select" text, "Mixed Case" text, "new
line" text, "$2" text, "a.b" text, "'" text, "t" text, "über ☃" text, "\" text, "%s%n" text, " " text);
INSERT INTO "Sch.ema ""1""".";DROP TABLE writes.account;--" VALUES (1, '', '', '', '', '', '', '', '', '', '', '');
SELECT interlock.enable_versioning('"Sch.ema ""1""".";DROP TABLE writes.account;--"', 'Ver"sion; $3');
SELECT r.* FROM interlock.try_versioned_update('"Sch.ema ""1""".";DROP TABLE writes.account;--"', 1, 1, $$
    {"select": "1", "Mixed Case": "2", "new\nline": "3", "$2": "4", "a.b": "5", "'": "6", "t": "7", "über ☃": "8", "\\": "9", "%s%n": "10", " ": "11"} $$) AS r;
SELECT * FROM "Sch.ema ""1""".";DROP TABLE writes.account;--";
SELECT r.* FROM interlock.try_versioned_update('"Sch.ema ""1""".";DROP TABLE writes.account;--"', '{"Id\"; $1": 1}'::jsonb, 1, '{"%s%n": "", "new\nline": ""}') AS r;
SELECT interlock.versioned_update('"Sch.ema ""1""".";DROP TABLE writes.account;--"', 1, 1, '{"%s%n": ""}');
SELECT interlock.versioned_update('"Sch.ema ""1""".";DROP TABLE writes.account;--"', 1, 2, '{"%s": ""}');
SELECT interlock.versioned_update('"Sch.ema ""1""".";DROP TABLE writes.account;--"', 1, 2, '{"mixed case": ""}');
-- names of 63 bytes, one of them in two-byte letters
SELECT repeat('n', 63) AS long, repeat('ä', 31) || 'x' AS wide \gset
CREATE TABLE :"long" (:"wide" integer PRIMARY KEY, :"long" text);
INSERT INTO :"long" VALUES (1, 'a');
SELECT interlock.enable_versioning(:'long', repeat('v', 63)::name);
SELECT interlock.versioned_update(:'long', jsonb_build_object(:'wide', 1), 1, jsonb_build_object(:'long', 'b'));
SELECT r.* FROM interlock.try_versioned_update(:'long', 1, 1, jsonb_build_object(:'long', 'b')) AS r;
-- a name that is too long is no name of a column, though PostgreSQL would cut it to one
SELECT interlock.versioned_update(:'long', 1, 2, jsonb_build_object(:'long' || 'n', 'b'));
-- a column named as the alias in our statements, of a composite type that has our columns
CREATE TYPE trap AS (id integer, version bigint, name text);
CREATE TABLE t (id integer PRIMARY KEY, t trap, name text);
INSERT INTO t VALUES (1, (7, 7, 'x'), 'a');
SELECT interlock.enable_versioning('t');
SELECT interlock.versioned_update('t', 1, 1, '{"name": "b", "t": {"id": 8, "name": "y"}}');
SELECT * FROM t;

-- a schema in front of the search_path with things of the same names: nothing of it is used
CREATE SCHEMA hostile;
CREATE TABLE hostile.account (id integer PRIMARY KEY, owner text, balance numeric, note text, version bigint DEFAULT 3);
INSERT INTO hostile.account VALUES (1, 'hostile');
CREATE FUNCTION hostile.wrong(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile.wrong(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile.wrong(bigint, integer) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile.wrong(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile.wrong(numeric, numeric) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile.wrong(record, record) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE OPERATOR hostile.= (FUNCTION = hostile.wrong, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR hostile.= (FUNCTION = hostile.wrong, LEFTARG = bigint, RIGHTARG = bigint);
CREATE OPERATOR hostile.= (FUNCTION = hostile.wrong, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR hostile.= (FUNCTION = hostile.wrong, LEFTARG = numeric, RIGHTARG = numeric);
CREATE OPERATOR hostile.+ (FUNCTION = hostile.wrong, LEFTARG = bigint, RIGHTARG = integer);
CREATE OPERATOR hostile.*<> (FUNCTION = hostile.wrong, LEFTARG = record, RIGHTARG = record);
CREATE FUNCTION hostile.to_jsonb(anyelement) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile.jsonb_to_record(jsonb) RETURNS record LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile.int8(integer) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile.write_probe(bigint, record) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE DOMAIN hostile.int8 AS text;
CREATE DOMAIN hostile.integer AS text;
CREATE TYPE hostile.pair AS (x integer);
CREATE TYPE hostile.mood AS ENUM ('captured');
SET search_path = hostile, pg_catalog;
SELECT r.* FROM interlock.try_versioned_update('writes.account', 1, 3, '{"balance": 70, "note": "n"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('writes.account', 1, 3, '{"balance": 60}', '{"balance": 80}') AS r;
SELECT r.* FROM interlock.try_versioned_update('writes.k_enum', 'ok', 4, '{"n": 4}') AS r;
SELECT r.* FROM interlock.try_versioned_update('writes.k_pair', '(1,x)', 3, '{"n": 3}') AS r;
SELECT r.* FROM interlock.try_versioned_update('writes.line', ROW(7, 2), 15, '{"note": "15"}') AS r;
SET session_replication_role = replica;
SELECT r.* FROM interlock.try_versioned_update('writes.account', 1, 4, '{"balance": 50}') AS r;
RESET session_replication_role;
SELECT interlock.versioned_update('account', 1, 3, '{"balance": 1}');
SET search_path = writes;
SELECT * FROM account WHERE id = 1;
-- an empty search_path will do
SET search_path = '';
SELECT interlock.versioned_update('writes.account', 1, 5, '{"balance": 40}');
SET search_path = writes;

-- TABLES OF EVERY KIND
CREATE TEMPORARY TABLE scratch (id integer PRIMARY KEY, a text);
INSERT INTO scratch VALUES (1, 'a');
SELECT interlock.enable_versioning('scratch');
SELECT interlock.versioned_update('scratch', 1, 1, '{"a": "b"}');
SELECT r.* FROM interlock.try_versioned_update('scratch', 1, 1, '{"a": "c"}') AS r;
-- a temporary table that hides a table of the same name is the one that its name means
CREATE TEMPORARY TABLE account (id integer PRIMARY KEY, balance integer);
INSERT INTO pg_temp.account VALUES (1, 0);
SELECT interlock.enable_versioning('pg_temp.account');
SELECT interlock.versioned_update('account', 1, 1, '{"balance": 1}'), interlock.versioned_update('writes.account', 1, 6, '{"balance": 30}');
SELECT * FROM account;
DROP TABLE pg_temp.account;
BEGIN;
CREATE TEMPORARY TABLE until_commit (id integer PRIMARY KEY, a text) ON COMMIT DROP;
INSERT INTO until_commit VALUES (1, 'a');
SELECT interlock.enable_versioning('until_commit');
SELECT interlock.versioned_update('until_commit', 1, 1, '{"a": "b"}');
COMMIT;
CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY, a text);
INSERT INTO unlogged VALUES (1, 'a');
SELECT interlock.enable_versioning('unlogged');
SELECT interlock.versioned_update('unlogged', 1, 1, '{"a": "b"}');

-- partitioned: by the parent, by the partition; the partitions' columns are numbered differently
CREATE TABLE part (id integer, region text, a text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE part_north PARTITION OF part FOR VALUES IN ('north');
CREATE TABLE part_south (gone text, a text, region text NOT NULL, gone2 integer, id integer NOT NULL);
ALTER TABLE part_south DROP COLUMN gone, DROP COLUMN gone2;
ALTER TABLE part ATTACH PARTITION part_south FOR VALUES IN ('south');
CREATE TABLE part_rest PARTITION OF part DEFAULT PARTITION BY RANGE (id);
CREATE TABLE part_rest_low PARTITION OF part_rest FOR VALUES FROM (0) TO (100);
CREATE TABLE part_rest_high PARTITION OF part_rest FOR VALUES FROM (100) TO (200);
SELECT interlock.enable_versioning('part');
INSERT INTO part (id, region, a) SELECT n, region, 'a' FROM unnest('{north, south, east}'::text[]) AS region, unnest('{1, 150}'::int[]) AS n;
SELECT interlock.versioned_update('part', ROW('north', 1), 1, '{"a": "b"}'), interlock.versioned_update('part', ROW('south', 1), 1, '{"a": "b"}'),
       interlock.versioned_update('part', ROW('east', 1), 1, '{"a": "b"}'), interlock.versioned_update('part', ROW('east', 150), 1, '{"a": "b"}');
SELECT interlock.versioned_update('part_south', ROW('south', 1), 2, '{"a": "c"}'), interlock.versioned_update('part_rest', ROW('east', 150), 2, '{"a": "c"}'),
       interlock.versioned_update('part_rest_high', '{"id": 150, "region": "east"}', 3, '{"a": "d"}');
SELECT r.* FROM interlock.try_versioned_update('part', ROW('south', 1), 1, '{"a": "z"}', '{"a": "a"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('part_south', ROW('south', 1), 3, '{"a": "c"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('part', ROW('west', 1), 1, '{"a": "z"}') AS r;
-- a row of another partition is not this one's
SELECT r.* FROM interlock.try_versioned_update('part_north', ROW('south', 1), 3, '{"a": "z"}') AS r;
-- more calls than it takes PostgreSQL to decide on a plan for good
SELECT count(interlock.versioned_update('part', ROW('south', 150), n, jsonb_build_object('a', n))) FROM generate_series(1, 12) AS n;
SELECT tableoid::regclass AS partition, region, id, a, version FROM part ORDER BY region, id;

-- inheritance: the parent's key finds rows of its children too
CREATE TABLE parent (id integer PRIMARY KEY, a text);
CREATE TABLE child (extra text, PRIMARY KEY (id)) INHERITS (parent);
SELECT interlock.enable_versioning('parent');
INSERT INTO parent VALUES (1, 'parent'), (3, 'parent'), (4, 'parent'), (5, 'parent'), (6, 'same'), (7, 'parent');
INSERT INTO child (id, a, version) VALUES (2, 'child', 1), (3, 'child', 1), (4, 'child', 5), (5, 'child', 1), (6, 'same', 1), (7, 'child', 1);
SELECT interlock.versioned_update('parent', 1, 1, '{"a": "x"}'), interlock.versioned_update('parent', 2, 1, '{"a": "x"}'),
       interlock.versioned_update('child', 2, 2, '{"a": "y", "extra": "z"}');
-- twice there: 21000 in both forms, and neither is written
SELECT interlock.versioned_update('parent', 3, 1, '{"a": "x"}');
SELECT r.* FROM interlock.try_versioned_update('parent', 3, 1, '{"a": "x"}') AS r;
\set VERBOSITY sqlstate
-- also at another version, and with nothing to change
SELECT r.* FROM interlock.try_versioned_update('parent', 3, 9, '{"a": "x"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('parent', 3, 1, '{}') AS r;
-- also where only one of them has the version
SELECT r.* FROM interlock.try_versioned_update('parent', 4, 1, '{"a": "x"}') AS r;
-- also where only one of them would change, or none
SELECT r.* FROM interlock.try_versioned_update('parent', 5, 1, '{"a": "parent"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('parent', 6, 1, '{"a": "same"}') AS r;
-- also where the table requires versions
SELECT interlock.enable_versioning('parent', accept => 'echo', require_version => true);
SELECT r.* FROM interlock.try_versioned_update('parent', 7, 1, '{"a": "x"}') AS r;
\set VERBOSITY default
SELECT tableoid::regclass, id, a, version FROM parent ORDER BY id, tableoid::regclass::text;
-- the child by its own name has one of it
SELECT interlock.versioned_update('child', 3, 1, '{"a": "y"}');

-- a rule that does something besides
CREATE TABLE ruled (id integer PRIMARY KEY, a text);
CREATE TABLE rule_log (id integer, before text, after text);
CREATE RULE log_update AS ON UPDATE TO ruled DO ALSO INSERT INTO rule_log VALUES (old.id, old.a, new.a);
INSERT INTO ruled VALUES (1, 'a');
SELECT interlock.enable_versioning('ruled');
SELECT r.* FROM interlock.try_versioned_update('ruled', 1, 1, '{"a": "b"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('ruled', 1, 2, '{"a": "b"}') AS r;
SELECT r.status, r.version FROM interlock.try_versioned_update('ruled', 1, 1, '{"a": "c"}') AS r;
TABLE rule_log;
-- a write that the rule makes to a table that requires versions is not taken for ours
CREATE TABLE strict (id integer PRIMARY KEY, a text);
INSERT INTO strict VALUES (1, 'a');
SELECT interlock.enable_versioning('strict', accept => 'echo', require_version => true);
CREATE TABLE loose (id integer PRIMARY KEY, a text);
CREATE RULE strict_too AS ON UPDATE TO loose DO ALSO UPDATE strict SET a = new.a WHERE id = 1;
INSERT INTO loose VALUES (1, 'a');
SELECT interlock.enable_versioning('loose');
\set VERBOSITY sqlstate
SELECT interlock.versioned_update('loose', 1, 1, '{"a": "b"}');
\set VERBOSITY default
SELECT * FROM strict, loose;

-- VERSION COLUMNS AND SETTINGS
CREATE TABLE v_small (id integer PRIMARY KEY, a text, "Rev" smallint NOT NULL DEFAULT 1);
CREATE TABLE v_int (lock_version integer NOT NULL DEFAULT 0, id integer PRIMARY KEY, a text);
CREATE TABLE v_big (id integer PRIMARY KEY, a text, v bigint NOT NULL DEFAULT -1);
INSERT INTO v_small (id, a) VALUES (1, 'a'), (2, 'a');
INSERT INTO v_int (id, a) VALUES (1, 'a'), (2, 'a');
INSERT INTO v_big (id, a) VALUES (1, 'a'), (2, 'a');
SELECT interlock.enable_versioning('v_small', 'Rev'), interlock.enable_versioning('v_int', 'lock_version'), interlock.enable_versioning('v_big', 'v');
SELECT interlock.versioned_update('v_small', 1, 1, '{"a": "b"}'), interlock.versioned_update('v_int', 1, 0, '{"a": "b"}'),
       interlock.versioned_update('v_big', 1, -1, '{"a": "b"}'), interlock.versioned_update('v_big', 1, 0, '{"a": "c"}');
SELECT r.* FROM interlock.try_versioned_update('v_small', 1, 32769, '{"a": "c"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('v_int', 1, 4294967297, '{"a": "c"}') AS r;
-- at the last version: 22003 with a way out, and the row keeps its value
SET session_replication_role = replica;
UPDATE v_small SET "Rev" = 32767 WHERE id = 2;
UPDATE v_int SET lock_version = 2147483647 WHERE id = 2;
UPDATE v_big SET v = 9223372036854775807 WHERE id = 2;
RESET session_replication_role;
SELECT interlock.versioned_update('v_small', 2, 32767, '{"a": "b"}');
SELECT interlock.versioned_update('v_int', 2, 2147483647, '{"a": "b"}');
SELECT interlock.versioned_update('v_big', 2, 9223372036854775807, '{"a": "b"}');
SELECT interlock.versioned_update('v_big', 2, 9223372036854775807, '{"a": "a"}');
SELECT a, v FROM v_big WHERE id = 2;

-- whatever plain SQL must send, our own writes bring their version
CREATE TABLE setting (id integer PRIMARY KEY, a text, seen integer);
INSERT INTO setting VALUES (1, 'a', 0);
SELECT interlock.enable_versioning('setting', accept => 'echo', require_version => true);
SELECT interlock.versioned_update('setting', 1, 1, '{"a": "echo"}');
SELECT interlock.enable_versioning('setting', accept => 'increment', require_version => true);
SELECT interlock.versioned_update('setting', 1, 2, '{"a": "increment"}');
SELECT interlock.enable_versioning('setting', mode => 'observe');
SELECT interlock.versioned_update('setting', 1, 3, '{"a": "observe"}'), (interlock.try_versioned_update('setting', 1, 1, '{"a": "stale"}')).status;
-- only excepted columns: written, at the same version
SELECT interlock.enable_versioning('setting', except_columns => '{seen}');
SELECT r.* FROM interlock.try_versioned_update('setting', 1, 4, '{"seen": 1}') AS r;
SELECT r.* FROM interlock.try_versioned_update('setting', 1, 4, '{"seen": 1}') AS r;
SELECT r.* FROM interlock.try_versioned_update('setting', 1, 4, '{"seen": 2, "a": "observe"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('setting', 1, 4, '{"seen": 3, "a": "b"}') AS r;
SELECT r.status FROM interlock.try_versioned_update('setting', 1, 4, '{"seen": 4}') AS r;
SELECT interlock.enable_versioning('setting', except_columns => '{seen}', accept => 'echo', require_version => true);
SELECT r.* FROM interlock.try_versioned_update('setting', 1, 5, '{"seen": 5}') AS r;
SELECT * FROM setting;

-- on a replica the row trigger does not fire: our own writes bump all the same, and by the same rules
SET session_replication_role = replica;
SELECT r.* FROM interlock.try_versioned_update('setting', 1, 5, '{"a": "c"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('setting', 1, 6, '{"a": "c"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('setting', 1, 5, '{"a": "d"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('setting', 1, 6, '{"seen": 6}') AS r;
SELECT interlock.versioned_update('v_small', 1, 2, '{"a": "c"}'), interlock.versioned_update('v_int', 1, 1, '{"a": "c"}');
SELECT interlock.versioned_update('part', ROW('east', 1), 2, '{"a": "c"}');
-- at the last version there too
\set VERBOSITY sqlstate
SELECT interlock.versioned_update('v_small', 2, 32767, '{"a": "b"}');
\set VERBOSITY default
RESET session_replication_role;
-- and back again
SELECT interlock.versioned_update('v_small', 1, 3, '{"a": "d"}'), interlock.versioned_update('v_int', 1, 2, '{"a": "d"}');

-- TRIGGERS
CREATE TABLE events (n serial, event text);
CREATE TABLE triggered (id integer PRIMARY KEY, a text, b text);
INSERT INTO triggered SELECT n, 'a', 'b' FROM generate_series(1, 9) AS n;
SELECT interlock.enable_versioning('triggered');
-- a trigger that changes NEW, sees our values, and is seen in the version
CREATE FUNCTION change_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (event) VALUES (format('%s %s: %s, %s, %s -> %s, %s, %s', TG_WHEN, TG_OP, OLD.a, OLD.b, OLD.version, NEW.a, NEW.b, NEW.version));
    IF NEW.a = 'null' THEN RETURN NULL; END IF;
    IF NEW.a = 'old' THEN RETURN OLD; END IF;
    IF NEW.a = 'both' THEN NEW.b := 'changed'; END IF;
    IF NEW.a = 'version' THEN NEW.version := 77; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER before BEFORE UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION change_new();
CREATE TRIGGER after AFTER UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION change_new();
SELECT interlock.versioned_update('triggered', 1, 1, '{"a": "both"}');
-- one that puts the old row back: written, and nothing is new
SELECT r.* FROM interlock.try_versioned_update('triggered', 2, 1, '{"a": "old"}') AS r;
-- one that meddles with the version: ours fires last
SELECT interlock.versioned_update('triggered', 3, 1, '{"a": "version"}');
-- one that returns NULL: rejected, told and raised, and it has run once each time
SELECT r.* FROM interlock.try_versioned_update('triggered', 4, 1, '{"a": "null"}') AS r;
SELECT interlock.versioned_update('triggered', 4, 1, '{"a": "null"}');
-- stale, missing and unchanged reach no trigger
SELECT r.status FROM interlock.try_versioned_update('triggered', 4, 9, '{"a": "null"}') AS r;
SELECT r.status FROM interlock.try_versioned_update('triggered', 44, 1, '{"a": "null"}') AS r;
SELECT r.status FROM interlock.try_versioned_update('triggered', 4, 1, '{"a": "a"}') AS r;
SELECT event FROM events ORDER BY n;
SELECT * FROM triggered WHERE id <= 4 ORDER BY id;
DROP TRIGGER after ON triggered;
DROP TRIGGER before ON triggered;
TRUNCATE events;

-- a trigger of one column fires where that column is in changes
CREATE FUNCTION log_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO events (event) VALUES (TG_NAME); RETURN NEW; END $$;
CREATE TRIGGER of_a BEFORE UPDATE OF a ON triggered FOR EACH ROW EXECUTE FUNCTION log_event();
CREATE TRIGGER of_b AFTER UPDATE OF b ON triggered FOR EACH ROW WHEN (OLD.b <> NEW.b) EXECUTE FUNCTION log_event();
CREATE TRIGGER of_version AFTER UPDATE OF version ON triggered FOR EACH ROW EXECUTE FUNCTION log_event();
CREATE TRIGGER statement AFTER UPDATE ON triggered FOR EACH STATEMENT EXECUTE FUNCTION log_event();
SELECT interlock.versioned_update('triggered', 5, 1, '{"a": "x"}'), interlock.versioned_update('triggered', 5, 2, '{"b": "y"}');
SELECT event FROM events ORDER BY n;
DROP TRIGGER of_a ON triggered;
DROP TRIGGER of_b ON triggered;
DROP TRIGGER of_version ON triggered;
DROP TRIGGER statement ON triggered;
TRUNCATE events;

-- transition tables show the row before and after
CREATE FUNCTION log_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (event) SELECT format('%s -> %s', o, n) FROM old_rows AS o JOIN new_rows AS n USING (id);
    RETURN NULL;
END $$;
CREATE TRIGGER transition AFTER UPDATE ON triggered REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION log_transition();
SELECT interlock.versioned_update('triggered', 5, 3, '{"a": "z"}');
SELECT event FROM events ORDER BY n;
DROP TRIGGER transition ON triggered;
TRUNCATE events;

-- nesting: a trigger whose own versioned_update writes another row of the table, at the same version
CREATE FUNCTION write_neighbour() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE neighbour interlock.write_result;
BEGIN
    IF pg_trigger_depth() > 3 THEN RETURN NEW; END IF;
    SELECT * INTO neighbour FROM interlock.try_versioned_update('triggered', NEW.id + 1, OLD.version, jsonb_build_object('a', NEW.a || '+'));
    INSERT INTO events (event) VALUES (format('%s: %s %s', NEW.id + 1, neighbour.status, neighbour.version));
    RETURN NEW;
END $$;
CREATE TRIGGER before BEFORE UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION write_neighbour();
SELECT r.* FROM interlock.try_versioned_update('triggered', 6, 1, '{"a": "n"}') AS r;
SELECT event FROM events ORDER BY n;
SELECT * FROM triggered WHERE id >= 6 ORDER BY id;
DROP TRIGGER before ON triggered;
CREATE TRIGGER after AFTER UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION write_neighbour();
SELECT r.* FROM interlock.try_versioned_update('triggered', 6, 2, '{"a": "m"}') AS r;
SELECT * FROM triggered WHERE id >= 6 ORDER BY id;
DROP TRIGGER after ON triggered;
TRUNCATE events;
-- nesting: on a table that requires versions, with another table in between
CREATE TABLE outer_row (id integer PRIMARY KEY, a text);
CREATE TABLE inner_row (id integer PRIMARY KEY, a text);
INSERT INTO outer_row VALUES (1, 'a');
INSERT INTO inner_row VALUES (1, 'a');
SELECT interlock.enable_versioning(t, accept => 'echo', require_version => true) FROM unnest('{outer_row, inner_row}'::regclass[]) AS t;
CREATE FUNCTION write_inner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM interlock.versioned_update('inner_row', 1, CASE TG_WHEN WHEN 'BEFORE' THEN OLD.version ELSE NEW.version END, jsonb_build_object('a', NEW.a || TG_WHEN));
    RETURN NEW;
END $$;
CREATE TRIGGER before BEFORE UPDATE ON outer_row FOR EACH ROW EXECUTE FUNCTION write_inner();
SELECT interlock.versioned_update('outer_row', 1, 1, '{"a": "b"}');
CREATE TRIGGER after AFTER UPDATE ON outer_row FOR EACH ROW WHEN (NEW.a = 'c') EXECUTE FUNCTION write_inner();
SELECT r.* FROM interlock.try_versioned_update('outer_row', 1, 2, '{"a": "c"}') AS r;
SELECT * FROM outer_row, inner_row;
-- the inner one fails, which even the telling form of the outer one must raise: it was not about its own row
SELECT r.* FROM interlock.try_versioned_update('outer_row', 1, 3, '{"a": "d"}') AS r;
-- caught in the trigger, the outer one goes on
CREATE OR REPLACE FUNCTION write_inner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM interlock.versioned_update('inner_row', 1, OLD.version, jsonb_build_object('a', NEW.a));
    RETURN NEW;
EXCEPTION WHEN SQLSTATE 'IL001' THEN
    RETURN NEW;
END $$;
SELECT interlock.versioned_update('outer_row', 1, 3, '{"a": "d"}');
SELECT * FROM outer_row, inner_row;

-- a trigger's plain UPDATE of a table that requires versions is not taken for our write
CREATE FUNCTION write_plainly() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE inner_row SET a = 'plain' WHERE id = 2;
    RETURN NEW;
END $$;
INSERT INTO inner_row VALUES (2, 'a', 5), (3, 'a', 5);
CREATE TRIGGER before BEFORE UPDATE ON inner_row FOR EACH ROW WHEN (NEW.id = 3) EXECUTE FUNCTION write_plainly();
SELECT interlock.versioned_update('inner_row', 3, 5, '{"a": "b"}');
DROP TRIGGER before ON inner_row;
CREATE TRIGGER after AFTER UPDATE ON inner_row FOR EACH ROW WHEN (NEW.id = 3) EXECUTE FUNCTION write_plainly();
SELECT interlock.versioned_update('inner_row', 3, 5, '{"a": "b"}');
DROP TRIGGER after ON inner_row;
CREATE TRIGGER before BEFORE UPDATE ON inner_row FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION write_plainly();
SELECT interlock.versioned_update('inner_row', 3, 5, '{"a": "b"}');
DROP TRIGGER before ON inner_row;
-- nor is one after our write has failed or was rejected
SELECT r.status FROM interlock.try_versioned_update('inner_row', 3, 4, '{"a": "b"}') AS r;
UPDATE inner_row SET a = 'plain' WHERE id = 3;
DO $$
BEGIN
    BEGIN
        PERFORM interlock.versioned_update('inner_row', 3, 5, '{"a": "b", "id": 4}');
    EXCEPTION WHEN invalid_parameter_value THEN
        NULL;
    END;
    UPDATE inner_row SET a = 'plain' WHERE id = 3;
END $$;
SELECT * FROM inner_row ORDER BY id;

-- a trigger that updates the row under our feet: PostgreSQL's own error
CREATE TABLE feet (id integer PRIMARY KEY, a text);
INSERT INTO feet VALUES (1, 'a');
SELECT interlock.enable_versioning('feet');
CREATE FUNCTION pull() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE feet SET a = 'pulled' WHERE id = OLD.id AND a <> 'pulled'; RETURN NEW; END $$;
CREATE TRIGGER before BEFORE UPDATE ON feet FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION pull();
\set VERBOSITY sqlstate
SELECT interlock.versioned_update('feet', 1, 1, '{"a": "b"}');
\set VERBOSITY default
-- after our write it may: we return the version that we wrote, as RETURNING would
DROP TRIGGER before ON feet;
CREATE TRIGGER after AFTER UPDATE ON feet FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION pull();
SELECT interlock.versioned_update('feet', 1, 1, '{"a": "b"}');
SELECT * FROM feet;
-- a trigger that deletes it
CREATE OR REPLACE FUNCTION pull() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM feet WHERE id = OLD.id; RETURN NEW; END $$;
SELECT interlock.versioned_update('feet', 1, 3, '{"a": "b"}');
SELECT r.* FROM interlock.try_versioned_update('feet', 1, 4, '{"a": "b"}') AS r;

-- generated columns follow, identity columns that may be written are written, referential actions happen
CREATE TABLE product (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, price numeric, sku text UNIQUE,
                      gross numeric GENERATED ALWAYS AS (price * 2) STORED, number integer GENERATED BY DEFAULT AS IDENTITY);
CREATE TABLE item (sku text REFERENCES product (sku) ON UPDATE CASCADE);
INSERT INTO product (price, sku) VALUES (10, 'x');
INSERT INTO item VALUES ('x');
SELECT interlock.enable_versioning('product');
SELECT interlock.versioned_update('product', 1, 1, '{"price": 11, "sku": "y", "number": 7}');
SELECT r.* FROM interlock.try_versioned_update('product', 1, 2, '{"price": 11}') AS r;
SELECT * FROM product, item;

-- WHEN IT IS SEEN, AND WHEN NOT
-- a later command of the same transaction, function or statement
BEGIN;
SELECT interlock.versioned_update('account', 3, 2, '{"note": "t"}');
SELECT note, version FROM account WHERE id = 3;
ROLLBACK;
SELECT note, version FROM account WHERE id = 3;
DO $$
DECLARE row account;
BEGIN
    FOR i IN 1..3 LOOP
        SELECT * INTO row FROM account WHERE id = 3;
        row.version := interlock.versioned_update('account', 3, row.version, jsonb_build_object('note', 'loop ' || i));
        ASSERT (SELECT (a.note, a.version) = ('loop ' || i, row.version) FROM account AS a WHERE id = 3);
    END LOOP;
END $$;
SELECT note, version FROM account WHERE id = 3;
-- what the calling statement has written is seen
WITH w AS (UPDATE account SET note = 'cte' WHERE id = 3 RETURNING id, version)
SELECT w.version, r.* FROM w, LATERAL interlock.try_versioned_update('account', w.id, w.version, '{"note": "after cte"}') AS r;
SELECT note, version FROM account WHERE id = 3;
-- savepoints take it back
BEGIN;
SAVEPOINT a;
SELECT interlock.versioned_update('account', 3, 7, '{"note": "a"}');
SAVEPOINT b;
SELECT interlock.versioned_update('account', 3, 8, '{"note": "b"}');
ROLLBACK TO b;
SELECT r.status, r.version FROM interlock.try_versioned_update('account', 3, 9, '{"note": "c"}') AS r;
SELECT interlock.versioned_update('account', 3, 8, '{"note": "c"}');
RELEASE b;
ROLLBACK TO a;
SELECT r.status, r.version FROM interlock.try_versioned_update('account', 3, 8, '{"note": "d"}') AS r;
SELECT interlock.versioned_update('account', 3, 7, '{"note": "d"}');
COMMIT;
SELECT note, version FROM account WHERE id = 3;
-- the try form leaves the transaction usable whatever it tells
BEGIN;
SELECT r.status FROM interlock.try_versioned_update('account', 3, 1, '{"note": "e"}') AS r;
SELECT r.status FROM interlock.try_versioned_update('account', 99, 1, '{"note": "e"}') AS r;
SELECT r.status FROM interlock.try_versioned_update('triggered', 4, 1, '{"a": "a"}') AS r;
SELECT r.status FROM interlock.try_versioned_update('account', 3, 8, '{"note": "e"}') AS r;
COMMIT;
SELECT note, version FROM account WHERE id = 3;
-- a transaction with a snapshot of its own sees its own writes
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT interlock.versioned_update('account', 3, 9, '{"note": "f"}');
SELECT r.* FROM interlock.try_versioned_update('account', 3, 9, '{"note": "g"}') AS r;
SELECT r.status, r.version FROM interlock.try_versioned_update('account', 3, 10, '{"note": "f"}') AS r;
SELECT r.status, r.version FROM interlock.try_versioned_update('account', 3, 10, '{}') AS r;
SELECT r.status, r.version FROM interlock.try_versioned_update('account', 99, 10, '{"note": "g"}') AS r;
SELECT interlock.versioned_update('account', 3, 10, '{"note": "h"}');
COMMIT;
-- deferred constraints are checked when they are checked
CREATE TABLE deferred (id integer PRIMARY KEY, rank integer UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO deferred VALUES (1, 1), (2, 2);
SELECT interlock.enable_versioning('deferred');
BEGIN;
SELECT interlock.versioned_update('deferred', 1, 1, '{"rank": 2}'), interlock.versioned_update('deferred', 2, 1, '{"rank": 1}');
COMMIT;
BEGIN;
SELECT interlock.versioned_update('deferred', 1, 2, '{"rank": 1}');
\set VERBOSITY sqlstate
COMMIT;
\set VERBOSITY default
SELECT * FROM deferred ORDER BY id;

-- CAUGHT in PL/pgSQL, by SQLSTATE: what the error says, field by field
CREATE FUNCTION caught(rel regclass, key anycompatible, expected bigint, changes jsonb) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text; s text; t text; c text;
BEGIN
    RETURN NEXT format('done: %s', interlock.versioned_update(rel, key, expected, changes));
EXCEPTION WHEN SQLSTATE 'IL001' OR SQLSTATE 'IL002' OR SQLSTATE 'IL004' THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
        s = SCHEMA_NAME, t = TABLE_NAME, c = COLUMN_NAME;
    RETURN NEXT format('%s: %s', SQLSTATE, message);
    RETURN NEXT format('detail: %s', detail::jsonb);
    RETURN NEXT format('schema %s, table %s, column "%s", hint %s', s, t, c, hint <> '');
END $$;
CREATE TABLE secrets (name text, number integer, content text, PRIMARY KEY (name, number));
INSERT INTO secrets VALUES (E'a "b"\n\\c', 1, 'SECRET');
SELECT interlock.enable_versioning('secrets');
SELECT caught('secrets', ROW(E'a "b"\n\\c', 1), 7, '{"content": "PLAN"}');
SELECT caught('secrets', ROW('a', 1), 7, '{"content": "PLAN"}');
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER swallow BEFORE UPDATE ON secrets FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT caught('secrets', ROW(E'a "b"\n\\c', 1), 1, '{"content": "PLAN"}');
SELECT caught('secrets', ROW(E'a "b"\n\\c', 1), 1, '{"content": "SECRET"}');
-- a long key is cut in the message
SELECT length(message) < 1000 FROM (SELECT caught('secrets', ROW(repeat('x', 1000000), 1), 1, '{}') AS message) AS m WHERE message LIKE 'IL002%';

-- an error inside a write to a partitioned table undoes what it should, and leaves nothing open: not the statement's transaction,
CREATE TABLE checked (id integer PRIMARY KEY, a integer CHECK (a >= 0)) PARTITION BY RANGE (id);
CREATE TABLE checked_low PARTITION OF checked FOR VALUES FROM (0) TO (10);
INSERT INTO checked VALUES (1, 0), (2, 0);
SELECT interlock.enable_versioning('checked');
TRUNCATE events;
\set VERBOSITY sqlstate
SELECT interlock.versioned_update('checked', 1, 1, '{"a": -1}');
SELECT now() = statement_timestamp() AS own_transaction;
-- not a savepoint,
BEGIN;
INSERT INTO events (event) VALUES ('before the savepoint');
SAVEPOINT s;
INSERT INTO events (event) VALUES ('after the savepoint');
SELECT (interlock.try_versioned_update('checked', 1, 1, '{"a": -1}')).status;
ROLLBACK TO s;
SELECT (interlock.try_versioned_update('checked', 1, 1, '{"a": 1}')).status;
COMMIT;
-- not a block of PL/pgSQL,
DO $$
BEGIN
    INSERT INTO events (event) VALUES ('before the block');
    BEGIN
        INSERT INTO events (event) VALUES ('in the block');
        PERFORM interlock.versioned_update('checked', 2, 1, '{"a": 1}');
        PERFORM interlock.versioned_update('checked', 1, 2, '{"a": -1}');
    EXCEPTION WHEN check_violation THEN
        INSERT INTO events (event) VALUES ('in the handler');
    END;
    INSERT INTO events (event) VALUES ('after the block');
END $$;
SELECT now() = statement_timestamp() AS own_transaction;
SELECT event FROM events ORDER BY n;
-- not one write inside of another
CREATE FUNCTION careful() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        PERFORM interlock.versioned_update('checked', 2, 1, '{"a": -1}');
    EXCEPTION WHEN check_violation THEN
        PERFORM interlock.versioned_update('checked', 2, 1, '{"a": 7}');
    END;
    RETURN NEW;
END $$;
CREATE TRIGGER careful BEFORE UPDATE ON checked_low FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION careful();
SELECT interlock.versioned_update('checked', 1, 2, '{"a": 3}');
SELECT now() = statement_timestamp() AS own_transaction;
\set VERBOSITY default
SELECT * FROM checked ORDER BY id;

DROP SCHEMA writes, hostile, "Sch.ema ""1""" CASCADE;
