-- A client reads one of its own rows, and saves it with the version that it read.
\set aid :client_id * :span + random(1, :span)
SELECT abalance, filler, version FROM planner_path WHERE aid = :aid \gset
\set odd :version % 2
\if :odd
SELECT interlock.versioned_update('planner_path', :aid, :version, :odd_changes);
\else
SELECT interlock.versioned_update('planner_path', :aid, :version, :even_changes);
\endif
