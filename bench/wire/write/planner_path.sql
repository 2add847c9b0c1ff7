-- Each client goes round its own rows: it knows the version of each without asking.
\set i :i + 1
\set aid :client_id * :span + :i % :span + 1
\set version 1 + :i / :span
\set odd :version % 2
\if :odd
SELECT interlock.versioned_update('planner_path', :aid, :version, :odd_changes);
\else
SELECT interlock.versioned_update('planner_path', :aid, :version, :even_changes);
\endif
