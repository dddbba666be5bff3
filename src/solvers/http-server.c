/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/http-server.h"

#include <errno.h>
#include <microhttpd.h>
#include <sys/socket.h>
#include <uthash.h>

#include "util/log.h"
#include "util/timer.h"

/* libmicrohttpd neither listens nor has threads or timeouts here: it gets accepted connections, and runs when its epoll
 * descriptor is readable. It closes a connection that was shut down. */

typedef struct Connection {
    Place place; /* first */
    int fd;      /* libmicrohttpd's */
} Connection;

struct ListenerProof {
    Listener *listener;
    char *token, *text;
    size_t n_users;
    UT_hash_handle hh;
};

struct Listener {
    Acceptor acceptor;
    ListenerSeen seen;
    void *userdata;
    struct MHD_Daemon *server; /* NULL: not listening */
    sd_event_source *io;
    uint64_t next_deadline; /* of the connection being handed over */
    ListenerProof *proofs;
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

/* Queues the reply before libmicrohttpd reads the body, which it never does then. */
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
    log_debug("http-01: request for %s.", proof ? "a pending proof" : "something else");
    if (proof && l->seen && streq(method, MHD_HTTP_METHOD_GET))
        l->seen(proof, l->userdata);
    return queue_reply(c, proof ? MHD_HTTP_OK : MHD_HTTP_NOT_FOUND, proof);
}

/* An escaped path is a different path. */
static size_t keep_escapes(void *userdata _unused_, struct MHD_Connection *c _unused_, char *text)
{
    return strlen(text);
}

/* ---- connections */

/* Leaves nothing in the kernel that waits for the peer. */
static void dismiss(Place *p, void *userdata _unused_)
{
    static const struct linger at_once = { .l_onoff = 1 };
    const Connection *c = (Connection *)p;

    p->ended = true;
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
    c->fd = fd;
    acceptor_enter(&l->acceptor, &c->place, l->next_deadline);
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
    acceptor_leave(&l->acceptor, &c->place);
    free(c);
    *context = NULL;
}

static void welcome(int fd, const struct sockaddr *address, socklen_t size, uint64_t deadline,
                    void *userdata)
{
    Listener *l = userdata;

    l->next_deadline = deadline;
    (void)MHD_add_connection(l->server, fd, address, size);
}

static uint64_t run(void *userdata)
{
    Listener *l = userdata;
    MHD_UNSIGNED_LONG_LONG msec;

    (void)MHD_run(l->server);
    if (MHD_get_timeout(l->server, &msec) != MHD_YES)
        return UINT64_MAX;
    return loop_now(l->acceptor.event, CLOCK_MONOTONIC) + msec * USEC_PER_MSEC;
}

static int on_io(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_, void *userdata)
{
    acceptor_run(&((Listener *)userdata)->acceptor);
    return 0;
}

/* ---- the server */

static int server_open(void *userdata)
{
    Listener *l = userdata;
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
    r = sd_event_add_io(l->acceptor.event, &l->io, info->epoll_fd, EPOLLIN, on_io, l);
    if (r < 0)
        return r;
    (void)sd_event_source_set_description(l->io, "http-01-connections");
    return 0;
}

static void server_close(void *userdata)
{
    Listener *l = userdata;

    l->io = sd_event_source_disable_unref(l->io);
    if (l->server)
        MHD_stop_daemon(TAKE_PTR(l->server));
}

static const AcceptorUse use = {
    .name = "http-01",
    .key = "HTTPListen=",
    .instead =
        "let it hand /.well-known/acme-challenge/ to this service (certwright.conf(5), \"Behind a reverse proxy\"), "
        "or set "
        "WebRoot= to its directory, or choose another challenge with Challenges=",
    .welcome = welcome,
    .dismiss = dismiss,
    .run = run,
    .open = server_open,
    .close = server_close,
};

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
            "Two authorities issued the same token, and only one can be answered at a time; try again");
    if (p) {
        p->n_users++;
        *ret = p;
        return 0;
    }
    r = acceptor_hold(&l->acceptor, addresses, problem);
    if (r < 0)
        return r;
    r = proof_new(l, token, key_authorization, ret);
    if (r < 0)
        acceptor_release(&l->acceptor);
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
    acceptor_release(&l->acceptor);
    return NULL;
}

/* ---- the listener */

bool listener_is_passed(const Listener *l)
{
    return l->acceptor.passed;
}

int listener_new(sd_event *event, ListenerSeen seen, void *userdata, Listener **ret)
{
    _cleanup_(listener_freep) Listener *l = calloc(1, sizeof(Listener));
    int r;

    if (!l)
        return -ENOMEM;
    l->seen = seen;
    l->userdata = userdata;
    r = acceptor_init(&l->acceptor, event, &use, l);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(l);
    return 0;
}

Listener *listener_free(Listener *l)
{
    if (!l)
        return NULL;
    acceptor_done(&l->acceptor);
    free(l);
    return NULL;
}
