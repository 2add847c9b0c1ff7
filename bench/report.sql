-- The report, as Markdown: ratios by round, then what they were made of.

CREATE TEMP VIEW ratios AS
SELECT o.workload, o.variant AS ours, p.variant AS peer, o.clients,
       CASE WHEN o.clients = 0 THEN p.value / o.value ELSE o.value / p.value END AS ratio,
       p.server_time / nullif(o.server_time, 0) AS time_ratio
FROM samples AS o JOIN samples AS p USING (workload, clients, round);

CREATE TEMP VIEW trigger_costs AS
SELECT p.variant AS peer, (o.value - n.value) / (p.value - n.value) AS share
FROM samples AS o JOIN samples AS p USING (workload, round) JOIN samples AS n USING (workload, round)
WHERE workload = 'trigger_loop' AND o.variant = 'version_trigger' AND n.variant = 'inline_bump'
  AND p.variant IN ('plpgsql_trigger', 'simplest_plpgsql');

CREATE TEMP TABLE claims (position serial, workload text, ours text, peer text, least float8, what text);
INSERT INTO claims (workload, ours, peer, least, what) VALUES
    ('write', 'versioned_update', 'hand_written', 1.0, '`versioned_update` : hand-written `UPDATE`, the write alone'),
    ('write', 'versioned_update', 'plpgsql_function', 2.0, '`versioned_update` : PL/pgSQL function, the write alone'),
    ('write', 'planner_path', 'hand_written', 0.8, 'its planner path : hand-written `UPDATE`, the write alone'),
    ('write', 'planner_path', 'plpgsql_function', 1.5, 'its planner path : PL/pgSQL function, the write alone'),
    ('save', 'versioned_update', 'hand_written', NULL, '`versioned_update` : hand-written `UPDATE`, read and save'),
    ('save', 'versioned_update', 'plpgsql_function', NULL, '`versioned_update` : PL/pgSQL function, read and save'),
    ('save', 'planner_path', 'hand_written', NULL, 'its planner path : hand-written `UPDATE`, read and save'),
    ('save', 'planner_path', 'plpgsql_function', NULL, 'its planner path : PL/pgSQL function, read and save'),
    ('stale', 'try_versioned_update', 'update_then_select', 1.5, 'a stale row: `try_versioned_update` : `UPDATE` that finds none, then `SELECT`'),
    ('plain', 'version_trigger', 'inline_bump', 0.9, 'plain `UPDATE` of a versioned table : untriggered with `version + 1`'),
    ('plain', 'version_trigger', 'plpgsql_trigger', NULL, 'plain `UPDATE` of a versioned table : an equivalent trigger in PL/pgSQL');
INSERT INTO claims (workload, ours, peer, least, what)
SELECT 'many_' || size, ours, peer, CASE WHEN size = 1000 THEN least END,
       format('`versioned_update_many`, %s rows : %s', to_char(size, 'FM99,999'), what)
FROM (VALUES (1, 'versioned_update_many', 'recordset_update', 1.0, '`UPDATE … FROM jsonb_to_recordset`'),
             (2, 'versioned_update_many', 'single_calls', NULL, 'single calls, 100 in a transaction'),
             (3, 'versioned_update_many', 'single_commits', NULL, 'single calls, each its own transaction'),
             (4, 'durable_many', 'durable_commits', 15, 'the same, and commits wait for the disk'))
         AS c (position, ours, peer, least, what),
     (VALUES (10), (100), (1000), (10000)) AS s (size)
