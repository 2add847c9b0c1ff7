# Proves that the client's leases stand what befalls them: a holder that is killed, or stopped past its expiry; sessions that are terminated; a server that crashes in the midst of acquire, renew and release; the promotion of a standby; clocks that are wrong; and all of it at once on eight clients, whose log a program judges.
use strict;
use warnings;

use InterlockTest;
use IO::Select;
use IPC::Open2;
use IPC::Run ();
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $programs = $ENV{INTERLOCK_CLIENT_TESTS} or plan skip_all => 'the programs of client/tests are not built';
my $seconds = $ENV{INTERLOCK_FAULT_SECONDS} // 25;
my $results = $ENV{INTERLOCK_FAULT_RESULTS};    # a folder for the log and its summary
my $patience = $PostgreSQL::Test::Utils::timeout_default;

my $node = new_node('clients', allows_streaming => 1);
$node->append_conf('postgresql.conf', 'max_connections = 60');
$node->restart;
$node->safe_psql('postgres', <<'SQL');
SELECT interlock.create_lock_namespace('cron', 'text'), interlock.create_lock_namespace('work', 'text');
CREATE TABLE log (token bigint);
SQL

# Processes that are there, perhaps stopped: none outlives this program.
my %started;
END { kill KILL => keys %started; }

# A process that holds leases (client/tests/faults/lease_holder.cpp), perhaps started by another program.
sub start_holder {
    my ($connection, @by) = @_;
    my %holder = (said => '');
    $holder{pid} = open2($holder{from}, $holder{to}, @by, "$programs/interlock_lease_holder", 'cron', 'log', "$connection application_name=holder");
    $started{ $holder{pid} } = 1;
    return \%holder;
}

# Gives it a line to do; what it answers comes later.
sub order { my ($holder, $line) = @_; syswrite $holder->{to}, "$line\n"; }

sub answer {
    my ($holder) = @_;
    my $ready = IO::Select->new($holder->{from});
    my $deadline = time + $patience;
    until ($holder->{said} =~ /\n/) {
        die 'a holder does not answer' if time > $deadline;
        $ready->can_read(1) or next;    # a signal ends the wait, too
        sysread $holder->{from}, $holder->{said}, 1000, length $holder->{said} or die 'a holder is gone';
    }
    $holder->{said} =~ s/^(.*)\n//;
    return $1;
}

sub ask { my ($holder, $line) = @_; order($holder, $line); return answer($holder); }

sub dismiss { my ($process) = @_; kill KILL => $process->{pid}; waitpid $process->{pid}, 0; delete $started{ $process->{pid} }; }

sub take_by_sql {
    my ($on, $key, $ttl) = @_;
    my $answer = $on->safe_psql('postgres', "SELECT r.token FROM interlock.try_acquire_lease('cron', '$key', 'another', '$ttl') AS r");
    return $answer eq '' ? 0 : $answer;
}

sub expiry { my ($on, $key) = @_; return $on->safe_psql('postgres', "SELECT expires_at FROM interlock.leases WHERE key = '$key' AND NOT expired"); }

sub stored_token { my ($key) = @_; return $node->safe_psql('postgres', "SELECT token FROM interlock.lease_registry WHERE key = '$key'"); }

sub renewed_since {
    my ($on, $key, $before) = @_;
    return $on->poll_query_until('postgres', "SELECT count(*) = 1 FROM interlock.leases WHERE key = '$key' AND expires_at > '$before'");
}

sub written { my ($on, $token) = @_; return $on->safe_psql('postgres', "SELECT count(*) FROM log WHERE token = $token"); }

# A killed holder's lease is over when it expires, and no sooner. A stopped one's, too: it wakes up and writes nothing.
my ($killed, $stopped) = map { start_holder($node->connstr('postgres')) } 1 .. 2;
my %token = (killed => ask($killed, 'take killed 3000'), stopped => ask($stopped, 'take stopped 1500'));
is(ask($killed, 'write'), 'held written', 'a holder writes under its lease');
dismiss($killed);
kill STOP => $stopped->{pid};
is(take_by_sql($node, 'killed', '1 h'), 0, 'a lease outlives its holder that was killed');
for my $key ('killed', 'stopped') {
    my $next = 0;
    for (my $end = time + $patience; !$next && time < $end; sleep 0.05) { $next = take_by_sql($node, $key, '1 h'); }
    cmp_ok($next, '>', $token{$key}, "and the next token comes when it expires: $key");
}
order($stopped, 'write');
kill CONT => $stopped->{pid};
is(answer($stopped), 'lost refused', 'a holder that was stopped past its expiry knows it when it wakes up, and is refused');
is(written($node, $token{stopped}), '0', 'and has written nothing');
is(ask($stopped, 'release'), 'lease lost', 'and is told so when it gives back');
dismiss($stopped);

