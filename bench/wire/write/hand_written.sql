-- Each client goes round its own rows: it knows the version of each without asking.
\set i :i + 1
\set aid :client_id * :span + :i % :span + 1
\set version 1 + :i / :span
\set odd :version % 2
UPDATE hand_written SET abalance = :odd, version = version + 1 WHERE aid = :aid AND version = :version;
