\echo Use "CREATE EXTENSION interlock" to load this file. \quit

-- In the order of the families, each object with its COMMENT. Every name is qualified: nothing here
-- depends on the caller's search_path.

-- Made here, so that it belongs to the extension and cannot be somebody else's.
CREATE SCHEMA interlock;
GRANT USAGE ON SCHEMA interlock TO PUBLIC;
COMMENT ON SCHEMA interlock IS 'Concurrency control for every client.';

CREATE FUNCTION interlock.library_version() RETURNS pg_catalog.text
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'interlock_library_version';
COMMENT ON FUNCTION interlock.library_version() IS
'Version of the loaded library. It must equal the extension''s version in pg_extension.';

-- Versioning

CREATE FUNCTION interlock.row_version() RETURNS pg_catalog.trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_row_version';
COMMENT ON FUNCTION interlock.row_version() IS
'The row trigger of a versioned table; enable_versioning creates it. IL001 for a version that is not the row''s, IL005 for an update without one where versions are required, 22003 at the last value of the column''s type.';

CREATE FUNCTION interlock.version_column() RETURNS pg_catalog.trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_marker';
COMMENT ON FUNCTION interlock.version_column() IS
'Marks a table''s version column: a trigger BEFORE UPDATE OF that column that never fires.';

CREATE FUNCTION interlock.except_columns() RETURNS pg_catalog.trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_marker';
COMMENT ON FUNCTION interlock.except_columns() IS
'Marks the columns whose changes do not make a new version: a trigger BEFORE UPDATE OF those columns that never fires.';

CREATE FUNCTION interlock.enable_versioning(
    rel pg_catalog.regclass,
    version_column pg_catalog.name DEFAULT 'version',
    except_columns pg_catalog.name[] DEFAULT '{}',
    accept pg_catalog.text DEFAULT 'either',
    require_version boolean DEFAULT false,
    mode pg_catalog.text DEFAULT 'enforce',
    first_version pg_catalog.text DEFAULT 'one') RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_enable_versioning';
COMMENT ON FUNCTION interlock.enable_versioning(pg_catalog.regclass, pg_catalog.name, pg_catalog.name[], pg_catalog.text, boolean, pg_catalog.text, pg_catalog.text) IS
'Versions a table, or changes its settings. Adds the column as bigint NOT NULL DEFAULT 1 where it is missing; an existing one may be smallint, integer, bigint or timestamptz. accept: echo, increment or either. first_version: one, or clock (bigint only), the time in microseconds, which a key that is deleted and inserted again never repeats. Needs ownership (42501). Takes ACCESS EXCLUSIVE, or SHARE ROW EXCLUSIVE where the column is there, the table is not versioned yet and first_version is one. 42804, 42703, 22023 for unfit columns and settings, 55000 where the column holds nulls.';

CREATE FUNCTION interlock.disable_versioning(rel pg_catalog.regclass) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_disable_versioning';
COMMENT ON FUNCTION interlock.disable_versioning(pg_catalog.regclass) IS
'Takes the version triggers off a table, and off the children of which it is a root; the column stays. Needs ownership of all of them (42501); 55000 where the table is not versioned. Takes ACCESS EXCLUSIVE.';

CREATE FUNCTION interlock.disable_all() RETURNS pg_catalog.int4
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_disable_all';
COMMENT ON FUNCTION interlock.disable_all() IS
'Takes every trigger of interlock off this database and returns the number of tables that had one, so that DROP EXTENSION needs no CASCADE. Needs ownership of all of them (42501). Takes ACCESS EXCLUSIVE on each.';

CREATE VIEW interlock.versioned_tables AS
WITH triggers AS NOT MATERIALIZED (
    SELECT t.tgrelid, t.tgname, t.tgtype, t.tgenabled, t.tgattr, t.tgconstrrelid, p.proname AS ours,
           pg_catalog.string_to_array(pg_catalog.encode(t.tgargs, 'escape'), '\000') AS args
    FROM pg_catalog.pg_trigger AS t
    LEFT JOIN pg_catalog.pg_proc AS p
        ON p.oid OPERATOR(pg_catalog.=) t.tgfoid
        AND p.pronamespace OPERATOR(pg_catalog.=) (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) 'interlock')
    WHERE NOT t.tgisinternal OR t.tgparentid OPERATOR(pg_catalog.<>) 0
), roots AS NOT MATERIALIZED (
    SELECT DISTINCT tgrelid, tgconstrrelid AS root, tgenabled FROM triggers WHERE ours OPERATOR(pg_catalog.=) 'root_version'
), tables AS (
    SELECT r.tgrelid, r.tgname, r.tgenabled, r.args, a.attnum, a.attname, a.atttypid,
           ARRAY(SELECT x.attname
                 FROM triggers AS e
                 CROSS JOIN pg_catalog.unnest(e.tgattr::pg_catalog.int2[]) WITH ORDINALITY AS u(attnum, position)
                 JOIN pg_catalog.pg_attribute AS x ON x.attrelid OPERATOR(pg_catalog.=) e.tgrelid AND x.attnum OPERATOR(pg_catalog.=) u.attnum
                 WHERE e.tgrelid OPERATOR(pg_catalog.=) r.tgrelid AND e.ours OPERATOR(pg_catalog.=) 'except_columns'
                 ORDER BY u.position) AS except_columns,
           (SELECT o.tgname FROM triggers AS o
            WHERE o.tgrelid OPERATOR(pg_catalog.=) r.tgrelid AND o.ours IS NULL AND o.tgname OPERATOR(pg_catalog.>) r.tgname
              AND (o.tgenabled OPERATOR(pg_catalog.=) 'O' OR o.tgenabled OPERATOR(pg_catalog.=) 'A')
              AND (o.tgtype::pg_catalog.int4 OPERATOR(pg_catalog.&) 3) OPERATOR(pg_catalog.=) 3
              AND (o.tgtype::pg_catalog.int4 OPERATOR(pg_catalog.&) 20) OPERATOR(pg_catalog.<>) 0
            ORDER BY o.tgname LIMIT 1) AS later_trigger,
           EXISTS (SELECT FROM triggers AS d
                   WHERE d.tgrelid OPERATOR(pg_catalog.=) r.tgrelid AND d.ours OPERATOR(pg_catalog.=) 'row_version'
                     AND d.tgname OPERATOR(pg_catalog.<>) r.tgname) AS several,
           (SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i
            JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) i.inhrelid
            WHERE i.inhparent OPERATOR(pg_catalog.=) r.tgrelid AND NOT c.relispartition
              AND NOT EXISTS (SELECT FROM triggers AS k WHERE k.tgrelid OPERATOR(pg_catalog.=) i.inhrelid AND k.ours OPERATOR(pg_catalog.=) 'row_version')
            ORDER BY i.inhrelid LIMIT 1) AS unversioned_child
    FROM triggers AS r
    LEFT JOIN LATERAL (
        SELECT (m.tgattr::pg_catalog.int2[])[0] AS attnum FROM triggers AS m
        WHERE m.tgrelid OPERATOR(pg_catalog.=) r.tgrelid AND m.ours OPERATOR(pg_catalog.=) 'version_column'
        ORDER BY m.tgname DESC LIMIT 1) AS marker ON true
    LEFT JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) r.tgrelid AND a.attnum OPERATOR(pg_catalog.=) marker.attnum
    -- of several, as after ATTACH of a table with renamed triggers, the one that fires last
    WHERE r.ours OPERATOR(pg_catalog.=) 'row_version'
      AND NOT EXISTS (SELECT FROM triggers AS l
                      WHERE l.tgrelid OPERATOR(pg_catalog.=) r.tgrelid AND l.ours OPERATOR(pg_catalog.=) 'row_version'
                        AND l.tgname OPERATOR(pg_catalog.>) r.tgname)
    UNION ALL
    SELECT DISTINCT c.tgrelid, NULL::pg_catalog.name, NULL::"char", NULL::pg_catalog.text[], NULL::pg_catalog.int2,
           NULL::pg_catalog.name, NULL::pg_catalog.oid, NULL::pg_catalog.name[], NULL::pg_catalog.name, NULL::boolean,
           NULL::pg_catalog.oid
    FROM roots AS c
    WHERE NOT EXISTS (SELECT FROM triggers AS v WHERE v.tgrelid OPERATOR(pg_catalog.=) c.tgrelid AND v.ours OPERATOR(pg_catalog.=) 'row_version')
)
SELECT tgrelid::pg_catalog.regclass AS relation,
       attname AS version_column,
       pg_catalog.format_type(atttypid, NULL) AS kind,
       except_columns,
       CASE WHEN args IS NULL THEN NULL
            WHEN 'accept=echo' OPERATOR(pg_catalog.=) ANY (args) THEN 'echo'
            WHEN 'accept=increment' OPERATOR(pg_catalog.=) ANY (args) THEN 'increment'
            ELSE 'either' END AS accept,
       'require_version=true' OPERATOR(pg_catalog.=) ANY (args) AS require_version,
       CASE WHEN args IS NULL THEN NULL
            WHEN 'mode=observe' OPERATOR(pg_catalog.=) ANY (args) THEN 'observe' ELSE 'enforce' END AS mode,
       CASE WHEN args IS NULL THEN NULL
            WHEN 'first_version=clock' OPERATOR(pg_catalog.=) ANY (args) THEN 'clock' ELSE 'one' END AS first_version,
       ARRAY(SELECT o.root::pg_catalog.regclass FROM roots AS o WHERE o.tgrelid OPERATOR(pg_catalog.=) tables.tgrelid
             GROUP BY o.root ORDER BY o.root::pg_catalog.regclass::pg_catalog.text COLLATE pg_catalog."C") AS roots,
       pg_catalog.array_remove(ARRAY[
           CASE WHEN attname IS NULL AND args IS NOT NULL THEN 'has lost its version column' END,
           CASE WHEN several THEN 'it has more than one version trigger' END,
           CASE WHEN tgenabled OPERATOR(pg_catalog.=) 'D' THEN 'its version trigger is disabled'
                WHEN tgenabled OPERATOR(pg_catalog.=) 'R' THEN 'its version trigger fires on replicas only'
                WHEN tgenabled OPERATOR(pg_catalog.=) 'A'
                THEN 'its version trigger fires on replicas too and would refuse what is replicated' END,
           CASE WHEN later_trigger IS NOT NULL
                THEN pg_catalog.format('trigger %I fires after the version trigger', later_trigger) END,
           CASE WHEN unversioned_child IS NOT NULL
                THEN pg_catalog.format('child table %s is not versioned', unversioned_child::pg_catalog.regclass) END], NULL)
       OPERATOR(pg_catalog.||) ARRAY(
           SELECT problem
           FROM (SELECT DISTINCT root FROM roots AS o WHERE o.tgrelid OPERATOR(pg_catalog.=) tables.tgrelid) AS o,
           LATERAL (VALUES
               (1, CASE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS f
                                         WHERE f.contype OPERATOR(pg_catalog.=) 'f' AND f.conrelid OPERATOR(pg_catalog.=) tables.tgrelid
                                           AND f.confrelid OPERATOR(pg_catalog.=) root)
                        THEN 'its foreign key to its root %s is gone' END),
               (2, CASE WHEN NOT EXISTS (SELECT FROM triggers AS v
                                         WHERE v.tgrelid OPERATOR(pg_catalog.=) root AND v.ours OPERATOR(pg_catalog.=) 'row_version')
                        THEN 'its root %s is not versioned' END),
               (3, CASE WHEN EXISTS (SELECT FROM roots AS e
                                     WHERE e.tgrelid OPERATOR(pg_catalog.=) tables.tgrelid AND e.root OPERATOR(pg_catalog.=) o.root
                                       AND e.tgenabled OPERATOR(pg_catalog.<>) 'O')
                        THEN 'not all triggers for its root %s are enabled as they should be' END)) AS p (position, text),
           LATERAL (SELECT pg_catalog.format(text, root::pg_catalog.regclass) AS problem) AS f
           WHERE text IS NOT NULL
           ORDER BY root::pg_catalog.regclass::pg_catalog.text COLLATE pg_catalog."C", position) AS problems
