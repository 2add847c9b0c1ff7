\set id 0
SELECT pgmq.send(:queue, '{"payload": "work"}');
SELECT msg_id AS id, message FROM pgmq.read(:queue, 30, 1) \aset
\if :id
SELECT pgmq.delete(:queue, :id::bigint);
\endif
