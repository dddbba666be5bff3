#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Follow the certificate of a name, and run a command for each chain that has to be used from then on.
#
#   follow-certificate.sh NAME COMMAND [ARGUMENT...]
#
# A file in modules.d or a registration has to request the name. COMMAND gets source, end of validity and fingerprint of the
# chain as further arguments. If it fails, it is run again after the next change.
#
# gdbus says whether the name of the service has an owner once it listens, and for each run of the service; so nothing is
# missed. follow-certificate.c explains the steps. Package: libglib2.0-bin.
set -euo pipefail

[ $# -ge 2 ] || { sed -n '4,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 2; }
name=$1
shift
used=''

property() {                                     # OBJECT PROPERTY
    local value
    value=$(busctl get-property org.certwright1 "$1" org.certwright1.Certificate "$2") || return
    value=${value#* }
    value=${value#\"}
    printf '%s\n' "${value%\"}"
}

compare() {                                      # COMMAND...
    local object fingerprint source not_after
    object=$(busctl call org.certwright1 /org/certwright1 org.certwright1.Manager GetCertificate s "$name") || return 0
    object=${object#o \"}
    object=${object%\"}
    fingerprint=$(property "$object" Fingerprint) || return 0
    [ -n "$fingerprint" ] && [ "$fingerprint" != "$used" ] || return 0
    source=$(property "$object" Source) && not_after=$(property "$object" NotAfter) || return 0
    "$@" "$source" "$not_after" "$fingerprint" </dev/null && used=$fingerprint ||
        echo "follow-certificate.sh: $1 has failed for the chain $fingerprint" >&2
}

gdbus monitor --system --dest org.certwright1 --object-path /org/certwright1 |
    while read -r line; do
        case $line in
            "The name org.certwright1 is owned by "* | *.ChainChanged\ *) compare "$@" ;;
            # without an owner nothing changes, and a call would only start the service; but the first chain has to be found
            "The name org.certwright1 does not have an owner") [ -n "$used" ] || compare "$@" ;;
        esac
    done
