# Proves that lock namespaces keep their ids, roles and settings through dump, restore, crash and standby, that no id is given out twice, and that every session hears of a change at once.
use strict;
use warnings;

use InterlockTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('namespaces', allows_streaming => 1);
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE owner LOGIN;
CREATE ROLE heir LOGIN;
CREATE ROLE teller LOGIN;
CREATE ROLE stranger LOGIN;
CREATE ROLE "Odd, ""role""";
GRANT "Odd, ""role""" TO teller;
CREATE DATABASE source OWNER owner;
SQL
my @as_owner = (extra_params => [ '-U', 'owner' ]);
my @as_stranger = (extra_params => [ '-U', 'stranger' ]);

my $folder = PostgreSQL::Test::Utils::tempdir();
my $source = $node->connstr('source');
my $registry = 'SELECT * FROM interlock.lock_namespace_registry ORDER BY id';

sub new_database {
    my ($name, %options) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $name" . ($options{owner} ? " OWNER $options{owner}" : ''));
    $node->safe_psql($name, 'CREATE EXTENSION interlock') if $options{extension};
    return $node->connstr($name);
}

sub create {
    my ($database, $name, @options) = @_;
    $node->safe_psql($database, "SELECT interlock.create_lock_namespace('$name')", @options);
    return $node->safe_psql($database, "SELECT id FROM interlock.lock_namespaces WHERE name = '$name'", @options);
}

