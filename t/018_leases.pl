# Proves that at most one token of a lease is valid at a time, and that tokens never go back: across crashes with synchronous_commit off, dump and restore, the promotion of a standby, sessions that are terminated, clients that are stopped past their expiry or killed.
use strict;
use warnings;

use InterlockTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{INTERLOCK_LEASE_SECONDS} // 20;

my $node = new_node('leases', allows_streaming => 1);
my $connection = $node->connstr('postgres');
$node->safe_psql('postgres', <<'SQL');
SELECT interlock.create_lock_namespace('cron', 'text'), interlock.create_lock_namespace('work');
SQL

# "t|token" or "f|"
sub take {
    my ($on, $key, $ttl, $options) = @_;
    return $on->safe_psql('postgres', ($options // '')
        . "SELECT r.granted, r.token FROM interlock.try_acquire_lease('cron', '$key', 'tap', '$ttl') AS r");
}

sub token_of { my ($answer) = @_; return $answer =~ /^t\|(\d+)$/ ? $1 : 0; }

# A holder's session is terminated: nothing happens to its lease.
my $session = $node->background_psql('postgres', on_error_stop => 0);
my $token = token_of($session->query(q{SELECT r.granted, r.token FROM interlock.try_acquire_lease('cron', 'held', 'session', '1 hour') AS r}));
my $pid = $session->query('SELECT pg_backend_pid()');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok($node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)"), 'the session of a holder is terminated');
eval { $session->quit };
is(take($node, 'held', '1 hour'), 'f|', 'the lease is held all the same');
is($node->safe_psql('postgres', "SELECT interlock.try_check_lease('cron', 'held', $token), interlock.renew_lease('cron', 'held', $token, '1 hour') > now()"), 't|t', 'and whoever has its token goes on');

# Crashes in the midst of acquire, renew and release, with commits that are not flushed by themselves:
# what a client was told to have is never given out again.
my $writer = "SET synchronous_commit = off;\n" . join '', map { my $key = 'crash ' . $_ % 3; <<"SQL" } 1 .. 30000;
SELECT r.token AS token FROM interlock.acquire_lease('cron', '$key WHO', 'w', '1 us') AS r \\gset
\\echo $key WHO :token
SELECT interlock.renew_lease('cron', '$key WHO', :token, '1 us') \\g /dev/null
SELECT interlock.release_lease('cron', '$key WHO', :token) \\g /dev/null
SQL
my %last;
for my $crash (1 .. 3) {
    my @writers = map { my $who = $_; start_writer($node, "\\set ON_ERROR_STOP on\n" . $writer =~ s/WHO/$who/gr) } 'a', 'b';
    sleep(1 + $crash / 3);
    $node->stop('immediate');
    my @lines = grep { /^crash \d [ab] \d+$/ } finish_writers(@writers);
    cmp_ok(scalar @lines, '>', 50, "crash $crash: leases were taken (" . @lines . ')');
    my %now;
    my $back = 0;
    for (@lines) {
        my ($key, $given) = /^(.*) (\d+)$/;
        $back++ if $given <= ($now{$key} // $last{$key} // 0);
        $now{$key} = $given;
    }
    is($back, 0, "crash $crash: tokens only grew");
    %last = (%last, %now);
    $node->start;
    my @behind = grep { $node->safe_psql('postgres', "SELECT token >= $last{$_} FROM interlock.lease_registry WHERE key = '$_'") ne 't' } sort keys %last;
    is("@behind", '', "crash $crash: every token that was given out is there");
    for my $key (sort keys %last) {
        my $next = token_of(take($node, $key, '1 us'));
        cmp_ok($next, '>', $last{$key}, "crash $crash: and the next one of $key is larger");
        $last{$key} = $next;
    }
}
is($node->safe_psql('postgres', "SELECT interlock.try_check_lease('cron', 'held', $token)"), 't', 'a lease outlives crashes');
# A renewal that was acknowledged is as durable as the lease.
$node->safe_psql('postgres', "SET synchronous_commit = off; SELECT interlock.renew_lease('cron', 'held', $token, '300 days')");
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', "SELECT expires_at > now() + '299 days' FROM interlock.leases WHERE key = 'held'"), 't', 'and so does its renewal');

# Leases are not dumped: in the restored database nobody holds them, and tokens are larger.
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$node->command_ok([ 'pg_dump', '--format=custom', '--file', $dump, $connection ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '--dbname', $node->connstr('restored'), $dump ], 'restore');
is($node->safe_psql('restored', 'SELECT count(*) FROM interlock.lease_registry'), '0', 'restored: no leases');
is($node->safe_psql('restored', "SELECT interlock.try_check_lease('cron', 'held', $token)"), 'f', 'restored: no token is current');
cmp_ok($node->safe_psql('restored', q{SELECT token FROM interlock.acquire_lease('cron', 'held', 'x', '1 h')}), '>', $token, 'restored: tokens go on from the clock');
cmp_ok($node->safe_psql('restored', q{SELECT token FROM interlock.acquire_lease('cron', 'crash 0 a', 'x', '1 h')}), '>', $last{'crash 0 a'}, 'restored: those of an ended lease, too');

# A standby shows leases and refuses to change them; promoted, a synchronous one has lost none.
my $standby = synchronous_standby($node, 'standby');
my $before = token_of(take($node, 'promoted', '1 us', 'SET synchronous_commit = local; '));
my $kept = token_of(take($node, 'kept', '1 hour'));
my $given = token_of(take($node, 'promoted', '1 us'));
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', q{SELECT holder FROM interlock.leases WHERE key = 'kept'}), 'tap', 'standby: the view');
for my $call (q{acquire_lease('cron', 'x', 'x', '1 h')}, q{try_acquire_lease('cron', 'x', 'x', '1 h')}, q{renew_lease('cron', 'x', 1, '1 h')}, q{try_renew_lease('cron', 'x', 1, '1 h')},
    q{check_lease('cron', 'x', 1)}, q{try_check_lease('cron', 'x', 1)}, q{release_lease('cron', 'x', 1)}, q{break_lease('cron', 'x')}, q{prune_leases('0')}) {
    like(refused($standby, 'postgres', "SELECT interlock.$call"), qr/^25006 /, "standby: $call is refused");
}
$node->stop('immediate');
$standby->append_conf('postgresql.conf', "synchronous_standby_names = ''");
$standby->promote;
is(take($standby, 'kept', '1 hour'), 'f|', 'promoted: the lease is held');
is($standby->safe_psql('postgres', "SELECT interlock.try_check_lease('cron', 'kept', $kept)"), 't', 'promoted: its token is the current one');
cmp_ok(token_of(take($standby, 'promoted', '1 us')), '>', $given, 'promoted: tokens go on');
cmp_ok($given, '>', $before, 'and went on');
$standby->stop;
$node->adjust_conf('postgresql.conf', 'synchronous_standby_names', "''");
$node->start;

# Many sessions, short leases, clients stopped past their expiry, killed, terminated. Each fenced transaction takes the
# next number of its key after its check, so the numbers are the order in which the fences stood:
# a fence keeps every takeover out until its transaction has ended, so one token's numbers come before
# the next one's. Holders of one token do share the fence; there it does not matter which was first.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE fenced (key int, n bigint, token bigint, who text);
CREATE SEQUENCE order_1; CREATE SEQUENCE order_2; CREATE SEQUENCE order_3;
CREATE FUNCTION write_fenced(k int, t bigint, who text, pause float) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF NOT interlock.try_check_lease('work', k, t) THEN RETURN false; END IF;
    INSERT INTO fenced VALUES (k, nextval('order_' || k), t, who);
    PERFORM pg_sleep(pause);
    INSERT INTO fenced VALUES (k, nextval('order_' || k), t, who);
    RETURN true;
END $$;
SQL
# What a client does, over and over: take the lease of some key, write under it, renew or not, release or not.
my $client = <<'SQL';
SELECT 1 + floor(random() * 3)::int AS key \gset
SELECT r.token AS token, r.granted AS granted FROM interlock.try_acquire_lease('work', :key, :'who', '60 ms') AS r \gset
\if :granted
\echo :key :token
SELECT write_fenced(:key, :token, :'who', random() * 0.03) AS written \gset
SELECT pg_sleep(random() * 0.08) \g /dev/null
SELECT write_fenced(:key, :token, :'who', 0) AS written, interlock.try_renew_lease('work', :key, :token, '60 ms') IS NOT NULL AS renewed \gset
\echo written :written
SELECT write_fenced(:key, :token, :'who', random() * 0.01) AS written \gset
SELECT CASE WHEN random() < 0.5 THEN interlock.release_lease('work', :key, :token) END AS released \gset
\endif
SELECT pg_sleep(random() * 0.01) \g /dev/null
SQL

my $folder = PostgreSQL::Test::Utils::tempdir();
my ($number, @running, @answers) = (0);

sub start_client {
    my $who = 'client ' . ++$number;
    my $script = "$folder/run.$number";
    append_to_file($script, "\\set who '$who'\n\\set ON_ERROR_STOP on\n" . $client x 400);
    my $command = [ 'psql', '-XAtq', '-d', $connection . " application_name='$who'", '-f', $script ];
    my %client = (who => $who, out => "$folder/out.$number");
    $client{run} = IPC::Run::start($command, '>', $client{out}, '2>', "$folder/err.$number");
    push @answers, $client{out};
    return \%client;
}

sub signal_client { my ($client, $signal) = @_; $client->{run}->signal($signal) if $client->{run}->pumpable; }

my %faults = (stopped => 0, killed => 0, terminated => 0);
push @running, start_client() for 1 .. 8;
my $end = time + $seconds;
while (time < $end) {
    sleep(0.05 + rand 0.1);
    my $i = int rand @running;
    my $kind = rand;
    if ($kind < 0.5) {    # longer than the lease; others take it over meanwhile
        signal_client($running[$i], 'STOP');
        sleep(0.15 + rand 0.1);
        signal_client($running[$i], 'CONT');
        $faults{stopped}++;
    } elsif ($kind < 0.75) {
        $running[$i]{run}->kill_kill;
        $running[$i] = start_client();
        $faults{killed}++;
    } elsif ($kind < 0.9) {
        $node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '$running[$i]{who}'");
        $faults{terminated}++;
    }
    for (@running) {
        next if $_->{run}->pumpable;
        eval { $_->{run}->finish };
        $_ = start_client();
    }
}
$_->{run}->kill_kill for @running;
note(join ', ', map { "$_ $faults{$_}" } sort keys %faults);
ok($faults{stopped} && $faults{killed} && $faults{terminated}, 'clients were stopped, killed and terminated');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'client %'}), 'their sessions have ended');

