-- A row checked out and in; a key of its own for each client.
\set key :client_id + 1 + random(0, :keys - 1) * :clients
SELECT token FROM interlock.checkout('guarded', :key, 'ann', '1 minute') \gset
SELECT interlock.checkin('guarded', :key, :token);
