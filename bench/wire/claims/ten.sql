-- Ten jobs of many claimed, and finished.
SELECT array_agg(id) AS ids, array_agg(claim_token) AS tokens, max(payload) AS payload FROM interlock.claim_rows(NULL::jobs, 'worker', 10) \gset
SELECT count(*) FROM interlock.finish_claims('jobs', :ids::bigint[], :tokens::bigint[]);