FROM tables;
COMMENT ON VIEW interlock.versioned_tables IS
'The versioned tables of this database with their settings and roots, and what keeps versioning from being in force. One row per partition too; a child of a root that is not versioned itself has roots and no settings.';
GRANT SELECT ON interlock.versioned_tables TO PUBLIC;

CREATE FUNCTION interlock.assert_versioned(rels pg_catalog.regclass[]) RETURNS pg_catalog.void
    LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_assert_versioned';
COMMENT ON FUNCTION interlock.assert_versioned(pg_catalog.regclass[]) IS
'For boot checks and CI: 55000, naming every table, where one is not versioned or versioned_tables shows a problem with it.';

CREATE FUNCTION interlock.observed_writes(
    OUT relation pg_catalog.regclass, OUT role pg_catalog.regrole, OUT application_name pg_catalog.text,
    OUT condition pg_catalog.text, OUT count pg_catalog.int8, OUT last_at pg_catalog.timestamptz) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'interlock_observed_writes';
COMMENT ON FUNCTION interlock.observed_writes() IS
'What tables in mode observe would have refused in this session, by table, role, application_name and condition (stale_version or version_required).';

-- Roots

CREATE FUNCTION interlock.root_touched(root pg_catalog.regclass, child pg_catalog.oid, VARIADIC keys "any") RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_root_touched';
COMMENT ON FUNCTION interlock.root_touched(pg_catalog.regclass, pg_catalog.oid, "any") IS
'In the WHEN of a root''s triggers, which enable_root_versioning creates: remembers the root of the row, and is true the first time in a transaction. Takes ROW EXCLUSIVE on the root''s table. 55000 where the foreign key is gone, 0A000 anywhere else.';

CREATE FUNCTION interlock.root_version() RETURNS pg_catalog.trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_root_version';
COMMENT ON FUNCTION interlock.root_version() IS
'The deferred trigger on the child of a root; enable_root_versioning creates it. Makes a new version of each root that was touched, as the root''s owner, and locks the row as UPDATE does. IL004 where a trigger of the root rejects it, 40001 at REPEATABLE READ and above where the root changed since the snapshot.';

CREATE FUNCTION interlock.enable_root_versioning(
    child pg_catalog.regclass, root pg_catalog.regclass, foreign_key pg_catalog.name DEFAULT NULL) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_enable_root_versioning';
COMMENT ON FUNCTION interlock.enable_root_versioning(pg_catalog.regclass, pg_catalog.regclass, pg_catalog.name) IS
'Has every transaction that changes rows of child make one new version of the root rows they refer to, at commit. foreign_key: which one, where child has several to root; a call for another one adds it. Needs ownership of both (42501). Takes ACCESS EXCLUSIVE on child and ACCESS SHARE on root. 42704 for no such foreign key, 22023 for several or for a table that would be its own root, 55000 where root is not versioned or is below child already, or child is a partition that has its roots from its parent.';

CREATE FUNCTION interlock.disable_root_versioning(child pg_catalog.regclass, root pg_catalog.regclass) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_disable_root_versioning';
COMMENT ON FUNCTION interlock.disable_root_versioning(pg_catalog.regclass, pg_catalog.regclass) IS
'Ends what enable_root_versioning began, for every foreign key between the two tables. Needs ownership of both (42501); 55000 where there is none, or for a partition that has its roots from its parent. Takes ACCESS EXCLUSIVE on child.';

-- Writes

CREATE TYPE interlock.write_status AS ENUM
    ('written', 'unchanged', 'merged', 'stale', 'missing', 'conflict', 'exists', 'rejected', 'held_back');
COMMENT ON TYPE interlock.write_status IS
'What became of a write: written; unchanged (nothing to write); merged; stale (another version); missing (no such row for this role); conflict (both sides changed the same columns); exists; rejected (by a trigger or policy); held_back (fine itself, but not the batch).';

CREATE TYPE interlock.write_result AS (
    status interlock.write_status,
    version pg_catalog.int8,
    current pg_catalog.jsonb,
    conflicts pg_catalog.jsonb);
COMMENT ON TYPE interlock.write_result IS
'status; version: the row''s, new or present; current: the row as it is now, as far as this role may see it; conflicts: per contested column {"mine", "theirs"}, with "base" where one was given.';

-- Their cost keeps them behind every other condition, however dear.
CREATE FUNCTION interlock.column_probe(token pg_catalog.int8, VARIADIC present "any") RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 AS 'MODULE_PATHNAME', 'interlock_column_probe';
COMMENT ON FUNCTION interlock.column_probe(pg_catalog.int8, "any") IS
'Part of the statements that interlock runs; 0A000 anywhere else.';

CREATE FUNCTION interlock.write_probe(token pg_catalog.int8, present record) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 AS 'MODULE_PATHNAME', 'interlock_write_probe';
COMMENT ON FUNCTION interlock.write_probe(pg_catalog.int8, record) IS
'The same for more columns than a function takes; 0A000 anywhere else.';

CREATE FUNCTION interlock.versioned_update(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, expected pg_catalog.int8, changes pg_catalog.jsonb,
    base pg_catalog.jsonb DEFAULT NULL) RETURNS pg_catalog.int8
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_versioned_update';
COMMENT ON FUNCTION interlock.versioned_update(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8, pg_catalog.jsonb, pg_catalog.jsonb) IS
'Updates the row with that primary key if it is still at the expected version, and returns the new version; a change that alters nothing returns the same one. changes: a JSON object of columns and values. IL001 at another version, IL002 for no such row, IL004 where a trigger or policy kept it from being written, 55000 for a table that is not versioned. Runs as the caller; locks the row as UPDATE does. READ COMMITTED waits for a concurrent writer and judges what it left; REPEATABLE READ and above raise 40001 where the row changed since the snapshot.';

CREATE FUNCTION interlock.try_versioned_update(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, expected pg_catalog.int8, changes pg_catalog.jsonb,
    base pg_catalog.jsonb DEFAULT NULL) RETURNS interlock.write_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_versioned_update';
COMMENT ON FUNCTION interlock.try_versioned_update(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8, pg_catalog.jsonb, pg_catalog.jsonb) IS
'versioned_update that tells instead of raising: written, unchanged, stale, missing or rejected, with the row as it is now and both sides of each contested column. Call it as SELECT r.* FROM interlock.try_versioned_update(...) AS r.';

CREATE FUNCTION interlock.versioned_delete(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, expected pg_catalog.int8) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_versioned_delete';
COMMENT ON FUNCTION interlock.versioned_delete(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8) IS
'Deletes the row with that primary key if it is still at the expected version. IL001 at another version, IL002 for no such row, IL004 where a trigger or policy kept it. Needs DELETE, and SELECT on key and version. Locks and isolation as versioned_update.';

