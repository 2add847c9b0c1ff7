# Proves that locks of namespaces live as long as their transaction, also a prepared one, exclude who uses the built-in locks still, are known by their text where they may be, and are out of reach for who is not of the namespace's roles.
use strict;
use warnings;

use InterlockTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('scope');
$node->append_conf('postgresql.conf', <<'CONF');
max_connections = 20
max_prepared_transactions = 5
max_locks_per_transaction = 10
deadlock_timeout = 20ms
restart_after_crash = on
log_min_error_statement = panic
min_parallel_table_scan_size = 0
parallel_setup_cost = 0
parallel_tuple_cost = 0
CONF
$node->restart;
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE insider LOGIN;
CREATE ROLE outsider LOGIN;
SELECT interlock.create_lock_namespace('accounts'), interlock.create_lock_namespace('invoices', 'text'),
    interlock.create_lock_namespace('pool', 'text'), interlock.create_lock_namespace('secret', 'text', '{insider}', max_locks => 5),
    interlock.create_lock_namespace('old', also_builtin => 'bigint'), interlock.create_lock_namespace('old class', also_builtin => 'int4:-7'),
    interlock.create_lock_namespace('open', max_locks => 100);
SQL

sub session {
    my ($role) = @_;
    return $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-v', 'VERBOSITY=verbose', $role ? ('-U', $role) : () ]);
}

# What a session says to a statement: its result, or "SQLSTATE message" and DETAIL.
sub says {
    my ($session, $sql) = @_;
    my $result = $session->query($sql);
    my $error = $session->{stderr} =~ /ERROR:  (\w{5}): (.*)/ ? "$1 $2" : undef;
    my $detail = $session->{stderr} =~ /DETAIL:  (.*)/ ? " $1" : '';
    $session->{stderr} = '';
    return defined $error ? $error . $detail : $result;
}

sub try_lock {
    my ($namespace, $key, @more) = @_;
    return $node->safe_psql('postgres', 'SELECT interlock.try_advisory_xact_lock(' . join(', ', "'$namespace'", "'$key'", @more) . ')');
}

# A client that waits for a lock or slot, and says so once it has it.
sub waiter {
    my ($call) = @_;
    my $waiter = start_writer($node, "SELECT interlock.$call;\n\\echo got it\n");
    ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"), "$call waits");
    return $waiter;
}

sub gets_it {
    my ($waiter, $test) = @_;
    is((finish_writers($waiter))[-1], 'got it', $test);
}

# Prepared transactions.
my $session = session();
my $shown = q{SELECT namespace, key_text, kind, mode, granted, scope, holds, pid, usename FROM interlock.advisory_locks WHERE pid IS DISTINCT FROM pg_backend_pid() ORDER BY kind, mode, namespace, key};
says($session, $_) for 'BEGIN', q{SELECT interlock.advisory_xact_lock('accounts', 1)}, q{SELECT interlock.advisory_xact_lock('accounts', 2, true)},
    q{SELECT interlock.advisory_xact_lock_many('accounts', '{4,3}')}, q{SELECT interlock.advisory_xact_slot('pool', 'workers', 1)}, q{SELECT interlock.advisory_xact_lock('old', 5)};
