# Proves that with many claimers at once every job is claimed once for each lease, finished once and never lost, whatever claims were rolled back or abandoned, on both paths and with a snapshot held; and that the jobs of a group run one at a time, in order.
use strict;
use warnings;

use InterlockTest;
use Test::More;

my $claimers = 8;
my $jobs = 20000;

my $node = new_node('claimers');
$node->append_conf('postgresql.conf', 'max_connections = 40');
$node->restart;
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE jobs (id integer PRIMARY KEY, team integer);
SELECT interlock.enable_claims('jobs', 'delete', max_attempts => 100);
CREATE TABLE ordered (id integer PRIMARY KEY, team integer);
SELECT interlock.enable_claims('ordered', 'delete', group_by => 'team', max_attempts => 100);
CREATE TABLE claimed (job text, id integer, token bigint, attempts integer, who text, kept boolean, n bigserial);
CREATE TABLE finished (job text, id integer, status text, who text, n bigserial);
SQL

# A claimer that works, one whose transaction fails, and one that dies with its claims.
sub turn {
    my ($table, $who, $n) = @_;
    my $kind = int rand 20;
    my $ttl = $kind == 0 ? '1 ms' : '1 hour';
    my $kept = $kind == 0 ? 'false' : 'true';
    my $claim = "WITH c AS (INSERT INTO claimed (job, id, token, attempts, who, kept) SELECT '$table', id, claim_token, attempts, '$who', $kept FROM interlock.claim_rows(NULL::$table, '$who', $n, '$ttl') RETURNING *)"
        . " SELECT coalesce(array_agg(id), '{}') AS ids, coalesce(array_agg(token), '{}') AS tokens FROM c";
    return "$claim;\n" if $kind == 0;
    return "BEGIN;\n$claim;\nROLLBACK;\n" if $kind == 1;
    my $finish = "INSERT INTO finished (job, id, status, who) SELECT '$table', (f.key ->> 'id')::integer, f.status, '$who' FROM interlock.finish_claims('$table', :'ids'::integer[], :'tokens'::bigint[]) AS f;\n";
    # with its work, exactly once
    return "BEGIN;\n$claim \\gset\n${finish}COMMIT;\n" if $kind == 2;
    return "$claim \\gset\n$finish";
}

sub run_claimers {
    my ($table, $n, $turns, $paths) = @_;
    my @running = map {
        my $who = "w$_";
        my $path = $paths eq 'both' && $_ % 4 == 0 ? "SET interlock.direct_writes = off;\n" : '';
        start_writer($node, "\\set ON_ERROR_STOP on\n$path" . join '', map { turn($table, $who, $n) } 1 .. $turns);
    } 1 .. $claimers;
    finish_writers(@running);
}

sub drain {
    my ($table) = @_;
    for (1 .. 500) {
        last if $node->safe_psql('postgres', "SELECT count(*) FROM $table") eq '0';
        finish_writers(start_writer($node, join '', map { turn($table, 'last', 1000) } 1 .. 10));
    }
}

sub check {
    my ($table, $what, $rows) = @_;
    is($node->safe_psql('postgres', "SELECT count(*) FROM $table"), '0', "$what: no job is left");
    is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT id) FROM finished WHERE job = '$table' AND status = 'done'"), "$rows|$rows", "$what: each was finished once");
    is($node->safe_psql('postgres', "SELECT count(*) FROM finished WHERE job = '$table' AND status <> 'done'"), '0', "$what: no claim that lasted was lost");
    is($node->safe_psql('postgres', "SELECT count(*) FROM (SELECT id FROM claimed WHERE job = '$table' AND kept GROUP BY id HAVING count(*) <> 1) AS c"), '0', "$what: each was claimed once by those that finish");
    is($node->safe_psql('postgres', "SELECT count(*) FROM (SELECT attempts, row_number() OVER (PARTITION BY id ORDER BY token) AS delivery FROM claimed WHERE job = '$table') AS c WHERE attempts <> delivery"), '0', "$what: attempts count the deliveries");
}

# Rows that commit late, behind others that were claimed, from transactions that run side by side.
my @inserters = map { start_writer($node, join '', map { my $first = $_; "BEGIN;\nINSERT INTO jobs (id) SELECT generate_series($first, $first + 49);\nSELECT pg_sleep(0.002);\n" . (rand 10 < 1 ? "ROLLBACK;\nINSERT INTO jobs (id) SELECT generate_series($first, $first + 49);\n" : "COMMIT;\n") } @$_) }
    map { my $k = $_; [ map { 1 + 50 * $_ } grep { $_ % 4 == $k } 0 .. $jobs / 50 - 1 ] } 0 .. 3;
my $snapshot = $node->background_psql('postgres');
$snapshot->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
$snapshot->query_safe('SELECT count(*) FROM jobs');
run_claimers('jobs', 10, $jobs / 10 / $claimers * 1.5, 'both');
finish_writers(@inserters);
drain('jobs');
$snapshot->quit;
check('jobs', 'jobs', $jobs);

$node->safe_psql('postgres', 'INSERT INTO ordered (id, team) SELECT i, nullif(i % 40, 0) FROM generate_series(1, 4000) AS i');
run_claimers('ordered', 5, 60, 'both');
drain('ordered');
check('ordered', 'groups', 4000);
is($node->safe_psql('postgres', <<'SQL'), '0', 'groups: in order, the next one after the one before was finished');
SELECT count(*) FROM (SELECT id, lag(id) OVER (PARTITION BY id % 40 ORDER BY n) AS before FROM finished WHERE job = 'ordered' AND id % 40 <> 0) AS f WHERE id <= before
SQL

done_testing();