CREATE FUNCTION interlock.try_versioned_delete(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, expected pg_catalog.int8) RETURNS interlock.write_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_versioned_delete';
COMMENT ON FUNCTION interlock.try_versioned_delete(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8) IS
'versioned_delete that tells instead of raising: written, stale, missing or rejected.';

CREATE FUNCTION interlock.versioned_touch(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, expected pg_catalog.int8) RETURNS pg_catalog.int8
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_versioned_touch';
COMMENT ON FUNCTION interlock.versioned_touch(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8) IS
'Forces a new version of the row with that primary key if it is still at the expected one, changes nothing else, and returns the new one. Fires triggers as an UPDATE of the version column, or of the first column that the caller may update and SELECT. Errors, locks and isolation as versioned_update.';

CREATE FUNCTION interlock.try_versioned_touch(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, expected pg_catalog.int8) RETURNS interlock.write_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_versioned_touch';
COMMENT ON FUNCTION interlock.try_versioned_touch(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8) IS
'versioned_touch that tells instead of raising: written, stale, missing or rejected.';

CREATE FUNCTION interlock.versioned_check(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, expected pg_catalog.int8, lock pg_catalog.text DEFAULT 'share') RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_versioned_check';
COMMENT ON FUNCTION interlock.versioned_check(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8, pg_catalog.text) IS
'The row with that primary key is at the expected version, and stays so until this transaction ends: locks it FOR SHARE, or with lock => ''no key update'' FOR NO KEY UPDATE, which those take who will write it next (two who share it and then write deadlock). ROW SHARE on the table. 22023 for another lock; other errors, privileges and isolation as SELECT FOR SHARE and versioned_update.';

CREATE FUNCTION interlock.try_versioned_check(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, expected pg_catalog.int8, lock pg_catalog.text DEFAULT 'share') RETURNS interlock.write_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_versioned_check';
COMMENT ON FUNCTION interlock.try_versioned_check(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8, pg_catalog.text) IS
'versioned_check that tells instead of raising: unchanged (and locked), stale, missing or rejected (and not locked).';

-- The two that name no version

CREATE FUNCTION interlock.versioned_merge(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, base pg_catalog.jsonb, changes pg_catalog.jsonb) RETURNS pg_catalog.int8
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_versioned_merge';
COMMENT ON FUNCTION interlock.versioned_merge(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.jsonb, pg_catalog.jsonb) IS
'Three-way merge by column: writes the changes of a caller who read the row as base into the row as it is now, and returns the new version. A column that both sides changed to different values is a conflict (IL003, naming the columns), the same value on both sides is none; jsonb columns merge as whole values. base must hold every changed column (22023). Needs SELECT on them (42501). Other errors, locks and isolation as versioned_update.';

CREATE FUNCTION interlock.try_versioned_merge(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, base pg_catalog.jsonb, changes pg_catalog.jsonb) RETURNS interlock.write_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_versioned_merge';
COMMENT ON FUNCTION interlock.try_versioned_merge(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.jsonb, pg_catalog.jsonb) IS
'versioned_merge that tells instead of raising: written (nobody else changed what base holds), merged (somebody did), unchanged, conflict with base, mine and theirs by column, missing or rejected.';

CREATE FUNCTION interlock.compare_and_update(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, expected pg_catalog.jsonb, changes pg_catalog.jsonb) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_compare_and_update';
COMMENT ON FUNCTION interlock.compare_and_update(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.jsonb, pg_catalog.jsonb) IS
'Updates the row with that primary key if its columns still hold the expected values: those bytes, or what to_jsonb() shows the same. For any table with a primary key, versioned or not; the way for timestamp versions. IL001, naming the columns, where they do not; IL002 for no such row, IL004 where a trigger or policy kept it. Needs SELECT on the expected columns. Locks and isolation as versioned_update.';

CREATE FUNCTION interlock.try_compare_and_update(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, expected pg_catalog.jsonb, changes pg_catalog.jsonb) RETURNS interlock.write_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_compare_and_update';
COMMENT ON FUNCTION interlock.try_compare_and_update(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.jsonb, pg_catalog.jsonb) IS
'compare_and_update that tells instead of raising: written, unchanged, stale with base, theirs and mine by column, missing or rejected. version is null where the table has none.';

-- Whole rows

CREATE FUNCTION interlock.versioned_upsert(
    rel pg_catalog.regclass, new_row pg_catalog.jsonb, expected pg_catalog.int8) RETURNS pg_catalog.int8
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_versioned_upsert';
COMMENT ON FUNCTION interlock.versioned_upsert(pg_catalog.regclass, pg_catalog.jsonb, pg_catalog.int8) IS
'With an expected version, updates the row whose primary key new_row holds, as versioned_update does. With NULL, inserts it (columns that are left out take their defaults): IL006 where the primary key is taken; other unique constraints raise 23505. A version in new_row must be null or the expected one (22023). Returns the version.';

CREATE FUNCTION interlock.try_versioned_upsert(
    rel pg_catalog.regclass, new_row pg_catalog.jsonb, expected pg_catalog.int8) RETURNS interlock.write_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_versioned_upsert';
COMMENT ON FUNCTION interlock.try_versioned_upsert(pg_catalog.regclass, pg_catalog.jsonb, pg_catalog.int8) IS
'versioned_upsert that tells instead of raising: written, unchanged, exists (with the row that is there), stale, missing or rejected.';

CREATE FUNCTION interlock.versioned_save(
    new_row pg_catalog.anyelement) RETURNS pg_catalog.anyelement
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_versioned_save';
COMMENT ON FUNCTION interlock.versioned_save(pg_catalog.anyelement) IS
'Saves a row of a versioned table, as it was read and edited, and returns it as stored: SELECT r.* FROM interlock.versioned_save(row) AS r. A NULL version inserts it (a NULL in a NOT NULL column takes its default), IL006 where the primary key is taken; else exactly the columns that differ are updated, IL001 at another version, IL002 for no such row. 42804 for any other type. Needs SELECT on the whole row.';

CREATE FUNCTION interlock.try_versioned_save(
    new_row pg_catalog.anyelement) RETURNS interlock.write_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_versioned_save';
COMMENT ON FUNCTION interlock.try_versioned_save(pg_catalog.anyelement) IS
'versioned_save that tells instead of raising: written or unchanged with the row as stored, exists, stale, missing or rejected with the row as it is.';

-- Many rows

CREATE FUNCTION interlock.versioned_update_many(
    rel pg_catalog.regclass, changes pg_catalog.jsonb,
    OUT key pg_catalog.jsonb, OUT version pg_catalog.int8) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_versioned_update_many';
COMMENT ON FUNCTION interlock.versioned_update_many(pg_catalog.regclass, pg_catalog.jsonb) IS
'Updates many rows by version, all or nothing, in the order of their primary keys. changes: an array of objects, each the key, the version as it was read, and the changed columns. IL001 where any row is stale, else IL002 where any is missing, else IL004; DETAIL names every one of them. 22023 for a key given twice and a row without a version. Locks and isolation as versioned_update.';

CREATE FUNCTION interlock.try_versioned_update_many(
    rel pg_catalog.regclass, changes pg_catalog.jsonb, partial boolean DEFAULT false,
    OUT key pg_catalog.jsonb, OUT status interlock.write_status, OUT version pg_catalog.int8, OUT current pg_catalog.jsonb, OUT conflicts pg_catalog.jsonb) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_versioned_update_many';
COMMENT ON FUNCTION interlock.try_versioned_update_many(pg_catalog.regclass, pg_catalog.jsonb, boolean) IS
'versioned_update_many that tells each row instead of raising. partial: writes those that it can; else, where one fails, none, and those that were fine are held_back. Runs in a subtransaction unless partial.';

CREATE FUNCTION interlock.write_paths(OUT direct pg_catalog.int8, OUT planner pg_catalog.int8) RETURNS record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'interlock_write_paths';
COMMENT ON FUNCTION interlock.write_paths() IS
'How many writes and row locks of this session took the direct path and how many the planner path (see interlock.direct_writes).';

-- Row locks

CREATE TYPE interlock.lock_status AS ENUM ('locked', 'stale', 'missing', 'unavailable');
COMMENT ON TYPE interlock.lock_status IS
'What became of a row to lock: locked; stale (at another version, and not locked); missing (no such row for this role); unavailable (not to be had at once, or in time).';

CREATE FUNCTION interlock.lock_row(
    row_type pg_catalog.anyelement, key pg_catalog.anycompatible, mode pg_catalog.text DEFAULT 'update', wait pg_catalog.interval DEFAULT NULL,
    expected pg_catalog.int8 DEFAULT NULL) RETURNS pg_catalog.anyelement
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_lock_row';
COMMENT ON FUNCTION interlock.lock_row(pg_catalog.anyelement, pg_catalog.anycompatible, pg_catalog.text, pg_catalog.interval, pg_catalog.int8) IS
'Locks the row with that primary key until the transaction ends, and returns it as it is then: SELECT r.* FROM interlock.lock_row(NULL::accounts, 1) AS r. mode: update, no key update, share or key share. wait: NULL waits (within lock_timeout), zero does not, more is a deadline; 55P03 then, naming the row and the pids in the way. expected: IL001 unless the row is at that version. IL002 for no such row, 42804 where row_type is no table''s row type. Privileges, policies, table lock and isolation as SELECT ... FOR UPDATE of the whole row.';