is(says($session, q{PREPARE TRANSACTION 'one'}), '', 'a transaction with locks and a slot is prepared');
my $prepared = <<'TEXT' =~ s/\n\z//r;
accounts||lock|exclusive|t|transaction|||
accounts||lock|exclusive|t|transaction|||
accounts||lock|exclusive|t|transaction|||
old||lock|exclusive|t|transaction|||
accounts||lock|share|t|transaction|||
pool||slot|exclusive|t|transaction|||
TEXT
sub held_by_prepared {
    my ($test) = @_;
    is($node->safe_psql('postgres', $shown), $prepared, "$test: the view shows its locks, without a process");
    is(join(' ', try_lock('accounts', 1), try_lock('accounts', 2), try_lock('accounts', 2, 'true'), try_lock('accounts', 3), try_lock('old', 5)), 'f f t f f', "$test: it holds them");
    is($node->safe_psql('postgres', q{SELECT pg_try_advisory_xact_lock(5), interlock.try_advisory_xact_slot('pool', 'workers', 1)}), 'f|', "$test: the built-in lock and the slot, too");
    my $other = session();
    is(says($other, q{SELECT interlock.advisory_xact_lock('accounts', 1, wait => '1 ms')}),
        '55P03 could not obtain lock 1 of namespace "accounts" {"condition": "lock_not_available", "namespace": "accounts", "key": 1, "mode": "exclusive", "blocking_pids": [0]}',
        "$test: who wants one is told of process 0");
    is(says($other, q{SELECT interlock.advisory_xact_slot('pool', 'workers', 1, '0')}),
        '55P03 could not obtain a slot of lock "workers" of namespace "pool" {"condition": "lock_not_available", "namespace": "pool", "key": "workers", "slots": 1, "blocking_pids": [0]}',
        "$test: and who wants a slot");
    is(says($other, q{SELECT interlock.drop_lock_namespace('accounts')}),
        '55006 locks of namespace "accounts" are in use {"condition": "object_in_use", "namespace": "accounts", "blocking_pids": [0]}',
        "$test: its namespace is not dropped");
    $other->quit;
}
held_by_prepared('prepared');
is(says($session, q{SELECT interlock.try_advisory_xact_lock('accounts', 1)}), 'f', 'nor does the session that prepared it have its lock any more');
$session->quit;
$node->stop('immediate');
$node->start;
held_by_prepared('after a crash');
my @waiters = (waiter(q{advisory_xact_lock('accounts', 3, wait => '60 s')}), waiter(q{advisory_xact_slot('pool', 'workers', 1, '60 s')}),
    waiter(q{advisory_xact_lock_many('accounts', '{9,2,4}')}), waiter(q{advisory_xact_lock('old', 5)}));
$node->safe_psql('postgres', q{COMMIT PREPARED 'one'});
gets_it($_, 'once it is committed by another session, who waits gets it') for @waiters;
is($node->safe_psql('postgres', $shown), '', 'and nothing is held any more');
$node->safe_psql('postgres', q{BEGIN; SELECT interlock.advisory_xact_slot('pool', 'workers', 1); PREPARE TRANSACTION 'two'});
my $waiter = waiter(q{advisory_xact_slot('pool', 'workers', 1)});
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'two'});
gets_it($waiter, 'once another one is rolled back, who waits for its slot gets that');

# What a transaction had to wait for, in a subtransaction of ours, is its own to prepare.
$session = session();
says($session, $_) for 'BEGIN', q{SELECT interlock.advisory_xact_slot('pool', 'workers', 1)}, q{SELECT interlock.advisory_xact_lock('accounts', 1)};
$waiter = start_writer($node, <<'SQL');
BEGIN;
SELECT interlock.try_advisory_xact_slot('pool', 'workers', 1, '60 s');
SELECT interlock.try_advisory_xact_lock('accounts', 1, wait => '60 s');
PREPARE TRANSACTION 'three';
SQL
ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"), 'one waits for a slot and a lock');
says($session, 'COMMIT');
is_deeply([ finish_writers($waiter) ], [ 1, 't' ], 'gets them');
is($node->safe_psql('postgres', $shown), "accounts||lock|exclusive|t|transaction|||\npool||slot|exclusive|t|transaction|||", 'and prepares them, nothing else');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'three'});
$session->quit;

# Session locks and PREPARE: whatever the built-in functions do.
$session = session();
my %functions = (
    'built-in' => [ 'pg_advisory_lock(1)', 'pg_advisory_xact_lock(1)', 'pg_advisory_unlock(1)' ],
    ours => [ q{interlock.advisory_session_lock('accounts', 1)}, q{interlock.advisory_xact_lock('accounts', 1)}, q{interlock.advisory_session_unlock('accounts', 1)} ],
    'ours, built-in too' => [ q{interlock.advisory_session_lock('old', 1)}, q{interlock.advisory_xact_lock('old', 1)}, q{interlock.advisory_session_unlock('old', 1)} ]);
