# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# TAP for the tests here. Sourced.

count=0
failures=0

explain() { :; }

# check WHAT COMMAND...: one test, passed if COMMAND succeeds; shows what it printed, and explain's, if it does not
check() {
    local what=$1 output
    shift
    count=$((count + 1))
    output=$(mktemp)
    if "$@" >"$output" 2>&1; then
        echo "ok $count - $what"
    else
        echo "not ok $count - $what"
        failures=$((failures + 1))
        { echo "command: $*"; cat "$output"; explain; } 2>&1 | sed 's/^/# /'
    fi
    rm -f "$output"
}

skip() {                                         # WHAT WHY
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# the last line of a test
finish() {
    echo "1..$count"
    [ $failures = 0 ]
}
