-- Every column type takes its values from JSON, notices when they are the same, and tells them so that they can be sent back.
\set SHOW_CONTEXT never
\pset null '(null)'
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA write_types;
SET search_path = write_types;
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET intervalstyle = 'postgres';
SET bytea_output = 'hex';
SET lc_monetary = 'C';
SET extra_float_digits = 1;

-- Writes each JSON value into a NULL column of that type (JSON null into one that has the first value), and tells what is
-- stored then (or the SQLSTATE), whether the same JSON again is unchanged, what `current` shows, and whether that, sent
-- back, is unchanged.
CREATE FUNCTION put(type text, VARIADIC jsons jsonb[])
RETURNS TABLE (sent text, stored text, written text, again text, shown text, back text) LANGUAGE plpgsql AS $$
DECLARE
    wanted jsonb;
    row_now jsonb;
    r interlock.write_result;
BEGIN
    EXECUTE format('CREATE TABLE put (id integer PRIMARY KEY, v %s)', type);
    PERFORM interlock.enable_versioning('put');
    FOREACH wanted IN ARRAY jsons LOOP
        TRUNCATE put;
        INSERT INTO put (id) VALUES (1);
        sent := left(wanted::text, 50);
        stored := NULL; written := NULL; again := NULL; shown := NULL; back := NULL;
        BEGIN
            IF wanted = 'null' THEN PERFORM interlock.versioned_update('put', 1, 1, jsonb_build_object('v', jsons[1])); END IF;
            r := interlock.try_versioned_update('put', 1, (SELECT version FROM put), jsonb_build_object('v', wanted));
            written := r.status;
            SELECT left(v::text, 50) INTO stored FROM put;
            again := (interlock.try_versioned_update('put', 1, r.version, jsonb_build_object('v', wanted))).status;
            row_now := (interlock.try_versioned_update('put', 1, 0, '{}')).current;
            shown := left(row_now ->> 'v', 50);
            back := (interlock.try_versioned_update('put', 1, r.version, row_now - 'id' - 'version')).status;
        EXCEPTION WHEN OTHERS THEN
            stored := SQLSTATE;
        END;
        RETURN NEXT;
    END LOOP;
    DROP TABLE put;
END $$;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "complicated"');
CREATE TYPE pair AS (a integer, "B b" text);
CREATE TYPE nest AS (p pair, l integer[], m mood, j jsonb);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN required AS integer NOT NULL DEFAULT 0;
CREATE DOMAIN cents AS numeric(6,2);
CREATE DOMAIN document AS jsonb CHECK (jsonb_typeof(VALUE) <> 'array');
CREATE DOMAIN tags AS text[] CHECK (array_length(VALUE, 1) < 3);
CREATE DOMAIN positive_pair AS pair CHECK ((VALUE).a > 0);
CREATE DOMAIN positives AS positive[];

-- NUMBERS. A JSON number or string goes through the type's input function; what does not fit is the type's own error.
SELECT * FROM put('smallint', '7', '"-7"', '32767', '32768', '1.5', '1e2', 'true', '"x"', '[1]', '{"a": 1}', 'null');
SELECT * FROM put('integer', '7', '"  8 "', '2147483648', '1.0', '""', 'null');
SELECT * FROM put('bigint', '9007199254740993', '"-9223372036854775808"', '9223372036854775808', 'null');
SELECT * FROM put('numeric', '1.10', '"1.1"', '-0', '1e400', '1e-400', '"NaN"', '"Infinity"', '"-Infinity"', '"0x"', 'null');
SELECT * FROM put('numeric(6,2)', '1', '1.005', '"1234.5"', '12345', '"NaN"', 'null');
SELECT * FROM put('real', '0.1', '1e30', '"NaN"', '"-Infinity"', '1e39', 'null');
SELECT * FROM put('double precision', '0.1', '1e300', '5e-324', '"Infinity"', '1e400', 'true', 'null');
SELECT * FROM put('money', '1234.5', '"$1,234.50"', '"-5"', '"x"', 'null');
SELECT * FROM put('oid', '4294967295', '"1"', '-1', '4294967296', 'null');

