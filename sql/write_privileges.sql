-- A write runs as its caller: privileges, column grants and policies decide, and nothing that they hide is told or can be found out.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null '(null)'
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_alice, regress_bob, regress_boss;
CREATE ROLE regress_alice;
CREATE ROLE regress_bob;
CREATE ROLE regress_boss;
CREATE SCHEMA write_privileges;
SET search_path = write_privileges;
GRANT USAGE ON SCHEMA write_privileges TO regress_alice, regress_bob, regress_boss;

-- What a caller is told: the outcome and all that comes with it, or the error with all its fields.
CREATE FUNCTION told(rel regclass, key anycompatible, expected bigint, changes jsonb, base jsonb DEFAULT NULL) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    r interlock.write_result;
    message text; detail text; hint text; c text;
BEGIN
    r := interlock.try_versioned_update(rel, key, expected, changes, base);
    RETURN NEXT concat_ws(' | ', r.status, r.version, 'current ' || r.current::text, 'conflicts ' || r.conflicts::text);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, c = COLUMN_NAME;
    RETURN NEXT concat_ws(' | ', SQLSTATE, message, nullif(detail, ''), nullif(c, ''));
END $$;
-- The same of the raising form.
CREATE FUNCTION raised(rel regclass, key anycompatible, expected bigint, changes jsonb) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    message text; detail text; c text;
BEGIN
    RETURN NEXT interlock.versioned_update(rel, key, expected, changes)::text;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, c = COLUMN_NAME;
    RETURN NEXT concat_ws(' | ', SQLSTATE, message, nullif(detail, ''), nullif(c, ''));
END $$;

-- TABLE PRIVILEGES: SELECT and UPDATE, both
CREATE TABLE plain (id integer PRIMARY KEY, a text);
INSERT INTO plain VALUES (1, 'a');
SELECT interlock.enable_versioning('plain');
SET ROLE regress_alice;
SELECT told('plain', 1, 1, '{"a": "b"}');
RESET ROLE;
GRANT UPDATE ON plain TO regress_alice;
SET ROLE regress_alice;
SELECT told('plain', 1, 1, '{"a": "b"}');
SELECT told('plain', 1, 9, '{"a": "b"}');
SELECT told('plain', 9, 9, '{"a": "b"}');
RESET ROLE;
GRANT SELECT ON plain TO regress_alice;
SET ROLE regress_alice;
SELECT told('plain', 1, 1, '{"a": "b"}');
RESET ROLE;
REVOKE UPDATE ON plain FROM regress_alice;
SET ROLE regress_alice;
SELECT told('plain', 1, 2, '{"a": "c"}');
-- without the right to write there is no verifying either, changed or not, there or not
SELECT told('plain', 1, 2, '{"a": "b"}');
SELECT told('plain', 1, 2, '{}');
SELECT told('plain', 9, 2, '{}');
RESET ROLE;

-- COLUMN GRANTS: one may see name and write name and note
CREATE TABLE staff (id integer PRIMARY KEY, name text, salary integer, note text, version bigint NOT NULL DEFAULT 1, hidden text);
INSERT INTO staff VALUES (1, 'ann', 5000, 'private', 1, 'x'), (2, 'bob', 6000, 'private', 1, 'x');
SELECT interlock.enable_versioning('staff');
GRANT SELECT (id, name, version), UPDATE (name, note) ON staff TO regress_alice;
SET ROLE regress_alice;
SELECT told('staff', 1, 1, '{"name": "anna"}');
SELECT raised('staff', 1, 2, '{"name": "ann"}');
-- 42501 for one column among others, and nothing of it is written
SELECT told('staff', 1, 3, '{"salary": 1}');
SELECT told('staff', 1, 3, '{"name": "x", "salary": 1}');
SELECT told('staff', 1, 9, '{"name": "x", "salary": 1}');
-- what is told of a row leaves out what may not be seen, the conflicts too
SELECT told('staff', 1, 1, '{"name": "x", "note": "guess"}');
SELECT told('staff', 1, 1, '{"name": "x", "note": "private"}', '{"name": "ann", "note": "private", "salary": 5000}');
SELECT told('staff', 1, 1, '{"note": "private"}');
SELECT raised('staff', 1, 1, '{"note": "private"}');
-- a column that may be seen is compared
SELECT told('staff', 1, 3, '{"name": "ann"}');
-- one that may be written but not seen is not: a right guess and a wrong one look the same
SELECT told('staff', 1, 3, '{"note": "private"}');
SELECT told('staff', 2, 1, '{"note": "wrong guess"}');
SELECT raised('staff', 1, 4, '{"name": "ann", "note": "private"}'), raised('staff', 2, 2, '{"name": "bob", "note": "another wrong guess"}');
-- some column may be written, so the version may be verified
SELECT told('staff', 1, 5, '{}');
SELECT told('staff', 1, 4, '{}');
-- what cannot be converted is about the caller's value
SELECT told('staff', 1, 5, '{"salary": "x"}');
RESET ROLE;
SELECT * FROM staff ORDER BY id;

