-- What bench/pickup measures, and where it keeps the samples.

CREATE EXTENSION interlock;
CREATE SCHEMA interlock_bench;

-- Milliseconds to the handler from the moment before the INSERT was sent, and from the return of its commit.
CREATE TABLE samples (relation text, pause double precision, sent double precision, committed double precision);

CREATE TABLE notified (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload bigint NOT NULL);
CREATE TABLE polled (LIKE notified INCLUDING ALL);
SELECT interlock.enable_claims('notified', 'delete', notify => true), interlock.enable_claims('polled', 'delete');
