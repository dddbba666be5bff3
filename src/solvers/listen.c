/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "net/address.h"
#include "util/text.h"
#include "util/timer.h"

#define DEFER_TIME 1                     /* seconds that the kernel keeps a connection without data */
#define ACCEPT_MAX 32                    /* connections accepted in one turn of the loop */
#define PAUSE_USEC (100 * USEC_PER_MSEC) /* when descriptors have run out */
#define BACKLOG \
    4096 /* connections that the kernel keeps until they are accepted; net.core.somaxconn may be less */

/* ---- sockets that systemd passed */

bool sockets_are_passed(void)
{
    return sd_listen_fds(false) > 0;
}

static int add_passed(Acceptor *a, int fd)
{
    int flags, r;

    r = sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1);
    if (r <= 0 || a->n_ports == ENDPOINTS_MAX)
        return r;
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    a->ports[a->n_ports++].fd = fd;
    a->passed = true;
    return 0;
}

static int find_passed(Acceptor *a)
{
    _cleanup_strv_ char **names = NULL;
    int n = sd_listen_fds_with_names(false, &names), r;

    for (int i = 0; i < n; i++) {
        r = streq(names[i], a->use->name) ? add_passed(a, SD_LISTEN_FDS_START + i) : 0;
        if (r < 0)
            return r;
    }
    return MIN(n, 0);
}

/* ---- sockets that are opened here */

static int socket_listen(const SocketAddress *address, socklen_t size, int *ret)
{
    bool six = address->any.sa_family == AF_INET6;
    _cleanup_close_ int fd = -EBADF;
    int yes = 1;

    fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
        (six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) < 0) ||
        bind(fd, &address->any, size) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    *ret = TAKE_FD(fd);
    return 0;
}

/* An unavailable address that was not given explicitly is skipped. */
static bool family_is_missing(int r)
{
    return r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL;
}

static int open_at(Acceptor *a, const char *host, uint16_t port)
{
    SocketAddress address;
    socklen_t size = address_from_text(host, port, &address);
    int r;

    if (a->n_ports == ENDPOINTS_MAX)
        return -E2BIG;
    r = socket_listen(&address, size, &a->ports[a->n_ports].fd);
    if (r >= 0)
        a->n_ports++;
    return r;
}

static int open_everywhere(Acceptor *a, const char *text)
{
    uint64_t port;
    int four, six;

    if (parse_uint64(text, &port) < 0 || port < 1 || port > UINT16_MAX)
        return -EINVAL;
    four = open_at(a, "0.0.0.0", (uint16_t)port);
    if (four < 0 && !family_is_missing(four))
        return four;
    six = open_at(a, "::", (uint16_t)port);
    return four < 0 || !family_is_missing(six) ? six : 0;
}

static int open_one(Acceptor *a, const char *text)
{
    char host[ADDRESS_TEXT_SIZE];
    uint16_t port;

    if (text[0] == ':')
        return open_everywhere(a, text + 1);
    if (server_address_parse(text, host, &port) < 0 || port == 0)
        return -EINVAL;
    return open_at(a, host, port);
}

static int describe(const AcceptorUse *use, const char *address, int r, Problem *problem)
{
    const char *what, *advice = use->instead;

    switch (r) {
    case -EADDRINUSE:
        what = "another program uses the port";
        break;
    case -EACCES:
    case -EPERM:
        what = "the service may not use the port";
        advice =
            "grant its unit CAP_NET_BIND_SERVICE, or use a port above 1023 to which a proxy or the firewall "
            "forwards";
        break;
    case -EADDRNOTAVAIL:
    case -EAFNOSUPPORT:
        what = "this machine does not have the address";
        advice = "correct the setting, or assign the address to an interface";
        break;
    case -EINVAL:
        what = "it is not an address with a port";
        advice = "write ADDRESS:PORT, [ADDRESS]:PORT or :PORT";
        break;
    default:
        what = strerror(-r);
    }
    problem_set(problem, PROBLEM_CHALLENGE_FAILED, "Cannot listen on %s (%s): %s; %s", address, use->key,
                what, advice);
    return r;
}

static int open_all(Acceptor *a, char *const *addresses, Problem *problem)
{
    int r = 0;

    for (size_t i = 0; addresses && addresses[i] && r >= 0; i++) {
        r = open_one(a, addresses[i]);
        if (r < 0)
            (void)describe(a->use, addresses[i], r, problem);
    }
    return r;
}

/* ---- places
 *
 * How connections are dropped when there are more of them than places:
 *
 * An authority connects and sends its request at once. Attackers that want to keep it out connect and send nothing, or a few
 * bytes at a time. So the kernel hands over a connection when its first bytes have arrived (TCP_DEFER_ACCEPT), and the server
 * runs after each accepted connection: a complete request is answered right away and leaves its place again. Only incomplete
 * requests keep a place, for LIMIT_CONNECTION_TIME in total. When all places are taken, a new connection replaces the one whose
 * deadline is next; those that requested a pending proof are replaced last. */

static Place *first_to_go(const Acceptor *a)
{
    Place *p, *first = NULL;

    TAILQ_FOREACH (p, &a->places, entry)
        if (!p->ended && (!first || p->expected < first->expected ||
                          (p->expected == first->expected && p->deadline < first->deadline)))
            first = p;
    return first;
}

static void make_room(Acceptor *a)
{
    Place *p = first_to_go(a);

    if (p)
        a->use->dismiss(p, a->userdata);
    acceptor_run(a);
}

void acceptor_enter(Acceptor *a, Place *p, uint64_t deadline)
{
    *p = (Place){ .deadline = deadline };
    TAILQ_INSERT_TAIL(&a->places, p, entry);
    a->n_places++;
}

