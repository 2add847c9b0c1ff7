-- Constraints hold against writes by version as against any UPDATE, at the same moment: at once, at the end of the call, or at COMMIT; and foreign keys do what they do.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA kinds_constraints;
SET search_path = kinds_constraints;
SET datestyle = 'ISO';
SET timezone = 'UTC';

-- What a write answers, or its SQLSTATE and constraint; a line more where it took another path than a table of this kind should.
CREATE FUNCTION put(rel regclass, key anycompatible, expected bigint, changes jsonb, may_be_direct boolean DEFAULT true) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    before record := interlock.write_paths();
    later record;
    r interlock.write_result;
    direct boolean := may_be_direct AND current_setting('interlock.direct_writes') = 'auto';
    broken text;
BEGIN
    r := interlock.try_versioned_update(rel, key, expected, changes);
    RETURN NEXT concat_ws(' ', r.status, r.version);
    later := interlock.write_paths();
    IF (later.direct - before.direct, later.planner - before.planner) <> (direct::integer, (NOT direct)::integer) THEN
        RETURN NEXT format('direct %s planner %s', later.direct - before.direct, later.planner - before.planner);
    END IF;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
    RETURN NEXT concat_ws(' ', SQLSTATE, nullif(broken, ''));
END $$;

-- EXCLUSION, at once: ranges that overlap, multiranges, a partial one
CREATE TABLE booking (id integer PRIMARY KEY, room int4range, during tstzrange, live boolean DEFAULT true, tags int4multirange,
    CONSTRAINT overlap EXCLUDE USING gist (room WITH &&, during WITH &&) WHERE (live),
    CONSTRAINT tagged EXCLUDE USING gist (tags WITH &&));
INSERT INTO booking VALUES (1, '[1,1]', '[2024-01-01,2024-01-05)'), (2, '[1,1]', '[2024-01-05,2024-01-09)'), (3, '[2,2]', '[2024-01-01,2024-01-09)');
SELECT count(interlock.enable_versioning('booking'));
SELECT put('booking', 1, 1, '{"during": "[2024-01-01,2024-01-06)"}'), put('booking', 1, 1, '{"room": "[1,3)"}'), put('booking', 3, 1, '{"room": "[1,1]"}');
SELECT put('booking', 1, 1, '{"during": "[2024-01-02,2024-01-04)"}');
-- out of the constraint's sight and back into it
SELECT put('booking', 3, 1, '{"room": "[1,1]", "live": false}'), put('booking', 3, 2, '{"live": true}'), put('booking', 3, 2, '{"live": true, "during": "empty"}');
SELECT put('booking', 1, 2, '{"tags": "{[1,3),[7,9)}"}'), put('booking', 2, 1, '{"tags": "{[3,7)}"}'), put('booking', 3, 3, '{"tags": "{[5,5]}"}'), put('booking', 1, 3, '{"tags": "{[1,4)}"}');
SELECT * FROM booking ORDER BY id;

