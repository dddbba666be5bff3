/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/http-server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <uthash.h>

#include "util/log.h"
#include "util/time.h"

#define DEFER_TIME 1  /* seconds that the kernel keeps a connection on which nothing comes */
#define ACCEPT_MAX 32 /* connections in one turn of the loop */
#define PAUSE_USEC (100 * USEC_PER_MSEC) /* when no more descriptors are to be had */

/* Who answers whom, when there are more connections than places:
 *
 * An authority connects and asks at once. Those that would keep it out connect and say nothing, or a little at a time. So
 * the kernel hands over a connection when its first bytes are there (TCP_DEFER_ACCEPT), and libmicrohttpd is let run
 * after each that was accepted: a request that is whole has its answer then and has left its place again. Only what is
 * not whole keeps a place, for LIMIT_CONNECTION_TIME in all and not for each byte, or until all places are taken and another
 * needs one: who has to go first gives it up then.
 *
 * libmicrohttpd has no sockets to accept from, no thread and no timeouts of its own here: it is given connections, and
 * run by its epoll descriptor in our loop. It closes a connection when that was shut down. */

typedef struct Connection {
    Listener *listener;
    int fd; /* libmicrohttpd's */
    uint64_t deadline;
    bool ended; /* shut down */
    TAILQ_ENTRY(Connection) entry;
} Connection;

typedef struct Port {
    Listener *listener;
    int fd;
    bool deferring; /* the kernel waits for the first bytes */
    sd_event_source *source;
} Port;

struct ListenerProof {
    Listener *listener;
    char *token, *text;
    size_t n_users;
    UT_hash_handle hh;
};

struct Listener {
    sd_event *event;
    ListenerSeen seen;
    void *userdata;
    Endpoints endpoints;
    Port ports[ENDPOINTS_MAX];
    struct MHD_Daemon *server; /* NULL: it does not listen */
    sd_event_source *io, *timer;
    TAILQ_HEAD(, Connection) connections;
    size_t n_connections;
    uint64_t next_deadline; /* of the connection that is being handed over */
    uint64_t paused_until;  /* 0: not paused */
    ListenerProof *proofs;
};

static const EndpointUse endpoint_use = {
    .passed = "http-01",
    .key = "HTTPListen=",
    .instead =
        "let it hand /.well-known/acme-challenge/ to this service (certwright.conf(5), \"Behind a reverse "
        "proxy\", and the lines for nginx, Apache, HAProxy and Caddy in /usr/share/certwright/snippets), or set "
        "WebRoot= to its directory, or use another of Challenges=",
};

/* ---- requests */

static enum MHD_Result queue_reply(struct MHD_Connection *c, unsigned status, const ListenerProof *proof)
{
    struct MHD_Response *reply;
    enum MHD_Result r = MHD_NO;

    reply = MHD_create_response_from_buffer(proof ? strlen(proof->text) : 0, proof ? proof->text : NULL,
                                            MHD_RESPMEM_MUST_COPY);
    if (!reply)
        return MHD_NO;
    if (MHD_add_response_header(reply, "Connection", "close") == MHD_YES &&
        MHD_add_response_header(reply, "Cache-Control", "no-store") == MHD_YES &&
        (!proof || MHD_add_response_header(reply, "Content-Type", "application/octet-stream") == MHD_YES) &&
        (status != MHD_HTTP_METHOD_NOT_ALLOWED ||
         MHD_add_response_header(reply, "Allow", "GET, HEAD") == MHD_YES))
        r = MHD_queue_response(c, status, reply);
    MHD_destroy_response(reply);
    return r;
}

/* It is answered before its body is read, which it then never is. */
static enum MHD_Result on_request(void *userdata, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version _unused_,
                                  const char *data _unused_, size_t *size _unused_, void **request _unused_)
{
    static const char place[] = "/.well-known/acme-challenge/";
    Listener *l = userdata;
    ListenerProof *proof = NULL;

    if (!streq(method, MHD_HTTP_METHOD_GET) && !streq(method, MHD_HTTP_METHOD_HEAD))
        return queue_reply(c, MHD_HTTP_METHOD_NOT_ALLOWED, NULL);
    if (strncmp(url, place, strlen(place)) == 0)
        HASH_FIND_STR(l->proofs, url + strlen(place), proof);
    log_debug("http-01: asked for %s.", proof ? "a proof that waits" : "something else");
    if (proof && l->seen && streq(method, MHD_HTTP_METHOD_GET))
        l->seen(proof, l->userdata);
    return queue_reply(c, proof ? MHD_HTTP_OK : MHD_HTTP_NOT_FOUND, proof);
}

/* What is escaped is another path. */
static size_t keep_escapes(void *userdata _unused_, struct MHD_Connection *c _unused_, char *text)
{
    return strlen(text);
}

