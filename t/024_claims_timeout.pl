# Proves that a session whose statement_timeout is shorter than a walk past everything that is claimed gets there all the same: what it has passed it does not pass again, and with what it has claimed it does not go on for long.
use strict;
use warnings;

use InterlockTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('claims_timeout');
my $rows = 400_000;

for my $setup ([ 'one queue', "CREATE TABLE jobs (id bigint PRIMARY KEY); SELECT interlock.enable_claims('jobs', 'delete')" ],
    [ 'two priorities', "CREATE TABLE jobs (id bigint PRIMARY KEY, urgency int NOT NULL DEFAULT 1); SELECT interlock.enable_claims('jobs', 'delete', order_by => 'urgency')" ])
{
    my ($name, $sql) = @$setup;
    $node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION IF NOT EXISTS interlock;
DROP TABLE IF EXISTS jobs;
$sql;
INSERT INTO jobs (id, claimed_by, claim_token, claimed_until) SELECT i, 'other', 1, '2100-01-01' FROM generate_series(1, $rows) AS i;
INSERT INTO jobs (id) VALUES (0), ($rows + 1);
SQL
    $node->safe_psql('postgres', 'VACUUM ANALYZE jobs');

    my ($stdout, $stderr);
    $node->psql(
        'postgres', "SET statement_timeout = '30ms';\n" . "SELECT id FROM interlock.claim_rows(NULL::jobs, 'impatient', 2);\n" x 300,
        stdout => \$stdout, stderr => \$stderr, on_error_stop => 0, extra_params => ['--quiet']);
    like($stderr, qr/canceling statement due to statement timeout/, "$name: the walk takes longer than a statement may");
    like($stderr, qr/\A(?:(?!ERROR).)*(?:ERROR: +canceling statement due to statement timeout(?:(?!ERROR).)*)+\z/s, 'nothing else happens to it');
    is($stdout, "0\n" . ($rows + 1), 'it finds the rows that are ready, before and behind all others');
    is($node->safe_psql('postgres', "SELECT count(*), max(attempts) FROM jobs WHERE claimed_by = 'impatient'"), '2|1', 'and has them, each once');
}

done_testing();
