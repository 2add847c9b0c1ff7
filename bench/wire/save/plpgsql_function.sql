-- A client reads one of its own rows, and saves it with the version that it read.
\set aid :client_id * :span + random(1, :span)
SELECT abalance, filler, version FROM plpgsql_function WHERE aid = :aid \gset
\set odd :version % 2
\if :odd
SELECT cas_update('plpgsql_function', :aid, :version, :odd_changes);
\else
SELECT cas_update('plpgsql_function', :aid, :version, :even_changes);
\endif
