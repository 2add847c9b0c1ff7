-- A job: inserted, claimed and finished, each in a transaction of its own.
INSERT INTO jobs (payload) VALUES ('work');
SELECT id, payload, claim_token AS token FROM interlock.claim_rows(NULL::jobs, 'worker') \gset
SELECT interlock.finish_claim('jobs', :id, :token);
