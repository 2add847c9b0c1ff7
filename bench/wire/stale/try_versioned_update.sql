-- A client saves with a version that has gone, and is told what the row is now.
\set aid :client_id * :span + random(1, :span)
SELECT r.* FROM interlock.try_versioned_update('try_versioned_update', :aid, 0, :odd_changes) AS r;