-- the same with a snapshot of her own, whose row is locked to see that it is the newest
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL ROLE regress_alice;
SELECT told('staff', 1, 5, '{"name": "anne"}');
SELECT told('staff', 1, 5, '{"note": "guess"}');
SELECT told('staff', 1, 6, '{}');
SELECT told('staff', 1, 6, '{"name": "anne"}');
ROLLBACK;

-- without sight of the version nothing can be verified: 42501, and the version is not told
REVOKE SELECT (version) ON staff FROM regress_alice;
SET ROLE regress_alice;
SELECT told('staff', 1, 5, '{"name": "x"}');
SELECT told('staff', 1, 1, '{"name": "x"}');
SELECT raised('staff', 1, 1, '{"name": "x"}');
SELECT told('staff', 1, 5, '{}');
SELECT told('staff', 1, 1, '{}');
SELECT raised('staff', 1, 1, '{}');
RESET ROLE;
-- nor without sight of the key
REVOKE SELECT ON staff FROM regress_alice;
GRANT SELECT (name, version) ON staff TO regress_alice;
SET ROLE regress_alice;
SELECT told('staff', 1, 5, '{"name": "x"}');
SELECT told('staff', 1, 5, '{}');
SELECT told('staff', 9, 5, '{}');
RESET ROLE;
-- sight of the whole table, and one column to write
GRANT SELECT ON staff TO regress_alice;
REVOKE UPDATE ON staff FROM regress_alice;
GRANT UPDATE (salary) ON staff TO regress_alice;
SET ROLE regress_alice;
SELECT told('staff', 1, 5, '{"salary": 5001}');
SELECT told('staff', 1, 6, '{"salary": 5001}');
SELECT told('staff', 1, 6, '{"name": "x"}');
SELECT told('staff', 1, 5, '{"salary": 1}');
RESET ROLE;
-- the version column need not be writable, and its being so is of no use
SELECT version FROM staff WHERE id = 1;
GRANT UPDATE (version) ON staff TO regress_alice;
SET ROLE regress_alice;
SELECT told('staff', 1, 6, '{"version": 1}');
RESET ROLE;