sub prepare_with {
    my ($session_lock, $transaction_lock, $unlock) = @{ $functions{ $_[0] } };
    return [ map { says($session, $_) }
            'BEGIN', "SELECT $session_lock", 'CREATE TEMP TABLE IF NOT EXISTS dummy (); ROLLBACK',
            # held for the session alone: not the transaction's to prepare
            'BEGIN', q{PREPARE TRANSACTION 'session'}, q{COMMIT PREPARED 'session'}, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid IN (1, 1024, 1032) AND objid = 1 AND objsubid = (SELECT min(objsubid) FROM pg_locks WHERE locktype = 'advisory')",
            # for both
            'BEGIN', "SELECT $transaction_lock", q{PREPARE TRANSACTION 'both'}, "SELECT $unlock", "SELECT $unlock" ];
}
my $builtin = prepare_with('built-in');
like($builtin->[9], qr/^0A000 cannot PREPARE/, 'built-in: PREPARE is refused to who holds a lock for session and transaction');
is($builtin->[10], 't', 'built-in: which leaves that of the session');
for my $whose ('ours', 'ours, built-in too') {
    is_deeply(prepare_with($whose), $builtin, "$whose: the same");
}
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0, 'nothing is left');
$session->quit;

# Old processes, which take the built-in lock, and new ones exclude each other.
for my $case ([ 'old', 5, '5' ], [ 'old', -5, '-5' ], [ 'old', '9223372036854775807', '9223372036854775807' ], [ 'old class', 5, '-7, 5' ], [ 'old class', '-2147483648', '-7, -2147483648' ]) {
    my ($namespace, $key, $builtin) = @$case;
    my ($old, $new) = (session(), session());
    my $pid = says($old, 'SELECT pg_backend_pid()');
    says($old, "SELECT pg_advisory_lock($builtin)");
    is(says($new, "SELECT interlock.try_advisory_xact_lock('$namespace', $key)"), 'f', "$namespace $key: not while an old one has it");
    is(says($new, "SELECT interlock.try_advisory_session_lock('$namespace', $key, wait => '1 ms')"), 'f', "$namespace $key: nor for the session, within a bound");
    like(says($new, "SELECT interlock.advisory_xact_lock('$namespace', $key, true, '1 ms')"), qr/^55P03 .*"blocking_pids": \[$pid\]\}/, "$namespace $key: nor shared; the old one is named");
    is($node->safe_psql('postgres', 'SELECT count(*) FROM interlock.advisory_locks'), 0, "$namespace $key: and nothing is kept of what was not taken as a whole");
    my $waits = waiter("advisory_xact_lock('$namespace', $key)");
    says($old, "SELECT pg_advisory_unlock($builtin)");
    gets_it($waits, "$namespace $key: who waits gets it from the old one");

    says($new, "SELECT interlock.advisory_session_lock('$namespace', $key)") for 1 .. 2;
    is(says($old, "SELECT pg_try_advisory_lock($builtin)"), 'f', "$namespace $key: an old one not while a new one has it");
    says($new, "SELECT interlock.advisory_session_unlock('$namespace', $key)");
    is(says($old, "SELECT pg_try_advisory_lock($builtin)"), 'f', "$namespace $key: nor after one unlock of two");
    says($new, "SELECT interlock.advisory_session_unlock('$namespace', $key)");
    is(says($old, "SELECT pg_try_advisory_lock($builtin), pg_advisory_unlock($builtin)"), 't|t', "$namespace $key: but after both");
    says($new, $_) for 'BEGIN', "SELECT interlock.advisory_xact_lock('$namespace', $key, true)";
    is(says($old, "SELECT pg_try_advisory_xact_lock($builtin), pg_try_advisory_xact_lock_shared($builtin)"), 'f|t', "$namespace $key: shared with shared");
    says($new, 'ROLLBACK');
    is(says($old, "SELECT pg_try_advisory_xact_lock($builtin)"), 't', "$namespace $key: free after the rollback");
    $_->quit for $old, $new;
}
is(refused($node, 'postgres', q{SELECT interlock.advisory_xact_lock('old class', 2147483648)}), '22003 key 2147483648 of lock namespace "old class" is out of range for its built-in lock of type integer', 'a key that the built-in lock cannot have');

