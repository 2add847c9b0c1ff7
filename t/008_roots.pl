# Proves that roots survive dump and restore, prepared transactions and crashes, and that with many writers at once each root's version is its first plus the committed transactions that touched it.
use strict;
use warnings;

use InterlockTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('roots');
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\nmax_connections = 40\ndeadlock_timeout = 20ms");
$node->restart;

my $schema = <<'SQL';
CREATE TABLE customers (id integer PRIMARY KEY);
CREATE TABLE orders (id integer PRIMARY KEY, customer integer REFERENCES customers, note text);
CREATE TABLE lines (id integer, region integer, "the Order" integer REFERENCES orders ON DELETE CASCADE, quantity integer, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE lines_0 PARTITION OF lines FOR VALUES IN (0);
CREATE TABLE lines_1 PARTITION OF lines FOR VALUES IN (1);
CREATE TABLE transfers (id integer PRIMARY KEY, from_order integer REFERENCES orders, to_order integer CONSTRAINT "to" REFERENCES orders);
SELECT interlock.enable_versioning('orders', accept => 'increment', require_version => true), interlock.enable_versioning('customers');
SELECT interlock.enable_root_versioning('lines', 'orders'), interlock.enable_root_versioning('orders', 'customers'), interlock.enable_root_versioning('transfers', 'orders', 'to');
INSERT INTO customers SELECT generate_series(1, 2);
INSERT INTO orders SELECT i, i / 3 + 1, 'o' || i FROM generate_series(1, 3) AS i;
INSERT INTO lines SELECT i, i % 2, i % 3 + 1, 1 FROM generate_series(1, 20) AS i;
INSERT INTO transfers VALUES (1, 1, 2);
SQL

sub versions {
    my ($database) = @_;
    return $node->safe_psql($database, "SELECT string_agg(version::text, ',' ORDER BY id) FROM (SELECT id, version FROM orders UNION ALL SELECT id + 100, version FROM customers) AS v (id, version)");
}

$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql('source', "CREATE EXTENSION interlock;\n$schema");
is(versions('source'), '2,3,2,4,3', 'the source counts');
my %source = (versioning => versioning($node, 'source'), versions => versions('source'));
like($source{versioning}, qr/^lines_1\|.*\{orders\}\|\{\}$/m, 'a partition has its root');

# Whole dumps.
my $folder = PostgreSQL::Test::Utils::tempdir();
for my $format ('plain', 'custom', 'directory') {
    $node->safe_psql('postgres', "CREATE DATABASE $format");
    $node->command_ok([ 'pg_dump', '--format', $format, '--file', "$folder/$format", '-d', $node->connstr('source') ], "pg_dump, $format format");
    # Jobs that work side by side make a partitioned table's triggers before all its partitions have their rows, unless
    # the sections follow one another.
    my @sections = $format eq 'directory' ? map { "--section=$_" } 'pre-data', 'data', 'post-data' : ('');
    for my $section (@sections) {
        my @restore = $format eq 'plain'
            ? ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/plain", '-d', $node->connstr($format))
            : ('pg_restore', '--exit-on-error', ($section ? ($section, '--jobs', 2) : ()), '-d', $node->connstr($format), "$folder/$format");
        $node->command_ok(\@restore, "$format format is restored without an error $section");
    }
    is(versioning($node, $format), $source{versioning}, "$format: the same roots");
    is(versions($format), $source{versions}, "$format: no root was bumped");
    $node->safe_psql($format, 'UPDATE lines SET quantity = 2 WHERE "the Order" = 2; UPDATE transfers SET to_order = 3');
    is(versions($format), '2,5,3,6,4', "$format: they go on counting");
}

# Data only: with --disable-triggers, or roots are bumped once by each COPY of children.
for my $form ([ 'without_triggers', $source{versions}, '--disable-triggers' ],
    [ 'with_triggers', '2,4,2,6,4', '--table', 'customers', '--table', 'orders', '--table', 'transfers' ]) {
    my ($database, $wanted, @options) = @$form;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->command_ok([ 'pg_dump', '--schema-only', '--file', "$folder/schema.sql", '-d', $node->connstr('source') ], 'pg_dump --schema-only');
    $node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/schema.sql", '-d', $node->connstr($database) ], 'psql prepares the tables');
    $node->command_ok([ 'pg_dump', '--data-only', @options, '--file', "$folder/data.sql", '-d', $node->connstr('source') ], "pg_dump --data-only @options");
    $node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/data.sql", '-d', $node->connstr($database) ], 'psql loads the data');
    is(versions($database), $wanted, "data only @options");
}

# PREPARE TRANSACTION bumps before it prepares; the versions come with COMMIT PREPARED, in another session, after a crash.
$node->safe_psql('source', <<'SQL');
BEGIN;
INSERT INTO lines VALUES (100, 0, 1, 1);
PREPARE TRANSACTION 'kept';
BEGIN;
INSERT INTO lines VALUES (101, 0, 3, 1);
PREPARE TRANSACTION 'rolled back';
SQL
is(versions('source'), $source{versions}, 'prepared: nobody sees it');
is(refused($node, 'source', "SET lock_timeout = '100ms'; UPDATE orders SET note = 'locked', version = version + 1 WHERE id = 1"),
    '55P03 canceling statement due to lock timeout', 'prepared: the root is locked');
$node->stop('immediate');
$node->start;
$node->safe_psql('source', "COMMIT PREPARED 'kept'; ROLLBACK PREPARED 'rolled back'");
is(versions('source'), '3,3,2,5,3', 'committed: it was bumped');
$node->safe_psql('source', q{BEGIN; INSERT INTO lines VALUES (102, 1, 3, 1); COMMIT});
$node->stop('immediate');
$node->start;
is(versions('source'), '3,3,3,5,4', 'after a crash the bumps are there, with the lines');
is($node->safe_psql('source', 'SELECT count(*) FROM lines WHERE id >= 100'), 2, 'and so are the lines');
is(refused($node, 'source', "BEGIN; SAVEPOINT a; INSERT INTO lines VALUES (103, 0, 1, 1); RELEASE a; PREPARE TRANSACTION 'too'; ROLLBACK PREPARED 'too'"), 'done', 'a savepoint in a prepared one');
is(versions('source'), '3,3,3,5,4', 'rolled back');

# Many writers of lines, in every way, over few orders of two customers.
my ($writers, $transactions, $orders) = (12, 400, 5);
$node->safe_psql('postgres', $schema);
$node->safe_psql('postgres', <<"SQL");
TRUNCATE customers, orders, lines, transfers;
INSERT INTO customers SELECT generate_series(1, 2);
INSERT INTO orders SELECT i, i % 2 + 1 FROM generate_series(1, $orders) AS i;
CREATE SEQUENCE numbers;
SQL

# Each prints "ack|order|…" for the orders that it touched, once it is committed.
sub transaction {
    my @touched = map { 1 + int rand $orders } 1 .. 1 + int rand 3;
    my $insert = sub { "INSERT INTO lines VALUES (nextval('numbers'), " . int(rand 2) . ", $_[0], 1);\n" };
    my $change = sub { my $by = 1 + int rand 9; "UPDATE lines SET quantity = quantity + $by WHERE \"the Order\" = $_[0] AND id = (SELECT max(id) FROM lines WHERE \"the Order\" = $_[0] AND id % 7 = " . int(rand 7) . ") RETURNING 'touched', $_[0];\n" };
    my $sql = "BEGIN;\n";
    for my $order (@touched) {
        $sql .= $insert->($order);
        $sql .= "SAVEPOINT s;\n" . $insert->(1 + int rand $orders) . (rand() < 0.3 ? "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED;\n" : '') . "ROLLBACK TO s;\n" if rand() < 0.3;
        $sql .= "SAVEPOINT t;\n" . $insert->($order) . "RELEASE t;\n" if rand() < 0.3;
        $sql .= "UPDATE orders SET note = random()::text, version = version + 1 WHERE id = $order AND false;\n" if rand() < 0.1;
    }
    my $committed = rand() < 0.9;
    return $sql . "ROLLBACK;\n" unless $committed;
    return $sql . "SELECT 'ack|" . join('|', @touched) . "' AS ack \\gset\nCOMMIT;\n\\if :ERROR\n\\else\n\\echo :ack\n\\endif\n";
}

my $seed = srand;
note "seed $seed";
my @lines = finish_writers(map { start_writer($node, join '', map { transaction() } 1 .. $transactions) } 1 .. $writers);
my (%wanted, %customers, %seen);
for (@lines) {
    $seen{ /^(error \w+|\w+)/ ? $1 : $_ }++;
    next unless /^ack\|(.*)$/;
    my %touched = map { $_ => 1 } split /\|/, $1;
    my %above = map { $_ % 2 + 1 => 1 } keys %touched;
    $wanted{$_}++ for keys %touched;
    $customers{$_}++ for keys %above;
}
note "$_: $seen{$_}" for sort keys %seen;
my %final = map { split /\|/ } split /\n/, $node->safe_psql('postgres', 'SELECT id, version FROM orders');
is_deeply(\%final, { map { $_ => 1 + $wanted{$_} } 1 .. $orders }, 'orders: version = 1 + committed transactions that touched them');
%final = map { split /\|/ } split /\n/, $node->safe_psql('postgres', 'SELECT id, version FROM customers');
# the first one is from the orders' own INSERT
is_deeply(\%final, { map { $_ => 2 + $customers{$_} } 1, 2 }, 'customers: the same, one level higher');
cmp_ok($seen{ack}, '>', $writers * $transactions / 4, 'most were committed');
is_deeply([ grep { /^error/ && !/40P01/ } sort keys %seen ], [], 'no other error than a deadlock after SET CONSTRAINTS in the middle');

$node->stop;
done_testing();
