# Proves that with 16 writers that mix every write function over plain, partitioned and rooted tables, with savepoints and transactions rolled back and sessions killed, every row's version is its first one plus its committed bumps, and no change is lost.
# INTERLOCK_MIXED_SECONDS: how long (15).
use strict;
use warnings;

use InterlockTest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{INTERLOCK_MIXED_SECONDS} || 15;
my $writers = 16;

my $node = new_node('mixed');
$node->append_conf('postgresql.conf', "max_connections = 60\ndeadlock_timeout = 20ms\nlog_min_messages = fatal");
$node->restart;

# n is a counter, m is anything. A row that is inserted again starts at a version that it never had.
my $columns = 'n bigint NOT NULL DEFAULT 0, m bigint NOT NULL DEFAULT 0, '
    . q{version bigint NOT NULL DEFAULT nextval('first_versions')};
$node->safe_psql('postgres', <<"SQL");
CREATE SEQUENCE first_versions INCREMENT 1000000 START 1000000;
CREATE TABLE plain (id integer PRIMARY KEY, region integer NOT NULL DEFAULT 0, $columns);
CREATE TABLE parted (id integer, region integer, $columns, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES IN (0);
CREATE TABLE parted_1 (m bigint NOT NULL, n bigint NOT NULL, region integer NOT NULL, dropped text, version bigint NOT NULL, id integer NOT NULL);
ALTER TABLE parted_1 DROP COLUMN dropped;
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES IN (1);
CREATE TABLE orders (id integer PRIMARY KEY, region integer NOT NULL DEFAULT 0, $columns);
CREATE TABLE lines (id integer PRIMARY KEY, region integer NOT NULL REFERENCES orders, $columns);
INSERT INTO plain SELECT generate_series(1, 8);
INSERT INTO parted SELECT generate_series(1, 8), 0;
INSERT INTO orders SELECT generate_series(0, 4);
INSERT INTO lines SELECT i, i % 5 FROM generate_series(1, 10) AS i;
SELECT interlock.enable_versioning(t) FROM unnest('{plain,parted,orders,lines}'::regclass[]) AS t;
SELECT interlock.enable_root_versioning('lines', 'orders');

-- What each committed transaction did to a row: old is null for an insertion, new for a deletion; n
-- and m where they were written.
CREATE TABLE log (xid xid8 NOT NULL DEFAULT pg_current_xact_id(), kind text NOT NULL, tbl regclass NOT NULL, key jsonb NOT NULL,
    old bigint, new bigint, n bigint, m bigint);
-- The orders of lines that it changed: one bump of each at commit, unless it bumped that order itself.
CREATE TABLE touched (xid xid8 NOT NULL DEFAULT pg_current_xact_id(), id integer NOT NULL);

CREATE VIEW present AS
SELECT 'plain'::regclass AS tbl, jsonb_build_object('id', id) AS key, n, m, version FROM plain
UNION ALL SELECT 'parted', jsonb_build_object('id', id, 'region', region), n, m, version FROM parted
UNION ALL SELECT 'lines', jsonb_build_object('id', id), n, m, version FROM lines
UNION ALL SELECT 'orders', jsonb_build_object('id', id), n, m, version FROM orders;
INSERT INTO log SELECT '1', 'first', tbl, key, NULL, version, n, m FROM present;
SQL

# One operation, and the whole of a transaction.
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION key_of(tbl regclass, r jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN tbl = 'parted'::regclass THEN jsonb_build_object('id', r->'id', 'region', r->'region') ELSE jsonb_build_object('id', r->'id') END
$$;

CREATE FUNCTION note(kind text, tbl regclass, r jsonb, old bigint, new bigint, n bigint, m bigint) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log (kind, tbl, key, old, new, n, m) VALUES (kind, tbl, key_of(tbl, r), old, new, n, m);
    IF tbl = 'lines'::regclass THEN INSERT INTO touched (id) VALUES ((r->>'region')::integer); END IF;
    RETURN 1;
END $$;

CREATE FUNCTION tell(kind text, status text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'told % %', kind, status; END $$;

-- Inserts the row that was not found.
CREATE FUNCTION bring_back(tbl regclass, id integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    r jsonb := jsonb_build_object('id', id, 'region', floor(random() * CASE WHEN tbl = 'lines'::regclass THEN 5 WHEN tbl = 'parted'::regclass THEN 2 ELSE 1 END)::integer, 'n', 0, 'm', 0);
    result interlock.write_result;
    new bigint;
    kind text := (ARRAY['upsert', 'try_upsert', 'save', 'insert'])[1 + floor(random() * 4)];
BEGIN
    CASE kind
    WHEN 'upsert' THEN new := interlock.versioned_upsert(tbl, r, NULL);
    WHEN 'try_upsert' THEN
        result := interlock.try_versioned_upsert(tbl, r, NULL);
        IF result.status <> 'written' THEN PERFORM tell(kind, result.status::text); RETURN 0; END IF;
        new := result.version;
    WHEN 'save' THEN
        EXECUTE format('SELECT r.version FROM interlock.versioned_save(jsonb_populate_record(NULL::%s, $1)) AS r', tbl) INTO new USING r;
    ELSE
        EXECUTE format('INSERT INTO %s (id, region) VALUES ($1, $2) RETURNING version', tbl) INTO new USING id, (r->>'region')::integer;
    END CASE;
    RETURN note(kind, tbl, r, NULL, new, 0, 0);
END $$;

-- Several rows at once.
CREATE FUNCTION write_many(tbl regclass, kind text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    batch jsonb;
    done integer := 0;
    result record;
    r jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_agg(to_jsonb(t)) FROM (SELECT id, region, n + 1 AS n, version FROM %s ORDER BY random() LIMIT 4) AS t', tbl) INTO batch;
    IF batch IS NULL THEN RETURN 0; END IF;
    IF kind = 'many' THEN
        FOR result IN SELECT w.key, 'written' AS status, w.version FROM interlock.versioned_update_many(tbl, batch) AS w LOOP
            SELECT b INTO STRICT r FROM jsonb_array_elements(batch) AS b WHERE key_of(tbl, b) = result.key;
            done := done + note(kind, tbl, r, (r->>'version')::bigint, result.version, (r->>'n')::bigint, NULL);
        END LOOP;
        RETURN done;
    END IF;
    FOR result IN SELECT w.key, w.status, w.version FROM interlock.try_versioned_update_many(tbl, batch, kind = 'partial') AS w LOOP
        SELECT b INTO STRICT r FROM jsonb_array_elements(batch) AS b WHERE key_of(tbl, b) = result.key;
        IF result.status = 'written' THEN
            done := done + note(kind, tbl, r, (r->>'version')::bigint, result.version, (r->>'n')::bigint, NULL);
        ELSE
            PERFORM tell(kind, result.status::text);
        END IF;
    END LOOP;
    RETURN done;
END $$;

-- Checks a row, and then relies on that.
CREATE FUNCTION check_and_write(tbl regclass, key jsonb, v bigint, changes jsonb) RETURNS interlock.write_result LANGUAGE plpgsql AS $$
DECLARE
    result interlock.write_result;
    lock text := (ARRAY['share', 'no key update'])[1 + floor(random() * 2)];
BEGIN
    IF random() < 0.5 THEN
        PERFORM interlock.versioned_check(tbl, key, v, lock);
    ELSE
        result := interlock.try_versioned_check(tbl, key, v, lock);
        IF result.status <> 'unchanged' THEN RETURN result; END IF;
    END IF;
    PERFORM pg_sleep(random() * 0.002);
    result := interlock.try_versioned_update(tbl, key, v, changes);
    IF result.status <> 'written' THEN RAISE EXCEPTION 'checked, and then %', result USING ERRCODE = 'ZZ999'; END IF;
    RETURN result;
END $$;

CREATE FUNCTION operation(tbl regclass, kind text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    id integer := 1 + floor(random() * CASE tbl WHEN 'orders'::regclass THEN 4 WHEN 'lines'::regclass THEN 10 ELSE 8 END);
    r jsonb;
    key jsonb;
    v bigint;
    new_n bigint;
    new_m bigint;
    result interlock.write_result;
    to_region integer;
BEGIN
    IF kind IN ('many', 'try_many', 'partial') THEN RETURN write_many(tbl, kind); END IF;
    EXECUTE format('SELECT to_jsonb(t) FROM %s AS t WHERE id = $1 ORDER BY random() LIMIT 1', tbl) INTO r USING id;
    IF r IS NULL OR kind = 'bring_back' THEN RETURN bring_back(tbl, id); END IF;
    IF random() < 0.3 THEN PERFORM pg_sleep(random() * 0.003); END IF;
    key := key_of(tbl, r);
    v := r->>'version';
    new_n := (r->>'n')::bigint + 1;
    new_m := floor(random() * 1e15);
    result.status := 'written';
    CASE kind
    WHEN 'update' THEN
        IF tbl <> 'parted'::regclass THEN result.version := interlock.versioned_update(tbl, id, v, jsonb_build_object('n', new_n));
        ELSE result.version := interlock.versioned_update(tbl, key, v, jsonb_build_object('n', new_n)); END IF;
    WHEN 'try_update' THEN
        result := interlock.try_versioned_update(tbl, key, v, jsonb_build_object('n', new_n), r);
    WHEN 'increment' THEN
        EXECUTE format('UPDATE %s SET n = $3, version = $2 + 1 WHERE id = $1 AND region = $4 AND version = $2 RETURNING version', tbl)
            INTO result.version USING id, v, new_n, (r->>'region')::integer;
        IF result.version IS NULL THEN result.status := 'stale'; END IF;
    WHEN 'blind' THEN
        EXECUTE format('UPDATE %s SET n = n + 1 WHERE id = $1 AND region = $2 RETURNING version, version - 1, n', tbl)
            INTO result.version, v, new_n USING id, (r->>'region')::integer;
        IF result.version IS NULL THEN result.status := 'missing'; END IF;
    WHEN 'delete' THEN
        IF tbl = 'orders'::regclass THEN RETURN 0; END IF;
        PERFORM interlock.versioned_delete(tbl, key, v);
        RETURN note(kind, tbl, r, v, NULL, NULL, NULL);
    WHEN 'try_delete' THEN
        IF tbl = 'orders'::regclass THEN RETURN 0; END IF;
        result := interlock.try_versioned_delete(tbl, key, v);
        IF result.status = 'written' THEN RETURN note(kind, tbl, r, v, NULL, NULL, NULL); END IF;
    WHEN 'touch' THEN
        result.version := interlock.versioned_touch(tbl, key, v);
        new_n := NULL;
    WHEN 'try_touch' THEN
        result := interlock.try_versioned_touch(tbl, key, v);
        new_n := NULL;
    WHEN 'check' THEN
        result := check_and_write(tbl, key, v, jsonb_build_object('n', new_n));
    WHEN 'upsert_at' THEN
        result.version := interlock.versioned_upsert(tbl, key || jsonb_build_object('n', new_n), v);
    WHEN 'try_upsert_at' THEN
        result := interlock.try_versioned_upsert(tbl, r || jsonb_build_object('n', new_n), v);
    WHEN 'save_at' THEN
        EXECUTE format('SELECT r.version FROM interlock.versioned_save(jsonb_populate_record(NULL::%s, $1)) AS r', tbl)
            INTO result.version USING r || jsonb_build_object('n', new_n);
    WHEN 'try_save_at' THEN
        EXECUTE format('SELECT r.status, r.version FROM interlock.try_versioned_save(jsonb_populate_record(NULL::%s, $1)) AS r', tbl)
            INTO result.status, result.version USING r || jsonb_build_object('n', new_n);
    WHEN 'merge' THEN
        -- with whatever others did to n, and to nothing else that was read
        result.version := interlock.versioned_merge(tbl, key, jsonb_build_object('m', r->'m'), jsonb_build_object('m', new_m));
        v := result.version - 1;
        new_n := NULL;
    WHEN 'try_merge' THEN
        result := interlock.try_versioned_merge(tbl, key, r, jsonb_build_object('m', new_m));
        IF result.status = 'written' AND result.version <> v + 1 THEN RAISE EXCEPTION 'not merged: %, %', r, result USING ERRCODE = 'ZZ999'; END IF;
        v := result.version - 1;
        new_n := NULL;
    WHEN 'compare' THEN
        -- n is the row's, whatever happened to m
        PERFORM interlock.compare_and_update(tbl, key, jsonb_build_object('n', r->'n'), jsonb_build_object('n', new_n));
        EXECUTE format('SELECT version FROM %s WHERE id = $1 AND region = $2', tbl) INTO STRICT result.version USING id, (r->>'region')::integer;
        v := result.version - 1;
    WHEN 'try_compare' THEN
        result := interlock.try_compare_and_update(tbl, key, jsonb_build_object('n', r->'n'), jsonb_build_object('n', new_n));
        v := result.version - 1;
    WHEN 'move' THEN
        IF tbl NOT IN ('parted'::regclass, 'lines'::regclass) THEN RETURN 0; END IF;
        to_region := CASE tbl WHEN 'parted'::regclass THEN 1 - (r->>'region')::integer ELSE floor(random() * 5)::integer END;
        EXECUTE format('UPDATE %s SET region = $2, version = version + 1 WHERE id = $1 AND region = $3 RETURNING version, n, m', tbl)
            INTO result.version, new_n, new_m USING id, to_region, (r->>'region')::integer;
        IF result.version IS NULL THEN
            result.status := 'missing';
        ELSIF tbl = 'lines'::regclass THEN
            INSERT INTO touched (id) VALUES (to_region);
            RETURN note(kind, tbl, r, result.version - 1, result.version, NULL, NULL);
        ELSE
            RETURN note(kind, tbl, r, result.version - 1, NULL, NULL, NULL)
                 + note(kind, tbl, r || jsonb_build_object('region', to_region), NULL, result.version, new_n, new_m);
        END IF;
    END CASE;
    IF result.status NOT IN ('written', 'merged') THEN PERFORM tell(kind, result.status::text); RETURN 0; END IF;
    -- those two do not mind where the line had gone meanwhile
    IF tbl = 'lines'::regclass AND kind SIMILAR TO '%(merge|compare)' THEN
        SELECT to_jsonb(l) INTO STRICT r FROM lines AS l WHERE l.id = (key->>'id')::integer;
    END IF;
    RETURN note(kind, tbl, r, v, result.version, new_n, CASE WHEN kind LIKE '%merge' THEN new_m END);
END $$;

-- One to three operations, each of them in a savepoint of its own that now and then is rolled back.
CREATE FUNCTION work() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    kinds text[] := '{update,try_update,increment,blind,delete,try_delete,touch,try_touch,check,upsert_at,try_upsert_at,save_at,try_save_at,merge,try_merge,compare,try_compare,many,try_many,partial,move,bring_back}';
    kind text;
    done integer := 0;
    got integer;
BEGIN
    FOR i IN 1 .. 1 + floor(random() * 3) LOOP
        kind := kinds[1 + floor(random() * array_length(kinds, 1))];
        BEGIN
            got := operation((ARRAY['plain', 'parted', 'orders', 'lines'])[1 + floor(random() * 4)]::regclass, kind);
            IF random() < 0.15 THEN RAISE EXCEPTION USING ERRCODE = 'ZZ001'; END IF;
            done := done + got;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'told % % %', kind, SQLSTATE, CASE WHEN SQLSTATE NOT IN ('ZZ001', '40001', '40P01', '23505') AND SQLSTATE NOT LIKE 'IL%' THEN SQLERRM ELSE '' END;
        END;
    END LOOP;
    RETURN done;
END $$;
SQL

# A session's transactions; each says what it is about to do, did, and how that ended.
sub transactions {
    return join '', map {
        my $level = rand() < 0.8 ? 'READ COMMITTED' : rand() < 0.7 ? 'REPEATABLE READ' : 'SERIALIZABLE';
        my $end = rand() < 0.1 ? 'ROLLBACK' : 'COMMIT';
        <<"PSQL" } 1 .. 100;
BEGIN ISOLATION LEVEL $level;
SELECT pg_current_xact_id() AS xid \\gset
\\echo begun :xid
SELECT work() AS done \\gset
\\if :ERROR
ROLLBACK;
\\else
\\echo did :xid :done
$end;
\\if :ERROR
\\echo failed :xid :SQLSTATE
\\else
\\echo $end :xid
\\endif
\\endif
PSQL
}

my $folder = PostgreSQL::Test::Utils::tempdir();

# Runs a script over and over in new sessions until the time is over.
sub run_again_and_again {
    my ($name, $script, $options) = @_;
    append_to_file("$folder/$name.sql", $script);
    my $connection = $node->connstr('postgres');
    my $loop = "end=\$((SECONDS + $seconds)); while ((SECONDS < end)); do "
        . "psql -XAtq -d \"$connection application_name=mixed_$name options='$options'\" -f '$folder/$name.sql' >>'$folder/$name.out' 2>>'$folder/$name.err'; done";
    return IPC::Run::start([ 'bash', '-c', $loop ]);
}

my $seed = srand;
note "seed $seed";
my @running = map {
    run_again_and_again("w$_", transactions(), '-cinterlock.direct_writes=' . ($_ % 2 ? 'auto' : 'off'))
} 1 .. $writers;
# New statistics make every session read the table's definition again, in the middle of whatever it does.
push @running, run_again_and_again('analyzer', "ANALYZE plain, parted, orders, lines;\nSELECT pg_sleep(0.001);\n" x 100, '');
push @running, run_again_and_again('killer', <<'SQL', '');
SELECT pg_sleep(0.1 + random() * 0.2);
SELECT 'killed', pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'mixed_w%' ORDER BY random() LIMIT 1;
SQL
$_->finish for @running;
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name LIKE 'mixed_w%'") or die 'writers still there';

# How each transaction ended: as its client was told, or, where the client was killed, as the server knows.
my (%ended, %did, %told);
for my $writer (1 .. $writers) {
    for (split /\n/, slurp_file("$folder/w$writer.out")) {
        $ended{$1} = 'unknown' if /^begun (\d+)$/;
        $did{$1} = $2 if /^did (\d+) (\d+)$/;
        $ended{$2} = lc $1 if /^(COMMIT|ROLLBACK|failed) (\d+)/;
    }
    $told{$1}++ for slurp_file("$folder/w$writer.err") =~ /WARNING:  told (.*?)\s*$/mg;
}
my %logged = map { split /\|/ } split /\n/, $node->safe_psql('postgres', "SELECT xid, count(*) FROM log WHERE kind <> 'first' GROUP BY xid");
my %asked = map { $_ => 1 } grep { $ended{$_} eq 'unknown' } keys %ended;
my %status = map { split /\|/ } split /\n/, $node->safe_psql('postgres',
    "SELECT x, pg_xact_status(x) FROM unnest('{" . join(',', keys %asked) . "}'::xid8[]) AS x");

my @wrong;
for my $xid (keys %ended) {
    my $committed = $ended{$xid} eq 'commit' || ($status{$xid} // '') eq 'committed';
    my $rows = $logged{$xid} // 0;
    my $wanted = $committed ? $did{$xid} : 0;
    push @wrong, "$xid ($ended{$xid}): did " . ($wanted // 'nothing that it told') . ", logged $rows" if $rows != ($wanted // -1);
}
is_deeply([ @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ] ], [], 'what was acknowledged is there, and what was not is not');

sub none {
    my ($name, $sql) = @_;
    is($node->safe_psql('postgres', "SELECT * FROM ($sql) AS wrong LIMIT 10"), '', $name);
}

$node->safe_psql('postgres', <<'SQL');
ANALYZE log;
CREATE INDEX ON log (tbl, key, old);
CREATE INDEX ON log (tbl, key, new);
-- Versions of an order that were made at commit because lines of it changed.
CREATE TABLE root_bumps AS
SELECT DISTINCT xid, jsonb_build_object('id', id) AS key FROM touched AS t
WHERE NOT EXISTS (SELECT FROM log WHERE log.xid = t.xid AND log.tbl = 'orders'::regclass AND log.key = jsonb_build_object('id', t.id));
-- A row's life, from its insertion to its deletion; an order's is one.
CREATE TABLE lives AS
WITH RECURSIVE life AS (
    SELECT *, new AS first FROM log WHERE old IS NULL AND tbl <> 'orders'::regclass
    UNION ALL
    SELECT log.*, life.first FROM life JOIN log USING (tbl, key) WHERE log.old = life.new
)
SELECT tbl, key, first, kind, old, new, n, m FROM life
UNION ALL
SELECT tbl, key, (SELECT f.new FROM log AS f WHERE (f.tbl, f.key) = (l.tbl, l.key) AND f.old IS NULL), kind, old, new, n, m
FROM log AS l WHERE tbl = 'orders'::regclass;
CREATE INDEX ON lives (tbl, key, first, new);
ANALYZE lives;
SQL
none('each bump is by one', 'SELECT * FROM log WHERE new <> old + 1');
none('no version was made twice', 'SELECT tbl, key, new, array_agg(kind) FROM log WHERE new IS NOT NULL GROUP BY tbl, key, new HAVING count(*) > 1');
none('no version was written over twice', 'SELECT tbl, key, old, array_agg(kind) FROM log WHERE old IS NOT NULL GROUP BY tbl, key, old HAVING count(*) > 1');
none('what was written over had been made', <<'SQL');
SELECT * FROM log AS l WHERE old IS NOT NULL AND tbl <> 'orders'::regclass
    AND NOT EXISTS (SELECT FROM log AS b WHERE b.tbl = l.tbl AND b.key = l.key AND b.new = l.old)
SQL
none('what was made was written over, or is there', <<'SQL');
SELECT * FROM log AS l WHERE new IS NOT NULL AND tbl <> 'orders'::regclass
    AND NOT EXISTS (SELECT FROM log AS a WHERE a.tbl = l.tbl AND a.key = l.key AND a.old = l.new)
    AND NOT EXISTS (SELECT FROM present AS p WHERE p.tbl = l.tbl AND p.key = l.key AND p.version = l.new)
SQL
is($node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM log) = (SELECT count(*) FROM lives)'), 't', 'every write is part of one life of one row');
none('every row: version = first version + committed bumps', <<'SQL');
SELECT p.*, f.first, b.bumps, r.bumps AS root_bumps
FROM present AS p,
    -- not all versions of an order are in the log
    LATERAL (SELECT max(first) AS first FROM lives AS l WHERE l.tbl = p.tbl AND l.key = p.key AND (l.new = p.version OR p.tbl = 'orders'::regclass)) AS f,
    LATERAL (SELECT count(*) AS bumps FROM lives AS l WHERE l.tbl = p.tbl AND l.key = p.key AND l.first = f.first AND l.old IS NOT NULL) AS b,
    LATERAL (SELECT count(*) AS bumps FROM root_bumps AS r WHERE p.tbl = 'orders'::regclass AND r.key = p.key) AS r
WHERE p.version IS DISTINCT FROM f.first + b.bumps + r.bumps
SQL
none('no count was lost: each n is the one before it, plus one', <<'SQL');
SELECT * FROM (SELECT l.*, lag(n) OVER (PARTITION BY tbl, key, first ORDER BY new) AS before FROM lives AS l WHERE n IS NOT NULL) AS l
WHERE old IS NOT NULL AND n IS DISTINCT FROM before + 1
SQL
none('every row holds what was written last', <<'SQL');
SELECT p.*, n.n AS last_n, m.m AS last_m
FROM present AS p,
    LATERAL (SELECT max(first) AS first FROM lives AS l WHERE l.tbl = p.tbl AND l.key = p.key AND (l.new = p.version OR p.tbl = 'orders'::regclass)) AS f,
    LATERAL (SELECT n FROM lives AS l WHERE l.tbl = p.tbl AND l.key = p.key AND l.first = f.first AND l.n IS NOT NULL ORDER BY new DESC LIMIT 1) AS n,
    LATERAL (SELECT m FROM lives AS l WHERE l.tbl = p.tbl AND l.key = p.key AND l.first = f.first AND l.m IS NOT NULL ORDER BY new DESC LIMIT 1) AS m
WHERE (p.n, p.m) IS DISTINCT FROM (n.n, m.m)
SQL
none('what is there is there once, and has been logged', <<'SQL');
SELECT p.* FROM present AS p WHERE tbl <> 'orders'::regclass AND NOT EXISTS (SELECT FROM log AS l WHERE l.tbl = p.tbl AND l.key = p.key AND l.new = p.version)
UNION ALL SELECT tbl, key, NULL, NULL, NULL FROM present GROUP BY tbl, key HAVING count(*) > 1
SQL

my %kinds = map { split /\|/ } split /\n/, $node->safe_psql('postgres', 'SELECT kind, count(*) FROM log GROUP BY kind');
my %ends;
$ends{ $ended{$_} eq 'unknown' ? "unknown, $status{$_}" : $ended{$_} }++ for keys %ended;
diag 'written: ' . join ', ', map { "$_ $kinds{$_}" } sort keys %kinds;
diag 'transactions: ' . join ', ', map { "$_ $ends{$_}" } sort keys %ends;
diag 'orders bumped at commit: ' . $node->safe_psql('postgres', 'SELECT count(*) FROM root_bumps');
note "told $_: $told{$_}" for sort keys %told;

my @kinds = qw(update try_update increment blind delete try_delete touch try_touch check upsert_at try_upsert_at save_at try_save_at merge try_merge compare try_compare many try_many partial move upsert try_upsert save insert);
is_deeply([ grep { !$kinds{$_} } @kinds ], [], 'every kind of write succeeded');
my %expected = map { $_ => 1 } qw(stale missing conflict exists held_back unchanged ZZ001 40001 40P01 23505 IL001 IL002 IL003 IL006);
is_deeply([ grep { !$expected{ (split / /)[1] } } sort keys %told ], [], 'and those that did not were told so, with nothing unexpected');
cmp_ok($ends{commit} // 0, '>', 100, 'many transactions committed');
cmp_ok($ends{rollback} // 0, '>', 0, 'some were rolled back');
cmp_ok(scalar(keys %asked), '>', 0, 'some clients were killed');

$node->stop;
done_testing();
