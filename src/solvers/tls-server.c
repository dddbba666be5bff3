/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/tls-server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "crypto/tls-alpn.h"
#include "util/log.h"
#include "util/time.h"

#define DEFER_TIME 1  /* seconds that the kernel keeps a connection on which nothing comes */
#define ACCEPT_MAX 32 /* connections in one turn of the loop */
#define PAUSE_USEC (100 * USEC_PER_MSEC) /* when no more descriptors are to be had */

/* Who has a place when there are more connections than places:
 *
 * An authority connects and sends its ClientHello at once. The kernel hands over a connection when its first bytes are there
 * (TCP_DEFER_ACCEPT), and the handshake is begun as soon as it is accepted: who asks for anything else than a proof that waits
 * is refused in that moment and takes no place. Who does not say what he wants, or says it a little at a time, keeps a place
 * for LIMIT_CONNECTION_TIME in all, or until another needs it: the oldest of these goes first, and who asked for a proof
 * goes last. */

typedef struct Connection {
    TlsListener *listener;
    AlpnConnection *tls;
    sd_event_source *source;
    uint64_t deadline;
    TAILQ_ENTRY(Connection) entry;
} Connection;

typedef struct Port {
    TlsListener *listener;
    bool deferring; /* the kernel waits for the first bytes */
    sd_event_source *source;
} Port;

struct TlsListener {
    sd_event *event;
    AlpnServer *server;
    Endpoints endpoints;
    Port ports[ENDPOINTS_MAX];
    sd_event_source *timer; /* NULL: it does not listen */
    TAILQ_HEAD(, Connection) connections;
    size_t n_connections, n_proofs;
    uint64_t paused_until; /* 0: not paused */
};

static const EndpointUse endpoint_use = {
    .passed = "tls-alpn-01",
    .key = "TLSListen=",
    .instead =
        "let it pass on what comes with the ALPN protocol acme-tls/1 to another port (certwright.conf(5), "
        "\"Behind a reverse proxy\") and set TLSListen= to that, or use another of Challenges=",
};

/* ---- connections */

static Connection *connection_free(Connection *c)
{
    TlsListener *l = c->listener;

    TAILQ_REMOVE(&l->connections, c, entry);
    l->n_connections--;
    sd_event_source_disable_unref(c->source);
    alpn_connection_free(c->tls);
    free(c);
    return NULL;
}

static uint64_t listener_now(TlsListener *l)
{
    uint64_t now = 0;

    (void)sd_event_now(l->event, CLOCK_MONOTONIC, &now);
    return now;
}

/* The timer goes off at the first deadline, and when a pause is over. */
static void listener_set_timer(TlsListener *l)
{
    uint64_t next = l->paused_until ? l->paused_until : UINT64_MAX;
    Connection *c;

    TAILQ_FOREACH (c, &l->connections, entry)
        next = MIN(next, c->deadline);
    if (sd_event_source_set_time(l->timer, next) >= 0)
        (void)sd_event_source_set_enabled(l->timer, next == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

/* Frees it when there is nothing more to do. */
static void connection_drive(Connection *c)
{
    int events = alpn_connection_handshake(c->tls, NULL);

    if (events == 0)
        log_debug("tls-alpn-01: a proof was shown.");
    if (events <= 0 || sd_event_source_set_io_events(c->source, (uint32_t)events) < 0)
        connection_free(c);
}

static int on_connection(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_,
                         void *userdata)
{
    connection_drive(userdata);
    return 0;
}

static void listener_make_room(TlsListener *l)
{
    Connection *c;

    TAILQ_FOREACH (c, &l->connections, entry)
        if (!alpn_connection_is_expected(c->tls))
            break;
    c = c ? c : TAILQ_FIRST(&l->connections);
    if (c)
        connection_free(c);
}

static bool has_data(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Takes the descriptor. */
static void listener_welcome(TlsListener *l, const Port *p, int fd)
{
    unsigned seconds =
        p->deferring && !has_data(fd) ? LIMIT_CONNECTION_TIME - DEFER_TIME : LIMIT_CONNECTION_TIME;
    Connection *c;

    if (l->n_connections >= LIMIT_CONNECTIONS)
        listener_make_room(l);
    c = calloc(1, sizeof(Connection));
    if (!c) {
        close(fd);
        return;
    }
    if (alpn_accept(l->server, fd, &c->tls) < 0) {
        free(c);
        return;
    }
    c->listener = l;
    c->deadline = listener_now(l) + seconds * USEC_PER_SEC;
    TAILQ_INSERT_TAIL(&l->connections, c, entry);
    l->n_connections++;
    if (sd_event_add_io(l->event, &c->source, fd, EPOLLIN, on_connection, c) < 0) {
        connection_free(c);
        return;
    }
    (void)sd_event_source_set_description(c->source, "tls-alpn-01-connection");
    connection_drive(c);
}

/* Short of descriptors or memory: what is there is given up for what comes, and then nothing is accepted for a while. */
static void listener_pause(TlsListener *l)
{
    l->paused_until = listener_now(l) + PAUSE_USEC;
    for (size_t i = 0; i < l->endpoints.n; i++)
        (void)sd_event_source_set_enabled(l->ports[i].source, SD_EVENT_OFF);
    listener_make_room(l);
}

static void listener_resume(TlsListener *l)
{
    l->paused_until = 0;
    for (size_t i = 0; i < l->endpoints.n; i++)
        (void)sd_event_source_set_enabled(l->ports[i].source, SD_EVENT_ON);
}

static int on_port(sd_event_source *s _unused_, int fd, uint32_t revents _unused_, void *userdata)
{
    Port *p = userdata;

    for (size_t i = 0; i < ACCEPT_MAX; i++) {
        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (peer >= 0)
            listener_welcome(p->listener, p, peer);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            listener_pause(p->listener);
            break;
        } else if (errno == EAGAIN)
            break;
    }
    listener_set_timer(p->listener);
    return 0;
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Connection *c, *next;
    TlsListener *l = userdata;
    uint64_t now = listener_now(l);

    for (c = TAILQ_FIRST(&l->connections); c; c = next) {
        next = TAILQ_NEXT(c, entry);
        if (c->deadline <= now)
            connection_free(c);
    }
    if (l->paused_until && l->paused_until <= now)
        listener_resume(l);
    listener_set_timer(l);
    return 0;
}

/* ---- listening */

static void listener_close(TlsListener *l)
{
    while (!TAILQ_EMPTY(&l->connections))
        connection_free(TAILQ_FIRST(&l->connections));
    for (size_t i = 0; i < ELEMENTSOF(l->ports); i++)
        l->ports[i].source = sd_event_source_disable_unref(l->ports[i].source);
    l->timer = sd_event_source_disable_unref(l->timer);
    endpoints_close(&l->endpoints);
    l->paused_until = 0;
}

static int listener_watch_port(TlsListener *l, Port *p, int fd)
{
    int seconds = DEFER_TIME, r;

    *p = (Port){ .listener = l };
    p->deferring = setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)) == 0;
    r = sd_event_add_io(l->event, &p->source, fd, EPOLLIN, on_port, p);
    if (r >= 0)
        (void)sd_event_source_set_description(p->source, "tls-alpn-01-port");
    return r;
}

