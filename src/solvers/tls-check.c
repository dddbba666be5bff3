/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/tls-check.h"

#include <errno.h>

#include "core/limits.h"
#include "crypto/tls-alpn.h"
#include "net/address.h"
#include "util/text.h"
#include "util/time.h"
#include "util/timer.h"

typedef struct TlsProbe {
    AddressProbe probe; /* first */
    AlpnConnection *tls;
    sd_event_source *io, *timer;
} TlsProbe;

static void probe_drop(AddressProbe *base)
{
    TlsProbe *p = (TlsProbe *)base;

    sd_event_source_disable_unref(p->io);
    sd_event_source_disable_unref(p->timer);
    alpn_connection_free(p->tls);
    free(p);
}

static const char *advice(bool unreachable)
{
    if (unreachable)
        return "check that the name leads to this machine and that firewall and router let the port through, or, " SEEN_OTHERWISE;
    return "check that the name leads to this machine alone and that the port, or for a proxy connections with the "
           "ALPN protocol acme-tls/1, leads to an address of TLSListen=, or, " SEEN_OTHERWISE;
}

/* why: PROBLEM_NONE if the proof is there. */
static void probe_finish(TlsProbe *p, const Problem *why)
{
    const TlsCheck *c = (TlsCheck *)p->probe.check;
    bool unreachable = why->code == PROBLEM_NETWORK_FAILED;
    _cleanup_problem_ Problem problem = {};

    if (why->code != PROBLEM_NONE)
        problem_set(&problem, PROBLEM_CHALLENGE_FAILED,
                    "The tls-alpn-01 proof for %s was not found at %s port %u: %s; %s.", c->check.task->name,
                    p->probe.address, c->port, strempty(why->text), advice(unreachable));
    p->probe.answer = (unsigned)text_hash(strempty(why->text), 0);
    address_probe_end(&p->probe, unreachable, &problem);
    probe_drop(&p->probe);
}

static int on_io(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_, void *userdata)
{
    TlsProbe *p = userdata;
    _cleanup_problem_ Problem problem = {};
    int r = alpn_connection_handshake(p->tls, &problem);

    if (r > 0 && sd_event_source_set_io_events(p->io, (uint32_t)r) >= 0)
        return 0;
    (void)problem_set_errno(&problem, r > 0 ? -ENOMEM : r, "Looking for the proof");
    probe_finish(p, &problem);
    return 0;
}

static int on_timeout(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    _cleanup_problem_ Problem problem = {};

    problem_set(&problem, PROBLEM_NETWORK_FAILED, "no answer within %d seconds", LIMIT_CHECK_TIME);
    probe_finish(userdata, &problem);
    return 0;
}

static int probe_connect(TlsProbe *p)
{
    const TlsCheck *c = (TlsCheck *)p->probe.check;
    const Task *t = c->check.task;
    sd_event *event = t->base.solver->context->event;
    _cleanup_close_ int fd = -EBADF;
    SocketAddress address;
    socklen_t size = address_from_text(p->probe.address, c->port, &address);
    int r;

    if (size == 0)
        return -EAFNOSUPPORT;
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, &address.any, size) < 0 && errno != EINPROGRESS))
        return -errno;
    r = alpn_connect(TAKE_FD(fd), t->name, t->key_authorization, &p->tls);
    if (r >= 0)
        r = sd_event_add_io(event, &p->io, alpn_connection_fd(p->tls), EPOLLOUT, on_io, p);
    if (r < 0)
        return r;
    (void)sd_event_source_set_description(p->io, "tls-alpn-01-check");
    return deadline_add(event, &p->timer, LIMIT_CHECK_TIME * USEC_PER_SEC, on_timeout, p);
}

static int probe_ask(SelfCheck *c, const char *address)
{
    _cleanup_problem_ Problem problem = {};
    TlsProbe *p = calloc(1, sizeof(TlsProbe));
    int r;

    if (!p)
        return -ENOMEM;
    address_probe_begin(&p->probe, c, address);
    r = probe_connect(p);
    if (r >= 0)
        return 0;
    problem_set(&problem, PROBLEM_NETWORK_FAILED, "connection failed (%s)", strerror(-r));
    probe_finish(p, &problem);
    return 0;
}

int tls_check_start(TlsCheck *c, Task *t, uint16_t port, Problem *problem)
{
    static const SelfCheckUse use = { .ask = probe_ask, .drop = probe_drop };

    c->port = port;
    return self_check_start(&c->check, t, &use, problem);
}