# A superuser installs it in a database of somebody else's, who registers and drops.
$node->safe_psql('source', 'CREATE EXTENSION interlock');
$node->safe_psql('source', <<'SQL', @as_owner);
SELECT interlock.create_lock_namespace('accounts', comment => 'one per account');
SELECT interlock.create_lock_namespace('Ünicode "näme", with all', 'text', ARRAY['teller', 'Odd, "role"', 'nobody yet'], comment => E'two\nlines');
SELECT interlock.create_lock_namespace('dropped', 'uuid');
SELECT interlock.create_lock_namespace('devices', 'uuid', ARRAY['Odd, "role"'], max_locks => 5, notify => false);
SELECT interlock.create_lock_namespace('old', also_builtin => 'int4:7');
SELECT interlock.create_lock_namespace('dropped, too');
SELECT interlock.drop_lock_namespace('dropped'), interlock.drop_lock_namespace('dropped, too');
SQL
my $kept = $node->safe_psql('source', $registry);
is($kept, <<'TEXT' =~ s/\n\z//r, 'the source');
1024|accounts|bigint|{}|||one per account|t
1026|Ünicode "näme", with all|text|{teller,"Odd, \"role\"","nobody yet"}|||two
lines|t
1030|devices|uuid|{"Odd, \"role\""}||5||f
1032|old|bigint|{}|int4:7|||t
TEXT

sub restored_like_source {
    my ($database, $test) = @_;
    is($node->safe_psql($database, $registry), $kept, "$test: every namespace is as it was");
    is($node->safe_psql($database, <<'SQL'), "1024\n1032", "$test: and its locks have its id");
BEGIN;
SELECT interlock.advisory_xact_lock('accounts', 1), interlock.advisory_xact_lock('old', 1) \g /dev/null
SELECT objsubid FROM pg_locks WHERE pid = pg_backend_pid() AND objsubid >= 1024 ORDER BY 1;
SQL
    is($node->safe_psql($database, q{SELECT interlock.try_advisory_xact_lock('devices', gen_random_uuid())}, extra_params => [ '-U', 'teller' ]), 't', "$test: members may use it");
    is(refused($node, $database, q{SELECT interlock.try_advisory_xact_lock('devices', gen_random_uuid())}, @as_stranger), '42501 permission denied for lock namespace "devices"', "$test: others may not");
    is(create($database, 'next'), 1036, "$test: the id of one that was dropped before the dump is not given out again");
}

# psql runs a whole dump; what it is refused is told.
sub restore {
    my ($file, $target, @user) = @_;
    my ($stdout, $stderr) = run_command([ 'psql', '-Xq', @user, '-f', $file, '-d', $target ]);
    return [ $stderr =~ /ERROR:  (.*)/g ];
}

$node->command_ok([ 'pg_dump', '--file', "$folder/superuser.sql", '-d', $source ], 'pg_dump by a superuser');
$node->command_ok([ 'pg_dump', '-U', 'owner', '--file', "$folder/owner.sql", '-d', $source ], 'pg_dump by the owner of the database, of an extension that is not his');
is_deeply(restore("$folder/superuser.sql", new_database('by_superuser')), [], 'a superuser restores it');
restored_like_source('by_superuser', 'superuser');
is_deeply(restore("$folder/owner.sql", new_database('by_owner', owner => 'owner'), '-U', 'owner'), [], 'the owner restores it, and creates the extension himself: it is trusted');
restored_like_source('by_owner', 'owner');
is_deeply([ grep { !/schema "interlock" already exists|must be owner of extension interlock/ } @{ restore("$folder/owner.sql", new_database('into_extension', owner => 'owner', extension => 1), '-U', 'owner') } ],
    [], 'or into one that a superuser has created');
restored_like_source('into_extension', 'extension of a superuser');

# What the owner restored, he dumps again.
$node->command_ok([ 'pg_dump', '-U', 'owner', '-Fc', '--file', "$folder/custom", '-d', $node->connstr('by_owner') ], 'pg_dump of what was restored');
$node->command_ok([ 'pg_restore', '-U', 'owner', '--exit-on-error', '-d', new_database('again', owner => 'owner'), "$folder/custom" ], 'pg_restore');
is($node->safe_psql('again', $registry), "$kept\n1036|next|bigint|{}||||t", 'again: every namespace is as it was');
is(create('again', 'next but one', @as_owner), 1038, 'again: ids go on');

# Whatever else the database has, a role that may read it all may dump it.
$node->safe_psql('postgres', 'CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader');
$node->command_ok([ 'pg_dump', '-U', 'reader', '--file', "$folder/reader.sql", '-d', $source ], 'pg_dump by a reader of all data');

# Data only, into a registry that is there: an empty one takes it, one that has the ids is left as it was.
$node->command_ok([ 'pg_dump', '-U', 'owner', '--data-only', '--file', "$folder/data.sql", '-d', $source ], 'pg_dump --data-only');
is_deeply(restore("$folder/data.sql", new_database('data_only', owner => 'owner', extension => 1), '-U', 'owner'), [], 'is restored into an empty registry');
restored_like_source('data_only', 'data only');
my $taken = new_database('taken', owner => 'owner', extension => 1);
create('taken', 'mine', @as_owner);
like(restore("$folder/data.sql", $taken, '-U', 'owner')->[0], qr/duplicate key value violates unique constraint/, 'one that has an id of it refuses it');
is($node->safe_psql('taken', $registry), '1024|mine|bigint|{}||||t', 'and is left as it was');
# the sequence may lag behind what was copied in
$node->safe_psql('taken', q{COPY interlock.lock_namespace_registry (id, name, key_type) FROM stdin;
1026	copied	bigint
1030	copied too	bigint
\.
SELECT setval('interlock.lock_namespace_ids', 1024);}, @as_owner);
is(create('taken', 'passes', @as_owner) . ' ' . create('taken', 'over', @as_owner), '1028 1032', 'a sequence that lags behind passes over what is taken');
for my $row ("1025, 'odd', 'bigint'", "29002, 'beyond', 'bigint'", "1022, 'below', 'bigint'", "2000, 'type', 'integer'", "2000, '', 'text'") {
    is(substr(refused($node, 'taken', "INSERT INTO interlock.lock_namespace_registry (id, name, key_type) VALUES ($row)", @as_owner), 0, 5), '23514', "not even its owner can register ($row)");
}
is(refused($node, 'taken', "INSERT INTO interlock.lock_namespace_registry (id, name, key_type) VALUES (2000, 'builtin', 'bigint')", extra_params => [ '-U', 'stranger' ]),
    '42501 permission denied for table lock_namespace_registry', 'nor anybody else anything');

# Every way to change the registry is heard by a session that has used it, in the midst of its transaction.
my $session = $node->background_psql('data_only', on_error_stop => 0);

sub hears {
    my ($name, $expected, $test) = @_;
    $session->query("SAVEPOINT s");
    my $got = $session->query("SELECT interlock.try_advisory_xact_lock('$name', 1)");
    my ($error) = $session->{stderr} =~ /ERROR:  (.*)/;
    $session->query("ROLLBACK TO s");
    $session->{stderr} = '';
    is($error // $got, $expected, $test);
}

my $unknown = 'lock namespace "volatile" does not exist';
my $denied = 'permission denied for lock namespace "volatile"';
$session->query('BEGIN');
hears('volatile', $unknown, 'unknown');
my $first = create('data_only', 'volatile', @as_owner);
hears('volatile', 't', 'registered by another session');
$node->safe_psql('data_only', q{BEGIN; SELECT interlock.drop_lock_namespace('volatile'); ROLLBACK}, @as_owner);
hears('volatile', 't', 'dropped, and that rolled back');
$node->safe_psql('data_only', q{SELECT interlock.drop_lock_namespace('volatile')}, @as_owner);
hears('volatile', $unknown, 'dropped');
cmp_ok(create('data_only', 'volatile', @as_owner), '>', $first, 'registered anew, with another id');
hears('volatile', 't', 'and known again');
$session->query('SET SESSION AUTHORIZATION teller');
$node->safe_psql('data_only', q{SELECT interlock.alter_lock_namespace('volatile', roles => '{owner}')}, @as_owner);
hears('volatile', $denied, 'taken from this role');
$node->safe_psql('postgres', 'GRANT owner TO teller');
hears('volatile', 't', 'membership granted');
$node->safe_psql('postgres', 'REVOKE owner FROM teller');
hears('volatile', $denied, 'and revoked');
$node->safe_psql('data_only', q{SELECT interlock.alter_lock_namespace('volatile', roles => '{late}')}, @as_owner);
hears('volatile', $denied, 'of a role that there is not');
$node->safe_psql('postgres', 'CREATE ROLE late ROLE teller');
hears('volatile', 't', 'of one that there is now');
$node->safe_psql('postgres', 'ALTER ROLE late RENAME TO later');
hears('volatile', $denied, 'that has another name now');
$node->safe_psql('postgres', 'DROP ROLE later');
$session->query('RESET SESSION AUTHORIZATION');
hears('volatile', 't', 'a superuser may');

# Triggers of ours do not fire under a restore that turns them off, but for this one.
my $off = 'SET session_replication_role = replica; ';
$node->safe_psql('data_only', "$off DELETE FROM interlock.lock_namespace_registry WHERE name = 'volatile'");
hears('volatile', $unknown, 'deleted with triggers off');
$node->safe_psql('data_only', "$off COPY interlock.lock_namespace_registry (id, name, key_type) FROM stdin;\n2000\tvolatile\tbigint\n\\.\n");
hears('volatile', 't', 'copied with triggers off');
$node->safe_psql('data_only', "$off UPDATE interlock.lock_namespace_registry SET name = 'renamed' WHERE name = 'volatile'");
hears('volatile', $unknown, 'renamed with triggers off');
hears('renamed', 't', 'under its new name');
$node->safe_psql('data_only', 'TRUNCATE interlock.lock_namespace_registry', @as_owner);
hears('renamed', 'lock namespace "renamed" does not exist', 'truncated');
hears('accounts', 'lock namespace "accounts" does not exist', 'and all others with it');
$node->command_ok([ 'pg_dump', '-Fc', '--file', "$folder/all", '-d', $source ], 'pg_dump');
$node->command_ok([ 'pg_restore', '-U', 'owner', '--data-only', '--disable-triggers', '--exit-on-error', '-d', $node->connstr('data_only'), "$folder/all" ], 'pg_restore --disable-triggers');
hears('accounts', 't', 'restored with triggers disabled');
# ENABLE TRIGGER ALL at the end of such a restore leaves ours on, though not for those who have turned triggers off
$node->safe_psql('data_only', "DELETE FROM interlock.lock_namespace_registry WHERE name = 'accounts'", @as_owner);
hears('accounts', 'lock namespace "accounts" does not exist', 'and deleted after that restore');
$session->quit;

# What a transaction takes back, its own session forgets.
is($node->safe_psql('source', <<'SQL'), "t\nt\nf\nf", 'a session forgets what it takes back');
CREATE TEMP TABLE known (name text);
CREATE FUNCTION pg_temp.knows(name text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM interlock.try_advisory_xact_lock(name, 1);
    RETURN true;
EXCEPTION WHEN undefined_object THEN
    RETURN false;
END $$;
BEGIN;
SELECT interlock.create_lock_namespace('for a while') \g /dev/null
SELECT pg_temp.knows('for a while');
SAVEPOINT s;
SELECT interlock.create_lock_namespace('for a moment') \g /dev/null
SELECT pg_temp.knows('for a moment');
ROLLBACK TO s;
SELECT pg_temp.knows('for a moment');
ROLLBACK;
SELECT pg_temp.knows('for a while');
SQL

# Locks are of their database, also where another one is its copy and has the same ids.
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE source');
is($node->safe_psql('copy', $registry), $node->safe_psql('source', $registry), 'a copy of the database has the same namespaces');
$session = $node->background_psql('source', on_error_stop => 0);
$session->query(q{BEGIN; SELECT interlock.advisory_xact_lock('accounts', 1), interlock.advisory_xact_slot('accounts', 1, 1)});
my $alike = q{SELECT interlock.try_advisory_xact_lock('accounts', 1), interlock.try_advisory_xact_slot('accounts', 1, 1)};
is($node->safe_psql('source', $alike), 'f|', 'what is held in a database');
is($node->safe_psql('copy', $alike), 't|1', 'is free in its copy');
is($node->safe_psql('copy', 'SELECT count(*) FROM interlock.advisory_locks'), 0, 'which does not show it');
is($node->safe_psql('copy', q{SELECT interlock.drop_lock_namespace('accounts')}), '', 'nor finds it in use');

# The extension itself can be dropped and come again while a session knows its namespaces.
my $again = $node->background_psql('copy', on_error_stop => 0);
$again->query('BEGIN');
is($again->query(q{SELECT interlock.try_advisory_xact_lock('old', 1)}), 't', 'a namespace of an extension');
$node->safe_psql('copy', 'DROP EXTENSION interlock');
$again->query(q{SELECT interlock.try_advisory_xact_lock('old', 1)});
like($again->{stderr}, qr/schema "interlock" does not exist/, 'that is dropped');
$again->{stderr} = '';
$again->query('ROLLBACK');
$node->safe_psql('copy', 'CREATE EXTENSION interlock');
$again->query(q{SELECT interlock.try_advisory_xact_lock('old', 1)});
like($again->{stderr}, qr/lock namespace "old" does not exist/, 'and created again');
$again->quit;
$session->quit;

# Who may register: the owner of the database, whoever that is now, and an appointed role.
my $register = q{SELECT interlock.create_lock_namespace('by')};
is(refused($node, 'source', $register, @as_stranger), '42501 permission denied to change lock namespaces', 'a stranger may not register');
$node->safe_psql('postgres', 'ALTER DATABASE source OWNER TO heir');
is(refused($node, 'source', $register, @as_owner), '42501 permission denied to change lock namespaces', 'nor he who was the owner');
is(create('source', 'of the heir', extra_params => [ '-U', 'heir' ]), 1040, 'but the one who is');
$node->command_ok([ 'pg_dump', '-U', 'heir', '--file', "$folder/heir.sql", '-d', $source ], 'who dumps it, too');
$node->safe_psql('postgres', 'CREATE ROLE interlock_admin ROLE stranger');
is(create('source', 'of an admin', @as_stranger), 1042, 'and members of interlock_admin');
is($node->safe_psql('source', q{SELECT interlock.alter_lock_namespace('of an admin', comment => 'x'), interlock.drop_lock_namespace('of an admin')}, @as_stranger), '|', 'who alter and drop');
is(refused($node, 'source', 'SELECT FROM interlock.lock_namespace_registry', @as_stranger), '42501 permission denied for table lock_namespace_registry', 'but do not get at the table');
$node->safe_psql('postgres', 'DROP ROLE interlock_admin');

# A standby: everything that does not write.
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 5');
$node->restart;
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('namespaces_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'hot_standby_feedback = on');
$standby->start;
create('source', 'late');
$node->wait_for_catchup($standby);
is($standby->safe_psql('source', 'SELECT * FROM interlock.lock_namespaces ORDER BY id'), $node->safe_psql('source', 'SELECT * FROM interlock.lock_namespaces ORDER BY id'), 'standby: the same namespaces');

my $holder = $standby->background_psql('source', on_error_stop => 0);
my $lsn = $standby->safe_psql('postgres', 'SELECT pg_last_wal_replay_lsn()');
my $written = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
$holder->query('BEGIN');
is($holder->query(q{SELECT interlock.advisory_xact_lock('accounts', 1), interlock.advisory_xact_lock_many('accounts', '{5,4,3}'), interlock.advisory_session_lock('accounts', 2), interlock.advisory_xact_slot('accounts', 1, 1)}), '|||1', 'standby: locks of every kind');
my $pid = $holder->query('SELECT pg_backend_pid()');
is($standby->safe_psql('source', <<'SQL'), "f\nf\n\nt\nf", 'standby: others are told, at once or within a bound');
SELECT interlock.try_advisory_xact_lock('accounts', 1);
SELECT interlock.try_advisory_xact_lock_many('accounts', '{6,5}', wait => '5 ms');
SELECT interlock.try_advisory_xact_slot('accounts', 1, 1, wait => '5 ms');
SELECT interlock.try_advisory_session_lock('accounts', 1, true, wait => '5 ms') IS FALSE;
SELECT interlock.try_advisory_session_lock('accounts', 2);
SQL
is(refused($standby, 'source', q{SELECT interlock.advisory_xact_lock('accounts', 2, wait => '5 ms')}), '55P03 could not obtain lock 2 of namespace "accounts"', 'standby: a bound that ends');
is($standby->safe_psql('source', 'SELECT namespace, key, kind, mode, granted, pid FROM interlock.advisory_locks WHERE kind = \'lock\' ORDER BY key'),
    join("\n", map { "accounts|$_|lock|exclusive|t|$pid" } 1 .. 5), 'standby: the view');
is($standby->safe_psql('source', 'SELECT interlock.describe_advisory_lock(0, 5, 1024::int2)'), 'lock 5 of namespace "accounts"', 'standby: what a lock is');
for my $call (q{create_lock_namespace('x')}, q{alter_lock_namespace('accounts', comment => 'x')}, q{drop_lock_namespace('late')}) {
    like(refused($standby, 'source', "SELECT interlock.$call"), qr/^25006 /, "standby: $call is refused");
}
# a wait that ends by the holder's commit
my $waiter = start_writer_on($standby, q{SELECT interlock.advisory_xact_lock('accounts', 1, wait => '60 s'); SELECT 'got it';});
ok($standby->poll_query_until('source', 'SELECT count(*) = 1 FROM interlock.advisory_locks WHERE NOT granted'), 'standby: one waits');
$holder->query('COMMIT');
is((finish_writers($waiter))[-1], 'got it', 'standby: and gets it');
is($holder->query(q{SELECT interlock.advisory_session_unlock('accounts', 2)}), 't', 'standby: a session lock is unlocked');

# What the primary does later is heard by a session of the standby, in the midst of its transaction.
$holder->query('BEGIN');
is($holder->query(q{SELECT interlock.try_advisory_xact_lock('late', 1)}), 't', 'standby: a namespace that is known');
$node->safe_psql('source', q{SELECT interlock.drop_lock_namespace('late'), interlock.create_lock_namespace('latest')});
$node->wait_for_catchup($standby);
is($holder->query(q{SELECT interlock.try_advisory_xact_lock('latest', 1)}), 't', 'standby: one that was registered on the primary');
$holder->query(q{SELECT interlock.try_advisory_xact_lock('late', 2)});
like($holder->{stderr}, qr/lock namespace "late" does not exist/, 'standby: one that was dropped there');
$holder->quit;

$standby->promote;
is($standby->safe_psql('source', q{SELECT interlock.create_lock_namespace('promoted')}), '', 'promoted: it registers');
cmp_ok($standby->safe_psql('source', q{SELECT id FROM interlock.lock_namespaces WHERE name = 'promoted'}), '>', $node->safe_psql('source', 'SELECT max(id) FROM interlock.lock_namespaces'), 'promoted: with an id of its own');
$standby->stop;

# Locks end with their session, whatever ends it; namespaces and ids stay.
sub start_writer_on { my ($on, $sql) = @_; return start_writer($on, "\\c source\n$sql\n"); }

my $locks = q{SELECT interlock.advisory_session_lock('accounts', 1), interlock.advisory_session_lock('old', 1), interlock.advisory_xact_slot('accounts', 1, 1)};
my $free = q{BEGIN; SELECT interlock.try_advisory_xact_lock('accounts', 1), interlock.try_advisory_xact_lock('old', 1), pg_try_advisory_xact_lock(7, 1), interlock.try_advisory_xact_slot('accounts', 1, 1); ROLLBACK};

sub hold {
    my $session = $node->background_psql('source', on_error_stop => 0);
    $session->query('BEGIN');
    $session->query($locks);
    is($node->safe_psql('source', $free), 'f|f|f|', 'held');
    return $session;
}

$session = hold();
$pid = $session->query('SELECT pg_backend_pid()');
$waiter = start_writer_on($node, q{SELECT interlock.advisory_session_lock('accounts', 1); SELECT 'got it';});
ok($node->poll_query_until('source', 'SELECT count(*) = 1 FROM interlock.advisory_locks WHERE NOT granted'), 'and awaited');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
is((finish_writers($waiter))[-1], 'got it', 'who waits gets it');
ok($node->poll_query_until('source', "SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')"), 'nothing is held once both sessions have ended');
is($node->safe_psql('source', $free), 't|t|t|1', 'and the locks are free');
eval { $session->quit };

$kept = $node->safe_psql('source', $registry);
my $last = $node->safe_psql('source', 'SELECT max(id) FROM interlock.lock_namespaces');
for my $way ('fast', 'immediate') {
    $session = hold();
    my $gone = create('source', "gone, $way");
    $node->safe_psql('source', "SELECT interlock.drop_lock_namespace('gone, $way')");
    $node->stop($way);
    $node->start;
    is($node->safe_psql('source', $free), 't|t|t|1', "stopped, $way: the locks are free");
    is($node->safe_psql('source', $registry), $kept, "stopped, $way: the namespaces are there");
    cmp_ok(create('source', 'new'), '>', $gone, "stopped, $way: ids are not given out again");
    $node->safe_psql('source', "SELECT interlock.drop_lock_namespace('new')");
    eval { $session->quit };
}

$node->stop;
done_testing();
