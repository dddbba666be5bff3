/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/limits.h"
#include "net/address.h"
#include "net/resolver-internal.h"
#include "net/resolver.h"
#include "util/text.h"

#define TYPE_A     1
#define TYPE_NS    2
#define TYPE_CNAME 5
#define TYPE_SOA   6
#define TYPE_TXT   16
#define TYPE_AAAA  28
#define NO_ERROR   0
#define SERVFAIL   2
#define NXDOMAIN   3
#define REFUSED    5

/* ---- messages (RFC 1035 section 4) */

typedef struct Message {
    uint8_t data[4096];
    size_t size;
} Message;

static void put(Message *m, const void *data, size_t size)
{
    memcpy(m->data + m->size, data, size);
    m->size += size;
}

static void put16(Message *m, unsigned n)
{
    put(m, (const uint8_t[]){ (uint8_t)(n >> 8), (uint8_t)n }, 2);
}

/* Labels with dots between; a backslash hides one. */
static void put_name(Message *m, const char *name)
{
    while (*name) {
        size_t n = strcspn(name, ".");

        put(m, (const uint8_t[]){ (uint8_t)n }, 1);
        put(m, name, n);
        name += n + (name[n] == '.');
    }
    put(m, "", 1);
}

/* Sections: 0 answer, 1 authority. */
typedef struct DnsRecord {
    unsigned section, type;
    const char *owner;
    const void *data;
    size_t size; /* 0: data is a name */
} DnsRecord;

static void put_record(Message *m, const DnsRecord *r)
{
    Message data = {};

    if (r->size > 0)
        put(&data, r->data, r->size);
    else
        put_name(&data, r->data);
    if (r->type == TYPE_SOA) {
        put_name(&data, "hostmaster.example");
        for (int i = 0; i < 5; i++)
            put16(&data, 0), put16(&data, 60);
    }
    put_name(m, r->owner);
    put16(m, r->type);
    put16(m, 1);
    put16(m, 0);
    put16(m, 60);
    put16(m, (unsigned)data.size);
    put(m, data.data, data.size);
}

/* ---- a name server in the same loop */

typedef struct Script {
    unsigned type, code; /* of the question; of the reply */
    const DnsRecord *records;
    size_t n_records;
    size_t cut;     /* bytes that are missing at its end */
    bool truncated; /* by UDP; the whole comes by TCP */
    bool silent;
} Script;

typedef struct Server {
    int udp, tcp;
    sd_event_source *on_udp, *on_tcp;
    char address[80]; /* with its zone and port */
    const Script *script;
    size_t n_script;
    unsigned n_asked, n_tcp;
    bool recursion; /* was wanted last */
    char question[512];
} Server;

static const Script *find_script(const Server *s, unsigned type)
{
    for (size_t i = 0; i < s->n_script; i++)
        if (s->script[i].type == type)
            return s->script + i;
    return NULL;
}

/* 0: nothing is to be said. */
static size_t reply(Server *s, const uint8_t *query, size_t size, bool udp, Message *m)
{
    size_t end = 12, label = 0;
    const Script *script;
    unsigned type, n[2] = {};

    while (end < size && query[end]) {
        memcpy(s->question + label, query + end + 1, query[end]);
        label += query[end];
        s->question[label++] = '.';
        end += query[end] + 1U;
    }
    s->question[label] = 0;
    type = (unsigned)query[end + 1] << 8 | query[end + 2];
    s->recursion = query[2] & 1;
    s->n_asked++;
    script = find_script(s, type);
    if (!script || script->silent)
        return 0;
    for (size_t i = 0; i < script->n_records; i++)
        n[script->records[i].section]++;
    put(m, query, 2);
    put16(m, 0x8180 | (script->truncated && udp ? 0x0200 : 0) | script->code);
    put16(m, 1);
    put16(m, script->truncated && udp ? 0 : n[0]);
    put16(m, script->truncated && udp ? 0 : n[1]);
    put16(m, 0);
    put(m, query + 12, end + 5 - 12);
    if (script->truncated && udp)
        return m->size;
    for (size_t i = 0; i < script->n_records; i++)
        put_record(m, script->records + i);
    m->size -= script->cut;
    return m->size;
}

