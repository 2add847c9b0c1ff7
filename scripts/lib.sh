# shellcheck shell=bash
# Shared by the scripts: paths, the server's user, running and stopping things, the private install.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
build=$root/build
logs=$build/logs
PG_CONFIG=${PG_CONFIG:-pg_config}
server_user=postgres
export LC_ALL=C.UTF-8
umask 022
# A caller's connection settings would lead every client here to his own server,
# and a jobserver of the make that called us is not ours to use.
for name in "${!PG@}"; do
    [[ $name == PG_CONFIG ]] || unset "$name"
done
unset name MAKEFLAGS MFLAGS MAKELEVEL

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

say() { printf '==> %s\n' "$*"; }

# Two runs in one checkout would build and install over each other.
lock_checkout() { lock "$build"; }

lock() {
    mkdir -p "$1"
    exec 9>"$1/lock"
    flock --nonblock 9 && return
    say "waiting for another run in this checkout"
    flock --timeout 1800 9 || fail "another run still holds $1/lock"
}

# Runs a command in a process group of its own, which end_running can end as a whole. A
# shell that waits handles a signal at once; one with a foreground command does not.
# In a subshell the command stays in the group that the subshell is in.
running=
run() {
    if ((BASH_SUBSHELL)); then
        "$@" </dev/null 9>&-
        return
    fi
    set -m
    "$@" </dev/null 9>&- &
    running=$!
    set +m
    local status=0
    wait "$running" || status=$?
    running=
    return "$status"
}

end_running() {
    local signal tenths
    [[ -n $running ]] || return 0
    for signal in TERM KILL; do
        kill "-$signal" -- "-$running" 2>/dev/null || return 0
        for ((tenths = 0; tenths < 50; tenths++)); do
            kill -0 -- "-$running" 2>/dev/null || return 0
            sleep 0.1
        done
    done
}

# on_exit FUNCTION: whatever ends this script, the function cleans up first.
on_exit() {
    local cleanup=$1
    # shellcheck disable=SC2064 # expanded now: the function's name
    trap "trap '' INT TERM HUP; end_running; $cleanup" EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# step NAME MESSAGE COMMAND...: the command's output is a log that is shown only if it fails.
step() {
    local log=$logs/$1.log
    say "$2"
    shift 2
    mkdir -p "$logs"
    run "$@" >"$log" 2>&1 || { cat "$log"; return 1; }
}

pg_program() { printf '%s/%s' "$("$PG_CONFIG" --bindir)" "$1"; }

# PostgreSQL refuses to run as root.
as_server_user() {
    if [[ $EUID -ne 0 ]]; then
        "$@"
        return
    fi
    id "$server_user" >/dev/null 2>&1 || fail "there is no user $server_user to run PostgreSQL as"
    [[ -n ${reach_found-} ]] || find_reach
    setpriv --reuid "$server_user" --regid "$(id -g "$server_user")" --init-groups "${reach[@]}" \
        env HOME="$(getent passwd "$server_user" | cut -d: -f6)" "$@"
}

give_to_server_user() {
    if [[ $EUID -eq 0 ]]; then
        chown "$server_user" "$@"
    fi
}

# A checkout under /root (mode 0700) cannot be entered by another user. The least capability
# that lets him pass is handed on to his processes; the folder itself is left as it is.
# access(2) forgets a capability after a change of user unless the fixup is off.
find_reach() {
    local capability
    reach_found=yes
    reach=()
    can_reach && return
    for capability in dac_read_search dac_override; do
        reach=(--securebits +no_setuid_fixup
            --inh-caps "+$capability" --ambient-caps "+$capability")
        can_reach && return
    done
    fail "user $server_user cannot enter $build: move the checkout, or run this as an ordinary user"
}

can_reach() {
    mkdir -p "$build"
    as_server_user test -x "$build" -a -r "$root/Makefile" 2>/dev/null
}

# The pid of the postmaster of a data directory, unless what is written there is stale:
# a postmaster's working directory is its data directory.
postmaster_pid() {
    local pid
    { read -r pid <"$1/postmaster.pid"; } 2>/dev/null || return 1
    [[ $(readlink "/proc/$pid/cwd") == "$1" ]] || return 1
    printf '%s' "$pid"
}

stop_postmaster() {
    local pid signal tenths
    pid=$(postmaster_pid "$1") || return 0
    for signal in INT QUIT KILL; do
        kill "-$signal" "$pid" 2>/dev/null || true
        for ((tenths = 0; tenths < 100; tenths++)); do
            [[ $(readlink "/proc/$pid/cwd") == "$1" ]] || return 0
            sleep 0.1
        done
    done
    fail "the server with pid $pid does not stop"
}

# A killed run may have left its servers behind; they live under build/.
stop_left_postmasters() {
    local file
    while IFS= read -r file; do
        stop_postmaster "$(dirname "$file")"
    done < <(find "$1" -path "$build/matrix" -prune -o -name postmaster.pid -print 2>/dev/null)
}

# The extension is installed for private clusters only, under build/stage, where the server
# can be told to look there: no root needed, and the system's own install stays as it is.
stage=$build/stage

# The settings by which a server loads the extension from the stage. Debian's servers before
# 18 have extension_destdir, PostgreSQL 18 has extension_control_path; others have neither.
stage_settings() {
    local known
    known=$("$(pg_program postgres)" --describe-config | cut -f1)
    if grep -qx extension_control_path <<<"$known"; then
        printf "extension_control_path = '%s:\$system'\n" "$stage$("$PG_CONFIG" --sharedir)"
    elif grep -qx extension_destdir <<<"$known"; then
        printf "extension_destdir = '%s'\n" "$stage"
    else
        return 0
    fi
    printf "dynamic_library_path = '%s:\$libdir'\n" "$stage$("$PG_CONFIG" --pkglibdir)"
}

build_extension() {
    command -v "$PG_CONFIG" >/dev/null || fail "there is no $PG_CONFIG"
    step extension "building the extension for $("$PG_CONFIG" --version)" \
        make -C "$root" -j"$(nproc)" PG_CONFIG="$PG_CONFIG" || return
    rm -rf "$stage"
    local install=(make -C "$root" PG_CONFIG="$PG_CONFIG" install)
    if [[ -n $(stage_settings) ]]; then
        step install "installing it under build/stage" "${install[@]}" DESTDIR="$stage"
    elif [[ -w $("$PG_CONFIG" --pkglibdir) ]]; then
        step install "installing it into the server's folders" "${install[@]}"
    else
        say "installing it into the server's folders (as root)"
        sudo "${install[@]}"
    fi
}

# build_client TARGET: "all" has the tests too.
build_client() {
    step configure "configuring the client" cmake -S "$root" -B "$build/client" || return
    step client "building the client" cmake --build "$build/client" --parallel "$(nproc)" \
        --target "$1" || return
    step client-install "installing it under build/prefix" \
        cmake --install "$build/client" --prefix "$build/prefix"
}
