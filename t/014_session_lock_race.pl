# Proves that in 100,000 acquisitions of a contended session lock under a bound of 1 ms nobody was told of an error, or of false, while he held the lock, nor of success without it; and that with many writers every lock and slot excludes.
# INTERLOCK_RACE_ACQUISITIONS: how many (100,000).
use strict;
use warnings;

use InterlockTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $acquisitions = $ENV{INTERLOCK_RACE_ACQUISITIONS} || 100_000;
my $sessions = 12;

my $node = new_node('race');
$node->append_conf('postgresql.conf', "max_connections = 40\ndeadlock_timeout = 10ms\nlog_min_messages = fatal\nlog_min_error_statement = panic");
$node->restart;
$node->safe_psql('postgres', <<'SQL');
SELECT interlock.create_lock_namespace('race'), interlock.create_lock_namespace('jobs'), interlock.create_lock_namespace('pool', 'text');

-- The advisory locks that this session holds, by the lock manager's word.
CREATE FUNCTION held() RETURNS bigint LANGUAGE sql VOLATILE AS
    'SELECT count(*) FROM pg_lock_status() WHERE pid = pg_backend_pid() AND locktype = ''advisory'' AND granted';

-- Takes a session lock of one of two keys, and says whether it was told that it has it.
CREATE FUNCTION acquire(way text, k integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    CASE way
    WHEN 'built-in' THEN PERFORM pg_advisory_lock(k);
    WHEN 'lock_timeout' THEN PERFORM interlock.advisory_session_lock('race', k);
    WHEN 'wait' THEN PERFORM interlock.advisory_session_lock('race', k, wait => '1 ms');
    WHEN 'shared' THEN PERFORM interlock.advisory_session_lock('race', k, true, '1 ms');
    WHEN 'try' THEN RETURN interlock.try_advisory_session_lock('race', k, wait => '1 ms');
    WHEN 'try within lock_timeout' THEN RETURN interlock.try_advisory_session_lock('race', k, wait => NULL);
    END CASE;
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    IF way LIKE 'try%' THEN RAISE EXCEPTION 'a try_ function raised %', SQLERRM; END IF;
    RETURN false;
END $$;

CREATE FUNCTION release(way text, k integer) RETURNS boolean LANGUAGE sql VOLATILE AS
    'SELECT CASE way WHEN ''built-in'' THEN pg_advisory_unlock(k) ELSE interlock.advisory_session_unlock(''race'', k, way = ''shared'') END';

CREATE UNLOGGED TABLE tally (way text, got integer DEFAULT 0, not_got integer DEFAULT 0, held_after_refusal integer DEFAULT 0, not_held integer DEFAULT 0);

CREATE PROCEDURE race(ways text[], n integer) LANGUAGE plpgsql AS $$
DECLARE
    t tally;
    k integer;
BEGIN
    t := (ways[1 + floor(random() * cardinality(ways))], 0, 0, 0, 0);
    FOR i IN 1 .. n LOOP
        k := 1 + floor(random() * 2);
        IF acquire(t.way, k) THEN
            t.got := t.got + 1;
            IF held() <> 1 THEN t.not_held := t.not_held + 1; END IF;
            -- sometimes so long that those who wait are granted it as their bound ends
            IF random() < 0.3 THEN PERFORM pg_sleep(0.001); END IF;
            IF NOT release(t.way, k) OR held() <> 0 THEN t.not_held := t.not_held + 1; END IF;
        ELSE
            t.not_got := t.not_got + 1;
            IF held() > 0 THEN
                t.held_after_refusal := t.held_after_refusal + 1;
                PERFORM pg_advisory_unlock_all();
            END IF;
        END IF;
    END LOOP;
    INSERT INTO tally SELECT t.*;
END $$;
SQL

# Runs a script in each of so many sessions; returns what they print.
sub in_sessions {
    my ($count, $script) = @_;
    return finish_writers(map { start_writer($node, ref $script ? $script->() : $script) } 1 .. $count);
}

# The sums of the tally, by column.
sub race {
    my ($ways, $total) = @_;
    my $each = int(1 + $total / $sessions / 50);
    $node->safe_psql('postgres', 'TRUNCATE tally');
    my @errors = in_sessions($sessions, "SET lock_timeout = '1ms';\n" . "CALL race('{$ways}', $each);\n" x 50);
    note $node->safe_psql('postgres', 'SELECT way, sum(got), sum(not_got), sum(held_after_refusal), sum(not_held) FROM tally GROUP BY way ORDER BY way');
    my %sums = (errors => \@errors);
    @sums{'got', 'not_got', 'held', 'not_held'} =
        split /\|/, $node->safe_psql('postgres', 'SELECT sum(got), sum(not_got), sum(held_after_refusal), sum(not_held) FROM tally');
    return %sums;
}

my %ours = race('lock_timeout,wait,shared,try,try within lock_timeout', $acquisitions);
is_deeply($ours{errors}, [], 'no error but that of the bound, and that only where a call may raise it');
cmp_ok($ours{got} + $ours{not_got}, '>=', $acquisitions, 'so many acquisitions');
cmp_ok($ours{got}, '>', $acquisitions / 100, "many were granted ($ours{got})");
cmp_ok($ours{not_got}, '>', $acquisitions / 100, "many were refused ($ours{not_got})");
is($ours{held}, 0, 'nobody who was refused held the lock');
is($ours{not_held}, 0, 'everybody who was granted it held it, once, until he released it');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), 0, 'and nothing is held in the end');