-- EXCLUSION, deferred: two that trade places; a conflict at COMMIT; SET CONSTRAINTS IMMEDIATE tells it earlier
CREATE TABLE seat (id integer PRIMARY KEY, place int4range, CONSTRAINT seat_place EXCLUDE USING gist (place WITH &&) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO seat VALUES (1, '[1,1]'), (2, '[2,2]');
SELECT count(interlock.enable_versioning('seat'));
BEGIN;
SELECT put('seat', 1, 1, '{"place": "[2,2]"}');
SELECT put('seat', 2, 1, '{"place": "[1,1]"}');
COMMIT;
BEGIN;
SELECT put('seat', 1, 2, '{"place": "[1,2]"}');
\set VERBOSITY sqlstate
COMMIT;
BEGIN;
SELECT put('seat', 1, 2, '{"place": "[1,2]"}');
SET CONSTRAINTS seat_place IMMEDIATE;
ROLLBACK;
\set VERBOSITY default
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT put('seat', 1, 2, '{"place": "[1,2]"}'), put('seat', 1, 2, '{"place": "[3,3]"}');
COMMIT;
SELECT * FROM seat ORDER BY id;

-- UNIQUE: at once, deferrable (checked at the end of each call, which is a statement), deferred
CREATE TABLE ranked (id integer PRIMARY KEY, now integer, each integer, late integer, many integer[],
    CONSTRAINT ranked_now UNIQUE (now), CONSTRAINT ranked_each UNIQUE (each) DEFERRABLE, CONSTRAINT ranked_late UNIQUE (late) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT ranked_many UNIQUE (many));
INSERT INTO ranked VALUES (1, 1, 1, 1, '{1}'), (2, 2, 2, 2, '{2}');
SELECT count(interlock.enable_versioning('ranked'));
SELECT put('ranked', 1, 1, '{"now": 2}'), put('ranked', 1, 1, '{"each": 2}'), put('ranked', 1, 1, '{"many": [2]}');
-- the value that it has is no duplicate of itself, however often it is written
SELECT put('ranked', 1, 1, '{"now": 1, "each": 1, "late": 1, "many": [1, 0]}');
SELECT put('ranked', 1, 2, '{"now": null, "each": null, "late": null}'), put('ranked', 2, 1, '{"now": null, "each": null, "late": null}');
SELECT put('ranked', 1, 3, '{"now": 1, "each": 1, "late": 1}'), put('ranked', 2, 2, '{"now": 2, "each": 2, "late": 2}');
\set VERBOSITY sqlstate
-- each call by itself, even of one statement
SELECT interlock.versioned_update('ranked', 1, 4, '{"each": 2}'), interlock.versioned_update('ranked', 2, 3, '{"each": 1}');
BEGIN;
SELECT interlock.versioned_update('ranked', 1, 4, '{"late": 2}'), interlock.versioned_update('ranked', 2, 3, '{"late": 1}');
SET CONSTRAINTS ranked_late IMMEDIATE;
SELECT interlock.versioned_update('ranked', 1, 5, '{"late": 1}');
COMMIT;
-- a savepoint takes the open check back with the write
BEGIN;
SAVEPOINT s;
SELECT put('ranked', 1, 4, '{"late": 2}');
ROLLBACK TO s;
COMMIT;
BEGIN;
SELECT put('ranked', 1, 4, '{"late": 2}');
SELECT put('ranked', 2, 3, '{"late": 3}');
COMMIT;
BEGIN;
SELECT put('ranked', 1, 5, '{"late": 3}');
COMMIT;
\set VERBOSITY default
SELECT * FROM ranked ORDER BY id;

-- FOREIGN KEYS of the written row: at once, deferred, composite (MATCH FULL), to itself, to a partitioned table; not looked at where they are not written
CREATE TABLE country (code text, no integer, PRIMARY KEY (code, no));
CREATE TABLE city (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE city_1 PARTITION OF city FOR VALUES FROM (0) TO (10);
CREATE TABLE person (id integer PRIMARY KEY, country text, no integer, city integer, boss integer, friend integer,
    CONSTRAINT person_country FOREIGN KEY (country, no) REFERENCES country MATCH FULL,
    CONSTRAINT person_city FOREIGN KEY (city) REFERENCES city,
    CONSTRAINT person_boss FOREIGN KEY (boss) REFERENCES person,
    CONSTRAINT person_friend FOREIGN KEY (friend) REFERENCES person DEFERRABLE INITIALLY DEFERRED);
INSERT INTO country VALUES ('de', 1), ('fr', 2);
INSERT INTO city VALUES (1), (2);
INSERT INTO person VALUES (1, 'de', 1, 1, 1, NULL);
INSERT INTO person VALUES (2);
SELECT count(interlock.enable_versioning('person'));
SELECT put('person', 1, 1, '{"country": "fr"}'), put('person', 1, 1, '{"no": null}'), put('person', 1, 1, '{"city": 3}'), put('person', 1, 1, '{"boss": 3}');
SELECT put('person', 1, 1, '{"country": "fr", "no": 2, "city": 2, "boss": 2, "friend": 1}');
SELECT put('person', 1, 2, '{"country": null, "no": null, "city": null, "boss": null, "friend": null}');
BEGIN;
SELECT put('person', 1, 3, '{"friend": 3}');
INSERT INTO person VALUES (3);
COMMIT;
BEGIN;
SELECT put('person', 1, 4, '{"friend": 4}');
\set VERBOSITY sqlstate
COMMIT;
\set VERBOSITY default
-- a reference that is broken already is none of the write's business, until it writes it
ALTER TABLE person DISABLE TRIGGER ALL;
UPDATE person SET city = 9 WHERE id = 3;
ALTER TABLE person ENABLE TRIGGER ALL;
SELECT put('person', 3, 1, '{"boss": 2}');
SELECT put('person', 3, 2, '{"city": 8}'), put('person', 3, 2, '{"boss": 1, "city": 9}');
SELECT * FROM person ORDER BY id;

-- FOREIGN KEYS to the written row: CASCADE, SET NULL and SET DEFAULT reach versioned tables, each reached row makes a version; RESTRICT and NO ACTION refuse
CREATE TABLE part (id integer PRIMARY KEY, sku text UNIQUE, ean text UNIQUE, old text UNIQUE);
CREATE TABLE follows (id integer PRIMARY KEY, sku text REFERENCES part (sku) ON UPDATE CASCADE ON DELETE CASCADE, note text);
CREATE TABLE forgets (id integer PRIMARY KEY, sku text REFERENCES part (sku) ON UPDATE SET NULL ON DELETE SET NULL, note text);
CREATE TABLE falls_back (id integer PRIMARY KEY, sku text DEFAULT 'z' REFERENCES part (sku) ON UPDATE SET DEFAULT ON DELETE SET DEFAULT);
CREATE TABLE holds (id integer PRIMARY KEY, ean text REFERENCES part (ean) ON UPDATE RESTRICT ON DELETE RESTRICT);
CREATE TABLE minds (id integer PRIMARY KEY, old text CONSTRAINT minds_old REFERENCES part (old) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO part VALUES (1, 'a', 'e1', 'o1'), (2, 'z', 'e2', 'o2');
INSERT INTO follows VALUES (1, 'a'), (2, 'z');
INSERT INTO forgets VALUES (1, 'a'), (2, 'z');
INSERT INTO falls_back VALUES (1, 'a'), (2, 'z');
INSERT INTO holds VALUES (1, 'e1');
INSERT INTO minds VALUES (1, 'o1');
SELECT count(interlock.enable_versioning(t, accept => 'echo', require_version => true)) FROM unnest('{part, follows, forgets, falls_back, holds, minds}'::regclass[]) AS t;
SELECT put('part', 1, 1, '{"sku": "b"}');
-- (23001 from PostgreSQL 18 on)
SELECT put('part', 1, 2, '{"ean": "e9"}') IN ('23001 holds_ean_fkey', '23503 holds_ean_fkey') AS refused;
BEGIN;
SELECT put('part', 1, 2, '{"old": "o9"}');
SELECT put('minds', 1, 1, '{"old": "o9"}');
COMMIT;
BEGIN;
SELECT put('part', 1, 3, '{"old": "o1"}');
\set VERBOSITY sqlstate
COMMIT;
\set VERBOSITY default
SELECT f.*, g.*, b.* FROM follows AS f, forgets AS g, falls_back AS b WHERE f.id = g.id AND f.id = b.id ORDER BY f.id;
-- what a referential action wrote is at a new version
SELECT put('follows', 1, 1, '{"note": "late"}');
SELECT put('follows', 1, 2, '{"note": "x", "sku": "b"}');
DELETE FROM holds;
DELETE FROM minds;
DELETE FROM part WHERE id = 1;
SELECT * FROM follows ORDER BY id;
SELECT * FROM forgets ORDER BY id;
SELECT * FROM falls_back ORDER BY id;

-- CONSTRAINT TRIGGERS: at the end of the call, or deferred to COMMIT, where they see the rows as they were and became
CREATE TABLE ledger (id integer PRIMARY KEY, amount integer);
INSERT INTO ledger VALUES (1, 5), (2, -5);
SELECT count(interlock.enable_versioning('ledger'));
CREATE FUNCTION balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING '%: % became %', TG_NAME, OLD, NEW;
    IF (SELECT sum(amount) FROM ledger) <> 0 THEN RAISE 'out of balance' USING errcode = 'LEDGR', constraint = TG_NAME; END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER UPDATE OF amount ON ledger DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.amount <> NEW.amount) EXECUTE FUNCTION balance();
BEGIN;
SELECT put('ledger', 1, 1, '{"amount": 7}');
SELECT put('ledger', 2, 1, '{"amount": -7}');
COMMIT;
BEGIN;
SELECT put('ledger', 1, 2, '{"amount": 8}');
SELECT put('ledger', 1, 3, '{"amount": 7}');
COMMIT;
\set VERBOSITY sqlstate
BEGIN;
SELECT put('ledger', 1, 4, '{"amount": 9}');
COMMIT;
\set VERBOSITY default
BEGIN;
SET CONSTRAINTS late IMMEDIATE;
SELECT put('ledger', 1, 4, '{"amount": 9}');
COMMIT;
SELECT * FROM ledger ORDER BY id;

-- a deferrable PRIMARY KEY is of no use to the direct path, and to nobody's harm
CREATE TABLE lazy (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, a text);
INSERT INTO lazy VALUES (1, 'a'), (2, 'b');
SELECT count(interlock.enable_versioning('lazy'));
SELECT put('lazy', 1, 1, '{"a": "x"}', false);
-- while two rows have the key and the version, neither is written
BEGIN;
INSERT INTO lazy VALUES (1, 'twin', 2);
SELECT put('lazy', 1, 2, '{"a": "y"}', false);
ROLLBACK;
SELECT * FROM lazy ORDER BY id;

SELECT (SELECT direct > 0 FROM interlock.write_paths()) = (current_setting('interlock.direct_writes') = 'auto') AS path;
DROP SCHEMA kinds_constraints CASCADE;
