-- What bench/locks measures inside the server, and where it keeps the samples.

-- VACUUM does not take rows for visible to all before their commit is on disk, and locking a row of a page that it took
-- for so costs more: both tables are to be alike.
SET synchronous_commit = on;
CREATE EXTENSION interlock;
CREATE SCHEMA interlock_bench;
SELECT interlock.create_lock_namespace('bench');
SELECT interlock.create_lock_namespace('bench_text', 'text');

-- Microseconds a call; clients 0 is inside the server.
CREATE TABLE samples (workload text, variant text, clients integer, round integer, value double precision);

CREATE TABLE accounts_ours (id integer PRIMARY KEY, owner text, branch integer, balance bigint, filler text) WITH (fillfactor = 50);
INSERT INTO accounts_ours SELECT i, 'owner ' || i, i % 10, 100, repeat('x', 40) FROM generate_series(1, 100000) AS i;
CREATE TABLE accounts_theirs (LIKE accounts_ours INCLUDING ALL) WITH (fillfactor = 50);
INSERT INTO accounts_theirs SELECT * FROM accounts_ours;
VACUUM ANALYZE accounts_ours, accounts_theirs;
CHECKPOINT;

-- loop_VARIANT(workload, calls, round): that many calls, 100 locks in a transaction (or more, where one call takes
-- more), the release of the locks included. Keys are as scattered as the array that i picks from it, or near each other.
CREATE FUNCTION make_loop(variant text, many integer, in_transaction integer, body text) RETURNS void LANGUAGE plpgsql AS $make$
BEGIN
    EXECUTE format($procedure$
        CREATE PROCEDURE loop_%s(workload text, calls integer, round integer) LANGUAGE plpgsql AS $body$
        DECLARE
            keys bigint[] := ARRAY(SELECT g * 7919 %% 100000 + 1 FROM generate_series(1, %s) AS g);
            ids integer[] := keys;
            near integer[] := ARRAY(SELECT 5000 + g FROM generate_series(1, %s) AS g);
            started timestamptz := clock_timestamp();
        BEGIN
            FOR i IN 1..calls LOOP
                %s;
                IF i %% %s = 0 THEN COMMIT; END IF;
            END LOOP;
            COMMIT;
            INSERT INTO samples VALUES (workload, '%s', 0, round, extract(epoch FROM clock_timestamp() - started) * 1e6 / calls);
            COMMIT;
        END $body$ $procedure$, variant, many, many, body, in_transaction, variant);
END $make$;

-- Ten keys, other ones for each i, in no order.
CREATE FUNCTION ten(i integer) RETURNS integer[] LANGUAGE sql IMMUTABLE RETURN
    ARRAY[(i * 10 + 9) * 7919 % 100000 + 1, (i * 10 + 1) * 7919 % 100000 + 1, (i * 10 + 3) * 7919 % 100000 + 1, (i * 10 + 2) * 7919 % 100000 + 1, (i * 10 + 0) * 7919 % 100000 + 1, (i * 10 + 5) * 7919 % 100000 + 1, (i * 10 + 4) * 7919 % 100000 + 1, (i * 10 + 7) * 7919 % 100000 + 1, (i * 10 + 8) * 7919 % 100000 + 1, (i * 10 + 6) * 7919 % 100000 + 1];

