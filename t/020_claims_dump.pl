# Proves that pg_dump and restore keep what enable_claims made of a table, whatever its columns and indexes are called by then, with claims that go on; that data alone can be loaded; and that a crash loses no finish that was acknowledged.
use strict;
use warnings;

use InterlockTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('claims_dump');
my @tables = ('jobs', '"Odd ""table"""', 'versioned');

$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE DATABASE source OWNER owner');
$node->safe_psql('source', 'CREATE EXTENSION interlock');
$node->safe_psql('source', <<'SQL', extra_params => [ '-U', 'owner' ]);
CREATE TABLE jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text);
SELECT interlock.enable_claims('jobs', 'delete', max_attempts => 3, backoff => '2 s', notify => true, unique_by => '{payload}');
INSERT INTO jobs (payload, run_at) SELECT i, '2020-01-01' FROM generate_series(1, 10) AS i;
UPDATE jobs SET claimed_by = 'w1', claim_token = 17, claimed_until = '2100-01-01', attempts = 1 WHERE id <= 5;
SELECT interlock.release_claim('jobs', 1, 17, E'tab\tand ''quote''', '1 h');
UPDATE jobs SET dead_at = now() WHERE id = 2;

CREATE TABLE "Odd ""table""" (a int, "b c" text, urgency int NOT NULL DEFAULT 0, queue text NOT NULL DEFAULT 'q', who text, PRIMARY KEY (a, "b c"));
SELECT interlock.enable_claims('"Odd ""table"""', 'keep', order_by => 'urgency', queue_column => 'queue', group_by => 'who', max_backoff => '2 days');
ALTER TABLE "Odd ""table""" RENAME run_at TO "Runs at";
ALTER TABLE "Odd ""table""" RENAME claimed_by TO "Owner";
ALTER TABLE "Odd ""table""" ADD COLUMN claimed_by integer DEFAULT 7;
ALTER INDEX "Odd ""table""_claim_idx" RENAME TO "another index";
ALTER TRIGGER "~interlock_claims" ON "Odd ""table""" RENAME TO "~~renamed";
INSERT INTO "Odd ""table""" (a, "b c", "Owner", claim_token) VALUES (1, E'x\ty', 'w1', 17);

CREATE TABLE versioned (id int PRIMARY KEY, name text);
SELECT interlock.enable_claims('versioned', 'keep');
SELECT interlock.enable_versioning('versioned', require_version => true, accept => 'echo');
INSERT INTO versioned (id, name, version, claimed_by, claim_token) VALUES (1, 'a', 8, 'w1', 17);
SQL

sub claims {
    my ($database) = @_;
    return $node->safe_psql($database, <<'SQL');
SELECT relation, queue, ready, delayed, running, expired, dead, exact, on_finish, max_attempts, notify, alarm FROM interlock.claim_status ORDER BY relation::text, queue;
SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t WHERE tgfoid::regproc::text LIKE 'interlock.claim%' ORDER BY tgrelid::regclass::text, tgname;
SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indpred IS NOT NULL AND relnamespace = 'public'::regnamespace ORDER BY relname;
SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname;
SQL
}

my %source = (claims => claims('source'), rows => rows($node, 'source', @tables));
like($source{claims}, qr/^jobs\|\|5\|1\|3\|0\|1\|t\|delete\|3\|t\|$/m, 'the source has claims');

sub works {
    my ($database, $test) = @_;
    is_deeply([ split /\n/, $node->safe_psql($database, <<'SQL') ], [ 't', 't', 'f', 't', 't', 8, 't' ], "$test: claims go on");
BEGIN;
SELECT interlock.try_finish_claim('jobs', 3, 17);
SELECT interlock.try_renew_claim('jobs', 4, 17) > now();
SELECT interlock.try_finish_claim('jobs', 1, 17);
SELECT interlock.try_revive_claim('jobs', 2);
SELECT interlock.try_finish_claim('"Odd ""table"""', E'{"a": 1, "b c": "x\\ty"}'::jsonb, 17);
SELECT version FROM versioned WHERE interlock.try_finish_claim('versioned', 1, 17);
SELECT finished_at IS NOT NULL AND version = 8 FROM versioned;
ROLLBACK;
SQL
    like(refused($node, $database, "INSERT INTO jobs (payload) VALUES ('10')"), qr/^23505 /, "$test: unique work is unique");
    is(refused($node, $database, "UPDATE versioned SET name = 'b'"), 'IL005 row (id)=(1) of table "versioned" was updated without a version', "$test: versions are required");
}

sub restored_like_source {
    my ($database, $test) = @_;
    is(claims($database), $source{claims}, "$test: the same tables have claims in the same way");
    is(rows($node, $database, @tables), $source{rows}, "$test: every row is as it was");
    works($database, $test);
}

my $folder = PostgreSQL::Test::Utils::tempdir();
my $source = $node->connstr('source');
works('source', 'source');

sub new_database {
    my ($name, %options) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $name" . ($options{owner} ? " OWNER $options{owner}" : ''));
    $node->safe_psql($name, 'CREATE EXTENSION interlock') if $options{extension};
    return $node->connstr($name);
}

# A whole dump by a superuser; the owner's schema by the owner, in two jobs.
my $target = new_database('as_superuser');
$node->command_ok([ 'pg_dump', '--file', "$folder/whole.sql", '-d', $source ], 'pg_dump');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/whole.sql", '-d', $target ], 'psql takes it without an error');
restored_like_source('as_superuser', 'superuser');

$target = new_database('by_schema', owner => 'owner', extension => 1);
$node->command_ok([ 'pg_dump', '-U', 'owner', '-Fc', '--schema', 'public', '--file', "$folder/public.dump", '-d', $source ], 'pg_dump of the owner\'s schema');
$node->command_ok([ 'pg_restore', '-U', 'owner', '--exit-on-error', '--schema', 'public', '--jobs', 2, '-d', $target, "$folder/public.dump" ], 'pg_restore takes it without an error');
restored_like_source('by_schema', 'schema of the owner');

# Data alone, into tables whose triggers are there.
$target = new_database('data');
$node->command_ok([ 'pg_dump', '--schema-only', '--file', "$folder/schema.sql", '-d', $source ], 'pg_dump --schema-only');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/schema.sql", '-d', $target ], 'psql prepares the tables');
$node->command_ok([ 'pg_dump', '--data-only', '--file', "$folder/data.sql", '-d', $source ], 'pg_dump --data-only');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/data.sql", '-d', $target ], 'psql loads the data');
restored_like_source('data', 'data only');

# A crash: what was finished stays so, and the token of what was not is still the present one.
is($node->safe_psql('source', q{SELECT string_agg(r.status::text, ' ') FROM interlock.finish_claims('jobs', '{3,4}', '{17,17}') AS r}), 'done done', 'finished');
$node->stop('immediate');
$node->start;
is($node->safe_psql('source', q{SELECT interlock.try_finish_claim('jobs', 3, 17), interlock.try_finish_claim('jobs', 5, 17), count(*) FROM jobs}), 'f|t|8', 'after a crash');

# The way out: without our triggers DROP EXTENSION needs no CASCADE, and the table goes on.
$node->safe_psql('source', q{SELECT interlock.disable_all(); DROP EXTENSION interlock; UPDATE jobs SET attempts = 2});
is($node->safe_psql('source', q{SELECT count(*) FROM pg_index WHERE indpred IS NOT NULL AND indrelid >= 16384}), '0', 'off again');

$node->stop;
done_testing();
