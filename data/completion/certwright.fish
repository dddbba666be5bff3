# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion of certwright(1) for fish.

# A column of a table that the command prints, -1 is the last; nothing where the service does not answer in time. Nobody is
# asked for a password.
function __certwright_column # COMMAND COLUMN
    timeout 3 certwright --no-ask-password --no-legend $argv[1] </dev/null 2>/dev/null |
        awk -v column=$argv[2] '{ print column < 0 ? $NF : $column }' | sort -u
end

function __certwright_names
    __certwright_column list 1
end

function __certwright_modules
    __certwright_column modules 1
end

# The service's property is read by busctl, which prints: as 2 "one" "two"
function __certwright_authorities
    busctl --system --timeout=3 get-property org.certwright1 /org/certwright1 org.certwright1.Manager Authorities 2>/dev/null |
        grep -oE '"[A-Za-z0-9._-]+"' | tr -d '"'
end

# The words so far that are no options, nor values of options: verb first.
function __certwright_arguments
    set -l skip no
    for word in (commandline -opc)[2..]
        if test $skip = yes
            set skip no
            continue
        end
        switch $word
            case --output --name --key-type --format --key --passphrase-file --reason --acme --authority --module --source \
                --state --expiring --sort --contact --directory --ca-file --challenges -o
                set skip yes
            case '-*'
            case '*'
                echo $word
        end
    end
end

function __certwright_at # NUMBER VERB...: this argument of one of these verbs is being typed
    set -l arguments (__certwright_arguments)
    test (count $arguments) = $argv[1]; and contains -- "$arguments[1]" $argv[2..]
end

function __certwright_is_list # which is what no verb means
    set -l arguments (__certwright_arguments)
    test (count $arguments) = 0; or test "$arguments[1]" = list
end

function __certwright_is # VERB...
    set -l arguments (__certwright_arguments)
    contains -- "$arguments[1]" $argv
end

complete -c certwright -f
complete -c certwright -n 'test (count (__certwright_arguments)) = 0; or __certwright_at 1 help' -a 'list show explain status reissue revoke export \
    export-root export-key upload check uploads remove-upload register unregister account acme deploy enable disable doctor modules \
    metrics monitor reload renew-due help'

complete -c certwright -l json -d 'print JSON'
complete -c certwright -l no-legend -d 'omit headings and remarks'
complete -c certwright -l no-ask-password -d 'do not ask for a password'
complete -c certwright -l help -s h -d 'print help'
complete -c certwright -l version -d 'print the version'

complete -c certwright -n '__certwright_is show explain reissue export export-key upload check' -l root -d 'the local root'
complete -c certwright -n '__certwright_is reissue' -l all -d 'all certificates'
complete -c certwright -n '__certwright_is reissue' -l keep-current -d 'keep the current chain if the order fails'
complete -c certwright -n '__certwright_is reissue' -l no-keep-current -d 'replace it even then'
complete -c certwright -n '__certwright_is reissue revoke' -l yes -d 'do not ask for confirmation'
complete -c certwright -n '__certwright_is reissue revoke deploy' -l no-wait -d 'do not wait for the end'
complete -c certwright -n '__certwright_is revoke' -l reason -x \
    -a 'unspecified keyCompromise affiliationChanged superseded cessationOfOperation'
complete -c certwright -n '__certwright_is export' -l format -x -a 'pem der pkcs7'
complete -c certwright -n '__certwright_is export-root' -l format -x -a 'pem der pkcs7 fingerprint'
complete -c certwright -n '__certwright_is export-key' -l format -x -a 'pem pkcs12'
complete -c certwright -n '__certwright_is export export-root export-key metrics' -l output -s o -r -F
complete -c certwright -n '__certwright_is export-key' -l force -d 'replace a file'
complete -c certwright -n '__certwright_is export-key upload check' -l passphrase-file -r -F
complete -c certwright -n '__certwright_is upload check' -l key -r -F
complete -c certwright -n '__certwright_is upload check' -l fetch-issuers -d 'download missing issuers'
complete -c certwright -n '__certwright_is register' -l name -x -d 'another name'
complete -c certwright -n '__certwright_is register' -l key-type -x -a 'ecdsa-p256 ecdsa-p384 rsa-2048 rsa-3072 rsa-4096 ed25519'
complete -c certwright -n '__certwright_is register' -l acme -x -a 'yes no'
complete -c certwright -n '__certwright_is register' -l authority -x -a '(__certwright_authorities)'

complete -c certwright -n '__certwright_is register' -l wait -d 'wait until the order has finished'
complete -c certwright -n '__certwright_is_list' -l module -x -a '(__certwright_modules)'
complete -c certwright -n '__certwright_is_list' -l source -x -a 'uploaded acme local'
complete -c certwright -n '__certwright_is_list' -l state -x -a 'pending valid expiring expired'
complete -c certwright -n '__certwright_is_list' -l expiring -x -d 'days'
complete -c certwright -n '__certwright_is_list' -l sort -x -a 'name expiry state source issuer renewal'
complete -c certwright -n '__certwright_is_list' -l csv -d 'print comma-separated values'
complete -c certwright -n '__certwright_is_list' -l watch -d 'print the list again whenever it changes'
complete -c certwright -n '__certwright_is enable acme' -l agree-tos -d "agree to the authorities' terms"
complete -c certwright -n '__certwright_is enable acme' -l contact -x
complete -c certwright -n '__certwright_is acme' -l authority -x -a '(__certwright_authorities)'
complete -c certwright -n '__certwright_is acme' -l directory -x
complete -c certwright -n '__certwright_is acme' -l ca-file -r -F
complete -c certwright -n '__certwright_is acme' -l challenges -x -a 'http-01 tls-alpn-01 dns-01'
complete -c certwright -n '__certwright_at 1 acme' -a 'setup test status'
complete -c certwright -n '__certwright_at 2 acme; and contains -- test (__certwright_arguments)' -a '(__certwright_names)'

complete -c certwright -n '__certwright_at 1 show explain reissue revoke export export-root export-key upload check deploy' \
    -a '(__certwright_names)'
complete -c certwright -n '__certwright_at 2 unregister enable disable' -a '(__certwright_names)'
complete -c certwright -n '__certwright_is doctor' -a '(__certwright_names)'
complete -c certwright -n '__certwright_at 1 register unregister deploy' -a '(__certwright_modules)'
complete -c certwright -n '__certwright_at 1 upload check' -F
complete -c certwright -n '__certwright_at 2 upload check' -F
complete -c certwright -n '__certwright_at 1 enable disable' -a 'nginx apache2 haproxy postfix dovecot cockpit'
complete -c certwright -n '__certwright_at 1 account' -a 'rollover deactivate'
complete -c certwright -n '__certwright_at 2 account' -a '(__certwright_authorities)'
complete -c certwright -n '__certwright_at 1 remove-upload' -a '(__certwright_column uploads -1)'
