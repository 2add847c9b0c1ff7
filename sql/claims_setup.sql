-- Proves what enable_claims makes of a table and what it refuses, that it may be called again and again, that it follows what is done to the table, and that disable_claims and disable_all take it off.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_claims_ann, regress_claims_bob;
RESET client_min_messages;
CREATE ROLE regress_claims_ann;
CREATE ROLE regress_claims_bob;
CREATE SCHEMA claims_setup;
GRANT ALL ON SCHEMA claims_setup TO PUBLIC;
SET search_path = claims_setup;

-- What a statement comes to: its result, or its SQLSTATE, message and hint.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    message text;
    hint text;
BEGIN
    EXECUTE statement INTO result;
    RETURN coalesce(nullif(result, ''), 'done');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, message, nullif(hint, ''));
END $$;
-- What a table is made of, as far as claims are concerned.
CREATE FUNCTION shown(rel regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT 'column ' || concat_ws(' ', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'not null' END, pg_get_expr(adbin, adrelid))
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid = rel AND attnum > 0 AND NOT attisdropped AND attname IN ('run_at', 'attempts', 'claimed_by', 'claim_token', 'claimed_until', 'last_error', 'finished_at', 'dead_at')
    UNION ALL (SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = rel AND NOT indisprimary ORDER BY 1)
    UNION ALL (SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = rel AND NOT tgisinternal ORDER BY tgname)
    UNION ALL SELECT 'with ' || array_to_string(reloptions, ', ') FROM pg_class WHERE oid = rel AND reloptions IS NOT NULL
$$;
-- The OIDs of its indexes, to tell one that was built again.
CREATE FUNCTION indexes(rel regclass) RETURNS oid[] LANGUAGE sql AS
$$ SELECT array_agg(indexrelid ORDER BY indexrelid) FROM pg_index WHERE indrelid = rel $$;
-- Claims a row, in plain SQL.
CREATE FUNCTION take(rel regclass, key int, token bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('UPDATE %s SET claimed_by = ''w'', claim_token = $2, claimed_until = clock_timestamp() + ''1 h'', attempts = attempts + 1 WHERE id = $1', rel) USING key, token;
END $$;

-- A PLAIN TABLE: columns, index, marker and fillfactor; no notice for one that is empty
CREATE TABLE jobs (id int PRIMARY KEY, payload text);
SELECT interlock.enable_claims('jobs', 'delete');
SELECT shown('jobs');
-- on_finish is asked for
SELECT outcome($$SELECT interlock.enable_claims('jobs')$$) LIKE '42883 %';
SELECT outcome($$SELECT interlock.enable_claims('jobs', NULL)$$);
SELECT outcome($$SELECT interlock.enable_claims('jobs', 'forget')$$);

-- IDEMPOTENT: the same again keeps the index, other settings take the place of the former ones
SELECT indexes('jobs') AS before \gset
SELECT interlock.enable_claims('jobs', 'delete');
SELECT indexes('jobs') = :'before';
SELECT interlock.enable_claims('jobs', 'keep', max_attempts => 3, backoff => '250 ms', max_backoff => '1 min', notify => true);
SELECT indexes('jobs') = :'before';
SELECT t FROM shown('jobs') AS t WHERE t LIKE 'CREATE TRIGGER%';
SELECT interlock.enable_claims('jobs', 'keep');
SELECT t FROM shown('jobs') AS t WHERE t LIKE 'CREATE TRIGGER%';
-- in a transaction that is rolled back, nothing of it stays
BEGIN;
SELECT interlock.enable_claims('jobs', 'delete', unique_by => '{payload}');
ROLLBACK;
SELECT t FROM shown('jobs') AS t WHERE t LIKE 'CREATE%' ORDER BY 1;

-- SETTINGS that cannot be
SELECT outcome(format('SELECT interlock.enable_claims(''jobs'', ''keep'', %s)', a))
FROM unnest(ARRAY['max_attempts => 0', 'max_attempts => NULL', 'backoff => ''-1 s''', 'backoff => NULL', 'backoff => ''367 days''', 'max_backoff => ''-1 s''',
    'backoff => ''2 h''', 'notify => NULL', 'unique_by => NULL', 'unique_by => ''{NULL}''', 'unique_by => ''{nothing}''', 'unique_by => ''{payload,payload}''',
    'columns => NULL', 'columns => ''[]''', 'columns => ''{"when": "payload"}''', 'columns => ''{"run_at": 1}''', 'columns => ''{"run_at": "nothing"}''',
    'columns => ''{"run_at": "payload"}''', 'columns => ''{"last_error": "claimed_by"}''', 'columns => ''{"attempts": "id"}''',
    'order_by => ''nothing''', 'order_by => ''payload''', 'order_by => ''run_at''', 'queue_column => ''id''', 'queue_column => ''payload''', 'group_by => ''nothing''',
    'order_by => ''id'', group_by => ''id''']) AS a;
SELECT outcome($$SELECT interlock.enable_claims(NULL, 'keep')$$);
SELECT outcome($$SELECT interlock.enable_claims(0, 'keep')$$);

-- WHAT IS NO WORK TABLE
CREATE TABLE keyless (id int);
CREATE VIEW shown_jobs AS SELECT * FROM jobs;
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted DEFAULT;
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
CREATE SEQUENCE numbers;
CREATE TYPE pair AS (a int, b int);
SELECT r, outcome(format('SELECT interlock.enable_claims(%L, ''keep'')', r))
FROM unnest(ARRAY['keyless', 'shown_jobs', 'parted', 'parent', 'numbers', 'pair', 'jobs_pkey', 'pg_catalog.pg_class']) AS r;
-- their partitions and children are, with columns that a partition has from its parent
SELECT outcome($$SELECT interlock.enable_claims('parted_1', 'keep')$$);
ALTER TABLE parted ADD run_at timestamptz NOT NULL DEFAULT now(), ADD attempts int NOT NULL DEFAULT 0, ADD claimed_by text, ADD claim_token bigint, ADD claimed_until timestamptz, ADD last_error text, ADD finished_at timestamptz, ADD dead_at timestamptz;
SELECT interlock.enable_claims('parted_1', 'keep');
SELECT interlock.enable_claims('child', 'keep');
INSERT INTO parted_1 VALUES (1);
SELECT take('parted_1', 1, 17);
SELECT interlock.try_finish_claim('parted_1', 1, 17), interlock.try_finish_claim('parted_1', 1, 17);
-- and a partition may come and go
ALTER TABLE parted DETACH PARTITION parted_1;
SELECT take('parted_1', 1, 18);
ALTER TABLE parted ATTACH PARTITION parted_1 DEFAULT;
SELECT outcome($$SELECT interlock.finish_claim('parted_1', 1, 19)$$);
-- unlogged and temporary tables, composite keys, odd names
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
CREATE TEMPORARY TABLE passing (id int PRIMARY KEY);
CREATE TABLE "Odd ""table""" ("the id" int, "a;b" text, "Group's" text, PRIMARY KEY ("a;b", "the id"));
SELECT interlock.enable_claims('unlogged', 'keep');
SELECT interlock.enable_claims('passing', 'delete');
INSERT INTO passing VALUES (1);
UPDATE passing SET claimed_by = 'w', claim_token = 1;
BEGIN READ ONLY;
SELECT interlock.try_finish_claim('passing', 1, 1);
COMMIT;
SELECT interlock.enable_claims('"Odd ""table"""', 'keep', group_by => 'Group''s', unique_by => '{"a;b","Group''s"}');
SELECT t FROM shown('"Odd ""table"""') AS t WHERE t LIKE 'CREATE%';

-- OWNERS ONLY
SET ROLE regress_claims_ann;
CREATE TABLE anns (id int PRIMARY KEY);
SELECT interlock.enable_claims('anns', 'delete');
SET ROLE regress_claims_bob;
SELECT outcome($$SELECT interlock.enable_claims('anns', 'keep')$$);
SELECT outcome($$SELECT interlock.disable_claims('anns')$$);
RESET ROLE;
BEGIN READ ONLY;
SELECT outcome($$SELECT interlock.enable_claims('jobs', 'keep')$$);
SELECT outcome($$SELECT interlock.disable_claims('jobs')$$);
COMMIT;

-- ORDER, QUEUES, GROUPS, UNIQUE WORK: their indexes, which follow the settings
CREATE TABLE tasks (id int PRIMARY KEY, priority int NOT NULL DEFAULT 0, queue varchar(20) NOT NULL DEFAULT 'q', customer uuid, what text);
SELECT interlock.enable_claims('tasks', 'keep', order_by => 'priority', queue_column => 'queue', group_by => 'customer', unique_by => '{queue,what}');
SELECT t FROM shown('tasks') AS t WHERE t LIKE 'CREATE%';
SELECT interlock.enable_claims('tasks', 'keep', order_by => 'priority', group_by => 'customer', unique_by => '{what}');
SELECT t FROM shown('tasks') AS t WHERE t LIKE 'CREATE% INDEX%';
INSERT INTO tasks (id, what) VALUES (1, 'a'), (2, 'b');
SELECT outcome($$INSERT INTO tasks (id, what) VALUES (3, 'a') RETURNING id$$);
UPDATE tasks SET finished_at = now() WHERE id = 1;
SELECT outcome($$INSERT INTO tasks (id, what) VALUES (3, 'a') RETURNING id$$);
SELECT outcome($$SELECT interlock.enable_claims('tasks', 'keep', unique_by => '{priority}')$$);
SELECT interlock.enable_claims('tasks', 'keep');
SELECT t FROM shown('tasks') AS t WHERE t LIKE 'CREATE% INDEX%';
-- an index of somebody else's keeps out of it: it has the name, or other columns
CREATE TABLE taken (id int PRIMARY KEY, run_at timestamptz NOT NULL);
CREATE INDEX taken_claim_idx ON taken (run_at);
SELECT interlock.enable_claims('taken', 'keep');
SELECT t FROM shown('taken') AS t WHERE t LIKE 'CREATE% INDEX%';
-- one that is just what is needed is taken
CREATE TABLE built (id int PRIMARY KEY, run_at timestamptz NOT NULL, dead_at timestamptz, finished_at timestamptz);
CREATE INDEX by_hand ON built (run_at, id) WHERE finished_at IS NULL AND dead_at IS NULL;
SELECT interlock.enable_claims('built', 'keep');
SELECT t FROM shown('built') AS t WHERE t LIKE 'CREATE% INDEX%';
-- a column of the key is in the index once
CREATE TABLE keyed (queue text, id int, PRIMARY KEY (queue, id));
SELECT interlock.enable_claims('keyed', 'keep', queue_column => 'queue');
SELECT t FROM shown('keyed') AS t WHERE t LIKE 'CREATE% INDEX%';

-- COLUMNS OF THE TABLE'S OWN: taken where they fit, mapped where they are called otherwise
CREATE TABLE own (id int PRIMARY KEY, scheduled_for timestamptz NOT NULL, tries int NOT NULL DEFAULT 0, run_at date, attempts text, claimed_by text NOT NULL DEFAULT 'x');
SELECT outcome($$SELECT interlock.enable_claims('own', 'keep')$$);
SELECT outcome($$SELECT interlock.enable_claims('own', 'keep', columns => '{"run_at": "scheduled_for"}')$$);
SELECT outcome($$SELECT interlock.enable_claims('own', 'keep', columns => '{"run_at": "scheduled_for", "attempts": "tries"}')$$);
ALTER TABLE own ALTER claimed_by DROP NOT NULL, ALTER claimed_by DROP DEFAULT, ALTER scheduled_for DROP NOT NULL;
SELECT outcome($$SELECT interlock.enable_claims('own', 'keep', columns => '{"run_at": "scheduled_for", "attempts": "tries"}')$$);
ALTER TABLE own ALTER scheduled_for SET NOT NULL;
SELECT interlock.enable_claims('own', 'keep', columns => '{"run_at": "scheduled_for", "attempts": "tries"}');
SELECT t FROM shown('own') AS t WHERE t LIKE 'CREATE%';
INSERT INTO own (id, scheduled_for) VALUES (1, now());
UPDATE own SET claimed_by = 'w', claim_token = 1, tries = 1;
SELECT interlock.release_claim('own', 1, 1, 'failed', '1 h');
SELECT scheduled_for > now() + interval '59 min', tries, claimed_by, last_error FROM own;
-- a call that does not mention them leaves the roles as they are
SELECT interlock.enable_claims('own', 'keep', max_attempts => 7);
SELECT t FROM shown('own') AS t WHERE t LIKE 'CREATE TRIGGER%';
-- keys, versions and generated columns are no claim's
CREATE TABLE odd (id int, token bigint, made int GENERATED ALWAYS AS (id + 1) STORED NOT NULL, version int NOT NULL DEFAULT 1, at timestamptz NOT NULL, PRIMARY KEY (id, at));
SELECT interlock.enable_versioning('odd');
SELECT outcome(format('SELECT interlock.enable_claims(''odd'', ''keep'', columns => %L)', c))
FROM unnest(ARRAY['{"attempts": "made"}', '{"attempts": "version"}', '{"run_at": "at"}']) AS c;

-- FILLFACTOR: one that is set stays; pages that are there already need a rewrite, which is said
CREATE TABLE filled (id int PRIMARY KEY) WITH (fillfactor = 90);
SELECT interlock.enable_claims('filled', 'keep');
SELECT t FROM shown('filled') AS t WHERE t LIKE 'with%';
CREATE TABLE packed (id int PRIMARY KEY);
INSERT INTO packed VALUES (1), (2);
SELECT interlock.enable_claims('packed', 'delete');
SELECT interlock.enable_claims('packed', 'delete');
SELECT run_at <= now(), attempts, claimed_by, claim_token, claimed_until, last_error, finished_at, dead_at FROM packed;

-- WHAT IS DONE TO THE TABLE: renames are followed, columns that claims need stay
ALTER TABLE packed RENAME run_at TO "when it runs";
ALTER TABLE packed RENAME claimed_by TO owner;
ALTER TABLE packed RENAME TO renamed;
ALTER INDEX packed_claim_idx RENAME TO another_name;
ALTER TRIGGER "~interlock_claims" ON renamed RENAME TO marker;
UPDATE renamed SET owner = 'w', claim_token = id;
SELECT interlock.release_claim('renamed', 1, 1, retry_in => '1 h');
SELECT id, "when it runs" > now(), owner FROM renamed ORDER BY id;
SELECT outcome($$ALTER TABLE renamed DROP COLUMN last_error$$);
SELECT outcome($$ALTER TABLE renamed ALTER "when it runs" TYPE timestamp$$);
-- another type for the key; a table that is rewritten
ALTER TABLE renamed ALTER id TYPE bigint;
SELECT interlock.try_finish_claim('renamed', 2, 2);
VACUUM FULL renamed;
SELECT interlock.try_finish_claim('renamed', 1, 1);
SELECT count(*) FROM renamed;
-- ends need no claim index; enable_claims builds one that is gone
DROP INDEX another_name;
INSERT INTO renamed (id, owner, claim_token) VALUES (3, 'w', 3);
SELECT interlock.try_finish_claim('renamed', 3, 3);
SELECT ready, exact, alarm LIKE '%lost its claim index%' FROM interlock.claim_status WHERE relation = 'renamed'::regclass;
SELECT interlock.enable_claims('renamed', 'delete');
SELECT t FROM shown('renamed') AS t WHERE t LIKE 'CREATE%';
-- a column that goes by force takes the marker along, and with it the claims
ALTER TABLE renamed DROP COLUMN last_error CASCADE;
SELECT outcome($$SELECT interlock.finish_claim('renamed', 3, 3)$$);
SELECT interlock.enable_claims('renamed', 'delete');
SELECT interlock.try_finish_claim('renamed', 3, 3);
-- without its key there is nothing to name a row by
ALTER TABLE renamed DROP CONSTRAINT packed_pkey;
SELECT outcome($$SELECT interlock.finish_claim('renamed', 3, 3)$$);
-- a marker that was made by hand
CREATE TABLE handmade (id int PRIMARY KEY, a int);
CREATE TRIGGER marker BEFORE UPDATE OF a ON handmade FOR EACH ROW WHEN (false) EXECUTE FUNCTION interlock.claim_columns('columns=a');
SELECT outcome($$SELECT interlock.finish_claim('handmade', 3, 3)$$);
DROP TRIGGER marker ON handmade;
CREATE TRIGGER marker BEFORE UPDATE OF a ON handmade FOR EACH ROW WHEN (false) EXECUTE FUNCTION interlock.claim_columns('columns=run_at', 'speed=high');
SELECT outcome($$SELECT interlock.finish_claim('handmade', 3, 3)$$);
SELECT ready, alarm LIKE '%unfit setting%' FROM interlock.claim_status WHERE relation = 'handmade'::regclass;
INSERT INTO handmade VALUES (1, 1);
UPDATE handmade SET a = 2 RETURNING a;

-- VERSIONS: what claims write makes none, whichever was enabled first; what users write does
CREATE TABLE first_claims (id int PRIMARY KEY, name text);
SELECT interlock.enable_claims('first_claims', 'keep');
SELECT interlock.enable_versioning('first_claims', accept => 'echo', require_version => true);
CREATE TABLE first_version (id int PRIMARY KEY, name text, note text);
SELECT interlock.enable_versioning('first_version', except_columns => '{note}');
SELECT interlock.enable_claims('first_version', 'keep');
INSERT INTO first_claims VALUES (1, 'a'), (2, 'b');
INSERT INTO first_version VALUES (1, 'a'), (2, 'b');
SELECT take('first_claims', i, i), take('first_version', i, i) FROM generate_series(1, 2) AS i;
SELECT interlock.renew_claim('first_claims', 1, 1) > now(), interlock.renew_claim('first_version', 1, 1) > now();
SELECT interlock.release_claim('first_claims', 1, 1, 'oh'), interlock.release_claim('first_version', 1, 1);
SELECT interlock.finish_claim('first_claims', 2, 2), interlock.finish_claim('first_version', 2, 2);
SELECT id, version, last_error, finished_at IS NOT NULL FROM first_claims ORDER BY id;
SELECT id, version, last_error, finished_at IS NOT NULL FROM first_version ORDER BY id;
UPDATE first_version SET note = 'n', last_error = 'm' WHERE id = 1 RETURNING version;
UPDATE first_version SET name = 'n', last_error = 'o' WHERE id = 1 RETURNING version;
SELECT outcome($$UPDATE first_claims SET name = 'n'$$);
SELECT interlock.versioned_update('first_claims', 1, 1, '{"name": "n", "last_error": null}');
SELECT except_columns, problems FROM interlock.versioned_tables WHERE relation IN ('first_claims'::regclass, 'first_version'::regclass) ORDER BY relation::text;
SELECT interlock.assert_versioned('{first_claims,first_version}');
SELECT interlock.disable_claims('first_version');
UPDATE first_version SET last_error = 'p' WHERE id = 1 RETURNING version;
-- a version by the clock
CREATE TABLE clocked (id int PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT '2020-01-01');
SELECT interlock.enable_versioning('clocked', 'updated_at');
SELECT interlock.enable_claims('clocked', 'keep');
INSERT INTO clocked VALUES (1);
SELECT take('clocked', 1, 1);
SELECT interlock.try_finish_claim('clocked', 1, 1);
SELECT updated_at = '2020-01-01', finished_at IS NOT NULL FROM clocked;

-- NOTIFY is a trigger of its own, which only enable_claims has a use for
SELECT interlock.enable_claims('jobs', 'keep', notify => true);
SELECT notify FROM interlock.claim_status WHERE relation = 'jobs'::regclass;
CREATE TRIGGER notify AFTER INSERT ON anns FOR EACH ROW EXECUTE FUNCTION interlock.claim_notify();
INSERT INTO anns VALUES (1);
DROP TRIGGER notify ON anns;
CREATE TRIGGER notify BEFORE INSERT ON anns FOR EACH ROW EXECUTE FUNCTION interlock.claim_notify();
SELECT outcome($$INSERT INTO anns VALUES (2)$$);
DROP TRIGGER notify ON anns;

-- OFF AGAIN: triggers and indexes go, the columns where they are asked for
SELECT interlock.disable_claims('jobs');
SELECT shown('jobs');
SELECT outcome($$SELECT interlock.disable_claims('jobs')$$);
SELECT outcome($$SELECT interlock.disable_claims('jobs', drop_columns => true)$$);
SELECT outcome($$SELECT interlock.disable_claims('jobs', NULL)$$);
SELECT outcome($$SELECT interlock.disable_claims('shown_jobs')$$);
SELECT outcome($$SELECT interlock.finish_claim('jobs', 1, 1)$$);
SELECT interlock.enable_claims('jobs', 'keep', unique_by => '{payload}');
SELECT outcome($$SELECT interlock.disable_claims('jobs', drop_columns => true)$$);
DROP VIEW shown_jobs;
SELECT interlock.disable_claims('jobs', drop_columns => true);
SELECT shown('jobs');
-- columns of the table's own stay
SELECT interlock.disable_claims('own', drop_columns => true);
SELECT attname FROM pg_attribute WHERE attrelid = 'own'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum;
DROP TABLE handmade, renamed;
BEGIN;
SELECT interlock.disable_all() > 0;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgfoid::regproc::text LIKE 'interlock.%' AND tgrelid::regclass::text NOT LIKE 'interlock.%';
SELECT t FROM shown('tasks') AS t WHERE t LIKE 'CREATE%';
SELECT t FROM shown('"Odd ""table"""') AS t WHERE t LIKE 'CREATE%';
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA claims_setup CASCADE;
DROP ROLE regress_claims_ann, regress_claims_bob;
