-- The data of the picture: for each peer, seconds and jobs a second under a snapshot; then, for each workload with 8
-- clients, the rate of each peer.

CREATE TEMP TABLE peers (position serial, variant text);
INSERT INTO peers (variant) VALUES ('ours'), ('by_hand'), ('pgmq');

SELECT format(E'SELECT seconds, avg(value) FROM held_samples WHERE variant = %1$L GROUP BY seconds
    UNION ALL SELECT 0, ''NaN'' WHERE NOT EXISTS (SELECT FROM held_samples WHERE variant = %1$L)
    UNION ALL SELECT NULL, NULL UNION ALL SELECT NULL, NULL ORDER BY 1', variant)
FROM peers ORDER BY position
\gexec

CREATE TEMP VIEW rates AS
SELECT workload, depth, variant, percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS rate FROM samples WHERE clients = 8 GROUP BY workload, depth, variant;

CREATE TEMP VIEW bars AS
SELECT workload, depth, max(rate) FILTER (WHERE variant = 'ours') AS ours, max(rate) FILTER (WHERE variant = 'by_hand') AS by_hand,
       max(rate) FILTER (WHERE variant = 'pgmq') AS pgmq
FROM rates GROUP BY workload, depth;

SELECT format('"%s"', CASE depth WHEN 1000 THEN '1,000 jobs' ELSE depth / 1000000 || ' million' END), ours, by_hand, coalesce(pgmq::text, 'NaN')
FROM bars WHERE workload = 'three' ORDER BY depth;

\echo
\echo
SELECT CASE workload WHEN 'ten' THEN '"nothing else"' ELSE '"100,000 claimed\nin front"' END, ours, by_hand, coalesce(pgmq::text, 'NaN')
FROM bars WHERE workload IN ('ten', 'head') ORDER BY workload DESC;