# A role that is not of the namespace's roles.
my ($insider, $outsider) = (session('insider'), session('outsider'));
says($insider, $_) for q{SELECT interlock.advisory_session_lock('secret', 'plan b')}, 'BEGIN', q{SELECT interlock.advisory_xact_slot('secret', 'plan c', 2)};
for my $call (qw(advisory_xact_lock try_advisory_xact_lock advisory_session_lock try_advisory_session_lock)) {
    is(says($outsider, "SELECT interlock.$call('secret', 'plan a')"), '42501 permission denied for lock namespace "secret"', "outsider: $call");
}
is(says($outsider, "SELECT interlock.$_"), '42501 permission denied for lock namespace "secret"', "outsider: $_")
    for q{advisory_xact_lock_many('secret', ARRAY['a'])}, q{try_advisory_xact_lock_many('secret', ARRAY['a'])}, q{advisory_xact_slot('secret', 'a', 1)}, q{try_advisory_xact_slot('secret', 'a', 1)};
my $what_it_sees = q{SELECT (SELECT count(*) FROM interlock.advisory_locks), (SELECT string_agg(interlock.describe_advisory_lock(classid, objid, objsubid), '; ' ORDER BY objsubid) FROM pg_locks WHERE locktype = 'advisory')};
my $unseen = 'a lock of a namespace that this role may not use (id 1030)';
is(says($outsider, $what_it_sees), "0|$unseen; $unseen", 'outsider: sees none of its locks');
is(says($outsider, q{SELECT string_agg(name, ', ' ORDER BY id) FROM interlock.lock_namespaces}), 'accounts, invoices, pool, old, old class, open', 'outsider: nor that it is there');
like(says($outsider, q{SELECT interlock.try_advisory_xact_lock('secrets', 'a')}), qr/^42704 /, 'outsider: a name near it');
is(says($outsider, q{SELECT interlock.advisory_session_unlock('secret', 'plan b'), interlock.advisory_session_unlock_all('secret')}), 'f|0', 'outsider: unlocks what is not his');
is(says($outsider, 'SELECT pg_advisory_unlock_all()'), '', 'outsider: by any means');
is(says($insider, $what_it_sees), '2|lock "plan b" of namespace "secret"; slot "plan c #1" of namespace "secret"', 'insider: sees them');
is(says($insider, q{SELECT namespace, key_text, kind, scope, holds, pid = pg_backend_pid(), usename, state FROM interlock.advisory_locks ORDER BY kind}), "secret|plan b|lock|session|1|t|insider|active\nsecret|plan c #1|slot|transaction||t|insider|active", 'insider: in the view');