CREATE FUNCTION interlock.try_lock_row(
    row_type pg_catalog.anyelement, key pg_catalog.anycompatible, mode pg_catalog.text DEFAULT 'update', wait pg_catalog.interval DEFAULT NULL,
    expected pg_catalog.int8 DEFAULT NULL, OUT status interlock.lock_status, OUT "row" pg_catalog.anyelement) RETURNS record
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_lock_row';
COMMENT ON FUNCTION interlock.try_lock_row(pg_catalog.anyelement, pg_catalog.anycompatible, pg_catalog.text, pg_catalog.interval, pg_catalog.int8) IS
'lock_row that tells instead of raising: locked, with the row; stale, with the row as it is now, not locked; missing; unavailable. The transaction goes on. Call it as SELECT r.status, (r.row).* FROM interlock.try_lock_row(...) AS r.';

CREATE FUNCTION interlock.lock_rows(
    row_type pg_catalog.anyelement, keys pg_catalog.anycompatiblearray, mode pg_catalog.text DEFAULT 'update', wait pg_catalog.interval DEFAULT NULL,
    skip_locked pg_catalog.bool DEFAULT false, missing_ok pg_catalog.bool DEFAULT false) RETURNS SETOF pg_catalog.anyelement
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_lock_rows';
COMMENT ON FUNCTION interlock.lock_rows(pg_catalog.anyelement, pg_catalog.anycompatiblearray, pg_catalog.text, pg_catalog.interval, pg_catalog.bool, pg_catalog.bool) IS
'Locks the rows with those primary keys in the order of the keys, however they came in, each once; callers that lock the same rows wait for each other and never deadlock. Returns them in that order. wait: as in lock_row, one deadline for all. skip_locked: leaves out those that are locked, without waiting. missing_ok: leaves out those that are not there, else IL002 names the first. Otherwise as lock_row.';

CREATE FUNCTION interlock.try_lock_rows(
    row_type pg_catalog.anyelement, keys pg_catalog.anycompatiblearray, mode pg_catalog.text DEFAULT 'update', wait pg_catalog.interval DEFAULT NULL,
    OUT key pg_catalog.jsonb, OUT status interlock.lock_status, OUT "row" pg_catalog.anyelement) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_lock_rows';
COMMENT ON FUNCTION interlock.try_lock_rows(pg_catalog.anyelement, pg_catalog.anycompatiblearray, pg_catalog.text, pg_catalog.interval) IS
'lock_rows that tells each key instead of raising: locked, with the row; missing; unavailable. Locks those that it can, in the order of the keys.';

-- Lock namespaces

CREATE SEQUENCE interlock.lock_namespace_ids AS pg_catalog.int4 INCREMENT 2 MINVALUE 1024 MAXVALUE 29000 START 1024 NO CYCLE;
COMMENT ON SEQUENCE interlock.lock_namespace_ids IS
'Ids of lock namespaces, each given out once. An id is the class of its locks'' tags, shown by pg_locks as objsubid; the next number that of its slots.';
ALTER SEQUENCE interlock.lock_namespace_ids OWNER TO pg_database_owner;

CREATE TABLE interlock.lock_namespace_registry (
    id pg_catalog.int4 PRIMARY KEY CHECK (id BETWEEN 1024 AND 29000 AND id % 2 = 0),
    name pg_catalog.text COLLATE pg_catalog."C" NOT NULL UNIQUE CHECK (pg_catalog.octet_length(name) BETWEEN 1 AND 200),
    key_type pg_catalog.text COLLATE pg_catalog."C" NOT NULL CHECK (key_type IN ('bigint', 'text', 'uuid')),
    roles pg_catalog.text[] NOT NULL DEFAULT '{}',
    also_builtin pg_catalog.text,
    max_locks pg_catalog.int4 CHECK (max_locks > 0),
    comment pg_catalog.text);
COMMENT ON TABLE interlock.lock_namespace_registry IS
'The lock namespaces of this database. Only interlock''s functions and the owner of the database write it; everybody reads interlock.lock_namespaces.';
-- The database's owner, whoever that is, can dump and restore it.
ALTER TABLE interlock.lock_namespace_registry OWNER TO pg_database_owner;
SELECT pg_catalog.pg_extension_config_dump('interlock.lock_namespace_registry', '');
SELECT pg_catalog.pg_extension_config_dump('interlock.lock_namespace_ids', '');

CREATE FUNCTION interlock.lock_namespaces_changed() RETURNS pg_catalog.trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_lock_namespaces_changed';
COMMENT ON FUNCTION interlock.lock_namespaces_changed() IS
'The trigger of the registry of lock namespaces: has every session read it anew.';

CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON interlock.lock_namespace_registry
    FOR EACH STATEMENT EXECUTE FUNCTION interlock.lock_namespaces_changed();
ALTER TABLE interlock.lock_namespace_registry ENABLE ALWAYS TRIGGER changed;

CREATE FUNCTION interlock.may_use_lock_namespace(roles pg_catalog.text[]) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'interlock_may_use_lock_namespace';
COMMENT ON FUNCTION interlock.may_use_lock_namespace(pg_catalog.text[]) IS
'Is the current role a member of one of these roles, or are there none?';

CREATE FUNCTION interlock.may_change_lock_namespaces() RETURNS boolean
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'interlock_may_change_lock_namespaces';
COMMENT ON FUNCTION interlock.may_change_lock_namespaces() IS
'May the current role register, change and drop lock namespaces: is it the owner of the database, or a member of role interlock_admin?';

CREATE FUNCTION interlock.create_lock_namespace(
    name pg_catalog.text, key_type pg_catalog.regtype DEFAULT 'bigint', roles pg_catalog.text[] DEFAULT '{}',
    also_builtin pg_catalog.text DEFAULT NULL, comment pg_catalog.text DEFAULT NULL, max_locks pg_catalog.int4 DEFAULT NULL) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_create_lock_namespace';
COMMENT ON FUNCTION interlock.create_lock_namespace(pg_catalog.text, pg_catalog.regtype, pg_catalog.text[], pg_catalog.text, pg_catalog.text, pg_catalog.int4) IS
'Registers a namespace of locks, whose keys are of one type: bigint, text or uuid. roles: who may use it, by name, members included; none is everyone. also_builtin: bigint, or int4:CLASS, the built-in advisory lock that processes without interlock take for the same key. max_locks: how many of them one session may hold, instead of interlock.max_namespace_locks. Needs ownership of the database or membership in role interlock_admin (42501). 42710 where the name is registered, 42602 for an unfit name, 22023 for another key type or built-in lock.';

CREATE FUNCTION interlock.alter_lock_namespace(
    name pg_catalog.text, roles pg_catalog.text[] DEFAULT NULL, also_builtin pg_catalog.text DEFAULT NULL,
    comment pg_catalog.text DEFAULT NULL, max_locks pg_catalog.int4 DEFAULT NULL) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_alter_lock_namespace';
COMMENT ON FUNCTION interlock.alter_lock_namespace(pg_catalog.text, pg_catalog.text[], pg_catalog.text, pg_catalog.text, pg_catalog.int4) IS
'Changes a namespace; what is NULL stays as it is, an empty also_builtin and a max_locks of 0 take theirs away. Needs ownership of the database or membership in role interlock_admin (42501). 42704 for an unknown name.';

CREATE FUNCTION interlock.drop_lock_namespace(name pg_catalog.text) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_drop_lock_namespace';
COMMENT ON FUNCTION interlock.drop_lock_namespace(pg_catalog.text) IS
'Drops a namespace; its id is not given out again. 55006 while any of its locks is held or awaited, or any of its leases held, 42704 for an unknown name. Needs ownership of the database or membership in role interlock_admin (42501).';

CREATE VIEW interlock.lock_namespaces WITH (security_barrier) AS
SELECT id, name, key_type::pg_catalog.regtype AS key_type, roles, also_builtin, max_locks, comment,
       interlock.may_use_lock_namespace(roles) AS usable
FROM interlock.lock_namespace_registry
WHERE interlock.may_use_lock_namespace(roles) OR interlock.may_change_lock_namespaces();
COMMENT ON VIEW interlock.lock_namespaces IS
'The lock namespaces of this database that the current role may use; for those who may change them, all. id is the class of their locks in pg_locks (objsubid).';
GRANT SELECT ON interlock.lock_namespaces TO PUBLIC;

-- Advisory locks

CREATE FUNCTION interlock.advisory_xact_lock(
    namespace pg_catalog.text, key pg_catalog.anycompatible, shared boolean DEFAULT false, wait pg_catalog.interval DEFAULT NULL) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_advisory_xact_lock';
COMMENT ON FUNCTION interlock.advisory_xact_lock(pg_catalog.text, pg_catalog.anycompatible, boolean, pg_catalog.interval) IS
'Takes the lock of a key in a namespace until the transaction ends, exclusively or shared. wait: NULL without a bound but lock_timeout, zero not at all, else at most so long; 55P03 then, with the sessions that hold it. 42704 for an unknown namespace, 42501 without membership in its roles, 22023 and 22P02 for what is no key of its type, 53400 beyond its max_locks. Takes no lock but this one (and the namespace''s built-in one). Warns of a wait at REPEATABLE READ and above. Call it in a statement of its own: what the same statement reads is from before.';

CREATE FUNCTION interlock.try_advisory_xact_lock(
    namespace pg_catalog.text, key pg_catalog.anycompatible, shared boolean DEFAULT false, wait pg_catalog.interval DEFAULT '0') RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_advisory_xact_lock';
