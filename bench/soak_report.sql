-- The report of bench/soak, as Markdown.

SELECT format(E'\n| | minutes %s to %s | the last %s | ratio | bound |\n|---|--:|--:|--:|--:|', round((start / 60)::numeric, 1),
              round(((start + width) / 60)::numeric, 1), round((width / 60)::numeric, 1)) FROM spans;
SELECT format('| %s | %s | %s | %s | %s |', what, round(first, 1), round(last, 1), ratio,
              CASE WHEN bound < 1 THEN 'at least ' ELSE 'at most ' END || bound) FROM flat ORDER BY position;
SELECT format('| share of claims that were HOT | %s%% | %s%% | | at least 80%% |', round(e.hot, 1), round(l.hot, 1))
FROM measures AS e JOIN measures AS l ON e.early AND NOT l.early;

\echo
\echo 'Minute by minute: what a minute ended with, the most in it of dead rows.'
\echo
\echo '| minute | jobs a second | processor time of a job, µs | table, MB | claim index, MB | primary key, MB | dead rows | HOT | vacuums so far | memory of all sessions, MB |'
\echo '|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|'
SELECT format('| %s | %s | %s | %s | %s | %s | %s | %s%% | %s | %s |', ceil(second / 60), round((sum(jobs) / sum(took))::numeric),
              round((1e6 * sum(worked) / sum(jobs))::numeric, 1),
              round(max(table_size) / 1e6, 1), round(max(claim_index) / 1e6, 1), round(max(key_index) / 1e6, 1), max(dead),
              round(100.0 * sum(hot_updates) / nullif(sum(updates), 0), 1), max(vacuums), round(max(memory) / 1e3, 1))
FROM steps WHERE took IS NOT NULL
GROUP BY ceil(second / 60) HAVING sum(took) > 20 OR ceil(second / 60) = 1 ORDER BY ceil(second / 60);
