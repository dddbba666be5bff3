/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

#include "net/resolver.h"

/* Instead of net/resolver.c, in one source of a program: answers each query for the addresses of FAKE_DNS_NAME in
 * the next turn of the loop. */

#define FAKE_DNS_NAME "www.example.com"

static DnsResult dns_result;
static char *const *dns_values;                              /* of DNS_FOUND */
static const char *dns_problem = "No name server answered."; /* of DNS_FAILED; NULL: none is given */
static unsigned dns_asked _unused_;
static sd_event *loop;

struct DnsQuery {
    DnsDone done;
    void *userdata;
    sd_event_source *source;
};

DnsQuery *dns_cancel(DnsQuery *q)
{
    if (q) {
        sd_event_source_disable_unref(q->source);
        g_free(q);
    }
    return NULL;
}

static int on_query(sd_event_source *s _unused_, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    bool explains = dns_result == DNS_FAILED && dns_problem;
    DnsQuery *q = userdata;

    if (explains)
        (void)problem_set(&problem, PROBLEM_NETWORK_FAILED, "%s", dns_problem);
    q->done(dns_result, dns_result == DNS_FOUND ? dns_values : NULL, explains ? &problem : NULL,
            q->userdata);
    dns_cancel(q);
    return 0;
}

int dns_query(Dns *d _unused_, const char *name, DnsType type, const char *server, DnsDone done,
              void *userdata, DnsQuery **ret, Problem *problem _unused_)
{
    DnsQuery *q = g_new0(DnsQuery, 1);

    dns_asked++;
    g_assert_cmpstr(name, ==, FAKE_DNS_NAME);
    g_assert_cmpint(type, ==, DNS_HOST);
    g_assert_null(server);
    *q = (DnsQuery){ .done = done, .userdata = userdata };
    g_assert_cmpint(sd_event_add_defer(loop, &q->source, on_query, q), >=, 0);
    *ret = q;
    return 0;
}
