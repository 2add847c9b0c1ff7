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
    [plain]='version_trigger inline_bump plpgsql_trigger'
    [loop]='versioned_update planner_path hand_written plpgsql_function'
    [trigger_loop]='version_trigger increment echo inline_bump least_trigger simplest_plpgsql plpgsql_trigger'
)

say() { printf '==> %s\n' "$*"; }

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

sql() { "$bin/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }

create_schema() { sql --file="$bench/schema.sql" --file="$bench/loops.sql" >/dev/null; }

# renew VARIANT ROWS: the statements that make its table new.
renew() { printf "SELECT reset('%s', %d);\nVACUUM ANALYZE %s;\n" "$1" "$2" "$1"; }

# wire SCRIPT CLIENTS ROWS OPTION...: each client has its own share of the rows.
wire() {
    local script=$1 clients=$2 rows=$3
    shift 3
    PGOPTIONS="$PGOPTIONS $(options_of "$script")" "$bin/pgbench" --no-vacuum --protocol=prepared --client="$clients" \
        --define=i=-1 --define=span="$((rows / clients))" \
        --define=odd_changes='{"abalance": 1}' --define=even_changes='{"abalance": 0}' \
        --file="$bench/wire/$script.sql" "$@"
}

options_of() {
    case $1 in
        */planner_path) echo '-c interlock.direct_writes=off' ;;
    esac
}
