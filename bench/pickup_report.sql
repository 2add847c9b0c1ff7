-- The report of bench/pickup, as Markdown. The worker's pause grows from poll_min, 20 ms, to poll_max, a second; to a
-- pause comes what the machine needs.

CREATE TEMP TABLE cases (position serial, relation text, pause float8, what text, least text);
INSERT INTO cases (relation, pause, what, least) SELECT 'notified', min(pause), 'notify on', 'p99 20 ms' FROM samples;
INSERT INTO cases (relation, pause, what, least) SELECT 'notified', max(pause), 'notify on', 'p99 20 ms' FROM samples;
INSERT INTO cases (relation, pause, what, least) SELECT 'polled', min(pause), 'notify off: polls', 'the pause, which grows from 20 ms to 1 s' FROM samples;
INSERT INTO cases (relation, pause, what, least) SELECT 'polled', max(pause), 'notify off: polls', 'the pause, 1 s at most' FROM samples;

CREATE TEMP VIEW latencies AS
SELECT relation, pause, 'return of the commit' AS since, 1 AS position, committed AS latency FROM samples
UNION ALL
SELECT relation, pause, 'sending of the `INSERT`', 2, sent FROM samples;

\echo
\echo '| | a job each, in the mean | at most | jobs | from the | p50 | p90 | p99 | max |'
\echo '|---|--:|---|--:|---|--:|--:|--:|--:|'
SELECT format('| %s | %s ms | %s | %s | %s | %s |', c.what, c.pause, c.least, count(*), l.since,
              concat_ws(' | ', round((percentile_cont(0.5) WITHIN GROUP (ORDER BY latency))::numeric, 2),
                        round((percentile_cont(0.9) WITHIN GROUP (ORDER BY latency))::numeric, 2),
                        round((percentile_cont(0.99) WITHIN GROUP (ORDER BY latency))::numeric, 2), round(max(latency)::numeric, 2)))
FROM cases AS c JOIN latencies AS l USING (relation, pause)
GROUP BY c.position, c.what, c.pause, c.least, l.since, l.position ORDER BY c.position, l.position;
