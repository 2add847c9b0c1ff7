# Proves that pg_dump and restore, in every form, keep versions, triggers and settings, and that versioning works in the restored database.
use strict;
use warnings;

use InterlockTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('dump');
my @tables = ('plain', '"Odd ""table"""', 'clocked', 'parted', 'base');

# Everything belongs to an ordinary owner; the extension, as always, to a superuser.
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE DATABASE source OWNER owner');
$node->safe_psql('source', 'CREATE EXTENSION interlock');
$node->safe_psql('source', <<'SQL', extra_params => [ '-U', 'owner' ]);
CREATE TABLE plain (id integer PRIMARY KEY, name text, hits integer, version integer NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning('plain', except_columns => '{hits}', accept => 'echo', require_version => true);
INSERT INTO plain SELECT i, 'a', 0, i * 10 FROM generate_series(1, 20) AS i;
UPDATE plain SET name = 'b', version = version WHERE id > 10;

CREATE TABLE "Odd ""table""" ("the id" text PRIMARY KEY, name text);
SELECT interlock.enable_versioning('"Odd ""table"""', accept => 'increment', mode => 'observe');
ALTER TABLE "Odd ""table""" RENAME COLUMN version TO "Re vision";
ALTER TABLE "Odd ""table""" ADD COLUMN version integer DEFAULT 77;
ALTER TRIGGER "~interlock_version" ON "Odd ""table""" RENAME TO "~~renamed";
INSERT INTO "Odd ""table""" VALUES (E'a\tb', 'a', 5), ('\.', NULL, 6);

CREATE TABLE clocked (id integer PRIMARY KEY, name text, at timestamptz);
SELECT interlock.enable_versioning('clocked', 'at');
INSERT INTO clocked VALUES (1, 'a', '2020-01-01'), (2, 'a', 'infinity'), (3, 'a', NULL);

CREATE TABLE parted (region text, id integer, name text, version bigint NOT NULL DEFAULT 1, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE parted_north PARTITION OF parted FOR VALUES IN ('north') PARTITION BY RANGE (id);
CREATE TABLE parted_north_1 PARTITION OF parted_north DEFAULT;
CREATE TABLE parted_south (version bigint NOT NULL DEFAULT 1, gone text, name text, id integer NOT NULL, region text NOT NULL);
ALTER TABLE parted_south DROP COLUMN gone;
ALTER TABLE parted ATTACH PARTITION parted_south FOR VALUES IN ('south');
SELECT interlock.enable_versioning('parted', except_columns => '{name}', accept => 'echo');
INSERT INTO parted SELECT CASE i % 2 WHEN 0 THEN 'north' ELSE 'south' END, i, 'a', i + 100 FROM generate_series(1, 20) AS i;

CREATE TABLE base (id integer PRIMARY KEY, name text);
CREATE TABLE derived (extra text) INHERITS (base);
SELECT interlock.enable_versioning('base');
INSERT INTO base VALUES (1, 'a', 3);
INSERT INTO derived VALUES (2, 'b', 'extra', 4);
SQL

my %source = (versioning => versioning($node, 'source'), rows => rows($node, 'source', @tables));
like($source{versioning}, qr/^parted_south\|version\|bigint\|\{name\}\|echo/m, 'the source is versioned');

sub works {
    my ($database, $test) = @_;
    is_deeply([ split /\n/, $node->safe_psql($database, <<'SQL') ], [ 112, 7, 't', 't', 105, 't', 4, 5 ], "$test: versions move on");
BEGIN;
UPDATE plain SET name = 'c', version = 111 WHERE id = 11 RETURNING version;
UPDATE "Odd ""table""" SET name = 'c', version = 78 WHERE "Re vision" = 6 RETURNING "Re vision";
UPDATE clocked SET name = 'c' WHERE id = 1 RETURNING at > '2020-01-01';
UPDATE clocked SET name = 'c' WHERE id = 3 RETURNING at IS NOT NULL;
UPDATE parted SET region = 'south', version = 104 WHERE id = 4 RETURNING version;
UPDATE parted SET name = 'c' WHERE id = 5 RETURNING version = 105;
UPDATE base SET name = 'c' RETURNING version;
ROLLBACK;
SQL
    is(substr(refused($node, $database, 'UPDATE plain SET name = \'c\' WHERE id = 1'), 0, 5), 'IL005', "$test: a version is required");
    is(refused($node, $database, "UPDATE parted SET id = 50, version = 1 WHERE id = 5"),
        'IL001 row (region, id)=(south, 5) of table "parted_south" is at version 105, not 1', "$test: a stale one is refused");
    is($node->safe_psql($database, q{SELECT interlock.versioned_update('plain', 11, 111, '{"name": "d"}')}), 112, "$test: versioned_update works");
}

sub restored_like_source {
    my ($database, $test) = @_;
    is(versioning($node, $database), $source{versioning}, "$test: the same tables are versioned in the same way");
    is(rows($node, $database, @tables), $source{rows}, "$test: every row has the version it had");
    works($database, $test);
}

my $folder = PostgreSQL::Test::Utils::tempdir();
my $source = $node->connstr('source');

sub new_database {
    my ($name, %options) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $name" . ($options{owner} ? " OWNER $options{owner}" : ''));
    $node->safe_psql($name, 'CREATE EXTENSION interlock') if $options{extension};
    return $node->connstr($name);
}

# A whole dump into an empty database, by a superuser.
my $target = new_database('as_superuser');
$node->command_ok([ 'pg_dump', '--file', "$folder/whole.sql", '-d', $source ], 'pg_dump');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/whole.sql", '-d', $target ], 'psql takes it without an error');
restored_like_source('as_superuser', 'superuser');

# The same by the owner, where a superuser has created the extension: what is refused is the extension's, not his.
$target = new_database('as_owner', owner => 'owner', extension => 1);
$node->command_ok([ 'pg_dump', '-U', 'owner', '--file', "$folder/owner.sql", '-d', $source ], 'pg_dump by the owner');
my ($stdout, $stderr) = run_command([ 'psql', '-Xq', '-U', 'owner', '-f', "$folder/owner.sql", '-d', $target ]);
is_deeply([ grep { !/schema "interlock" already exists|must be owner of extension interlock/ } $stderr =~ /ERROR:  (.*)/g ],
    [], 'nothing of the owner\'s is refused');
restored_like_source('as_owner', 'owner');

# His schema alone is restored without any.
$target = new_database('by_schema', owner => 'owner', extension => 1);
$node->command_ok([ 'pg_dump', '-U', 'owner', '-Fc', '--schema', 'public', '--file', "$folder/public.dump", '-d', $source ], 'pg_dump of the owner\'s schema');
$node->command_ok([ 'pg_restore', '-U', 'owner', '--exit-on-error', '--schema', 'public', '-d', $target, "$folder/public.dump" ], 'pg_restore takes it without an error');
restored_like_source('by_schema', 'schema of the owner');

# Custom and directory formats, several jobs.
for my $format ('custom', 'directory') {
    $target = new_database($format);
    my @jobs = $format eq 'directory' ? ('--jobs', 2) : ();
    $node->command_ok([ 'pg_dump', '--format', $format, @jobs, '--file', "$folder/$format", '-d', $source ], "pg_dump, $format format");
    $node->command_ok([ 'pg_restore', '--exit-on-error', '--jobs', 2, '-d', $target, "$folder/$format" ], "pg_restore, $format format, two jobs");
    restored_like_source($format, "$format format");
}

# Data only, into tables whose triggers are there and fire: what is supplied is kept.
for my $form ([], [ '--column-inserts', '--rows-per-insert', 7 ], ['--load-via-partition-root'], ['--disable-triggers']) {
    my $name = 'data' . join '', map { tr/-/_/r } @$form;
    $target = new_database($name);
    $node->command_ok([ 'pg_dump', '--schema-only', '--file', "$folder/schema.sql", '-d', $source ], 'pg_dump --schema-only');
    $node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/schema.sql", '-d', $target ], 'psql prepares the tables');
    $node->command_ok([ 'pg_dump', '--data-only', @$form, '--file', "$folder/data.sql", '-d', $source ], "pg_dump --data-only @$form");
    $node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/data.sql", '-d', $target ], 'psql loads the data');
    restored_like_source($name, "data only @$form");
}

# One table.
$target = new_database('one_table', extension => 1);
$node->command_ok([ 'pg_dump', '--table', 'plain', '--no-owner', '--file', "$folder/table.sql", '-d', $source ], 'pg_dump --table');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/table.sql", '-d', $target ], 'psql takes it without an error');
is(rows($node, 'one_table', 'plain'), rows($node, 'source', 'plain'), 'one table: every row has the version it had');
is($node->safe_psql('one_table', "UPDATE plain SET name = 'c', version = 10 WHERE id = 1 RETURNING version"), 11, 'one table: versions move on');

$node->stop;
done_testing();
