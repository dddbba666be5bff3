# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The five services as Debian ships them, and what they present. Sourced after tap.sh.

# Where each presents its chain: port, and what openssl needs to get there.
probe_of() {                                     # SERVICE
    case $1 in
        postfix) echo 25 -starttls smtp ;;
        dovecot) echo 143 -starttls imap ;;
        cockpit) echo 9090 ;;
        *) echo 443 ;;
    esac
}

connect() {                                      # SERVICE NAME [OPTION...]: of openssl s_client
    local probe
    read -ra probe <<<"$(probe_of "$1")"
    timeout 20 openssl s_client -connect "127.0.0.1:${probe[0]}" -servername "$2" "${probe[@]:1}" "${@:3}" </dev/null
}

unit_of() {                                      # SERVICE: whose main process it is
    case $1 in
        postfix) echo postfix@-.service ;;
        *) echo "$1.service" ;;
    esac
}

# ---- their own configuration: the lines that enable prints, from the snippets

snippet() {                                      # FILE NAME
    sed "s/%n/$2/g" "/usr/share/certwright/snippets/$1"
}

add_lines_nginx() {                              # NAME
    snippet nginx-tls.conf "$1" >"/etc/nginx/conf.d/$1.conf"
}

add_lines_apache2() {
    a2enmod --quiet ssl >/dev/null
    snippet apache-tls.conf "$1" >/etc/apache2/sites-enabled/tls.conf
}

add_lines_haproxy() {
    {
        echo 'frontend tls'
        snippet haproxy-tls.cfg "$1"
        printf '%s\n' 'default_backend none' 'backend none' 'http-request deny'
    } >>/etc/haproxy/haproxy.cfg
}

add_lines_postfix() {
    {
        snippet postfix.cf "$1"
        # a process of before serves for as long as the test is about it
        echo 'max_idle = 600s'
        # and one that could not start, while it is broken, is not waited for
        echo 'service_throttle_time = 1s'
    } >>/etc/postfix/main.cf
}

add_lines_dovecot() {
    sed -i '/^ssl\(_cert\|_key\)\? *=/d' /etc/dovecot/conf.d/10-ssl.conf
    snippet dovecot.conf "$1" >>/etc/dovecot/conf.d/10-ssl.conf
}

# A line that none of them understands, in a file that it reads.
own_file_of() {                                  # SERVICE
    case $1 in
        nginx) echo /etc/nginx/nginx.conf ;;
        apache2) echo /etc/apache2/apache2.conf ;;
        haproxy) echo /etc/haproxy/haproxy.cfg ;;
        postfix) echo /etc/postfix/main.cf ;;
        dovecot) echo /etc/dovecot/dovecot.conf ;;
    esac
}

break_service() {                                # SERVICE
    local file
    file=$(own_file_of "$1")
    cp "$file" "$file.good"
    echo 'this is nonsense {' >>"$file"
}

mend_service() {
    local file
    file=$(own_file_of "$1")
    mv "$file.good" "$file"
}

# ---- what they present

presented() {                                    # SERVICE NAME: fingerprint of the leaf
    connect "$1" "$2" 2>/dev/null | openssl x509 -outform DER | sha256sum | cut -d ' ' -f 1
}

presents() {                                     # SERVICE NAME FINGERPRINT
    equal "$(presented "$1" "$2")" "$3"
}

is_trusted() {                                   # SERVICE NAME: by who trusts the root
    connect "$1" "$2" -CAfile /var/lib/certwright/root/current/certificate.pem -verify_hostname "$2" -verify_return_error
}

# ---- what Certwright says about it

leaf_of() {                                      # NAME
    property_of "$1" Fingerprint
}

deployment_of() {                                # NAME MODULE KEY
    certwright --json show "$1" | jq -r --arg of "$2" --arg key "$3" '.deployments[] | select(.module == $of) | .[$key]'
}

has_deployment() {                               # NAME MODULE STATE
    equal "$(deployment_of "$1" "$2" state)" "$3"
}

# The state is about this leaf, and the service really presents it.
is_delivered() {                                 # SERVICE NAME
    has_deployment "$2" "$1" verified && presents "$1" "$2" "$(leaf_of "$2")"
}

# As until_true, for what a probe of ten seconds goes before, perhaps twice.
before_long() {                                  # COMMAND...
    until_true "$@" >/dev/null || until_true "$@" >/dev/null || until_true "$@"
}

reissue() {                                      # NAME: a new leaf, of the same source
    certwright --no-ask-password reissue "$1" --keep-current
}

# A reload is not over when it returns: until they end, the former processes may still answer.
runs_none_of() {                                 # PID...
    ! kill -0 "$@"
}

reload_nginx() {
    local former
    mapfile -t former < <(pgrep --parent "$(systemctl show --property=MainPID --value nginx.service)")
    systemctl reload nginx.service && until_true runs_none_of "${former[@]}"
}