# Texts are known to the session itself, and of others only where the library is preloaded.
my $seen = q{SELECT key_text FROM interlock.advisory_locks WHERE kind = 'lock'};
my $of_text = q{SELECT interlock.describe_advisory_lock(classid, objid, objsubid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1030};
is($node->safe_psql('postgres', $seen), '', 'not preloaded: another session does not know the text');
like($node->safe_psql('postgres', $of_text), qr/^lock with hash -?\d+ of namespace "secret"$/, 'not preloaded: but the hash');
$_->quit for $insider, $outsider;

$node->append_conf('postgresql.conf', q{shared_preload_libraries = 'interlock'});
$node->restart;
sub texts_are_known {
    my ($test) = @_;
    ($insider, $outsider) = (session('insider'), session('outsider'));
    my $pid = says($insider, 'SELECT pg_backend_pid()');
    says($insider, q{SELECT interlock.advisory_session_lock('secret', 'plan b')});
    my $waiter = start_writer($node, q{SELECT interlock.advisory_xact_lock('secret', 'plan b'); SELECT 'got it';});
    ok($node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"), "$test: one waits");
    is($node->safe_psql('postgres', q{SELECT key_text, granted, scope, pid = } . $pid . q{, wait_time IS NOT NULL, hold_time IS NOT NULL FROM interlock.advisory_locks ORDER BY granted}), "plan b|f||f|t|f\nplan b|t|session|t|f|t", "$test: another session knows the text of who holds and who waits");
    is($node->safe_psql('postgres', $of_text =~ s/SELECT/SELECT DISTINCT/r), 'lock "plan b" of namespace "secret"', "$test: and describes it");
    is(says($outsider, $what_it_sees), "0|$unseen; $unseen", "$test: one that may not use the namespace does not");
    is(says($insider, q{SELECT interlock.advisory_session_unlock('secret', 'plan b')}), 't', "$test: unlocked");
    gets_it($waiter, "$test: the one that waited");
    $_->quit for $insider, $outsider;
}
texts_are_known('preloaded');

# More texts than there is room for: the oldest are forgotten, and nothing else happens.
my $hundred_thousand = <<'SQL';
DO $$
BEGIN
    FOR i IN 1 .. 25000 LOOP
        PERFORM interlock.advisory_xact_lock('invoices', repeat('long ', i % 40) || 'WHO/' || i);
        COMMIT;
    END LOOP;
END $$;
SQL
my @lines = finish_writers(map { start_writer($node, $hundred_thousand =~ s/WHO/$_/gr) } 1 .. 4);
is($node->safe_psql('postgres', q{SELECT interlock.advisory_xact_lock_many('invoices', ARRAY['the last', 'and the very last']); SELECT interlock.advisory_session_lock('invoices', 'the one after that'); SELECT key_text FROM interlock.advisory_locks}), "\n\nthe one after that", '100,000 texts: the last one is known');
is_deeply([ grep { /^error/ } @lines ], [], '100,000 texts: no error');
ok($node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')"), '100,000 texts: those sessions have ended');
texts_are_known('100,000 texts');

# A process that dies has the server start anew, its shared memory too.
my $victim = session();
my $victims_pid = says($victim, 'SELECT pg_backend_pid()');
says($victim, q{SELECT interlock.advisory_session_lock('invoices', 'victim')});
kill 'KILL', $victims_pid;
eval { $victim->quit };
ok(comes_back($node, "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $victims_pid)"), 'killed');
is(try_lock('invoices', 'victim'), 't', 'a process was killed: its lock is free');
texts_are_known('after that');

# Nobody fills the lock table by a namespace.
$outsider = session('outsider');
my $bound = '53400 cannot hold more than 100 locks of namespace "open"';
my $all_of = 'SELECT interlock.advisory_xact_lock_many(\'open\', ARRAY(SELECT generate_series(1, 100000)))';
is(says($outsider, $all_of), $bound, 'many keys at once');
is(says($outsider, q{SELECT count(interlock.advisory_session_lock('open', k)) FROM generate_series(1, 100000) AS k}), $bound, 'one after the other, for the session');
is(says($outsider, q{SELECT interlock.advisory_session_lock('open', 101)}), $bound, 'which holds what it has got');
is(says($outsider, q{SELECT interlock.advisory_session_unlock_all('open')}), 100, 'so many');
is(says($outsider, q{BEGIN; SELECT count(interlock.advisory_xact_slot('open', k, 1)) FROM generate_series(1, 100000) AS k; ROLLBACK}), $bound, 'slots');
says($outsider, 'ROLLBACK');
is(says($outsider, 'SET interlock.max_namespace_locks = 1000000'), '42501 permission denied to set parameter "interlock.max_namespace_locks"', 'the bound is not the role\'s to lift');
says($outsider, $_) for 'BEGIN', $all_of =~ s/100000/99/r;
is(try_lock('accounts', 1), 't', 'others go on while it holds what it may');
is(says($outsider, $_), '', $_) for 'SAVEPOINT s', q{SELECT interlock.advisory_xact_lock('open', 100)}, 'ROLLBACK TO s', q{SELECT interlock.advisory_xact_lock('open', 101)};
is(says($outsider, q{SELECT interlock.advisory_xact_lock('open', 102)}), $bound, 'a savepoint that was rolled back has made room for one, not for two');
says($outsider, 'ROLLBACK');
$node->append_conf('postgresql.conf', 'interlock.max_namespace_locks = 150');
$node->reload;
ok($node->poll_query_until('postgres', "SHOW interlock.max_namespace_locks", '150'), 'the bound of those namespaces that have none of their own');
is(says($outsider, $all_of =~ s/open/accounts/r), '53400 cannot hold more than 150 locks of namespace "accounts"', 'holds, too');
like(says($outsider, 'SELECT count(pg_advisory_xact_lock(k)) FROM generate_series(1, 100000) AS k'), qr/^53200 out of shared memory/, 'built-in: the table is full');
$outsider->quit;

# A deadlock, as the server's log tells it, and as we explain it.
my ($one, $two) = (session(), session());
says($_, 'BEGIN') for $one, $two;
says($one, q{SELECT interlock.advisory_xact_lock('accounts', 1234567890123)});
says($two, q{SELECT interlock.advisory_xact_lock('invoices', '2024-07')});
my $offset = -s $node->logfile;
$one->query_until(qr/^$/, q{SELECT interlock.advisory_xact_lock('invoices', '2024-07');} . "\n");
my $told = says($two, q{SELECT interlock.advisory_xact_lock('accounts', 1234567890123)});
my $victims = $told =~ /^40P01 / ? $two : $one;
my $log = '';
for (1 .. 100) {
    $log = substr slurp_file($node->logfile), $offset;
    last if $log =~ /deadlock detected/;
    select undef, undef, undef, 0.1;
}
my @waits = $log =~ /(Process \d+ waits for \w+ on advisory lock \[\d+,\d+,\d+,\d+\]; blocked by process \d+)/g;
note $log;
is(scalar @waits, 2, 'the log tells who waits for what');
my @explained = map { /\[\d+,(\d+),(\d+),(\d+)\]/ && $node->safe_psql('postgres', "SELECT interlock.describe_advisory_lock($1, $2, $3::smallint)") } @waits;
note "$waits[$_]: $explained[$_]" for 0 .. 1;
is_deeply([ sort @explained ], [ 'lock "2024-07" of namespace "invoices"', 'lock 1234567890123 of namespace "accounts"' ], 'and we, which locks they are');
like($log, qr/CONTEXT:  while acquiring lock ("2024-07" of namespace "invoices"|1234567890123 of namespace "accounts")/, 'the log itself says which one could not be had');
$victims->query('ROLLBACK');
$_->quit for $one, $two;

# Parallel workers: they are of their leader's group, and take none of our locks.
$node->safe_psql('postgres', 'CREATE TABLE many AS SELECT generate_series(1, 10000) AS id; ANALYZE many');
my $parallel = $node->safe_psql('postgres', <<'SQL');
BEGIN;
SELECT interlock.advisory_xact_lock('accounts', 1) \g /dev/null
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT count(*) FROM many;
SELECT count(*) FROM many;
SELECT interlock.try_advisory_xact_lock('accounts', 1);
SELECT count(*) FROM interlock.advisory_locks;
COMMIT;
SQL
like($parallel, qr/Workers Launched: [12]\n/, 'a query of a transaction that has a lock runs in workers');
like($parallel, qr/\n10000\nt\n1$/, 'and the lock is there, once, before and after');
unlike($node->safe_psql('postgres', q{EXPLAIN SELECT interlock.try_advisory_xact_lock('accounts', id) FROM many}), qr/Gather/, 'one that takes locks does not');

# A function that says of itself, wrongly, that it is parallel safe has a worker take its locks: as with the built-in ones it gets its leader's, and its own go with it.
my %calls = (
    'pg_try_advisory_xact_lock(i)' => q{interlock.try_advisory_xact_lock('accounts', i)},
    'pg_try_advisory_lock(i)' => q{interlock.try_advisory_session_lock('accounts', i)});
for my $theirs (sort keys %calls) {
    my @results = map { $node->safe_psql('postgres', <<"SQL") } $theirs, $calls{$theirs};
SET parallel_leader_participation = off;
CREATE FUNCTION wrong(i integer) RETURNS boolean LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN RETURN ${\($_ =~ s/'/''/gr)}; END';
BEGIN;
SELECT pg_advisory_xact_lock(1), interlock.advisory_xact_lock('accounts', 1) \\g /dev/null
SELECT array_agg(id ORDER BY id) FROM many WHERE id IN (1, 2) AND wrong(id);
SELECT objsubid, objid, pid = pg_backend_pid() FROM pg_locks WHERE locktype = 'advisory' ORDER BY objsubid, objid;
ROLLBACK;
DROP FUNCTION wrong;
SQL
    is($results[0], "{1,2}\n1|1|t\n1024|1|t", "parallel workers: $theirs");
    is($results[1], $results[0], "parallel workers: $calls{$theirs}");
}

$node->stop;
done_testing();
