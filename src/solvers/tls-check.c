/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/tls-check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "core/limits.h"
#include "core/name.h"
#include "crypto/tls-alpn.h"
#include "util/timer.h"

typedef union SocketAddress {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
} SocketAddress;

/* A connection to one address. */
typedef struct Probe {
    TlsCheck *check;
    char *address;
    AlpnConnection *tls; /* NULL: completed */
    sd_event_source *source;
    Problem problem;
} Probe;

struct TlsCheck {
    sd_event *event;
    char *name, *key_authorization;
    uint16_t port;
    DnsQuery *query;
    Probe probes[LIMIT_CHECK_ADDRESSES];
    size_t n_probes, n_open;
    sd_event_source *deadline;
    sd_event_source *deferred; /* reports the result */
    Problem problem;
    TlsCheckDone done;
    void *userdata;
};

/* ---- the result */

static const char *advice(const Probe *p)
{
    if (p->problem.code == PROBLEM_NETWORK_FAILED)
        return "see that the name leads to this machine and that firewall and router let the port through, or set "
               "SelfCheck=no if this machine cannot reach its own public address";
    return "see that the name leads to this machine alone and that the port, or for a proxy what comes there with the "
           "ALPN protocol acme-tls/1, leads to an address of TLSListen=";
}

static void check_conclude(TlsCheck *c)
{
    const Probe *worst = NULL;
    bool answered = false;

    for (size_t i = 0; i < c->n_probes; i++) {
        const Probe *p = c->probes + i;

        answered = answered || p->problem.code == PROBLEM_NONE;
        if (p->problem.code != PROBLEM_NONE && (!worst || worst->problem.code == PROBLEM_NETWORK_FAILED))
            worst = p;
    }
    if (worst && (!answered || worst->problem.code != PROBLEM_NETWORK_FAILED))
        (void)problem_set(&c->problem, PROBLEM_CHALLENGE_FAILED,
                          "The proof of %s by tls-alpn-01 is not seen at %s port %u: %s; %s.", c->name,
                          worst->address, c->port, worst->problem.text, advice(worst));
}

static int on_deferred(sd_event_source *s _unused_, void *userdata)
{
    TlsCheck *c = userdata;

    c->done(&c->problem, c->userdata);
    return 0;
}

/* Everything is known: reports it in the next turn of the loop. */
static void check_finish(TlsCheck *c)
{
    c->deadline = sd_event_source_disable_unref(c->deadline);
    (void)sd_event_source_set_enabled(c->deferred, SD_EVENT_ONESHOT);
}

/* ---- one address */

static void probe_close(Probe *p)
{
    p->source = sd_event_source_disable_unref(p->source);
    p->tls = alpn_connection_free(p->tls);
}

static void probe_finish(Probe *p)
{
    TlsCheck *c = p->check;

    probe_close(p);
    if (--c->n_open > 0)
        return;
    check_conclude(c);
    check_finish(c);
}

static void probe_drive(Probe *p)
{
    int events = alpn_connection_handshake(p->tls, &p->problem);

    if (events > 0)
        events = sd_event_source_set_io_events(p->source, (uint32_t)events) < 0 ? -ENOMEM : events;
    if (events > 0)
        return;
    (void)problem_set_errno(&p->problem, events, "Looking for the proof");
    probe_finish(p);
}

static int on_probe(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_, void *userdata)
{
    probe_drive(userdata);
    return 0;
}

static socklen_t parse_address(const char *text, uint16_t port, SocketAddress *ret)
{
    *ret = (SocketAddress){};
    if (inet_pton(AF_INET, text, &ret->in4.sin_addr) == 1) {
        ret->in4.sin_family = AF_INET;
        ret->in4.sin_port = htons(port);
        return sizeof(ret->in4);
    }
    *ret = (SocketAddress){};
    if (inet_pton(AF_INET6, text, &ret->in6.sin6_addr) != 1)
        return 0;
    ret->in6.sin6_family = AF_INET6;
    ret->in6.sin6_port = htons(port);
    return sizeof(ret->in6);
}

static int probe_connect(Probe *p)
{
    TlsCheck *c = p->check;
    SocketAddress address;
    socklen_t size = parse_address(p->address, c->port, &address);
    int fd, r;

    if (size == 0)
        return -EAFNOSUPPORT;
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, &address.any, size) < 0 && errno != EINPROGRESS) {
        r = -errno;
        close(fd);
        return r;
    }
    r = alpn_connect(fd, c->name, c->key_authorization, &p->tls);
    if (r < 0)
        return r;
    r = sd_event_add_io(c->event, &p->source, fd, EPOLLOUT, on_probe, p);
    if (r >= 0)
        (void)sd_event_source_set_description(p->source, "tls-alpn-01-check");
    return r;
}

