# Proves that logical replication applies versions verbatim, that the subscriber's own writes are judged, and that ENABLE ALWAYS is the problem it is shown as.
use strict;
use warnings;

use InterlockTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $publisher = new_node('publisher', allows_streaming => 'logical');
my $subscriber = new_node('subscriber');

my $tables = <<'SQL';
CREATE TABLE docs (id integer PRIMARY KEY, name text, hits integer, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('docs', except_columns => '{hits}', accept => 'echo', require_version => true);
CREATE TABLE clocked (id integer PRIMARY KEY, name text, at timestamptz);
SELECT interlock.enable_versioning('clocked', 'at');
CREATE TABLE parted (id integer PRIMARY KEY, name text, version bigint NOT NULL DEFAULT 1) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
SELECT interlock.enable_versioning('parted');
SQL
my @tables = ('docs', 'clocked', 'parted');

$publisher->safe_psql('postgres', $tables);
$subscriber->safe_psql('postgres', $tables);
$publisher->safe_psql('postgres', <<'SQL');
INSERT INTO docs SELECT i, 'a', 0, i * 100 FROM generate_series(1, 3) AS i;
INSERT INTO clocked VALUES (1, 'a', '2020-01-01');
INSERT INTO parted VALUES (1, 'a', 7), (11, 'a', 8);
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish_via_partition_root = true);
SQL
my $connection = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION copy CONNECTION '$connection' PUBLICATION everything");
$subscriber->wait_for_subscription_sync($publisher, 'copy');

sub is_verbatim {
    my ($test) = @_;
    $publisher->wait_for_catchup('copy');
    is(rows($subscriber, 'postgres', @tables), rows($publisher, 'postgres', @tables), $test);
}

is_verbatim('the first copy keeps versions');

$publisher->safe_psql('postgres', <<'SQL');
UPDATE docs SET name = 'b', version = 100 WHERE id = 1;
SELECT interlock.versioned_update('docs', 2, 200, '{"name": "b"}');
UPDATE docs SET hits = 1 WHERE id = 2;
UPDATE docs SET id = 30, version = 300 WHERE id = 3;
INSERT INTO docs (id, name) VALUES (4, 'new'), (5, 'new');
DELETE FROM docs WHERE id = 5;
UPDATE clocked SET name = 'b';
INSERT INTO clocked VALUES (2, 'a', NULL);
UPDATE parted SET name = 'b';
UPDATE parted SET id = 12 WHERE id = 1;
SQL
is_verbatim('updates, inserts, deletes and moves arrive with their versions');

# What no trigger on the way would accept: one far jump and one back, written with triggers off.
$publisher->safe_psql('postgres', <<'SQL');
SET session_replication_role = replica;
UPDATE docs SET name = 'repaired', version = 5000 WHERE id = 1;
UPDATE docs SET name = 'repaired', version = 3 WHERE id = 2;
UPDATE clocked SET at = '2019-01-01' WHERE id = 1;
SQL
is_verbatim('any version is applied as it comes');

# The subscriber's own writes are judged there, and differ from then on, as they always do.
is($subscriber->safe_psql('postgres', "UPDATE docs SET name = 'local', version = 1 WHERE id = 4 RETURNING version"), 2, 'a local write moves the version on');
like(refused($subscriber, 'postgres', "UPDATE docs SET name = 'other' WHERE id = 4"), qr/^IL005 /, 'a version is required of it');
like(refused($subscriber, 'postgres', q{SELECT interlock.versioned_update('docs', 4, 1, '{"name": "c"}')}), qr/^IL001 /, 'and must be the row\'s');
$publisher->safe_psql('postgres', "UPDATE docs SET name = 'remote', version = 1 WHERE id = 4; UPDATE docs SET name = 'remote 2', version = 2 WHERE id = 4");
is_verbatim('what is replicated is written over it, version and all');

# ENABLE ALWAYS makes the trigger judge what was judged already: shown as a problem, and it is one.
is($subscriber->safe_psql('postgres', "SELECT DISTINCT problems FROM interlock.versioned_tables"), '{}', 'there is no problem so far');
$subscriber->safe_psql('postgres', 'ALTER TABLE docs ENABLE ALWAYS TRIGGER "~interlock_version"');
is($subscriber->safe_psql('postgres', "SELECT relation, problems FROM interlock.versioned_tables WHERE problems <> '{}'"),
    'docs|{"its version trigger fires on replicas too and would refuse what is replicated"}', 'ALWAYS is shown');
like(refused($subscriber, 'postgres', "SELECT interlock.assert_versioned('{docs}')"), qr/^55000 /, 'and asserted');
my $log = -s $subscriber->logfile;
$publisher->safe_psql('postgres', "UPDATE docs SET name = 'c', version = 5000 WHERE id = 1");
$subscriber->wait_for_log(qr/ERROR:  row \(id\)=\(1\) of table "docs" is at version 5000, not 5001/, $log);
pass('it refuses what is replicated');
$subscriber->safe_psql('postgres', 'ALTER TABLE docs ENABLE TRIGGER "~interlock_version"');
is_verbatim('back in ORIGIN mode everything arrives');

$subscriber->stop;
$publisher->stop;
done_testing();
