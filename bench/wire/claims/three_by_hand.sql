\set id 0
INSERT INTO jobs_by_hand (payload) VALUES ('work');
WITH next AS MATERIALIZED (
    SELECT id FROM jobs_by_hand WHERE run_at <= clock_timestamp() AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())
    ORDER BY run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE jobs_by_hand AS j SET claimed_by = 'worker', claim_token = nextval('tokens'), claimed_until = clock_timestamp() + interval '30 s', attempts = attempts + 1
FROM next WHERE j.id = next.id RETURNING j.id, j.payload, j.claim_token AS token \aset
\if :id
DELETE FROM jobs_by_hand WHERE id = :id AND claim_token = :token;
\endif
