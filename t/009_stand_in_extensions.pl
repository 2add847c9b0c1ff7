# Proves that a database with the Citus or TimescaleDB extension sends every write through the planner, from the moment it is created to the moment it is dropped, in sessions that know the tables already, too.
use strict;
use warnings;

use File::Copy qw(copy);
use File::Path qw(make_path);
use InterlockTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Extensions of those names with one function each, and one with another name, in a folder of the server's own choice.
my @stand_ins = ('citus', 'timescaledb', 'stand_in');

sub write_stand_ins {
    my ($folder) = @_;
    make_path($folder);
    for my $name (@stand_ins) {
        append_to_file("$folder/$name.control", "comment = 'stand-in'\ndefault_version = '1.0'\nrelocatable = true\n");
        append_to_file("$folder/$name--1.0.sql", "CREATE FUNCTION ${name}_stand_in() RETURNS text LANGUAGE sql AS \$\$ SELECT '$name' \$\$;\n");
    }
}

sub copy_all {
    my ($from, $to) = @_;
    make_path($to);
    copy($_, $to) or die "cannot copy $_: $!" for glob "$from/interlock*";
}

my $node = new_node('stand_ins');
my $folder = PostgreSQL::Test::Utils::tempdir();
my ($share, $lib) = map { chomp(my $path = `pg_config --$_`); $path } 'sharedir', 'pkglibdir';
my %settings = map { split /\|/, $_, 2 } split /\n/,
    $node->safe_psql('postgres', "SELECT name, setting FROM pg_settings WHERE name IN ('extension_control_path', 'extension_destdir')");

if (exists $settings{extension_control_path}) {
    write_stand_ins("$folder/extension");
    $node->append_conf('postgresql.conf', "extension_control_path = '$folder:$settings{extension_control_path}'");
}
elsif ($settings{extension_destdir}) {
    # There is one such folder only: ours takes what the other holds.
    copy_all("$settings{extension_destdir}$share/extension", "$folder$share/extension");
    copy_all("$settings{extension_destdir}$lib", "$folder$lib");
    write_stand_ins("$folder$share/extension");
    $node->append_conf('postgresql.conf', "extension_destdir = '$folder'");
}
else {
    plan skip_all => 'no folder to put extensions in';
}
$node->restart;

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE plain (id integer PRIMARY KEY, n integer, version bigint NOT NULL DEFAULT 1);
CREATE TABLE parted (id integer PRIMARY KEY, n integer, version bigint NOT NULL DEFAULT 1) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted DEFAULT;
CREATE TABLE fresh (id integer PRIMARY KEY, n integer, version bigint NOT NULL DEFAULT 1);
SELECT interlock.enable_versioning(t) FROM unnest('{plain, parted, fresh}'::regclass[]) AS t;
INSERT INTO plain VALUES (1, 0);
INSERT INTO parted VALUES (1, 0);
INSERT INTO fresh VALUES (1, 0);
-- the path that one write took: direct or planner
CREATE FUNCTION path_of(rel text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before bigint := (interlock.write_paths()).direct;
    expected bigint;
    r interlock.write_result;
BEGIN
    EXECUTE format('SELECT version FROM %I', rel) INTO expected;
    r := interlock.try_versioned_update(rel::regclass, 1, expected, jsonb_build_object('n', expected));
    IF r.status <> 'written' OR r.version <> expected + 1 THEN RETURN r.status; END IF;
    RETURN CASE WHEN (interlock.write_paths()).direct > before THEN 'direct' ELSE 'planner' END;
END $$;
SQL

my $paths = "SELECT path_of('plain'), path_of('parted_1'), path_of('parted')";

# A session that keeps its cache warm through all of it.
my $warm = $node->background_psql('postgres');
my $ask = sub { my $answer = $warm->query_safe($_[0]); chomp $answer; return $answer };

is($ask->($paths), 'direct|direct|direct', 'without such an extension: directly');

for my $name ('citus', 'timescaledb') {
    # in the session that creates it
    is($node->safe_psql('postgres', "$paths; CREATE EXTENSION $name; $paths; SELECT ${name}_stand_in()"),
        "direct|direct|direct\nplanner|planner|planner\n$name", "$name: no write is direct once it is created, in the same session");
    is($ask->($paths), 'planner|planner|planner', "$name: nor in a session that knew the tables before");
    is($node->safe_psql('postgres', "$paths; SELECT path_of('fresh')"), "planner|planner|planner\nplanner", "$name: nor in a new one");
    is($node->safe_psql('postgres', "SET interlock.direct_writes = auto; $paths"), 'planner|planner|planner', "$name: whatever the setting");
    is($ask->("ALTER TABLE plain ADD COLUMN added_for_$name integer; $paths"), 'planner|planner|planner', "$name: nor after a change of the table");
    is($node->safe_psql('postgres', "$paths; DROP EXTENSION $name; $paths"),
        "planner|planner|planner\ndirect|direct|direct", "$name: directly again once it is dropped, in the same session");
    is($ask->($paths), 'direct|direct|direct', "$name: and in a session that knew the tables before");

    # by a transaction that is taken back, wholly or in part, nothing changes for good
    is($node->safe_psql('postgres', "$paths; BEGIN; CREATE EXTENSION $name; $paths; ROLLBACK; $paths"),
        "direct|direct|direct\nplanner|planner|planner\ndirect|direct|direct", "$name: a rollback takes it back");
    is($node->safe_psql('postgres', "BEGIN; SAVEPOINT s; CREATE EXTENSION $name; $paths; ROLLBACK TO s; $paths; COMMIT"),
        "planner|planner|planner\ndirect|direct|direct", "$name: and so does a rollback to a savepoint");
    # in another database it is nothing to us
    $node->safe_psql('postgres', "CREATE DATABASE with_$name");
    $node->safe_psql("with_$name", "CREATE EXTENSION $name");
    is($ask->($paths), 'direct|direct|direct', "$name: another database's is not ours");
    # in a schema of its own, and moved to another
    $node->safe_psql('postgres', "CREATE SCHEMA of_$name; CREATE EXTENSION $name SCHEMA of_$name");
    is($ask->($paths), 'planner|planner|planner', "$name: in whichever schema it is");
    $node->safe_psql('postgres', "DROP EXTENSION $name");
    is($ask->($paths), 'direct|direct|direct', "$name: gone again");
}

$node->safe_psql('postgres', 'CREATE EXTENSION stand_in');
is($ask->($paths), 'direct|direct|direct', 'an extension of another name changes nothing');

# What was acknowledged on either path is there.
is($node->safe_psql('postgres', 'SELECT p.n = p.version - 1, q.n = q.version - 1 FROM plain AS p, parted AS q'), 't|t', 'every write is there');

$warm->quit;
$node->stop;
done_testing();
