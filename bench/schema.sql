-- What is measured: a table for each variant, all of one shape, and the functions that people write.
-- Everything is in the schema interlock_bench, which the search_path of each session names.

DROP SCHEMA IF EXISTS interlock_bench CASCADE;
CREATE SCHEMA interlock_bench;
CREATE EXTENSION IF NOT EXISTS interlock;

-- pgbench_accounts with a version. There is no autovacuum to fall upon one variant and not upon the others.
SELECT format('CREATE TABLE interlock_bench.%I (
    aid integer PRIMARY KEY,
    bid integer NOT NULL,
    abalance integer NOT NULL,
    filler char(84) NOT NULL,
    version bigint NOT NULL DEFAULT 1
) WITH (autovacuum_enabled = false)', variant)
FROM unnest(ARRAY['versioned_update', 'planner_path', 'hand_written', 'plpgsql_function', 'version_trigger',
                  'increment', 'echo', 'inline_bump', 'least_trigger', 'simplest_plpgsql', 'plpgsql_trigger']) AS variant
\gexec

SELECT interlock.enable_versioning(variant)
FROM unnest(ARRAY['versioned_update', 'planner_path', 'version_trigger', 'increment', 'echo']::regclass[]) AS variant;

-- The usual compare-and-set function: any table by its name, the changes as JSON.
CREATE FUNCTION cas_update(table_name text, key bigint, expected bigint, changes jsonb) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    assignments text;
    affected integer;
BEGIN
    SELECT string_agg(quote_ident(c.key) || ' = ' || quote_nullable(c.value), ', ')
    INTO assignments
    FROM jsonb_each_text(changes) AS c;
    EXECUTE format('UPDATE %I SET %s, version = version + 1 WHERE aid = $1 AND version = $2',
                   table_name, assignments)
    USING key, expected;
    GET DIAGNOSTICS affected = ROW_COUNT;
    IF affected = 0 THEN
        RAISE EXCEPTION 'row % of table % is not at version %', key, table_name, expected;
    END IF;
    RETURN expected + 1;
END
$$;

-- What interlock's trigger does for a table with the default settings, in PL/pgSQL.
CREATE FUNCTION judge_and_bump() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version NOT IN (OLD.version, OLD.version + 1) THEN
        RAISE EXCEPTION 'row % is at version %, not at %', OLD.aid, OLD.version, NEW.version;
    END IF;
    IF NEW.version = OLD.version AND NEW IS DISTINCT FROM OLD THEN
        NEW.version := OLD.version + 1;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER bump BEFORE UPDATE ON plpgsql_trigger FOR EACH ROW EXECUTE FUNCTION judge_and_bump();

-- The least that a versioning trigger in PL/pgSQL can do: it compares nothing and refuses nothing.
CREATE FUNCTION bump() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$$;
CREATE TRIGGER bump BEFORE UPDATE ON simplest_plpgsql FOR EACH ROW EXECUTE FUNCTION bump();

-- PostgreSQL's own trigger in C that does next to nothing: what it costs to have a row trigger at all.
CREATE TRIGGER least BEFORE UPDATE ON least_trigger
    FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();

-- Makes a table new: every row at version 1, and pages that have been updated for a while, so that all
-- updates are HOT. (A table that keeps a low fillfactor would be pruned at nearly every one.)
CREATE FUNCTION reset(variant text, row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('TRUNCATE %I', variant);
    EXECUTE format('ALTER TABLE %I SET (fillfactor = 40)', variant);
    EXECUTE format('INSERT INTO %I SELECT i, 1, 0, '''', 1 FROM generate_series(1, $1) AS i', variant)
    USING row_count;
    EXECUTE format('ALTER TABLE %I RESET (fillfactor)', variant);
END
$$;

-- How many updates a table has seen since then.
CREATE FUNCTION updates(variant text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    result bigint;
BEGIN
    EXECUTE format('SELECT sum(version - 1) FROM %I', variant) INTO result;
    RETURN result;
END
$$;

-- Every measurement: transactions a second and the microseconds that the backends worked for each, or,
-- without clients, microseconds per update in the server.
CREATE TABLE samples (
    workload text,
    variant text,
    clients integer,
    round integer,
    value float8,
    server_time float8
);
