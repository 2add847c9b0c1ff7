# Proves that after kill -9 of a backend in the middle of COMMIT, again and again, what was acknowledged is there once, what was not is there as a whole or not at all, and every version is the number of its row's committed changes.
use strict;
use warnings;

use InterlockTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $rounds = 5;
my $writers = 8;

# A COMMIT waits for commit_delay before it flushes, which is long enough to be met there.
my $node = new_node('kill');
$node->append_conf('postgresql.conf', <<'CONF');
fsync = on
commit_delay = 3000
commit_siblings = 0
restart_after_crash = on
deadlock_timeout = 20ms
log_min_messages = fatal
CONF
$node->restart;
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE plain (id integer PRIMARY KEY, n bigint NOT NULL DEFAULT 0, version bigint NOT NULL DEFAULT 1);
CREATE TABLE orders (LIKE plain INCLUDING ALL);
CREATE TABLE lines (id integer PRIMARY KEY, order_id integer NOT NULL REFERENCES orders, n bigint NOT NULL DEFAULT 0, version bigint NOT NULL DEFAULT 1);
CREATE TABLE visits (id xid8 PRIMARY KEY, n bigint, version bigint NOT NULL DEFAULT 1);
INSERT INTO plain SELECT generate_series(1, 5);
INSERT INTO orders SELECT generate_series(1, 3);
INSERT INTO lines SELECT i, 1 + i % 3 FROM generate_series(1, 6) AS i;
SELECT interlock.enable_versioning(t) FROM unnest('{plain,orders,lines,visits}'::regclass[]) AS t;
SELECT interlock.enable_root_versioning('lines', 'orders');

-- One row for each version that a committed transaction made; of orders, at commit, by their lines.
CREATE TABLE log (xid xid8 NOT NULL DEFAULT pg_current_xact_id(), tbl regclass NOT NULL, id integer NOT NULL, version bigint NOT NULL, PRIMARY KEY (tbl, id, version));

-- Bumps a plain row and up to two lines, visits, and takes an earlier visit away; returns the number of log rows.
CREATE FUNCTION work() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    r record;
    result interlock.write_result;
    done integer := 0;
BEGIN
    SELECT * INTO r FROM plain ORDER BY random() LIMIT 1;
    result := interlock.try_versioned_update('plain', r.id, r.version, jsonb_build_object('n', r.n + 1));
    IF result.status = 'written' THEN
        INSERT INTO log (tbl, id, version) VALUES ('plain', r.id, result.version);
        done := done + 1;
    END IF;
    BEGIN
        PERFORM interlock.versioned_touch('lines', 1, (SELECT version FROM lines WHERE id = 1));
        RAISE EXCEPTION USING ERRCODE = 'ZZ001';
    EXCEPTION WHEN SQLSTATE 'ZZ001' OR SQLSTATE 'IL001' THEN
    END;
    FOR r IN SELECT (w.key->>'id')::integer AS id, w.status, w.version FROM interlock.try_versioned_update_many('lines',
        (SELECT jsonb_agg(to_jsonb(l)) FROM (SELECT id, n + 1 AS n, version FROM lines ORDER BY random() LIMIT 2) AS l), true) AS w
    LOOP
        CONTINUE WHEN r.status <> 'written';
        INSERT INTO log (tbl, id, version) VALUES ('lines', r.id, r.version);
        done := done + 1;
    END LOOP;
    PERFORM interlock.versioned_upsert('visits', jsonb_build_object('id', pg_current_xact_id()::text, 'n', done), NULL);
    RETURN done;
END $$;
SQL

my $script = join '', map { <<'PSQL' } 1 .. 5000;
BEGIN;
SELECT pg_current_xact_id() AS xid \gset
\echo begun :xid
SELECT work() AS done \gset
\if :ERROR
ROLLBACK;
\echo failed :xid
\else
\echo did :xid :done
COMMIT;
\if :ERROR
\echo failed :xid
\else
\echo committed :xid
\endif
\endif
PSQL