COMMENT ON FUNCTION interlock.try_advisory_xact_lock(pg_catalog.text, pg_catalog.anycompatible, boolean, pg_catalog.interval) IS
'advisory_xact_lock that tells instead of raising 55P03: true where the lock was taken within wait, by default at once.';

CREATE FUNCTION interlock.advisory_xact_lock_many(
    namespace pg_catalog.text, keys pg_catalog.anycompatiblearray, shared boolean DEFAULT false, wait pg_catalog.interval DEFAULT NULL) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_advisory_xact_lock_many';
COMMENT ON FUNCTION interlock.advisory_xact_lock_many(pg_catalog.text, pg_catalog.anycompatiblearray, boolean, pg_catalog.interval) IS
'Takes the locks of many keys, each once and in one order whatever the array''s, so that two such calls never wait for each other. wait is one deadline for all of them. Errors as advisory_xact_lock.';

CREATE FUNCTION interlock.try_advisory_xact_lock_many(
    namespace pg_catalog.text, keys pg_catalog.anycompatiblearray, shared boolean DEFAULT false, wait pg_catalog.interval DEFAULT '0') RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_advisory_xact_lock_many';
COMMENT ON FUNCTION interlock.try_advisory_xact_lock_many(pg_catalog.text, pg_catalog.anycompatiblearray, boolean, pg_catalog.interval) IS
'advisory_xact_lock_many that tells instead of raising 55P03: true where all of the locks were taken, else none is.';

CREATE FUNCTION interlock.advisory_session_lock(
    namespace pg_catalog.text, key pg_catalog.anycompatible, shared boolean DEFAULT false, wait pg_catalog.interval DEFAULT NULL) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_advisory_session_lock';
COMMENT ON FUNCTION interlock.advisory_session_lock(pg_catalog.text, pg_catalog.anycompatible, boolean, pg_catalog.interval) IS
'Takes the lock of a key in a namespace until it is unlocked as often as it was taken, or the session ends; a rollback does not release it. 0A000 where interlock.session_locks is off. Other errors as advisory_xact_lock: after any of them the lock is not held.';

CREATE FUNCTION interlock.try_advisory_session_lock(
    namespace pg_catalog.text, key pg_catalog.anycompatible, shared boolean DEFAULT false, wait pg_catalog.interval DEFAULT '0') RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_advisory_session_lock';
COMMENT ON FUNCTION interlock.try_advisory_session_lock(pg_catalog.text, pg_catalog.anycompatible, boolean, pg_catalog.interval) IS
'advisory_session_lock that tells instead of raising 55P03: true where the lock was taken within wait, by default at once.';

CREATE FUNCTION interlock.advisory_session_unlock(
    namespace pg_catalog.text, key pg_catalog.anycompatible, shared boolean DEFAULT false) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_advisory_session_unlock';
COMMENT ON FUNCTION interlock.advisory_session_unlock(pg_catalog.text, pg_catalog.anycompatible, boolean) IS
'Gives one hold of a session lock back. False, with a warning, where the session does not hold it in that mode. 42704 for an unknown namespace.';

CREATE FUNCTION interlock.advisory_session_unlock_all(namespace pg_catalog.text) RETURNS pg_catalog.int8
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_advisory_session_unlock_all';
COMMENT ON FUNCTION interlock.advisory_session_unlock_all(pg_catalog.text) IS
'Gives back every hold of this session on locks of one namespace, and returns how many there were. 42704 for an unknown namespace.';

CREATE FUNCTION interlock.advisory_xact_slot(
    namespace pg_catalog.text, key pg_catalog.anycompatible, slots pg_catalog.int4, wait pg_catalog.interval DEFAULT NULL) RETURNS pg_catalog.int4
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_advisory_xact_slot';
COMMENT ON FUNCTION interlock.advisory_xact_slot(pg_catalog.text, pg_catalog.anycompatible, pg_catalog.int4, pg_catalog.interval) IS
'A counting semaphore: takes one of so many slots (1 to 1000) of a key until the transaction ends, and returns its number, the lowest that is free. Those who wait are served in order. A transaction that has one gets the same again. Apart from the key''s lock; errors as advisory_xact_lock.';

CREATE FUNCTION interlock.try_advisory_xact_slot(
    namespace pg_catalog.text, key pg_catalog.anycompatible, slots pg_catalog.int4, wait pg_catalog.interval DEFAULT '0') RETURNS pg_catalog.int4
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_advisory_xact_slot';
COMMENT ON FUNCTION interlock.try_advisory_xact_slot(pg_catalog.text, pg_catalog.anycompatible, pg_catalog.int4, pg_catalog.interval) IS
'advisory_xact_slot that tells instead of raising 55P03: NULL where no slot became free within wait, by default at once; nor where others wait for one.';

CREATE FUNCTION interlock.advisory_lock_holders(
    namespace pg_catalog.text, key pg_catalog.anycompatible, slots pg_catalog.int4 DEFAULT NULL,
    OUT kind pg_catalog.text, OUT mode pg_catalog.text, OUT scope pg_catalog.text, OUT holds pg_catalog.int8, OUT pid pg_catalog.int4) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'interlock_advisory_lock_holders';
COMMENT ON FUNCTION interlock.advisory_lock_holders(pg_catalog.text, pg_catalog.anycompatible, pg_catalog.int4) IS
'Who holds the lock of a key in a namespace now, this session included, and the built-in lock that belongs to it; with slots, who has one of the first so many slots of the key. kind: lock, slot or built-in. mode: exclusive or share. scope and holds as in interlock.advisory_locks. pid is NULL for a prepared transaction. Errors as advisory_xact_lock.';

CREATE FUNCTION interlock.describe_advisory_lock(classid pg_catalog.oid, objid pg_catalog.oid, objsubid pg_catalog.int4) RETURNS pg_catalog.text
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'interlock_describe_advisory_lock';
COMMENT ON FUNCTION interlock.describe_advisory_lock(pg_catalog.oid, pg_catalog.oid, pg_catalog.int4) IS
'What an advisory lock is, by its last three numbers in a deadlock report, [database,classid,objid,objsubid], or its columns in pg_locks: the namespace and key of this database, as far as the current role may see them, or the built-in function that takes it.';

CREATE FUNCTION interlock.advisory_lock_status(
    OUT namespace pg_catalog.text, OUT key pg_catalog.int8, OUT key_text pg_catalog.text, OUT kind pg_catalog.text, OUT mode pg_catalog.text,
    OUT granted boolean, OUT scope pg_catalog.text, OUT holds pg_catalog.int8, OUT pid pg_catalog.int4,
    OUT waiting_since pg_catalog.timestamptz, OUT held_since pg_catalog.timestamptz) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'interlock_advisory_lock_status';
COMMENT ON FUNCTION interlock.advisory_lock_status() IS
'The locks under interlock.advisory_locks, which adds who holds them.';

CREATE VIEW interlock.advisory_locks WITH (security_barrier) AS
SELECT l.namespace, l.key, l.key_text, l.kind, l.mode, l.granted, l.scope, l.holds, l.pid,
       a.usename, a.application_name, a.state,
       pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) l.waiting_since AS wait_time,
       CASE WHEN l.granted THEN pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)
           COALESCE(l.held_since, CASE WHEN l.scope OPERATOR(pg_catalog.=) 'session' THEN a.backend_start ELSE a.xact_start END) END AS hold_time
FROM interlock.advisory_lock_status() AS l
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid OPERATOR(pg_catalog.=) l.pid;
COMMENT ON VIEW interlock.advisory_locks IS
'Who holds and awaits locks of the namespaces that the current role may use. key: a bigint key, or the hash of another. key_text: its text, where this session, or with interlock in shared_preload_libraries this server, has seen it lately. scope and holds are known of this session; of another, that a lock outside any transaction is the session''s. hold_time: at most, since the transaction (or the session) began; exact for this session''s own session locks.';
GRANT SELECT ON interlock.advisory_locks TO PUBLIC;

-- Leases

CREATE TABLE interlock.lease_registry (
    namespace pg_catalog.int4 NOT NULL,
    key pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
    token pg_catalog.int8 NOT NULL,
    holder pg_catalog.text,
    acquired_at pg_catalog.timestamptz NOT NULL,
    expires_at pg_catalog.timestamptz NOT NULL,
    payload pg_catalog.jsonb,
    PRIMARY KEY (namespace, key)) WITH (fillfactor = 50);
COMMENT ON TABLE interlock.lease_registry IS
'The leases of this database, also those that are over: their tokens never come again. Only interlock''s functions and the owner of the database write it; everybody reads interlock.leases.';
ALTER TABLE interlock.lease_registry OWNER TO pg_database_owner;

CREATE TYPE interlock.lease AS (
    token pg_catalog.int8, holder pg_catalog.text, acquired_at pg_catalog.timestamptz, expires_at pg_catalog.timestamptz);
COMMENT ON TYPE interlock.lease IS
'A lease that was acquired. token: to be presented with every renewal, check and release; larger than any before it of the same key.';

CREATE TYPE interlock.lease_result AS (
    granted boolean, token pg_catalog.int8, holder pg_catalog.text, acquired_at pg_catalog.timestamptz, expires_at pg_catalog.timestamptz, blocking_pid pg_catalog.int4);
COMMENT ON TYPE interlock.lease_result IS
'Whether a lease was granted, or who has it: another one''s token stays null. blocking_pid: the session whose open transaction keeps it from being taken over.';

