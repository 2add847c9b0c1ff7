-- What bench/claims measures, and where it keeps the samples.

CREATE EXTENSION interlock;
CREATE SCHEMA interlock_bench;

-- Jobs a second.
CREATE TABLE samples (workload text, variant text, clients integer, depth integer, round integer, value double precision);

CREATE TABLE jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text NOT NULL);
SELECT interlock.enable_claims('jobs', 'delete');

-- The same by hand, with the index that one makes for it.
CREATE TABLE jobs_by_hand (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text NOT NULL, run_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0, claimed_by text, claim_token bigint, claimed_until timestamptz, last_error text) WITH (fillfactor = 70);
CREATE INDEX ON jobs_by_hand (run_at, id);
CREATE SEQUENCE tokens CACHE 100;

-- A backlog of that many jobs, behind others that are claimed; `peer` is ours, by_hand or pgmq.
CREATE PROCEDURE renew_jobs(peer text, depth integer, claimed integer) LANGUAGE plpgsql AS $$
BEGIN
    IF peer = 'pgmq' THEN
        TRUNCATE pgmq.q_jobs;
        INSERT INTO pgmq.q_jobs (vt, message) SELECT clock_timestamp() + interval '1 day', '{"payload": "work"}' FROM generate_series(1, claimed);
        INSERT INTO pgmq.q_jobs (vt, message) SELECT clock_timestamp(), '{"payload": "work"}' FROM generate_series(1, depth);
    ELSE
        peer := CASE peer WHEN 'ours' THEN 'jobs' ELSE 'jobs_by_hand' END;
        EXECUTE format('TRUNCATE %I', peer);
        EXECUTE format('INSERT INTO %I (payload, claimed_by, claim_token, claimed_until) SELECT ''work'', ''other'', 1, now() + interval ''1 day'' FROM generate_series(1, $1)', peer) USING claimed;
        EXECUTE format('INSERT INTO %I (payload) SELECT ''work'' FROM generate_series(1, $1)', peer) USING depth;
    END IF;
END $$;
