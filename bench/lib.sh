# shellcheck shell=bash
# Shared by the benchmarks: what is measured, and how a server is asked for it.

# A failure inside $(...) ends the script, too.
shopt -s inherit_errexit

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
bin=$("${PG_CONFIG:-pg_config}" --bindir)
export LC_ALL=C.UTF-8
# Commits do not wait for the disk: what is compared is the server's work.
export PGOPTIONS='-c search_path=interlock_bench -c synchronous_commit=off -c client_min_messages=warning'

# Over the wire: wire/WORKLOAD/VARIANT.sql on the table VARIANT. In the server: the function loop_VARIANT.
# The first variant of a workload is interlock's.
# shellcheck disable=SC2034 # used by those that source this
declare -A variants=(
    [write]='versioned_update planner_path hand_written plpgsql_function'
    [save]='versioned_update planner_path hand_written plpgsql_function'
    [stale]='try_versioned_update update_then_select'
    [plain]='version_trigger inline_bump plpgsql_trigger'
    [many]='versioned_update_many recordset_update single_calls single_commits durable_many durable_commits'
    [loop]='versioned_update planner_path hand_written plpgsql_function'
    [trigger_loop]='version_trigger increment echo inline_bump least_trigger simplest_plpgsql plpgsql_trigger'
    [many_loop]='versioned_update_many recordset_update'
    [touch_loop]='versioned_touch touch_by_hand'
    [check_loop]='versioned_check select_for_share'
    [delete_loop]='versioned_delete delete_by_hand'
    [insert_loop]='versioned_upsert on_conflict'
    [merge_loop]='versioned_merge merge_by_hand'
    [compare_loop]='compare_and_update is_not_distinct'
)
# shellcheck disable=SC2034
family_loops='many_loop touch_loop check_loop delete_loop insert_loop merge_loop compare_loop'

read -r load _ </proc/loadavg
passed=0 failed=0
# expect NAME WANTED FOUND: one check. A run in which one fails has failed.
expect() {
    if [[ $2 == "$3" ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s: wanted %s, found %s\n' "$1" "$2" "$3"
    fi
}

# The last words of a program that checks.
conclude() {
    printf '%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0))
}

# rotate BY WORDS: each round begins with another variant.
rotate() {
    local by=$1 words
    read -ra words <<<"$2"
    by=$((by % ${#words[@]}))
    echo "${words[@]:by}" "${words[@]:0:by}"
}

say() { printf '==> %s\n' "$*"; }

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

sql() { "$bin/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }

create_schema() { sql --file="$bench/schema.sql" --file="$bench/loops.sql" >/dev/null; }

# renew VARIANT ROWS: the statements that make its table new. Committed synchronously: VACUUM does not take rows for
# visible to all whose commit is not on disk yet, and one table would be served otherwise than its neighbour.
renew() { printf "SET synchronous_commit = on;\nSELECT reset('%s', %d);\nVACUUM ANALYZE %s;\n" "$1" "$2" "$1"; }

# What one must know of the machine and the server to make sense of the figures.
print_machine() {
    echo "- $(date --utc +%F), $(nproc) cores ($(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)), load average when it started: $load"
    sql --command="SELECT format('- PostgreSQL %s, interlock %s; fsync %s, full_page_writes %s, shared_buffers %s; commits with synchronous_commit off',
            current_setting('server_version'), extversion, current_setting('fsync'),
            current_setting('full_page_writes'), current_setting('shared_buffers'))
        FROM pg_extension WHERE extname = 'interlock'"
}

require_gnuplot() { command -v gnuplot >/dev/null || fail "there is no gnuplot: scripts/packages install bench"; }

# Where the clients and the server run: one client shares a core with its backend.
find_cores() {
    all_cores=$(taskset --pid --cpu-list $$ | sed 's/.*: //')
    one_core=${all_cores%%[-,]*}
}

cores_for() { if (($1 > 1)); then echo "$all_cores"; else echo "$one_core"; fi; }

threads_for() { echo $(($1 < $(nproc) ? $1 : $(nproc))); }

# Of a server of ours.
postmaster=

# transaction_time CLIENTS SCRIPT OPTION...: microseconds, on the server whose $postmaster we may place on cores;
# its backends inherit them.
transaction_time() {
    local clients=$1 script=$2 cores output
    shift 2
    cores=$(cores_for "$clients")
    taskset --pid --cpu-list "$cores" "$postmaster" >/dev/null
    output=$(taskset --cpu-list "$cores" "$bin/pgbench" --no-vacuum --protocol=prepared --client="$clients" \
        --jobs="$(threads_for "$clients")" --file="$script" "$@" 2>&1) || fail "pgbench: $output"
    awk '/^tps = / { print 1e6 / $3 }' <<<"$output"
}

# wire SCRIPT CLIENTS ROWS OPTION...: each client has its own share of the rows. SCRIPT is a path, or
# WORKLOAD/VARIANT.
wire() {
    local script=$1 clients=$2 rows=$3
    shift 3
    [[ $script == /* ]] || script=$bench/wire/$script.sql
    PGOPTIONS="$PGOPTIONS $(options_of "$script")" "$bin/pgbench" --no-vacuum --protocol=prepared --client="$clients" \
        --define=i=-1 --define=span="$((rows / clients))" \
        --define=odd_changes='{"abalance": 1}' --define=even_changes='{"abalance": 0}' \
        --file="$script" "$@"
}

options_of() {
    case $1 in
        */planner_path.sql) echo '-c interlock.direct_writes=off' ;;
    esac
}
