-- A three-way merge by column: what one side left alone becomes the other's, and what both changed is a conflict, in both forms.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_merger;
CREATE ROLE regress_merger;
CREATE SCHEMA write_merge;
SET search_path = write_merge;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
GRANT USAGE ON SCHEMA write_merge TO regress_merger;
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

CREATE TABLE form (id integer PRIMARY KEY, a text, b text, c text CONSTRAINT short CHECK (length(c) < 10), n integer, twice integer GENERATED ALWAYS AS (n * 2) STORED);
INSERT INTO form SELECT g, 'a0', 'b0', 'c0', 0 FROM generate_series(1, 9) AS g;
SELECT interlock.enable_versioning('form') \gset

-- EVERY OUTCOME, raised and told
\pset tuples_only off
SELECT interlock.versioned_merge('form', 1, '{"a": "a0"}', '{"a": "a1"}');
SELECT r.* FROM interlock.try_versioned_merge('form', 1, '{"b": "b0", "n": 0}', '{"b": "b1", "n": 1}') AS r;
-- somebody changed a, and I b: both are kept
SELECT r.* FROM interlock.try_versioned_merge('form', 1, '{"a": "a0", "b": "b1"}', '{"b": "b2"}') AS r;
-- somebody changed a, and I to the same: nothing is left to write
SELECT r.* FROM interlock.try_versioned_merge('form', 1, '{"a": "a0"}', '{"a": "a1"}') AS r;
SELECT interlock.versioned_merge('form', 1, '{"a": "a0"}', '{"a": "a1"}');
-- both changed a: nothing is written, b neither
SELECT interlock.versioned_merge('form', 1, '{"a": "a0", "b": "b2"}', '{"a": "a2", "b": "b3"}');
SELECT interlock.versioned_merge('form', 1, '{"a": "a0", "b": "b0", "c": "c0"}', '{"a": "a2", "b": "b3", "c": "c1"}');
SELECT r.* FROM interlock.try_versioned_merge(rel => 'form', key => 1, base => '{"a": "a0", "b": "b0", "c": "c0"}', changes => '{"a": "a2", "b": null, "c": "c1"}') AS r;
SELECT interlock.versioned_merge('form', 99, '{"a": "a0"}', '{"a": "a2"}');
SELECT r.* FROM interlock.try_versioned_merge('form', 99, '{"a": "a0"}', '{"a": "a2"}') AS r;
SELECT * FROM form WHERE id = 1;
\pset tuples_only on
-- nothing to change is verified to be there
SELECT told($$versioned_merge('form', 1, '{}', '{}')$$, $$try_versioned_merge('form', 1, '{"a": "not this"}', '{}')$$, $$try_versioned_merge('form', 99, '{}', '{}')$$, $$versioned_merge('form', 99, '{}', '{}')$$);
-- what I send as I read it is theirs to change
SELECT told($$try_versioned_merge('form', 1, '{"a": "a0", "c": "c0"}', '{"a": "a0", "c": "c0"}')$$, $$try_versioned_merge('form', 1, '{"a": "a0", "c": "c0"}', '{"a": "a0", "c": "c1"}')$$);
-- the whole row as read may be base: key, version and generated columns included; the version tells whether the row changed
WITH read AS (SELECT to_jsonb(f) AS row FROM form AS f WHERE id = 2)
SELECT r.* FROM read, interlock.try_versioned_merge('form', 2, read.row, '{"a": "a1"}') AS r;
SELECT told($$try_versioned_merge('form', 2, '{"id": 2, "a": "a1", "b": "b0", "c": "c0", "n": 0, "twice": 0, "version": 1}', '{"b": "b1"}')$$, $$try_versioned_merge('form', 2, '{"b": "b1", "version": "3"}', '{"b": "b2"}')$$,
            $$try_versioned_merge('form', 2, '{"b": "b2", "version": null}', '{"b": "b3"}')$$, $$try_versioned_merge('form', 2, '{"n": 0, "twice": 1}', '{"n": 1}')$$);
