SELECT array_agg(msg_id) AS ids, max(message ->> 'payload') AS payload FROM pgmq.read(:queue, 30, 10) \gset
SELECT count(*) FROM pgmq.delete(:queue, :ids::bigint[]);
