-- The report of bench/claims, as Markdown.

CREATE TEMP TABLE claims (position serial, workload text, peer text, least float8, what text);
INSERT INTO claims (workload, peer, least, what) VALUES
    ('three', 'by_hand', 1.3, 'insert, claim 1, finish 1 : by hand'),
    ('three', 'pgmq', 2.0, 'insert, claim 1, finish 1 : pgmq'),
    ('ten', 'by_hand', 1.5, 'claim 10, finish 10 : by hand'),
    ('ten', 'pgmq', 2.0, 'claim 10, finish 10 : pgmq'),
    ('head', 'by_hand', 1.5, 'the same behind 100,000 jobs that are claimed : by hand'),
    ('head', 'pgmq', 2.0, 'the same behind 100,000 jobs that are claimed : pgmq'),
    ('held', 'by_hand', 20, format('claim 10, finish 10 at the end of %s s with a snapshot held : by hand', :'held')),
    ('held', 'pgmq', 20, format('claim 10, finish 10 at the end of %s s with a snapshot held : pgmq', :'held'));

\echo
\echo '| | jobs | clients | ratio at least | measured | ours | theirs |'
\echo '|---|--:|--:|--:|--:|--:|--:|'
SELECT format('| %s | %s | %s | %s | %s (%s to %s) | %s | %s |', c.what, o.depth, o.clients, c.least,
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY o.value / p.value))::numeric, 2),
              round((percentile_cont(0.25) WITHIN GROUP (ORDER BY o.value / p.value))::numeric, 2),
              round((percentile_cont(0.75) WITHIN GROUP (ORDER BY o.value / p.value))::numeric, 2),
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY o.value))::numeric),
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY p.value))::numeric))
FROM claims AS c
JOIN samples AS o ON o.workload = c.workload AND o.variant = 'ours'
JOIN samples AS p ON p.workload = c.workload AND p.variant = c.peer AND p.clients = o.clients AND p.depth = o.depth AND p.round = o.round
GROUP BY c.position, c.what, c.least, o.clients, o.depth ORDER BY c.position, o.depth, o.clients;

-- Each beside itself: what a snapshot, a block of claimed jobs and a deeper queue leave of the rate.
CREATE TEMP VIEW kept AS
SELECT 'with a snapshot held, of the rate without' AS what, 1 AS position, 0.6 AS least, h.variant, h.clients, h.value / f.value AS share
FROM samples AS h JOIN samples AS f ON f.workload = 'free' AND f.variant = h.variant AND f.round = h.round WHERE h.workload = 'held'
UNION ALL
SELECT 'behind 100,000 claimed jobs, of the rate without them', 2, 0.8, h.variant, h.clients, h.value / t.value
FROM samples AS h JOIN samples AS t ON t.workload = 'ten' AND t.variant = h.variant AND t.clients = h.clients AND t.round = h.round WHERE h.workload = 'head'
UNION ALL
SELECT format('at a depth of %s jobs, of the rate at 1,000', d.depth), 3, 0.8, d.variant, d.clients, d.value / s.value
FROM samples AS d JOIN samples AS s ON s.workload = 'three' AND s.depth = 1000 AND s.variant = d.variant AND s.clients = d.clients AND s.round = d.round
WHERE d.workload = 'three' AND d.depth > 1000;

\echo
\echo '| | clients | ours at least | ours | by hand | pgmq |'
\echo '|---|--:|--:|--:|--:|--:|'
SELECT format('| %s | %s | %s | %s | %s | %s |', what, clients, least,
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY share) FILTER (WHERE variant = 'ours'))::numeric, 2),
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY share) FILTER (WHERE variant = 'by_hand'))::numeric, 2),
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY share) FILTER (WHERE variant = 'pgmq'))::numeric, 2))
FROM kept GROUP BY position, what, least, clients ORDER BY position, what, clients;

\echo
SELECT format('HOT share of the updates by claims in a steady state: %s%% (at least 80%%)', round(value::numeric, 1)) FROM samples WHERE workload = 'hot';
