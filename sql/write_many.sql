-- Many rows by version in one call: in the order of their keys, all or nothing, and every row that stands in the way is named.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_batcher;
CREATE ROLE regress_batcher;
CREATE SCHEMA write_many;
SET search_path = write_many;
SET timezone = 'UTC';
GRANT USAGE ON SCHEMA write_many TO regress_batcher;
-- What each call comes to: its rows (without null fields), or the error with all its fields.
CREATE FUNCTION told(VARIADIC calls text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    call text; r jsonb; state text; message text; detail text; hint text; c text; k text;
BEGIN
    FOREACH call IN ARRAY calls LOOP
        BEGIN
            RETURN NEXT call;
            FOR r IN EXECUTE format('SELECT to_jsonb(r) FROM interlock.%s AS r', call) LOOP
                RETURN NEXT format('    %s %s %s %s %s', r -> 'key', r ->> 'status', r -> 'version', nullif(r -> 'current', 'null'), nullif(r -> 'conflicts', 'null'));
            END LOOP;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, c = COLUMN_NAME, k = CONSTRAINT_NAME;
            RETURN NEXT '    ' || concat_ws(' | ', state, message, nullif(detail, ''), 'hint: ' || nullif(hint, ''), 'column: ' || nullif(c, ''), 'constraint: ' || nullif(k, ''));
        END;
    END LOOP;
END $$;

CREATE TABLE account (id integer PRIMARY KEY, owner text, balance numeric(12,2), note text CONSTRAINT short CHECK (length(note) < 10), email text CONSTRAINT one_email UNIQUE, twice numeric GENERATED ALWAYS AS (balance * 2) STORED);
INSERT INTO account SELECT n, 'o' || n, n FROM generate_series(1, 9) AS n;
SELECT interlock.enable_versioning('account') \gset
CREATE FUNCTION state() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(concat_ws(' ', id, owner, note, 'v' || version), ', ' ORDER BY id) FROM account WHERE version > 1 OR owner IS DISTINCT FROM 'o' || id $$;

-- EVERY OUTCOME: written and unchanged, in key order whatever order they came in; each with columns of its own
\pset tuples_only off
SELECT * FROM interlock.versioned_update_many('account', '[{"id": 3, "version": 1, "owner": "c"}, {"id": 1, "version": 1, "note": "a", "balance": 7}, {"id": 2, "version": 1, "owner": "o2"}]');
SELECT * FROM interlock.try_versioned_update_many('account', '[{"version": 2, "note": "cc", "id": 3}, {"id": 1, "version": 2, "note": null, "owner": null}, {"id": 2, "version": 1}]');
SELECT r.key, r.version FROM interlock.versioned_update_many(rel => 'account', changes => '[{"id": "2", "version": "1", "note": "b"}]') AS r;
-- no rows
SELECT * FROM interlock.versioned_update_many('account', '[]');
SELECT * FROM interlock.try_versioned_update_many('account', '[]');
SELECT * FROM interlock.try_versioned_update_many('account', '[]', true);
-- stale before missing before rejected; DETAIL lists every one of them
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.id = 9 THEN RAISE 'not %', OLD.owner USING ERRCODE = 'MY001'; END IF; RETURN NULL; END $$;
CREATE TRIGGER keep BEFORE UPDATE ON account FOR EACH ROW WHEN (OLD.id >= 7) EXECUTE FUNCTION keep();
SELECT * FROM interlock.versioned_update_many('account', '[{"id": 8, "version": 1, "note": "x"}, {"id": 99, "version": 1, "note": "x"}, {"id": 3, "version": 1, "note": "x"}, {"id": 4, "version": 1, "note": "x"}, {"id": 98, "version": 5}, {"id": 1, "version": 9}, {"id": 7, "version": 1, "note": "x"}]');
SELECT * FROM interlock.versioned_update_many('account', '[{"id": 8, "version": 1, "note": "x"}, {"id": 99, "version": 1, "note": "x"}, {"id": 4, "version": 1, "note": "x"}, {"id": 98, "version": 5}]');
SELECT * FROM interlock.versioned_update_many('account', '[{"id": 8, "version": 1, "note": "x"}, {"id": 4, "version": 1, "note": "x"}, {"id": 7, "version": 1, "note": "x"}]');
SELECT * FROM interlock.try_versioned_update_many('account', '[{"id": 8, "version": 1, "note": "x"}, {"id": 99, "version": 1, "note": "x"}, {"id": 3, "version": 1, "note": "x", "owner": "c"}, {"id": 4, "version": 1, "note": "x"}, {"id": 5, "version": 1}, {"id": 98, "version": 5}]');
\pset tuples_only on
SELECT state();
-- partial: those that can be written are
SELECT told($$try_versioned_update_many('account', '[{"id": 8, "version": 1, "note": "x"}, {"id": 99, "version": 1, "note": "x"}, {"id": 3, "version": 1, "note": "x", "owner": "c"}, {"id": 4, "version": 1, "note": "x"}, {"id": 5, "version": 1}, {"id": 98, "version": 5}]', true)$$,
            $$try_versioned_update_many('account', '[{"id": 4, "version": 2, "note": "y"}, {"id": 5, "version": 1, "note": "y"}]', partial => true)$$, $$try_versioned_update_many('account', '[{"id": 4, "version": 2, "note": "z"}, {"id": 5, "version": 2, "note": "z"}]', false)$$);
SELECT state();
-- an error of PostgreSQL's half-way: nothing is written, in any form
SELECT told(VARIADIC array_agg(format(call, f, partial) ORDER BY f, partial, n)) FROM (VALUES ('versioned_update_many', NULL), ('try_versioned_update_many', ', false'), ('try_versioned_update_many', ', true')) AS v (f, partial),
    unnest(ARRAY[$$%1$s('account', '[{"id": 1, "version": 3, "note": "lost"}, {"id": 6, "version": 1, "note": "much too long"}, {"id": 99, "version": 1}]'%2$s)$$, $$%1$s('account', '[{"id": 1, "version": 3, "note": "lost", "email": "a@b"}, {"id": 2, "version": 2, "email": "a@b"}]'%2$s)$$,
                 $$%1$s('account', '[{"id": 1, "version": 3, "note": "lost"}, {"id": 9, "version": 1, "note": "x"}]'%2$s)$$]) WITH ORDINALITY AS c (call, n);
SELECT state();
DROP TRIGGER keep ON account;

-- ARGUMENTS: rows that are none, or that say too little of themselves; nothing is written before all have been read
SELECT told($$versioned_update_many(NULL, '[]')$$, $$versioned_update_many('account', NULL)$$, $$try_versioned_update_many(NULL, '[]')$$, $$try_versioned_update_many('account', NULL)$$, $$try_versioned_update_many('account', '[]', NULL)$$);
SELECT told(VARIADIC array_agg(format('versioned_update_many(''account'', %L)', changes) ORDER BY n)) FROM unnest(ARRAY['{}', '{"id": 1, "version": 3}', 'null', '1', '"x"', '[1]', '[null]', '[[]]', '["x"]', '[{}]', '[{"id": 1, "version": 3, "note": "lost"}, 2]', '[{"id": 1, "version": 3, "note": "lost"}, {"id": 2}]', '[{"id": 1, "version": null}]',
    '[{"version": 1, "note": "x"}]', '[{"id": null, "version": 1}]', '[{"id": "x", "version": 1}]', '[{"id": 1.5, "version": 1}]', '[{"id": 1, "version": "x"}]', '[{"id": 1, "version": 1.5}]', '[{"id": 1, "version": 1e30}]', '[{"id": 1, "version": 3, "note": "lost"}, {"id": 2, "version": 2, "nope": 1}]', '[{"id": 1, "version": 3, "ctid": "(0,1)"}]',
    '[{"id": 1, "version": 3, "note": "lost"}, {"id": 2, "version": 2, "twice": 1}]', '[{"id": 1, "version": 3, "note": "lost"}, {"id": 2, "version": 2, "balance": "x"}]', '[{"id": 1, "version": 3, "note": "lost"}, {"id": 2, "version": 2, "note": "x"}, {"id": 1, "version": 3}]', '[{"id": 99, "version": 1}, {"id": "99", "version": 2}]']) WITH ORDINALITY AS c (changes, n);
SELECT told($$try_versioned_update_many('account', '[{"id": 1, "version": 3, "note": "lost"}, {"id": 2, "version": 2, "nope": 1}]', true)$$, $$try_versioned_update_many('account', '[{"id": 1, "version": 3, "note": "lost"}, {"id": 1, "version": 4}]', true)$$, $$try_versioned_update_many('account', '[{"id": 1, "version": 3, "note": "lost"}, 7]', true)$$);
SELECT state();
CREATE TABLE unversioned (id integer PRIMARY KEY, version bigint);
CREATE TABLE keyless (id integer);
CREATE TABLE by_time (id integer PRIMARY KEY, version timestamptz NOT NULL DEFAULT now());
CREATE TABLE disabled (id integer PRIMARY KEY);
SELECT count(interlock.enable_versioning(t)) FROM unnest('{keyless, by_time, disabled}'::regclass[]) AS t;
ALTER TABLE disabled DISABLE TRIGGER ALL;
SELECT told(VARIADIC array_agg(format('versioned_update_many(%L, ''[]'')', rel))) FROM unnest('{unversioned, keyless, by_time, disabled, nowhere, account_pkey, pg_class}'::text[]) AS rel;
PREPARE many AS SELECT r.key, r.status, r.version FROM interlock.try_versioned_update_many('account', $1, $2) AS r;
EXECUTE many ('[{"id": 6, "version": 1, "note": "p"}]', false);
EXECUTE many ('[{"id": 6, "version": 1, "note": "p"}]', true);

-- THE ORDER is that of the primary key's index: by its collation, of several columns, of every type
CREATE TABLE worded (id text COLLATE "C" PRIMARY KEY, a text);
CREATE TABLE lines (note text, number smallint, gone integer, "order" bigint, PRIMARY KEY ("order", number));
ALTER TABLE lines DROP COLUMN gone;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS numeric CHECK (VALUE > 0);
CREATE TABLE moods (id mood PRIMARY KEY, a text);
CREATE TABLE uuids (id uuid PRIMARY KEY, a text);
CREATE TABLE numerics (id positive PRIMARY KEY, a text);
CREATE TABLE dates (id timestamptz PRIMARY KEY, a text);
INSERT INTO worded SELECT unnest('{b, B, a, "", "ä", aa}'::text[]);
INSERT INTO lines SELECT 'n', n, o FROM generate_series(1, 2) AS n, unnest('{10, 9, -1}'::int[]) AS o;
INSERT INTO moods SELECT unnest(enum_range(NULL::mood));
INSERT INTO uuids VALUES ('6ba7b810-9dad-11d1-80b4-00c04fd430c8'), ('00000000-0000-0000-0000-000000000001');
INSERT INTO numerics VALUES (10), (9.5), (1.00);
INSERT INTO dates VALUES ('2024-01-01 00:00+00'), ('-infinity'), ('infinity');
SELECT count(interlock.enable_versioning(t)) FROM unnest('{worded, lines, moods, uuids, numerics, dates}'::regclass[]) AS t;
SELECT told($$versioned_update_many('worded', '[{"id": "ä", "version": 1}, {"id": "b", "version": 1}, {"id": "B", "version": 1}, {"id": "", "version": 1}, {"id": "aa", "version": 1}, {"id": "a", "version": 1}]')$$,
            $$versioned_update_many('lines', '[{"order": 10, "number": 1, "version": 1, "note": "x"}, {"number": 2, "order": 9, "version": 1, "note": "x"}, {"order": -1, "number": 2, "version": 1, "note": "x"}, {"order": 9, "number": 1, "version": 1, "note": "x"}]')$$,
            $$versioned_update_many('lines', '[{"order": 10, "number": 1, "version": 1, "note": "y"}, {"number": 9, "order": 9, "version": 1, "note": "y"}]')$$, $$versioned_update_many('lines', '[{"order": 10, "version": 1}]')$$, $$versioned_update_many('lines', '[{"order": 10, "number": 1, "version": 2}, {"order": "10", "number": "1", "version": 2}]')$$,
            $$versioned_update_many('moods', '[{"id": "happy", "version": 1}, {"id": "sad", "version": 1}, {"id": "ok", "version": 1}]')$$, $$versioned_update_many('uuids', '[{"id": "6BA7B8109DAD11D180B400C04FD430C8", "version": 1}, {"id": "00000000-0000-0000-0000-000000000001", "version": 1}]')$$,
            $$versioned_update_many('numerics', '[{"id": 10, "version": 1}, {"id": 1.0, "version": 1}, {"id": 9.50, "version": 1}]')$$, $$versioned_update_many('numerics', '[{"id": 1, "version": 1}, {"id": 1.0, "version": 1}]')$$, $$versioned_update_many('numerics', '[{"id": 0, "version": 1}]')$$,
            $$versioned_update_many('dates', '[{"id": "infinity", "version": 1}, {"id": "2024-01-01 01:00+01", "version": 1}, {"id": "-infinity", "version": 1}]')$$);
-- in that order they are taken, too: triggers tell
CREATE FUNCTION log_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING '% % %', TG_WHEN, TG_LEVEL, CASE WHEN TG_LEVEL = 'ROW' THEN NEW::text END; RETURN NEW; END $$;
CREATE TRIGGER before BEFORE UPDATE ON moods FOR EACH ROW EXECUTE FUNCTION log_update();
CREATE TRIGGER after AFTER UPDATE OF a ON moods FOR EACH ROW EXECUTE FUNCTION log_update();
SELECT count(*) FROM interlock.versioned_update_many('moods', '[{"id": "happy", "version": 1, "a": "x"}, {"id": "sad", "version": 1, "a": "x"}, {"id": "ok", "version": 1}]');

-- NAMES that want quoting; long keys and values
CREATE SCHEMA "Sch.ema ""y""";
CREATE TABLE "Sch.ema ""y"""."T""; --\" ("Id ""1""\n" text PRIMARY KEY, key text, changes text, status text, "Mixed" text);
INSERT INTO "Sch.ema ""y"""."T""; --\" VALUES (E'a "b"\n\\c'), ('z');
SELECT interlock.enable_versioning('"Sch.ema ""y"""."T""; --\"', 'Ver"sion') \gset
SELECT told($$versioned_update_many('"Sch.ema ""y"""."T""; --\"', '[{"Id \"1\"\\n": "z", "Ver\"sion": 1, "key": "x", "changes": "y"}, {"Id \"1\"\\n": "a \"b\"\n\\c", "Ver\"sion": 1, "Mixed": "m"}]')$$,
            $$versioned_update_many('"Sch.ema ""y"""."T""; --\"', '[{"Id \"1\"\\n": "z", "Ver\"sion": 1, "key": "w"}, {"Id \"1\"\\n": "a \"b\"\n\\c", "Ver\"sion": 1}, {"Id \"1\"\\n": "none", "Ver\"sion": 1}]')$$,
            $$try_versioned_update_many('"Sch.ema ""y"""."T""; --\"', '[{"Id \"1\"\\n": "z", "Ver\"sion": 1, "key": "w"}, {"Id \"1\"\\n": "a \"b\"\n\\c", "Ver\"sion": 2, "status": "s"}]')$$, $$versioned_update_many('"Sch.ema ""y"""."T""; --\"', '[{"Id \"1\"\\n": "z", "version": 2}]')$$);
INSERT INTO worded SELECT repeat(chr(97 + n), 2000) FROM generate_series(0, 2) AS n;
SELECT length(r.key ->> 'id'), r.version FROM interlock.versioned_update_many('worded', (SELECT jsonb_agg(jsonb_build_object('id', id, 'version', version, 'a', repeat('x', 1000000))) FROM worded WHERE length(id) = 2000)) AS r;
SELECT r.status, length(r.current ->> 'a'), length(r.conflicts #>> '{a,mine}') FROM interlock.try_versioned_update_many('worded', (SELECT jsonb_agg(jsonb_build_object('id', id, 'version', 1, 'a', repeat('y', 1000000))) FROM worded WHERE length(id) = 2000)) AS r;

-- SETTINGS OF VERSIONING: required versions, the last of a small counter, observed, a replica, excepted columns
CREATE TABLE small (id integer PRIMARY KEY, a text, seen text, version smallint NOT NULL DEFAULT 1);
INSERT INTO small VALUES (1, 'a', 's', 1), (2, 'a', 's', 32767), (3, 'a', 's', -3);
SELECT interlock.enable_versioning('small', accept => 'echo', require_version => true, except_columns => '{seen}') \gset
SELECT told($$versioned_update_many('small', '[{"id": 1, "version": 1, "a": "b"}, {"id": 3, "version": -3, "seen": "t"}]')$$, $$versioned_update_many('small', '[{"id": 1, "version": 2, "a": "c"}, {"id": 2, "version": 32767, "a": "c"}]')$$, $$try_versioned_update_many('small', '[{"id": 1, "version": 2, "a": "c"}, {"id": 2, "version": 32767, "a": "c"}]')$$,
            $$try_versioned_update_many('small', '[{"id": 1, "version": 2, "a": "c"}, {"id": 2, "version": 98303, "a": "c"}]')$$);
SELECT interlock.enable_versioning('small', accept => 'increment', require_version => true) \gset
SELECT told($$versioned_update_many('small', '[{"id": 1, "version": 2, "a": "d"}, {"id": 3, "version": -3, "a": "d"}]')$$);
SELECT interlock.enable_versioning('small', mode => 'observe') \gset
SELECT told($$try_versioned_update_many('small', '[{"id": 1, "version": 2, "a": "e"}, {"id": 3, "version": -2, "a": "e"}]')$$, $$versioned_update_many('small', '[{"id": 1, "version": 3, "a": "e"}]')$$);
SET session_replication_role = replica;
SELECT told($$versioned_update_many('small', '[{"id": 1, "version": 4, "a": "f"}, {"id": 3, "version": -2, "a": "f"}]')$$, $$versioned_update_many('small', '[{"id": 1, "version": 4, "a": "g"}]')$$);
RESET session_replication_role;
TABLE small;

-- KINDS OF TABLES: partitioned, inherited, temporary, with rules
CREATE TABLE part (id integer, region text, a text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE part_north PARTITION OF part FOR VALUES IN ('north');
CREATE TABLE part_south (gone text, a text, region text NOT NULL, gone2 integer, id integer NOT NULL);
ALTER TABLE part_south DROP COLUMN gone, DROP COLUMN gone2;
ALTER TABLE part ATTACH PARTITION part_south FOR VALUES IN ('south');
CREATE TABLE part_rest PARTITION OF part DEFAULT PARTITION BY HASH (id);
CREATE TABLE part_rest_0 PARTITION OF part_rest FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT interlock.enable_versioning('part') \gset
INSERT INTO part (id, region, a) SELECT n, region, 'a' FROM unnest('{north, south, east}'::text[]) AS region, generate_series(1, 2) AS n;
SELECT told($$versioned_update_many('part', '[{"id": 2, "region": "south", "version": 1, "a": "x"}, {"id": 1, "region": "south", "version": 1, "a": "x"}, {"id": 1, "region": "east", "version": 1, "a": "x"}, {"id": 1, "region": "north", "version": 1, "a": "x"}]')$$,
            $$try_versioned_update_many('part', '[{"id": 2, "region": "south", "version": 1, "a": "y"}, {"id": 2, "region": "east", "version": 1, "a": "y"}, {"id": 2, "region": "west", "version": 1, "a": "y"}]')$$,
            $$try_versioned_update_many('part', '[{"id": 2, "region": "south", "version": 1, "a": "y"}, {"id": 2, "region": "east", "version": 1, "a": "y"}, {"id": 2, "region": "west", "version": 1, "a": "y"}]', true)$$,
            $$versioned_update_many('part_south', '[{"id": 2, "region": "south", "version": 2, "a": "z"}, {"id": 1, "region": "north", "version": 2, "a": "z"}]')$$);
SELECT tableoid::regclass, * FROM part ORDER BY region, id;
CREATE TABLE base (id integer PRIMARY KEY, a text);
CREATE TABLE derived (PRIMARY KEY (id)) INHERITS (base);
SELECT interlock.enable_versioning('base') \gset
INSERT INTO base VALUES (1, 'base'), (2, 'base');
INSERT INTO derived VALUES (2, 'derived'), (3, 'derived');
SELECT left(t, 30) FROM told($$versioned_update_many('base', '[{"id": 1, "version": 1, "a": "x"}, {"id": 2, "version": 1, "a": "x"}]')$$, $$versioned_update_many('base', '[{"id": 1, "version": 1, "a": "y"}, {"id": 3, "version": 1, "a": "y"}]')$$) AS t;
SELECT tableoid::regclass, * FROM base ORDER BY 2, 1;
CREATE TEMPORARY TABLE scratch (id integer PRIMARY KEY, a text);
INSERT INTO scratch VALUES (1, 'a'), (2, 'a');
SELECT interlock.enable_versioning('pg_temp.scratch') \gset
BEGIN READ ONLY;
SELECT told($$versioned_update_many('account', '[{"id": 1, "version": 3, "note": "x"}]')$$, $$try_versioned_update_many('account', '[]')$$, $$versioned_update_many('scratch', '[{"id": 2, "version": 1, "a": "b"}, {"id": 1, "version": 1, "a": "b"}]')$$, $$try_versioned_update_many('scratch', '[{"id": 2, "version": 2, "a": "c"}, {"id": 1, "version": 1, "a": "c"}]')$$);
COMMIT;
TABLE scratch;
CREATE TABLE ruled (id integer PRIMARY KEY, a text);
INSERT INTO ruled VALUES (1, 'a'), (2, 'a');
SELECT interlock.enable_versioning('ruled') \gset
CREATE RULE also AS ON UPDATE TO ruled DO ALSO NOTIFY ruled;
SELECT told($$versioned_update_many('ruled', '[{"id": 2, "version": 1, "a": "b"}, {"id": 1, "version": 1, "a": "b"}]')$$, $$try_versioned_update_many('ruled', '[{"id": 2, "version": 2, "a": "c"}, {"id": 1, "version": 1, "a": "c"}]')$$);
-- constraints that are deferred are judged after the batch
CREATE TABLE ranked (id integer PRIMARY KEY, rank integer UNIQUE DEFERRABLE);
INSERT INTO ranked VALUES (1, 1), (2, 2);
SELECT interlock.enable_versioning('ranked') \gset
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
SELECT told($$versioned_update_many('ranked', '[{"id": 1, "version": 1, "rank": 2}, {"id": 2, "version": 1, "rank": 1}]')$$);
COMMIT;
TABLE ranked;

-- PRIVILEGES are those of each row's own columns; what may not be seen is missing, and is not told
CREATE TABLE staff (id integer PRIMARY KEY, name text, salary integer, note text);
INSERT INTO staff VALUES (1, 'ann', 5000, 'SECRET'), (2, 'bob', 6000, 'SECRET');
SELECT interlock.enable_versioning('staff') \gset
SET ROLE regress_batcher;
SELECT told($$versioned_update_many('staff', '[{"id": 1, "version": 1, "name": "x"}]')$$);
RESET ROLE;
GRANT SELECT (id, name, version), UPDATE (name, note) ON staff TO regress_batcher;
SET ROLE regress_batcher;
SELECT told($$versioned_update_many('staff', '[{"id": 1, "version": 1, "name": "anna"}, {"id": 2, "version": 1, "salary": 1}]')$$, $$try_versioned_update_many('staff', '[{"id": 1, "version": 1, "name": "anna"}, {"id": 2, "version": 1, "salary": 1}]', true)$$, $$versioned_update_many('staff', '[{"id": 1, "version": 1, "name": "anna"}, {"id": 2, "version": 1, "note": "x"}]')$$,
            $$try_versioned_update_many('staff', '[{"id": 1, "version": 2, "name": "anne"}, {"id": 2, "version": 1, "note": "guess", "name": "b"}]')$$);
RESET ROLE;
TABLE staff;
CREATE TABLE doc (id integer PRIMARY KEY, owner name, title text);
INSERT INTO doc VALUES (1, 'regress_batcher', 'own'), (2, 'postgres', 'shared'), (3, 'postgres', 'SECRET');
SELECT interlock.enable_versioning('doc') \gset
GRANT SELECT, UPDATE ON doc TO regress_batcher;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON doc FOR SELECT USING (owner = current_user OR title = 'shared');
CREATE POLICY change ON doc FOR UPDATE USING (owner = current_user);
SET ROLE regress_batcher;
SELECT told($$try_versioned_update_many('doc', '[{"id": 3, "version": 1, "title": "x"}, {"id": 1, "version": 1, "title": "x"}, {"id": 2, "version": 1, "title": "x"}]')$$, $$versioned_update_many('doc', '[{"id": 3, "version": 9, "title": "x"}, {"id": 1, "version": 1, "title": "x"}, {"id": 2, "version": 1, "title": "x"}]')$$,
            $$try_versioned_update_many('doc', '[{"id": 3, "version": 1, "title": "x"}, {"id": 1, "version": 1, "title": "x"}, {"id": 2, "version": 1, "title": "x"}]', true)$$);
RESET ROLE;

-- IN TRANSACTIONS, functions and statements: each form leaves the transaction as it should
BEGIN;
SAVEPOINT a;
SELECT told($$try_versioned_update_many('account', '[{"id": 1, "version": 3, "note": "a"}, {"id": 2, "version": 1}]')$$, $$versioned_update_many('account', '[{"id": 1, "version": 3, "note": "a"}, {"id": 2, "version": 2, "note": "a"}]')$$);
ROLLBACK TO a;
SELECT told($$try_versioned_update_many('account', '[{"id": 1, "version": 3, "note": "b"}, {"id": 2, "version": 3}]', true)$$);
COMMIT;
SELECT state();
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT told($$versioned_update_many('account', '[{"id": 1, "version": 4, "note": "c"}, {"id": 2, "version": 2, "note": "c"}]')$$, $$try_versioned_update_many('account', '[{"id": 1, "version": 5, "note": "d"}, {"id": 2, "version": 2, "note": "d"}]')$$, $$try_versioned_update_many('account', '[{"id": 1, "version": 5, "note": "d"}, {"id": 99, "version": 2, "note": "d"}]', true)$$);
ROLLBACK;
SELECT now() = statement_timestamp() AS own_transaction, state();
DO $$
BEGIN
    BEGIN
        PERFORM interlock.versioned_update_many('account', '[{"id": 1, "version": 4, "note": "lost"}, {"id": 2, "version": 1}]');
        RAISE 'not reached';
    EXCEPTION WHEN SQLSTATE 'IL001' THEN
        PERFORM interlock.versioned_update_many('account', '[{"id": 1, "version": 4, "note": "caught"}, {"id": 2, "version": 2}]');
    END;
END $$;
WITH w AS (UPDATE account SET note = 'cte' WHERE id IN (1, 2) RETURNING id, version)
SELECT r.key, r.version FROM (SELECT jsonb_agg(jsonb_build_object('id', id, 'version', version, 'note', 'after cte')) AS rows FROM w) AS b, LATERAL interlock.versioned_update_many('account', b.rows) AS r;
SELECT b.n, r.key, r.status, r.version FROM generate_series(1, 2) AS b (n), LATERAL interlock.try_versioned_update_many('account', jsonb_build_array(jsonb_build_object('id', 6, 'version', 1 + b.n, 'note', b.n), jsonb_build_object('id', 7, 'version', b.n, 'note', b.n))) AS r;
-- not all rows that are returned need be read
SELECT r.key FROM interlock.versioned_update_many('account', '[{"id": 6, "version": 4, "note": "limit"}, {"id": 7, "version": 3, "note": "limit"}]') AS r LIMIT 1;
SELECT state();
-- one writes the other's row in a trigger: the batch finds it stale, and takes the trigger's write back
CREATE FUNCTION neighbour() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE account SET note = 'nb' WHERE id = NEW.id + 1; RETURN NULL; END $$;
CREATE TRIGGER neighbour AFTER UPDATE ON account FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION neighbour();
SELECT told($$try_versioned_update_many('account', '[{"id": 8, "version": 1, "note": "x"}, {"id": 9, "version": 1, "note": "x"}]')$$, $$try_versioned_update_many('account', '[{"id": 8, "version": 1, "note": "x"}, {"id": 9, "version": 1, "note": "x"}]', true)$$);
DROP TRIGGER neighbour ON account;
SELECT id, note, version FROM account WHERE id >= 8 ORDER BY id;

-- 100,000 ROWS in one call
CREATE TABLE large (id integer PRIMARY KEY, a integer);
INSERT INTO large SELECT n, 0 FROM generate_series(1, 100000) AS n;
SELECT interlock.enable_versioning('large') \gset
SELECT jsonb_agg(jsonb_build_object('id', n, 'version', 1, 'a', n) ORDER BY n % 1000, n) AS batch FROM generate_series(1, 100000) AS n \gset
SELECT count(*), min(version), max(version), bool_and(in_order) AS in_order FROM (SELECT version, (key ->> 'id')::int = row_number() OVER () AS in_order FROM interlock.versioned_update_many('large', :'batch')) AS r;
SELECT count(*) FROM large WHERE a = id AND version = 2;
SELECT status, count(*) FROM interlock.try_versioned_update_many('large', (SELECT jsonb_agg(jsonb_build_object('id', n, 'version', 2, 'a', -n)) FROM generate_series(2, 100001) AS n)) GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM large WHERE a = id AND version = 2;
-- the error names every one that stands in the way
DO $$
DECLARE detail text;
BEGIN
    PERFORM interlock.versioned_update_many('large', (SELECT jsonb_agg(jsonb_build_object('id', n, 'version', n % 3 + 1, 'a', -n)) FROM generate_series(99001, 100100) AS n));
EXCEPTION WHEN SQLSTATE 'IL001' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RAISE WARNING '%: % stale, % missing', SQLERRM, jsonb_array_length(detail::jsonb -> 'stale'), jsonb_array_length(detail::jsonb -> 'missing');
END $$;

-- a hostile search_path
CREATE SCHEMA hostile_many;
CREATE FUNCTION hostile_many.wrong(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile_many.wrong(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE OPERATOR hostile_many.= (FUNCTION = hostile_many.wrong, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR hostile_many.< (FUNCTION = hostile_many.wrong, LEFTARG = integer, RIGHTARG = integer);
CREATE OPERATOR hostile_many.= (FUNCTION = hostile_many.wrong, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION hostile_many.to_jsonb(anyelement) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'captured'; END $$;
CREATE TYPE hostile_many.write_status AS ENUM ('captured');
CREATE TYPE hostile_many.mood AS ENUM ('captured');
SET search_path = hostile_many, pg_catalog;
SELECT r.key, r.status, r.version FROM interlock.try_versioned_update_many('write_many.lines', '[{"order": 10, "number": 2, "version": 1, "note": "h"}, {"order": 9, "number": 2, "version": 2, "note": "h"}]') AS r;
SELECT r.key, r.status, r.version FROM interlock.try_versioned_update_many('write_many.part', '[{"id": 2, "region": "north", "version": 1, "a": "h"}, {"id": 1, "region": "south", "version": 1, "a": "h"}]', true) AS r;
RESET search_path;

SET client_min_messages = error;
DROP SCHEMA write_many, hostile_many, "Sch.ema ""y""" CASCADE;
DROP ROLE regress_batcher;
