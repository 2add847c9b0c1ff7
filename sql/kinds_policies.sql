-- Row-level security by command, column grants and rules: a write by version is an UPDATE that also reads, and plain SQL on a versioned table is judged behind them.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_kinds_writer, regress_kinds_owner;
CREATE ROLE regress_kinds_writer;
CREATE ROLE regress_kinds_owner;
CREATE SCHEMA kinds_policies;
SET search_path = kinds_policies;
GRANT USAGE, CREATE ON SCHEMA kinds_policies TO regress_kinds_writer, regress_kinds_owner;

-- What a statement comes to: what it returns, if it returns, or its SQLSTATE and message.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    rows bigint;
BEGIN
    IF statement ~ 'RETURNING' THEN
        EXECUTE statement INTO result;
        RETURN coalesce(result, 'no row');
    END IF;
    EXECUTE statement;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN rows || ' rows';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE FUNCTION put(rel regclass, key anycompatible, expected bigint, changes jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r interlock.write_result;
BEGIN
    r := interlock.try_versioned_update(rel, key, expected, changes);
    RETURN concat_ws(' ', r.status, r.version, r.current::text);
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- POLICIES by command: SELECT and UPDATE ones bind a write by version, INSERT and DELETE ones do not
CREATE TABLE doc (id integer PRIMARY KEY, owner name DEFAULT current_user, state text, title text);
INSERT INTO doc VALUES (1, 'regress_kinds_writer', 'open', 'a'), (2, 'regress_kinds_writer', 'closed', 'b'), (3, 'regress_kinds_owner', 'open', 'c'), (4, 'regress_kinds_owner', 'secret', 'd');
SELECT interlock.enable_versioning('doc', accept => 'echo') \gset
GRANT ALL ON doc TO regress_kinds_writer;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON doc FOR SELECT USING (state <> 'secret');
CREATE POLICY add ON doc FOR INSERT WITH CHECK (owner = current_user);
CREATE POLICY change ON doc FOR UPDATE USING (owner = current_user AND state = 'open') WITH CHECK (owner = current_user AND state <> 'forbidden');
CREATE POLICY remove ON doc FOR DELETE USING (state = 'closed');
SET ROLE regress_kinds_writer;
SELECT put('doc', 1, 1, '{"title": "mine"}');
SELECT put('doc', 2, 1, '{"title": "mine"}');
SELECT put('doc', 3, 1, '{"title": "mine"}');
SELECT put('doc', 4, 1, '{"title": "mine"}');
SELECT put('doc', 3, 7, '{"title": "mine"}');
-- WITH CHECK of the UPDATE policy, and the new row must be one that may be seen
SELECT put('doc', 1, 2, '{"state": "forbidden"}');
SELECT put('doc', 1, 2, '{"owner": "regress_kinds_owner"}');
SELECT put('doc', 1, 2, '{"state": "secret"}');
SELECT put('doc', 1, 2, '{"state": "open", "title": "again"}');
-- plain SQL on the same table: each command by its policy, and then by its version
SELECT outcome($$INSERT INTO doc (id, state) VALUES (5, 'open') RETURNING version$$);
SELECT outcome($$INSERT INTO doc (id, owner, state) VALUES (6, 'regress_kinds_owner', 'open') RETURNING version$$);
SELECT outcome($$UPDATE doc SET title = 'x', version = 3 WHERE id = 1 RETURNING version$$);
SELECT outcome($$UPDATE doc SET title = 'x', version = 1 WHERE id = 2 RETURNING version$$);
SELECT outcome($$UPDATE doc SET state = 'forbidden', version = 4 WHERE id = 1 RETURNING version$$);
SELECT outcome($$DELETE FROM doc WHERE id = 1 RETURNING version$$);
SELECT outcome($$DELETE FROM doc WHERE id = 2 RETURNING version$$);
-- a stale version is found before the policy's check of the new row, a hidden row before everything
SELECT outcome($$UPDATE doc SET state = 'forbidden', version = 1 WHERE id = 1 RETURNING version$$) LIKE 'IL001%' AS stale;
SELECT outcome($$UPDATE doc SET title = 'x', version = 9 WHERE id = 4 RETURNING version$$);
-- ON CONFLICT: the policies of INSERT, SELECT and UPDATE, then the version
SELECT outcome($$INSERT INTO doc (id, state, title, version) VALUES (1, 'open', 'up', 4) ON CONFLICT (id) DO UPDATE SET title = excluded.title, version = excluded.version RETURNING version$$);
SELECT outcome($$INSERT INTO doc (id, state, title, version) VALUES (1, 'open', 'up', 4) ON CONFLICT (id) DO UPDATE SET title = excluded.title, version = excluded.version RETURNING version$$) LIKE 'IL001%' AS stale;
SELECT outcome($$INSERT INTO doc (id, state, title, version) VALUES (3, 'open', 'up', 1) ON CONFLICT (id) DO UPDATE SET title = excluded.title, version = excluded.version RETURNING version$$) LIKE '42501%' AS refused;
-- MERGE: the same, branch by branch
SELECT outcome($$MERGE INTO doc USING (VALUES (1, 'm', 5), (7, 'm', 1)) AS s (id, title, version) ON doc.id = s.id WHEN MATCHED THEN UPDATE SET title = s.title, version = s.version WHEN NOT MATCHED THEN INSERT (id, state, title) VALUES (s.id, 'open', s.title)$$);
SELECT outcome($$MERGE INTO doc USING (VALUES (1, 'm', 5)) AS s (id, title, version) ON doc.id = s.id WHEN MATCHED THEN UPDATE SET title = s.title, version = s.version$$) LIKE 'IL001%' AS stale;
SELECT outcome($$MERGE INTO doc USING (VALUES (3, 'm', 1)) AS s (id, title, version) ON doc.id = s.id WHEN MATCHED THEN UPDATE SET title = s.title, version = s.version$$) LIKE '42501%' AS refused;
RESET ROLE;
SELECT * FROM doc ORDER BY id;
-- a policy about the version: USING sees the version before, WITH CHECK the one after
CREATE POLICY young ON doc AS RESTRICTIVE FOR UPDATE USING (version < 8) WITH CHECK (version < 8);
SET ROLE regress_kinds_writer;
SELECT put('doc', 1, 6, '{"title": "seven"}');
SELECT put('doc', 1, 7, '{"title": "eight"}');
RESET ROLE;
DROP POLICY young ON doc;
-- a policy with a subquery on another table; on a column that the caller may not select
CREATE TABLE team (member name, doc integer);
INSERT INTO team VALUES ('regress_kinds_writer', 3);
GRANT SELECT ON team TO regress_kinds_writer;
CREATE POLICY shared ON doc FOR UPDATE USING (EXISTS (SELECT FROM team WHERE member = current_user AND doc = doc.id));
SET ROLE regress_kinds_writer;
SELECT put('doc', 3, 1, '{"title": "shared"}');
RESET ROLE;
REVOKE SELECT ON doc FROM regress_kinds_writer;
GRANT SELECT (id, title, version) ON doc TO regress_kinds_writer;
SET ROLE regress_kinds_writer;
SELECT put('doc', 3, 2, '{"title": "by grant"}');
SELECT put('doc', 3, 2, '{"title": "late"}');
RESET ROLE;
-- whom policies do not bind: the owner, a role with BYPASSRLS
ALTER TABLE doc OWNER TO regress_kinds_owner;
ALTER ROLE regress_kinds_writer BYPASSRLS;
SET ROLE regress_kinds_owner;
SELECT put('doc', 4, 1, '{"title": "owner"}');
SET ROLE regress_kinds_writer;
SELECT put('doc', 4, 2, '{"title": "bypass"}');
RESET ROLE;
ALTER ROLE regress_kinds_writer NOBYPASSRLS;

-- COLUMN GRANTS beside triggers: what a BEFORE trigger writes needs no grant, what the caller names does; INSERT grants are no UPDATE grants
CREATE TABLE staff (id integer PRIMARY KEY, name text, salary integer, raised_at integer DEFAULT 0);
INSERT INTO staff VALUES (1, 'ann', 5000);
SELECT interlock.enable_versioning('staff') \gset
CREATE FUNCTION count_raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.raised_at := OLD.raised_at + 1; RETURN NEW; END $$;
CREATE TRIGGER count_raise BEFORE UPDATE ON staff FOR EACH ROW EXECUTE FUNCTION count_raise();
GRANT SELECT (id, name, version), INSERT, UPDATE (name) ON staff TO regress_kinds_writer;
SET ROLE regress_kinds_writer;
SELECT put('staff', 1, 1, '{"name": "anna"}');
SELECT put('staff', 1, 2, '{"name": "x", "raised_at": 7}');
SELECT put('staff', 1, 1, '{"name": "x"}');
SELECT outcome($$UPDATE staff SET name = 'y', version = 2 WHERE id = 1$$);
RESET ROLE;
GRANT UPDATE (version) ON staff TO regress_kinds_writer;
SET ROLE regress_kinds_writer;
SELECT outcome($$UPDATE staff SET name = 'y', version = 2 WHERE id = 1 RETURNING version$$);
RESET ROLE;
SELECT * FROM staff;
-- none; then a group's grant and PUBLIC's
CREATE ROLE regress_kinds_group;
GRANT regress_kinds_group TO regress_kinds_writer;
REVOKE ALL ON staff FROM regress_kinds_writer;
REVOKE ALL (id, name, version) ON staff FROM regress_kinds_writer;
SET ROLE regress_kinds_writer;
SELECT put('staff', 1, 3, '{"name": "z"}');
RESET ROLE;
GRANT SELECT ON staff TO regress_kinds_group;
GRANT UPDATE (name) ON staff TO PUBLIC;
SET ROLE regress_kinds_writer;
SELECT put('staff', 1, 3, '{"name": "z"}');
RESET ROLE;

-- RULES: ALSO does something besides; INSTEAD NOTHING, conditional or not, swallows the write, which is rejected then
CREATE TABLE ruled (id integer PRIMARY KEY, a text, locked boolean DEFAULT false);
CREATE TABLE audit (n integer GENERATED ALWAYS AS IDENTITY, line text);
INSERT INTO ruled VALUES (1, 'a', false), (2, 'b', true);
SELECT interlock.enable_versioning('ruled') \gset
CREATE RULE also AS ON UPDATE TO ruled DO ALSO INSERT INTO audit (line) VALUES (format('%s %s: %s became %s', OLD.id, OLD.version, OLD.a, NEW.a));
SELECT put('ruled', 1, 1, '{"a": "x"}');
SELECT count(*) AS lines FROM audit;
SELECT put('ruled', 1, 1, '{"a": "y"}');
CREATE RULE guard AS ON UPDATE TO ruled WHERE OLD.locked DO INSTEAD NOTHING;
SELECT put('ruled', 2, 1, '{"a": "x"}');
SELECT put('ruled', 2, 9, '{"a": "x"}');
SELECT put('ruled', 1, 2, '{"a": "z"}');
SELECT outcome($$UPDATE ruled SET a = 'plain', version = 1 WHERE id = 2$$);
SELECT outcome($$UPDATE ruled SET a = 'plain', version = 3 WHERE id = 1$$);
SELECT * FROM ruled ORDER BY id;
DROP RULE guard ON ruled;
DROP RULE also ON ruled;
-- other commands' rules are none of an update's business, but the planner path's
CREATE RULE no_delete AS ON DELETE TO ruled DO INSTEAD NOTHING;
CREATE RULE no_insert AS ON INSERT TO ruled DO INSTEAD NOTHING;
SELECT put('ruled', 1, 4, '{"a": "w"}');
DROP RULE no_delete ON ruled;
DROP RULE no_insert ON ruled;
-- nothing at all, instead: rejected
CREATE RULE nothing AS ON UPDATE TO ruled DO INSTEAD NOTHING;
SELECT put('ruled', 1, 5, '{"a": "v"}');
SELECT outcome($$UPDATE ruled SET a = 'v', version = 5 WHERE id = 1$$);
SELECT * FROM ruled ORDER BY id;
DROP RULE nothing ON ruled;
-- something else, instead: the row is as it was, so that is rejected, too; what the rule did is done by the telling form, and undone by the error
CREATE RULE note AS ON UPDATE TO ruled DO INSTEAD INSERT INTO audit (line) VALUES (format('%s would become %s', OLD.a, NEW.a));
CREATE TABLE mirror AS TABLE ruled;
TRUNCATE audit;
SELECT put('ruled', 1, 5, '{"a": "t"}');
SELECT outcome($$SELECT interlock.versioned_update('ruled', 1, 5, '{"a": "t"}')$$);
SELECT line FROM audit;
DROP RULE note ON ruled;
CREATE RULE elsewhere AS ON UPDATE TO ruled DO INSTEAD UPDATE mirror SET a = NEW.a, version = version + 1 WHERE id = OLD.id;
SELECT put('ruled', 1, 5, '{"a": "s"}');
SELECT a, version FROM mirror WHERE id = 1;
SELECT a, version FROM ruled WHERE id = 1;
DROP RULE elsewhere ON ruled;
-- a disabled rule is no rule
CREATE RULE nothing AS ON UPDATE TO ruled DO INSTEAD NOTHING;
ALTER TABLE ruled DISABLE RULE nothing;
SELECT put('ruled', 1, 5, '{"a": "u"}');
DROP RULE nothing ON ruled;

DROP SCHEMA kinds_policies CASCADE;
DROP ROLE regress_kinds_writer, regress_kinds_owner, regress_kinds_group;