-- BOOLEANS
SELECT * FROM put('boolean', 'true', 'false', '"yes"', '"off"', '1', '2', '"maybe"', 'null');

-- TEXTS
SELECT * FROM put('text', '"x"', '""', '"null"', '" \u00fc\u2603\n\t\"\\ "', '42', '1.10', 'true', '{"a": [1, null]}', '[1]', 'null');
SELECT * FROM put('varchar(3)', '"abc"', '"abc  "', '"abcd"', '"\u00fc\u00fc\u00fc"', '1234', 'null');
SELECT * FROM put('char(4)', '"ab"', '"ab  "', '"abcde"', '""', 'null');
SELECT * FROM put('"char"', '"x"', 'null');
SELECT * FROM put('name', '"x"', 'null');
SELECT * FROM put('bytea', '"\\x00ff"', '"\\000\\377"', '"abc"', '"\\x0"', 'null');
SELECT * FROM put('uuid', '"6BA7B810-9DAD-11D1-80B4-00C04FD430C8"', '"{6ba7b8109dad11d180b400c04fd430c8}"', '"x"', '1', 'null');
SELECT * FROM put('mood', '"ok"', '"it''s \"complicated\""', '"OK"', '1', 'null');

-- DATES AND TIMES
SELECT * FROM put('date', '"2024-02-29"', '"Feb 29 2024"', '"infinity"', '"0044-03-15 BC"', '"2023-02-29"', '"x"', 'null');
SELECT * FROM put('time', '"12:34:56.789012"', '"24:00"', '"25:00"', 'null');
SELECT * FROM put('time(0)', '"12:34:56.789"', 'null');
SELECT * FROM put('timetz', '"12:34:56+02:30"', 'null');
SELECT * FROM put('timestamp', '"2024-02-29T12:34:56.789012"', '"2024-02-29 12:34"', '"-infinity"', '"epoch"', '"2024-02-30 00:00"', 'null');
SELECT * FROM put('timestamp(1)', '"2024-02-29 12:34:56.789"', 'null');
SELECT * FROM put('timestamptz', '"2024-02-29T12:34:56.789012+02:00"', '"2024-02-29 12:34 America/New_York"', '"infinity"', '"0044-03-15 12:00:00+00 BC"', 'null');
SELECT * FROM put('interval', '"1 year -2 months 3 days 04:05:06.7"', '"P1DT2H"', '"-1 day ago"', '"x"', 'null');
SELECT * FROM put('interval hour to minute', '"1:02:03"', 'null');

-- NETWORK, BITS, GEOMETRY, TEXT SEARCH, REGISTERED NAMES
SELECT * FROM put('inet', '"10.0.0.1"', '"10.0.0.1/8"', '"::1"', '"10"', 'null');
SELECT * FROM put('cidr', '"10.0.0.0/8"', '"10.0.0.1/8"', 'null');
SELECT * FROM put('macaddr', '"08:00:2B:01:02:03"', 'null');
SELECT * FROM put('bit(4)', '"1010"', '1010', '"101"', 'null');
SELECT * FROM put('varbit(4)', '"101"', '""', '"10101"', 'null');
SELECT * FROM put('point', '"(1,2.5)"', '"1,2"', '"x"', 'null');
SELECT * FROM put('box', '"(0,0),(1,1)"', 'null');
SELECT * FROM put('polygon', '"((0,0),(1,1),(1,0))"', 'null');
SELECT * FROM put('tsvector', '"b:2A a:1"', '"the ''quoted one''"', 'null');
SELECT * FROM put('tsquery', '"a & !b"', 'null');
SELECT * FROM put('regclass', '"pg_class"', '1259', '"no_such_table"', 'null');
SELECT * FROM put('regtype', '"int4"', '"write_types.mood"', 'null');
SELECT * FROM put('jsonpath', '"$.a[*] ? (@ > 1)"', '"$["', 'null');
SELECT * FROM put('pg_lsn', '"16/B374D848"', 'null');