CREATE FUNCTION interlock.acquire_lease(
    namespace pg_catalog.text, key pg_catalog.anycompatible, holder pg_catalog.text, ttl pg_catalog.interval, payload pg_catalog.jsonb DEFAULT NULL) RETURNS interlock.lease
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_acquire_lease';
COMMENT ON FUNCTION interlock.acquire_lease(pg_catalog.text, pg_catalog.anycompatible, pg_catalog.text, pg_catalog.interval, pg_catalog.jsonb) IS
'Takes the lease of a key in a lock namespace for ttl (at most 366 days) from now by the server''s clock. IL010 where somebody has it, whoever asks: a lease is not re-entrant. Never waits: a session whose open transaction checked the lease keeps it, and is named. The commit is synchronous. The token counts once it has committed.';

CREATE FUNCTION interlock.try_acquire_lease(
    namespace pg_catalog.text, key pg_catalog.anycompatible, holder pg_catalog.text, ttl pg_catalog.interval, payload pg_catalog.jsonb DEFAULT NULL) RETURNS interlock.lease_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_acquire_lease';
COMMENT ON FUNCTION interlock.try_acquire_lease(pg_catalog.text, pg_catalog.anycompatible, pg_catalog.text, pg_catalog.interval, pg_catalog.jsonb) IS
'acquire_lease that tells instead of raising IL010: granted, or who has the lease and until when. Call it as SELECT r.* FROM interlock.try_acquire_lease(...) AS r.';

CREATE FUNCTION interlock.renew_lease(
    namespace pg_catalog.text, key pg_catalog.anycompatible, token pg_catalog.int8, ttl pg_catalog.interval) RETURNS pg_catalog.timestamptz
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_renew_lease';
COMMENT ON FUNCTION interlock.renew_lease(pg_catalog.text, pg_catalog.anycompatible, pg_catalog.int8, pg_catalog.interval) IS
'Has the lease with that token expire ttl from now, and returns when; also one that has expired, if nobody took it. IL011 where the token is no longer the current one. Waits for a takeover or release that has not committed, never for a transaction that checked the lease. The commit is synchronous.';

CREATE FUNCTION interlock.try_renew_lease(
    namespace pg_catalog.text, key pg_catalog.anycompatible, token pg_catalog.int8, ttl pg_catalog.interval) RETURNS pg_catalog.timestamptz
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_renew_lease';
COMMENT ON FUNCTION interlock.try_renew_lease(pg_catalog.text, pg_catalog.anycompatible, pg_catalog.int8, pg_catalog.interval) IS
'renew_lease that tells instead of raising IL011: NULL where the token is no longer the current one.';

CREATE FUNCTION interlock.release_lease(
    namespace pg_catalog.text, key pg_catalog.anycompatible, token pg_catalog.int8) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_release_lease';
COMMENT ON FUNCTION interlock.release_lease(pg_catalog.text, pg_catalog.anycompatible, pg_catalog.int8) IS
'Gives the lease with that token back, and notifies channel interlock_leases. False where the token is no longer the current one. Waits for transactions that checked it.';

CREATE FUNCTION interlock.check_lease(
    namespace pg_catalog.text, key pg_catalog.anycompatible, token pg_catalog.int8) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_check_lease';
COMMENT ON FUNCTION interlock.check_lease(pg_catalog.text, pg_catalog.anycompatible, pg_catalog.int8) IS
'The fence: the token is the current one, and stays so until this transaction ends, which nobody can take the lease over before. IL011 where it is not; judged by the newest commit at every isolation level. Locks the lease FOR KEY SHARE; waits for a takeover or release that has not committed.';

CREATE FUNCTION interlock.try_check_lease(
    namespace pg_catalog.text, key pg_catalog.anycompatible, token pg_catalog.int8) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_check_lease';
COMMENT ON FUNCTION interlock.try_check_lease(pg_catalog.text, pg_catalog.anycompatible, pg_catalog.int8) IS
'check_lease that tells instead of raising IL011: false where the token is no longer the current one; nothing is locked then.';

CREATE FUNCTION interlock.break_lease(
    namespace pg_catalog.text, key pg_catalog.anycompatible) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_break_lease';
COMMENT ON FUNCTION interlock.break_lease(pg_catalog.text, pg_catalog.anycompatible) IS
'Takes the lease of a key away from whoever has it, and notifies channel interlock_leases; its token fails from then on. False where nobody has it. Waits for transactions that checked it.';

CREATE FUNCTION interlock.prune_leases(older pg_catalog.interval) RETURNS pg_catalog.int8
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_prune_leases';
COMMENT ON FUNCTION interlock.prune_leases(pg_catalog.interval) IS
'Removes what is stored of leases that were released or expired longer ago than that, in the namespaces that the current role may use, and of such checkouts of rows of tables that it owns or that were dropped, and returns how many there were. Tokens do not go back for it: one that is ahead of the clock stays. Passes over those that an open transaction checked or is changing.';

CREATE VIEW interlock.leases WITH (security_barrier) AS
SELECT n.name AS namespace, l.key, l.holder, l.acquired_at, l.expires_at,
       l.expires_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() AS expired, l.payload
FROM interlock.lease_registry AS l
JOIN interlock.lock_namespace_registry AS n ON n.id OPERATOR(pg_catalog.=) l.namespace
WHERE l.holder IS NOT NULL AND interlock.may_use_lock_namespace(n.roles);
COMMENT ON VIEW interlock.leases IS
'The leases that were taken and not given back, of the namespaces that the current role may use; those that have expired can be taken over, or renewed.';
GRANT SELECT ON interlock.leases TO PUBLIC;

-- Checkouts

CREATE TABLE interlock.checkout_registry (
    relation pg_catalog.oid NOT NULL,
    key pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
    token pg_catalog.int8 NOT NULL,
    holder pg_catalog.text,
    acquired_at pg_catalog.timestamptz NOT NULL,
    expires_at pg_catalog.timestamptz NOT NULL,
    note pg_catalog.text,
    PRIMARY KEY (relation, key)) WITH (fillfactor = 50);
COMMENT ON TABLE interlock.checkout_registry IS
'The checkouts of rows in this database, also those that are over: their tokens never come again. The key is a JSON array of its values. Only interlock''s functions and the owner of the database write it; everybody reads interlock.checkouts.';
ALTER TABLE interlock.checkout_registry OWNER TO pg_database_owner;

CREATE FUNCTION interlock.row_checkout() RETURNS pg_catalog.trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_row_checkout';
COMMENT ON FUNCTION interlock.row_checkout() IS
'The BEFORE UPDATE OR DELETE row trigger of a table whose rows can be checked out: IL010 for a row that somebody else has. Made by interlock.enable_checkout.';

CREATE FUNCTION interlock.checkout_except_columns() RETURNS pg_catalog.trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_marker';
COMMENT ON FUNCTION interlock.checkout_except_columns() IS
'The trigger that holds the names of the columns that everybody may change in a row that is checked out; it never fires. Made by interlock.enable_checkout.';

CREATE FUNCTION interlock.enable_checkout(
    rel pg_catalog.regclass, except_columns pg_catalog.name[] DEFAULT '{}', bypass_roles pg_catalog.text[] DEFAULT '{}') RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_enable_checkout';
COMMENT ON FUNCTION interlock.enable_checkout(pg_catalog.regclass, pg_catalog.name[], pg_catalog.text[]) IS
'Sets a table up for checkouts: from then on nobody but who has a row checked out updates or deletes it. except_columns, none of them of the key (22023), can be changed by everybody; members of bypass_roles, by name, pass (a superuser only where it is named). Changes the settings of a table that is set up. Needs ownership (42501) and a primary key (55000); 0A000 with inheritance children. Locks the table ACCESS EXCLUSIVE.';

CREATE FUNCTION interlock.disable_checkout(
    rel pg_catalog.regclass) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_disable_checkout';
COMMENT ON FUNCTION interlock.disable_checkout(pg_catalog.regclass) IS
'Takes the checkouts of a table off again, and forgets those that there are. 55000 where it is not set up, or is through its parent; needs ownership (42501). Locks the table ACCESS EXCLUSIVE.';

CREATE FUNCTION interlock.checkout(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, holder pg_catalog.text, ttl pg_catalog.interval, note pg_catalog.text DEFAULT NULL) RETURNS interlock.lease
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_checkout';
COMMENT ON FUNCTION interlock.checkout(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.text, pg_catalog.interval, pg_catalog.text) IS
'Checks a row out for ttl (at most 366 days) from now by the server''s clock. IL010 where somebody else has it; the same holder has it renewed, with the same token. Waits for transactions that are writing the row: it is locked FOR NO KEY UPDATE until this transaction ends. IL002 where there is no such row, 55000 where the table is not set up, 0A000 where it has got inheritance children, 40001 at REPEATABLE READ where the row was changed since. Takes the rights to SELECT the key and UPDATE a column. The commit is synchronous. The token counts once it has committed.';

CREATE FUNCTION interlock.try_checkout(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, holder pg_catalog.text, ttl pg_catalog.interval, note pg_catalog.text DEFAULT NULL) RETURNS interlock.lease_result
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_checkout';
COMMENT ON FUNCTION interlock.try_checkout(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.text, pg_catalog.interval, pg_catalog.text) IS
'checkout that tells instead of raising IL010: granted, or who has the row and until when. Call it as SELECT r.* FROM interlock.try_checkout(...) AS r.';

