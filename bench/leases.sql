-- What bench/leases measures, and where it keeps the samples.

CREATE EXTENSION interlock;
CREATE SCHEMA interlock_bench;
SELECT interlock.create_lock_namespace('bench', 'text');
SELECT interlock.create_lock_namespace('bench silent', 'text', notify => false);

-- Microseconds a transaction.
CREATE TABLE samples (workload text, variant text, clients integer, keys integer, round integer, value double precision);

-- The same table, for what is written by hand; both start with the same rows.
CREATE TABLE leases_by_hand (LIKE interlock.lease_registry INCLUDING ALL) WITH (fillfactor = 50);
CREATE TABLE results (id integer PRIMARY KEY, value bigint) WITH (fillfactor = 10);
INSERT INTO results SELECT i, 0 FROM generate_series(0, 100) AS i;

-- Rows to check out, and for what is written by hand the same with the columns that it needs; one with a guard that
-- nobody has a row of.
CREATE TABLE guarded (id integer PRIMARY KEY, body text) WITH (fillfactor = 50);
CREATE TABLE documents (id integer PRIMARY KEY, body text, holder text, token bigint NOT NULL DEFAULT 0, held_until timestamptz) WITH (fillfactor = 50);
SELECT interlock.enable_checkout('guarded');

CREATE PROCEDURE renew_tables(keys integer) LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE interlock.lease_registry, leases_by_hand, interlock.checkout_registry, guarded, documents;
    INSERT INTO guarded SELECT i, 'text ' || i FROM generate_series(1, greatest(keys, 8)) AS i;
    INSERT INTO documents SELECT i, 'text ' || i FROM generate_series(1, greatest(keys, 8)) AS i;
    INSERT INTO interlock.lease_registry
        SELECT n.id, 'job ' || i, 1, NULL, now(), now()
        FROM interlock.lock_namespaces AS n, generate_series(1, keys) AS i ORDER BY n.id, i;
    INSERT INTO leases_by_hand SELECT 1, 'job ' || i, 1, NULL, now(), now() FROM generate_series(1, keys) AS i;
END $$;