-- JSON takes the value as it is: a string is a JSON string, a number a number; only null is SQL NULL
SELECT * FROM put('jsonb', '"x"', '"{\"a\": 1}"', '1.10', 'true', '{"b": [1, {"c": null}], "a": ""}', '[]', '{}', '[null]', '1e400', 'null');
SELECT * FROM put('json', '"x"', '"{\"a\": 1}"', '1.10', 'false', '{"b": [1, {"c": null}], "a": ""}', '[]', '{}', '[null]', 'null');

-- ARRAYS: a JSON array, nested as deep as it has dimensions, or PostgreSQL's own text
SELECT * FROM put('integer[]', '[1, null, 3]', '[]', '[[1, 2], [3, 4]]', '"{1,NULL,3}"', '["1", "2"]', '[[1], [2, 3]]', '[1, "x"]', '1', '{"a": 1}', 'null');
SELECT * FROM put('text[]', '["a", "b,c", "\"d\" \\", "", "NULL", null]', '"{a,\"b,c\"}"', '[1, true, {"a": 1}]', '[["a"]]', 'null');
SELECT * FROM put('varchar(2)[]', '["ab"]', '["abc"]', 'null');
SELECT * FROM put('numeric(4,1)[]', '[1.25, 2]', '[12345]', 'null');
SELECT * FROM put('timestamptz[]', '["2024-02-29 12:00+02"]', 'null');
SELECT * FROM put('bytea[]', '["\\x00"]', 'null');
SELECT * FROM put('mood[]', '["ok", "it''s \"complicated\""]', '["no"]', 'null');
SELECT * FROM put('jsonb[]', '[{"a": 1}, "x", 1, null, [1]]', 'null');
SELECT * FROM put('boolean[]', '[true, "f", 1]', 'null');

-- COMPOSITES: a JSON object by attribute, or PostgreSQL's own text; an attribute left out is NULL
SELECT * FROM put('pair', '{"a": 1, "B b": "x, \"y\""}', '{"a": 1}', '{}', '"(1,\"x y\")"', '{"a": "x"}', '[1, "x"]', '1', 'null');
SELECT * FROM put('nest', '{"p": {"a": 1, "B b": null}, "l": [1, 2], "m": "ok", "j": {"x": [1]}}', '{"p": "(1,x)", "l": "{1}", "j": "text"}', '{"m": "no"}', 'null');
SELECT * FROM put('pair[]', '[{"a": 1, "B b": "x"}, null, {"B b": ""}]', '"{\"(1,x)\"}"', '[]', '[{"a": "x"}]', 'null');

-- DOMAINS: through their base type, then their checks (23514, 23502)
SELECT * FROM put('positive', '1', '"2"', '0', '"x"', 'null');
SELECT * FROM put('required DEFAULT 0', '1', 'null');
SELECT * FROM put('cents', '1.005', '12345', 'null');
SELECT * FROM put('document', '{"a": 1}', '"x"', '"{}"', '1', '[1]', 'null');
SELECT * FROM put('tags', '["a", "b"]', '"{a,b}"', '["a", "b", "c"]', 'null');
SELECT * FROM put('positive_pair', '{"a": 1, "B b": "x"}', '"(1,x)"', '{"a": 0}', 'null');
SELECT * FROM put('positives', '[1, 2]', '[1, 0]', '"{1,2}"', '"{0}"', 'null');
SELECT * FROM put('positive[]', '[1, 2]', '[1, 0]', 'null');
SELECT * FROM put('required[]', '[1, 2]', '[1, null]', 'null');

-- RANGES, by their text; another spelling of the same range is the same range
SELECT * FROM put('int4range', '"[1,5)"', '"[1,4]"', '"empty"', '"(,)"', '"[5,1)"', '"x"', 'null');
SELECT * FROM put('tstzrange', '"[2024-01-01 00:00+00,)"', 'null');
SELECT * FROM put('int4multirange', '"{[1,3),[2,5)}"', '"{}"', '"[1,2)"', 'null');
SELECT * FROM put('int4range[]', '["[1,5)", null]', 'null');