-- every combination of what was read, what is there and what is wanted, of two texts, NULL and a third
CREATE TABLE cases (id serial PRIMARY KEY, base text, theirs text, mine text, expected text, v text);
INSERT INTO cases (base, theirs, mine, v) SELECT base, theirs, mine, theirs FROM unnest('{x, y, z, NULL}'::text[]) AS base, unnest('{x, y, z, NULL}'::text[]) AS theirs, unnest('{x, y, z, NULL}'::text[]) AS mine;
UPDATE cases SET expected = CASE WHEN mine IS NOT DISTINCT FROM theirs OR mine IS NOT DISTINCT FROM base THEN 'unchanged' WHEN theirs IS NOT DISTINCT FROM base THEN 'written' ELSE 'conflict' END;
SELECT interlock.enable_versioning('cases') \gset
SELECT r.status, count(*), bool_and(r.status::text = c.expected) AS as_expected,
       bool_and((r.status = 'conflict') = (r.conflicts IS NOT DISTINCT FROM jsonb_build_object('v', jsonb_build_object('base', c.base, 'mine', c.mine, 'theirs', c.theirs)))) AS conflicts_told
FROM cases AS c, LATERAL interlock.try_versioned_merge('cases', c.id, jsonb_build_object('v', c.base), jsonb_build_object('v', c.mine)) AS r GROUP BY r.status ORDER BY r.status;
SELECT count(*) FROM cases WHERE (v IS NOT DISTINCT FROM mine, version) <> (CASE WHEN expected = 'written' THEN true ELSE mine IS NOT DISTINCT FROM theirs END, CASE WHEN expected = 'written' THEN 2 ELSE 1 END);

-- ARGUMENTS
SELECT told($$versioned_merge(NULL, 1, '{}', '{}')$$, $$versioned_merge('form', NULL, '{}', '{}')$$, $$versioned_merge('form', 1, NULL, '{}')$$, $$try_versioned_merge('form', 1, NULL, '{}')$$, $$versioned_merge('form', 1, '{}', NULL)$$, $$try_versioned_merge('form', 1, '{}', NULL)$$);
SELECT told($$versioned_merge('form', 1, '{}', '{"a": "x"}')$$, $$try_versioned_merge('form', 1, '{"a": "x"}', '{"a": "x", "b": "y"}')$$, $$versioned_merge('form', 99, '{"A": "x"}', '{"a": "x"}')$$, $$versioned_merge('form', 1, '{"nope": "x"}', '{}')$$,
            $$versioned_merge('form', 1, '{"a": "a1", "ctid": "(0,1)"}', '{"a": "x"}')$$, $$versioned_merge('form', 1, '[]', '{}')$$, $$try_versioned_merge('form', 1, 'null', '{}')$$, $$versioned_merge('form', 1, '{}', '[]')$$, $$versioned_merge('form', 1, '{}', '"a"')$$,
            $$versioned_merge('form', 1, '{"nope": 1}', '{"nope": 1}')$$, $$versioned_merge('form', 1, '{"id": 1}', '{"id": 2}')$$, $$versioned_merge('form', 1, '{"version": 1}', '{"version": 2}')$$, $$versioned_merge('form', 1, '{"twice": 1}', '{"twice": 2}')$$,
            $$versioned_merge('form', 1, '{"n": 1}', '{"n": "x"}')$$, $$versioned_merge('form', 1, '{"n": "x"}', '{"n": 2}')$$);
SELECT codes($$versioned_merge('form', 1.5, '{}', '{}')$$, $$versioned_merge('form', 'x', '{}', '{}')$$, $$versioned_merge('form', ROW(1, 2), '{}', '{}')$$, $$try_versioned_merge('form', '{"nope": 1}'::jsonb, '{}', '{}')$$,
             $$try_versioned_merge('form', 3, '{"c": "c0"}', '{"c": "much too long"}')$$, $$versioned_merge('nowhere', 1, '{}', '{}')$$, $$versioned_merge('pg_class', 1, '{}', '{}')$$);
CREATE TABLE unversioned (id integer PRIMARY KEY, version bigint);
CREATE TABLE keyless (id integer);
CREATE TABLE disabled (id integer PRIMARY KEY);
SELECT count(interlock.enable_versioning(t)) FROM unnest('{keyless, disabled}'::regclass[]) AS t;
ALTER TABLE disabled DISABLE TRIGGER ALL;
SELECT told($$versioned_merge('unversioned', 1, '{}', '{}')$$, $$versioned_merge('keyless', 1, '{}', '{}')$$, $$versioned_merge('disabled', 1, '{}', '{}')$$);
PREPARE merge AS SELECT r.status, r.version FROM interlock.try_versioned_merge('form', $1, $2, $3) AS r;
EXECUTE merge ('3', '{"a": "a0"}', '{"a": "p"}');
EXECUTE merge (3, '{"a": "a0"}', '{"a": "q"}');

