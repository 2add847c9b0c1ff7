-- Proves that a long session's memory does not grow with the locks it took, and that its count of them stays right.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
DROP ROLE IF EXISTS regress_member;
RESET client_min_messages;

CREATE ROLE regress_member;
SELECT interlock.create_lock_namespace('lasting', max_locks => 10);
SELECT interlock.create_lock_namespace('members', roles => '{regress_member}');

CREATE FUNCTION bytes(context text) RETURNS numeric LANGUAGE sql AS
    $$ SELECT sum(used_bytes) FROM pg_backend_memory_contexts WHERE name = context $$;
CREATE FUNCTION count_of(what text) RETURNS bigint LANGUAGE plpgsql AS
    $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM (' || what || ') AS x (y)' INTO n; RETURN n; END $$;

-- session locks that pg_advisory_unlock_all() dropped, as DISCARD ALL does, are not remembered for ever

SELECT interlock.advisory_session_lock('lasting', 0);
SELECT bytes('interlock session locks') AS before \gset
DO $$ BEGIN
    FOR i IN 1..2000 LOOP
        PERFORM interlock.advisory_session_lock('lasting', i);
        PERFORM pg_advisory_unlock_all();
    END LOOP;
END $$;
SELECT bytes('interlock session locks') - :before < 20000 AS few;

-- and are not taken off the count of those that it holds

SELECT pg_advisory_unlock_all();
SELECT count_of($$ SELECT interlock.advisory_session_lock('lasting', i) FROM generate_series(1, 10) AS i $$);
SELECT pg_advisory_unlock_all();
SELECT count_of($$ SELECT interlock.advisory_session_lock('lasting', i) FROM generate_series(11, 20) AS i $$);
SET client_min_messages = error;
SELECT count_of($$ SELECT interlock.advisory_session_unlock('lasting', i) FROM generate_series(1, 10) AS i $$);
RESET client_min_messages;
SELECT interlock.advisory_session_lock('lasting', 21);
SELECT interlock.advisory_session_unlock_all('lasting');

-- nor does it remember what it read to suggest a name

DO $$ BEGIN PERFORM interlock.advisory_xact_lock('member', 1); EXCEPTION WHEN undefined_object THEN END $$;
SELECT bytes('interlock lock namespaces') AS before \gset
DO $$ BEGIN
    FOR i IN 1..2000 LOOP
        BEGIN PERFORM interlock.advisory_xact_lock('member', 1); EXCEPTION WHEN undefined_object THEN END;
    END LOOP;
END $$;
SELECT bytes('interlock lock namespaces') - :before < 20000 AS few;

SELECT interlock.drop_lock_namespace('lasting');
SELECT interlock.drop_lock_namespace('members');
-- nor the statement that could not be planned

CREATE FUNCTION unplannable() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 1 / 0 > 0; END $$;
CREATE TABLE plannable (id integer PRIMARY KEY);
CREATE VIEW unplannable AS SELECT id FROM plannable WHERE unplannable();
DO $$ BEGIN
    FOR i IN 1..100 LOOP
        BEGIN PERFORM interlock.lock_row(NULL::unplannable, '{"id": 1}'); EXCEPTION WHEN division_by_zero THEN END;
    END LOOP;
END $$;
SELECT count(*) < 10 AS few FROM pg_backend_memory_contexts WHERE ident LIKE '%unplannable AS t%';

DROP VIEW unplannable;
DROP TABLE plannable;
DROP FUNCTION bytes, count_of, unplannable;
DROP ROLE regress_member;
