# Proves that setting up takes the locks it says, and that whoever may not set a table up cannot hold others up by trying.
use strict;
use warnings;

use InterlockTest;
use Test::More;

my $node = new_node('locks');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE nobody LOGIN;
CREATE TABLE with_column (id integer PRIMARY KEY, version bigint NOT NULL DEFAULT 1);
CREATE TABLE without_column (id integer PRIMARY KEY);
CREATE TABLE versioned (id integer PRIMARY KEY, version bigint NOT NULL DEFAULT 1);
INSERT INTO versioned VALUES (1);
SELECT interlock.enable_versioning('versioned');
SQL

# What a call ends with while somebody reads, or writes, the table.
sub while_open {
    my ($statement, $call, @as) = @_;
    my $session = $node->background_psql('postgres');
    $session->query_safe("BEGIN; $statement");
    my $end = substr refused($node, 'postgres', "SET lock_timeout = '500ms'; SELECT interlock.$call", extra_params => \@as), 0, 5;
    $session->query_safe('ROLLBACK');
    $session->quit;
    return $end;
}

# No right, no lock: not even a place in the queue, behind which readers would wait.
for my $call ("enable_versioning('versioned')", "enable_versioning('with_column')", "enable_versioning('without_column')", "disable_versioning('versioned')", 'disable_all()') {
    my ($table) = $call =~ /'(.*)'/;
    is(while_open('LOCK TABLE ' . ($table // 'versioned') . ' IN ACCESS SHARE MODE', $call, '-U', 'nobody'), '42501', "$call by nobody, while somebody reads");
    is(while_open('LOCK TABLE ' . ($table // 'versioned') . ' IN ACCESS EXCLUSIVE MODE', $call, '-U', 'nobody'), '42501', "$call by nobody, while somebody locks");
}

# SHARE ROW EXCLUSIVE where the column is there and the table is not versioned yet: beside readers, not beside writers.
my $first = "enable_versioning('with_column')";
is(while_open('INSERT INTO with_column VALUES (1)', $first), '55P03', 'the first call waits for writers');
is(while_open('SELECT FROM with_column', $first), 'done', 'and not for readers');

# ACCESS EXCLUSIVE for the column, for new settings, and for taking it off.
is(while_open('SELECT FROM without_column', "enable_versioning('without_column')"), '55P03', 'adding the column waits for readers');
is(while_open('SELECT FROM versioned', "enable_versioning('versioned', accept => 'echo')"), '55P03', 'so do new settings');
is(while_open('SELECT FROM versioned', "disable_versioning('versioned')"), '55P03', 'and disable_versioning');
is(while_open('SELECT FROM versioned', 'disable_all()'), '55P03', 'and disable_all');
is($node->safe_psql('postgres', 'SELECT relation, accept FROM interlock.versioned_tables ORDER BY 1'), "with_column|either\nversioned|either", 'a call that gave up has changed nothing');

# Looking waits for nobody who reads or writes, and nobody waits for who has looked.
is(while_open('UPDATE versioned SET version = 1', "assert_versioned('{versioned}')"), 'done', 'assert_versioned beside a writer');
my $onlooker = $node->background_psql('postgres', extra_params => [ '-U', 'nobody' ]);
$onlooker->query_safe("BEGIN; SELECT interlock.assert_versioned('{versioned}')");
is(refused($node, 'postgres', "SET lock_timeout = '500ms'; BEGIN; LOCK TABLE versioned IN ACCESS EXCLUSIVE MODE"), 'done', 'assert_versioned holds nothing');
$onlooker->quit;

$node->stop;
done_testing();
