# What the TAP tests share: nodes with the extension, SQLSTATEs, and what a database shows of its versioning.
package InterlockTest;

use strict;
use warnings;
use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(new_node synchronous_standby refused comes_back versioning rows start_writer finish_writers);

# A running node; the extension is in database postgres.
sub new_node {
    my ($name, %options) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    $node->init(%options);
    $node->start;
    $node->safe_psql('postgres', 'CREATE EXTENSION interlock');
    return $node;
}

# A standby of that name, which the node's commits wait for from then on.
sub synchronous_standby {
    my ($node, $name) = @_;
    $node->backup('base');
    my $standby = PostgreSQL::Test::Cluster->new($name);
    $standby->init_from_backup($node, 'base', has_streaming => 1);
    $standby->start;
    $node->append_conf('postgresql.conf', "synchronous_standby_names = '*'");
    $node->reload;
    $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'});
    return $standby;
}

# "SQLSTATE message" of a statement that must fail, or "done".
sub refused {
    my ($node, $database, $sql, %options) = @_;
    my ($status, $stdout, $stderr) =
        $node->psql($database, "\\set VERBOSITY verbose\n$sql", %options);
    return 'done' if $status == 0;
    return $stderr =~ /(?:ERROR|FATAL):  ([0-9A-Z]{5}): (.*)/ ? "$1 $2" : "no SQLSTATE: $stderr";
}

# Whether a server that starts anew after a crash comes to answer "t". (poll_query_until() dies where a client that
# cannot connect has left before the query was sent to it.)
sub comes_back {
    my ($node, $sql) = @_;
    for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default) {
        my $answer = eval { ($node->psql('postgres', $sql))[1] };
        return 1 if ($answer // '') eq 't';
        select undef, undef, undef, 0.1;
    }
    return 0;
}

# Everything that versioned_tables says.
sub versioning {
    my ($node, $database) = @_;
    return $node->safe_psql($database,
        'SELECT * FROM interlock.versioned_tables ORDER BY relation::text COLLATE "C"');
}

# The rows of tables, each line with the partition or child that it is in.
sub rows {
    my ($node, $database, @tables) = @_;
    return join "\n", map {
        $node->safe_psql($database, qq{SELECT t.tableoid::regclass, t FROM $_ AS t ORDER BY t::text COLLATE "C"})
    } @tables;
}

# A psql of its own that runs a script to its end or to the server's, whatever fails in between.
sub start_writer {
    my ($node, $script) = @_;
    my $file = PostgreSQL::Test::Utils::tempdir() . '/script';
    append_to_file($file, $script);
    my @command = ('psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('postgres'), '-f', $file);
    return { output => "$file.out", run => IPC::Run::start(\@command, '>', "$file.out", '2>', "$file.err") };
}

# Waits for them all; returns what they printed, line by line, errors as "error SQLSTATE".
sub finish_writers {
    my @writers = @_;
    my @lines;
    for my $writer (@writers) {
        $writer->{run}->finish;
        push @lines, split /\n/, slurp_file($writer->{output});
        (my $errors = $writer->{output}) =~ s/out$/err/;
        push @lines, map { "error $_" } slurp_file($errors) =~ /ERROR:  (\w{5})$/mg;
    }
    return @lines;
}

1;