CREATE FUNCTION interlock.renew_checkout(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, token pg_catalog.int8, ttl pg_catalog.interval) RETURNS pg_catalog.timestamptz
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_renew_checkout';
COMMENT ON FUNCTION interlock.renew_checkout(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8, pg_catalog.interval) IS
'Has the checkout with that token expire ttl from now, and returns when; also one that has expired, if nobody took or wrote the row since. IL011 where the token is no longer the current one. The commit is synchronous.';

CREATE FUNCTION interlock.try_renew_checkout(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, token pg_catalog.int8, ttl pg_catalog.interval) RETURNS pg_catalog.timestamptz
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_renew_checkout';
COMMENT ON FUNCTION interlock.try_renew_checkout(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8, pg_catalog.interval) IS
'renew_checkout that tells instead of raising IL011: NULL where the token is no longer the current one.';

CREATE FUNCTION interlock.use_checkout(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, token pg_catalog.int8) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_use_checkout';
COMMENT ON FUNCTION interlock.use_checkout(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8) IS
'This transaction writes the row as who has it checked out; nobody takes it over before the transaction ends. A rollback to a savepoint from before takes it back. IL011 where the token is no longer the current one, judged by the newest commit at every isolation level. Locks the checkout FOR KEY SHARE.';

CREATE FUNCTION interlock.try_use_checkout(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, token pg_catalog.int8) RETURNS pg_catalog.bool
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_use_checkout';
COMMENT ON FUNCTION interlock.try_use_checkout(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8) IS
'use_checkout that tells instead of raising IL011: false where the token is no longer the current one; nothing is locked then.';

CREATE FUNCTION interlock.checkin(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, token pg_catalog.int8) RETURNS pg_catalog.bool
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_checkin';
COMMENT ON FUNCTION interlock.checkin(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8) IS
'Gives a row that is checked out with that token back. False where the token is no longer the current one. Waits for transactions that use the checkout.';

CREATE FUNCTION interlock.break_checkout(
    rel pg_catalog.regclass, key pg_catalog.anycompatible) RETURNS pg_catalog.bool
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_break_checkout';
COMMENT ON FUNCTION interlock.break_checkout(pg_catalog.regclass, pg_catalog.anycompatible) IS
'Takes a row away from whoever has it checked out; the token fails from then on. False where nobody has. For the table''s owner and members of its bypass roles (42501). Waits for transactions that use the checkout.';

CREATE VIEW interlock.checkouts WITH (security_barrier) AS
SELECT c.relation::pg_catalog.regclass AS relation,
       (SELECT pg_catalog.jsonb_object_agg(a.attname, v.value)
        FROM pg_catalog.pg_index AS i,
             pg_catalog.jsonb_array_elements(c.key::pg_catalog.jsonb) WITH ORDINALITY AS v(value, place)
        JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k(attnum, place)
            ON k.place OPERATOR(pg_catalog.=) v.place
        JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid OPERATOR(pg_catalog.=) c.relation AND a.attnum OPERATOR(pg_catalog.=) k.attnum
        WHERE i.indrelid OPERATOR(pg_catalog.=) c.relation AND i.indisprimary) AS key,
       c.holder, c.acquired_at, c.expires_at,
       c.expires_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp() AS expired, c.note
FROM interlock.checkout_registry AS c
JOIN pg_catalog.pg_class AS r ON r.oid OPERATOR(pg_catalog.=) c.relation
WHERE c.holder IS NOT NULL
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_index AS i,
                       pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k(attnum, place)
                  WHERE i.indrelid OPERATOR(pg_catalog.=) c.relation AND i.indisprimary
                    AND k.place OPERATOR(pg_catalog.<=) i.indnkeyatts
                    AND NOT pg_catalog.has_column_privilege(c.relation, k.attnum, 'SELECT'))
  AND NOT pg_catalog.row_security_active(c.relation);
COMMENT ON VIEW interlock.checkouts IS
'The rows that were checked out and not checked in, of tables whose keys the current role may SELECT, of all rows; those that have expired can be checked out by others, and written by everybody.';
GRANT SELECT ON interlock.checkouts TO PUBLIC;

-- Claims

CREATE FUNCTION interlock.claim_columns() RETURNS pg_catalog.trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_marker';
COMMENT ON FUNCTION interlock.claim_columns() IS
'Marks a work table, its columns and its settings for claims: a trigger BEFORE UPDATE OF those columns that never fires; enable_claims creates it.';

CREATE FUNCTION interlock.claim_notify() RETURNS pg_catalog.trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_claim_notify';
COMMENT ON FUNCTION interlock.claim_notify() IS
'The statement trigger of a work table whose workers are told of new rows: notifies channel interlock_claims with {"schema", "table"}; enable_claims creates it.';

CREATE FUNCTION interlock.enable_claims(
    rel pg_catalog.regclass,
    on_finish pg_catalog.text,
    order_by pg_catalog.name DEFAULT NULL,
    queue_column pg_catalog.name DEFAULT NULL,
    group_by pg_catalog.name DEFAULT NULL,
    max_attempts pg_catalog.int4 DEFAULT 25,
    backoff pg_catalog.interval DEFAULT '1 s',
    notify boolean DEFAULT false,
    max_backoff pg_catalog.interval DEFAULT '1 h',
    unique_by pg_catalog.name[] DEFAULT '{}',
    columns pg_catalog.jsonb DEFAULT '{}') RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_enable_claims';
COMMENT ON FUNCTION interlock.enable_claims(pg_catalog.regclass, pg_catalog.text, pg_catalog.name, pg_catalog.name, pg_catalog.name, pg_catalog.int4, pg_catalog.interval, boolean, pg_catalog.interval, pg_catalog.name[], pg_catalog.jsonb) IS
'Makes a table a work table, or changes its settings. on_finish: delete or keep what is finished. order_by: the smaller first. group_by: rows of one group one at a time, in order. unique_by: one unfinished row for each. columns: which column has the role of one that would be added, {"run_at": "scheduled_for"}. Adds what is missing of run_at, attempts, claimed_by, claim_token, claimed_until, last_error, finished_at, dead_at; builds the claim index; sets fillfactor 70 where none is set. Needs a primary key (55000) and ownership (42501). Takes ACCESS EXCLUSIVE. 0A000 for tables with partitions or children, 42809 for what is no table, 42804, 42703, 55000, 22023 for unfit columns and settings.';

CREATE FUNCTION interlock.disable_claims(rel pg_catalog.regclass, drop_columns boolean DEFAULT false) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_disable_claims';
COMMENT ON FUNCTION interlock.disable_claims(pg_catalog.regclass, boolean) IS
'Takes the triggers and indexes of claims off a table; drop_columns: and those of the columns that are called as enable_claims calls them. Needs ownership (42501); 55000 where claims are not enabled. Takes ACCESS EXCLUSIVE.';

CREATE TYPE interlock.claim_result AS ENUM ('done', 'lost', 'missing', 'busy');
COMMENT ON TYPE interlock.claim_result IS
'What became of the end or renewal of a claim. lost: the token is no longer the current one. missing: there is no such row. busy: the row is locked, which renewals do not wait for; its claim goes on.';

CREATE FUNCTION interlock.finish_claim(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, token pg_catalog.int8) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_finish_claim';
COMMENT ON FUNCTION interlock.finish_claim(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8) IS
'The work on a row is done: deletes the row, or sets finished_at where the table keeps what is finished. IL020 where the token is not that of the present claim, or the row is gone; a claim that has expired is finished all the same while nobody took the row. Waits for who has locked the row. IL004 where a trigger or policy keeps it from being written, 55000 without enable_claims. Needs the privileges of the DELETE or UPDATE, and SELECT on key and claim columns.';

CREATE FUNCTION interlock.try_finish_claim(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, token pg_catalog.int8) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_finish_claim';
COMMENT ON FUNCTION interlock.try_finish_claim(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8) IS
'finish_claim that tells instead of raising IL020: false where the claim is lost.';

CREATE FUNCTION interlock.finish_claims(
    rel pg_catalog.regclass, keys pg_catalog.anycompatiblearray, tokens pg_catalog.int8[], OUT key pg_catalog.jsonb, OUT status interlock.claim_result) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_finish_claims';
COMMENT ON FUNCTION interlock.finish_claims(pg_catalog.regclass, pg_catalog.anycompatiblearray, pg_catalog.int8[]) IS
'finish_claim for many rows in one statement, each with the token of the same place in tokens: done, lost or missing for each, in the order of the arguments. The rows are taken in the order of their keys, so that two such calls never wait for each other. 22023 for arrays of different lengths. Other errors as finish_claim. Call it as SELECT r.* FROM interlock.finish_claims(...) AS r.';

CREATE FUNCTION interlock.renew_claim(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, token pg_catalog.int8, ttl pg_catalog.interval DEFAULT '30 s') RETURNS pg_catalog.timestamptz
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_renew_claim';
COMMENT ON FUNCTION interlock.renew_claim(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8, pg_catalog.interval) IS
'Has the claim last for ttl (at most 366 days) from now by the server''s clock, and returns until when; also one that has expired, if nobody took the row. Never waits: where the row is locked, as by the transaction that works on it, the claim stays as it is and its present end is returned. IL020 where the token is no longer that of the present claim, or the row is gone.';

CREATE FUNCTION interlock.try_renew_claim(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, token pg_catalog.int8, ttl pg_catalog.interval DEFAULT '30 s') RETURNS pg_catalog.timestamptz
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_renew_claim';
COMMENT ON FUNCTION interlock.try_renew_claim(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8, pg_catalog.interval) IS
'renew_claim that tells instead of raising IL020: NULL where the claim is lost.';

