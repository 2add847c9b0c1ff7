-- What bench/claims measures, and where it keeps the samples.

CREATE EXTENSION interlock;
CREATE SCHEMA interlock_bench;

-- Jobs a second; and so over the time that a snapshot is held for.
CREATE TABLE samples (workload text, variant text, clients integer, depth integer, round integer, value double precision);
CREATE TABLE held_samples (variant text, round integer, seconds double precision, value double precision);

-- Shared by all tables by hand.
CREATE SEQUENCE tokens CACHE 100;

-- The tables of a schema; autovacuum is kept off those that bench/claims vacuums itself. By hand, with the index that
-- one makes for it.
CREATE PROCEDURE create_jobs(place text, vacuumed boolean) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', place);
    EXECUTE format('CREATE TABLE %I.jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text NOT NULL)', place);
    PERFORM interlock.enable_claims(format('%I.jobs', place)::regclass, 'delete');
    EXECUTE format('CREATE TABLE %I.jobs_by_hand (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text NOT NULL, run_at timestamptz NOT NULL DEFAULT now(),
        attempts integer NOT NULL DEFAULT 0, claimed_by text, claim_token bigint, claimed_until timestamptz, last_error text)
        WITH (fillfactor = 70)', place);
    EXECUTE format('CREATE INDEX ON %I.jobs_by_hand (run_at, id)', place);
    IF to_regnamespace('pgmq') IS NOT NULL THEN
        PERFORM pgmq.create(place);
    END IF;
    PERFORM set_autovacuum(peer, place, vacuumed) FROM unnest(ARRAY['ours', 'by_hand', 'pgmq']) AS peer WHERE table_of(peer, place) IS NOT NULL;
END $$;

-- Where a peer's jobs are; NULL where there are none.
CREATE FUNCTION table_of(peer text, place text) RETURNS regclass LANGUAGE sql AS $$
    SELECT to_regclass(CASE peer WHEN 'ours' THEN format('%I.jobs', place) WHEN 'by_hand' THEN format('%I.jobs_by_hand', place)
                                 ELSE format('pgmq.%I', 'q_' || place) END)
$$;

CREATE FUNCTION set_autovacuum(peer text, place text, wanted boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = %s)', table_of(peer, place), wanted);
END $$;

-- A backlog of that many jobs, behind others that are claimed; `peer` is ours, by_hand or pgmq.
CREATE PROCEDURE renew_jobs(peer text, place text, depth integer, claimed integer) LANGUAGE plpgsql AS $$
DECLARE
    jobs regclass := table_of(peer, place);
BEGIN
    EXECUTE format('TRUNCATE %s', jobs);
    IF peer = 'pgmq' THEN
        EXECUTE format('INSERT INTO %s (vt, message) SELECT clock_timestamp() + interval ''1 day'', ''{"payload": "work"}'' FROM generate_series(1, $1)', jobs) USING claimed;
        EXECUTE format('INSERT INTO %s (vt, message) SELECT clock_timestamp(), ''{"payload": "work"}'' FROM generate_series(1, $1)', jobs) USING depth;
    ELSE
        EXECUTE format('INSERT INTO %s (payload, claimed_by, claim_token, claimed_until) SELECT ''work'', ''other'', 1, now() + interval ''1 day'' FROM generate_series(1, $1)', jobs) USING claimed;
        EXECUTE format('INSERT INTO %s (payload) SELECT ''work'' FROM generate_series(1, $1)', jobs) USING depth;
    END IF;
END $$;

-- How many of a peer's jobs are there.
CREATE FUNCTION jobs_left(peer text, place text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', table_of(peer, place)) INTO found;
    RETURN found;
END $$;
