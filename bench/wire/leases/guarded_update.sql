-- An UPDATE of a row that nobody has checked out, of a table whose rows can be.
\set key :client_id + 1 + random(0, :keys - 1) * :clients
UPDATE guarded SET body = 'text of ' || :key WHERE id = :key;
