# Proves that checkouts keep what they promise across dump and restore, crashes with synchronous_commit off, a standby's promotion and logical replication; and with many writers, that nobody writes a row between its checkout and its checkin but who has it, and that no save is lost.
use strict;
use warnings;

use InterlockTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{INTERLOCK_CHECKOUT_SECONDS} // 12;

my $node = new_node('checkouts', allows_streaming => 'logical');
my $connection = $node->connstr('postgres');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE job;
CREATE TABLE doc (id int PRIMARY KEY, body text, hits int DEFAULT 0);
INSERT INTO doc SELECT n, 'body', 0 FROM generate_series(1, 20) AS n;
CREATE TABLE place (id int, region text, body text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE place_eu PARTITION OF place FOR VALUES IN ('eu');
INSERT INTO place VALUES (1, 'eu', 'body');
SELECT interlock.enable_checkout('doc', '{hits}', '{job}'), interlock.enable_checkout('place');
GRANT ALL ON doc TO job;
SQL

sub take {
    my ($on, $database, $key, $ttl, $options) = @_;
    return $on->safe_psql($database, ($options // '') . "SELECT r.token FROM interlock.checkout('doc', $key, 'tap', '$ttl') AS r");
}
sub current { my ($on, $key, $token) = @_; return $on->safe_psql('postgres', "SELECT interlock.try_use_checkout('doc', $key, $token)"); }

# Dumped and restored: the triggers and their settings are there, the checkouts are not, tokens are larger.
my $held = take($node, 'postgres', 1, '10 days');
$node->safe_psql('postgres', q{SELECT interlock.checkout('place', ROW(1, 'eu'), 'tap', '1 hour')});
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
for my $format ('custom', 'plain') {
    my $database = "restored_$format";
    $node->command_ok([ 'pg_dump', "--format=$format", '--file', "$dump.$format", $connection ], "dump: $format");
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->command_ok([ $format eq 'custom' ? ('pg_restore', '--exit-on-error') : ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null'), '--dbname', $node->connstr($database), $format eq 'custom' ? () : '--file', "$dump.$format" ], "restore: $format");
    my $triggers = q{SELECT tgrelid::regclass, tgname, tgargs, tgattr, tgenabled FROM pg_trigger WHERE tgname LIKE '~interlock%' ORDER BY 1, 2};
    is($node->safe_psql($database, $triggers), $node->safe_psql('postgres', $triggers), "$format: the triggers and their settings");
    is($node->safe_psql($database, 'SELECT count(*) FROM interlock.checkout_registry'), '0', "$format: no checkouts");
    is($node->safe_psql($database, "UPDATE doc SET body = 'free' WHERE id = 1 RETURNING body"), 'free', "$format: the row is free");
    cmp_ok(take($node, $database, 1, '1 h'), '>', $held, "$format: and tokens go on from the clock");
    like(refused($node, $database, "UPDATE doc SET body = 'x' WHERE id = 1"), qr/^IL010 /, "$format: the guard judges");
    is(refused($node, $database, 'UPDATE doc SET hits = 1 WHERE id = 1'), 'done', "$format: with its columns");
    is(refused($node, $database, "SET ROLE job; UPDATE doc SET body = 'x' WHERE id = 1"), 'done', "$format: and its roles");
    like(refused($node, $database, q{SELECT interlock.checkout('place_eu', ROW(1, 'eu'), 'tap', '1 hour'); UPDATE place SET body = 'x'}), qr/^IL010 /, "$format: partitions are set up");
}
# a dump of the one table restores into a database that has the extension
$node->safe_psql('postgres', 'CREATE DATABASE one_table');
$node->safe_psql('one_table', 'CREATE EXTENSION interlock');
$node->command_ok([ 'pg_dump', '--format=custom', '--table=doc', '--file', "$dump.table", $connection ], 'dump of a table');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--dbname', $node->connstr('one_table'), "$dump.table" ], 'restore of a table');
take($node, 'one_table', 1, '1 h');
like(refused($node, 'one_table', "UPDATE doc SET body = 'x' WHERE id = 1"), qr/^IL010 /, 'it is set up there');

# Crashes: what was told to be checked out is, and no token comes again.
my $writer = "\\set ON_ERROR_STOP on\nSET synchronous_commit = off;\n" . join '', map { my $key = 10 + $_ % 3; <<"SQL" } 1 .. 20000;
SELECT r.token AS token FROM interlock.checkout('doc', $key, 'w', '1 us') AS r \\gset
\\echo $key :token
SELECT interlock.checkin('doc', $key, :token) \\g /dev/null
SQL
my %last;
for my $crash (1, 2) {
    my $run = start_writer($node, $writer);
    select undef, undef, undef, 1.3;
    my $token = take($node, 'postgres', 5, '1 hour', 'SET synchronous_commit = off; ');
    $node->stop('immediate');
    my @lines = grep { /^\d+ \d+$/ } finish_writers($run);
    cmp_ok(scalar @lines, '>', 50, "crash $crash: rows were checked out (" . @lines . ')');
    my $back = 0;
    for (@lines) {
        my ($key, $given) = split;
        $back++ if $given <= ($last{$key} // 0);
        $last{$key} = $given;
    }
    is($back, 0, "crash $crash: tokens only grew");
    $node->start;
    is(current($node, 5, $token), 't', "crash $crash: the last checkout is there");
    like(refused($node, 'postgres', "UPDATE doc SET body = 'x' WHERE id = 5"), qr/^IL010 /, "crash $crash: and guarded");
    for my $key (sort keys %last) {
        my $next = take($node, 'postgres', $key, '1 us');
        cmp_ok($next, '>', $last{$key}, "crash $crash: the next token of $key is larger");
        $last{$key} = $next;
    }
    $node->safe_psql('postgres', "SELECT interlock.checkin('doc', 5, $token)");
}
is(current($node, 1, $held), 't', 'a checkout outlives crashes');

# A subscriber applies what was written to a row that it has checked out itself: it is not judged there.
my $subscriber = new_node('subscriber');
$subscriber->safe_psql('postgres', <<'SQL');
CREATE TABLE doc (id int PRIMARY KEY, body text, hits int DEFAULT 0);
SELECT interlock.enable_checkout('doc');
SQL
$node->safe_psql('postgres', 'CREATE PUBLICATION p FOR TABLE doc');
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION s CONNECTION '" . ($connection =~ s{'}{''}gr) . "' PUBLICATION p");
$subscriber->wait_for_subscription_sync($node, 's');
take($subscriber, 'postgres', 7, '1 hour');
$node->safe_psql('postgres', "UPDATE doc SET body = 'replicated' WHERE id = 7; DELETE FROM doc WHERE id = 8");
$node->wait_for_catchup('s');
is($subscriber->safe_psql('postgres', 'SELECT body FROM doc WHERE id = 7'), 'replicated', 'applied to a row that is checked out there');
like(refused($subscriber, 'postgres', "UPDATE doc SET body = 'x' WHERE id = 7"), qr/^IL010 /, 'which others do not write');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION s');
$subscriber->stop;

# A standby shows checkouts and changes none; promoted, it has them.
my $standby = synchronous_standby($node, 'standby');
my $kept = take($node, 'postgres', 6, '1 hour', 'SET synchronous_commit = local; ');
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', q{SELECT holder FROM interlock.checkouts WHERE relation = 'doc'::regclass AND key = '{"id": 6}'}), 'tap', 'standby: the view');
for my $call (q{checkout('doc', 9, 'x', '1 h')}, q{try_checkout('doc', 9, 'x', '1 h')}, q{renew_checkout('doc', 9, 1, '1 h')}, q{try_renew_checkout('doc', 9, 1, '1 h')}, q{use_checkout('doc', 9, 1)},
    q{try_use_checkout('doc', 9, 1)}, q{checkin('doc', 9, 1)}, q{break_checkout('doc', 9)}, q{enable_checkout('doc')}, q{disable_checkout('doc')}) {
    like(refused($standby, 'postgres', "SELECT interlock.$call"), qr/^25006 /, "standby: $call is refused");
}
$node->stop('immediate');
$standby->append_conf('postgresql.conf', "synchronous_standby_names = ''");
$standby->promote;
like(refused($standby, 'postgres', "UPDATE doc SET body = 'x' WHERE id = 6"), qr/^IL010 /, 'promoted: the row is guarded');
is(current($standby, 6, $kept), 't', 'promoted: its token is the current one');
is(current($standby, 1, $held), 't', 'promoted: and the older one');
$standby->stop;
$node->adjust_conf('postgresql.conf', 'synchronous_standby_names', "''");
$node->start;

# Many writers on few rows. Some check a row out, edit for longer than a moment, present the token, save what they read
# plus one line, and check in; their checkouts expire at times. Others ignore all that and add lines. The
# row keeps every line that was ever written, in the order of the writes; who is acknowledged writes it down.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE page (id int PRIMARY KEY, lines text[] NOT NULL DEFAULT '{}', version bigint NOT NULL DEFAULT 1);
INSERT INTO page SELECT n FROM generate_series(1, 3) AS n;
SELECT interlock.enable_checkout('page');
SQL
# A save is a blind one: the whole array as it was read at the checkout, and a line. Only the checkout keeps it from undoing others'.
my $holder = <<'SQL';
SELECT 1 + floor(random() * 3)::int AS key, CASE WHEN random() < 0.3 THEN '15 ms' ELSE '1 min' END AS ttl, nextval('line') AS line \gset
BEGIN;
SELECT r.token AS token, r.granted AS granted FROM interlock.try_checkout('page', :key, :'who', :'ttl') AS r \gset
\if :granted
SELECT lines || ('held ' || :token || ' ' || :line)::text AS saved FROM page WHERE id = :key \gset
COMMIT;
SELECT pg_sleep(random() * 0.03) \g /dev/null
SELECT interlock.try_renew_checkout('page', :key, :token, :'ttl') \g /dev/null
BEGIN;
SELECT interlock.try_use_checkout('page', :key, :token) AS mine \gset
\if :mine
UPDATE page SET lines = :'saved' WHERE id = :key;
SELECT interlock.checkin('page', :key, :token) \g /dev/null
COMMIT;
\echo saved :key held :token :line
\else
ROLLBACK;
\echo lost :key
\endif
\else
ROLLBACK;
\endif
SQL
my $plain = <<'SQL';
SELECT 1 + floor(random() * 3)::int AS key, nextval('line') AS line, CASE WHEN random() < 0.3 THEN 'REPEATABLE READ' ELSE 'READ COMMITTED' END AS level \gset
BEGIN ISOLATION LEVEL :level;
SELECT count(*) FROM page \g /dev/null
\set written no
UPDATE page SET lines = lines || ('plain ' || :line)::text WHERE id = :key RETURNING 'yes' AS written \gset
COMMIT;
\echo tried :key plain :line :written
SELECT pg_sleep(random() * 0.004) \g /dev/null
SQL
$node->safe_psql('postgres', 'CREATE SEQUENCE line');
my $stop = "SELECT clock_timestamp() > TIMESTAMPTZ 'END' AS over \\gset\n\\if :over\n\\q\n\\endif\n";
my $end = $node->safe_psql('postgres', "SELECT clock_timestamp() + interval '$seconds s'");
$stop =~ s/END/$end/;
my @writers = ((map { start_writer($node, "\\set who 'holder $_'\n" . ($stop . $holder) x 4000) } 1 .. 4), (map { start_writer($node, join('', ($stop . $plain) x 8000)) } 1 .. 4));
my @lines = finish_writers(@writers);

my %rows = map { $_ => [ split /,/, $node->safe_psql('postgres', "SELECT array_to_string(lines, ',') FROM page WHERE id = $_") ] } 1 .. 3;
my (%saved, %written, %errors, $lost, $tried) = ();
($lost, $tried) = (0, 0);
for (@lines) {
    $saved{"$1 $2"}++ if /^saved (\d) (held \d+ \d+)$/;
    $lost++ if /^lost \d$/;
    if (/^tried (\d) (plain \d+) (yes|no)$/) { $tried++; $written{"$1 $2"}++ if $3 eq 'yes'; }
    $errors{$1}++ if /^error (\S+)$/;
}
my %stored;
for my $key (keys %rows) { $stored{"$key $_"}++ for @{ $rows{$key} }; }
my $plain_lines = grep { / plain / } keys %stored;
note(scalar(keys %saved) . " saved, $lost lost their checkout, $tried plain writes tried, $plain_lines written, errors: " . join ', ', map { "$_ $errors{$_}" } sort keys %errors);
cmp_ok(scalar keys %saved, '>', $seconds * 5, 'rows were checked out and saved');
cmp_ok($lost, '>', 0, 'some holders came too late, and were told');
cmp_ok($plain_lines, '>', $seconds * 5, 'plain writers wrote what was free');
cmp_ok($errors{IL010} // 0, '>', $seconds, 'and were refused what was not');
is(join(', ', grep { !/^(IL010|40001|25P02)$/ } sort keys %errors), '', 'nothing else went wrong');
is(join(', ', grep { !$stored{$_} } sort keys %saved), '', 'no save that was acknowledged is lost, nor undone by another');
is(join(', ', grep { $stored{$_} > 1 } sort keys %stored), '', 'nothing is there twice');
# A blind save would have undone a plain write that came between the checkout and it.
is(join(', ', grep { !$stored{$_} } sort keys %written), '', 'no plain write came between a checkout and its save');
is(join(', ', grep { / plain / && !$written{$_} } sort keys %stored), '', 'nor is one there that was refused');
is($node->safe_psql('postgres', 'SELECT count(*) FROM interlock.checkouts WHERE NOT expired AND holder NOT LIKE \'holder %\' AND relation = \'page\'::regclass'), '0', 'nobody else has a row');
my $order = 0;
for my $key (keys %rows) {
    my $last = 0;
    for (grep { /^held/ } @{ $rows{$key} }) { my (undef, $token) = split; $order++ if $token <= $last; $last = $token; }
}
is($order, 0, 'in the order of the writes, tokens of a row only grow');

$node->stop;
done_testing();
