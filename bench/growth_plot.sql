-- The data of the picture: size, then the ratio and its quartiles, a block for each dimension.

SELECT format(E'SELECT size, percentile_cont(0.5) WITHIN GROUP (ORDER BY hand / ours),
        percentile_cont(0.25) WITHIN GROUP (ORDER BY hand / ours),
        percentile_cont(0.75) WITHIN GROUP (ORDER BY hand / ours)
    FROM samples WHERE round > 0 AND dimension = %L GROUP BY size
    UNION ALL SELECT NULL, NULL, NULL, NULL UNION ALL SELECT NULL, NULL, NULL, NULL
    ORDER BY size', dimension)
FROM unnest(ARRAY['rows', 'scattered_rows', 'columns', 'tables', 'partitions']) WITH ORDINALITY AS d (dimension, position)
ORDER BY position
\gexec
