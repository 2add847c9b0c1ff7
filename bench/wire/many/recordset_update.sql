-- A client goes round the rows, :size of them in one statement. Only the statement itself is measured.
\set i :i + 1
\set first :i * :size % :span + 1
\set version 1 + :i * :size / :span
SELECT batch(:first, :size, :version) AS changes \gset
UPDATE recordset_update AS t SET abalance = x.abalance, version = t.version + 1 FROM jsonb_to_recordset(:changes) AS x(aid integer, version bigint, abalance integer) WHERE t.aid = x.aid AND t.version = x.version;
