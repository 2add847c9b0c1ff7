SELECT interlock.advisory_xact_lock($$bench$$, 7);
