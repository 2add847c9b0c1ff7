-- The report, as Markdown.

CREATE TEMP VIEW points AS
SELECT dimension, size, percentile_cont(0.5) WITHIN GROUP (ORDER BY hand / ours) AS ratio,
       percentile_cont(0.25) WITHIN GROUP (ORDER BY hand / ours) AS low,
       percentile_cont(0.75) WITHIN GROUP (ORDER BY hand / ours) AS high,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY ours) AS ours,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY hand) AS hand
FROM samples
WHERE round > 0
GROUP BY dimension, size;

\echo
\echo '| as these grow | to | times as fast | quartiles | of the first | `versioned_update` | hand-written |'
\echo '|---|--:|--:|--:|--:|--:|--:|'
SELECT format('| %s | %s | **%s** | %s to %s | %s | %s | %s |', translate(dimension, '_', ' '), to_char(size, 'FM99,999,999'),
              to_char(ratio, 'FM990.00'), to_char(low, 'FM990.00'), to_char(high, 'FM990.00'),
              to_char(ratio / first_value(ratio) OVER (PARTITION BY dimension ORDER BY size), 'FM990.00'),
              to_char(ours, 'FM9990.00 "µs"'), to_char(hand, 'FM9990.00 "µs"'))
FROM points
ORDER BY array_position(ARRAY['rows', 'scattered_rows', 'columns', 'tables', 'partitions'], dimension), size;