CREATE FUNCTION interlock.renew_claims(
    rel pg_catalog.regclass, keys pg_catalog.anycompatiblearray, tokens pg_catalog.int8[], ttl pg_catalog.interval DEFAULT '30 s', OUT key pg_catalog.jsonb, OUT status interlock.claim_result) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_renew_claims';
COMMENT ON FUNCTION interlock.renew_claims(pg_catalog.regclass, pg_catalog.anycompatiblearray, pg_catalog.int8[], pg_catalog.interval) IS
'renew_claim for many rows in one statement: done, lost, missing, or busy where the row is locked and its claim goes on as it is, in the order of the arguments. Errors as finish_claims.';

CREATE FUNCTION interlock.release_claim(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, token pg_catalog.int8, error pg_catalog.text DEFAULT NULL, retry_in pg_catalog.interval DEFAULT NULL) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_release_claim';
COMMENT ON FUNCTION interlock.release_claim(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8, pg_catalog.text, pg_catalog.interval) IS
'Gives a row back. Without error: at once, or in retry_in, and the attempt does not count. With error, of which 10,000 bytes are kept in last_error: after retry_in, or a backoff that doubles with every attempt, with jitter; the row is dead after max_attempts. A row of a group keeps its place, and the group waits. Errors as finish_claim; needs UPDATE on the columns it sets.';

CREATE FUNCTION interlock.try_release_claim(
    rel pg_catalog.regclass, key pg_catalog.anycompatible, token pg_catalog.int8, error pg_catalog.text DEFAULT NULL, retry_in pg_catalog.interval DEFAULT NULL) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_release_claim';
COMMENT ON FUNCTION interlock.try_release_claim(pg_catalog.regclass, pg_catalog.anycompatible, pg_catalog.int8, pg_catalog.text, pg_catalog.interval) IS
'release_claim that tells instead of raising IL020: false where the claim is lost.';

CREATE FUNCTION interlock.release_claims(
    rel pg_catalog.regclass, keys pg_catalog.anycompatiblearray, tokens pg_catalog.int8[], error pg_catalog.text DEFAULT NULL, retry_in pg_catalog.interval DEFAULT NULL, OUT key pg_catalog.jsonb, OUT status interlock.claim_result) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_release_claims';
COMMENT ON FUNCTION interlock.release_claims(pg_catalog.regclass, pg_catalog.anycompatiblearray, pg_catalog.int8[], pg_catalog.text, pg_catalog.interval) IS
'release_claim for many rows in one statement, with one error and retry_in for all: done, lost or missing for each, in the order of the arguments. Each row has a backoff with jitter of its own, so that what failed together does not come back together. The rows are taken in the order of their keys; waits for who has one locked. Errors as finish_claims.';

CREATE FUNCTION interlock.revive_claim(
    rel pg_catalog.regclass, key pg_catalog.anycompatible) RETURNS pg_catalog.void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_revive_claim';
COMMENT ON FUNCTION interlock.revive_claim(pg_catalog.regclass, pg_catalog.anycompatible) IS
'Has a dead row begin anew, ready now and with no attempts; last_error stays. IL002 where there is no such row, 55000 where it is not dead.';

CREATE FUNCTION interlock.try_revive_claim(
    rel pg_catalog.regclass, key pg_catalog.anycompatible) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_try_revive_claim';
COMMENT ON FUNCTION interlock.try_revive_claim(pg_catalog.regclass, pg_catalog.anycompatible) IS
'revive_claim that tells instead of raising IL002 and 55000: false where there is no dead row.';

CREATE FUNCTION interlock.release_worker(
    rel pg_catalog.regclass, worker pg_catalog.text) RETURNS pg_catalog.int8
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_release_worker';
COMMENT ON FUNCTION interlock.release_worker(pg_catalog.regclass, pg_catalog.text) IS
'Gives back every claim of a worker that is known to be dead, and returns how many there were; their attempts stay counted, and a row that was at its last is dead. Rows that somebody has locked are left alone. Reads the whole table. Needs UPDATE on claimed_by, claimed_until, dead_at and last_error.';

CREATE FUNCTION interlock.claim_counts(
    rel pg_catalog.regclass,
    OUT ready pg_catalog.int8, OUT delayed pg_catalog.int8, OUT running pg_catalog.int8,
    OUT expired pg_catalog.int8, OUT dead pg_catalog.int8, OUT finished pg_catalog.int8) RETURNS record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'interlock_claim_counts';
COMMENT ON FUNCTION interlock.claim_counts(pg_catalog.regclass) IS
'How many rows of a work table are in which state, counted exactly: reads the whole table. Needs SELECT on the claim columns (42501); 55000 without enable_claims.';

CREATE FUNCTION interlock.claim_table_status(
    rel pg_catalog.regclass,
    OUT queue pg_catalog.text, OUT ready pg_catalog.int8, OUT delayed pg_catalog.int8, OUT running pg_catalog.int8,
    OUT expired pg_catalog.int8, OUT oldest_ready_age pg_catalog.interval, OUT exact boolean, OUT dead pg_catalog.int8,
    OUT on_finish pg_catalog.text, OUT max_attempts pg_catalog.int4, OUT notify boolean, OUT problem pg_catalog.text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'interlock_claim_table_status';
COMMENT ON FUNCTION interlock.claim_table_status(pg_catalog.regclass) IS
'The rows of interlock.claim_status for one table; none without enable_claims. Waits for who alters the table.';

CREATE VIEW interlock.claim_status AS
SELECT t.tgrelid::pg_catalog.regclass AS relation, s.queue, s.ready, s.delayed, s.running, s.expired, s.dead, s.exact,
       s.oldest_ready_age, s.on_finish, s.max_attempts, s.notify,
       NULLIF(pg_catalog.concat_ws('; ', s.problem, pinned.alarm), '') AS alarm
FROM (SELECT DISTINCT m.tgrelid FROM pg_catalog.pg_trigger AS m
      WHERE m.tgfoid OPERATOR(pg_catalog.=) 'interlock.claim_columns()'::pg_catalog.regprocedure::pg_catalog.oid) AS t
CROSS JOIN LATERAL interlock.claim_table_status(t.tgrelid::pg_catalog.regclass) AS s
CROSS JOIN (
    SELECT pg_catalog.string_agg(pin, '; ' ORDER BY pin COLLATE pg_catalog."C") AS alarm
    FROM (
        SELECT pg_catalog.format('session %s (%s) has held a snapshot or transaction for %s', a.pid, a.state,
                                 pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.xact_start)) AS pin
        FROM pg_catalog.pg_stat_activity AS a
        WHERE COALESCE(a.backend_xmin, a.backend_xid) IS NOT NULL
          AND a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
          AND a.backend_type OPERATOR(pg_catalog.=) 'client backend'
          AND a.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
          AND a.xact_start OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) '60 s'::pg_catalog.interval)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum AS v WHERE v.pid OPERATOR(pg_catalog.=) a.pid)
        UNION ALL
        SELECT pg_catalog.format('prepared transaction %L has been open for %s', p.gid,
                                 pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) p.prepared))
        FROM pg_catalog.pg_prepared_xacts AS p
        WHERE p.database OPERATOR(pg_catalog.=) pg_catalog.current_database()
          AND p.prepared OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) '60 s'::pg_catalog.interval)
        UNION ALL
        SELECT pg_catalog.format('replication slot %I holds back cleanup by %s transactions', r.slot_name, pg_catalog.age(r.xmin))
        FROM pg_catalog.pg_replication_slots AS r
        WHERE r.xmin IS NOT NULL AND (NOT r.active OR pg_catalog.age(r.xmin) OPERATOR(pg_catalog.>) 100000)) AS pins) AS pinned;
COMMENT ON VIEW interlock.claim_status IS
'The work tables of this database, a row for each, or for each of up to 20 queues with unfinished rows, in time that does not grow with the table. ready, delayed, running and expired are counted up to 10,000 unfinished rows; beyond, exact is false, they are of the first 10,000, and the ready rows of a whole table are told from its statistics. dead is counted in tables of up to 1,000 pages, else told from the statistics, not by queue. NULL where the role may not read the table. alarm: what has held back cleanup for more than 60 s, in the whole database, as far as the role may see it, and what keeps the table from being claimed from at all; finished work stays in the way of claims meanwhile.';
GRANT SELECT ON interlock.claim_status TO PUBLIC;

CREATE FUNCTION interlock.claim_rows(
    row_type anyelement, worker pg_catalog.text, n pg_catalog.int4 DEFAULT 1, ttl pg_catalog.interval DEFAULT '30 s', queue pg_catalog.text DEFAULT NULL) RETURNS SETOF anyelement
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'interlock_claim_rows';
COMMENT ON FUNCTION interlock.claim_rows(anyelement, pg_catalog.text, pg_catalog.int4, pg_catalog.interval, pg_catalog.text) IS
'Claims up to n (1 to 10000) rows of a work table that are ready, for a worker (1 to 200 characters) and for ttl (at most 366 days), and returns them as they are then, in the order of their claims: by order_by, run_at and key; of a group at most one. row_type: NULL::table. queue: required where the table has queues (22004), else refused (22023). Never waits: rows that others have locked or are changing are passed over; at REPEATABLE READ and above so are those that changed since the snapshot. A row whose last attempt expired is made dead instead. A row that became ready behind others, committed late or given back, can be up to a second late. Needs SELECT on all columns, UPDATE on those that it sets (42501); 55000 without enable_claims.';
