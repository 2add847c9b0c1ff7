-- Proves that the extension's objects are what they say they are: one version, the agreed names, true markings, comments, no loose privileges, no search_path.

SET client_min_messages = warning;
DROP EXTENSION IF EXISTS interlock;
DROP SCHEMA IF EXISTS interlock;
DROP SCHEMA IF EXISTS hostile CASCADE;
DROP ROLE IF EXISTS regress_nobody;
RESET client_min_messages;

-- created under a search_path that shadows what the script uses, it takes PostgreSQL's own

CREATE SCHEMA hostile;
CREATE DOMAIN hostile.text AS pg_catalog.int4;
CREATE DOMAIN hostile.name AS pg_catalog.int4;
CREATE DOMAIN hostile.bool AS pg_catalog.int4;
CREATE DOMAIN hostile.int8 AS pg_catalog.int4;
CREATE DOMAIN hostile.jsonb AS pg_catalog.int4;
CREATE DOMAIN hostile.regclass AS pg_catalog.int4;
CREATE TABLE hostile.pg_trigger ();
CREATE TABLE hostile.pg_class ();
CREATE TABLE hostile.versioned_tables ();
CREATE FUNCTION hostile.quote_ident(pg_catalog.name) RETURNS pg_catalog.text LANGUAGE sql AS $$ SELECT 1 / 0 $$;
CREATE FUNCTION hostile.unnest(pg_catalog.int2[]) RETURNS SETOF pg_catalog.int2 LANGUAGE sql AS $$ SELECT 1 / 0 $$;
CREATE FUNCTION hostile.always(pg_catalog.oid, pg_catalog.oid) RETURNS pg_catalog.bool LANGUAGE sql AS $$ SELECT true $$;
CREATE FUNCTION hostile.join(pg_catalog.text, pg_catalog.regclass) RETURNS pg_catalog.text LANGUAGE sql AS $$ SELECT 'captured' $$;
CREATE OPERATOR hostile.= (FUNCTION = hostile.always, LEFTARG = pg_catalog.oid, RIGHTARG = pg_catalog.oid);
CREATE OPERATOR hostile.|| (FUNCTION = hostile.join, LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.regclass);

SET search_path = hostile, pg_catalog;
CREATE EXTENSION interlock;
DROP EXTENSION interlock;
RESET search_path;

-- it takes no schema that somebody else prepared, whose operators would fit better

CREATE SCHEMA interlock;
\set VERBOSITY sqlstate
CREATE EXTENSION interlock;
\set VERBOSITY default
DROP SCHEMA interlock;

-- and leaves none behind
CREATE EXTENSION interlock;
DROP EXTENSION interlock;
SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'interlock';
CREATE EXTENSION interlock;

-- a session that used one finds the tables of the next
SELECT interlock.create_lock_namespace('first');
DROP EXTENSION interlock;
CREATE EXTENSION interlock;
SELECT interlock.create_lock_namespace('second');
SELECT interlock.drop_lock_namespace('second');
RESET client_min_messages;

-- and is used under such a search_path

CREATE TABLE public.parent (id integer PRIMARY KEY, name pg_catalog.text);
CREATE TABLE public.child () INHERITS (public.parent);
SET search_path = hostile, pg_catalog;
SELECT interlock.enable_versioning('public.parent', 'version', '{name}');
INSERT INTO public.parent VALUES (1, 'a');
UPDATE public.parent SET id = 2;
SELECT interlock.assert_versioned('{public.parent, public.child}');
SELECT * FROM interlock.versioned_tables ORDER BY relation::pg_catalog.text COLLATE "C";
SELECT interlock.disable_all();
RESET search_path;
DROP TABLE public.child, public.parent;
SET client_min_messages = warning;
DROP SCHEMA hostile CASCADE;
RESET client_min_messages;

-- one version: the library's, the objects', the control file's (where the server lists it)

SELECT interlock.library_version() = e.extversion AS library, coalesce(a.default_version, e.extversion) = e.extversion AS control_file
FROM pg_extension AS e LEFT JOIN pg_available_extensions AS a ON a.name = e.extname
WHERE e.extname = 'interlock';

-- every object is in schema interlock and belongs to the extension, and no other is there

CREATE TEMP VIEW members AS
SELECT d.classid, d.objid, i.type, i.schema, i.identity
FROM pg_depend AS d CROSS JOIN pg_identify_object(d.classid, d.objid, d.objsubid) AS i
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'interlock');

