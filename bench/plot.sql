-- The data of the picture: variant, then median and quartiles, two blocks; then
-- rows a second by the size of a batch.

CREATE TEMP VIEW bars AS
SELECT workload, variant, clients,
       concat_ws(' ', percentile_cont(0.5) WITHIN GROUP (ORDER BY value),
                 percentile_cont(0.25) WITHIN GROUP (ORDER BY value),
                 percentile_cont(0.75) WITHIN GROUP (ORDER BY value)) AS bar
FROM samples
GROUP BY workload, variant, clients;

CREATE TEMP TABLE labels (position serial, variant text, label text);
INSERT INTO labels (variant, label) VALUES
    ('versioned_update', '"versioned_update"'),
    ('planner_path', '"its planner\npath"'),
    ('hand_written', '"hand-written\nUPDATE"'),
    ('plpgsql_function', '"PL/pgSQL\nfunction"');

SELECT label, one.bar, eight.bar
FROM labels JOIN bars AS one USING (variant) JOIN bars AS eight USING (workload, variant)
WHERE workload = 'write' AND one.clients = 1 AND eight.clients = 8
ORDER BY position;

\echo
\echo
SELECT label, bar FROM labels JOIN bars USING (variant) WHERE workload = 'loop' ORDER BY position;

\echo
\echo
SELECT substr(workload, 6),
       max(bar) FILTER (WHERE variant = 'single_calls'),
       max(bar) FILTER (WHERE variant = 'recordset_update'),
       max(bar) FILTER (WHERE variant = 'versioned_update_many')
FROM bars
WHERE workload ~ '^many_\d'
GROUP BY workload
ORDER BY length(workload);