my %builtin = race('built-in', $acquisitions / 5);
note "pg_advisory_lock() in the same harness: of $builtin{not_got} refusals $builtin{held} left the lock held; errors that came after the call: @{ $builtin{errors} }";

# Each transaction reads a number under its lock, and writes it one higher: whoever is not alone loses somebody's.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE numbers (what text, k integer, n bigint NOT NULL DEFAULT 0, PRIMARY KEY (what, k)) WITH (fillfactor = 10);
INSERT INTO numbers SELECT what, k FROM unnest('{one,many,slot}'::text[]) AS what, generate_series(1, 8) AS k;

CREATE PROCEDURE count_up(of_what text, keys integer[]) LANGUAGE plpgsql AS $$
DECLARE
    numbers_read bigint[];
BEGIN
    numbers_read := ARRAY(SELECT n FROM numbers JOIN unnest(keys) WITH ORDINALITY AS u(k, i) USING (k) WHERE what = of_what ORDER BY i);
    IF random() < 0.05 THEN PERFORM pg_sleep(0.001); END IF;
    UPDATE numbers SET n = r + 1 FROM unnest(keys, numbers_read) AS u(u, r) WHERE what = of_what AND k = u;
END $$;

CREATE FUNCTION some_keys() RETURNS integer[] LANGUAGE sql VOLATILE AS
    'SELECT array_agg(k ORDER BY random()) FROM generate_series(1, 8) AS k WHERE random() < 0.4';

-- What it acknowledges, by a line of its own after each commit: the keys counted up.
CREATE PROCEDURE work(of_what text, times integer) LANGUAGE plpgsql AS $$
DECLARE
    keys integer[];
    done bigint := 0;
BEGIN
    FOR i IN 1 .. times LOOP
        CASE of_what
        WHEN 'one' THEN
            keys := ARRAY[1 + floor(random() * 2)];
            PERFORM interlock.advisory_xact_lock('jobs', keys[1]);
        WHEN 'many' THEN
            keys := some_keys();
            CONTINUE WHEN keys IS NULL;
            PERFORM interlock.advisory_xact_lock_many('jobs', keys);
        WHEN 'slot' THEN
            keys := ARRAY[interlock.advisory_xact_slot('pool', 'workers', 3)];
        END CASE;
        CALL count_up(of_what, keys);
        IF random() < 0.1 THEN
            ROLLBACK;
        ELSE
            COMMIT;
            done := done + cardinality(keys);
        END IF;
    END LOOP;
    INSERT INTO acknowledged VALUES (of_what, done);
END $$;
CREATE TABLE acknowledged (what text, n bigint);
SQL