/* ---- connections */

/* Nothing is left to wait for in the kernel either. */
static void connection_end(Connection *c)
{
    static const struct linger at_once = { .l_onoff = 1 };

    c->ended = true;
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)shutdown(c->fd, SHUT_RDWR);
}

static void connection_begin(Listener *l, int fd, void **ret)
{
    Connection *c = calloc(1, sizeof(Connection));

    if (!c) {
        (void)shutdown(fd, SHUT_RDWR);
        return;
    }
    *c = (Connection){ .listener = l, .fd = fd, .deadline = l->next_deadline };
    TAILQ_INSERT_TAIL(&l->connections, c, entry);
    l->n_connections++;
    *ret = c;
}

static void on_connection(void *userdata, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    Listener *l = userdata;
    Connection *c = *context;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_begin(
            l, MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, context);
        return;
    }
    if (!c)
        return;
    TAILQ_REMOVE(&l->connections, c, entry);
    l->n_connections--;
    free(c);
    *context = NULL;
}

/* The one that has to go first. */
static Connection *listener_next(Listener *l)
{
    Connection *c, *first = NULL;

    TAILQ_FOREACH (c, &l->connections, entry)
        if (!c->ended && (!first || c->deadline < first->deadline))
            first = c;
    return first;
}

static uint64_t listener_now(Listener *l)
{
    uint64_t now = 0;

    (void)sd_event_now(l->event, CLOCK_MONOTONIC, &now);
    return now;
}

/* Lets libmicrohttpd do what can be done now, and sees to it that the timer goes off when there is more. */
static void listener_run(Listener *l)
{
    uint64_t next = l->paused_until ? l->paused_until : UINT64_MAX;
    MHD_UNSIGNED_LONG_LONG msec;
    Connection *first;

    (void)MHD_run(l->server);
    first = listener_next(l);
    if (first)
        next = MIN(next, first->deadline);
    if (MHD_get_timeout(l->server, &msec) == MHD_YES)
        next = MIN(next, listener_now(l) + msec * USEC_PER_MSEC);
    if (sd_event_source_set_time(l->timer, next) >= 0)
        (void)sd_event_source_set_enabled(l->timer, next == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static void listener_make_room(Listener *l)
{
    Connection *first = listener_next(l);

    if (first)
        connection_end(first);
    listener_run(l);
}

static bool has_data(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Takes the descriptor. */
static void listener_welcome(Listener *l, const Port *p, int fd, const struct sockaddr *address,
                             socklen_t size)
{
    unsigned seconds = LIMIT_CONNECTION_TIME;

    if (l->n_connections >= LIMIT_CONNECTIONS)
        listener_make_room(l);
    if (p->deferring && !has_data(fd))
        seconds -= DEFER_TIME;
    l->next_deadline = listener_now(l) + seconds * USEC_PER_SEC;
    if (MHD_add_connection(l->server, fd, address, size) == MHD_YES)
        listener_run(l);
}

/* Short of descriptors or memory: what is there is given up for what comes, and then nothing is accepted for a while. */
static void listener_pause(Listener *l)
{
    l->paused_until = listener_now(l) + PAUSE_USEC;
    for (size_t i = 0; i < l->endpoints.n; i++)
        (void)sd_event_source_set_enabled(l->ports[i].source, SD_EVENT_OFF);
    listener_make_room(l);
}

static void listener_resume(Listener *l)
{
    l->paused_until = 0;
    for (size_t i = 0; i < l->endpoints.n; i++)
        (void)sd_event_source_set_enabled(l->ports[i].source, SD_EVENT_ON);
}

static int on_port(sd_event_source *s _unused_, int fd, uint32_t revents _unused_, void *userdata)
{
    Port *p = userdata;

    for (size_t i = 0; i < ACCEPT_MAX; i++) {
        struct sockaddr_storage address = {};
        socklen_t size = sizeof(address);
        int peer = accept4(fd, (struct sockaddr *)&address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (peer >= 0)
            listener_welcome(p->listener, p, peer, (struct sockaddr *)&address, size);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            listener_pause(p->listener);
            break;
        } else if (errno == EAGAIN)
            break;
    }
    return 0;
}

static int on_io(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_, void *userdata)
{
    listener_run(userdata);
    return 0;
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Listener *l = userdata;
    uint64_t now = listener_now(l);
    Connection *c;

    while ((c = listener_next(l)) && c->deadline <= now)
        connection_end(c);
    if (l->paused_until && l->paused_until <= now)
        listener_resume(l);
    listener_run(l);
    return 0;
}

/* ---- listening */

static void listener_close(Listener *l)
{
    for (size_t i = 0; i < ELEMENTSOF(l->ports); i++)
        l->ports[i].source = sd_event_source_disable_unref(l->ports[i].source);
    l->io = sd_event_source_disable_unref(l->io);
    l->timer = sd_event_source_disable_unref(l->timer);
    if (l->server)
        MHD_stop_daemon(TAKE_PTR(l->server));
    endpoints_close(&l->endpoints);
    l->paused_until = 0;
}

static int listener_start_server(Listener *l)
{
    const union MHD_DaemonInfo *info;
    int r;

    l->server = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request, l,
                                 MHD_OPTION_CONNECTION_LIMIT, (unsigned)LIMIT_CONNECTIONS,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)LIMIT_CONNECTION_MEMORY,
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
                                 MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_END);
    info = l->server ? MHD_get_daemon_info(l->server, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info)
        return -ENOMEM;
    r = sd_event_add_time(l->event, &l->timer, CLOCK_MONOTONIC, UINT64_MAX, 1, on_timer, l);
    if (r < 0)
        return r;
    (void)sd_event_source_set_description(l->timer, "http-01-timer");
    r = sd_event_add_io(l->event, &l->io, info->epoll_fd, EPOLLIN, on_io, l);
    if (r < 0)
        return r;
    (void)sd_event_source_set_description(l->io, "http-01-connections");
    return 0;
}

static int listener_watch_port(Listener *l, Port *p, int fd)
{
    int seconds = DEFER_TIME, r;

    *p = (Port){ .listener = l, .fd = fd };
    p->deferring = setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)) == 0;
    r = sd_event_add_io(l->event, &p->source, fd, EPOLLIN, on_port, p);
    if (r >= 0)
        (void)sd_event_source_set_description(p->source, "http-01-port");
    return r;
}

