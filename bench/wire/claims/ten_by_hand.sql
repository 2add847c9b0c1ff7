WITH next AS MATERIALIZED (
    SELECT id FROM jobs_by_hand WHERE run_at <= clock_timestamp() AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())
    ORDER BY run_at, id LIMIT 10 FOR UPDATE SKIP LOCKED),
claimed AS (
    UPDATE jobs_by_hand AS j SET claimed_by = 'worker', claim_token = nextval('tokens'), claimed_until = clock_timestamp() + interval '30 s', attempts = attempts + 1
    FROM next WHERE j.id = next.id RETURNING j.id, j.payload, j.claim_token)
SELECT array_agg(id) AS ids, array_agg(claim_token) AS tokens, max(payload) AS payload FROM claimed \gset
DELETE FROM jobs_by_hand AS j USING unnest(:ids::bigint[], :tokens::bigint[]) AS f (id, token) WHERE j.id = f.id AND j.claim_token = f.token;
