\set key random(1, 1000000)
SELECT pg_advisory_xact_lock(hashtextextended($$bench_text$$ || :key, 0));