# Sessions are terminated, whatever they are doing: the heartbeat has others.
my $holder = start_holder($node->connstr('postgres'));
my $token = ask($holder, 'take terminated 3000');
for (1 .. 8) {
    $node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'});
    sleep 0.3;
}
is(ask($holder, 'write'), 'held written', 'a holder whose sessions are terminated keeps its lease');
is(ask($holder, 'stop'), 'not told', 'and is not told of a loss');
is(stored_token('terminated'), $token, 'by the same token');
is(ask($holder, 'release'), 'released', 'and gives it back');

# The server crashes in the midst of a statement: before its commit, while it waits for a lock; or after its commit,
# while it waits for a standby that does not exist, and before the client hears of it.
my ($blocker, @standby_names) = (undef);

sub hinder {
    my ($when) = @_;
    if ($when eq 'before') {
        $blocker = $node->background_psql('postgres', on_error_stop => 0);
        $blocker->query_safe('BEGIN; LOCK TABLE interlock.lease_registry IN SHARE ROW EXCLUSIVE MODE');
    } else {
        $node->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = 'nobody'});
        $node->reload;
        await_waiting_commits();
    }
}

# A reload is a signal: until a commit of another's is seen to wait, commits may still be through at once.
sub await_waiting_commits {
    my $end = time + $patience;
    until ($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'probe' AND wait_event = 'SyncRep'})) {
        die 'commits do not wait' if time > $end;
        start_commit();
        sleep 0.3;
    }
}

sub start_commit {
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec 'psql', '--no-psqlrc', '--dbname', $node->connstr('postgres') . ' application_name=probe', '--command', q{SELECT pg_logical_emit_message(true, 'probe', '')};
    }
    $started{$pid} = 1;
}

sub crash_amid {
    my ($when) = @_;
    my $event = $when eq 'before' ? q{wait_event_type = 'Lock'} : q{wait_event = 'SyncRep'};
    ok($node->poll_query_until('postgres', qq{SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'holder' AND $event}), '... in its midst');
    $node->stop('immediate');
    eval { $blocker->quit } if $blocker;
    $blocker = undef;
    my $auto = $node->data_dir . '/postgresql.auto.conf';
    open my $settings, '>', $auto or die "$auto: $!";
    close $settings;
    $node->start;
}

for my $when ('before', 'after') {
    hinder($when);
    order($holder, "take acquire_$when 4000");
    crash_amid($when);
    is(answer($holder), 'in doubt', "acquire, $when its commit: it is in doubt, and no success");
    my ($got, $asked) = (stored_token("acquire_$when") || 0, time);
    if ($when eq 'before') {
        is($got, 0, 'nobody has it');
    } else {
        is(ask($holder, "take acquire_$when 60000"), 'held by the holder', 'it is held, by nobody who knows');
    }
    cmp_ok(ask($holder, "take acquire_$when 60000 20000"), '>', $got, 'whoever waits has it, by a larger token');
    cmp_ok(time - $asked, '<', 6, 'when it has expired, and not later');
    is(ask($holder, 'release'), 'released', 'and gives it back');
}

for my $when ('before', 'after') {
    $token = ask($holder, "take renew_$when 12000");
    hinder($when);
    my $before = expiry($node, "renew_$when");
    crash_amid($when);
    ok(renewed_since($node, "renew_$when", $before), "renew, $when its commit: the lease is renewed when the server is back");
    is(ask($holder, 'write'), 'held written', 'it is held all the time');
    is(ask($holder, 'stop'), 'not told', 'no loss is told');
    is(stored_token("renew_$when"), $token, 'the token stays');
    is(ask($holder, 'release'), 'released', 'and it can be given back');
}

