# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# A newcomer copies what README.md shows, literally and in its order, on a machine called box.example.com that has nothing of
# the service. Sourced after tap.sh and orders.sh.

reader=/var/tmp/newcomer

# What README takes for granted: an authority that can be reached, the reader's own files, and the program sudo.
prepare_reader() {
    systemctl --quiet stop 'test-*.service' nginx.service || true
    mkdir -p $reader/bin /etc/certwright/certwright.conf.d
    make_authority
    begin_name_server
    begin_authority letsencrypt 14000 127.0.0.1:53
    until_true answers 14000
    cat >/etc/certwright/certwright.conf.d/99-network.conf <<'CONF'
[ACME]
DNSResolvers=127.0.0.1
[Authority letsencrypt]
Directory=https://localhost:14000/dir
CAFile=/etc/certwright/pebble.pem
Public=no
[Authority house]
Enabled=no
CONF
    cd $reader || return
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 3000 \
        -subj '/O=Corp/CN=Corp Root' -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
    openssl req -x509 -newkey rsa:2048 -nodes -CA ca.pem -CAkey ca.key -keyout leaf.key -out leaf.pem -days 300 \
        -subj /CN=mail.example.com -addext basicConstraints=critical,CA:FALSE \
        -addext subjectAltName=DNS:mail.example.com,DNS:imap.example.com,DNS:smtp.example.com 2>/dev/null
    cat leaf.pem ca.pem leaf.key >bundle.pem
    openssl pkcs12 -export -in bundle.pem -inkey leaf.key -out bundle.pfx -passout pass:
    openssl pkcs12 -export -in ca.pem -inkey ca.key -out authority.pfx -passout pass:
    echo >/root/passphrase
    cp ca.pem /etc/ssl/house-ca.pem
    command -v sudo >/dev/null || printf '#!/bin/sh\nexec "$@"\n' >bin/sudo
    chmod 755 bin/* 2>/dev/null || true
}

# "LINE KIND TEXT", with TEXT in base64: the commands and the files that README shows.
read_readme() {                                  # SOURCE
    /usr/bin/python3 -B - "$1" <<'PYTHON'
import base64, re, sys
sys.path.insert(0, sys.argv[1] + "/tests/acme")
import commands
shown = [(c.line, "command", c.text) for c in commands.read(sys.argv[1]) if c.document == "README.md"]
lines = open(sys.argv[1] + "/README.md", encoding="utf-8").read().splitlines()
shown += [(lines.index("    # " + name) + 1, name, text) for name, text in commands.files(sys.argv[1])]
for line, kind, text in sorted(shown):
    print(line, kind, base64.b64encode(text.encode()).decode())
PYTHON
}

# Commands that are of no use here, or are the test itself.
is_passed_over() {                               # COMMAND
    case $1 in
        'sudo tests/run' | 'sudo data/package' | 'sudo apt install '*) ;; # tests of their own
        *' --output=mail.p12') ;;                # asks for a passphrase on a terminal
        *certwright-http.socket) ;;              # for a web server that has port 80, as enable does below
        *'acme setup '*) ;;                      # another authority, which cannot be reached from here
        *) return 1 ;;
    esac
}

copy() {                                         # COMMAND: as it stands in README, in the reader's directory
    local limit=900 status=0 place=$reader
    [[ $1 != *monitor* && $1 != journalctl* ]] || limit=2
    [[ $1 != 'sudo data/'* ]] || place=$readme_source
    (cd "$place" && PATH=$reader/bin:$PATH timeout $limit bash -c "$1" </dev/null) || status=$?
    case $status in
        124) [ $limit = 2 ] ;;
        9 | 10) [ "$1" = 'certwright doctor' ] ;; # finds something to say about a machine without a network
        *) return $status ;;
    esac
}

remove_uploads() {
    local fingerprint
    for fingerprint in $(certwright --json uploads | jq --raw-output '.[].fingerprint'); do
        certwright remove-upload "$fingerprint"
    done
}

# The other machine of which README speaks: one with nginx from its package.
begin_nginx() {
    systemctl start nginx.service
}

# What a reader has done before a command, or waits for.
before() {                                       # COMMAND
    case $1 in
        *' check mail.example.com '*) until_true has_certificate mail.example.com ;; # its file was noticed
        *' revoke '*) remove_uploads && until_true has_source mail.example.com acme ;;
        sed*nginx*) begin_nginx ;;
        *' deploy nginx') until_true has_source www.example.com acme ;;
    esac
}

follow_readme() {                                # SOURCE
    local line kind text readme_source=$1
    rm -rf /etc/certwright /var/lib/certwright /var/lib/certwright-deploy
    hostname box.example.com
    check "README: there is what it takes for granted" prepare_reader
    while read -r line kind text; do
        text=$(base64 -d <<<"$text")
        if [ "$kind" != command ]; then
            check "README.md:$line: $kind" install -D -m 644 /dev/stdin "$kind" <<<"$text"
        elif ! is_passed_over "$text"; then
            check "README.md:$line: before ${text%%$'\n'*}" before "$text"
            check "README.md:$line: ${text%%$'\n'*}" copy "$text"
        fi
    done < <(read_readme "$1")
    check "README: its files have no errors" equal "$(certwright --json status | jq '.configuration_errors | length')" 0
    check "README: the name has a chain of the authority" has_source www.example.com acme
}
