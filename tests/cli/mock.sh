# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The command certwright and a mock of the service, on a bus of its own. Sourced, with the paths of both programs as
# arguments; tap.sh goes before.

if ! command -v dbus-daemon >/dev/null; then
    echo "1..0 # SKIP there is no dbus-daemon (package dbus)"
    exit 0
fi

directory=$(mktemp -d)
chmod 755 "$directory"
cp "$1" "$directory/certwright"
cp "$2" "$directory/mock-service"
certwright=$directory/certwright
bus_pid='' mock_pid='' monitor_pid=''

export LC_ALL=C.UTF-8 TZ=UTC
unset LANGUAGE
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$directory/bus

cleanup() {
    local pid
    for pid in $monitor_pid $mock_pid $bus_pid; do
        kill "$pid" 2>/dev/null || true
    done
    rm -rf "$directory"
}
trap cleanup EXIT

explain() {                                      # what a failed check leaves to look at
    echo "stdout:"
    cat "$directory/out"
    echo "stderr:"
    cat "$directory/err"
}

# run EXIT ARGUMENT...: certwright ends with that exit status; its output is kept for those below
run() {
    local expected=$1 status=0
    shift
    timeout 30 "$certwright" "$@" >"$directory/out" 2>"$directory/err" || status=$?
    [ "$status" = "$expected" ] || { echo "exit status $status instead of $expected"; return 1; }
}

out() { grep -qE -- "$1" "$directory/out"; }     # REGEX: of a line of stdout
out_text() { grep -qF -- "$1" "$directory/out"; }
err() { grep -qE -- "$1" "$directory/err"; }
err_text() { grep -qF -- "$1" "$directory/err"; }
no_out() { [ ! -s "$directory/out" ]; }
no_err() { [ ! -s "$directory/err" ]; }

# No byte that a terminal could obey, on either side.
harmless() {
    ! LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]' \
        "$directory/out" "$directory/err"
}

json() {                                         # EXPRESSION over j
    /usr/bin/python3 -I -c 'import json, sys; j = json.load(open(sys.argv[1])); sys.exit(not eval("(" + sys.argv[2] + ")"))' \
        "$directory/out" "$1"
}

until_true() {                                   # COMMAND..., for 20 seconds at most
    for _ in {1..200}; do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    "$@"
}

start_bus() {
    cat >"$directory/bus.conf" <<-END
	<busconfig>
	  <listen>unix:path=$directory/bus</listen>
	  <auth>EXTERNAL</auth>
	  <policy context="default">
	    <allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
	    <allow send_requested_reply="true"/><allow receive_type="method_call"/>
	    <allow receive_type="signal"/><allow receive_requested_reply="true"/>
	  </policy>
	</busconfig>
	END
    dbus-daemon --config-file="$directory/bus.conf" --nofork --nopidfile >"$directory/bus.log" 2>&1 &
    bus_pid=$!
    until_true test -S "$directory/bus"
}

mock_answers() {
    "$certwright" list --json
}

start_mock() {
    "$directory/mock-service" "$directory/all" "$directory/nginx" >"$directory/mock.log" 2>&1 &
    mock_pid=$!
    until_true mock_answers
}

mock_said() {
    grep -qxF -- "$1" "$directory/mock.log"
}

# ---- as it happens

start_monitor() {
    : >"$directory/err"
    "$certwright" monitor "$@" >"$directory/out" 2>"$directory/err" &
    monitor_pid=$!
    until_true err_text "Listening for changes"
}

stop_monitor() {
    kill "$monitor_pid"
    wait "$monitor_pid" 2>/dev/null || true
    monitor_pid=
}

monitor_json() {                                 # EXPRESSION over j, all events
    /usr/bin/python3 -I -c 'import json, sys; j = [json.loads(l) for l in open(sys.argv[1])]; sys.exit(not eval("(" + sys.argv[2] + ")"))' \
        "$directory/out" "$1"
}

# ---- on a terminal

for_all() {                                      # NAME...: what --all is about
    printf '%s\n' "$@" >"$directory/all"
}

as_user() {                                      # the superuser is never asked for a password
    [ "$(id -u)" != 0 ] || set -- setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    PATH=$directory/bin:$PATH "$@"
}

on_terminal() {                                  # COMMAND
    as_user script -qec "$1" /dev/null </dev/null >"$directory/out" 2>"$directory/err"
}

# answer EXIT [EXPECTED TYPED]... -- ARGUMENT...: as run, with stdin and stderr on a terminal
answer() {
    local expected=$1 status=0 dialogue=()
    shift
    while [ "$1" != -- ]; do
        dialogue+=("$1")
        shift
    done
    shift
    # shellcheck disable=SC2016
    timeout 100 "$(dirname "${BASH_SOURCE[0]}")/terminal" "$directory/err" "${dialogue[@]}" -- bash -c '
        out=$1; shift; exec "$@" </dev/tty >"$out" 2>/dev/tty' - "$directory/out" "$certwright" "$@" \
        >"$directory/dialogue" || status=$?
    [ "$status" = "$expected" ] || { echo "exit status $status instead of $expected"; cat "$directory/dialogue"; return 1; }
}

line_is() {                                      # NUMBER REGEX: of stdout
    sed -n "$1p" "$directory/out" | grep -qE -- "$2"
}
