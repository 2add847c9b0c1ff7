-- Each client goes round its own rows with an UPDATE that knows no version.
\set i :i + 1
\set aid :client_id * :span + :i % :span + 1
\set version 1 + :i / :span
\set odd :version % 2
UPDATE inline_bump SET abalance = :odd, version = version + 1 WHERE aid = :aid;
