-- One pass of each variant over its table, inside the server: every row is updated once, by a loop as a
-- function of the application would have it. All rows are at one version before and after.

CREATE FUNCTION loop_hand_written(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    expected bigint := (SELECT version FROM hand_written WHERE aid = 1);
    balance integer := expected % 2;
BEGIN
    FOR key IN 1..row_count LOOP
        UPDATE hand_written SET abalance = balance, version = version + 1
        WHERE aid = key AND version = expected;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'row % is not at version %', key, expected;
        END IF;
    END LOOP;
END
$$;

-- On the direct path and on the planner path.
SELECT format($loop$
CREATE FUNCTION interlock_bench.%I(row_count integer) RETURNS void
LANGUAGE plpgsql SET interlock.direct_writes = %3$s AS $$
DECLARE
    expected bigint := (SELECT version FROM %2$I WHERE aid = 1);
    changes jsonb := jsonb_build_object('abalance', expected %% 2);
    new_version bigint;
BEGIN
    FOR key IN 1..row_count LOOP
        new_version := interlock.versioned_update(%2$L, key, expected, changes);
    END LOOP;
END
$$
$loop$, 'loop_' || variant, variant, direct_writes)
FROM (VALUES ('versioned_update', 'auto'), ('planner_path', 'off')) AS v (variant, direct_writes)
\gexec

CREATE FUNCTION loop_plpgsql_function(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    expected bigint := (SELECT version FROM plpgsql_function WHERE aid = 1);
    changes jsonb := jsonb_build_object('abalance', expected % 2);
    new_version bigint;
BEGIN
    FOR key IN 1..row_count LOOP
        new_version := cas_update('plpgsql_function', key, expected, changes);
    END LOOP;
END
$$;

CREATE FUNCTION loop_inline_bump(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    balance integer := (SELECT version FROM inline_bump WHERE aid = 1) % 2;
BEGIN
    FOR key IN 1..row_count LOOP
        UPDATE inline_bump SET abalance = balance, version = version + 1 WHERE aid = key;
    END LOOP;
END
$$;

CREATE FUNCTION loop_least_trigger(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    balance integer := (SELECT version FROM least_trigger WHERE aid = 1) % 2;
BEGIN
    FOR key IN 1..row_count LOOP
        UPDATE least_trigger SET abalance = balance, version = version + 1 WHERE aid = key;
    END LOOP;
END
$$;

-- A versioned table's UPDATE without a version, with the next one and with the one that was read; and the
-- first of them with triggers in PL/pgSQL.
SELECT format($loop$
CREATE FUNCTION interlock_bench.%I(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    expected bigint := (SELECT version FROM %2$I WHERE aid = 1);
    balance integer := expected %% 2;
BEGIN
    FOR key IN 1..row_count LOOP
        UPDATE %2$I SET abalance = balance%3$s WHERE aid = key;
    END LOOP;
END
$$
$loop$, 'loop_' || variant, variant, more)
FROM (VALUES ('version_trigger', ''), ('increment', ', version = version + 1'), ('echo', ', version = expected'),
             ('simplest_plpgsql', ''), ('plpgsql_trigger', '')) AS v (variant, more)
\gexec

-- Runs one loop and keeps what it took.
CREATE FUNCTION measure_loop(loop_workload text, loop_variant text, row_count integer, loop_round integer)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz := clock_timestamp();
    seconds float8;
BEGIN
    EXECUTE format('SELECT %I($1)', 'loop_' || loop_variant) USING row_count;
    seconds := extract(epoch FROM clock_timestamp() - started);
    INSERT INTO samples
    VALUES (loop_workload, loop_variant, 0, loop_round, seconds * 1e6 / row_count, NULL);
END
$$;
