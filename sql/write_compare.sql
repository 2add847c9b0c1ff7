-- An update that says which values columns must still hold: for any table with a primary key, versioned or not, in both forms.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_comparer;
CREATE ROLE regress_comparer;
CREATE SCHEMA write_compare;
SET search_path = write_compare;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
GRANT USAGE ON SCHEMA write_compare TO regress_comparer;
-- What each call comes to: the result (without its null fields), or the error with all its fields. XX000 is a bug.
CREATE FUNCTION told(VARIADIC calls text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    call text; r jsonb; state text; message text; detail text; hint text; c text; k text;
BEGIN
    FOREACH call IN ARRAY calls LOOP
        BEGIN
            EXECUTE format('SELECT to_jsonb(r) FROM interlock.%s AS r', call) INTO r;
            RETURN NEXT format('%s: %s', call, CASE WHEN jsonb_typeof(r) = 'object' THEN jsonb_strip_nulls(r - 'current' - 'conflicts')
                || CASE WHEN r ->> 'current' IS NULL THEN '{}' ELSE jsonb_build_object('current', r -> 'current') END
                || CASE WHEN r ->> 'conflicts' IS NULL THEN '{}' ELSE jsonb_build_object('conflicts', r -> 'conflicts') END ELSE r END);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, c = COLUMN_NAME, k = CONSTRAINT_NAME;
            RETURN NEXT format('%s: %s', call, concat_ws(' | ', state, message, nullif(detail, ''), 'hint: ' || nullif(hint, ''), 'column: ' || nullif(c, ''), 'constraint: ' || nullif(k, '')));
        END;
    END LOOP;
END $$;
-- the same with the code only
CREATE FUNCTION codes(VARIADIC calls text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    call text;
BEGIN
    FOREACH call IN ARRAY calls LOOP
        BEGIN
            EXECUTE format('SELECT 1 FROM interlock.%s AS r', call);
            RETURN NEXT format('%s: done', call);
        EXCEPTION WHEN OTHERS THEN
            RETURN NEXT format('%s: %s', call, SQLSTATE);
        END;
    END LOOP;
END $$;

CREATE TABLE job (id integer PRIMARY KEY, state text, worker text, n integer, twice integer GENERATED ALWAYS AS (n * 2) STORED, note text CONSTRAINT short CHECK (length(note) < 10));
CREATE TABLE plain (id integer PRIMARY KEY, state text, worker text, version integer);
INSERT INTO job SELECT g, 'ready', NULL, g FROM generate_series(1, 9) AS g;
INSERT INTO plain SELECT g, 'ready', NULL, 7 FROM generate_series(1, 9) AS g;
SELECT interlock.enable_versioning('job') \gset

-- EVERY OUTCOME, raised and told, on a versioned table and on one that is not
\pset tuples_only off
SELECT interlock.compare_and_update('job', 1, '{"state": "ready", "worker": null}', '{"state": "running", "worker": "ann"}');
SELECT r.* FROM interlock.try_compare_and_update('job', 1, '{"state": "running", "worker": "ann"}', '{"state": "done"}') AS r;
SELECT r.* FROM interlock.try_compare_and_update('job', 1, '{"state": "done"}', '{"state": "done", "worker": "ann"}') AS r;
SELECT interlock.compare_and_update('job', 1, '{"state": "done"}', '{}');
SELECT interlock.compare_and_update('job', 1, '{"state": "ready"}', '{"state": "running"}');
SELECT interlock.compare_and_update('job', 1, '{"state": "ready", "worker": null, "n": 1}', '{"state": "running"}');
SELECT r.* FROM interlock.try_compare_and_update(rel => 'job', key => 1, expected => '{"state": "ready", "worker": null, "n": 1}', changes => '{"state": "running", "note": "x"}') AS r;
SELECT interlock.compare_and_update('job', 99, '{"state": "ready"}', '{"state": "running"}');
SELECT r.* FROM interlock.try_compare_and_update('job', 99, '{"state": "ready"}', '{"state": "running"}') AS r;
SELECT interlock.compare_and_update('plain', 1, '{"state": "ready", "worker": null}', '{"state": "running", "worker": "ann"}');
SELECT r.* FROM interlock.try_compare_and_update('plain', 1, '{"state": "running"}', '{"state": "done"}') AS r;
SELECT r.* FROM interlock.try_compare_and_update('plain', 1, '{"state": "done"}', '{"state": "done"}') AS r;
SELECT interlock.compare_and_update('plain', 1, '{"worker": null, "state": "ready"}', '{"state": "running"}');
SELECT r.* FROM interlock.try_compare_and_update('plain', 1, '{"worker": null, "state": "ready"}', '{"state": "running"}') AS r;
SELECT interlock.compare_and_update('plain', 99, '{"state": "ready"}', '{}');
SELECT * FROM job WHERE id = 1;
SELECT * FROM plain WHERE id = 1;
\pset tuples_only on
-- what is expected is judged though nothing is to be written
SELECT told($$versioned_update('job', 2, 1, '{"note": "v2"}')$$, $$try_compare_and_update('job', 2, '{"state": "ready"}', '{}')$$, $$try_compare_and_update('job', 2, '{"state": "x"}', '{}')$$, $$try_compare_and_update('job', 2, '{"state": "x"}', '{"state": "ready"}')$$, $$try_compare_and_update('job', 99, '{"state": "x"}', '{}')$$);
-- key, version and generated columns may be expected, and the row as to_jsonb() shows it
SELECT told($$try_compare_and_update('job', 2, '{"id": 2, "version": 2, "twice": 4}', '{"n": 3}')$$, $$try_compare_and_update('job', 2, '{"id": 3, "version": 2, "twice": 4}', '{"n": 4}')$$, $$compare_and_update('job', 2, '{"version": 2}', '{"n": 4}')$$, $$try_compare_and_update('job', 2, '{"version": "3"}', '{"n": 4}')$$, $$try_compare_and_update('job', 2, '{"version": null}', '{"n": 4}')$$);
SELECT r.* FROM job AS j, LATERAL interlock.try_compare_and_update('job', j.id, to_jsonb(j), '{"note": "read"}') AS r WHERE id = 3;
-- where versions are not ours, "version" is a column like any other
SELECT told($$try_compare_and_update('plain', 2, '{"version": 7}', '{"version": 8}')$$, $$try_compare_and_update('plain', 2, '{"version": 7}', '{"version": 9}')$$, $$try_compare_and_update('job', 2, '{"version": 4}', '{"version": 5}')$$);

-- ARGUMENTS
SELECT told($$compare_and_update(NULL, 1, '{"state": "x"}', '{}')$$, $$compare_and_update('job', NULL, '{"state": "x"}', '{}')$$, $$compare_and_update('job', 1, NULL, '{}')$$, $$try_compare_and_update('job', 1, NULL, '{}')$$, $$compare_and_update('job', 1, '{"state": "x"}', NULL)$$, $$try_compare_and_update('job', 1, '{"state": "x"}', NULL)$$);
SELECT told($$compare_and_update('job', 1, '{}', '{"state": "x"}')$$, $$try_compare_and_update('plain', 99, '{}', '{}')$$, $$compare_and_update('job', 1, '[]', '{}')$$, $$compare_and_update('job', 1, 'null', '{}')$$, $$compare_and_update('job', 1, '{"state": "x"}', '[]')$$, $$compare_and_update('job', 1, '{"nope": "x"}', '{}')$$,
            $$compare_and_update('plain', 1, '{"State": "x"}', '{}')$$, $$compare_and_update('job', 1, '{"ctid": "(0,1)"}', '{}')$$, $$compare_and_update('job', 1, '{"xmin": 1}', '{}')$$, $$compare_and_update('job', 1, '{"state": "x"}', '{"nope": 1}')$$, $$compare_and_update('job', 1, '{"state": "x"}', '{"id": 2}')$$,
            $$compare_and_update('job', 1, '{"state": "x"}', '{"version": 2}')$$, $$compare_and_update('plain', 1, '{"state": "x"}', '{"id": 2}')$$, $$compare_and_update('job', 1, '{"state": "x"}', '{"twice": 2}')$$, $$compare_and_update('job', 1, '{"n": "x"}', '{}')$$, $$compare_and_update('job', 1, '{"n": 1}', '{"n": {}}')$$);
SELECT codes($$compare_and_update('job', 1.5, '{"n": 1}', '{}')$$, $$compare_and_update('job', 'x', '{"n": 1}', '{}')$$, $$try_compare_and_update('plain', ROW(1, 2), '{"state": "x"}', '{}')$$, $$compare_and_update('plain', true, '{"state": "x"}', '{}')$$, $$compare_and_update('nowhere', 1, '{"n": 1}', '{}')$$,
             $$compare_and_update('pg_class', 1, '{"n": 1}', '{}')$$, $$compare_and_update('job_pkey', 1, '{"n": 1}', '{}')$$, $$compare_and_update('job', 4, '{"n": 4}', '{"note": "much too long"}')$$);
CREATE TABLE keyless (id integer UNIQUE NOT NULL, a text);
CREATE TABLE disabled (id integer PRIMARY KEY, a text);
INSERT INTO disabled VALUES (1, 'a');
SELECT interlock.enable_versioning('disabled') \gset
ALTER TABLE disabled DISABLE TRIGGER ALL;
SELECT told($$compare_and_update('keyless', 1, '{"a": "x"}', '{}')$$, $$try_compare_and_update('keyless', 1, '{"a": "x"}', '{}')$$, $$compare_and_update('disabled', 1, '{"a": "a"}', '{"a": "b"}')$$);
SELECT * FROM disabled;
PREPARE compare AS SELECT r.status, r.version FROM interlock.try_compare_and_update('job', $1, $2, $3) AS r;
EXECUTE compare ('4', '{"state": "ready"}', '{"state": "p"}');
EXECUTE compare (4, '{"state": "ready"}', '{"state": "q"}');

-- VALUES of every type as to_jsonb() shows them, one after the other and all at once; NULL is a value
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE trio AS (a integer, b text, c numeric);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TABLE shapes (id text PRIMARY KEY, m mood, p trio, j jsonb, k json, l integer[], t timestamptz, s timestamp, y date, i interval, c char(4), b bytea, n numeric, f double precision, g real, d positive, r int4range, u uuid, nothing text, big text, counter integer DEFAULT 0);
INSERT INTO shapes VALUES ('a', 'ok', (1, 'x', 1.00), '{"a": [1, null], "b": 1.10}', '{"b" : 1,  "a":[1.10]}', '[0:2]={1,NULL,3}', '2024-02-29 12:00:00.000001+02', '2024-02-29 12:00', 'infinity', '1 year -2 days', 'ab', '\x00ff', 1.00, '-0', 0.1, 5, '[1,5)',
                           '6ba7b810-9dad-11d1-80b4-00c04fd430c8', NULL, repeat('x', 1000000));
SELECT to_jsonb(z) AS row FROM shapes AS z \gset
SELECT r.status FROM interlock.try_compare_and_update('shapes', 'a', :'row', '{"counter": 1}') AS r;
SELECT count(*), count(*) FILTER (WHERE r.status = 'written') AS written FROM jsonb_each(:'row'::jsonb - 'counter') AS e, LATERAL interlock.try_compare_and_update('shapes', 'a', jsonb_build_object(e.key, e.value), jsonb_build_object('counter', 100 * ascii(e.key))) AS r;
-- one that differs, of each
CREATE TABLE other (attname name, value jsonb);
INSERT INTO other VALUES ('m', '"sad"'), ('p', '{"a": 1, "b": "x", "c": 1.01}'), ('j', '{"a": [1, null], "b": "1.10"}'), ('k', '{"a": [1.10]}'), ('l', '[1, 3]'), ('t', '"2024-02-29T12:00:00.000001+01:00"'), ('s', '"2024-02-29T12:00:01"'), ('y', '"2024-03-01"'), ('i', '"1 day"'), ('c', '"ab b"'), ('b', '"\\x00"'), ('n', '1.01'),
    ('f', '0.5'), ('g', '0.2'), ('d', '6'), ('r', '"[1,4)"'), ('u', null), ('nothing', '""'), ('big', to_jsonb(repeat('x', 999999))), ('m', null);
SELECT o.attname, r.status, CASE WHEN o.attname <> 'big' THEN r.conflicts ELSE jsonb_build_object('big', length(r.conflicts #>> '{big,theirs}')) END FROM other AS o, LATERAL interlock.try_compare_and_update('shapes', 'a', jsonb_build_object(o.attname, o.value), '{"counter": 0}') AS r ORDER BY o.attname, o.value;
-- other forms of the same value: those that the type's input takes, and those that JSON shows alike
SELECT count(*), count(*) FILTER (WHERE r.status = 'unchanged') AS held FROM unnest(ARRAY['{"t": "2024-02-29 05:00:00.000001-05"}', '{"r": "[1,4]"}', '{"c": "ab"}', '{"u": "{6BA7B8109DAD11D180B400C04FD430C8}"}', '{"b": "\\000\\377"}', '{"l": "[0:2]={1,NULL,3}"}', '{"l": [1, null, 3]}', '{"n": 1.0}', '{"n": "1.00"}', '{"n": 1}',
    '{"f": 0}', '{"f": "-0"}', '{"k": {"a": [1.1], "b": 1}}', '{"j": {"b": 1.1, "a": [1, null]}}', '{"i": "12 mons -48 hours 0 secs"}', '{"i": "1 year -2 days"}', '{"p": "(1,x,1.00)"}', '{"d": "5"}', '{"g": 0.1}']::jsonb[]) AS e, LATERAL interlock.try_compare_and_update('shapes', 'a', e, '{}') AS r;
SELECT e FROM unnest(ARRAY['{"i": "12 mons -48 hours 0 secs"}', '{"l": [1, null, 4]}']::jsonb[]) AS e, LATERAL interlock.try_compare_and_update('shapes', 'a', e, '{}') AS r WHERE r.status = 'stale';
-- an array of a thousand, a megabyte of text
UPDATE shapes SET l = ARRAY(SELECT generate_series(1, 1000));
SELECT r.status FROM interlock.try_compare_and_update('shapes', 'a', jsonb_build_object('l', (SELECT jsonb_agg(n) FROM generate_series(1, 1000) AS n), 'big', repeat('x', 1000000)), jsonb_build_object('big', repeat('y', 1000000))) AS r;

-- KEYS of several columns; NAMES that want quoting, in message and DETAIL
CREATE TABLE lines (note text, number smallint, gone integer, "order" bigint, PRIMARY KEY ("order", number));
ALTER TABLE lines DROP COLUMN gone;
INSERT INTO lines VALUES ('a', 2, 7);
SELECT told($$compare_and_update('lines', ROW(7, 2), '{"note": "a"}', '{"note": "b"}')$$, $$compare_and_update('lines', '{"number": 2, "order": 7}', '{"note": "a"}', '{"note": "c"}')$$, $$try_compare_and_update('lines', ROW(7, 2), '{"order": 7, "number": 2, "note": "b"}', '{"note": "c"}')$$, $$compare_and_update('lines', ROW(2, 7), '{"note": "a"}', '{}')$$);
CREATE SCHEMA "Sch.ema ""c""";
CREATE TABLE "Sch.ema ""c"""."T""; --\" ("Id ""1""\n" integer PRIMARY KEY, expected text, changes text, base text, "Mixed" text, "a""b\" text, t text, "$1" text);
INSERT INTO "Sch.ema ""c"""."T""; --\" VALUES (1, 'a', 'b', 'c', 'd', 'e', 'f', 'g');
SELECT told($$compare_and_update('"Sch.ema ""c"""."T""; --\"', 1, '{"expected": "a", "base": "c", "t": "f", "$1": "g", "a\"b\\": "e"}', '{"expected": "x", "Mixed": "y"}')$$, $$compare_and_update('"Sch.ema ""c"""."T""; --\"', 1, '{"Mixed": "d", "a\"b\\": "x", "t": "f"}', '{"Mixed": "z"}')$$,
            $$try_compare_and_update('"Sch.ema ""c"""."T""; --\"', 1, '{"a\"b\\": "x", "$1": null}', '{"a\"b\\": "y"}')$$, $$compare_and_update('"Sch.ema ""c"""."T""; --\"', 1, '{"mixed": "y"}', '{}')$$);
TABLE "Sch.ema ""c"""."T""; --\";
SELECT repeat('n', 63) AS long, repeat('ä', 31) || 'x' AS wide \gset
CREATE TABLE :"long" (:"wide" integer PRIMARY KEY, :"long" text);
INSERT INTO :"long" VALUES (1, 'a');
SELECT told(format('compare_and_update(%L, 1, %L, %L)', :'long', jsonb_build_object(:'long', 'a'), jsonb_build_object(:'long', 'b')), format('compare_and_update(%L, 1, %L, %L)', :'long', jsonb_build_object(:'long', 'a', :'wide', 2), '{}'));

-- TRIGGERS: columns that are only expected are not updated
CREATE FUNCTION log_columns() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'update of %', TG_ARGV[0]; RETURN NEW; END $$;
SELECT format('CREATE TRIGGER %I BEFORE UPDATE OF %I ON plain FOR EACH ROW EXECUTE FUNCTION log_columns(%L)', 'of_' || attname, attname, attname) FROM pg_attribute WHERE attrelid = 'plain'::regclass AND attnum > 0 \gexec
SELECT told($$try_compare_and_update('plain', 3, '{"id": 3, "state": "ready", "version": 7}', '{"worker": "bob", "version": 7}')$$);
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.worker = 'raise' THEN RAISE 'not this' USING ERRCODE = 'MY001'; END IF; IF NEW.worker = 'swallow' THEN RETURN NULL; END IF; NEW.state := 'trigger'; RETURN NEW; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION keep();
CREATE TRIGGER keep BEFORE UPDATE ON job FOR EACH ROW EXECUTE FUNCTION keep();
SET client_min_messages = error;
SELECT told(VARIADIC array_agg(format(call, rel) ORDER BY rel, n)) FROM unnest('{plain, job}'::text[]) AS rel, unnest(ARRAY[$$try_compare_and_update(%L, 5, '{"state": "ready"}', '{"worker": "swallow"}')$$, $$compare_and_update(%L, 5, '{"state": "ready"}', '{"worker": "swallow"}')$$,
    $$try_compare_and_update(%L, 5, '{"state": "ready"}', '{"worker": "raise"}')$$, $$try_compare_and_update(%L, 5, '{"state": "x"}', '{"worker": "raise"}')$$, $$try_compare_and_update(%L, 5, '{"state": "ready"}', '{"worker": "ann"}')$$, $$try_compare_and_update(%L, 5, '{"state": "trigger"}', '{"worker": "ann"}')$$]) WITH ORDINALITY AS c (call, n);
SET client_min_messages = warning;
DROP TRIGGER keep ON plain;
DROP TRIGGER keep ON job;

-- VERSIONS: by time, with other settings, observed, on a replica
CREATE TABLE by_time (id integer PRIMARY KEY, a text, version timestamptz NOT NULL DEFAULT '2024-01-01 00:00:00.123456+00');
INSERT INTO by_time VALUES (1, 'a0');
SELECT interlock.enable_versioning('by_time') \gset
SELECT to_jsonb(b) AS row FROM by_time AS b \gset
SELECT told(format('compare_and_update(''by_time'', 1, %L, %L)', jsonb_build_object('version', :'row'::jsonb -> 'version'), '{"a": "a1"}'), format('compare_and_update(''by_time'', 1, %L, %L)', jsonb_build_object('version', :'row'::jsonb -> 'version'), '{"a": "a2"}'));
SELECT r.status, r.version, r.current - 'version', r.conflicts #> '{version,base}', r.conflicts -> 'a' FROM interlock.try_compare_and_update('by_time', 1, :'row', '{"a": "a2"}') AS r;
SELECT r.status, r.version FROM by_time AS b, LATERAL interlock.try_compare_and_update('by_time', 1, to_jsonb(b), '{"a": "a1"}') AS r;
SELECT r.status, r.version FROM by_time AS b, LATERAL interlock.try_compare_and_update('by_time', 1, to_jsonb(b) - 'a', '{"a": "a2"}') AS r;
SELECT a, version > '2024-01-02' AS moved FROM by_time;
CREATE TABLE small (id integer PRIMARY KEY, a text, seen text, version smallint NOT NULL DEFAULT 1);
INSERT INTO small VALUES (1, 'a0', 's0', 1), (2, 'a0', 's0', 32767);
SELECT interlock.enable_versioning('small', accept => 'echo', require_version => true, except_columns => '{seen}') \gset
SELECT told($$try_compare_and_update('small', 1, '{"a": "a0"}', '{"a": "a1"}')$$, $$try_compare_and_update('small', 1, '{"seen": "s0"}', '{"seen": "s1"}')$$, $$compare_and_update('small', 2, '{"a": "a0"}', '{"a": "a1"}')$$, $$try_compare_and_update('small', 2, '{"version": 32767}', '{"seen": "s1"}')$$, $$try_compare_and_update('small', 2, '{"version": 98303}', '{"seen": "s1"}')$$);
SELECT interlock.enable_versioning('small', accept => 'increment', require_version => true) \gset
SELECT told($$try_compare_and_update('small', 1, '{"version": 2}', '{"a": "a2"}')$$);
SELECT interlock.enable_versioning('small', mode => 'observe') \gset
SELECT told($$try_compare_and_update('small', 1, '{"version": 2}', '{"a": "a3"}')$$, $$try_compare_and_update('small', 1, '{"version": 3}', '{"a": "a3"}')$$);
SET session_replication_role = replica;
SELECT told($$try_compare_and_update('small', 1, '{"version": 4}', '{"a": "a4"}')$$, $$try_compare_and_update('small', 1, '{"version": 4}', '{"a": "a5"}')$$, $$try_compare_and_update('plain', 6, '{"state": "ready"}', '{"state": "replica"}')$$);
SELECT r.status, r.version FROM by_time AS b, LATERAL interlock.try_compare_and_update('by_time', 1, to_jsonb(b), '{"a": "replica"}') AS r;
RESET session_replication_role;

-- KINDS OF TABLES: partitioned, inherited, temporary, with rules; each versioned or not
CREATE TABLE part (id integer, region text, a text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE part_north PARTITION OF part FOR VALUES IN ('north');
CREATE TABLE part_south (gone text, a text, region text NOT NULL, gone2 integer, id integer NOT NULL);
ALTER TABLE part_south DROP COLUMN gone, DROP COLUMN gone2;
ALTER TABLE part ATTACH PARTITION part_south FOR VALUES IN ('south');
INSERT INTO part (id, region, a) SELECT 1, region, 'a0' FROM unnest('{north, south}'::text[]) AS region;
SELECT told($$try_compare_and_update('part', ROW('south', 1), '{"a": "a0"}', '{"a": "a1"}')$$, $$try_compare_and_update('part_south', ROW('south', 1), '{"a": "a0"}', '{"a": "a2"}')$$);
SELECT interlock.enable_versioning('part') \gset
SELECT told($$try_compare_and_update('part', ROW('south', 1), '{"a": "a1", "region": "south"}', '{"a": "a2"}')$$, $$try_compare_and_update('part', ROW('south', 1), '{"a": "a1"}', '{"a": "a3"}')$$, $$try_compare_and_update('part_south', ROW('south', 1), '{"version": 2}', '{"a": "a3"}')$$,
            $$compare_and_update('part', ROW('south', 1), '{"version": 2}', '{"a": "a3"}')$$, $$try_compare_and_update('part', ROW('west', 1), '{"a": "a1"}', '{}')$$, $$try_compare_and_update('part_north', ROW('south', 1), '{"a": "a3"}', '{}')$$);
CREATE TABLE base (id integer PRIMARY KEY, a text);
CREATE TABLE derived (PRIMARY KEY (id)) INHERITS (base);
INSERT INTO base VALUES (1, 'base'), (2, 'base');
INSERT INTO derived VALUES (2, 'derived'), (3, 'derived');
SELECT codes($$compare_and_update('base', 2, '{"a": "base"}', '{"a": "x"}')$$, $$try_compare_and_update('base', 2, '{"a": "x"}', '{"a": "y"}')$$, $$compare_and_update('base', 3, '{"a": "derived"}', '{"a": "x"}')$$, $$compare_and_update('derived', 2, '{"a": "derived"}', '{"a": "x"}')$$);
SELECT tableoid::regclass, * FROM base ORDER BY 2, 1;
CREATE TEMPORARY TABLE scratch (id integer PRIMARY KEY, a text);
INSERT INTO scratch VALUES (1, 'a0');
BEGIN READ ONLY;
SELECT told($$compare_and_update('job', 6, '{"state": "ready"}', '{"state": "x"}')$$, $$try_compare_and_update('plain', 99, '{"state": "x"}', '{}')$$, $$try_compare_and_update('scratch', 1, '{"a": "a0"}', '{"a": "a1"}')$$, $$try_compare_and_update('scratch', 1, '{"a": "a0"}', '{"a": "a1"}')$$);
COMMIT;
CREATE TABLE ruled (id integer PRIMARY KEY, a text);
INSERT INTO ruled VALUES (1, 'a0');
CREATE RULE also AS ON UPDATE TO ruled DO ALSO NOTIFY ruled;
SELECT told($$try_compare_and_update('ruled', 1, '{"a": "a0"}', '{"a": "a1"}')$$, $$try_compare_and_update('ruled', 1, '{"a": "a0"}', '{"a": "a1"}')$$);
CREATE RULE instead AS ON UPDATE TO ruled DO INSTEAD NOTHING;
SELECT told($$try_compare_and_update('ruled', 1, '{"a": "a1"}', '{"a": "a2"}')$$);

-- PRIVILEGES: SELECT on the key and the expected columns, UPDATE on the changed ones
CREATE TABLE staff (id integer PRIMARY KEY, name text, salary integer, note text);
INSERT INTO staff VALUES (1, 'ann', 5000, 'SECRET');
CREATE VIEW calls AS SELECT * FROM (VALUES (1, $$try_compare_and_update('staff', 1, '{"name": "ann"}', '{"name": "ann"}')$$), (2, $$try_compare_and_update('staff', 1, '{"name": "x"}', '{"name": "y"}')$$), (3, $$try_compare_and_update('staff', 99, '{"name": "x"}', '{"name": "y"}')$$), (4, $$compare_and_update('staff', 1, '{"name": "ann"}', '{}')$$)) AS v (n, call);
GRANT SELECT ON calls TO regress_comparer;
SET ROLE regress_comparer;
SELECT codes(VARIADIC array_agg(call ORDER BY n)) FROM calls;
RESET ROLE;
GRANT SELECT ON staff TO regress_comparer;
SET ROLE regress_comparer;
SELECT codes(VARIADIC array_agg(call ORDER BY n)) FROM calls;
RESET ROLE;
REVOKE SELECT ON staff FROM regress_comparer;
GRANT UPDATE ON staff TO regress_comparer;
SET ROLE regress_comparer;
SELECT codes(VARIADIC array_agg(call ORDER BY n)) FROM calls;
RESET ROLE;
REVOKE UPDATE ON staff FROM regress_comparer;
GRANT SELECT (id, name), UPDATE (name, note) ON staff TO regress_comparer;
SET ROLE regress_comparer;
SELECT told(VARIADIC array_agg(call ORDER BY n)) FROM calls;
-- what she may not see cannot be found out; what she may only write is written
SELECT told($$try_compare_and_update('staff', 1, '{"note": "SECRET"}', '{}')$$, $$try_compare_and_update('staff', 1, '{"note": "guess"}', '{"name": "x"}')$$, $$compare_and_update('staff', 1, '{"name": "ann", "salary": 5000}', '{"name": "x"}')$$, $$try_compare_and_update('staff', 1, '{"name": "ann"}', '{"salary": 1}')$$,
            $$try_compare_and_update('staff', 1, '{"name": "ann"}', '{"note": "SECRET"}')$$, $$try_compare_and_update('staff', 1, '{"name": "x"}', '{"note": "SECRET"}')$$, $$compare_and_update('staff', 1, '{"name": "x"}', '{"note": "guess"}')$$, $$try_compare_and_update('staff', 1, '{"name": "ann"}', '{"note": "hers"}')$$);
RESET ROLE;
SELECT * FROM staff;
-- the version is not told to those who may not see it
SELECT interlock.enable_versioning('staff') \gset
SET ROLE regress_comparer;
SELECT told($$try_compare_and_update('staff', 1, '{"name": "x"}', '{"name": "y"}')$$, $$compare_and_update('staff', 1, '{"name": "x"}', '{"name": "y"}')$$, $$try_compare_and_update('staff', 1, '{"version": 1}', '{"name": "y"}')$$);
RESET ROLE;
-- row-level security
CREATE TABLE doc (id integer PRIMARY KEY, owner name, title text);
INSERT INTO doc VALUES (1, 'regress_comparer', 'own'), (2, 'postgres', 'shared'), (3, 'postgres', 'SECRET');
GRANT SELECT, UPDATE ON doc TO regress_comparer;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON doc FOR SELECT USING (owner = current_user OR title = 'shared');
CREATE POLICY change ON doc FOR UPDATE USING (owner = current_user);
SET ROLE regress_comparer;
SELECT told($$try_compare_and_update('doc', 1, '{"title": "own"}', '{"title": "mine"}')$$, $$try_compare_and_update('doc', 2, '{"title": "shared"}', '{"title": "mine"}')$$, $$compare_and_update('doc', 2, '{"title": "shared"}', '{"title": "mine"}')$$, $$try_compare_and_update('doc', 2, '{"title": "x"}', '{"title": "mine"}')$$,
            $$try_compare_and_update('doc', 3, '{"title": "SECRET"}', '{"title": "mine"}')$$, $$compare_and_update('doc', 3, '{"title": "guess"}', '{}')$$);
SELECT codes($$try_compare_and_update('doc', 1, '{"owner": "regress_comparer"}', '{"owner": "postgres"}')$$);
RESET ROLE;

-- IN TRANSACTIONS, functions and statements
BEGIN;
SAVEPOINT a;
SELECT told($$compare_and_update('job', 6, '{"state": "ready"}', '{"state": "a"}')$$);
ROLLBACK TO a;
SELECT told($$try_compare_and_update('job', 6, '{"state": "a"}', '{"state": "b"}')$$, $$try_compare_and_update('job', 6, '{"state": "ready"}', '{"state": "b"}')$$, $$try_compare_and_update('job', 6, '{"state": "b"}', '{"state": "c"}')$$);
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT told($$try_compare_and_update('job', 7, '{"state": "ready"}', '{"state": "a"}')$$, $$try_compare_and_update('job', 7, '{"state": "ready"}', '{"state": "b"}')$$, $$try_compare_and_update('job', 7, '{"state": "a"}', '{"state": "a"}')$$, $$try_compare_and_update('job', 99, '{"state": "a"}', '{}')$$);
ROLLBACK;
SELECT j.id, r.status, r.version FROM (SELECT id FROM job WHERE id IN (6, 7, 8) ORDER BY id) AS j, LATERAL interlock.try_compare_and_update('job', j.id, '{"state": "ready"}', '{"state": "lateral"}') AS r ORDER BY 1;
WITH w AS (UPDATE job SET state = 'cte' WHERE id = 9 RETURNING id) SELECT r.status, r.version FROM w, LATERAL interlock.try_compare_and_update('job', w.id, '{"state": "cte"}', '{"state": "after cte"}') AS r;
DO $$
BEGIN
    BEGIN
        PERFORM interlock.compare_and_update('job', 8, '{"state": "lateral"}', '{"state": "lost"}');
        PERFORM interlock.compare_and_update('job', 9, '{"state": "x"}', '{"state": "y"}');
    EXCEPTION WHEN SQLSTATE 'IL001' THEN
        PERFORM interlock.compare_and_update('job', 8, '{"state": "lateral"}', '{"state": "caught"}');
    END;
END $$;
SELECT id, state, version FROM job WHERE id >= 6 ORDER BY id;
-- a hostile search_path
CREATE SCHEMA hostile_compare;
CREATE FUNCTION hostile_compare.wrong(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile_compare.wrong(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE OPERATOR hostile_compare.= (FUNCTION = hostile_compare.wrong, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR hostile_compare.= (FUNCTION = hostile_compare.wrong, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION hostile_compare.to_jsonb(anyelement) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile_compare.column_probe(bigint, VARIADIC "any") RETURNS boolean LANGUAGE internal AS 'booleq';
CREATE TYPE hostile_compare.mood AS ENUM ('captured');
SET search_path = hostile_compare, pg_catalog;
SELECT r.status FROM interlock.try_compare_and_update('write_compare.shapes', 'a', '{"m": "ok", "n": 1.0}', '{"m": "sad"}') AS r;
SELECT r.status, r.conflicts FROM interlock.try_compare_and_update('write_compare.shapes', 'a', '{"m": "ok"}', '{"m": null}') AS r;
SELECT r.status FROM interlock.try_compare_and_update('write_compare.part', ROW('north', 1), '{"a": "a0"}', '{"a": "a1"}') AS r;
RESET search_path;

DROP SCHEMA write_compare, hostile_compare, "Sch.ema ""c""" CASCADE;
DROP ROLE regress_comparer;