-- VALUES of every type, read by to_jsonb(), are known again, and JSON comes as one value
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE trio AS (a integer, b text, c numeric);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TABLE shapes (id text PRIMARY KEY, m mood, p trio, j jsonb, k json, l integer[], t timestamptz, s timestamp, y date, i interval, c char(4), b bytea, n numeric, f double precision, d positive, r int4range, u uuid, x xml, big text);
INSERT INTO shapes VALUES ('a', 'ok', (1, 'x', 1.00), '{"a": [1, null], "b": 1.10}', '{"b" : 1,  "a":[1.10]}', '[0:2]={1,NULL,3}', '2024-02-29 12:00:00.000001+02', '2024-02-29 12:00', 'infinity', '1 year -2 days', 'ab', '\x00ff', 1.00, '-0', 5, '[1,5)',
                           '6ba7b810-9dad-11d1-80b4-00c04fd430c8', NULL, repeat('x', 1000000));
SELECT interlock.enable_versioning('shapes') \gset
SELECT to_jsonb(z) AS row FROM shapes AS z \gset
-- sent back as it was read: nothing has changed, and nothing is written, not even in another form of the same value
SELECT r.status, r.version FROM interlock.try_versioned_merge('shapes', 'a', :'row', :'row'::jsonb - 'id' - 'version') AS r;
SELECT m, p, j, k, l, f, n FROM shapes;
-- one column after the other: nobody else has changed it, so mine is written
CREATE TABLE wanted (attname name, value jsonb);
INSERT INTO wanted VALUES ('m', '"sad"'), ('p', '{"a": 2, "b": null}'), ('j', '{"a": 1}'), ('k', '[]'), ('l', '[[1], [2]]'), ('t', '"2024-03-01T00:00:00Z"'), ('s', '"2024-03-01T00:00:00"'), ('y', '"2024-03-01"'), ('i', '"1 day"'), ('c', '"abc"'), ('b', '"\\x01"'), ('n', '2.50'), ('f', '0.5'), ('d', '6'),
    ('r', '"[2,3)"'), ('u', '"6ba7b810-9dad-11d1-80b4-00c04fd430c9"'), ('x', '"<a/>"'), ('big', to_jsonb(repeat('y', 1000)));
SELECT w.attname, r.status, r.version FROM wanted AS w, LATERAL interlock.try_versioned_merge('shapes', 'a', :'row', jsonb_build_object(w.attname, w.value)) AS r ORDER BY r.version;
-- once more what was read first: nobody's version any more; with another value of mine every column is contested
SELECT r.status, r.version, (SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(r.conflicts) AS k), r.conflicts - 'big' - 'k' FROM interlock.try_versioned_merge('shapes', 'a', :'row', '{"m": null, "p": null, "j": {"a": 2}, "k": [1], "l": null, "t": null, "s": null, "y": null, "i": null, "c": null, "b": null, "n": null, "f": null, "d": null, "r": null, "u": null, "x": "<b/>", "big": null}') AS r;
-- jsonb merges as a whole value: two changes of different members are a conflict; the same value in another order of members is the same
UPDATE shapes SET j = '{"a": 1, "b": 1}';
SELECT told($$try_versioned_merge('shapes', 'a', '{"j": {"a": 0, "b": 1}}', '{"j": {"a": 0, "b": 2}}')$$) ~ '"status": "conflict".*"conflicts": {"j": {"base": {"a": 0, "b": 1}, "mine": {"a": 0, "b": 2}, "theirs": {"a": 1, "b": 1}}}' AS conflict;
SELECT r.status FROM interlock.try_versioned_merge('shapes', 'a', '{"j": {"b": 1, "a": 1}}', '{"j": {"b": 2, "a": 1}}') AS r;
-- what JSON shows alike is alike: 1.0 was read where 1.00 is; -0 is 0 there, and an array has no lower bound
UPDATE shapes SET n = 1.00, f = '-0', l = '[5:6]={1,2}';
SELECT r.status FROM interlock.try_versioned_merge('shapes', 'a', '{"n": 1.0, "f": 0, "l": [1, 2]}', '{"n": 3, "f": 1, "l": [3]}') AS r;
SELECT n, f, l FROM shapes;
-- more digits are a change of mine
SELECT r.status FROM interlock.try_versioned_merge('shapes', 'a', '{"n": 3}', '{"n": 3.00}') AS r;
SELECT n FROM shapes;

