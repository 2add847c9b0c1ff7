# Proves that the client's workers lose no job and finish none twice, whatever befalls them: killed, stopped past their leases, their sessions terminated, the server crashed, all at random; and that a late worker's finish is refused.
use strict;
use warnings;

use InterlockTest;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $programs = $ENV{INTERLOCK_CLIENT_TESTS} or plan skip_all => 'the programs of client/tests are not built';
my $jobs = $ENV{INTERLOCK_FAULT_JOBS} // 5_000;
my $report = $ENV{INTERLOCK_CLAIM_FAULT_RESULTS};    # a file for the figures
my $patience = $PostgreSQL::Test::Utils::timeout_default;
my ($workers, $ttl, $pause) = (6, 1_000, 60);        # processes of four handlers; milliseconds

my $node = new_node('workers');
$node->append_conf('postgresql.conf', "max_connections = 120\nautovacuum_naptime = 5");
$node->restart;
# What befell each row is told by the table itself, in the order in which it was committed row by row.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE jobs (id bigint PRIMARY KEY);
CREATE TABLE done (id bigint, token bigint);
CREATE TABLE history (number bigserial, id bigint, what text, token bigint, attempts int, claimed_until timestamptz, at timestamptz DEFAULT clock_timestamp());
SELECT interlock.enable_claims('jobs', 'keep', max_attempts => 1000, backoff => '20 ms', max_backoff => '200 ms');
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE what text := CASE
    WHEN OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL THEN 'finish'
    WHEN OLD.claim_token IS DISTINCT FROM NEW.claim_token THEN 'claim'
    WHEN OLD.claimed_by IS NOT NULL AND NEW.claimed_by IS NULL AND NEW.attempts = OLD.attempts - 1 THEN 'back'
    WHEN OLD.claimed_by IS NOT NULL AND NEW.claimed_by IS NULL THEN 'fail'
    WHEN OLD.claimed_until < NEW.claimed_until THEN 'renew' ELSE 'unknown' END;
BEGIN
    INSERT INTO history (id, what, token, attempts, claimed_until) VALUES (NEW.id, what, NEW.claim_token, NEW.attempts, NEW.claimed_until);
    RETURN NULL;
END$$;
CREATE TRIGGER tell AFTER UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION tell();
SQL
local @ENV{qw(PGHOST PGPORT PGDATABASE)} = ($node->host, $node->port, 'postgres');
my $folder = PostgreSQL::Test::Utils::tempdir();
my (%started, $number, %faults);

