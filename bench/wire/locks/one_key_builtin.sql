-- All clients want the key at once, again and again; each works for a millisecond with it.
SELECT wait_for_tick();
BEGIN;
SELECT pg_advisory_xact_lock(7);
SELECT note_holder('one_key_builtin');
SELECT pg_sleep(0.001);
COMMIT;