-- ROW-LEVEL SECURITY: alice sees her own and the shared, and may write her own
CREATE TABLE doc (id integer PRIMARY KEY, owner name, shared boolean, title text);
INSERT INTO doc VALUES (1, 'regress_alice', false, 'hers'), (2, 'regress_bob', true, 'shared'), (3, 'regress_bob', false, 'SECRET');
SELECT interlock.enable_versioning('doc');
GRANT SELECT, UPDATE ON doc TO regress_alice, regress_bob;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON doc FOR SELECT USING (owner = current_user OR shared);
CREATE POLICY write ON doc FOR UPDATE USING (owner = current_user) WITH CHECK (owner = current_user);
SET ROLE regress_alice;
SELECT told('doc', 1, 1, '{"title": "mine"}');
SELECT told('doc', 1, 1, '{"title": "stale"}');
-- visible, not hers to write: rejected, unless it is stale
SELECT told('doc', 2, 1, '{"title": "mine"}');
SELECT raised('doc', 2, 1, '{"title": "mine"}');
SELECT told('doc', 2, 9, '{"title": "mine"}');
SELECT raised('doc', 2, 9, '{"title": "mine"}');
SELECT told('doc', 2, 1, '{}');
-- invisible: missing at every version, whatever is sent, told in the words used for a row that is not there
SELECT told('doc', 3, 1, '{"title": "mine"}'), told('doc', 99, 1, '{"title": "mine"}');
SELECT raised('doc', 3, 1, '{"title": "mine"}');
SELECT raised('doc', 99, 1, '{"title": "mine"}');
SELECT told('doc', 3, 9, '{"title": "mine"}'), told('doc', 3, 1, '{"title": "SECRET"}'), told('doc', 3, 1, '{}'), told('doc', 3, 9, '{}', '{"title": "SECRET"}');
-- a row that it would no longer be hers to write or see: PostgreSQL's own 42501, without the row
SELECT told('doc', 1, 2, '{"owner": "regress_bob"}');
SELECT raised('doc', 1, 2, '{"owner": "regress_bob", "shared": true}');
RESET ROLE;
-- the other one's view of the same, in the same session
SET ROLE regress_bob;
SELECT told('doc', 1, 2, '{"title": "x"}');
SELECT told('doc', 3, 1, '{"title": "bob''s"}');
SELECT raised('doc', 2, 1, '{"title": "bob''s"}');
RESET ROLE;
SELECT * FROM doc ORDER BY id;
-- a policy that lets her write what she cannot see is of no use
CREATE POLICY write_all ON doc FOR UPDATE USING (true);
SET ROLE regress_alice;
SELECT told('doc', 3, 2, '{"title": "blind"}');
SELECT told('doc', 2, 2, '{"title": "now she may"}');
RESET ROLE;
DROP POLICY write_all ON doc;
-- with a snapshot of her own
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL ROLE regress_alice;
SELECT told('doc', 2, 3, '{"title": "mine"}');
SELECT told('doc', 2, 1, '{}');
SELECT told('doc', 3, 1, '{"title": "x"}'), told('doc', 3, 2, '{}');
COMMIT;
-- a restrictive policy on top
CREATE POLICY unlocked ON doc AS RESTRICTIVE FOR UPDATE USING (title <> 'locked');
SET ROLE regress_alice;
SELECT told('doc', 1, 2, '{"title": "open"}');
RESET ROLE;
UPDATE doc SET title = 'locked' WHERE id = 1;
SET ROLE regress_alice;
SELECT told('doc', 1, 4, '{"title": "open"}');
SELECT told('doc', 1, 3, '{"title": "open"}');
-- policies switched off by someone whom they bind
SET row_security = off;
SELECT told('doc', 1, 4, '{"title": "open"}');
RESET row_security;
RESET ROLE;
-- no policy at all: nothing is there
DROP POLICY see ON doc;
DROP POLICY write ON doc;
SET ROLE regress_alice;
SELECT told('doc', 1, 4, '{"title": "open"}');
RESET ROLE;
-- the owner is bound where he asked for it
ALTER TABLE doc OWNER TO regress_boss;
SET ROLE regress_boss;
SELECT told('doc', 1, 4, '{"title": "owner"}');
ALTER TABLE doc FORCE ROW LEVEL SECURITY;
SELECT told('doc', 1, 5, '{"title": "owner again"}');
RESET ROLE;
SELECT told('doc', 1, 5, '{"title": "superuser"}');
-- column grants on top of policies
CREATE POLICY see ON doc FOR SELECT USING (shared);
CREATE POLICY write ON doc FOR UPDATE USING (shared);
REVOKE ALL ON doc FROM regress_alice;
GRANT SELECT (id, version), UPDATE (title) ON doc TO regress_alice;
SET ROLE regress_alice;
SELECT told('doc', 2, 1, '{"title": "x"}');
SELECT told('doc', 1, 1, '{"title": "x"}');
RESET ROLE;

