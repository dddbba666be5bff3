# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What every test here has: TAP, and the service as a caller sees it. Sourced.
set -euo pipefail

bus=org.certwright1
count=0
failures=0

# check WHAT COMMAND...: one test, passed if COMMAND succeeds. What it printed is shown if it does not.
check() {
    local what=$1 output
    shift
    count=$((count + 1))
    if output=$("$@" 2>&1); then
        echo "ok $count - $what"
    else
        echo "not ok $count - $what"
        failures=$((failures + 1))
        printf '%s\n' "command: $*" "$output" | sed 's/^/# /'
    fi
}

skip() {                                         # WHAT WHY
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# tests/run takes one of these services, by its seed, unless all are wanted
skip_unless_chosen() {                           # SERVICE SERVICE...: the first is that of this test
    local service=$1 chosen
    shift
    chosen=${*:1 + ${CERTWRIGHT_TESTS_SEED:-0} % $#:1}
    if [ -n "${CERTWRIGHT_TESTS_SEED:-}" ] && [ "${CERTWRIGHT_TESTS_FULL:-0}" = 0 ] && [ "$service" != "$chosen" ]; then
        echo "1..0 # SKIP the seed has chosen $chosen"
        exit 0
    fi
}

# the last line of a test
finish() {
    echo "1..$count"
    [ $failures -gt 0 ] || exit 0
    journalctl --no-pager --quiet --unit=certwrightd.service --lines=100 >&2
    exit 1
}

fails() {
    ! "$@"
}

equal() {
    [ "$1" = "$2" ] || { printf "'%s' is not '%s'\n" "$1" "$2"; return 1; }
}

matches() {                                      # TEXT REGEX
    [[ $1 =~ $2 ]] || { printf "'%s' does not match '%s'\n" "$1" "$2"; return 1; }
}

until_true() {                                   # COMMAND...: tries again, for 20 seconds at most
    local end=$((SECONDS + 20)) tries=0
    while [ $SECONDS -lt $end ]; do
        ! "$@" >/dev/null 2>&1 || return 0
        tries=$((tries + 1))
        if [ $tries -lt 10 ]; then sleep 0.1; else sleep 0.4; fi # not to slow what is waited for
    done
    echo "still not so after 20 seconds:"
    "$@"
}

# ---- the service

call_manager() {                                 # METHOD [SIGNATURE ARGUMENT...]
    busctl --timeout=60 call $bus /org/certwright1 $bus.Manager "$@"
}

object_of() {                                    # NAME: its object
    local reply
    reply=$(call_manager GetCertificate s "$1") || return
    reply=${reply#o \"}
    echo "${reply%\"}"
}

property_of() {                                  # NAME PROPERTY: as text, that of a string without its quotes
    local object reply
    object=$(object_of "$1") || return
    reply=$(busctl get-property $bus "$object" $bus.Certificate "$2") || return
    case $reply in
        's "'*) reply=${reply#s \"} reply=${reply%\"} ;;
        *) reply=${reply#* } ;;
    esac
    echo "$reply"
}

has_state() {                                    # NAME STATE
    equal "$(property_of "$1" State)" "$2"
}

has_certificate() {
    object_of "$1" >/dev/null
}

state_of_unit() {
    systemctl show --property=ActiveState --value certwrightd.service
}

main_pid() {
    systemctl show --property=MainPID --value certwrightd.service
}

is_running() {
    equal "$(state_of_unit)" active
}

is_stopped() {
    equal "$(state_of_unit)" inactive
}

as_user() {                                      # COMMAND...: as somebody without any right
    setpriv --reuid=alice --regid=alice --clear-groups env HOME=/ "$@"
}

# gdbus shows the error's name, busctl only its text.
is_refused() {                                   # OBJECT METHOD ARGUMENT...: to a user, for want of authorization
    local object=$1 method=$2 output
    shift 2
    ! output=$(as_user gdbus call --system --timeout 60 --dest $bus --object-path "$object" --method "$method" "$@" 2>&1) &&
        matches "$output" 'org\.certwright1\.Error\.NotAuthorized|org\.freedesktop\.DBus\.Error\.AccessDenied'
}

make_user() {
    systemd-sysusers - <<<'u alice -'
}

# ---- configuration and journal

write_module() {                                 # FILE NAME...: a module file that asks for certificates
    local file=/etc/certwright/modules.d/$1.conf
    shift
    mkdir -p "${file%/*}"
    {
        printf '[Module]\nDescription=A test\n'
        printf '[Certificate %s]\n' "$@"
    } >"$file.new"
    mv "$file.new" "$file"
}

write_settings() {                               # LINE...
    mkdir -p /etc/certwright
    printf '%s\n' "$@" >/etc/certwright/certwright.conf.new
    mv /etc/certwright/certwright.conf.new /etc/certwright/certwright.conf
}

journal_has() {                                  # JQ-FILTER: a message of the service for which it is true
    journalctl --sync
    journalctl --output=json --all --unit=certwrightd.service | jq --slurp --exit-status "any(.[]; $1)" >/dev/null ||
        { echo "no message for which $1"; return 1; }
}