ORDER BY position, size;
INSERT INTO claims (workload, ours, peer, least, what) VALUES
    ('loop', 'versioned_update', 'hand_written', 2.0, 'in the server: `versioned_update` : hand-written `UPDATE`'),
    ('loop', 'versioned_update', 'plpgsql_function', NULL, 'in the server: `versioned_update` : PL/pgSQL function'),
    ('loop', 'planner_path', 'hand_written', NULL, 'in the server: its planner path : hand-written `UPDATE`'),
    ('loop', 'planner_path', 'plpgsql_function', NULL, 'in the server: its planner path : PL/pgSQL function'),
    ('trigger_loop', 'version_trigger', 'inline_bump', NULL, 'in the server: plain `UPDATE` of a versioned table : untriggered'),
    ('trigger_loop', 'version_trigger', 'simplest_plpgsql', NULL, 'in the server: plain `UPDATE` of a versioned table : the simplest trigger in PL/pgSQL'),
    ('trigger_loop', 'version_trigger', 'plpgsql_trigger', NULL, 'in the server: plain `UPDATE` of a versioned table : an equivalent trigger in PL/pgSQL'),
    ('many_loop', 'versioned_update_many', 'recordset_update', NULL, 'in the server: `versioned_update_many` : `UPDATE … FROM jsonb_to_recordset`'),
    ('touch_loop', 'versioned_touch', 'touch_by_hand', NULL, 'in the server: `versioned_touch` : hand-written `UPDATE`'),
    ('check_loop', 'versioned_check', 'select_for_share', NULL, 'in the server: `versioned_check` : `SELECT … FOR SHARE`, and a comparison'),
    ('delete_loop', 'versioned_delete', 'delete_by_hand', NULL, 'in the server: `versioned_delete` : hand-written `DELETE`'),
    ('insert_loop', 'versioned_upsert', 'on_conflict', NULL, 'in the server: `versioned_upsert` of a new row : `INSERT … ON CONFLICT DO NOTHING`'),
    ('merge_loop', 'versioned_merge', 'merge_by_hand', NULL, 'in the server: `versioned_merge` : `SELECT … FOR NO KEY UPDATE`, comparisons and `UPDATE`'),
    ('compare_loop', 'compare_and_update', 'is_not_distinct', NULL, 'in the server: `compare_and_update` : `UPDATE … WHERE … IS NOT DISTINCT FROM …`');

\echo
\echo '## How many times as fast'
\echo
\echo '| measure | clients | median | quartiles | at least | by server time |'
\echo '|---|--:|--:|--:|--:|--:|'
SELECT format('| %s | %s | **%s** | %s to %s | %s | %s |', c.what, nullif(r.clients, 0),
              to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY ratio), 'FM990.00'),
              to_char(percentile_cont(0.25) WITHIN GROUP (ORDER BY ratio), 'FM990.00'),
              to_char(percentile_cont(0.75) WITHIN GROUP (ORDER BY ratio), 'FM990.00'), c.least,
              to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY time_ratio), 'FM990.00'))
FROM claims AS c JOIN ratios AS r USING (workload, ours, peer)
GROUP BY c.position, c.what, c.least, r.clients
ORDER BY c.position, r.clients;

\echo
\echo '## The cost of the trigger itself'
\echo
\echo 'What it adds to an untriggered `UPDATE` with `version = version + 1`, as a share of what the other adds.'
\echo
\echo '| against | median | quartiles | at most |'
\echo '|---|--:|--:|--:|'
SELECT format('| %s | **%s** | %s to %s | %s |', t.what,
              to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY share), 'FM990.00'),
              to_char(percentile_cont(0.25) WITHIN GROUP (ORDER BY share), 'FM990.00'),
              to_char(percentile_cont(0.75) WITHIN GROUP (ORDER BY share), 'FM990.00'), t.most)
FROM (VALUES (1, 'plpgsql_trigger', 'the equivalent trigger in PL/pgSQL', 0.5),
             (2, 'simplest_plpgsql', 'the simplest trigger in PL/pgSQL', NULL)) AS t (position, peer, what, most)
JOIN trigger_costs USING (peer)
GROUP BY t.position, t.what, t.most
ORDER BY t.position;

\echo
\echo '## What was measured'
\echo
\echo '| workload | clients | variant | median | quartiles | unit | server time |'
\echo '|---|--:|---|--:|--:|---|--:|'
SELECT format('| %s | %s | %s | %s | %s to %s | %s | %s |', workload, nullif(clients, 0), variant,
              to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY value), shown),
              to_char(percentile_cont(0.25) WITHIN GROUP (ORDER BY value), shown),
              to_char(percentile_cont(0.75) WITHIN GROUP (ORDER BY value), shown),
              CASE WHEN clients = 0 THEN 'µs per row' WHEN workload LIKE 'many%' THEN 'rows/s' ELSE 'transactions/s' END,
              to_char(percentile_cont(0.5) WITHIN GROUP (ORDER BY server_time), 'FM990.0 "µs"'))
FROM samples, LATERAL (SELECT CASE WHEN clients = 0 THEN 'FM990.00' ELSE 'FM999,990' END AS shown) AS s
GROUP BY workload, clients, variant, shown
ORDER BY clients = 0,
         array_position(ARRAY['write', 'save', 'stale', 'plain', 'loop', 'trigger_loop', 'many_loop'], workload),
         length(workload), workload, clients,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY CASE WHEN clients = 0 THEN value ELSE -value END);