SELECT make_loop('advisory_xact_lock', 1, 100, $$PERFORM interlock.advisory_xact_lock('bench', i)$$),
       make_loop('pg_advisory_xact_lock', 1, 100, $$PERFORM pg_advisory_xact_lock(i)$$),
       make_loop('advisory_xact_lock_text', 1, 100, $$PERFORM interlock.advisory_xact_lock('bench_text', 'invoice-' || i)$$),
       make_loop('hashed_text', 1, 100, $$PERFORM pg_advisory_xact_lock(hashtextextended('bench_text' || ('invoice-' || i), 0))$$),
       make_loop('advisory_xact_lock_many', 1000, 1, $$PERFORM interlock.advisory_xact_lock_many('bench', keys)$$),
       make_loop('single_calls', 1000, 1, $$FOR j IN 1..1000 LOOP PERFORM interlock.advisory_xact_lock('bench', keys[j]); END LOOP$$),
       make_loop('ordered_unnest', 1000, 1, $$PERFORM pg_advisory_xact_lock(k) FROM (SELECT k FROM unnest(keys) AS k ORDER BY k OFFSET 0) AS sorted$$),
       make_loop('lock_row', 1, 100, $$PERFORM r.balance FROM interlock.lock_row(NULL::accounts_ours, i * 7919 % 100000 + 1) AS r$$),
       make_loop('lock_rows_1', 1, 100, $$PERFORM r.balance FROM interlock.lock_rows(NULL::accounts_ours, ARRAY[i * 7919 % 100000 + 1]) AS r$$),
       make_loop('select_1', 1, 100, $$PERFORM balance FROM accounts_theirs WHERE id = ANY (ARRAY[i * 7919 % 100000 + 1]) ORDER BY id FOR UPDATE$$),
       make_loop('lock_rows_10', 10, 10, $$PERFORM r.balance FROM interlock.lock_rows(NULL::accounts_ours, ten(i)) AS r$$),
       make_loop('select_10', 10, 10, $$PERFORM balance FROM accounts_theirs WHERE id = ANY (ten(i)) ORDER BY id FOR UPDATE$$),
       make_loop('lock_rows_1000', 1000, 1, $$PERFORM r.balance FROM interlock.lock_rows(NULL::accounts_ours, ids) AS r$$),
       make_loop('select_1000', 1000, 1, $$PERFORM balance FROM accounts_theirs WHERE id = ANY (ids) ORDER BY id FOR UPDATE$$),
       make_loop('lock_rows_near', 1000, 1, $$PERFORM r.balance FROM interlock.lock_rows(NULL::accounts_ours, near) AS r$$),
       make_loop('select_near', 1000, 1, $$PERFORM balance FROM accounts_theirs WHERE id = ANY (near) ORDER BY id FOR UPDATE$$);

-- What libraries do that do not wait in the lock manager: they try again after 50 to 150 ms.
CREATE PROCEDURE lock_by_polling(key bigint) LANGUAGE plpgsql AS $$
BEGIN
    WHILE NOT pg_try_advisory_xact_lock(key) LOOP
        PERFORM pg_sleep(0.05 + random() * 0.1);
    END LOOP;
END $$;

-- All sessions at the same time, twice a second; and when each had the key.
CREATE TABLE holders (variant text, tick bigint, at timestamptz);
CREATE FUNCTION wait_for_tick() RETURNS void LANGUAGE sql AS
$$ SELECT pg_sleep(0.5 - mod(extract(epoch FROM clock_timestamp())::numeric, 0.5)::float8) $$;
CREATE FUNCTION note_holder(variant text) RETURNS void LANGUAGE sql AS
$$ INSERT INTO holders VALUES (variant, floor(extract(epoch FROM now()) * 2), clock_timestamp()) $$;

-- How long after its bound a wait is told that it has failed: advisory locks, and rows, raising and telling.
CREATE PROCEDURE measure_waits(waits integer) LANGUAGE plpgsql AS $$
DECLARE
    bound interval;
    started timestamptz;
BEGIN
    FOR i IN 1..waits LOOP
        FOREACH bound IN ARRAY '{10 ms, 100 ms}'::interval[] LOOP
            started := clock_timestamp();
            PERFORM interlock.try_advisory_xact_lock('bench', 1, wait => bound);
            INSERT INTO samples VALUES ('waits', 'try_advisory_xact_lock', 0, i, extract(epoch FROM clock_timestamp() - started - bound) * 1e6);
            started := clock_timestamp();
            BEGIN
                PERFORM interlock.advisory_xact_lock('bench', 1, wait => bound);
            EXCEPTION WHEN lock_not_available THEN
                INSERT INTO samples VALUES ('waits', 'advisory_xact_lock', 0, i, extract(epoch FROM clock_timestamp() - started - bound) * 1e6);
            END;
            started := clock_timestamp();
            PERFORM FROM interlock.try_lock_row(NULL::accounts_ours, 1, wait => bound);
            INSERT INTO samples VALUES ('waits', 'try_lock_row', 0, i, extract(epoch FROM clock_timestamp() - started - bound) * 1e6);
            started := clock_timestamp();
            BEGIN
                PERFORM FROM interlock.lock_rows(NULL::accounts_ours, '{1}'::integer[], wait => bound);
            EXCEPTION WHEN lock_not_available THEN
                INSERT INTO samples VALUES ('waits', 'lock_rows', 0, i, extract(epoch FROM clock_timestamp() - started - bound) * 1e6);
            END;
        END LOOP;
    END LOOP;
END $$;