# Kills a backend that is in its COMMIT.
sub kill_in_commit {
    my $pid = '';
    for (my $look = 0; $pid eq ''; $look++) {
        die 'nobody commits' if $look > 1000;
        $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query = 'COMMIT;' ORDER BY random() LIMIT 1});
    }
    kill 'KILL', $pid;
}

my ($acknowledged, $unheard, $kept) = (0, 0, 0);
my @wrong;

# Of each transaction that its client began: is what it logged what it did, if anything?
sub judge {
    my (%ended, %did);
    for (@_) {
        $ended{$1} = 'unheard' if /^begun (\d+)$/;
        $did{$1} = $2 if /^did (\d+) (\d+)$/;
        $ended{$2} = $1 if /^(committed|failed) (\d+)$/;
    }
    # of a transaction that left no trace, the next one can get the number
    my %logged = map { split /\|/ } split /\n/, $node->safe_psql('postgres', 'SELECT v.id, count(log.xid) FROM visits AS v LEFT JOIN log ON log.xid = v.id GROUP BY v.id');
    for my $xid (keys %ended) {
        my $there = defined $logged{$xid};
        $acknowledged++ if $ended{$xid} eq 'committed';
        $unheard++ if $ended{$xid} eq 'unheard' && defined $did{$xid};
        $kept++ if $ended{$xid} eq 'unheard' && $there;
        push @wrong, "$xid was acknowledged and is not there" if $ended{$xid} eq 'committed' && !$there;
        push @wrong, "$xid failed and is there" if $ended{$xid} eq 'failed' && $there;
        push @wrong, "$xid did $did{$xid}, logged $logged{$xid}" if $there && $did{$xid} != $logged{$xid};
    }
}

for my $round (1 .. $rounds) {
    my $before = $node->safe_psql('postgres', 'SELECT count(*) FROM visits');
    my @running = map { start_writer($node, ($_ % 2 ? '' : "SET interlock.direct_writes = off;\n") . $script) } 1 .. $writers;
    $node->poll_query_until('postgres', "SELECT count(*) > $before + 200 FROM visits") or die 'writers do not write';
    usleep(rand 20_000);
    kill_in_commit();
    my @lines = finish_writers(@running);
    comes_back($node, 'SELECT true') or die 'the server does not come back';
    judge(@lines);
    push @wrong, "round $round: " . $_ for split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT 'plain', p.*, count(l.version) FROM plain AS p LEFT JOIN log AS l ON l.tbl = 'plain'::regclass AND l.id = p.id
GROUP BY p.id HAVING p.version <> 1 + count(l.version) OR p.n <> count(l.version) OR max(l.version) <> p.version
UNION ALL
SELECT 'lines', p.id, p.n, p.version, count(l.version) FROM lines AS p LEFT JOIN log AS l ON l.tbl = 'lines'::regclass AND l.id = p.id
GROUP BY p.id HAVING p.version <> 1 + count(l.version) OR p.n <> count(l.version) OR max(l.version) <> p.version
UNION ALL
SELECT 'orders', o.id, o.n, o.version, count(DISTINCT l.xid) FROM orders AS o LEFT JOIN lines ON order_id = o.id LEFT JOIN log AS l ON l.tbl = 'lines'::regclass AND l.id = lines.id
GROUP BY o.id HAVING o.version <> 1 + count(DISTINCT l.xid)
SQL
}

is_deeply(\@wrong, [], 'all or nothing, and what was acknowledged is there');
cmp_ok($acknowledged, '>', $rounds * 150, "many transactions were acknowledged ($acknowledged)");
cmp_ok($unheard, '>', 0, 'some were cut off');
diag "acknowledged $acknowledged, cut off $unheard, of which $kept had committed";
is($node->safe_psql('postgres', 'SELECT count(*) FROM visits'), $acknowledged + $kept, 'nothing else is there');

$node->stop;
done_testing();
