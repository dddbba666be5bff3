/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/tls-server.h"

#include <errno.h>

#include "crypto/tls-alpn.h"
#include "util/log.h"

/* The handshake starts as soon as a connection is accepted: clients that request anything but a pending proof are refused at
 * once and take no place. */

typedef struct Connection {
    Place place; /* first */
    TlsListener *listener;
    AlpnConnection *tls;
    sd_event_source *source;
} Connection;

struct TlsListener {
    Acceptor acceptor;
    AlpnServer *server;
};

/* ---- connections */

static Connection *connection_free(Connection *c)
{
    acceptor_leave(&c->listener->acceptor, &c->place);
    sd_event_source_disable_unref(c->source);
    alpn_connection_free(c->tls);
    free(c);
    return NULL;
}

static void dismiss(Place *p, void *userdata _unused_)
{
    connection_free((Connection *)p);
}

/* Frees it if there is nothing more to do. */
static void connection_drive(Connection *c)
{
    int events = alpn_connection_handshake(c->tls, NULL);

    c->place.expected = alpn_connection_is_expected(c->tls);
    if (events == 0)
        log_debug("tls-alpn-01: showed a proof.");
    if (events <= 0 || sd_event_source_set_io_events(c->source, (uint32_t)events) < 0)
        connection_free(c);
}

static int on_connection(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_,
                         void *userdata)
{
    connection_drive(userdata);
    return 0;
}

static void welcome(int fd, const struct sockaddr *address _unused_, socklen_t size _unused_,
                    uint64_t deadline, void *userdata)
{
    Connection *c = calloc(1, sizeof(Connection));
    TlsListener *l = userdata;

    if (!c) {
        close(fd);
        return;
    }
    if (alpn_accept(l->server, fd, &c->tls) < 0) {
        free(c);
        return;
    }
    c->listener = l;
    acceptor_enter(&l->acceptor, &c->place, deadline);
    if (sd_event_add_io(l->acceptor.event, &c->source, fd, EPOLLIN, on_connection, c) < 0) {
        connection_free(c);
        return;
    }
    (void)sd_event_source_set_description(c->source, "tls-alpn-01-connection");
    connection_drive(c);
}

static const AcceptorUse use = {
    .name = "tls-alpn-01",
    .key = "TLSListen=",
    .instead =
        "let it forward connections with the ALPN protocol acme-tls/1 to another port (certwright.conf(5), "
        "\"Behind a reverse proxy\") and set TLSListen= to that, or choose another challenge with Challenges=",
    .welcome = welcome,
    .dismiss = dismiss,
};

/* ---- proofs */

int tls_listener_add(TlsListener *l, char *const *addresses, const char *name, const char *key_authorization,
                     Problem *problem)
{
    int r;

    r = acceptor_hold(&l->acceptor, addresses, problem);
    if (r < 0)
        return r;
    r = alpn_server_add(l->server, name, key_authorization);
    if (r < 0)
        acceptor_release(&l->acceptor);
    return problem_set_errno(problem, r, "Answering tls-alpn-01");
}

void tls_listener_remove(TlsListener *l, const char *name)
{
    alpn_server_remove(l->server, name);
    acceptor_release(&l->acceptor);
}

/* ---- the listener */

bool tls_listener_is_passed(const TlsListener *l)
{
    return l->acceptor.passed;
}

int tls_listener_new(sd_event *event, TlsListener **ret)
{
    _cleanup_(tls_listener_freep) TlsListener *l = calloc(1, sizeof(TlsListener));
    int r;

    if (!l)
        return -ENOMEM;
    r = acceptor_init(&l->acceptor, event, &use, l);
    if (r >= 0)
        r = alpn_server_new(&l->server);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(l);
    return 0;
}

TlsListener *tls_listener_free(TlsListener *l)
{
    if (!l)
        return NULL;
    acceptor_done(&l->acceptor);
    alpn_server_free(l->server);
    free(l);
    return NULL;
}