-- JSON has no lower bounds of arrays, no negative zero and no null inside a jsonb column other than SQL NULL: what is sent back is another value
SELECT * FROM put('integer[]', '"[0:1]={1,2}"');
SELECT * FROM put('double precision', '"-0"');
CREATE TABLE nothing (id integer PRIMARY KEY, v jsonb);
INSERT INTO nothing VALUES (1, 'null');
SELECT interlock.enable_versioning('nothing');
SELECT r.* FROM interlock.try_versioned_update('nothing', 1, 1, '{"v": null}') AS r;
-- a json column keeps its text, so another spelling is another value
SELECT * FROM put('json', '{"a": 1}');
CREATE TABLE spelled (id integer PRIMARY KEY, v json);
INSERT INTO spelled VALUES (1, '{"b":1,"a":1}');
SELECT interlock.enable_versioning('spelled');
SELECT r.* FROM interlock.try_versioned_update('spelled', 1, 1, '{"v": {"b":1,"a":1}}') AS r;
SELECT v, version FROM spelled;

-- xml, where the server has it (nothing is shown where it has not)
DO $$
DECLARE told text;
BEGIN
    PERFORM xmlparse(content '<a/>');
    SELECT string_agg(concat_ws(' ', sent, stored, written, again, shown, back), ', ') INTO told FROM put('xml', '"<a b=\"1\">x</a>"', '"<a>"', 'null');
    ASSERT told = '"<a b=\"1\">x</a>" <a b="1">x</a> written unchanged <a b="1">x</a> unchanged, "<a>" 2200N, null written unchanged unchanged', told;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;

-- A WHOLE ROW: what plain SQL has stored is told by `current`, and sent back it is unchanged, column by column and at once
CREATE TABLE everything (
    id integer PRIMARY KEY, c_smallint smallint, c_bigint bigint, c_numeric numeric, c_scaled numeric(10,2), c_real real, c_double double precision,
    c_bool boolean, c_text text, c_varchar varchar(10), c_char char(5), c_bytea bytea, c_date date, c_time time, c_timetz timetz,
    c_timestamp timestamp, c_timestamptz timestamptz, c_interval interval, c_uuid uuid, c_inet inet, c_enum mood, c_json json, c_jsonb jsonb,
    c_ints integer[], c_texts text[], c_empty integer[], c_pair pair, c_nest nest, c_pairs pair[], c_domain positive, c_document document, c_tags tags,
    c_domain_pair positive_pair, c_range int4range, c_multi int4multirange, c_tsvector tsvector, c_bit bit(3), c_varbit varbit, c_money money, c_oid oid,
    c_regclass regclass, c_point point, c_null text, c_generated numeric GENERATED ALWAYS AS (c_scaled * 2) STORED,
    c_identity integer GENERATED BY DEFAULT AS IDENTITY);
INSERT INTO everything VALUES (
    1, -1, 9007199254740993, 1e400, 1.5, 0.1, 0.1::double precision / 3, true, E' quote " \\ \n', 'varchar', 'ch', '\x00ff', 'infinity', '12:34:56.7', '12:34:56.7+01',
    '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.789+03', '1 mon -2 days 03:04:05', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', '10.0.0.1/8', 'it''s "complicated"',
    '{"a": [1, 2.50, null]}', '{"a": [1, 2.50, null], "": ""}', '{{1,NULL},{3,4}}', '{"a,b",NULL,"NULL",""}', '{}', (1, 'x "y"'), ((1, NULL), '{1,2}', 'ok', '{"a": {}}'),
    ARRAY[(1, 'x')::pair, NULL, (NULL, 'y,z')::pair], 5, '"string"', '{a}', (1, 'x'), '[1,5]', '{[1,3),[5,9)}', 'a:1A b:2', B'101', B'1', '$12.34', 4294967295,
    'pg_class', '(1.5,-2)', NULL);
