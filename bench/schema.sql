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
                  'increment', 'echo', 'inline_bump', 'least_trigger', 'simplest_plpgsql', 'plpgsql_trigger',
                  'try_versioned_update', 'update_then_select',
                  'versioned_update_many', 'recordset_update', 'single_calls', 'versioned_touch', 'touch_by_hand',
                  'versioned_check', 'select_for_share', 'versioned_delete', 'delete_by_hand',
                  'versioned_upsert', 'on_conflict', 'versioned_merge', 'merge_by_hand',
                  'compare_and_update', 'is_not_distinct']) AS variant
\gexec

SELECT interlock.enable_versioning(variant)
FROM unnest(ARRAY['versioned_update', 'planner_path', 'version_trigger', 'increment', 'echo', 'try_versioned_update',
                  'versioned_update_many', 'single_calls', 'versioned_touch', 'versioned_check', 'versioned_delete',
                  'versioned_upsert', 'versioned_merge', 'compare_and_update']::regclass[]) AS variant;

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

-- Before a round of loops, and not measured: those that delete or insert find what they need.
CREATE FUNCTION prepare(variant text, row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF variant IN ('versioned_delete', 'delete_by_hand') THEN
        PERFORM reset(variant, row_count);
    ELSIF variant IN ('versioned_upsert', 'on_conflict') THEN
        EXECUTE format('TRUNCATE %I', variant);
    END IF;
    PERFORM set_config('interlock_bench.position', '0', false);
END
$$;

-- What a client sends to write some of the rows, all of which are at one version, in one call.
CREATE FUNCTION batch(first integer, size integer, expected bigint) RETURNS text
LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_build_object('aid', key, 'version', expected, 'abalance', expected % 2))::text
    FROM generate_series(first, first + size - 1) AS key
$$;

-- The same for whole tables, made before they are needed.
CREATE TABLE batches (version bigint PRIMARY KEY, content jsonb);
ALTER TABLE batches ALTER content SET STORAGE EXTERNAL;
CREATE FUNCTION fill_batches(row_count integer, last_version integer) RETURNS void
LANGUAGE sql AS $$
    TRUNCATE batches;
    INSERT INTO batches SELECT version, batch(1, row_count, version)::jsonb FROM generate_series(1, last_version) AS version
$$;

-- How many updates a table has seen since then.
CREATE FUNCTION updates(variant text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    result bigint;
BEGIN
    EXECUTE format('SELECT coalesce(sum(version - 1), 0) FROM %I', variant) INTO result;
    RETURN result;
END
$$;

-- The rows that it has, and the updates that they have seen.
CREATE FUNCTION content(variant text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT count(*) || '' rows, '' || updates($1) || '' updates'' FROM %I', variant)
    INTO result USING variant;
    RETURN result;
END
$$;

-- Every measurement: transactions (of workload many_N: rows) a second and the microseconds that the
-- backends worked for each, or, without clients, microseconds per row in the server.
CREATE TABLE samples (
    workload text,
    variant text,
    clients integer,
    round integer,
    value float8,
    server_time float8
);