sub start_worker {
    my ($how, $takes) = @_;
    my $name = 'worker-' . ++$number;
    $how //= $number % 2 ? 'loose' : 'exact';
    my @command = ("$programs/interlock_claim_worker", $name, "$folder/$name", $how, $ttl, $takes // $pause);
    my $pid = fork // die $!;
    exec @command or POSIX::_exit(127) unless $pid;
    $started{$pid} = 1;
    return { name => $name, pid => $pid, until => 0 };
}

sub end_worker {
    my ($worker, $signal) = @_;
    kill $_ => $worker->{pid} for $signal, 'CONT';
    waitpid $worker->{pid}, 0;
    delete $started{ $worker->{pid} };
}

END {
    my $status = $?;
    for my $pid (keys %started) { kill KILL => $pid; waitpid $pid, 0 }
    $? = $status;
}

sub answer { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }
sub add_jobs { my ($from, $to) = @_; answer("INSERT INTO jobs SELECT generate_series($from, $to)") }

sub events { my ($kind) = @_; return map { /^$kind (.*)/mg } map { slurp_file($_) } glob "$folder/worker-*" }

# A worker that is stopped past its lease: another one has the row, and what it finishes when it wakes up is refused.
add_jobs(0, 0);
for my $how ('loose', 'exact') {
    my $late = start_worker($how, 3_000);
    ok($node->poll_query_until('postgres', qq{SELECT count(*) = 1 FROM jobs WHERE claimed_by = '$late->{name}'}), "a worker has the job: $how");
    sleep 0.2;
    kill STOP => $late->{pid};
    # The exact one has finished it in a transaction that is open: the row is locked, and so its own.
    answer(qq{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '$late->{name}' AND state = 'idle in transaction'});
    sleep $ttl / 1000 + 0.2;
    my ($token) = answer(q{SELECT claim_token FROM interlock.claim_rows(NULL::jobs, 'another', 1, '1 h')});
    cmp_ok($token, '>', 0, 'another one has it when the lease is over');
    kill CONT => $late->{pid};
    sleep 3.5;
    is(answer('SELECT claimed_by, finished_at IS NULL FROM jobs'), 'another|t', 'the late one has not finished it');
    is(answer('SELECT count(*) FROM done'), '0', 'nor written what goes with that');
    end_worker($late, 'TERM');
    like((events('counted'))[-1], qr/finished 0 .*(lost|in_doubt) 1 /, 'and knows that it was lost');
    answer(qq{SELECT interlock.release_claim('jobs', 0, $token)});
}
answer('TRUNCATE jobs, history, done');
unlink glob "$folder/worker-*";

# All of it at once.
my %fault = (
    pause => sub {
        my ($worker) = @_;
        kill STOP => $worker->{pid};
        $worker->{until} = time + $ttl / 1000 * (0.5 + rand 2);
    },
    kill => sub { my ($worker) = @_; end_worker($worker, 'KILL'); %$worker = %{ start_worker() } },
    replace => sub { my ($worker) = @_; end_worker($worker, 'TERM'); %$worker = %{ start_worker() } },
    terminate => sub { answer(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^worker' ORDER BY random() LIMIT 2}) },
    crash => sub { $node->stop('immediate'); $node->start },
);
my @mixture = (('pause') x 6, ('kill') x 4, ('replace') x 2, ('terminate') x 4, 'crash');

my $start = time;
add_jobs(1, $jobs);
my @workers = map { start_worker() } 1 .. $workers;
my $finished = 0;
my $deadline = time + 60 + $jobs / 50;
while ($finished < $jobs && time < $deadline) {
    sleep(0.1 + rand 0.4);
    for my $worker (grep { $_->{until} && $_->{until} < time } @workers) {
        kill CONT => $worker->{pid};
        $worker->{until} = 0;
    }
    my @running = grep { !$_->{until} } @workers;
    # The last ones are done without a fault: how long do they take?
    last if $finished > 0.9 * $jobs;
    if (@running >= 3) {
        my $kind = $mixture[ rand @mixture ];
        $fault{$kind}->($running[ rand @running ]);
        $faults{$kind}++;
    }
    $finished = answer('SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL');
}
kill CONT => $_->{pid} for @workers;
my $quiet = time;
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM jobs WHERE finished_at IS NULL'), "all $jobs jobs are finished");
my $took = time - $start;
# The last killed worker's leases, some backoff, and their work.
my $last_wait = answer("SELECT extract(epoch FROM max(finished_at)) - $quiet FROM jobs");
cmp_ok($last_wait, '<', 5 + $jobs / 500, 'soon after the last fault: none is stuck');
end_worker($_, 'TERM') for @workers;

answer('CREATE INDEX ON history (id); ANALYZE history');
is(answer(q{SELECT count(*) FROM history WHERE what = 'unknown'}), '0', 'nothing happened to a row that should not');
is(answer(q{SELECT count(*) || ' ' || count(DISTINCT id) FROM history WHERE what = 'finish'}), "$jobs $jobs", 'each was finished exactly once');
is(answer(q{SELECT count(*) FROM history AS f WHERE what = 'finish' AND token <> (SELECT max(token) FROM history AS h WHERE h.id = f.id)}), '0', 'by the last that had it');
is(answer(q{SELECT count(*) FROM history AS f JOIN history AS h ON h.id = f.id AND h.number > f.number WHERE f.what = 'finish'}), '0', 'and then nothing more happened');
is(answer(q{SELECT count(*) FROM (SELECT token <= lag(token) OVER (PARTITION BY id ORDER BY number) AS bad FROM history WHERE what = 'claim') AS t WHERE bad}), '0', 'tokens grow');
is(answer(q{SELECT count(*) FROM jobs AS j WHERE attempts <> (SELECT count(*) FILTER (WHERE what = 'claim') - count(*) FILTER (WHERE what = 'back') FROM history AS h WHERE h.id = j.id)}), '0', 'attempts are the deliveries that were not handed back');
# A row is taken over when its lease is over and not before; and the order of the history is that of the row's versions.
is(answer(q{SELECT count(*) FROM (SELECT what, at, lag(what) OVER w AS before, lag(claimed_until) OVER w AS until FROM history WINDOW w AS (PARTITION BY id ORDER BY number)) AS t WHERE what = 'claim' AND before IN ('claim', 'renew') AND at < until}), '0', 'no lease was taken over before its end');
my %did;
for (events('did')) { my ($id, $token) = split ' '; $did{"$id $token"}++ }
my @loose = split /\n/, answer(q{SELECT id || ' ' || token FROM history WHERE what = 'finish' AND token NOT IN (SELECT token FROM done AS d WHERE d.id = history.id)});
is(scalar(grep { !$did{$_} } @loose), 0, 'what was finished loosely had been done');
is(answer(q{SELECT count(*) FROM done AS d LEFT JOIN history AS f ON f.id = d.id AND f.token = d.token AND f.what = 'finish' WHERE f.id IS NULL}), '0', 'what was done exactly was finished');
is(answer('SELECT count(*) - count(DISTINCT id) FROM done'), '0', 'and once');
is(scalar(grep { $_ > 1 } values %did), 0, 'no claim was worked on twice');

my %sum;
for (events('counted')) { my %of = split ' '; $sum{$_} += $of{$_} for keys %of }
my %happened = map { split /\|/ } split /\n/, answer('SELECT what, count(*) FROM history GROUP BY what');
my $takeovers = answer(q{SELECT count(*) FROM (SELECT what, lag(what) OVER (PARTITION BY id ORDER BY number) AS before FROM history) AS t WHERE what = 'claim' AND before IN ('claim', 'renew')});
my @figures = (sprintf('%d jobs in %.0f s, %d of them finished in the transaction that did them', $jobs, $took, $jobs - @loose),
    'faults: ' . join(', ', map { "$_ $faults{$_}" } sort keys %faults),
    'rows: ' . join(', ', map { "$_ $happened{$_}" } sort keys %happened) . ", taken over after their expiry $takeovers",
    sprintf('worked on and not finished by that claim: %d', keys(%did) - @loose),
    sprintf('the last job was finished %.1f s after the last fault', $last_wait),
    'workers that ended in order counted: ' . join(', ', map { "$_ $sum{$_}" } sort keys %sum));
note $_ for @figures;
append_to_file($report, join '', map { "- $_\n" } @figures) if $report;

done_testing();