-- a policy's function is asked before anything of the row is compared: it never sees what became of a hidden row
CREATE TABLE probed (id integer PRIMARY KEY, a text, hidden boolean);
INSERT INTO probed VALUES (1, 'a', false), (2, 'a', true);
SELECT interlock.enable_versioning('probed');
ALTER TABLE probed ENABLE ROW LEVEL SECURITY;
GRANT SELECT, UPDATE ON probed TO regress_alice;
CREATE FUNCTION may_see(hidden boolean) RETURNS boolean LANGUAGE plpgsql COST 100000 AS $$ BEGIN RETURN NOT hidden; END $$;
CREATE POLICY slow ON probed USING (may_see(hidden));
SET ROLE regress_alice;
SELECT told('probed', 1, 1, '{"a": "a"}'), told('probed', 2, 1, '{"a": "a"}'), told('probed', 2, 1, '{"a": "b"}'), told('probed', 2, 9, '{"a": "b"}');
SELECT told('probed', 1, 1, '{"a": "b"}');
RESET ROLE;

-- INHERITED TABLES: the rights are those on the table that was named
CREATE TABLE part (id integer PRIMARY KEY, a text) PARTITION BY RANGE (id);
CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (10);
INSERT INTO part VALUES (1, 'a'), (2, 'SECRET');
SELECT interlock.enable_versioning('part');
GRANT SELECT, UPDATE ON part TO regress_alice;
ALTER TABLE part ENABLE ROW LEVEL SECURITY;
CREATE POLICY odd ON part USING (id % 2 = 1);
SET ROLE regress_alice;
SELECT told('part', 1, 1, '{"a": "b"}'), told('part', 1, 1, '{"a": "c"}'), told('part', 2, 1, '{"a": "b"}');
SELECT told('part_low', 1, 2, '{"a": "c"}');
SELECT raised('part', 1, 1, '{"a": "c"}');
RESET ROLE;

-- SECURITY DEFINER: the rights are the definer's inside, the caller's outside, in whatever order
CREATE TABLE guarded (id integer PRIMARY KEY, a text, secret text);
INSERT INTO guarded VALUES (1, 'a', 'SECRET');
SELECT interlock.enable_versioning('guarded');
GRANT SELECT (id, a, version), UPDATE (a) ON guarded TO regress_boss;
CREATE FUNCTION as_boss(expected bigint, changes jsonb) RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS $$ SELECT write_privileges.told('write_privileges.guarded', 1, expected, changes) $$;
ALTER FUNCTION as_boss OWNER TO regress_boss;
SET ROLE regress_alice;
SELECT told('guarded', 1, 1, '{"a": "b"}');
SELECT as_boss(1, '{"a": "b"}');
SELECT told('guarded', 1, 2, '{"a": "c"}');
SELECT as_boss(1, '{"a": "c"}');
SELECT as_boss(2, '{"secret": "c"}');
RESET ROLE;
SELECT as_boss(2, '{"secret": "c"}');
SELECT told('guarded', 1, 1, '{"secret": "c"}');
SELECT told('guarded', 1, 2, '{"secret": "c"}');

-- NO USAGE of the schema: the number of the table is of no use
CREATE SCHEMA closed_schema;
CREATE TABLE closed_schema.inner_table (id integer PRIMARY KEY, a text);
INSERT INTO closed_schema.inner_table VALUES (1, 'SECRET');
SELECT interlock.enable_versioning('closed_schema.inner_table');
GRANT SELECT, UPDATE ON closed_schema.inner_table TO regress_alice;
CREATE TABLE numbers AS SELECT 'closed_schema.inner_table'::regclass::oid AS oid;
GRANT SELECT ON numbers TO regress_alice;
SET ROLE regress_alice;
SELECT told(oid::regclass, 1, 1, '{"a": "b"}') FROM numbers;
SELECT told(oid::regclass, 1, 9, '{"a": "b"}') FROM numbers;
SELECT told(oid::regclass, 1, 9, '{}') FROM numbers;
RESET ROLE;

