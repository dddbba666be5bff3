/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A change of the DNS as the program reads it: refused, or the same when it is sent once more, and nothing in it can end a
 * line of nsupdate(1) or begin an option. */
#include <errno.h>

#include "core/limits.h"
#include "dns/request.h"
#include "target.h"
#include "util/text.h"

static void check_word(const char *s)
{
    if (!s)
        return;
    require(*s && text_is_plain(s));
    require(!strpbrk(s, " \t\r\n\"'`$;\\(){}<>|&*?"));
}

static void check(const DnsRequest *q)
{
    require(dns_name_is_canonical(q->fqdn) && strlen(q->value) == 43);
    require(q->hook ? !q->zone && !q->address && !q->key.secret : q->zone && q->address && q->port > 0);
    require(!q->key.name == !q->key.secret && !q->key.name == !q->key.algorithm);
    require(!q->hook || (dns_hook_is_name(q->hook) && q->hook[0] != '.' && !strchr(q->hook, '/')));
    for (size_t i = 0; i < 6; i++)
        check_word((const char *const[]){ q->fqdn, q->value, q->zone, q->address, q->key.name, q->hook }[i]);
    check_word(q->key.secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_problem_ Problem problem = {};
    _cleanup_dns_request_ DnsRequest q = {}, same = {};
    _cleanup_free_ char *text = NULL, *again = NULL;
    int r = dns_request_decode((const char *)data, size, &q, &problem);

    if (r < 0) {
        require(r == -EBADMSG && !q.fqdn && !q.key.secret && problem.text && text_is_plain(problem.text));
        return 0;
    }
    check(&q);
    require(dns_request_encode(&q, &text, &problem) == 0 && strlen(text) <= LIMIT_DNS_REQUEST);
    require(dns_request_decode(text, strlen(text), &same, &problem) == 0);
    require(dns_request_encode(&same, &again, &problem) == 0 && streq(text, again));
    return 0;
}
