# Proves that with many writers of every kind at once each row's version is 1 + its acknowledged changes, each version given out once, and that nothing is lost where versions are required.
use strict;
use warnings;

use InterlockTest;
use Test::More;

my $writers = 16;
my $writes = 1000;  # of each
my $rows = 6;      # of each table

# plain and parted take every kind of write; in strict, where a version is required, n counts the writes.
my %tables = (plain => [ 1 .. $rows ], parted => [ 1 .. $rows ], strict => [ 1 .. $rows ]);
my $node = new_node('many');
$node->append_conf('postgresql.conf', "max_connections = 40\ndeadlock_timeout = 20ms");
$node->restart;
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE plain (id integer PRIMARY KEY, n bigint NOT NULL DEFAULT 0, version bigint NOT NULL DEFAULT 1);
CREATE TABLE parted (id integer, region integer DEFAULT 0, n bigint NOT NULL DEFAULT 0, version integer NOT NULL DEFAULT 1, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES IN (0);
CREATE TABLE parted_1 (version integer NOT NULL DEFAULT 1, n bigint NOT NULL DEFAULT 0, region integer NOT NULL, id integer NOT NULL);
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES IN (1);
CREATE TABLE strict (id integer PRIMARY KEY, n bigint NOT NULL DEFAULT 0, version smallint NOT NULL DEFAULT 1);
INSERT INTO plain SELECT generate_series(1, $rows);
INSERT INTO parted SELECT generate_series(1, $rows);
INSERT INTO strict SELECT generate_series(1, $rows);
SELECT interlock.enable_versioning('plain');
SELECT interlock.enable_versioning('parted');
SELECT interlock.enable_versioning('strict', accept => 'increment', require_version => true);
SQL

# Each kind prints "ack|table|id|version" once a new version is committed, and nothing like it otherwise.
sub write_once {
    my ($table) = (sort keys %tables)[ rand 3 ];
    my $id = 1 + int rand $rows;
    my $ack = "'ack', '$table', id, version";
    # Where echo and increment are both accepted, a stale increment may pass for an echo: it is a change all the same.
    my $value = $table eq 'strict' ? 'n + 1' : '(random() * 1e15)::bigint';
    my $region = $table eq 'parted' ? 'region' : 'NULL';
    my $key = $table eq 'parted' ? "jsonb_build_object('id', $id, 'region', :r)" : $id;
    my $read = "SELECT $value AS n, version AS v, $region AS r FROM $table WHERE id = $id \\gset\n";
    my $new = "jsonb_build_object('n', :n)";
    my @kinds = (
        "${read}SELECT 'ack', '$table', $id, interlock.versioned_update('$table', $key, :v, $new);\n",
        "${read}SELECT CASE status WHEN 'written' THEN 'ack' ELSE status::text END, '$table', $id, version FROM interlock.try_versioned_update('$table', $key, :v, $new);\n",
        "${read}UPDATE $table SET n = :n, version = :v WHERE id = $id RETURNING $ack;\n",
        "${read}UPDATE $table SET n = :n, version = :v + 1 WHERE id = $id RETURNING $ack;\n",
        "${read}UPDATE $table SET n = :n, version = :v + 1 WHERE id = $id AND version = :v RETURNING $ack;\n",
        "UPDATE $table SET n = n + 1 WHERE id = $id RETURNING $ack;\n",
        # changes nothing, and so makes no version
        "UPDATE $table SET n = n WHERE id = $id RETURNING 'same', id, version;\n",
        # rolled back, whole or in part
        "BEGIN; UPDATE $table SET n = n + 1 WHERE id = $id; ROLLBACK;\n",
        "BEGIN; SAVEPOINT s; ${read}UPDATE $table SET n = :n, version = :v + 1 WHERE id = $id;\nROLLBACK TO s; "
            . "${read}UPDATE $table SET n = :n, version = :v + 1 WHERE id = $id RETURNING version AS done \\gset\nCOMMIT;\n"
            . "\\if :{?done}\n\\echo 'ack|$table|$id|':done\n\\unset done\n\\endif\n");
    push @kinds, ("UPDATE parted SET region = 1 - region WHERE id = $id RETURNING $ack;\n",
        "${read}UPDATE parted SET region = 1 - :r, version = :v WHERE id = $id RETURNING $ack;\n") if $table eq 'parted';
    return $kinds[ rand @kinds ];
}

my $seed = srand;
note "seed $seed";
my @running = map { start_writer($node, join '', map { write_once() } 1 .. $writes) } 1 .. $writers;
my @lines = finish_writers(@running);

my %seen;
$seen{ /^(error \w+|\w+)/ ? $1 : $_ }++ for @lines;
note "$_: $seen{$_}" for sort keys %seen;

my (%given, $twice);
for (@lines) {
    next unless /^ack\|(\w+)\|(\d+)\|(\d+)$/;
    $twice++ if $given{$1}{$2}{$3}++;
}
is($twice, undef, 'no version was given out twice');
for my $table (sort keys %tables) {
    my %final = map { split /\|/ } split /\n/, $node->safe_psql('postgres', "SELECT id, version FROM $table");
    my %wanted = map { $_ => 1 + keys %{ $given{$table}{$_} } } @{ $tables{$table} };
    is_deeply(\%final, \%wanted, "$table: version = 1 + acknowledged changes, for every row");
    my %highest = map { my $id = $_; $id => (sort { $b <=> $a } keys %{ $given{$table}{$id} })[0] } keys %final;
    is_deeply(\%highest, \%final, "$table: the last version given out is the row's");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM strict WHERE n <> version - 1'), 0, 'strict: nothing was lost');
cmp_ok($seen{ack}, '>', $writers * $writes / 4, 'many writes succeeded');
cmp_ok($seen{'error IL001'}, '>', 0, 'some were stale');
cmp_ok($seen{'error IL005'}, '>', 0, 'some had no version');
cmp_ok($seen{stale}, '>', 0, 'some were told so');
is_deeply([ grep { /^error/ && !/IL001|IL002|IL005|40001/ } sort keys %seen ], [], 'no other error');

$node->stop;
done_testing();
