# Proves that transfers under lock_rows lose nothing and never deadlock, with many sessions that lock the same rows in random order, with bounds, telling, skipping, and taking back.
use strict;
use warnings;

use InterlockTest;
use Test::More;

my $sessions = 10;
my $transfers = 400;  # of each
my $rows = 12;        # of each table

my $node = new_node('rows');
$node->append_conf('postgresql.conf', "max_connections = 40\ndeadlock_timeout = 20ms");
$node->restart;
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE plain (id integer PRIMARY KEY, balance bigint NOT NULL DEFAULT 1000, n bigint NOT NULL DEFAULT 0, version bigint NOT NULL DEFAULT 1);
CREATE TABLE parted (LIKE plain INCLUDING ALL) PARTITION BY HASH (id);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 (version bigint NOT NULL DEFAULT 1, n bigint NOT NULL DEFAULT 0, id integer NOT NULL, balance bigint NOT NULL DEFAULT 1000);
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT interlock.enable_versioning('plain');
SELECT interlock.enable_versioning('parted');
INSERT INTO plain SELECT generate_series(1, $rows);
INSERT INTO parted SELECT generate_series(1, $rows);
SQL

# One transaction each. What a lock returned is what is there: an UPDATE by those values must find its row.
$node->safe_psql('postgres', <<"SQL") for qw(plain parted);
CREATE FUNCTION put(row_then $_, amount integer) RETURNS integer LANGUAGE plpgsql AS \$\$
BEGIN
    UPDATE $_ SET balance = balance + amount, n = n + 1 WHERE id = row_then.id AND balance = row_then.balance AND n = row_then.n AND version = row_then.version;
    IF NOT FOUND THEN RAISE EXCEPTION 'row % of $_ was not locked', row_then; END IF;
    RETURN 1;
END \$\$;
-- takes from the first row what it gives to the last; the number of rows changed
CREATE FUNCTION transfer(of $_, rows $_\[], amount integer) RETURNS integer LANGUAGE plpgsql AS \$\$
BEGIN
    IF cardinality(rows) < 2 THEN RETURN 0; END IF;
    RETURN put(rows[1], -amount) + put(rows[cardinality(rows)], amount);
END \$\$;
CREATE FUNCTION pay(of $_, way text, keys integer[], amount integer) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
    locked $_\[];
    done integer;
BEGIN
    CASE way
        WHEN 'wait' THEN locked := ARRAY(SELECT r FROM interlock.lock_rows(of, keys) AS r);
        WHEN 'bound' THEN locked := ARRAY(SELECT r FROM interlock.lock_rows(of, keys, wait => '5 ms') AS r);
        WHEN 'zero' THEN locked := ARRAY(SELECT r FROM interlock.lock_rows(of, keys, 'no key update', '0') AS r);
        WHEN 'skip' THEN locked := ARRAY(SELECT r FROM interlock.lock_rows(of, keys, skip_locked => true) AS r);
        WHEN 'try' THEN locked := ARRAY(SELECT r.row FROM interlock.try_lock_rows(of, keys, wait => '3 ms') AS r WHERE r.status = 'locked');
        WHEN 'back' THEN
            BEGIN
                locked := ARRAY(SELECT r FROM interlock.lock_rows(of, keys) AS r);
                PERFORM transfer(of, locked, amount);
                RAISE EXCEPTION SQLSTATE '22000';
            EXCEPTION WHEN SQLSTATE '22000' THEN
                locked := ARRAY(SELECT r.row FROM interlock.try_lock_rows(of, keys, 'no key update') AS r WHERE r.status = 'locked');
            END;
        WHEN 'one' THEN
            -- by the version that was read without a lock
            SELECT array_agg(r.row) INTO locked FROM $_ AS t, interlock.try_lock_row(of, t.id, wait => '10 ms', expected => t.version) AS r WHERE t.id = keys[1] AND r.status = 'locked';
            RETURN concat_ws('|', 'ack', '$_', CASE WHEN locked IS NULL THEN 0 ELSE put(locked[1], 0) END);
        WHEN 'anew' THEN
            locked := ARRAY(SELECT r FROM interlock.lock_rows(of, keys[1:1]) AS r);
            DELETE FROM $_ WHERE id = keys[1];
            INSERT INTO $_ SELECT (locked[1]).*;
            RETURN 'ack|$_|0';
    END CASE;
    RETURN concat_ws('|', 'ack', '$_', transfer(of, locked, amount));
END \$\$;
SQL

my @ways = qw(wait wait wait bound zero skip try back one anew);

# Those who wait for a lock that was taken in a savepoint within a savepoint, as on the planner path of a partitioned table,
# are not woken when the outer one is rolled back (PostgreSQL wakes them when the transaction ends): such a transaction
# must not go on to lock in a new order.
sub transfer_once {
    my ($direct) = @_;
    my $table = (qw(plain parted))[ rand 2 ];
    my $way = $ways[ rand @ways ];
    $way = 'wait' if $way eq 'back' && $table eq 'parted' && !$direct;
    my $keys = join ', ', map { 1 + int rand $rows } 1 .. 2 + rand 4;
    my $amount = int rand 100;
    return "SELECT pay(NULL::$table, '$way', ARRAY[$keys], $amount);\n";
}

my $seed = srand;
note "seed $seed";
my @running;
for my $session (1 .. $sessions) {
    my $direct = $session % 3;
    my $setting = $direct ? '' : "SET interlock.direct_writes = off;\n";
    push @running, start_writer($node, $setting . join '', map { transfer_once($direct) } 1 .. $transfers);
}
my @lines = finish_writers(@running);

my (%seen, %moved);
for (@lines) {
    $moved{$1} += $2 if /^ack\|(\w+)\|(\d+)$/;
    $seen{ /^(error \w+|\w+)/ ? $1 : $_ }++;
}
note "$_: $seen{$_}" for sort keys %seen;

for my $table (qw(plain parted)) {
    is($node->safe_psql('postgres', "SELECT sum(balance), count(*) FROM $table"), 1000 * $rows . "|$rows", "$table: nothing was lost, nothing came from nowhere");
    is($node->safe_psql('postgres', "SELECT sum(n) FROM $table"), $moved{$table}, "$table: every acknowledged change is there, once");
}
cmp_ok($seen{ack}, '>', $sessions * $transfers / 2, 'many transfers succeeded');
is_deeply([ grep { /^error/ && !/55P03/ } sort keys %seen ], [], 'no error but locks that were not to be had in time: no deadlock');

$node->stop;
done_testing();