static int listener_start(TlsListener *l)
{
    int r;

    r = sd_event_add_time(l->event, &l->timer, CLOCK_MONOTONIC, UINT64_MAX, 1, on_timer, l);
    if (r >= 0)
        (void)sd_event_source_set_description(l->timer, "tls-alpn-01-timer");
    for (size_t i = 0; i < l->endpoints.n && r >= 0; i++)
        r = listener_watch_port(l, l->ports + i, l->endpoints.fds[i]);
    if (r < 0)
        listener_close(l);
    return r;
}

static int listener_open(TlsListener *l, char *const *addresses, Problem *problem)
{
    int r;

    r = endpoints_open(&endpoint_use, addresses, &l->endpoints, problem);
    if (r < 0)
        return r;
    r = listener_start(l);
    return r < 0 ? problem_set_errno(problem, r, "Listening for tls-alpn-01") : 0;
}

/* ---- proofs */

int tls_listener_add(TlsListener *l, char *const *addresses, const char *name, const char *key_authorization,
                     Problem *problem)
{
    int r;

    r = l->timer ? 0 : listener_open(l, addresses, problem);
    if (r < 0)
        return r;
    r = alpn_server_add(l->server, name, key_authorization);
    if (r >= 0) {
        l->n_proofs++;
        return 0;
    }
    if (l->n_proofs == 0 && !l->endpoints.passed)
        listener_close(l);
    return problem_set_errno(problem, r, "Answering tls-alpn-01");
}

void tls_listener_remove(TlsListener *l, const char *name)
{
    alpn_server_remove(l->server, name);
    l->n_proofs--;
    if (l->n_proofs == 0 && !l->endpoints.passed)
        listener_close(l);
}

/* ---- the listener */

bool tls_listener_is_passed(const TlsListener *l)
{
    return l->endpoints.passed;
}

int tls_listener_new(sd_event *event, TlsListener **ret)
{
    _cleanup_(tls_listener_freep) TlsListener *l = calloc(1, sizeof(TlsListener));
    int r;

    if (!l)
        return -ENOMEM;
    l->event = sd_event_ref(event);
    TAILQ_INIT(&l->connections);
    r = alpn_server_new(&l->server);
    if (r >= 0)
        r = endpoints_find_passed(&endpoint_use, &l->endpoints);
    if (r >= 0 && l->endpoints.n > 0)
        r = listener_start(l);
    else
        l->endpoints.passed = false;
    if (r < 0)
        return r;
    *ret = TAKE_PTR(l);
    return 0;
}

TlsListener *tls_listener_free(TlsListener *l)
{
    if (!l)
        return NULL;
    listener_close(l);
    alpn_server_free(l->server);
    sd_event_unref(l->event);
    free(l);
    return NULL;
}