for my $when ('before', 'after') {
    $token = ask($holder, "take release_$when 12000");
    hinder($when);
    order($holder, 'release');
    crash_amid($when);
    my $answer = answer($holder);
    if ($when eq 'before') {
        like($answer, qr/^(connection lost|released)$/, 'release, before its commit: it was not given back, or was by a second attempt');
        is(ask($holder, 'release'), 'released', 'and can be, when the server is back') if $answer eq 'connection lost';
    } else {
        is($answer, 'in doubt', 'release, after its commit: it is in doubt, and no success');
    }
    cmp_ok(take_by_sql($node, "release_$when", '1 h'), '>', $token, 'another one has it, by a larger token');
}
dismiss($holder);

# A synchronous standby is promoted: the heartbeat finds it, and the lease goes on.
my $standby = synchronous_standby($node, 'clients_standby');
my $both = sprintf 'dbname=postgres host=%s,%s port=%s,%s target_session_attrs=read-write', map { ($_->[0], $_->[1]) } [ $node->host, $standby->host ], [ $node->port, $standby->port ];
$holder = start_holder($both);
$token = ask($holder, 'take promoted 12000');
is(ask($holder, 'write'), 'held written', 'held on the old primary');
my $before = expiry($node, 'promoted');
$node->stop('immediate');
$standby->append_conf('postgresql.conf', "synchronous_standby_names = ''");
$standby->promote;
ok(renewed_since($standby, 'promoted', $before), 'the lease is renewed on the new primary');
is(ask($holder, 'write'), 'held written', 'it is held, and written under');
is(written($standby, $token), '2', 'on the new primary, where the first write is, too');
is(ask($holder, 'stop'), 'not told', 'no loss is told');
is(take_by_sql($standby, 'promoted', '1 h'), 0, 'nobody else gets it');
is(ask($holder, 'release'), 'released', 'until it is given back');
cmp_ok(take_by_sql($standby, 'promoted', '1 h'), '>', $token, 'and then by a larger token');
dismiss($holder);
$standby->stop;
$node->adjust_conf('postgresql.conf', 'synchronous_standby_names', "''");
$node->start;

# The client's clock is wrong by an hour, or runs at another speed: the server's alone counts.
my ($faketime) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1' or die 'there is no libfaketime';
my @shifted = ('env', "LD_PRELOAD=$faketime");
for my $clock ('+1h', '-1h', '+0 x2', '+0 x0.5') {
    my ($key, $other) = ("by $clock" =~ s/ /_/gr, "other $clock" =~ s/ /_/gr);
    my $held_by_other = take_by_sql($node, $other, '2 s');
    my $start = time;
    my ($late, $waiting) = map { start_holder($node->connstr('postgres'), @shifted, "FAKETIME=$clock", 'FAKETIME_DONT_FAKE_MONOTONIC=1') } 1 .. 2;
    $token = ask($late, "take $key 2000");
    order($waiting, "take $other 1500 20000");
    is($node->safe_psql('postgres', "SELECT expires_at - acquired_at FROM interlock.leases WHERE key = '$key'"), '00:00:02', "clock $clock: the ttl is the server's");
    cmp_ok(answer($waiting), '>', $held_by_other, 'who waits has it in the end');
    cmp_ok(time - $start, '>', 1.8, 'and not before the server says that it has expired');
    cmp_ok(time - $start, '<', 10, 'nor much later');    # libfaketime scales waits, too
    sleep 1;
    is(ask($late, 'write'), 'held written', 'it is renewed');
    is(take_by_sql($node, $key, '1 h'), 0, 'nobody else gets it');
    is(ask($late, 'stop'), 'not told', 'no loss is told');
    kill STOP => $late->{pid};
    $node->poll_query_until('postgres', "SELECT expired FROM interlock.leases WHERE key = '$key'") or die "$key did not expire";
    cmp_ok(take_by_sql($node, $key, '1 h'), '>', $token, 'stopped past its expiry, it is taken over');
    kill CONT => $late->{pid};
    is(ask($late, 'write'), 'lost refused', 'and knows it');
    dismiss($_) for $late, $waiting;
}
# Is the monotonic clock wrong, too, by hand of a library that shifts readings and not waits, then what the client waits
# for never comes: no renewal, no telling of the loss. Still what it believes is so, or the fence says that it is not.
for my $clock ('+1h', '+0 x2') {
    my $key = "monotonic $clock" =~ s/ /_/gr;
    my $late = start_holder($node->connstr('postgres'), @shifted, "FAKETIME=$clock");
    $token = ask($late, "take $key 1500");
    sleep 2;
    my $next = take_by_sql($node, $key, '1 h');
    is(ask($late, 'write'), $next ? 'lost refused' : 'held written', "monotonic clock $clock: it knows whether it still holds");
    cmp_ok(stored_token($key), $next ? '>' : '==', $token, 'and the token says the same');
    dismiss($late);
}
# One that is slow has it believe in its lease for too long: there it is the fence alone that stops it.
my $slow = start_holder($node->connstr('postgres'), @shifted, 'FAKETIME=+0 x0.1');
$token = ask($slow, 'take slow 1500');
kill STOP => $slow->{pid};
$node->poll_query_until('postgres', "SELECT expired FROM interlock.leases WHERE key = 'slow'") or die 'slow did not expire';
cmp_ok(take_by_sql($node, 'slow', '1 h'), '>', $token, 'slow monotonic clock: the server goes by its own');
kill CONT => $slow->{pid};
is(ask($slow, 'write'), 'held refused', 'who believes in a lease that is over is refused');
is(written($node, $token), '0', 'and writes nothing');
dismiss($slow);

