-- The report of bench/locks, as Markdown.

CREATE TEMP TABLE claims (position serial, workload text, ours text, peer text, least float8, what text);
INSERT INTO claims (workload, ours, peer, least, what) VALUES
    ('bigint_key', 'advisory_xact_lock', 'pg_advisory_xact_lock', 0.95, '`advisory_xact_lock(ns, bigint)` : `pg_advisory_xact_lock(bigint)`'),
    ('text_key', 'advisory_xact_lock_text', 'hashed_text', 1.2, '`advisory_xact_lock(ns, text)` : `pg_advisory_xact_lock(hashtextextended(ns \|\| key, 0))`'),
    ('keys_1000', 'advisory_xact_lock_many', 'single_calls', 3, '`advisory_xact_lock_many`, 1,000 keys : 1,000 calls'),
    ('keys_1000', 'advisory_xact_lock_many', 'ordered_unnest', 1.0, 'the same : `SELECT pg_advisory_xact_lock(k) FROM unnest(…) ORDER BY`'),
    ('row_1', 'lock_row', 'select_1', 1.0, '`lock_row` : `SELECT … WHERE id = ANY … ORDER BY id FOR UPDATE`'),
    ('rows_1', 'lock_rows_1', 'select_1', 1.0, '`lock_rows`, 1 key : the same'),
    ('rows_10', 'lock_rows_10', 'select_10', 1.0, '`lock_rows`, 10 keys : the same'),
    ('rows_1000', 'lock_rows_1000', 'select_1000', 1.0, '`lock_rows`, 1,000 keys : the same'),
    ('rows_near', 'lock_rows_near', 'select_near', 1.0, '`lock_rows`, 1,000 consecutive keys : the same'),
    ('one_row', 'lock_row', 'select_for_update', 1.0, '`lock_row` : `SELECT … WHERE id = $1 FOR UPDATE`'),
    ('ten_rows', 'lock_rows', 'select_any_for_update', 1.0, '`lock_rows`, 10 keys : `SELECT … WHERE id = ANY … ORDER BY id FOR UPDATE`'),
    ('one_key', 'one_key', 'one_key_builtin', 0.95, 'one key handed over, held for 1 ms : `pg_advisory_xact_lock`'),
    ('one_key', 'one_key', 'one_key_polling', 5, 'the same : a loop of `pg_try_advisory_xact_lock` and 50 to 150 ms of sleep');

\echo
\echo '| where | ratio | at least | measured | ours | theirs |'
\echo '|---|---|--:|--:|--:|--:|'
SELECT format('| %s | %s | %s | %s (%s to %s) | %s µs | %s µs |',
              CASE o.clients WHEN 0 THEN 'in one backend' WHEN 1 THEN 'wire, 1 client' ELSE format('wire, %s clients', o.clients) END,
              c.what, c.least,
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY p.value / o.value))::numeric, 2),
              round((percentile_cont(0.25) WITHIN GROUP (ORDER BY p.value / o.value))::numeric, 2),
              round((percentile_cont(0.75) WITHIN GROUP (ORDER BY p.value / o.value))::numeric, 2),
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY o.value))::numeric, 2),
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY p.value))::numeric, 2))
FROM claims AS c
JOIN samples AS o ON o.workload = c.workload AND o.variant = c.ours
JOIN samples AS p ON p.workload = c.workload AND p.variant = c.peer AND p.clients = o.clients AND p.round = o.round
WHERE o.round > 0
GROUP BY c.position, c.what, c.least, o.clients ORDER BY c.position, o.clients;

SELECT count(*) > 0 AS waited FROM samples WHERE workload = 'waits' \gset
\if :waited
\echo
\echo 'A bounded wait that expires tells so this long after its bound (10 and 100 ms), in milliseconds; at most 5 are wanted:'
\echo
\echo '| call | median | longest |'
\echo '|---|--:|--:|'
SELECT format('| `%s` | %s | %s |', variant, round((percentile_cont(0.5) WITHIN GROUP (ORDER BY value) / 1000)::numeric, 2), round((max(value) / 1000)::numeric, 2))
FROM samples WHERE workload = 'waits' GROUP BY variant ORDER BY variant;
\endif