my ($total, $refused, %seen) = (0, 0);
for my $file (@answers) {
    for (split /\n/, slurp_file($file)) {
        $refused++ if $_ eq 'written f';
        next unless /^(\d) (\d+)$/;
        $total++;
        $seen{"$1 $2"}++;
    }
}
cmp_ok($total, '>', $seconds * 5, "leases were taken ($total)");
cmp_ok($refused, '>', 0, "holders that came too late wrote nothing ($refused)");
is(join(', ', grep { $seen{$_} > 1 } sort keys %seen), '', 'no token was given to two');
cmp_ok($node->safe_psql('postgres', 'SELECT count(DISTINCT token) FROM fenced'), '>', $seconds * 5, 'many of them were written under');
is($node->safe_psql('postgres', <<'SQL'), '', 'in the order of the fences, tokens of a key never go back');
SELECT * FROM (SELECT *, lag(token) OVER (PARTITION BY key ORDER BY n) AS before FROM fenced) AS f WHERE token < before
SQL
is($node->safe_psql('postgres', 'SELECT key, token FROM fenced GROUP BY key, token HAVING count(DISTINCT who) > 1'), '', 'and each of a key is one client\'s');    # two keys can have one: it is the clock's microsecond
# Nothing is stuck: every lease is free once its ttl is over.
sleep(0.1);
is($node->safe_psql('postgres', q{SELECT count(*) FROM generate_series(1, 3) AS key, interlock.try_acquire_lease('work', key, 'after', '1 h') AS r WHERE r.granted}), '3', 'no lease is stuck past its ttl');
is($node->safe_psql('postgres', q{SELECT count(*) FROM (SELECT key, max(token) AS t FROM fenced GROUP BY key) AS f JOIN interlock.lease_registry AS l ON l.key = f.key::text WHERE l.token > f.t AND l.holder = 'after'}), '3', 'and the next tokens are larger');

$node->stop;
done_testing();
