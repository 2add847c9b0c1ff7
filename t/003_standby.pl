# Proves that a standby shows versioning, refuses to write by version with a clear message, and writes where it left off once promoted.
use strict;
use warnings;

use InterlockTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $primary = new_node('primary', allows_streaming => 1);
$primary->safe_psql('postgres', <<'SQL');
CREATE TABLE docs (id integer PRIMARY KEY, name text, hits integer, version integer NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('docs', except_columns => '{hits}', accept => 'echo', require_version => true);
INSERT INTO docs VALUES (1, 'a', 0, 1);
CREATE TABLE broken (id integer PRIMARY KEY);
SELECT interlock.enable_versioning('broken');
ALTER TABLE broken DISABLE TRIGGER "~interlock_version";
SQL
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# What the primary does later arrives as well: a row, a setting, a table.
$primary->safe_psql('postgres', <<'SQL');
UPDATE docs SET name = 'b', version = 1;
SELECT interlock.versioned_update('docs', 1, 2, '{"name": "c"}');
CREATE TABLE later (id integer PRIMARY KEY);
SELECT interlock.enable_versioning('later', mode => 'observe');
SQL
$primary->wait_for_catchup($standby);

# Looking works.
is($standby->safe_psql('postgres', 'TABLE docs'), '1|c|0|3', 'the standby has the version');
is(versioning($standby, 'postgres'), versioning($primary, 'postgres'), 'versioned_tables shows what it shows on the primary');
is($standby->safe_psql('postgres', "SELECT interlock.assert_versioned('{docs, later}')"), '', 'assert_versioned is content');
is(refused($standby, 'postgres', "SELECT interlock.assert_versioned('{docs, broken}')"),
    '55000 versioning is not in force: "broken" (its version trigger is disabled)', 'or names the problem');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM interlock.observed_writes()'), 0, 'observed_writes answers');
is($standby->safe_psql('postgres', 'SELECT interlock.library_version() = extversion FROM pg_extension WHERE extname = \'interlock\''), 't', 'library_version answers');

# Writing does not, whether raising or telling, whatever the version; nor does setting up.
for my $call (
    q{SELECT interlock.versioned_update('docs', 1, 3, '{"name": "d"}')},
    q{SELECT interlock.versioned_update('docs', 1, 1, '{"name": "d"}')},
    q{SELECT interlock.versioned_update('docs', 1, 3, '{}')},
    q{SELECT interlock.try_versioned_update('docs', 1, 3, '{"name": "d"}')},
    q{SELECT interlock.try_versioned_update('docs', 99, 3, '{"name": "d"}')},
    q{SELECT interlock.enable_versioning('docs')},
    q{SELECT interlock.disable_versioning('docs')},
    q{SELECT interlock.disable_all()}) {
    my ($function) = $call =~ /(interlock\.\w+)/;
    like(refused($standby, 'postgres', $call), qr/^25006 cannot execute \Q$function\E(\(\))? /, $call);
}
like(refused($standby, 'postgres', "UPDATE docs SET name = 'd', version = 3"), qr/^25006 /, 'a plain UPDATE is refused by PostgreSQL');

# A session that was there before the promotion writes after it.
my $session = $standby->background_psql('postgres');
is($session->query('SELECT version FROM docs'), 3, 'a session on the standby');
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is($session->query(q{SELECT interlock.versioned_update('docs', 1, 3, '{"name": "d"}')}), 4, 'writes after the promotion');
is($session->query(q{SELECT (interlock.try_versioned_update('docs', 1, 3, '{"name": "e"}')).status}), 'stale', 'and is told of a stale version');
$session->quit;
is($standby->safe_psql('postgres', "UPDATE docs SET name = 'e', version = 4 RETURNING version"), 5, 'plain SQL moves the version on');
is(substr(refused($standby, 'postgres', "UPDATE docs SET name = 'f'"), 0, 5), 'IL005', 'by the same rules');
is($standby->safe_psql('postgres', "SELECT interlock.enable_versioning('broken'); SELECT interlock.assert_versioned('{docs, broken}')"), "\n", 'and can be set up anew');

$standby->stop;
$primary->stop;
done_testing();
