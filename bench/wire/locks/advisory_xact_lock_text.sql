\set key random(1, 1000000)
SELECT interlock.advisory_xact_lock($$bench_text$$, :key);
