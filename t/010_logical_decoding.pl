# Proves that what logical decoding shows of a write by version is what it shows of the UPDATE that it is, on both paths, for every replica identity, and that a subscriber gets it.
use strict;
use warnings;

use InterlockTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = new_node('decoded', allows_streaming => 'logical');
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE doc (id integer PRIMARY KEY, code text NOT NULL UNIQUE, n integer, big text, twice integer GENERATED ALWAYS AS (n * 2) STORED, version bigint NOT NULL DEFAULT 1);
ALTER TABLE doc ALTER big SET STORAGE EXTERNAL;
CREATE TABLE parted (id integer PRIMARY KEY, n integer, version bigint NOT NULL DEFAULT 1) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY, n integer, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning(t) FROM unnest('{doc, parted, unlogged}'::regclass[]) AS t;
-- each row is written in one of three ways
INSERT INTO doc SELECT i, 'c' || i, 0, repeat('x', 5000) FROM generate_series(1, 3) AS i;
INSERT INTO parted SELECT i, 0 FROM generate_series(1, 3) AS i;
INSERT INTO unlogged VALUES (1, 0);
SQL

# What was decoded since the last call; the rows' numbers, which the three ways differ by, are masked.
sub decoded {
    my $changes = $node->safe_psql('postgres',
        "SELECT data FROM pg_logical_slot_get_changes('changes', NULL, NULL, 'include-xids', '0', 'skip-empty-xacts', '1')");
    $changes =~ s/id\[integer\]:\d+/id/g;
    $changes =~ s/'c\d'/'c'/g;
    $changes =~ s/'(x+)'/'x times ' . length($1)/ge;
    return $changes;
}

my ($with_direct, $without) = map { "SET interlock.direct_writes = $_;" } 'auto', 'off';
$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('changes', 'test_decoding')");

sub alike {
    my ($test, $table, $assignments, $changes, $expected) = @_;
    $node->safe_psql('postgres', "UPDATE $table SET $assignments WHERE id = 1");
    my $plain = decoded();
    like($plain, $expected, "$test: an UPDATE") if $expected;
    my $number = 1;
    for my $way ([ $with_direct, 'direct' ], [ $without, 'planner' ]) {
        $number++;
        my $written = $node->safe_psql('postgres',
            "$way->[0] SELECT r.status FROM interlock.try_versioned_update('$table', $number, (SELECT version FROM $table WHERE id = $number), '$changes') AS r");
        is($written, 'written', "$test: $way->[1] path writes");
        is(decoded(), $plain, "$test: $way->[1] path is decoded like it");
    }
}

my %identities = (
    'DEFAULT' => qr/^table public\.doc: UPDATE: id code\[text\]:'c' n\[integer\]:\d+ big\[text\]:unchanged-toast-datum twice/m,
    'FULL' => qr/UPDATE: old-key: id code\[text\]:'c' n\[integer\]:\d+ big\[text\]:x times \d+ twice\[integer\]:\d+ version\[bigint\]:\d+ new-tuple: id/,
    'USING INDEX doc_code_key' => qr/UPDATE: id code\[text\]:'c'/,
    'NOTHING' => qr/UPDATE: id code\[text\]:'c'/,
);
my $n = 0;
for my $identity (sort keys %identities) {
    $node->safe_psql('postgres', "ALTER TABLE doc REPLICA IDENTITY $identity");
    decoded();
    $n++;
    alike($identity, 'doc', "n = $n", "{\"n\": $n}", $identities{$identity});
    alike("$identity, the big value too", 'doc', "big = repeat('x', 6000 + $n)", '{"big": "' . 'x' x (6000 + $n) . '"}', qr/big\[text\]:x times 600$n/);
}
# the identity's own column: its old value goes along
$node->safe_psql('postgres', 'ALTER TABLE doc REPLICA IDENTITY USING INDEX doc_code_key');
decoded();
for my $way ([ $with_direct, 2, 'direct' ], [ $without, 3, 'planner' ]) {
    my ($set, $id, $path) = @$way;
    $node->safe_psql('postgres', "$set SELECT interlock.versioned_update('doc', $id, (SELECT version FROM doc WHERE id = $id), '{\"code\": \"new $id\"}')");
    like(decoded(), qr/UPDATE: old-key: code\[text\]:'c' new-tuple: id code\[text\]:'new $id'/, "$path path: the old value of the identity's column");
}

