SELECT pgmq.send('jobs', '{"payload": "work"}');
SELECT msg_id AS id, message FROM pgmq.read('jobs', 30, 1) \gset
SELECT pgmq.delete('jobs', :id::bigint);