# All of it at once: eight clients, each a process, fight for three leases.
my ($clients, $keys, $ttl) = (8, 3, 1000);
my $folder = PostgreSQL::Test::Utils::tempdir();
$node->safe_psql('postgres', <<'SQL' . join "\n", map { "CREATE SEQUENCE order_k$_;" } 0 .. $keys - 1);
CREATE TABLE fenced (key text, token bigint, who text, number bigint, first bigint, last bigint);
-- A COMMIT takes its time, so that faults befall it.
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.02 * random()); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON fenced DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle();
SQL
local @ENV{qw(PGHOST PGPORT PGDATABASE)} = ($node->host, $node->port, 'postgres');
mkdir "$folder/file" or die $!;
my ($number, %faults) = (0);

sub launch {
    my @command = @_;
    my $pid = fork // die $!;
    exec @command or POSIX::_exit(127) unless $pid;
    $started{$pid} = 1;
    return $pid;
}

sub start_worker {
    my $name = 'worker-' . ++$number;
    my @command = ("$programs/interlock_lease_worker", $name, "$folder/events.$name", "$folder/file", $keys, $ttl);
    return { name => $name, pid => launch(@command), until => 0 };
}

my %fault = (
    # Past the expiry; the others go on meanwhile, and so do the other faults.
    pause => sub {
        my ($worker) = @_;
        kill STOP => $worker->{pid};
        $worker->{until} = time + $ttl / 1000 * (1.1 + rand 1.5);
    },
    kill => sub {
        my ($worker) = @_;
        dismiss($worker);
        %$worker = %{ start_worker() };
    },
    # A paused one's, too: it is in a transaction, perhaps, and goes on in the file.
    terminate => sub {
        $node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^worker' ORDER BY random() LIMIT 1});
    },
    break => sub { $node->psql('postgres', q{SET lock_timeout = '1 s'; SELECT interlock.break_lease('work', 'k'} . q{ || } . int(rand $keys) . ')') },
    crash => sub { $node->stop('immediate'); $node->start },
);
my @mixture = (('pause') x 8, ('kill') x 4, ('terminate') x 5, ('break') x 3);

my @workers = map { start_worker() } 1 .. $clients;
my $probe = { pid => launch("$programs/interlock_lease_probe", "$folder/events.probe", $keys, 1_000_000) };
my ($end, $next_crash) = (time + $seconds, time + 4);
while (time < $end) {
    sleep(0.05 + rand 0.3);
    for my $worker (grep { $_->{until} && $_->{until} < time } @workers) {
        kill CONT => $worker->{pid};
        $worker->{until} = 0;
    }
    my @running = grep { !$_->{until} } @workers;
    next if @running < 4;
    my $kind = time > $next_crash ? 'crash' : $mixture[ rand @mixture ];
    $next_crash = time + 5 + rand 10 if $kind eq 'crash';
    $fault{$kind}->($running[ rand @running ]);
    $faults{$kind}++;
}
dismiss($_) for @workers, $probe;
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name ~ '^(worker|probe)'}), 'all their sessions have ended');
# Nobody holds anything any more: once the ttl is over, all leases are free.
sleep $ttl / 1000;
PostgreSQL::Test::Utils::system_or_bail("$programs/interlock_lease_probe", "$folder/events.last", $keys, 1);

