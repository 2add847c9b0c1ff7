-- versioned_update_many on the direct path: rows that follow one another are one statement as long as they change
-- the same columns. On the planner path the answers are the same.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS interlock;
CREATE SCHEMA batch_sequences;
SET search_path = batch_sequences;

CREATE DOMAIN small AS integer CHECK (VALUE < 1000);
CREATE TABLE items (
    id integer PRIMARY KEY,
    name text NOT NULL,
    amount small,
    doubled integer GENERATED ALWAYS AS (amount * 2) STORED,
    document text,
    version bigint NOT NULL DEFAULT 1,
    CHECK (amount >= 0)
);
CREATE INDEX ON items (name);
SELECT interlock.enable_versioning('items');
INSERT INTO items (id, name, amount, document) SELECT i, 'item ' || i, i, repeat('toasted ', 1000 * (i % 3)) FROM generate_series(1, 9) AS i;

-- The same change to some rows, all of which are at one version.
CREATE FUNCTION batch(first integer, last integer, expected bigint, change jsonb) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_agg(jsonb_build_object('id', i, 'version', expected) || change) FROM generate_series(first, last) AS i
$$;

-- The same columns; then sets of columns that alternate, in the order of the keys; an indexed column; nothing changed.
SELECT * FROM interlock.versioned_update_many('items', batch(1, 9, 1, '{"amount": 50}'));
SELECT * FROM interlock.versioned_update_many('items',
    batch(1, 3, 2, '{"amount": 51}') || batch(7, 9, 2, '{"amount": 53}') || batch(4, 6, 2, '{"name": "x", "amount": 52}'));
SELECT * FROM interlock.versioned_update_many('items', batch(1, 9, 3, '{"amount": 52}'));
SELECT id, name, amount, doubled, length(document) AS length, version FROM items ORDER BY id;

-- What a row refuses, and values that cannot be read, undo the rows before it.
SELECT * FROM interlock.versioned_update_many('items', batch(1, 2, 4, '{"amount": 60}') || batch(3, 3, 4, '{"amount": -1}'));
SELECT * FROM interlock.versioned_update_many('items', batch(1, 2, 4, '{"amount": 60}') || batch(3, 3, 4, '{"amount": 1000}'));
SELECT * FROM interlock.versioned_update_many('items', batch(1, 2, 4, '{"amount": 60}') || batch(4, 4, 1, '{"amount": 60}')
    || batch(12, 12, 1, '{"amount": 60}'));
DO $$
BEGIN
    PERFORM interlock.versioned_update_many('items', batch(7, 7, 4, '{"amount": 61}') || batch(8, 8, 1, '{"amount": 61}'));
EXCEPTION WHEN sqlstate 'IL001' THEN
    RAISE WARNING 'caught %', SQLSTATE;
END
$$;
SELECT id, status, version, current -> 'amount' AS amount FROM (
    SELECT (key ->> 'id')::integer AS id, status, version, current
    FROM interlock.try_versioned_update_many('items', batch(1, 9, 4, '{"amount": 62}'))) AS r ORDER BY id;
SELECT id, amount, version FROM items ORDER BY id;
SELECT id, status, version, current -> 'amount' AS amount FROM (
    SELECT (key ->> 'id')::integer AS id, status, version, current
    FROM interlock.try_versioned_update_many('items', batch(1, 9, 4, '{"amount": 62}') || batch(12, 12, 4, '{"amount": 62}'), true)) AS r
ORDER BY id;
SELECT id, amount, doubled, version FROM items ORDER BY id;

-- A later command sees the rows, and what the caller may not write is refused.
BEGIN;
SELECT count(*) FROM interlock.versioned_update_many('items', batch(7, 9, 5, '{"amount": 63}'));
SELECT count(*) FROM interlock.versioned_update_many('items', batch(7, 9, 6, '{"amount": 64}'));
SELECT id, amount, version FROM items WHERE id >= 7 ORDER BY id;
ROLLBACK;
CREATE ROLE regress_batch_writer;
GRANT USAGE ON SCHEMA batch_sequences, interlock TO regress_batch_writer;
GRANT SELECT, UPDATE (amount) ON items TO regress_batch_writer;
SET ROLE regress_batch_writer;
SELECT count(*) FROM interlock.versioned_update_many('items', batch(7, 8, 5, '{"amount": 70}') || batch(9, 9, 5, '{"name": "y"}'));
SELECT count(*) FROM interlock.versioned_update_many('items', batch(7, 9, 5, '{"amount": 71}'));
RESET ROLE;

-- Triggers see each row as if it were written alone.
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING '% % %: % to %, % rows are at 80', TG_WHEN, TG_OP, NEW.id, OLD.amount, NEW.amount,
        (SELECT count(*) FROM items WHERE amount = 80);
    RETURN NEW;
END
$$;
CREATE TRIGGER note_after AFTER UPDATE ON items FOR EACH ROW EXECUTE FUNCTION note();
SELECT count(*) FROM interlock.versioned_update_many('items', batch(7, 8, 6, '{"amount": 80}'));
DROP TRIGGER note_after ON items;
CREATE TRIGGER note_before BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION note();
SELECT count(*) FROM interlock.versioned_update_many('items', batch(7, 8, 7, '{"amount": 81}'));

DROP SCHEMA batch_sequences CASCADE;
DROP OWNED BY regress_batch_writer;
DROP ROLE regress_batch_writer;
