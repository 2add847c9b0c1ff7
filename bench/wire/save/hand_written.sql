-- A client reads one of its own rows, and saves it with the version that it read.
\set aid :client_id * :span + random(1, :span)
SELECT abalance, filler, version FROM hand_written WHERE aid = :aid \gset
\set odd :version % 2
UPDATE hand_written SET abalance = :odd, version = version + 1 WHERE aid = :aid AND version = :version;
