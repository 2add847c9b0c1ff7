-- A client saves with a version that has gone: the UPDATE finds no row, so it asks what the row is now.
\set aid :client_id * :span + random(1, :span)
UPDATE update_then_select SET abalance = 1, version = version + 1 WHERE aid = :aid AND version = 0;
SELECT aid, bid, abalance, filler, version FROM update_then_select WHERE aid = :aid;