my @log = ('ttl ' . $ttl * 1000, map { ("fault $_") x $faults{$_} } sort keys %faults);
push @log, split /\n/, $node->safe_psql('postgres', q{SELECT concat_ws(' ', 'row', key, token, who, number, first, last) FROM fenced ORDER BY key, first});
push @log, split /\n/, slurp_file($_) for sort(glob "$folder/file/*"), sort(glob "$folder/events.w*"), "$folder/events.probe", "$folder/events.last";
my $log = "$folder/log";
append_to_file($log, join '', map { "$_\n" } @log);
my $status = IPC::Run::run([ "$programs/interlock_check_lease_log" ], '<', $log, '>', \my $verdict, '2>&1');
note($verdict);
ok($status, 'the checker finds that no two holders overlapped, no token went back, no lease was stuck, and what was told is so') or diag($verdict);

# And there was something to find.
my %count = $verdict =~ /^(.*): (\d+)$/mg;
cmp_ok($faults{$_} // 0, '>', 0, "fault $_: " . ($faults{$_} // 0)) for sort keys %fault;
cmp_ok($count{'leases granted'}, '>', $seconds, "leases granted: $count{'leases granted'}");
cmp_ok($count{'of them acknowledged'}, '>', $seconds, "fenced writes acknowledged: $count{'of them acknowledged'}");
cmp_ok($count{'late writes refused'}, '>', 0, "late writes refused: $count{'late writes refused'}");
cmp_ok($count{'attempts denied'}, '>', $seconds, "attempts denied: $count{'attempts denied'}");

# Its log is one that the checker can find fault with.
sub refuses {
    my ($what, @lines) = @_;
    my $false = "$folder/doctored";
    unlink $false;
    append_to_file($false, join '', map { "$_\n" } @lines);
    my $passed = IPC::Run::run([ "$programs/interlock_check_lease_log" ], '<', $false, '>', \my $answer, '2>&1');
    ok(!$passed && $answer =~ /^verdict: broken$/m, "the checker refuses the log if $what");
}
my ($done) = grep { /^done/ } @log;
my ($who, $write) = $done =~ /^done (\S+) (\d+)$/;
refuses('an acknowledged write is gone', grep { !/^row \S+ \d+ $who $write / } @log);
my ($early, $late) = (grep { /^row k0 / } @log)[ 0, -1 ];
my ($is_late) = $late =~ / (\d+)$/;
refuses('two fenced writes overlap', map { $_ eq $early ? s/ \d+$/ $is_late/r : $_ } @log);
my ($first_token) = $early =~ /^row k0 (\d+)/;
refuses('a token goes back', map { $_ eq $late ? s/^row k0 \d+/row k0 $first_token/r : $_ } @log);
refuses('nothing is free in the end', grep { !/^free/ } @log);

# The log and what it shows, for bench/results.
sub report {
    my ($version) = split / /, $node->safe_psql('postgres', 'SHOW server_version');
    my ($finding) = $verdict =~ /^verdict: (.*)$/m;
    return <<"MD" . join '', map { "| $_ | $count{$_} |\n" } $verdict =~ /^(.*): \d+$/mg;
# Leases under faults

Made by `INTERLOCK_FAULT_SECONDS=$seconds INTERLOCK_FAULT_RESULTS=FOLDER make test ARGS="--only tap t/019_lease_faults.pl"`.
The log, lease_faults.log.xz, has one line for each event (client/tests/faults/lease_log.hpp). It is judged by a program of its
own, `interlock_check_lease_log <lease_faults.log`: sound means that no two holders overlapped in a fenced write, no token went
back, no lease was stuck past its ttl but for an open transaction, and what clients were told is so.

pause: SIGSTOP for longer than the ttl, then SIGCONT. kill: SIGKILL. terminate: `pg_terminate_backend` of one of the clients'
sessions. break: an operator's `break_lease`. crash: the server is stopped with `-m immediate` and started again.

- PostgreSQL $version, $clients client processes, $seconds s, a ttl of $ttl ms
- verdict: **$finding**

| | |
|---|--:|
MD
}
if ($results) {
    append_to_file("$results/lease_faults.log", join '', map { "$_\n" } @log);
    append_to_file("$results/lease_faults.md", report());
}
$node->stop;
done_testing();
