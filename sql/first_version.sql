-- Proves that new rows can start at versions which a key that is deleted and inserted again never repeats, and that a stale writer is then told.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA first_version;
SET search_path = first_version;

-- is it the time in microseconds, give or take a minute?
CREATE FUNCTION is_now(version bigint) RETURNS boolean LANGUAGE sql AS $$
    SELECT abs(extract(epoch FROM clock_timestamp()) * 1000000 - version) < 60 * 1000000
$$;
CREATE FUNCTION sqlstate_of(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- ABA with 'one': the version that was read before the DELETE fits the new row by chance, and its first change is lost

CREATE TABLE accounts (id integer PRIMARY KEY, balance integer);
SELECT interlock.enable_versioning('accounts') \gset
INSERT INTO accounts VALUES (1, 100);
SELECT version AS read FROM accounts WHERE id = 1 \gset
DELETE FROM accounts WHERE id = 1;
INSERT INTO accounts VALUES (1, 500);
SELECT interlock.versioned_update('accounts', 1, :read, '{"balance": 110}') > :read AS accepted;
SELECT balance FROM accounts WHERE id = 1;

-- none with 'clock'

SELECT interlock.enable_versioning('accounts', first_version => 'clock') \gset
SELECT first_version, problems FROM interlock.versioned_tables WHERE relation = 'accounts'::regclass;
SELECT version FROM accounts;
DELETE FROM accounts;
INSERT INTO accounts VALUES (1, 100);
SELECT is_now(version) FROM accounts WHERE id = 1;
SELECT version AS read FROM accounts WHERE id = 1 \gset
DELETE FROM accounts WHERE id = 1;
INSERT INTO accounts VALUES (1, 500);
SELECT left(sqlstate_of(format('SELECT interlock.versioned_update(''accounts'', 1, %s, ''{"balance": 110}'')', :read)), 5);
SELECT left(sqlstate_of(format('UPDATE accounts SET balance = 110, version = %s WHERE id = 1', :read)), 5);
SELECT left(sqlstate_of(format('UPDATE accounts SET balance = 110, version = %s WHERE id = 1', :read + 1)), 5);
SELECT status, current ->> 'balance' AS balance FROM interlock.try_versioned_update('accounts', 1, :read, '{"balance": 110}');
SELECT balance FROM accounts WHERE id = 1;

-- neither within a transaction, nor however often: every version of a key is above all before it

CREATE TABLE seen (version bigint);
DO $$
BEGIN
    FOR i IN 1 .. 200 LOOP
        INSERT INTO seen SELECT version FROM accounts WHERE id = 1;
        DELETE FROM accounts WHERE id = 1;
        INSERT INTO accounts VALUES (1, i);
        INSERT INTO seen SELECT version FROM accounts WHERE id = 1;
        UPDATE accounts SET balance = -i WHERE id = 1;
    END LOOP;
END $$;
SELECT count(*), count(DISTINCT version), bool_and(ascending) FROM (SELECT version, version > lag(version, 1, 0) OVER () AS ascending FROM seen) AS s;

-- an UPDATE goes on in steps of one; numbers that JavaScript keeps exactly; NULL and DEFAULT are the clock's, a supplied one is kept

SELECT version AS read FROM accounts WHERE id = 1 \gset
UPDATE accounts SET balance = 1 WHERE id = 1 RETURNING version - :read AS step;
UPDATE accounts SET balance = 2, version = :read + 2 WHERE id = 1 AND version = :read + 1 RETURNING version - :read AS step;
SELECT version < 9007199254740991 AS safe FROM accounts;
INSERT INTO accounts VALUES (2, 0, NULL), (3, 0, DEFAULT), (4, 0, 7);
SELECT id, is_now(version) FROM accounts WHERE id > 1 ORDER BY id;
COPY accounts (id, balance) FROM STDIN;
5	0
\.
COPY accounts FROM STDIN;
6	0	70
7	0	\N
\.
SELECT id, is_now(version) FROM accounts WHERE id > 4 ORDER BY id;

-- the DEFAULT is plain SQL: without the trigger, and without the extension

SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'accounts'::regclass;
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO accounts VALUES (8, 0);
SET LOCAL session_replication_role = origin;
SELECT is_now(version) FROM accounts WHERE id = 8;
SELECT interlock.disable_all() > 0 AS some;
DROP EXTENSION interlock;
INSERT INTO accounts VALUES (9, 0);
SELECT is_now(version) FROM accounts WHERE id = 9;
ROLLBACK;

-- a row without any version gets the clock's, too

ALTER TABLE accounts ALTER COLUMN version DROP NOT NULL;
ALTER TABLE accounts DISABLE TRIGGER USER;
UPDATE accounts SET version = NULL WHERE id = 4;
ALTER TABLE accounts ENABLE TRIGGER USER;
UPDATE accounts SET balance = 4 WHERE id = 4 RETURNING is_now(version);

-- one again: DEFAULT 1, and rows keep theirs

SELECT interlock.enable_versioning('accounts') \gset
SELECT first_version FROM interlock.versioned_tables WHERE relation = 'accounts'::regclass;
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'accounts'::regclass;
INSERT INTO accounts VALUES (10, 0) RETURNING version;
INSERT INTO accounts VALUES (11, 0, NULL) RETURNING version;
SELECT is_now(version) FROM accounts WHERE id = 4;
-- a DEFAULT that was never the clock's stays
CREATE TABLE own_default (id integer PRIMARY KEY, version bigint NOT NULL DEFAULT 100);
SELECT interlock.enable_versioning('own_default') \gset
SELECT interlock.enable_versioning('own_default') \gset
INSERT INTO own_default VALUES (1) RETURNING version;

-- a new column: rows that are there start at 1, with no rewrite

CREATE TABLE plain (id integer PRIMARY KEY);
INSERT INTO plain VALUES (1);
SELECT relfilenode AS file FROM pg_class WHERE oid = 'plain'::regclass \gset
SELECT interlock.enable_versioning('plain', first_version => 'clock') \gset
INSERT INTO plain VALUES (2);
SELECT id, is_now(version), version = 1 AS one FROM plain ORDER BY id;
SELECT relfilenode = :file AS same_file FROM pg_class WHERE oid = 'plain'::regclass;

-- partitions, also through a partition itself and one made later; a row that moves keeps its version; inheritance children

CREATE TABLE parted (id integer, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parted_north PARTITION OF parted FOR VALUES IN ('north');
SELECT interlock.enable_versioning('parted', first_version => 'clock') \gset
CREATE TABLE parted_south PARTITION OF parted FOR VALUES IN ('south');
INSERT INTO parted VALUES (1, 'north'), (2, 'south');
INSERT INTO parted_north VALUES (3, 'north');
INSERT INTO parted_south VALUES (4, 'south');
SELECT bool_and(is_now(version)) FROM parted;
SELECT version AS read FROM parted WHERE id = 1 \gset
UPDATE parted SET region = 'south' WHERE id = 1 RETURNING version - :read AS step;
CREATE TABLE base (id integer PRIMARY KEY);
CREATE TABLE derived () INHERITS (base);
SELECT interlock.enable_versioning('base', first_version => 'clock') \gset
INSERT INTO derived VALUES (1);
SELECT is_now(version) FROM base;
SELECT relation, first_version FROM interlock.versioned_tables WHERE relation::text ~ 'parted|base|derived' ORDER BY relation::text COLLATE "C";

-- refusals: bigint only, and no other word

CREATE TABLE kinds (id integer PRIMARY KEY, s smallint NOT NULL DEFAULT 1, i integer NOT NULL DEFAULT 1, t timestamptz);
SELECT sqlstate_of(format('SELECT interlock.enable_versioning(''kinds'', %L, first_version => %L)', c, f))
FROM (VALUES ('s', 'clock'), ('i', 'clock'), ('t', 'clock'), ('i', 'two'), ('i', NULL)) AS v (c, f);

-- a lock as the ALTER TABLE that it is

BEGIN;
CREATE TABLE locked (id integer PRIMARY KEY, version bigint NOT NULL DEFAULT 1);
COMMIT;
BEGIN;
SELECT interlock.enable_versioning('locked', first_version => 'clock') \gset
SELECT DISTINCT mode FROM pg_locks WHERE relation = 'locked'::regclass ORDER BY mode;
COMMIT;

DROP SCHEMA first_version CASCADE;