-- THE HELPER of our statements is of use to nobody else: 0A000
CREATE FUNCTION probe(VARIADIC integer[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN interlock.write_probe(1, ROW($1[1]));
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
\set VERBOSITY sqlstate
SELECT interlock.write_probe(1, ROW(1));
SELECT interlock.write_probe(1, NULL);
SELECT * FROM plain WHERE interlock.write_probe(1, ROW(id));
UPDATE plain SET a = 'x' WHERE interlock.write_probe(1, ROW(id));
\set VERBOSITY default
SELECT probe(1, 2);
-- not in a trigger of one of our writes, before or after it, either
CREATE TABLE spied (id integer PRIMARY KEY, a text, seen text);
INSERT INTO spied SELECT n, 'a' FROM generate_series(1, 9) AS n;
SELECT interlock.enable_versioning('spied');
GRANT SELECT, UPDATE ON spied TO regress_alice;
CREATE TABLE log (n serial, seen text);
GRANT ALL ON log, log_n_seq TO regress_alice;
CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log (seen) VALUES (TG_WHEN || ' ' || TG_LEVEL || ': ' || probe(1, 1));
    RETURN NEW;
END $$;
CREATE TRIGGER a BEFORE UPDATE ON spied FOR EACH ROW EXECUTE FUNCTION spy();
CREATE TRIGGER b AFTER UPDATE ON spied FOR EACH ROW EXECUTE FUNCTION spy();
CREATE TRIGGER c BEFORE UPDATE ON spied FOR EACH STATEMENT EXECUTE FUNCTION spy();
SELECT told('spied', 1, 1, '{"a": "b"}');
SELECT seen FROM log ORDER BY n;
DROP TRIGGER a ON spied;
DROP TRIGGER b ON spied;
DROP TRIGGER c ON spied;
TRUNCATE log;
-- nor where the trigger does not catch it
CREATE FUNCTION clumsy_spy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM interlock.write_probe(1, ROW(NEW.*)); RETURN NEW; END $$;
CREATE TRIGGER a BEFORE UPDATE ON spied FOR EACH ROW EXECUTE FUNCTION clumsy_spy();
SELECT told('spied', 2, 1, '{"a": "b"}');
DROP TRIGGER a ON spied;
-- nor in a constraint's function
CREATE FUNCTION checked(a text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log (seen) VALUES ('check: ' || probe(1, 1)); RETURN true; END $$;
ALTER TABLE spied ADD CONSTRAINT spy CHECK (checked(a)) NOT VALID;
SELECT told('spied', 3, 1, '{"a": "b"}');
SELECT seen FROM log ORDER BY n;
ALTER TABLE spied DROP CONSTRAINT spy;
TRUNCATE log;
-- nor in a policy's function, which must not change what is told either
CREATE FUNCTION policy_spy(id integer, x integer, y integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log (seen) VALUES ('policy: ' || probe(x, y));
    RETURN id < 6;
END $$;
ALTER TABLE spied ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON spied FOR SELECT USING (true);
CREATE POLICY write ON spied FOR UPDATE USING (policy_spy(id, 1, 1));
SET ROLE regress_alice;
SELECT told('spied', 4, 1, '{"a": "b"}'), told('spied', 6, 1, '{"a": "b"}'), told('spied', 5, 1, '{"a": "a"}');
SELECT DISTINCT seen FROM log;
RESET ROLE;
TRUNCATE log;
DROP POLICY write ON spied;
CREATE POLICY write ON spied FOR UPDATE USING (policy_spy(id, 1, 2));
SET ROLE regress_alice;
SELECT told('spied', 5, 1, '{"a": "b"}'), told('spied', 6, 1, '{"a": "b"}'), told('spied', 5, 2, '{"a": "b"}');
SELECT DISTINCT seen FROM log;
RESET ROLE;
TRUNCATE log;
-- nor as the policy itself
DROP POLICY write ON spied;
CREATE POLICY write ON spied FOR UPDATE USING (interlock.write_probe(1, ROW(1)));
SET ROLE regress_alice;
SELECT told('spied', 7, 1, '{"a": "b"}');
RESET ROLE;
-- a policy's function may write by version itself, and its plain UPDATE is not taken for our write
CREATE TABLE required (id integer PRIMARY KEY, a text);
INSERT INTO required VALUES (1, 'a');
SELECT interlock.enable_versioning('required', accept => 'echo', require_version => true);
GRANT SELECT, UPDATE ON required TO regress_alice;
CREATE FUNCTION plain_policy() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN UPDATE required SET a = a || '!'; RETURN true; END $$;
CREATE FUNCTION writing_policy() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM interlock.versioned_update('required', 1, version, jsonb_build_object('a', version)) FROM required; RETURN true; END $$;
DROP POLICY write ON spied;
CREATE POLICY write ON spied FOR UPDATE USING (plain_policy()) WITH CHECK (true);
SET ROLE regress_alice;
SELECT told('spied', 8, 1, '{"a": "b"}');
RESET ROLE;
SELECT s.a, s.version, r.a, r.version FROM spied AS s, required AS r WHERE s.id = 8;
DROP POLICY write ON spied;
CREATE POLICY write ON spied FOR UPDATE USING (writing_policy()) WITH CHECK (true);
SET ROLE regress_alice;
SELECT told('spied', 8, 1, '{"a": "b"}');
RESET ROLE;
SELECT s.a, s.version, r.a, r.version FROM spied AS s, required AS r WHERE s.id = 8;

-- a key type whose own comparison is dear and may not be trusted with rows that a policy hides: the rows beside ours are not taken for it
CREATE TYPE tag AS (n integer);
CREATE FUNCTION tag_cmp(tag, tag) RETURNS integer LANGUAGE plpgsql IMMUTABLE COST 10000 AS $$ BEGIN RETURN sign($1.n - $2.n); END $$;
CREATE FUNCTION tag_lt(tag, tag) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 10000 AS $$ BEGIN RETURN $1.n < $2.n; END $$;
CREATE FUNCTION tag_le(tag, tag) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 10000 AS $$ BEGIN RETURN $1.n <= $2.n; END $$;
CREATE FUNCTION tag_eq(tag, tag) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 10000 AS $$ BEGIN RETURN $1.n = $2.n; END $$;
CREATE FUNCTION tag_ge(tag, tag) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 10000 AS $$ BEGIN RETURN $1.n >= $2.n; END $$;
CREATE FUNCTION tag_gt(tag, tag) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 10000 AS $$ BEGIN RETURN $1.n > $2.n; END $$;
CREATE OPERATOR <<< (FUNCTION = tag_lt, LEFTARG = tag, RIGHTARG = tag);
CREATE OPERATOR <<== (FUNCTION = tag_le, LEFTARG = tag, RIGHTARG = tag);
CREATE OPERATOR === (FUNCTION = tag_eq, LEFTARG = tag, RIGHTARG = tag, COMMUTATOR = ===);
CREATE OPERATOR >>== (FUNCTION = tag_ge, LEFTARG = tag, RIGHTARG = tag);
CREATE OPERATOR >>> (FUNCTION = tag_gt, LEFTARG = tag, RIGHTARG = tag);
CREATE OPERATOR CLASS tag_ops DEFAULT FOR TYPE tag USING btree AS OPERATOR 1 <<<, OPERATOR 2 <<==, OPERATOR 3 ===, OPERATOR 4 >>==, OPERATOR 5 >>>, FUNCTION 1 tag_cmp(tag, tag);
CREATE TABLE tagged (id tag PRIMARY KEY, a text);
INSERT INTO tagged VALUES (ROW(1), 'a'), (ROW(2), 'b'), (ROW(3), 'c'), (ROW(4), 'a');
SELECT interlock.enable_versioning('tagged');
GRANT SELECT, UPDATE ON tagged TO regress_alice;
ALTER TABLE tagged ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON tagged FOR SELECT USING ((id).n < 9);
CREATE POLICY write ON tagged FOR UPDATE USING ((id).n <> 2);
SET ROLE regress_alice;
SELECT told('tagged', ROW(1)::tag, 1, '{"a": "c"}'), told('tagged', ROW(2)::tag, 1, '{"a": "a"}'), told('tagged', ROW(5)::tag, 1, '{"a": "a"}'),
       told('tagged', ROW(3)::tag, 1, '{"a": "c"}');
RESET ROLE;

DROP SCHEMA write_privileges, closed_schema CASCADE;
DROP ROLE regress_alice, regress_bob, regress_boss;
