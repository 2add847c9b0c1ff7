-- What bench/growth measures: for each dimension and size two tables (or two sets of them) of one shape,
-- `ours`, which is versioned, and `hand`; and two functions that update `count` rows of them, in scattered
-- order. All rows that are ever updated are at one version before and after.
-- Everything is in the schema interlock_bench, which the search_path of the session names.

DROP SCHEMA IF EXISTS interlock_bench CASCADE;
CREATE SCHEMA interlock_bench;
CREATE EXTENSION IF NOT EXISTS interlock;

CREATE TABLE samples (dimension text, size integer, round integer, ours float8, hand float8);

-- The table of one side; with `parts`, by hash in that many partitions.
CREATE FUNCTION create_table(name text, row_count integer, column_count integer, parts integer, versioned boolean)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (id integer PRIMARY KEY, version bigint NOT NULL DEFAULT 1, balance integer NOT NULL %s)%s',
                   name,
                   (SELECT string_agg(format(', c%s integer NOT NULL DEFAULT %1$s', i), '')
                    FROM generate_series(4, column_count) AS i),
                   CASE WHEN parts > 0 THEN ' PARTITION BY HASH (id)'
                        ELSE ' WITH (fillfactor = 40, autovacuum_enabled = false)' END);
    FOR part IN 0..parts - 1 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES WITH (MODULUS %s, REMAINDER %s) WITH (fillfactor = 40, autovacuum_enabled = false)',
                       name || '_' || part, name, parts, part);
    END LOOP;
    IF versioned THEN
        PERFORM interlock.enable_versioning(name::regclass);
    END IF;
    EXECUTE format('INSERT INTO %I (id, balance) SELECT i, 0 FROM generate_series(1, $1) AS i', name) USING row_count;
END
$$;

-- The body of a loop over one table or, in turn, over many; each statement is static and has its own plan.
CREATE FUNCTION create_loop(name text, tables text[], statement text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($loop$
CREATE FUNCTION %I(first integer, step integer, count integer) RETURNS void
LANGUAGE plpgsql AS $body$
DECLARE
    expected bigint := (SELECT version FROM %I WHERE id = first);
    wanted integer := expected %% 2;
    changes jsonb := jsonb_build_object('balance', wanted);
    new_version bigint;
    key integer;
BEGIN
    FOR i IN 0..count - 1 LOOP
        key := first + i::bigint * 7919 %% count * step;
        %s
    END LOOP;
END
$body$
$loop$, name, tables[1], (SELECT string_agg(format(statement, t), E'\n        ') FROM unnest(tables) AS t));
END
$$;

-- `tables` tables for each side.
CREATE FUNCTION create_pair(pair text, tables integer, row_count integer, column_count integer, parts integer)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    ours text[] := (SELECT array_agg('ours_' || pair || '_' || i) FROM generate_series(1, tables) AS i);
    hand text[] := (SELECT array_agg('hand_' || pair || '_' || i) FROM generate_series(1, tables) AS i);
BEGIN
    PERFORM create_table(name, row_count, column_count, parts, true) FROM unnest(ours) AS name;
    PERFORM create_table(name, row_count, column_count, parts, false) FROM unnest(hand) AS name;
    PERFORM create_loop('ours_' || pair, ours,
        'new_version := interlock.versioned_update(%L, key, expected, changes);');
    PERFORM create_loop('hand_' || pair, hand,
        'UPDATE %I SET balance = wanted, version = version + 1 WHERE id = key AND version = expected; '
        'IF NOT FOUND THEN RAISE EXCEPTION ''row %% is not at version %%'', key, expected; END IF;');
END
$$;

-- Microseconds per update of one side: `count` rows of each of its tables.
CREATE FUNCTION time_loop(name text, tables integer, first integer, step integer, count integer) RETURNS float8
LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz := clock_timestamp();
BEGIN
    EXECUTE format('SELECT %I($1, $2, $3)', name) USING first, step, count;
    RETURN extract(epoch FROM clock_timestamp() - started) * 1e6 / (count * tables);
END
$$;

-- One turn of each side, the other one first in every second round.
CREATE FUNCTION measure_pair(pair text, dimension text, size integer, tables integer, first integer, step integer,
                             count integer, round integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    ours float8;
    hand float8;
BEGIN
    IF round % 2 = 0 THEN
        ours := time_loop('ours_' || pair, tables, first, step, count);
    END IF;
    hand := time_loop('hand_' || pair, tables, first, step, count);
    IF round % 2 = 1 THEN
        ours := time_loop('ours_' || pair, tables, first, step, count);
    END IF;
    INSERT INTO samples VALUES (dimension, size, round, ours, hand);
END
$$;

-- How many updates a side has seen, by what the versions of its tables say.
CREATE FUNCTION updates(side text, pair text, tables integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    seen bigint;
    total bigint := 0;
BEGIN
    FOR number IN 1..tables LOOP
        EXECUTE format('SELECT sum(version - 1) FROM %I', concat_ws('_', side, pair, number)) INTO seen;
        total := total + seen;
    END LOOP;
    RETURN total;
END
$$;
