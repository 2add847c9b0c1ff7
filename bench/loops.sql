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

-- The other functions, and the SQL that they replace. Each of them checks what it did, as an application must.

CREATE FUNCTION stale(key integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'row % is not as it was read', key;
END
$$;

CREATE FUNCTION loop_versioned_update_many(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    changes jsonb := (SELECT content FROM batches
                      WHERE version = (SELECT version FROM versioned_update_many WHERE aid = 1));
    affected bigint;
BEGIN
    SELECT count(*) INTO affected FROM interlock.versioned_update_many('versioned_update_many', changes);
END
$$;

CREATE FUNCTION loop_recordset_update(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    changes jsonb := (SELECT content FROM batches
                      WHERE version = (SELECT version FROM recordset_update WHERE aid = 1));
    affected bigint;
BEGIN
    UPDATE recordset_update AS t SET abalance = x.abalance, version = t.version + 1
    FROM jsonb_to_recordset(changes) AS x(aid integer, version bigint, abalance integer)
    WHERE t.aid = x.aid AND t.version = x.version;
    GET DIAGNOSTICS affected = ROW_COUNT;
    IF affected <> row_count THEN
        RAISE EXCEPTION '% of % rows are not as they were read', row_count - affected, row_count;
    END IF;
END
$$;

CREATE FUNCTION loop_versioned_touch(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    expected bigint := (SELECT version FROM versioned_touch WHERE aid = 1);
    new_version bigint;
BEGIN
    FOR key IN 1..row_count LOOP
        new_version := interlock.versioned_touch('versioned_touch', key, expected);
    END LOOP;
END
$$;

CREATE FUNCTION loop_touch_by_hand(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    expected bigint := (SELECT version FROM touch_by_hand WHERE aid = 1);
BEGIN
    FOR key IN 1..row_count LOOP
        UPDATE touch_by_hand SET version = version + 1 WHERE aid = key AND version = expected;
        IF NOT FOUND THEN PERFORM stale(key); END IF;
    END LOOP;
END
$$;

CREATE FUNCTION loop_versioned_check(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    FOR key IN 1..row_count LOOP
        PERFORM interlock.versioned_check('versioned_check', key, 1);
    END LOOP;
END
$$;

CREATE FUNCTION loop_select_for_share(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    present bigint;
BEGIN
    FOR key IN 1..row_count LOOP
        SELECT version INTO present FROM select_for_share WHERE aid = key FOR SHARE;
        IF present IS DISTINCT FROM 1 THEN PERFORM stale(key); END IF;
    END LOOP;
END
$$;

-- Those that delete and insert go on where the session's last pass ended.
CREATE FUNCTION loop_versioned_delete(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    position integer := current_setting('interlock_bench.position');
BEGIN
    FOR key IN position + 1..position + row_count LOOP
        PERFORM interlock.versioned_delete('versioned_delete', key, 1);
    END LOOP;
    PERFORM set_config('interlock_bench.position', (position + row_count)::text, false);
END
$$;

CREATE FUNCTION loop_delete_by_hand(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    position integer := current_setting('interlock_bench.position');
BEGIN
    FOR key IN position + 1..position + row_count LOOP
        DELETE FROM delete_by_hand WHERE aid = key AND version = 1;
        IF NOT FOUND THEN PERFORM stale(key); END IF;
    END LOOP;
    PERFORM set_config('interlock_bench.position', (position + row_count)::text, false);
END
$$;

CREATE FUNCTION loop_versioned_upsert(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    position integer := current_setting('interlock_bench.position');
    rows jsonb[] := (SELECT array_agg(jsonb_build_object('aid', aid, 'bid', 1, 'abalance', 0, 'filler', '')
                                      ORDER BY aid)
                     FROM generate_series(position + 1, position + row_count) AS aid);
    new_row jsonb;
    new_version bigint;
BEGIN
    FOREACH new_row IN ARRAY rows LOOP
        new_version := interlock.versioned_upsert('versioned_upsert', new_row, NULL);
    END LOOP;
    PERFORM set_config('interlock_bench.position', (position + row_count)::text, false);
END
$$;

CREATE FUNCTION loop_on_conflict(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    position integer := current_setting('interlock_bench.position');
BEGIN
    FOR key IN position + 1..position + row_count LOOP
        INSERT INTO on_conflict (aid, bid, abalance, filler) VALUES (key, 1, 0, '') ON CONFLICT (aid) DO NOTHING;
        IF NOT FOUND THEN PERFORM stale(key); END IF;
    END LOOP;
    PERFORM set_config('interlock_bench.position', (position + row_count)::text, false);
END
$$;

-- Nobody else changed the row.
CREATE FUNCTION loop_versioned_merge(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    expected bigint := (SELECT version FROM versioned_merge WHERE aid = 1);
    base jsonb := (SELECT jsonb_build_object('abalance', abalance, 'bid', bid) FROM versioned_merge WHERE aid = 1);
    changes jsonb := jsonb_build_object('abalance', expected % 2);
    new_version bigint;
BEGIN
    FOR key IN 1..row_count LOOP
        new_version := interlock.versioned_merge('versioned_merge', key, base, changes);
    END LOOP;
END
$$;

CREATE FUNCTION loop_merge_by_hand(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    base record;
    present record;
    balance integer := (SELECT version FROM merge_by_hand WHERE aid = 1) % 2;
BEGIN
    SELECT abalance, bid INTO base FROM merge_by_hand WHERE aid = 1;
    FOR key IN 1..row_count LOOP
        SELECT abalance, bid INTO present FROM merge_by_hand WHERE aid = key FOR NO KEY UPDATE;
        IF present.abalance IS DISTINCT FROM base.abalance AND present.abalance IS DISTINCT FROM balance THEN
            PERFORM stale(key);
        END IF;
        UPDATE merge_by_hand SET abalance = balance, version = version + 1 WHERE aid = key;
    END LOOP;
END
$$;

CREATE FUNCTION loop_compare_and_update(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    balance integer := (SELECT version FROM compare_and_update WHERE aid = 1) % 2;
    expected jsonb := (SELECT jsonb_build_object('abalance', abalance) FROM compare_and_update WHERE aid = 1);
    changes jsonb := jsonb_build_object('abalance', balance);
BEGIN
    FOR key IN 1..row_count LOOP
        PERFORM interlock.compare_and_update('compare_and_update', key, expected, changes);
    END LOOP;
END
$$;

CREATE FUNCTION loop_is_not_distinct(row_count integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    balance integer := (SELECT version FROM is_not_distinct WHERE aid = 1) % 2;
    expected integer := (SELECT abalance FROM is_not_distinct WHERE aid = 1);
BEGIN
    FOR key IN 1..row_count LOOP
        UPDATE is_not_distinct SET abalance = balance, version = version + 1
        WHERE aid = key AND abalance IS NOT DISTINCT FROM expected;
        IF NOT FOUND THEN PERFORM stale(key); END IF;
    END LOOP;
END
$$;

-- Runs one loop and keeps what it took.
CREATE FUNCTION measure_loop(loop_workload text, loop_variant text, row_count integer, loop_round integer)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz;
    seconds float8;
BEGIN
    PERFORM prepare(loop_variant, row_count);
    started := clock_timestamp();
    EXECUTE format('SELECT %I($1)', 'loop_' || loop_variant) USING row_count;
    seconds := extract(epoch FROM clock_timestamp() - started);
    INSERT INTO samples
    VALUES (loop_workload, loop_variant, 0, loop_round, seconds * 1e6 / row_count, NULL);
END
$$;