SELECT type, count(*) > 0 AS some FROM members GROUP BY type ORDER BY type COLLATE "C";
SELECT type, identity FROM members WHERE schema <> 'interlock';
SELECT oid::regprocedure FROM pg_proc
WHERE pronamespace = 'interlock'::regnamespace AND oid NOT IN (SELECT objid FROM members);
SELECT oid::regclass FROM pg_class
WHERE relnamespace = 'interlock'::regnamespace AND relkind NOT IN ('c', 'i') AND oid NOT IN (SELECT objid FROM members);

-- every one has a comment, a sentence of its own

SELECT type, identity FROM members
WHERE type IN ('function', 'type', 'view', 'table') AND coalesce(obj_description(objid, classid::regclass::name), '') = ''
    AND NOT (type = 'type' AND EXISTS (SELECT FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid WHERE t.oid = objid AND c.relkind <> 'c'))
    AND NOT (type = 'type' AND EXISTS (SELECT FROM pg_type AS t WHERE t.typelem <> 0 AND t.typarray = 0 AND t.oid = objid));
SELECT obj_description(objid, classid::regclass::name) AS comment FROM members GROUP BY 1 HAVING count(*) > 1 AND obj_description(min(objid), min(classid::oid)::regclass::name) IS NOT NULL;

-- signatures: argument names, types and defaults are the contract

SELECT p.proname AS function, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result
FROM pg_proc AS p WHERE p.pronamespace = 'interlock'::regnamespace
ORDER BY p.proname COLLATE "C", 2 \gx

SELECT t.typname AS type, string_agg(coalesce(e.enumlabel, a.attname || ' ' || format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY e.enumsortorder, a.attnum) AS members
FROM pg_type AS t
LEFT JOIN pg_enum AS e ON e.enumtypid = t.oid
LEFT JOIN pg_attribute AS a ON a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0
WHERE t.typnamespace = 'interlock'::regnamespace AND t.typcategory <> 'A'
GROUP BY t.typname ORDER BY t.typname COLLATE "C" \gx

-- markings: what writes, locks or waits is volatile and parallel unsafe; nothing runs as its owner

SELECT p.proname AS function, l.lanname AS language,
    CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
    CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END AS parallel,
    p.proisstrict AS strict, p.prosecdef AS as_owner
FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.pronamespace = 'interlock'::regnamespace
ORDER BY p.proname COLLATE "C";

-- no PL/pgSQL; an SQL function brings its own search_path

SELECT p.oid::regprocedure FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.pronamespace = 'interlock'::regnamespace
    AND (l.lanname NOT IN ('c', 'sql')
         OR l.lanname = 'sql' AND NOT coalesce(p.proconfig::text LIKE '%search_path=%', false) AND p.prosqlbody IS NULL);

-- PUBLIC: use the schema and call everything in it (each call checks its caller), read the views, create nothing, touch no table

CREATE ROLE regress_nobody;
SELECT has_schema_privilege('regress_nobody', 'interlock', 'USAGE') AS usage, has_schema_privilege('regress_nobody', 'interlock', 'CREATE') AS "create";
SELECT oid::regprocedure AS not_callable FROM pg_proc
WHERE pronamespace = 'interlock'::regnamespace AND NOT has_function_privilege('regress_nobody', oid, 'EXECUTE');
SELECT c.relname AS relation, p.privilege FROM pg_class AS c
CROSS JOIN unnest('{SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER}'::text[]) AS p (privilege)
WHERE c.relnamespace = 'interlock'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p', 'S') AND has_table_privilege('regress_nobody', c.oid, p.privilege)
ORDER BY c.relname COLLATE "C", p.privilege COLLATE "C";
DROP ROLE regress_nobody;

-- a setting of ours that does not exist is refused, and a helper outside of its statements

\set VERBOSITY sqlstate
SET interlock.no_such_setting = 1;
SELECT interlock.write_probe(1, NULL);
SELECT interlock.write_probe(1, ROW(1));

-- one extension in a database, in its schema, at a version that there is

CREATE EXTENSION interlock;
ALTER EXTENSION interlock SET SCHEMA public;
ALTER EXTENSION interlock UPDATE TO '99.0';
\set VERBOSITY default