static int on_udp(sd_event_source *source _unused_, int fd, uint32_t revents _unused_, void *userdata)
{
    SocketAddress a;
    socklen_t size = sizeof(a);
    uint8_t query[4096];
    Message m = {};
    ssize_t n = recvfrom(fd, query, sizeof(query), 0, &a.any, &size);

    g_assert_cmpint(n, >, 16);
    if (reply(userdata, query, (size_t)n, true, &m) > 0)
        (void)!sendto(fd, m.data, m.size, 0, &a.any, size);
    return 0;
}

static int on_peer(sd_event_source *source, int fd, uint32_t revents _unused_, void *userdata)
{
    Message m = {}, framed = {};
    Server *s = userdata;
    uint8_t query[4096];
    ssize_t n = read(fd, query, sizeof(query)); /* it comes as a whole */

    g_assert_cmpint(n, >, 18);
    s->n_tcp++;
    if (reply(s, query + 2, (size_t)n - 2, false, &m) > 0) {
        put16(&framed, (unsigned)m.size);
        put(&framed, m.data, m.size);
        (void)!write(fd, framed.data, framed.size);
    }
    sd_event_source_disable_unref(source);
    close(fd);
    return 0;
}

static int on_tcp(sd_event_source *source, int fd, uint32_t revents _unused_, void *userdata)
{
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

    g_assert_cmpint(peer, >=, 0);
    return sd_event_add_io(sd_event_source_get_event(source), &(sd_event_source *){ NULL }, peer, EPOLLIN,
                           on_peer, userdata);
}