# partitions are decoded by their own name, whichever name was written to
alike('partition', 'parted', 'n = 1', '{"n": 1}', qr/^table public\.parted_1: UPDATE/m);
alike('partition by its name', 'parted_1', 'n = 2', '{"n": 2}', qr/^table public\.parted_1: UPDATE/m);
# what is not written is not decoded, and an unlogged table never is
$node->safe_psql('postgres', <<'SQL');
SELECT interlock.versioned_update('unlogged', 1, 1, '{"n": 1}');
SELECT r.status FROM interlock.try_versioned_update('doc', 1, 1, '{"n": 99}') AS r;
SELECT r.status FROM interlock.try_versioned_update('doc', 1, (SELECT version FROM doc WHERE id = 1), (SELECT jsonb_build_object('n', n) FROM doc WHERE id = 1)) AS r;
BEGIN;
SELECT interlock.versioned_update('doc', 1, (SELECT version FROM doc WHERE id = 1), '{"n": 99}');
ROLLBACK;
SQL
is(decoded(), '', 'nothing is decoded of what was not written, taken back, or unlogged');
# several writes of one transaction come in their order, without the one that a savepoint took back
$node->safe_psql('postgres', <<'SQL');
BEGIN;
SELECT interlock.versioned_update('parted_1', 1, (SELECT version FROM parted WHERE id = 1), '{"n": 10}');
SAVEPOINT s;
SELECT interlock.versioned_update('parted', 1, (SELECT version FROM parted WHERE id = 1), '{"n": 11}');
ROLLBACK TO s;
SELECT interlock.versioned_update('parted', 1, (SELECT version FROM parted WHERE id = 1), '{"n": 12}');
COMMIT;
SQL
is(join(' ', decoded() =~ /n\[integer\]:(\d+)/g), '10 12', 'savepoints and order are kept');

# A subscriber takes it, with every identity that publishes updates.
my $subscriber = new_node('applied');
my $tables = <<'SQL';
CREATE TABLE by_key (id integer PRIMARY KEY, code text NOT NULL UNIQUE, n integer, big text, version bigint NOT NULL DEFAULT 1);
CREATE TABLE by_index (id integer PRIMARY KEY, code text NOT NULL UNIQUE, n integer, big text, version bigint NOT NULL DEFAULT 1);
CREATE TABLE in_full (id integer PRIMARY KEY, code text NOT NULL UNIQUE, n integer, big text, version bigint NOT NULL DEFAULT 1);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_code_key;
ALTER TABLE in_full REPLICA IDENTITY FULL;
SELECT interlock.enable_versioning(t, accept => 'echo', require_version => true) FROM unnest('{by_key, by_index, in_full}'::regclass[]) AS t;
SQL
my @tables = ('by_key', 'by_index', 'in_full');
$_->safe_psql('postgres', $tables) for $node, $subscriber;
for my $table (@tables) {
    $node->safe_psql('postgres', "INSERT INTO $table SELECT i, 'c' || i, 0, string_agg(md5(j::text), '') FROM generate_series(1, 4) AS i, generate_series(1, 200) AS j GROUP BY i");
}
$node->safe_psql('postgres', 'CREATE PUBLICATION everything FOR TABLE by_key, by_index, in_full');
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION copy CONNECTION '" . $node->connstr . " dbname=postgres' PUBLICATION everything");
$subscriber->wait_for_subscription_sync($node, 'copy');
for my $table (@tables) {
    for my $way ([ $with_direct, 1 ], [ $without, 2 ]) {
        my ($set, $id) = @$way;
        $node->safe_psql('postgres', "$set SELECT interlock.versioned_update('$table', $id, 1, '{\"n\": 7}'), interlock.versioned_update('$table', $id, 2, '{\"code\": \"new $id\"}'), interlock.versioned_update('$table', $id, 3, '{\"big\": \"small\"}')");
    }
}
$node->wait_for_catchup('copy');
is(rows($subscriber, 'postgres', @tables), rows($node, 'postgres', @tables), 'a subscriber has every row, its untouched values, and its version');
is($subscriber->safe_psql('postgres', 'SELECT DISTINCT n, big, version FROM by_key WHERE id < 3'), '7|small|4', 'as written');

$subscriber->stop;
$node->stop;
done_testing();
