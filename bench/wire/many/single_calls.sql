-- Each client goes round its own rows, one call after the other. (For a transaction of many calls, bench/run repeats these lines.)
\set i :i + 1
\set aid :client_id * :span + :i % :span + 1
\set version 1 + :i / :span
\set odd :version % 2
\if :odd
SELECT interlock.versioned_update('single_calls', :aid, :version, :odd_changes);
\else
SELECT interlock.versioned_update('single_calls', :aid, :version, :even_changes);
\endif
