-- Each client goes round its own rows: it knows the version of each without asking.
\set i :i + 1
\set aid :client_id * :span + :i % :span + 1
\set version 1 + :i / :span
\set odd :version % 2
\if :odd
SELECT cas_update('plpgsql_function', :aid, :version, :odd_changes);
\else
SELECT cas_update('plpgsql_function', :aid, :version, :even_changes);
\endif
