-- What bench/soak lets come and go, and what it has seen of it.

CREATE EXTENSION interlock;
CREATE SCHEMA interlock_bench;

CREATE TABLE jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text NOT NULL);
SELECT interlock.enable_claims('jobs', 'delete');
INSERT INTO jobs (payload) SELECT 'work' FROM generate_series(1, :depth);
VACUUM ANALYZE jobs;

-- All of it counted from the beginning; sizes in bytes; of all sessions their memory in kB and processor time in seconds.
CREATE TABLE samples (
    at timestamptz NOT NULL, inserted bigint, table_size bigint, claim_index bigint, key_index bigint,
    dead bigint, updated bigint, hot bigint, vacuums bigint, memory bigint, processor float8);

CREATE FUNCTION sample(memory bigint, ticks bigint, ticks_a_second float8) RETURNS void LANGUAGE sql AS $$
    INSERT INTO samples
    SELECT clock_timestamp(), (SELECT last_value FROM jobs_id_seq), pg_relation_size('jobs'),
           (SELECT sum(pg_relation_size(indexrelid)) FROM pg_index WHERE indrelid = 'jobs'::regclass AND NOT indisprimary),
           pg_relation_size('jobs_pkey'), n_dead_tup, n_tup_upd, n_tup_hot_upd, autovacuum_count, memory, ticks / ticks_a_second
    FROM pg_stat_user_tables WHERE relid = 'jobs'::regclass
$$;

CREATE VIEW steps AS
SELECT *, extract(epoch FROM at - first_value(at) OVER past)::float8 AS second, extract(epoch FROM at - lag(at) OVER past)::float8 AS took,
       inserted - lag(inserted) OVER past AS jobs, updated - lag(updated) OVER past AS updates, hot - lag(hot) OVER past AS hot_updates,
       processor - lag(processor) OVER past AS worked
FROM samples WINDOW past AS (ORDER BY at);

-- The minutes 2 to 7, and the last five; of a shorter run, less.
CREATE VIEW spans AS
WITH total AS (SELECT max(second) AS whole, least(120, max(second) / 5) AS start FROM steps)
SELECT whole, start, least(300, (whole - start) / 2) AS width FROM total;

CREATE VIEW measures AS
SELECT second < start + width AS early, sum(jobs) / sum(took) AS rate, sum(worked) / sum(jobs) AS worked, max(table_size) AS table_size, max(claim_index) AS claim_index,
       max(key_index) AS key_index, max(memory) AS memory, 100.0 * sum(hot_updates) / sum(updates) AS hot
FROM steps, spans WHERE second > start AND second <= start + width OR second > whole - width
GROUP BY 1;

CREATE VIEW flat AS
SELECT position, what, bound, first, last, round(last / nullif(first, 0), 2) AS ratio, CASE WHEN bound < 1 THEN last / first >= bound ELSE last / first <= bound END AS good
FROM measures AS e JOIN measures AS l ON e.early AND NOT l.early,
     LATERAL (VALUES (1, 'jobs a second', 0.9, e.rate::numeric, l.rate::numeric),
                     (6, 'processor time of a job, µs', 1.1, e.worked::numeric * 1e6, l.worked::numeric * 1e6),
                     (2, 'table, MB at most', 1.2, e.table_size / 1e6, l.table_size / 1e6),
                     (3, 'claim index, MB at most', 1.2, e.claim_index / 1e6, l.claim_index / 1e6),
                     (4, 'primary key, MB at most', 1.2, e.key_index / 1e6, l.key_index / 1e6),
                     (5, 'memory of all sessions, MB at most', 1.2, e.memory / 1e3, l.memory / 1e3)) AS m (position, what, bound, first, last);
