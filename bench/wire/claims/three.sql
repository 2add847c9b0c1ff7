-- A job: inserted, claimed and finished, each in a transaction of its own. Who is not let run for as long as all that
-- it could see takes the others finds nothing, whichever way it looks: then there is one more for the next.
\set id 0
INSERT INTO jobs (payload) VALUES ('work');
SELECT id, payload, claim_token AS token FROM interlock.claim_rows(NULL::jobs, 'worker') \aset
\if :id
SELECT interlock.finish_claim('jobs', :id, :token);
\endif
