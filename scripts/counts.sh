# shellcheck shell=bash
# How many tests passed, failed and were skipped, read from what each runner prints.
# count_SUITE LOG STATUS prints the three numbers.

# pg_regress prints "test name ... ok" up to PostgreSQL 15, "ok 1 - name" from 16 on.
count_regress() {
    awk '/^(test|    ) .* \.\.\. ok|^ok [0-9]+ / { passed++ }
         /^(test|    ) .* \.\.\. FAILED|^not ok [0-9]+ / { failed++ }
         END { print passed + 0, failed + 0, 0 }' "$1"
}

count_isolation() { count_regress "$@"; }
count_planner() { count_regress "$@"; }

# prove totals its assertions, and lists those that failed; a file that died without
# a failed assertion counts as one.
count_tap() {
    awk '/^Files=[0-9]+, Tests=[0-9]+/ { split($2, total, /[=,]/) }
         /\(Wstat: .* Failed: [0-9]+\)/ {
             count = $0; sub(/.*Failed: /, "", count); sub(/\).*/, "", count)
             failed += count; dead += count == 0
         }
         END { print total[2] - failed, failed + dead, 0 }' "$1"
}

count_client() {
    awk '/tests passed, [0-9]+ tests? failed out of [0-9]+/ {
             total = $NF
             failed = $0; sub(/.*passed, /, "", failed); sub(/ .*/, "", failed)
         }
         /\*\*\*Skipped/ { skipped++ }
         END { print total - failed - skipped, failed + 0, skipped + 0 }' "$1"
}

# A smoke run is one test, unless it closes with a count of its own.
count_contend() {
    sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2 0/p' "$1" | tail -n 1 | grep . ||
        if (($2)); then echo 0 1 0; else echo 1 0 0; fi
}

# Each program closes with a count of its own.
count_bench() {
    sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$1" |
        awk '{ passed += $1; failed += $2 } END { print passed + 0, failed + 0, 0 }'
}
