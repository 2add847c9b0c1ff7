# Proves that after a crash or a restart under load every acknowledged write is there exactly once, and every version was given out once.
use strict;
use warnings;

use InterlockTest;
use Test::More;

my $writers = 8;
my $rows = 5;

my $node = new_node('crash');
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE counters (id integer PRIMARY KEY, n bigint NOT NULL DEFAULT 0, version bigint NOT NULL DEFAULT 1);
INSERT INTO counters SELECT generate_series(1, $rows);
SELECT interlock.enable_versioning('counters');
CREATE TABLE ledger (id integer, version bigint, PRIMARY KEY (id, version));
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO ledger VALUES (new.id, new.version); RETURN NULL; END';
CREATE TRIGGER note AFTER UPDATE ON counters FOR EACH ROW EXECUTE FUNCTION note();
SQL

# Each way to write; a line "ack|id|version" is printed once the server has said that it is committed.
sub write_once {
    my $id = 1 + int rand $rows;
    my $read = "SELECT n + 1 AS n, version AS v FROM counters WHERE id = $id \\gset\n";
    my @ways = (
        "UPDATE counters SET n = n + 1 WHERE id = $id RETURNING 'ack', id, version;\n",
        "${read}UPDATE counters SET n = :n, version = :v WHERE id = $id RETURNING 'ack', id, version;\n",
        "${read}SELECT 'ack', $id, interlock.versioned_update('counters', $id, :v, jsonb_build_object('n', :n));\n");
    return $ways[ rand @ways ];
}

my (%acknowledged, $repeated);

sub run_until {
    my ($end) = @_;
    my $before = $node->safe_psql('postgres', 'SELECT count(*) FROM ledger');
    my @running = map { start_writer($node, join '', map { write_once() } 1 .. 10000) } 1 .. $writers;
    $node->poll_query_until('postgres', "SELECT count(*) > $before + 500 FROM ledger") or die 'writers do not write';
    $end->();
    for (finish_writers(@running)) {
        $repeated++ if /^ack\|(\d+\|\d+)$/ && $acknowledged{$1}++;
    }
}

sub check {
    my ($test, $rounds) = @_;
    my %written = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', 'SELECT id, version FROM ledger');
    my @lost = grep { !$written{$_} } keys %acknowledged;
    my $unheard = grep { !$acknowledged{$_} } keys %written;
    cmp_ok(scalar keys %acknowledged, '>', 500 * $rounds - $writers * $rounds, "$test: " . keys(%acknowledged) . ' writes were acknowledged');
    is($repeated, undef, "$test: no version was acknowledged twice");
    is_deeply(\@lost, [], "$test: what was acknowledged is there");
    cmp_ok($unheard, '<=', $writers * $rounds, "$test: at most one write of each writer was not heard of ($unheard)");
    is($node->safe_psql('postgres', <<'SQL'), '', "$test: each row went through every version, once");
SELECT c.id, c.version, count(l.id), min(l.version), max(l.version) FROM counters AS c LEFT JOIN ledger AS l USING (id)
GROUP BY c.id HAVING count(l.id) <> c.version - 1 OR min(l.version) <> 2 OR max(l.version) <> c.version
SQL
}

run_until(sub { $node->stop('immediate'); $node->start });
check('crash', 1);
run_until(sub { $node->restart });
check('restart', 2);
run_until(sub { $node->stop('immediate'); $node->start });
check('another crash', 3);

is($node->safe_psql('postgres', 'SELECT relation, accept, problems FROM interlock.versioned_tables'), 'counters|either|{}', 'the table is versioned as before');
my $version = $node->safe_psql('postgres', 'SELECT version FROM counters WHERE id = 1');
is($node->safe_psql('postgres', "SELECT interlock.versioned_update('counters', 1, $version, '{\"n\": -1}')"), $version + 1, 'and versions move on');

$node->stop;
done_testing();