void acceptor_leave(Acceptor *a, Place *p)
{
    TAILQ_REMOVE(&a->places, p, entry);
    a->n_places--;
}

/* ---- accepting */

static void set_ports_enabled(Acceptor *a, int enabled)
{
    for (size_t i = 0; i < a->n_ports; i++)
        (void)sd_event_source_set_enabled(a->ports[i].source, enabled);
}

/* Out of descriptors or memory: dismisses a connection, and accepts no others for a while. */
static void acceptor_pause(Acceptor *a)
{
    a->paused_until = loop_now(a->event, CLOCK_MONOTONIC) + PAUSE_USEC;
    set_ports_enabled(a, SD_EVENT_OFF);
    make_room(a);
}

static bool has_data(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void welcome(Acceptor *a, const Port *p, int fd, const struct sockaddr *address, socklen_t size)
{
    unsigned seconds = LIMIT_CONNECTION_TIME;

    if (a->n_places >= LIMIT_CONNECTIONS)
        make_room(a);
    if (p->deferring && !has_data(fd))
        seconds -= DEFER_TIME;
    a->use->welcome(fd, address, size, loop_now(a->event, CLOCK_MONOTONIC) + seconds * USEC_PER_SEC,
                    a->userdata);
    acceptor_run(a);
}

static int on_port(sd_event_source *s _unused_, int fd, uint32_t revents _unused_, void *userdata)
{
    Port *p = userdata;

    for (size_t i = 0; i < ACCEPT_MAX; i++) {
        struct sockaddr_storage address = {};
        socklen_t size = sizeof(address);
        int peer = accept4(fd, (struct sockaddr *)&address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (peer >= 0)
            welcome(p->acceptor, p, peer, (struct sockaddr *)&address, size);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            acceptor_pause(p->acceptor);
            break;
        } else if (errno == EAGAIN)
            break;
    }
    return 0;
}

void acceptor_run(Acceptor *a)
{
    uint64_t next = a->use->run ? a->use->run(a->userdata) : UINT64_MAX;
    const Place *p;

    if (a->paused_until)
        next = MIN(next, a->paused_until);
    TAILQ_FOREACH (p, &a->places, entry)
        if (!p->ended)
            next = MIN(next, p->deadline);
    (void)timer_arm_at(a->timer, next);
}

static void dismiss_until(Acceptor *a, uint64_t deadline)
{
    Place *p, *next;

    for (p = TAILQ_FIRST(&a->places); p; p = next) {
        next = TAILQ_NEXT(p, entry);
        if (!p->ended && p->deadline <= deadline)
            a->use->dismiss(p, a->userdata);
    }
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Acceptor *a = userdata;
    uint64_t now = loop_now(a->event, CLOCK_MONOTONIC);

    dismiss_until(a, now);
    if (a->paused_until && a->paused_until <= now) {
        a->paused_until = 0;
        set_ports_enabled(a, SD_EVENT_ON);
    }
    acceptor_run(a);
    return 0;
}

static void name_source(const Acceptor *a, sd_event_source *s, const char *what)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "%s-%s", a->use->name, what);
    (void)sd_event_source_set_description(s, name);
}

static int watch_port(Acceptor *a, Port *p)
{
    int seconds = DEFER_TIME, r;

    p->acceptor = a;
    p->deferring = setsockopt(p->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)) == 0;
    r = sd_event_add_io(a->event, &p->source, p->fd, EPOLLIN, on_port, p);
    if (r >= 0)
        name_source(a, p->source, "port");
    return r;
}

static int start(Acceptor *a)
{
    int r;

    r = timer_add(a->event, &a->timer, CLOCK_MONOTONIC, 1, on_timer, a);
    if (r >= 0)
        name_source(a, a->timer, "timer");
    if (r >= 0 && a->use->open)
        r = a->use->open(a->userdata);
    for (size_t i = 0; i < a->n_ports && r >= 0; i++)
        r = watch_port(a, a->ports + i);
    return r;
}

int acceptor_listen(Acceptor *a, char *const *addresses, Problem *problem)
{
    char doing[64];
    int r = a->passed ? 0 : open_all(a, addresses, problem);

    (void)snprintf(doing, sizeof(doing), "Listening for %s", a->use->name);
    if (r >= 0 && (r = start(a)) < 0 && problem)
        r = problem_set_errno(problem, r, doing);
    if (r < 0)
        acceptor_close(a);
    return r;
}

int acceptor_hold(Acceptor *a, char *const *addresses, Problem *problem)
{
    int r = a->timer ? 0 : acceptor_listen(a, addresses, problem);

    if (r >= 0)
        a->n_holds++;
    return r;
}

void acceptor_release(Acceptor *a)
{
    if (--a->n_holds == 0 && !a->passed)
        acceptor_close(a);
}

int acceptor_init(Acceptor *a, sd_event *event, const AcceptorUse *use, void *userdata)
{
    int r;

    *a = (Acceptor){ .use = use, .userdata = userdata, .event = sd_event_ref(event) };
    TAILQ_INIT(&a->places);
    r = find_passed(a);
    return r >= 0 && a->passed ? acceptor_listen(a, NULL, NULL) : r;
}

void acceptor_close(Acceptor *a)
{
    if (a->use->close)
        a->use->close(a->userdata);
    dismiss_until(a, UINT64_MAX);
    a->timer = sd_event_source_disable_unref(a->timer);
    for (size_t i = 0; i < a->n_ports; i++) {
        sd_event_source_disable_unref(a->ports[i].source);
        if (!a->passed)
            close(a->ports[i].fd);
        a->ports[i] = (Port){};
    }
    a->n_ports = 0;
    a->paused_until = 0;
}

void acceptor_done(Acceptor *a)
{
    acceptor_close(a);
    a->event = sd_event_unref(a->event);
}
