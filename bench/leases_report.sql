-- The report of bench/leases, as Markdown.

CREATE TEMP TABLE claims (position serial, workload text, ours text, peer text, least float8, what text);
INSERT INTO claims (workload, ours, peer, least, what) VALUES
    ('acquire', 'acquire_release', 'upsert_update', 1.0, '`try_acquire_lease` and `release_lease` : an upsert and an `UPDATE` by hand'),
    ('acquire', 'acquire_release', 'read_then_update', 2.0, 'the same : insert, read under a lock, update, in a transaction, and an `UPDATE`'),
    ('acquire', 'acquire_release_silent', 'upsert_update', 1.0, 'where releases notify nobody : an upsert and an `UPDATE` by hand'),
    ('acquire', 'acquire_release_silent', 'acquire_release', NULL, 'where releases notify nobody : where they notify'),
    ('renew', 'renew', 'renew_by_hand', 1.0, '`renew_lease` : an `UPDATE` by hand'),
    ('check', 'check', 'check_by_hand', 1.0, '`check_lease`, a write, commit : `SELECT … FOR KEY SHARE`, the same write'),
    ('checkout', 'checkout_checkin', 'checkout_by_hand', NULL, '`checkout` and `checkin` : two `UPDATE`s of columns of the row by hand'),
    ('guard', 'guarded_update', 'unguarded_update', NULL, '`UPDATE` of a row with a guard : of one without');

\echo
\echo '| leases stored | clients | ratio | at least | measured | ours | theirs |'
\echo '|--:|--:|---|--:|--:|--:|--:|'
SELECT format('| %s | %s | %s | %s | %s (%s to %s) | %s µs | %s µs |', o.keys, o.clients, c.what, coalesce(c.least::text, '–'),
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY p.value / o.value))::numeric, 2),
              round((percentile_cont(0.25) WITHIN GROUP (ORDER BY p.value / o.value))::numeric, 2),
              round((percentile_cont(0.75) WITHIN GROUP (ORDER BY p.value / o.value))::numeric, 2),
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY o.value))::numeric, 1),
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY p.value))::numeric, 1))
FROM claims AS c
JOIN samples AS o ON o.workload = c.workload AND o.variant = c.ours
JOIN samples AS p ON p.workload = c.workload AND p.variant = c.peer AND p.clients = o.clients AND p.keys = o.keys AND p.round = o.round
GROUP BY c.position, c.what, c.least, o.clients, o.keys ORDER BY c.position, o.keys, o.clients;

\echo
\echo '| of a million leases stored, against 100 | clients | time |'
\echo '|---|--:|--:|'
SELECT format('| `%s` | %s | %s times |', variant, clients,
              round((percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FILTER (WHERE keys = 1000000)
                     / percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FILTER (WHERE keys = 100))::numeric, 2))
FROM samples GROUP BY workload, variant, clients ORDER BY workload, variant, clients;
