/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns-fixture.h"

#include "core/limits.h"

/* ---- the clock */

uint64_t clock_usec;

typedef struct Timer {
    sd_event_time_handler_t handler;
    void *userdata;
    uint64_t usec;
} Timer;

static int on_timer(sd_event_source *s, void *userdata)
{
    Timer *t = userdata;

    clock_usec += t->usec;
    return t->handler(s, clock_usec, t->userdata);
}

int sd_event_now(sd_event *e _unused_, clockid_t clock _unused_, uint64_t *ret)
{
    *ret = clock_usec;
    return 0;
}

int sd_event_add_time_relative(sd_event *e, sd_event_source **ret, clockid_t clock _unused_, uint64_t usec,
                               uint64_t accuracy _unused_, sd_event_time_handler_t handler, void *userdata)
{
    Timer *t = g_new(Timer, 1);
    int r = sd_event_add_defer(e, ret, on_timer, t);

    *t = (Timer){ handler, userdata, usec };
    g_assert_cmpint(r, >=, 0);
    return sd_event_source_set_destroy_callback(*ret, g_free);
}

/* ---- the DNS */

static GHashTable *dns;
unsigned dns_asked;
sd_event *loop;

struct DnsQuery {
    DnsDone done;
    void *userdata;
    sd_event_source *source;
    char *question;
};

DnsQuery *dns_cancel(DnsQuery *q)
{
    if (q) {
        sd_event_source_disable_unref(q->source);
        g_free(q->question);
        g_free(q);
    }
    return NULL;
}

void dns_set(const char *question, const char *answer)
{
    g_hash_table_insert(dns, g_strdup(question), g_strdup(answer));
}

static int on_query(sd_event_source *s _unused_, void *userdata)
{
    DnsQuery *q = userdata;
    const char *entry = g_hash_table_lookup(dns, q->question);
    bool is_late = entry && entry[0] == '?' && clock_usec >= MINUTE;
    const char *answer = is_late ? entry + 1 : entry;
    g_auto(GStrv) values = g_strsplit(answer ? answer : "", " ", 0);
    _cleanup_problem_ Problem problem = {};

    dns_asked++;
    g_test_message("%s: %s", q->question, answer ? answer : "there is no such name");
    if (!answer)
        q->done(DNS_NO_NAME, NULL, NULL, q->userdata);
    else if (g_str_equal(answer, "-"))
        q->done(DNS_NO_DATA, NULL, NULL, q->userdata);
    else if (g_str_equal(answer, "!")) {
        problem_set(&problem, PROBLEM_NETWORK_FAILED, "%s: there is no answer.", q->question);
        clock_usec += LIMIT_DNS_TIME * G_USEC_PER_SEC;
        q->done(DNS_FAILED, NULL, &problem, q->userdata);
    } else
        q->done(DNS_FOUND, values, NULL, q->userdata);
    dns_cancel(q);
    return 0;
}

int dns_query(Dns *d _unused_, const char *name, DnsType type, const char *server, DnsDone done,
              void *userdata, DnsQuery **ret, Problem *problem _unused_)
{
    static const char *const types[] = { "ADDRESS", "TXT", "CNAME", "NS", "SOA" };
    DnsQuery *q = g_new0(DnsQuery, 1);

    q->done = done;
    q->userdata = userdata;
    q->question = g_strdup_printf("%s %s%s%s", types[type], name, server ? "@" : "", server ? server : "");
    g_assert_cmpint(sd_event_add_defer(loop, &q->source, on_query, q), >=, 0);
    *ret = q;
    return 0;
}

/* ---- both */

void dns_fixture_init(void)
{
    g_assert_cmpint(sd_event_new(&loop), >=, 0);
    clock_usec = 1;
    dns_asked = 0;
    dns = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void dns_fixture_done(void)
{
    g_hash_table_unref(dns);
    loop = sd_event_unref(loop);
}