SELECT interlock.enable_versioning('everything');
SELECT r.current - 'id' - 'version' - 'c_generated' AS told FROM interlock.try_versioned_update('everything', 1, 0, '{}') AS r \gset
SELECT key, left(value::text, 60) AS shown, r.status, r.version
FROM jsonb_each(:'told') AS c, LATERAL interlock.try_versioned_update('everything', 1, 1, jsonb_build_object(c.key, c.value)) AS r ORDER BY key COLLATE "C";
SELECT r.* FROM interlock.try_versioned_update('everything', 1, 1, :'told') AS r;
SELECT c_numeric = 1e400 AS numeric, c_double = 0.1::double precision / 3 AS double FROM everything;
-- sent to another row it makes that row the same, which is then unchanged too
INSERT INTO everything (id) VALUES (2);
SELECT interlock.versioned_update('everything', 2, 1, :'told');
SELECT count(DISTINCT to_jsonb(e) - 'id' - 'version'), max(version) FROM everything AS e;
SELECT r.* FROM interlock.try_versioned_update('everything', 2, 2, :'told') AS r;
-- NULL in every column at once (the identity column is NOT NULL), and back
SELECT interlock.versioned_update('everything', 2, 2, (SELECT jsonb_object_agg(key, NULL) FROM jsonb_object_keys(:'told') AS key WHERE key <> 'c_identity'));
SELECT jsonb_strip_nulls(to_jsonb(e)) FROM everything AS e WHERE id = 2;
SELECT interlock.versioned_update('everything', 2, 3, :'told');
SELECT count(DISTINCT to_jsonb(e) - 'id' - 'version') FROM everything AS e;

-- generated columns follow; a change that leaves the generated value as it is is a change
CREATE TABLE generated (id integer PRIMARY KEY, a integer, b integer, total integer GENERATED ALWAYS AS (a + b) STORED, label text);
INSERT INTO generated VALUES (1, 1, 2, DEFAULT, 'x');
SELECT interlock.enable_versioning('generated');
SELECT interlock.versioned_update('generated', 1, 1, '{"a": 10}');
SELECT interlock.versioned_update('generated', 1, 2, '{"a": 2, "b": 10}');
SELECT r.status, r.version FROM interlock.try_versioned_update('generated', 1, 3, '{"a": 2, "label": "x"}') AS r;
SELECT r.* FROM interlock.try_versioned_update('generated', 1, 1, '{"a": 1}') AS r;