/* port: 0 for any. */
static void server_start(Server *s, sd_event *event, const char *address, uint16_t port)
{
    SocketAddress a;
    socklen_t size = address_from_text(address, port, &a);
    g_autofree char *text = NULL;

    g_assert_cmpuint(size, >, 0);
    *s = (Server){ .udp = socket(a.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0),
                   .tcp = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    g_assert_cmpint(bind(s->tcp, &a.any, size), ==, 0);
    g_assert_cmpint(getsockname(s->tcp, &a.any, &size), ==, 0);
    g_assert_cmpint(bind(s->udp, &a.any, size), ==, 0);
    g_assert_cmpint(listen(s->tcp, 4), ==, 0);
    text = server_address_format(address, ntohs(a.in4.sin_port));
    g_strlcpy(s->address, text, sizeof(s->address));
    g_assert_cmpint(sd_event_add_io(event, &s->on_udp, s->udp, EPOLLIN, on_udp, s), >=, 0);
    g_assert_cmpint(sd_event_add_io(event, &s->on_tcp, s->tcp, EPOLLIN, on_tcp, s), >=, 0);
}

static void server_stop(Server *s)
{
    sd_event_source_disable_unref(s->on_udp);
    sd_event_source_disable_unref(s->on_tcp);
    close(s->udp);
    close(s->tcp);
}

/* ---- who asks */

typedef struct Bed {
    sd_event *event;
    Server server, second;
    Dns *dns;
} Bed;

static void bed_init(Bed *b)
{
    *b = (Bed){};
    g_assert_cmpint(sd_event_new(&b->event), >=, 0);
    server_start(&b->server, b->event, "127.0.0.1", 0);
    server_start(&b->second, b->event, "127.0.0.1", 0);
    g_assert_cmpint(dns_new(b->event, (char *[]){ b->server.address, NULL }, &b->dns), ==, 0);
}

static void bed_done(Bed *b)
{
    dns_free(b->dns);
    server_stop(&b->server);
    server_stop(&b->second);
    sd_event_unref(b->event);
}
#define _cleanup_bed_ _cleanup_(bed_done)

typedef struct Answer {
    unsigned n;
    DnsResult result;
    char *values; /* with blanks between */
    Problem problem;
    DnsQuery **cancel; /* from within; NULL: nothing */
} Answer;

static void answer_done(Answer *a)
{
    g_free(a->values);
    problem_clear(&a->problem);
}
#define _cleanup_answer_ _cleanup_(answer_done)

static void on_done(DnsResult result, char *const *values, const Problem *problem, void *userdata)
{
    Answer *a = userdata;

    a->n++;
    if (a->cancel)
        *a->cancel = dns_cancel(*a->cancel);
    a->result = result;
    g_assert_true((result == DNS_FOUND) == (values != NULL));
    g_assert_true((result == DNS_FAILED) == (problem != NULL));
    a->values = values ? g_strjoinv(" ", (char **)(uintptr_t)values) : NULL;
    if (problem) {
        g_test_message("%s", problem->text);
        (void)problem_copy(problem, &a->problem);
    }
}

static bool is_answered(void *userdata)
{
    return ((Answer *)userdata)->n > 0;
}

static DnsQuery *ask(Bed *b, const char *name, DnsType type, const char *server, Answer *a)
{
    _cleanup_problem_ Problem problem = {};
    DnsQuery *q = NULL;

    if (dns_query(b->dns, name, type, server, on_done, a, &q, &problem) < 0)
        g_error("%s", problem.text);
    g_assert_cmpuint(a->n, ==, 0); /* never from within */
    return q;
}

static void assert_answer(Bed *b, const char *name, DnsType type, const char *values)
{
    _cleanup_answer_ Answer a = {};

    ask(b, name, type, NULL, &a);
    loop_until(b->event, is_answered, &a);
    loop_for(b->event, 1000);
    g_assert_cmpuint(a.n, ==, 1);
    g_assert_cmpint(a.result, ==, DNS_FOUND);
    g_assert_cmpstr(a.values, ==, values);
}

static void assert_none(Bed *b, const char *name, DnsType type, const char *server, DnsResult result,
                        const char *text)
{
    _cleanup_answer_ Answer a = {};

    ask(b, name, type, server, &a);
    loop_until(b->event, is_answered, &a);
    g_assert_cmpint(a.result, ==, result);
    if (text && !strstr(a.problem.text, text))
        note_failure("\"%s\" does not say \"%s\"", a.problem.text, text);
}

/* Lasts as long as the block that it stands in. */
#define SCRIPT(server, ...) \
    ((server)->script = (const Script[]){ __VA_ARGS__ }, \
     (server)->n_script = sizeof((const Script[]){ __VA_ARGS__ }) / sizeof(Script))
#define RECORDS(...) \
    .records = (const DnsRecord[]){ __VA_ARGS__ }, \
    .n_records = sizeof((const DnsRecord[]){ __VA_ARGS__ }) / sizeof(DnsRecord)

/* ---- tests */

static void test_types(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    SCRIPT(
        &b.server,
        { TYPE_A, RECORDS({ 0, TYPE_A, "a.example", "\xc0\0\2\1", 4 },
                          { 0, TYPE_A, "a.example", "\xc0\0\2\2", 4 }) },
        { TYPE_AAAA, RECORDS({ 0, TYPE_AAAA, "a.example", "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16 }) },
        { TYPE_TXT, RECORDS({ 0, TYPE_TXT, "a.example", "\5hello\6 world", 13 },
                            { 0, TYPE_TXT, "a.example", "\3a\0b\0", 5 }) },
        { TYPE_CNAME, RECORDS({ 0, TYPE_CNAME, "a.example", "WWW.Example.NET", 0 }) },
        { TYPE_NS, RECORDS({ 0, TYPE_NS, "a.example", "ns1.example", 0 },
                           { 0, TYPE_NS, "a.example", "ns2.example", 0 }) },
        { TYPE_SOA, RECORDS({ 0, TYPE_SOA, "a.example", "ns1.example", 0 }) });
    assert_answer(&b, "a.example", DNS_HOST,
                  "192.0.2.1 192.0.2.2 2001:db8::1"); /* since there are servers */
    assert_answer(&b, "a.example", DNS_ADDRESS, "192.0.2.1 192.0.2.2 2001:db8::1");
    g_assert_cmpstr(b.server.question, ==, "a.example.");
    g_assert_true(b.server.recursion);
    assert_answer(&b, "a.example.", DNS_TXT, "hello world a?b");
    assert_answer(&b, "A.example", DNS_CNAME, "www.example.net");
    assert_answer(&b, "a.example", DNS_NS, "ns1.example ns2.example");
    assert_answer(&b, "a.example", DNS_SOA, "a.example ns1.example");
}

/* In the authority section of an answer that there is nothing; never that of a zone elsewhere. */
static void test_zone(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    SCRIPT(&b.server, { TYPE_SOA, NXDOMAIN, RECORDS({ 1, TYPE_SOA, "example.com", "ns1.example", 0 }) });
    assert_answer(&b, "_acme-challenge.www.example.com", DNS_SOA, "example.com ns1.example");
    SCRIPT(&b.server, { TYPE_SOA, NO_ERROR, RECORDS({ 1, TYPE_SOA, "example.com", "ns1.example", 0 }) });
    assert_answer(&b, "www.example.com", DNS_SOA, "example.com ns1.example");
    assert_none(&b, "www.notexample.com", DNS_SOA, NULL, DNS_NO_DATA, NULL);
    SCRIPT(&b.server, { TYPE_SOA, NO_ERROR,
                        RECORDS({ 0, TYPE_CNAME, "www.example.com", "x.example.org", 0 },
                                { 1, TYPE_SOA, "example.org", "ns1.example", 0 }) });
    assert_none(&b, "www.example.com", DNS_SOA, NULL, DNS_NO_DATA, NULL);
}

static void test_nothing(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    SCRIPT(&b.server, { TYPE_TXT, NXDOMAIN }, { TYPE_CNAME }, { TYPE_A, NXDOMAIN },
           { TYPE_AAAA, NO_ERROR, RECORDS({ 0, TYPE_CNAME, "a.example", "b.example", 0 }) });
    assert_none(&b, "a.example", DNS_TXT, NULL, DNS_NO_NAME, NULL);
    assert_none(&b, "a.example", DNS_CNAME, NULL, DNS_NO_DATA, NULL);
    assert_none(&b, "a.example", DNS_ADDRESS, NULL, DNS_NO_DATA, NULL); /* it exists by one of them */
}

static void test_failures(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    SCRIPT(&b.server, { TYPE_TXT, SERVFAIL }, { TYPE_NS, REFUSED });
    assert_none(&b, "a.example", DNS_TXT, NULL, DNS_FAILED, "SERVFAIL");
    assert_none(&b, "a.example", DNS_NS, b.server.address, DNS_FAILED, "refused");
    assert_none(&b, "a.example", DNS_TXT, b.server.address, DNS_FAILED, b.server.address);
    g_assert_false(b.server.recursion);
}

/* Cut anywhere, it is no answer; nothing is read behind its end (by the sanitizers). */
static void test_malformed(void)
{
    static const DnsRecord records[] = { { 0, TYPE_TXT, "a.example", "\5hello", 6 },
                                         { 0, TYPE_TXT, "a.example", "\5world", 6 } };
    _cleanup_bed_ Bed b;

    bed_init(&b);
    for (size_t cut = 1; cut < 30; cut++) {
        const Script script = { TYPE_TXT, NO_ERROR, records, ELEMENTSOF(records), .cut = cut };

        b.server.script = &script;
        b.server.n_script = 1;
        assert_none(&b, "a.example", DNS_TXT, b.server.address, DNS_FAILED, NULL);
    }
    SCRIPT(&b.server, { TYPE_TXT, RECORDS({ 0, TYPE_TXT, "a.example", "\7hello", 6 }) },
           { TYPE_A, RECORDS({ 0, TYPE_A, "a.example", "\xc0\0\2", 3 }) }, { TYPE_AAAA },
           { TYPE_CNAME, RECORDS({ 0, TYPE_CNAME, "a.example", "\xc0\xff", 2 }) });
    assert_none(&b, "a.example", DNS_TXT, NULL, DNS_FAILED, "malformed");
    assert_none(&b, "a.example", DNS_ADDRESS, NULL, DNS_FAILED, "malformed");
    assert_none(&b, "a.example", DNS_CNAME, NULL, DNS_FAILED, "malformed");
}

/* Of two answers the good one is taken, and nothing of the other. */
static void test_half(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    SCRIPT(&b.server, { TYPE_A, RECORDS({ 0, TYPE_A, "a.example", "\xc0\0\2\1", 4 }) },
           { TYPE_AAAA, RECORDS({ 0, TYPE_AAAA, "a.example", "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16 },
                                { 0, TYPE_AAAA, "a.example", "\x20", 1 }) });
    assert_answer(&b, "a.example", DNS_ADDRESS, "192.0.2.1");
}

static void test_truncated(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    SCRIPT(&b.server, { TYPE_TXT, RECORDS({ 0, TYPE_TXT, "a.example", "\5hello", 6 }), .truncated = true });
    assert_answer(&b, "a.example", DNS_TXT, "hello");
    g_assert_cmpuint(b.server.n_tcp, ==, 1);
}

static void test_next_server(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    SCRIPT(&b.server, { TYPE_TXT, SERVFAIL });
    SCRIPT(&b.second, { TYPE_TXT, RECORDS({ 0, TYPE_TXT, "a.example", "\5hello", 6 }) });
    g_assert_cmpint(dns_set_servers(b.dns, (char *[]){ b.server.address, b.second.address, NULL }), ==, 0);
    assert_answer(&b, "a.example", DNS_TXT, "hello");
    g_assert_cmpuint(b.server.n_asked, ==, 1);
    g_assert_cmpint(dns_set_servers(b.dns, (char *[]){ S("nonsense"), NULL }), ==, -EINVAL);
    assert_answer(&b, "a.example", DNS_TXT, "hello"); /* the former ones stay */
}

static void test_silent(void)
{
    _cleanup_bed_ Bed b;

    bed_init(&b);
    assert_none(&b, "a.example", DNS_TXT, NULL, DNS_FAILED, "a.example");
    g_assert_cmpuint(b.server.n_asked, >, 1); /* it was tried again */
}

static void test_cancel(void)
{
    _cleanup_answer_ Answer one = {}, two = {}, three = {}, four = {};
    DnsQuery *q;
    _cleanup_bed_ Bed b;

    bed_init(&b);
    SCRIPT(&b.server, { TYPE_TXT, RECORDS({ 0, TYPE_TXT, "a.example", "\5hello", 6 }) });
    dns_cancel(ask(&b, "a.example", DNS_TXT, NULL, &one));
    q = ask(&b, "a.example", DNS_TXT, NULL, &two);
    g_assert_cmpint(sd_event_run(b.event, 100000), >=, 0);
    dns_cancel(q);
    loop_for(b.event, 50000);
    ask(&b, "a.example", DNS_NS, NULL, &three); /* is freed with all */
    g_assert_cmpuint(one.n + two.n + three.n, ==, 0);
    dns_cancel(NULL);
    q = ask(&b, "a.example", DNS_TXT, NULL, &four); /* as one that is told may do */
    four.cancel = &q;
    loop_until(b.event, is_answered, &four);
    g_assert_cmpstr(four.values, ==, "hello");
}

static void test_refused(void)
{
    g_autofree char *label = g_strnfill(LIMIT_LABEL + 1, 'a'), *name = g_strdup_printf("%s.example", label),
                    *longest = g_strnfill(LIMIT_NAME + 1, 'a');
    const char *const names[] = { "", "..", "a..b", ".a", "a b", "a\\.b", "\xc3\xa4", name, longest };
    Answer a = {};
    _cleanup_bed_ Bed b;

    bed_init(&b);
    for (size_t i = 0; i < ELEMENTSOF(names); i++) {
        _cleanup_problem_ Problem problem = {};

        if (dns_query(b.dns, names[i], DNS_TXT, NULL, on_done, &a, NULL, &problem) != -EINVAL)
            note_failure("\"%s\" is asked for", names[i]);
        g_assert_cmpint(problem.code, ==, PROBLEM_INVALID_ARGUMENT);
    }
    g_assert_cmpint(dns_query(b.dns, "a.example", DNS_TXT, "ns.example", on_done, &a, NULL, NULL), ==,
                    -EINVAL);
}

/* hosts(5), without a server. */
static void test_host(void)
{
    _cleanup_(dns_freep) Dns *dns = NULL;
    _cleanup_answer_ Answer a = {};
    _cleanup_bed_ Bed b;

    bed_init(&b);
    g_assert_cmpint(dns_set_servers(b.dns, NULL), ==, 0);
    ask(&b, "localhost", DNS_HOST, NULL, &a);
    loop_until(b.event, is_answered, &a);
    loop_for(b.event, 1000);
    g_assert_cmpuint(a.n, ==, 1);
    g_assert_cmpint(a.result, ==, DNS_FOUND);
    g_assert_nonnull(strstr(a.values, "127.0.0.1"));
    g_assert_cmpint(dns_new(b.event, NULL, &dns), ==, 0);
    g_assert_cmpint(dns_query(dns, "localhost", DNS_HOST, NULL, NULL, NULL, NULL, NULL), ==,
                    0); /* nobody is told */
}

/* ---- zones, in a network and with a resolv.conf(5) of the test's own */

#define ZONED "fe80::53"

static bool run(const char *command)
{
    int status = -1;

    return g_spawn_command_line_sync(command, NULL, NULL, &status, NULL) && status == 0;
}

/* Two interfaces with the same address. Returns why there are none; NULL: there are. */
static const char *zones_enter(void)
{
    if (geteuid() != 0)
        return "only root can have a network of its own";
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        !run("ip link set lo up"))
        return "there can be no network of its own here";
    if (!run("ip link add one type veth peer name two") || !run("ip link set one up") ||
        !run("ip link set two up") || !run("ip address add " ZONED "/64 dev one nodad") ||
        !run("ip address add " ZONED "/64 dev two nodad"))
        return "no interface can be made in a network of its own";
    return NULL;
}

static bool set_resolv_conf(const char *text)
{
    g_autofree char *folder = g_dir_make_tmp(NULL, NULL),
                    *file = g_build_filename(folder, "resolv.conf", NULL);
    bool done;

    g_assert_true(g_file_set_contents(file, text, -1, NULL));
    done = mount(file, "/etc/resolv.conf", NULL, MS_BIND, NULL) == 0;
    (void)unlink(file);
    (void)rmdir(folder);
    return done;
}

static void assert_told(Bed *b, Server *told, const Server *other)
{
    unsigned before = other->n_asked;

    SCRIPT(told, { TYPE_TXT, RECORDS({ 0, TYPE_TXT, "a.example", "\5hello", 6 }) },
           { TYPE_A, RECORDS({ 0, TYPE_A, "a.example", "\xc0\0\2\1", 4 }) }, { TYPE_AAAA });
    assert_answer(b, "a.example", DNS_TXT, "hello");
    assert_answer(b, "a.example", DNS_HOST, "192.0.2.1");
    g_assert_cmpuint(told->n_asked, >=, 3);
    g_assert_cmpuint(other->n_asked, ==, before);
}

/* With the address and port alike, the zone decides. */
static void test_zones(void)
{
    const char *why = zones_enter();
    Server one, two;
    _cleanup_bed_ Bed b;

    bed_init(&b);
    if (why) {
        g_test_skip(why);
        return;
    }
    server_start(&one, b.event, ZONED "%one", 5353);
    server_start(&two, b.event, ZONED "%two", 5353);
    g_assert_cmpint(dns_set_servers(b.dns, (char *[]){ S("[" ZONED "%two]:5353"), NULL }), ==, 0);
    assert_told(&b, &two, &one);
    g_assert_cmpint(dns_set_servers(b.dns, (char *[]){ S("[" ZONED "%none]:5353"), one.address, NULL }), ==,
                    0);
    assert_told(&b, &one, &two);
    SCRIPT(&two, { TYPE_TXT, RECORDS({ 0, TYPE_TXT, "a.example", "\5hello", 6 }), .truncated = true });
    g_assert_cmpint(dns_set_servers(b.dns, (char *[]){ two.address, NULL }), ==, 0);
    assert_answer(&b, "a.example", DNS_TXT, "hello");
    g_assert_cmpuint(two.n_tcp, ==, 1);
    server_stop(&one);
    server_stop(&two);
}

/* Its name servers are asked at port 53. */
static void test_zones_of_system(void)
{
    const char *why = zones_enter();
    Server one, two;
    _cleanup_bed_ Bed b;

    bed_init(&b);
    if (!why && !set_resolv_conf("nameserver " ZONED "%two\n"))
        why = "there is no resolv.conf to put another over";
    if (why) {
        g_test_skip(why);
        return;
    }
    g_assert_cmpint(dns_set_servers(b.dns, NULL), ==, 0);
    server_start(&one, b.event, ZONED "%one", 53);
    server_start(&two, b.event, ZONED "%two", 53);
    assert_told(&b, &two, &one);
    server_stop(&one);
    server_stop(&two);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/dns/host", test_host);
    g_test_add_func("/dns/types", test_types);
    g_test_add_func("/dns/zone", test_zone);
    g_test_add_func("/dns/nothing", test_nothing);
    g_test_add_func("/dns/failures", test_failures);
    g_test_add_func("/dns/malformed", test_malformed);
    g_test_add_func("/dns/half", test_half);
    g_test_add_func("/dns/truncated", test_truncated);
    g_test_add_func("/dns/next-server", test_next_server);
    g_test_add_func("/dns/silent", test_silent);
    g_test_add_func("/dns/cancel", test_cancel);
    g_test_add_func("/dns/refused", test_refused);
    g_test_add_func("/dns/zones", test_zones);
    g_test_add_func("/dns/zones-of-system", test_zones_of_system);
    return g_test_run();
}