-- NAMES that want quoting, in message and DETAIL
CREATE SCHEMA "Sch.ema ""m""";
CREATE TABLE "Sch.ema ""m"""."T""; --\" ("Id ""1""\n" integer PRIMARY KEY, base text, mine text, theirs text, "Mixed" text, "a""b\" text);
INSERT INTO "Sch.ema ""m"""."T""; --\" VALUES (1, 'a', 'b', 'c', 'd', 'e');
SELECT interlock.enable_versioning('"Sch.ema ""m"""."T""; --\"', 'Ver"sion') \gset
SELECT told($$versioned_merge('"Sch.ema ""m"""."T""; --\"', 1, '{"base": "a", "mine": "b", "Ver\"sion": 1}', '{"base": "x", "mine": "y"}')$$, $$versioned_merge('"Sch.ema ""m"""."T""; --\"', 1, '{"Mixed": "x", "a\"b\\": "x", "theirs": "x"}', '{"Mixed": "y", "a\"b\\": "y", "theirs": "c"}')$$,
            $$try_versioned_merge('"Sch.ema ""m"""."T""; --\"', 1, '{"a\"b\\": "x", "base": "a"}', '{"a\"b\\": "y", "base": null}')$$, $$versioned_merge('"Sch.ema ""m"""."T""; --\"', 1, '{"mine": "y"}', '{"theirs": "z"}')$$);
TABLE "Sch.ema ""m"""."T""; --\";

-- TRIGGERS see only what is left to write
CREATE FUNCTION log_columns() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'update of %', TG_ARGV[0]; RETURN NEW; END $$;
SELECT format('CREATE TRIGGER %I BEFORE UPDATE OF %I ON form FOR EACH ROW EXECUTE FUNCTION log_columns(%L)', 'of_' || attname, attname, attname) FROM pg_attribute WHERE attrelid = 'form'::regclass AND attnum > 0 AND attgenerated = '' \gexec
UPDATE form SET a = 'a9' WHERE id = 4;
SELECT told($$try_versioned_merge('form', 4, '{"a": "a0", "b": "b0", "c": "c0", "n": 0}', '{"a": "a0", "b": "b9", "c": "c0", "n": 9}')$$);
DROP TRIGGER of_b ON form;
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.b = 'raise' THEN RAISE 'not this' USING ERRCODE = 'MY001'; END IF; IF NEW.b = 'swallow' THEN RETURN NULL; END IF; NEW.c := 'trigger'; RETURN NEW; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON form FOR EACH ROW EXECUTE FUNCTION keep();
SELECT told($$try_versioned_merge('form', 5, '{"b": "b0"}', '{"b": "swallow"}')$$, $$versioned_merge('form', 5, '{"b": "b0"}', '{"b": "swallow"}')$$, $$try_versioned_merge('form', 5, '{"b": "b0"}', '{"b": "raise"}')$$, $$try_versioned_merge('form', 5, '{"b": "b9"}', '{"b": "swallow"}')$$,
            $$try_versioned_merge('form', 5, '{"b": "b0"}', '{"b": "b1"}')$$, $$try_versioned_merge('form', 5, '{"b": "b1", "c": "c0"}', '{"b": "b2"}')$$);
SELECT * FROM form WHERE id IN (4, 5) ORDER BY id;