-- BIG VALUES: a megabyte that does not compress is written, compared, told, and left alone by other writes
CREATE TABLE big (id integer PRIMARY KEY, doc text, raw bytea, body jsonb, list text[], n integer);
ALTER TABLE big ALTER doc SET STORAGE EXTERNAL;
INSERT INTO big VALUES (1, 'x', 'x', '{}', '{}', 0);
SELECT interlock.enable_versioning('big');
SELECT string_agg(md5(n::text), '') AS mega FROM generate_series(1, 32768) AS n \gset
SELECT jsonb_build_object('doc', :'mega', 'raw', '\x' || :'mega', 'body', jsonb_build_object('a', :'mega'), 'list', jsonb_build_array(:'mega', 'x')) AS mega_row \gset
SELECT interlock.versioned_update('big', 1, 1, :'mega_row');
SELECT length(doc), length(raw), length(body ->> 'a'), length(list[1]), doc = :'mega' AS same FROM big;
SELECT r.* FROM interlock.try_versioned_update('big', 1, 2, :'mega_row') AS r;
SELECT r.status, r.version, r.current = :'mega_row'::jsonb || '{"id": 1, "n": 0, "version": 2}' AS current, r.conflicts
FROM interlock.try_versioned_update('big', 1, 1, :'mega_row') AS r;
SELECT length(r.conflicts #>> '{doc,mine}') AS mine, length(r.conflicts #>> '{doc,theirs}') AS theirs, length(r.conflicts #>> '{doc,base}') AS base
FROM interlock.try_versioned_update('big', 1, 1, jsonb_build_object('doc', reverse(:'mega')), '{"doc": "x"}') AS r;
CREATE FUNCTION toasted() RETURNS text LANGUAGE plpgsql AS $$
DECLARE ids text;
BEGIN
    EXECUTE format('SELECT array_agg(DISTINCT chunk_id ORDER BY chunk_id) FROM %s', (SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'big'::regclass)) INTO ids;
    RETURN ids;
END $$;
SELECT toasted() AS before \gset
SELECT interlock.versioned_update('big', 1, 2, '{"n": 1}');
SELECT r.status FROM interlock.try_versioned_update('big', 1, 3, :'mega_row') AS r;
SELECT toasted() = :'before' AS untouched, version FROM big;
SELECT interlock.versioned_update('big', 1, 3, jsonb_build_object('doc', :'mega' || '!'));
SELECT r.status, r.version FROM interlock.try_versioned_update('big', 1, 4, jsonb_build_object('doc', :'mega' || '?')) AS r;

-- WIDE: as many columns as a table can have, all of them at once, one of them, all but one unchanged
DO $$ BEGIN
    EXECUTE (SELECT format('CREATE TABLE wide (id integer PRIMARY KEY, version bigint NOT NULL DEFAULT 1, %s)', string_agg(format('"Column %s" smallint', n), ', '))
             FROM generate_series(1, 1598) AS n);
END $$;
INSERT INTO wide VALUES (1, 1);
SELECT interlock.enable_versioning('wide');
SELECT jsonb_object_agg('Column ' || n, n) AS all_columns FROM generate_series(1, 1598) AS n \gset
SELECT interlock.versioned_update('wide', 1, 1, :'all_columns');
SELECT r.* FROM interlock.try_versioned_update('wide', 1, 2, :'all_columns') AS r;
SELECT interlock.versioned_update('wide', 1, 2, '{"Column 1598": 0}');
SELECT r.status, r.version, r.current = :'all_columns'::jsonb || '{"id": 1, "version": 3, "Column 1598": 0}' AS current, r.conflicts
FROM interlock.try_versioned_update('wide', 1, 2, :'all_columns') AS r;
SELECT interlock.versioned_update('wide', 1, 3, :'all_columns');
SELECT to_jsonb(w) - 'id' - 'version' = :'all_columns' AS all_there, version FROM wide AS w;

-- MIXED: the row that is told is the very jsonb that PostgreSQL makes of it, and each member is found by its name
DO $$ BEGIN
    EXECUTE (SELECT format('CREATE TABLE mixed (id integer PRIMARY KEY, version bigint NOT NULL DEFAULT 1, %s)', string_agg(format('%I %s', repeat('c', n % 7) || n, type), ', ' ORDER BY -n))
             FROM generate_series(0, 89) AS n, LATERAL (SELECT (ARRAY['text', 'boolean', 'numeric', 'integer[]', 'jsonb', 'bigint', 'char(5)', 'uuid', 'json'])[1 + n % 9] AS type) AS t);
END $$;
INSERT INTO mixed (id) VALUES (1);
SELECT interlock.enable_versioning('mixed');
SELECT jsonb_object_agg(repeat('c', n % 7) || n, CASE WHEN n % 5 > 0 THEN (ARRAY[to_jsonb(repeat('t', n)), to_jsonb(n % 2 = 0), to_jsonb(n / 7.0), to_jsonb(ARRAY[n, NULL, n]),
    jsonb_build_object('n', n, 'deep', ARRAY[[n], [n]]), to_jsonb(n * 1000000000::bigint), to_jsonb('e' || n), to_jsonb(md5(n::text)::uuid), '[]'])[1 + n % 9] END) AS mixed_values
FROM generate_series(0, 89) AS n \gset
SELECT interlock.versioned_update('mixed', 1, 1, :'mixed_values');
SELECT r.status, r.current = to_jsonb(m) AS same, pg_column_size(r.current) = pg_column_size(to_jsonb(m)) AS same_size, r.current::text = to_jsonb(m)::text AS same_text,
    (SELECT count(*) FROM jsonb_each(to_jsonb(m)) AS e WHERE r.current -> e.key = e.value) AS found
FROM mixed AS m, interlock.try_versioned_update('mixed', 1, 1, '{"0": "other"}') AS r;
SELECT r.conflicts FROM interlock.try_versioned_update('mixed', 1, 1, '{"0": "other", "c1": false, "cccc4": [1], "ccc3": [3, null, 3]}') AS r;

DROP SCHEMA write_types CASCADE;
