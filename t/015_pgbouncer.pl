# Proves that behind a real PgBouncer in transaction mode a built-in session lock outlives its client and cannot be unlocked, that interlock.session_locks = off refuses ours, and that locks and slots of a transaction work through it.
use strict;
use warnings;

use InterlockTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Debian keeps it where not every user looks.
my ($pgbouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin';
plan skip_all => 'pgbouncer is not installed (scripts/packages install test)' unless $pgbouncer;

my $node = new_node('pooled');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE owner LOGIN;
ALTER DATABASE postgres OWNER TO owner;
CREATE TABLE numbers (what text PRIMARY KEY, n integer NOT NULL DEFAULT 0);
INSERT INTO numbers VALUES ('lock'), ('many'), ('slot 1'), ('slot 2');
GRANT SELECT, UPDATE ON numbers TO PUBLIC;
SELECT interlock.create_lock_namespace('jobs'), interlock.create_lock_namespace('invoices', 'text');
SQL
# The owner of the database turns them off; the setting is known once the library is loaded.
$node->safe_psql('postgres', <<'SQL', extra_params => [ '-U', 'owner' ]);
SELECT interlock.library_version();
ALTER DATABASE postgres SET interlock.session_locks = off;
SQL

# A proxy of our own: two connections to the server, whoever many clients.
my $folder = PostgreSQL::Test::Utils::tempdir();
my $sockets = PostgreSQL::Test::Utils::tempdir_short();
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $user = $node->safe_psql('postgres', 'SELECT current_user');
append_to_file("$folder/users", qq{"$user" ""\n});
append_to_file("$folder/ini", <<"INI");
[databases]
postgres = host=${\$node->host} port=${\$node->port} pool_size=2
[pgbouncer]
pool_mode = transaction
listen_addr =
listen_port = $port
unix_socket_dir = $sockets
auth_type = trust
auth_file = $folder/users
logfile = $folder/log
pidfile = $folder/pid
max_client_conn = 100
INI
my $proxy = IPC::Run::start([ $pgbouncer, '-q', "$folder/ini" ], '>', "$folder/out", '2>&1');
END {
    local $?;
    $proxy->signal('INT'), $proxy->finish if $proxy;
}

my $pooled = "host=$sockets port=$port dbname=postgres user=$user";
my @through = (connstr => $pooled);
for my $attempt (1 .. 100) {
    last if ($node->psql('postgres', 'SELECT 1', @through))[0] == 0;
    die "pgbouncer does not answer:\n" . slurp_file("$folder/out") . slurp_file("$folder/log") if $attempt == 100;
    select undef, undef, undef, 0.1;
}

sub client { return $node->background_psql('postgres', on_error_stop => 0, extra_params => [ '-d', $pooled ]); }

sub holders {
    my ($condition) = @_;
    return $node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND $condition");
}

# The leak: the client is gone, the lock is not.
my $server = (split /\|/, $node->safe_psql('postgres', 'SELECT pg_backend_pid(), pg_advisory_lock(1)', @through))[0];
is(holders("pid = $server AND objid = 1"), 1, 'built-in: the lock is held after its client left');

# Two transactions at once have the two server connections; one of them is not the one that holds it.
my %clients;
for my $client (client(), client()) {
    $client->query('BEGIN');
    $clients{ $client->query('SELECT pg_backend_pid()') } = $client;
}
is(scalar keys %clients, 2, 'two clients in transactions have a server connection each');
my ($other) = map { $clients{$_} } grep { $_ != $server } keys %clients;
is($other->query('SELECT pg_try_advisory_lock(1)'), 'f', 'built-in: nobody else gets it');
is($other->query('SELECT pg_advisory_unlock(1)'), 'f', 'built-in: unlocking it through another server connection returns false');
is(holders("pid = $server AND objid = 1"), 1, 'built-in: and it is held still');
is($clients{$server}->query('SELECT pg_advisory_lock(1)'), '', 'built-in: a stranger that is given that connection has it, too');
$clients{$server}->query('SELECT pg_advisory_unlock_all()');
$_->query('COMMIT'), $_->quit for values %clients;

# Ours are refused before anything is taken, however they are asked for.
for my $call (
    q{interlock.advisory_session_lock('jobs', 1)},
    q{interlock.advisory_session_lock('jobs', 1, true, '1 s')},
    q{interlock.try_advisory_session_lock('jobs', 1)}) {
    is(refused($node, 'postgres', "SELECT $call", @through), '0A000 session locks are off in this database', $call);
}
is(holders('objsubid >= 1024'), 0, 'nothing of ours is held');
my ($status, $stdout, $stderr) = $node->psql('postgres', q{SELECT interlock.advisory_session_lock('jobs', 1)}, @through);
like($stderr, qr/HINT:  Use interlock.advisory_xact_lock, or a lease/, 'and the hint says what to use');
is($node->safe_psql('postgres', q{SET interlock.session_locks = on; SELECT interlock.try_advisory_session_lock('jobs', 1), interlock.advisory_session_unlock('jobs', 1)}), 't|t', 'a connection past the proxy can have them, by its own setting');

# A transaction's lock: one has it, the next client is told who, and gets it when that one ends.
my ($first, $second) = (client(), client());
$first->query('BEGIN');
$first->query(q{SELECT interlock.advisory_xact_lock('invoices', '2024-07')});
$server = $first->query('SELECT pg_backend_pid()');
is($second->query(q{SELECT interlock.try_advisory_xact_lock('invoices', '2024-07')}), 'f', 'a second client does not get it');
$second->query(q{SELECT interlock.advisory_xact_lock('invoices', '2024-07', wait => '10 ms')});
like($second->{stderr}, qr/could not obtain lock "2024-07" of namespace "invoices"/, 'nor within a bound');
like($second->{stderr}, qr/"blocking_pids": \[$server\]/, 'and is told which server connection has it');
is($second->query('SHOW lock_timeout'), 0, 'no setting is left behind for the next client');
$first->query('COMMIT');
is($second->query(q{SELECT interlock.try_advisory_xact_lock('invoices', '2024-07')}), 't', 'after the first one\'s commit it does');
is(holders('objsubid >= 1024'), 0, 'and nothing outlives its transaction');

# A client that leaves in the midst of its transaction takes its locks along.
$first->query('BEGIN');
$first->query(q{SELECT interlock.advisory_xact_lock('invoices', 'abandoned')});
is(holders('objsubid >= 1024'), 1, 'a lock of a client that');
$first->quit;
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_locks WHERE objsubid >= 1024"), 'leaves is released');
$second->quit;

# Many clients: each reads a number under its lock, and writes it one higher. Parameters are untyped.
append_to_file("$folder/lock.sql", <<'SQL');
\set key 1
BEGIN;
SELECT interlock.advisory_xact_lock('jobs', :key);
SELECT n AS old FROM numbers WHERE what = 'lock' \gset
UPDATE numbers SET n = :old + 1 WHERE what = 'lock';
COMMIT;
SQL
append_to_file("$folder/many.sql", <<'SQL');
\set a random(1, 3)
\set b random(1, 3)
BEGIN;
SELECT interlock.advisory_xact_lock_many('jobs', ARRAY[:a, 4, :b]);
SELECT n AS old FROM numbers WHERE what = 'many' \gset
UPDATE numbers SET n = :old + 1 WHERE what = 'many';
COMMIT;
SQL
append_to_file("$folder/slot.sql", <<'SQL');
\set key 5
BEGIN;
SELECT interlock.advisory_xact_slot('jobs', :key, 2) AS slot \gset
SELECT n AS old FROM numbers WHERE what = 'slot ' || :slot \gset
UPDATE numbers SET n = :old + 1 WHERE what = 'slot ' || :slot;
COMMIT;
SQL
for my $what ('lock', 'many', 'slot') {
    for my $protocol ('simple', 'extended') {
        $node->safe_psql('postgres', 'UPDATE numbers SET n = 0');
        $node->command_ok([ 'pgbench', '-n', '-M', $protocol, '-c', 8, '-j', 2, '-t', 50, '-f', "$folder/$what.sql", '-h', $sockets, '-p', $port, '-U', $user, 'postgres' ],
            "$what, $protocol protocol: 8 clients on two server connections");
        is($node->safe_psql('postgres', "SELECT sum(n) FROM numbers WHERE what LIKE '$what%'"), 8 * 50, "$what, $protocol protocol: none lost what another one did");
    }
}
# A statement that is prepared in its transaction, its key untyped.
is($node->safe_psql('postgres', <<'SQL', @through), "t\nt", 'prepared statements in a transaction');
BEGIN;
PREPARE lock_it AS SELECT interlock.try_advisory_xact_lock('jobs', $1);
EXECUTE lock_it('42');
SELECT interlock.try_advisory_xact_lock('jobs', 42);
DEALLOCATE lock_it;
COMMIT;
SQL
is(holders('true'), 0, 'nothing is held in the end');

$node->stop;
done_testing();