static int listener_start(Listener *l)
{
    int r;

    r = listener_start_server(l);
    for (size_t i = 0; i < l->endpoints.n && r >= 0; i++)
        r = listener_watch_port(l, l->ports + i, l->endpoints.fds[i]);
    if (r < 0)
        listener_close(l);
    return r;
}

static int listener_open(Listener *l, char *const *addresses, Problem *problem)
{
    int r;

    r = endpoints_open(&endpoint_use, addresses, &l->endpoints, problem);
    if (r < 0)
        return r;
    return problem_set_errno(problem, listener_start(l), "Listening for http-01");
}

/* ---- proofs */

static int proof_new(Listener *l, const char *token, const char *text, ListenerProof **ret)
{
    ListenerProof *p = calloc(1, sizeof(ListenerProof));

    if (!p)
        return -ENOMEM;
    *p = (ListenerProof){ .listener = l, .token = strdup(token), .text = strdup(text), .n_users = 1 };
    if (!p->token || !p->text) {
        free(p->token);
        free(p->text);
        free(p);
        return -ENOMEM;
    }
    HASH_ADD_KEYPTR(hh, l->proofs, p->token, strlen(p->token), p);
    *ret = p;
    return 0;
}

int listener_add(Listener *l, char *const *addresses, const char *token, const char *key_authorization,
                 ListenerProof **ret, Problem *problem)
{
    ListenerProof *p;
    int r;

    HASH_FIND_STR(l->proofs, token, p);
    if (p && !streq(p->text, key_authorization))
        return problem_set(
            problem, PROBLEM_CHALLENGE_FAILED,
            "Two authorities gave the same token, of which only one can be answered; try again");
    if (p) {
        p->n_users++;
        *ret = p;
        return 0;
    }
    r = l->server ? 0 : listener_open(l, addresses, problem);
    if (r < 0)
        return r;
    r = proof_new(l, token, key_authorization, ret);
    if (r < 0 && !l->proofs && !l->endpoints.passed)
        listener_close(l);
    return problem_set_errno(problem, r, "Answering http-01");
}

ListenerProof *listener_remove(ListenerProof *p)
{
    Listener *l = p ? p->listener : NULL;

    if (!p || --p->n_users > 0)
        return NULL;
    HASH_DEL(l->proofs, p);
    free(p->token);
    free(p->text);
    free(p);
    if (!l->proofs && !l->endpoints.passed)
        listener_close(l);
    return NULL;
}

/* ---- the listener */

bool listener_is_passed(const Listener *l)
{
    return l->endpoints.passed;
}

int listener_new(sd_event *event, ListenerSeen seen, void *userdata, Listener **ret)
{
    _cleanup_(listener_freep) Listener *l = calloc(1, sizeof(Listener));
    int r;

    if (!l)
        return -ENOMEM;
    l->event = sd_event_ref(event);
    l->seen = seen;
    l->userdata = userdata;
    TAILQ_INIT(&l->connections);
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

Listener *listener_free(Listener *l)
{
    if (!l)
        return NULL;
    listener_close(l);
    sd_event_unref(l->event);
    free(l);
    return NULL;
}