-- KINDS OF TABLES: versioned by a timestamp, with other settings, partitioned, inherited, temporary, with rules
CREATE TABLE by_time (id integer PRIMARY KEY, a text, b text, version timestamptz NOT NULL DEFAULT '2024-01-01 00:00+00');
INSERT INTO by_time VALUES (1, 'a0', 'b0'), (2, 'a0', 'b0');
SELECT interlock.enable_versioning('by_time') \gset
SELECT told($$versioned_merge('by_time', 1, '{"a": "a0", "version": "2024-01-01T00:00:00+00:00"}', '{"a": "a1"}')$$, $$try_versioned_merge('by_time', 1, '{"a": "a0", "b": "b0", "version": "2024-01-01T00:00:00+00:00"}', '{"b": "b1"}')$$, $$try_versioned_merge('by_time', 1, '{"b": "b0"}', '{"b": "b1"}')$$,
            $$versioned_merge('by_time', 1, '{"a": "a0"}', '{"a": "a2"}')$$);
SELECT r.status, r.version, r.current - 'version', r.conflicts FROM interlock.try_versioned_merge('by_time', 1, '{"a": "a0"}', '{"a": "a2"}') AS r;
SELECT id, a, b, version > '2024-01-01 00:00+00' AS moved FROM by_time ORDER BY id;
CREATE TABLE small (id integer PRIMARY KEY, a text, seen text, version smallint NOT NULL DEFAULT 1);
INSERT INTO small VALUES (1, 'a0', 's0', 1), (2, 'a0', 's0', 32767);
SELECT interlock.enable_versioning('small', accept => 'echo', require_version => true, except_columns => '{seen}') \gset
SELECT told($$try_versioned_merge('small', 1, '{"a": "a0"}', '{"a": "a1"}')$$, $$try_versioned_merge('small', 1, '{"seen": "s0"}', '{"seen": "s1"}')$$, $$versioned_merge('small', 2, '{"a": "a0"}', '{"a": "a1"}')$$, $$versioned_merge('small', 2, '{"seen": "s0"}', '{"seen": "s1"}')$$);
SELECT interlock.enable_versioning('small', accept => 'increment', require_version => true) \gset
SELECT told($$try_versioned_merge('small', 1, '{"a": "a1"}', '{"a": "a2"}')$$);
SELECT interlock.enable_versioning('small', mode => 'observe') \gset
SELECT told($$try_versioned_merge('small', 1, '{"a": "a1"}', '{"a": "a3"}')$$, $$try_versioned_merge('small', 1, '{"a": "a2"}', '{"a": "a3"}')$$);
SET session_replication_role = replica;
SELECT told($$try_versioned_merge('small', 1, '{"a": "a3"}', '{"a": "a4"}')$$, $$try_versioned_merge('small', 1, '{"a": "a3"}', '{"a": "a5"}')$$);
RESET session_replication_role;
CREATE TABLE part (id integer, region text, a text, b text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE part_north PARTITION OF part FOR VALUES IN ('north');
CREATE TABLE part_south (gone text, b text, a text, region text NOT NULL, gone2 integer, id integer NOT NULL);
ALTER TABLE part_south DROP COLUMN gone, DROP COLUMN gone2;
ALTER TABLE part ATTACH PARTITION part_south FOR VALUES IN ('south');
SELECT interlock.enable_versioning('part') \gset
INSERT INTO part (id, region, a, b) SELECT 1, region, 'a0', 'b0' FROM unnest('{north, south}'::text[]) AS region;
SELECT told($$try_versioned_merge('part', ROW('south', 1), '{"a": "a0"}', '{"a": "a1"}')$$, $$try_versioned_merge('part_south', ROW('south', 1), '{"a": "a0", "b": "b0"}', '{"b": "b1"}')$$, $$try_versioned_merge('part', ROW('south', 1), '{"a": "a0", "b": "b1"}', '{"a": "a2", "b": "b2"}')$$,
            $$versioned_merge('part', ROW('south', 1), '{"a": "a0"}', '{"a": "a2"}')$$, $$try_versioned_merge('part', '{"id": 1, "region": "west"}', '{"a": "a0"}', '{"a": "a2"}')$$, $$try_versioned_merge('part_north', ROW('south', 1), '{}', '{}')$$);
CREATE TABLE base (id integer PRIMARY KEY, a text);
CREATE TABLE derived (PRIMARY KEY (id)) INHERITS (base);
SELECT interlock.enable_versioning('base') \gset
INSERT INTO base VALUES (1, 'base'), (2, 'base');
INSERT INTO derived VALUES (2, 'derived'), (3, 'derived');
SELECT codes($$versioned_merge('base', 2, '{"a": "base"}', '{"a": "x"}')$$, $$try_versioned_merge('base', 2, '{"a": "x"}', '{"a": "y"}')$$, $$versioned_merge('base', 3, '{"a": "derived"}', '{"a": "x"}')$$);
CREATE TEMPORARY TABLE scratch (id integer PRIMARY KEY, a text);
INSERT INTO scratch VALUES (1, 'a0');
SELECT interlock.enable_versioning('pg_temp.scratch') \gset
BEGIN READ ONLY;
SELECT told($$versioned_merge('form', 6, '{"a": "a0"}', '{"a": "a1"}')$$, $$try_versioned_merge('form', 6, '{"a": "x"}', '{"a": "a1"}')$$, $$try_versioned_merge('form', 99, '{}', '{}')$$, $$try_versioned_merge('scratch', 1, '{"a": "a0"}', '{"a": "a1"}')$$);
COMMIT;
CREATE TABLE ruled (id integer PRIMARY KEY, a text, b text);
INSERT INTO ruled VALUES (1, 'a0', 'b0');
SELECT interlock.enable_versioning('ruled') \gset
CREATE RULE also AS ON UPDATE TO ruled DO ALSO NOTIFY ruled;
SELECT told($$try_versioned_merge('ruled', 1, '{"a": "a0"}', '{"a": "a1"}')$$, $$try_versioned_merge('ruled', 1, '{"a": "a0", "b": "b0"}', '{"b": "b1"}')$$, $$try_versioned_merge('ruled', 1, '{"a": "a0"}', '{"a": "a2"}')$$);

-- PRIVILEGES: SELECT and UPDATE on the changed columns, whatever the outcome
CREATE TABLE staff (id integer PRIMARY KEY, name text, salary integer, note text);
INSERT INTO staff VALUES (1, 'ann', 5000, 'SECRET');
SELECT interlock.enable_versioning('staff') \gset
CREATE VIEW calls AS SELECT * FROM (VALUES (1, $$try_versioned_merge('staff', 1, '{"name": "ann"}', '{"name": "ann"}')$$), (2, $$try_versioned_merge('staff', 1, '{"name": "x"}', '{"name": "y"}')$$), (3, $$try_versioned_merge('staff', 99, '{"name": "x"}', '{"name": "y"}')$$), (4, $$versioned_merge('staff', 1, '{}', '{}')$$)) AS v (n, call);
GRANT SELECT ON calls TO regress_merger;
SET ROLE regress_merger;
SELECT codes(VARIADIC array_agg(call ORDER BY n)) FROM calls;
RESET ROLE;
GRANT SELECT ON staff TO regress_merger;
SET ROLE regress_merger;
SELECT codes(VARIADIC array_agg(call ORDER BY n)) FROM calls;
RESET ROLE;
REVOKE SELECT ON staff FROM regress_merger;
GRANT UPDATE ON staff TO regress_merger;
SET ROLE regress_merger;
SELECT codes(VARIADIC array_agg(call ORDER BY n)) FROM calls;
RESET ROLE;
REVOKE UPDATE ON staff FROM regress_merger;
GRANT SELECT (id, name, salary, version), UPDATE (name, note) ON staff TO regress_merger;
SET ROLE regress_merger;
SELECT told(VARIADIC array_agg(call ORDER BY n)) FROM calls;
-- what may be written and not seen cannot be merged; what is in base and may not be seen tells nothing
SELECT told($$try_versioned_merge('staff', 1, '{"note": "guess"}', '{"note": "x"}')$$, $$try_versioned_merge('staff', 1, '{"note": "SECRET"}', '{"note": "SECRET"}')$$, $$versioned_merge('staff', 1, '{"name": "ann", "salary": 5000}', '{"salary": 1}')$$, $$try_versioned_merge('staff', 1, '{"salary": 1}', '{"salary": 2}')$$,
            $$try_versioned_merge('staff', 1, '{"name": "ann", "note": "guess"}', '{"name": "anna"}')$$, $$try_versioned_merge('staff', 1, '{"name": "anna", "note": "SECRET"}', '{"name": "ann"}')$$, $$try_versioned_merge('staff', 1, '{"name": "ann", "salary": 1}', '{"name": "anne"}')$$);
RESET ROLE;
SELECT * FROM staff;
-- row-level security
CREATE TABLE doc (id integer PRIMARY KEY, owner name, title text);
INSERT INTO doc VALUES (1, 'regress_merger', 'own'), (2, 'postgres', 'shared'), (3, 'postgres', 'SECRET');
SELECT interlock.enable_versioning('doc') \gset
GRANT SELECT, UPDATE ON doc TO regress_merger;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON doc FOR SELECT USING (owner = current_user OR title = 'shared');
CREATE POLICY change ON doc FOR UPDATE USING (owner = current_user);
SET ROLE regress_merger;
SELECT told($$try_versioned_merge('doc', 1, '{"title": "own"}', '{"title": "mine"}')$$, $$try_versioned_merge('doc', 2, '{"title": "shared"}', '{"title": "mine"}')$$, $$versioned_merge('doc', 2, '{"title": "shared"}', '{"title": "mine"}')$$, $$try_versioned_merge('doc', 3, '{"title": "SECRET"}', '{"title": "mine"}')$$, $$versioned_merge('doc', 3, '{"title": "guess"}', '{"title": "mine"}')$$);
SELECT codes($$try_versioned_merge('doc', 1, '{"owner": "regress_merger"}', '{"owner": "postgres"}')$$);
RESET ROLE;

-- IN TRANSACTIONS, functions and statements
BEGIN;
SAVEPOINT a;
SELECT told($$versioned_merge('form', 6, '{"a": "a0"}', '{"a": "a1"}')$$);
ROLLBACK TO a;
SELECT told($$try_versioned_merge('form', 6, '{"a": "a0"}', '{"a": "a2"}')$$, $$try_versioned_merge('form', 6, '{"a": "a0"}', '{"a": "a3"}')$$);
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT told($$try_versioned_merge('form', 7, '{"b": "b0"}', '{"b": "b1"}')$$, $$try_versioned_merge('form', 7, '{"b": "b0"}', '{"b": "b2"}')$$, $$try_versioned_merge('form', 7, '{"b": "b1"}', '{"b": "b1"}')$$, $$try_versioned_merge('form', 99, '{}', '{}')$$);
ROLLBACK;
SELECT f.id, r.status, r.version FROM (SELECT id FROM form WHERE id IN (7, 8) ORDER BY id) AS f, LATERAL interlock.try_versioned_merge('form', f.id, '{"b": "b0"}', jsonb_build_object('b', 'b' || f.id)) AS r ORDER BY 1;
WITH w AS (UPDATE form SET a = 'cte' WHERE id = 9 RETURNING id) SELECT r.status, r.version FROM w, LATERAL interlock.try_versioned_merge('form', w.id, '{"a": "a0", "b": "b0"}', '{"b": "after cte"}') AS r;
DO $$
BEGIN
    BEGIN
        PERFORM interlock.versioned_merge('form', 8, '{"b": "b8"}', '{"b": "lost"}');
        PERFORM interlock.versioned_merge('form', 9, '{"a": "a0"}', '{"a": "x"}');
    EXCEPTION WHEN SQLSTATE 'IL003' THEN
        PERFORM interlock.versioned_merge('form', 8, '{"b": "b8"}', '{"b": "caught"}');
    END;
END $$;
SELECT id, a, b, version FROM form WHERE id >= 6 ORDER BY id;
-- a hostile search_path
CREATE SCHEMA hostile_merge;
CREATE FUNCTION hostile_merge.wrong(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile_merge.wrong(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE OPERATOR hostile_merge.= (FUNCTION = hostile_merge.wrong, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR hostile_merge.= (FUNCTION = hostile_merge.wrong, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION hostile_merge.to_jsonb(anyelement) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE TYPE hostile_merge.mood AS ENUM ('captured');
SET search_path = hostile_merge, pg_catalog;
SELECT r.status FROM interlock.try_versioned_merge('write_merge.shapes', 'a', '{"m": "sad"}', '{"m": "ok"}') AS r;
SELECT r.status, r.conflicts FROM interlock.try_versioned_merge('write_merge.shapes', 'a', '{"m": "sad"}', '{"m": null}') AS r;
RESET search_path;

DROP SCHEMA write_merge, hostile_merge, "Sch.ema ""m""" CASCADE;
DROP ROLE regress_merger;
