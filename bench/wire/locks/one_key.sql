-- All clients want the key at once, again and again; each works for a millisecond with it.
SELECT wait_for_tick();
BEGIN;
SELECT interlock.advisory_xact_lock($$bench$$, 7);
SELECT note_holder('one_key');
SELECT pg_sleep(0.001);
COMMIT;
