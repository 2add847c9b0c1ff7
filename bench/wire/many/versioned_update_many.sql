-- A client goes round the rows, :size of them in one call. Only the call itself is measured.
\set i :i + 1
\set first :i * :size % :span + 1
\set version 1 + :i * :size / :span
SELECT batch(:first, :size, :version) AS changes \gset
SELECT count(*) FROM interlock.versioned_update_many('versioned_update_many', :changes);
