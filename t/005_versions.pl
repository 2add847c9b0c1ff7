# Proves that control file, library, SQL script and META.json agree on one version, and that every upgrade path ends in the schema of a fresh install.
use strict;
use warnings;

use InterlockTest;
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;
use Test::More;

sub control {
    my ($setting) = @_;
    return slurp_file('extension/interlock.control') =~ /^$setting = '(.*)'/m ? $1 : undef;
}

# Whatever the extension has made, in words: definitions, comments and privileges.
my $definitions = <<'SQL';
WITH members AS (
    SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
    FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'interlock')
SELECT m.name, obj_description(m.objid, m.classid::regclass::name) AS comment,
    CASE m.classid
    WHEN 'pg_proc'::regclass THEN
        (SELECT pg_get_functiondef(oid) || coalesce(proacl::text, '') FROM pg_proc WHERE oid = m.objid)
    WHEN 'pg_class'::regclass THEN
        (SELECT concat_ws(' ', relkind, reloptions, relacl, pg_get_viewdef(oid),
            (SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid), attacl), ', ' ORDER BY attnum)
             FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
            (SELECT string_agg(pg_get_constraintdef(oid), ', ' ORDER BY conname) FROM pg_constraint WHERE conrelid = c.oid),
            (SELECT string_agg(pg_get_indexdef(indexrelid), ', ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = c.oid),
            (SELECT string_agg(pg_get_triggerdef(oid), ', ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal))
         FROM pg_class AS c WHERE oid = m.objid)
    WHEN 'pg_type'::regclass THEN
        (SELECT concat_ws(' ', typtype, typacl,
            (SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
            (SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
             FROM pg_attribute WHERE attrelid = t.typrelid AND t.typrelid <> 0 AND attnum > 0 AND NOT attisdropped))
         FROM pg_type AS t WHERE oid = m.objid)
    END AS definition
FROM members AS m
UNION ALL SELECT 'schema', NULL, nspacl::text FROM pg_namespace WHERE nspname = 'interlock'
ORDER BY 1
SQL

# The lines that only one of two texts has.
sub difference {
    my ($got, $wanted) = map { { map { $_ => 1 } split /\n/ } } @_;
    return join "\n", (map { "+ $_" } grep { !$wanted->{$_} } sort keys %$got),
        (map { "- $_" } grep { !$got->{$_} } sort keys %$wanted);
}

my $version = control('default_version');
my $node = new_node('versions');

like($version, qr/^\d+\.\d+\.\d+$/, 'the control file names a version');
ok(-e "extension/interlock--$version.sql", "there is a script for $version");
is($node->safe_psql('postgres', "SELECT extversion FROM pg_extension WHERE extname = 'interlock'"),
    $version, 'a fresh install has that version');
is($node->safe_psql('postgres', 'SELECT interlock.library_version()'),
    $version, 'and so has the library');

SKIP: {
    skip 'no META.json', 3 unless -e 'META.json';
    my $meta = decode_json(slurp_file('META.json'));
    is($meta->{version}, $version, 'META.json has it');
    is($meta->{provides}{interlock}{version}, $version, 'what META.json provides has it');
    is($meta->{provides}{interlock}{file}, "extension/interlock--$version.sql", 'in the script for it');
}

my $fresh = $node->safe_psql('postgres', $definitions);
cmp_ok(scalar(split /\n/, $fresh), '>', 10, 'a fresh install makes objects');

# Every script in the tree is installed and leads, in one hop or several, to the present version.
my @upgrades = map { m{interlock--(.+)--(.+)\.sql$} ? [ $1, $2 ] : () } glob 'extension/interlock--*--*.sql';
for my $upgrade (@upgrades) {
    my ($from, $to) = @$upgrade;
    is($node->safe_psql('postgres',
            "SELECT count(*) FROM pg_extension_update_paths('interlock') WHERE source = '$from' AND target = '$to' AND path = '$from--$to'"),
        1, "there is a path from $from to $to");
}

# A base script can be installed; whatever was installed once can be brought to the present version.
for my $script (grep { !/--.*--/ } glob 'extension/interlock--*.sql') {
    my ($base) = $script =~ /--(.+)\.sql$/;
    next if $base eq $version;
    (my $database = "from_$base") =~ s/\W/_/g;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, "CREATE EXTENSION interlock VERSION '$base'; ALTER EXTENSION interlock UPDATE");
    is(difference($node->safe_psql($database, $definitions), $fresh), '', "$base upgraded is $version installed");
}

# Dropped and created again it is the same, in a session that knows the old one, too.
is(difference($node->safe_psql('postgres', "DROP EXTENSION interlock; CREATE EXTENSION interlock; $definitions"), $fresh),
    '', 'created again it is the same');

$node->stop;
done_testing();
