# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# An ACME authority (Pebble) and a name server for which every name is this machine; orders there. Sourced after tap.sh.

work=/var/tmp/orders

begin() {                                        # NAME COMMAND...: a unit of its own
    local name=$1
    shift
    systemd-run --quiet --collect --unit="test-$name" --setenv=GOMAXPROCS=1 --setenv=PEBBLE_VA_NOSLEEP=1 \
        --setenv=PEBBLE_WFE_NONCEREJECT=0 "$@"
}

answers() {                                      # PORT
    (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

begin_authority() {                              # NAME PORT RESOLVER [OPTION...]: of systemd-run
    cat >$work/"$1".json <<JSON
{ "pebble": { "listenAddress": "127.0.0.1:$2", "managementListenAddress": "127.0.0.1:$(($2 + 1))",
  "certificate": "$work/pebble.pem", "privateKey": "$work/pebble.key", "httpPort": 80, "tlsPort": 443 } }
JSON
    begin "$1" "${@:4}" pebble -strict -config $work/"$1".json -dnsserver "$3"
}

begin_name_server() {
    begin dns pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 '' -dns01 127.0.0.1:53 \
        -management 127.0.0.1:8055 -http01 '' -https01 '' -tlsalpn01 ''
}

# The certificate of the authorities themselves.
make_authority() {
    install -d -m 755 $work /etc/certwright
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 30 \
        -addext subjectAltName=DNS:localhost -keyout $work/pebble.key -out $work/pebble.pem 2>/dev/null
    install -m 644 $work/pebble.pem /etc/certwright/pebble.pem
}

# ---- the service

settings() {                                     # AUTHORITY-PORT LINE...: of [ACME]
    local port=$1
    shift
    write_settings '[ACME]' TermsOfServiceAgreed=yes "$@" '[Authority pebble]' \
        "Directory=https://localhost:$port/dir" CAFile=/etc/certwright/pebble.pem Public=no
    call_manager Reload
}

register() {                                     # NAME
    call_manager Register 'ssa{sv}' test "$1" 0 >/dev/null
}

has_source() {                                   # NAME SOURCE
    equal "$(property_of "$1" Source)" "$2"
}