static int check_ask(TlsCheck *c, const char *address)
{
    Probe *p = c->probes + c->n_probes;
    int r;

    *p = (Probe){ .check = c, .address = strdup(address) };
    if (!p->address)
        return -ENOMEM;
    c->n_probes++;
    r = probe_connect(p);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        probe_close(p);
        (void)problem_set(&p->problem, PROBLEM_NETWORK_FAILED, "no connection can be made (%s)",
                          strerror(-r));
    } else
        c->n_open++;
    return 0;
}

static void check_ask_all(TlsCheck *c, char *const *addresses)
{
    int r = 0;

    for (size_t i = 0; addresses[i] && i < LIMIT_CHECK_ADDRESSES && r >= 0; i++)
        r = check_ask(c, addresses[i]);
    if (r < 0)
        (void)problem_set_errno(&c->problem, r, "Looking for the proof");
    if (r < 0 || c->n_open == 0) {
        check_conclude(c);
        check_finish(c);
    }
}

/* ---- all of it */

static void on_answer(DnsResult result, char *const *values, const Problem *problem, void *userdata)
{
    TlsCheck *c = userdata;

    c->query = NULL;
    if (result == DNS_FOUND && values && values[0]) {
        check_ask_all(c, values);
        return;
    }
    if (result == DNS_FAILED)
        (void)problem_set(&c->problem, PROBLEM_CHALLENGE_FAILED,
                          "The addresses of %s cannot be found out: %s", c->name,
                          problem && problem->text ? problem->text : "the DNS does not answer.");
    else
        (void)problem_set(&c->problem, PROBLEM_CHALLENGE_FAILED,
                          "%s %s; add an A or AAAA record with the address of this machine to its zone.",
                          c->name,
                          result == DNS_NO_NAME ? "is not in the DNS" : "has no address in the DNS");
    check_finish(c);
}

static int on_deadline(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    TlsCheck *c = userdata;

    c->query = dns_cancel(c->query);
    for (size_t i = 0; i < c->n_probes; i++) {
        Probe *p = c->probes + i;

        if (p->tls)
            (void)problem_set(&p->problem, PROBLEM_NETWORK_FAILED, "nothing answers within %d seconds",
                              LIMIT_CHECK_TIME);
        probe_close(p);
    }
    if (c->n_probes == 0)
        (void)problem_set(
            &c->problem, PROBLEM_CHALLENGE_FAILED,
            "The addresses of %s cannot be found out: the DNS does not answer; see DNSResolvers=.", c->name);
    c->n_open = 0;
    check_conclude(c);
    check_finish(c);
    return 0;
}

static int check_prepare(TlsCheck *c, const char *name, const char *key_authorization)
{
    int r;

    c->name = strdup(name);
    c->key_authorization = strdup(key_authorization);
    if (!c->name || !c->key_authorization)
        return -ENOMEM;
    r = deferred_add(c->event, &c->deferred, on_deferred, c);
    if (r < 0)
        return r;
    (void)sd_event_source_set_description(c->deferred, "tls-alpn-01-checked");
    return deadline_add(c->event, &c->deadline, LIMIT_CHECK_TIME * USEC_PER_SEC, on_deadline, c);
}

int tls_check_start(sd_event *event, Dns *dns, const char *name, const char *key_authorization,
                    uint16_t port, TlsCheckDone done, void *userdata, TlsCheck **ret, Problem *problem)
{
    _cleanup_(tls_check_freep) TlsCheck *c = calloc(1, sizeof(TlsCheck));
    char *const literal[] = { (char *)(uintptr_t)name, NULL };
    int r;

    if (!c)
        return problem_set_errno(problem, -ENOMEM, "Looking for the proof");
    c->event = sd_event_ref(event);
    c->port = port;
    c->done = done;
    c->userdata = userdata;
    r = check_prepare(c, name, key_authorization);
    if (r < 0)
        return problem_set_errno(problem, r, "Looking for the proof");
    if (name_is_address(name))
        check_ask_all(c, literal);
    else
        r = dns_query(dns, name, DNS_ADDRESS, NULL, on_answer, c, &c->query, problem);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(c);
    return 0;
}

TlsCheck *tls_check_free(TlsCheck *c)
{
    if (!c)
        return NULL;
    dns_cancel(c->query);
    for (size_t i = 0; i < c->n_probes; i++) {
        probe_close(c->probes + i);
        free(c->probes[i].address);
        problem_clear(&c->probes[i].problem);
    }
    sd_event_source_disable_unref(c->deadline);
    sd_event_source_disable_unref(c->deferred);
    problem_clear(&c->problem);
    erase_and_free(c->key_authorization);
    free(c->name);
    sd_event_unref(c->event);
    free(c);
    return NULL;
}