for my $what ('one', 'many', 'slot') {
    is_deeply([ in_sessions(8, "CALL work('$what', 1000);\n") ], [], "$what: nobody had a deadlock or another error");
    my ($counted, $acknowledged) = split /\|/, $node->safe_psql('postgres',
        "SELECT (SELECT sum(n) FROM numbers WHERE what = '$what'), (SELECT sum(n) FROM acknowledged WHERE what = '$what')");
    is($counted, $acknowledged, "$what: what was acknowledged is counted, once");
    cmp_ok($counted, '>=', 8 * 800, "$what: all worked ($counted)");
}
is($node->safe_psql('postgres', "SELECT string_agg(k::text, ' ' ORDER BY k) FROM numbers WHERE what = 'slot' AND n > 0"), '1 2 3', 'slots: each of three was in use, and no other');

# The same without waiting: whoever gets none does nothing.
$node->safe_psql('postgres', <<'SQL');
CREATE PROCEDURE try_work(times integer) LANGUAGE plpgsql AS $$
DECLARE
    slot integer;
    keys integer[];
    done bigint := 0;
    missed bigint := 0;
BEGIN
    FOR i IN 1 .. times LOOP
        keys := some_keys();
        CONTINUE WHEN keys IS NULL;
        IF interlock.try_advisory_xact_lock_many('jobs', keys, wait => make_interval(secs => floor(random() * 3) / 1000)) THEN
            CALL count_up('many', keys);
            done := done + cardinality(keys);
        ELSE
            missed := missed + 1;
        END IF;
        slot := interlock.try_advisory_xact_slot('pool', 'workers', 3, make_interval(secs => floor(random() * 3) / 1000));
        IF slot IS NOT NULL THEN
            CALL count_up('slot', ARRAY[slot]);
            done := done + 1;
        ELSE
            missed := missed + 1;
        END IF;
        COMMIT;
    END LOOP;
    INSERT INTO acknowledged VALUES ('try', done), ('missed', missed);
END $$;
UPDATE numbers SET n = 0;
SQL
is_deeply([ in_sessions(8, "CALL try_work(500);\n") ], [], 'try_: nobody had a deadlock or another error');
my ($counted, $acknowledged, $missed) = split /\|/, $node->safe_psql('postgres',
    "SELECT (SELECT sum(n) FROM numbers), (SELECT sum(n) FROM acknowledged WHERE what = 'try'), (SELECT sum(n) FROM acknowledged WHERE what = 'missed')");
is($counted, $acknowledged, 'try_: what was acknowledged is counted, once');
cmp_ok($counted, '>', 500, "try_: many got what they tried ($counted)");
cmp_ok($missed, '>', 100, "try_: many did not ($missed)");

# Who waits long for one of several slots looks again and again, and keeps nothing of it.
$node->append_conf('postgresql.conf', 'log_min_messages = log');
$node->reload;
my @holders = map { $node->background_psql('postgres') } 1 .. 3;
$_->query(q{BEGIN; SELECT interlock.advisory_xact_slot('pool', 'workers', 3)}) for @holders;
my $waiter = $node->background_psql('postgres');
my $pid = $waiter->query('SELECT pg_backend_pid()');
$waiter->query_until(qr/^$/, "SELECT interlock.advisory_xact_slot('pool', 'workers', 3);\n");
ok($node->poll_query_until('postgres', "SELECT count(*) = 3 FROM interlock.advisory_locks WHERE key_text IS NULL AND granted AND pid <> $pid"), 'three have slots, one waits');
my @used;
for (1 .. 20) {
    $node->safe_psql('postgres', "SELECT pg_log_backend_memory_contexts($pid), pg_sleep(0.5)");
    @used = slurp_file($node->logfile) =~ /Grand total: .* (\d+) used/g;
    last if @used == 5;
}
is(scalar @used, 5, "its memory: @used");
cmp_ok($used[4] - $used[1], '<', 4000, 'does not grow');
$_->quit for @holders;
like($waiter->query('SELECT 1'), qr/^[123]\n1$/, 'and it gets its slot');
$waiter->quit;

$node->stop;
done_testing();
