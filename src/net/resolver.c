/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/resolver.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>

#include "core/limits.h"
#include "net/address.h"
#include "net/resolver-internal.h"
#include "util/text.h"
#include "util/timer.h"

#define FIRST_WAIT_MSEC 2000 /* for one server; doubled after each round of all servers */
#define TRIES           3
#define MALFORMED       "the answer is malformed"
#define RECORDS_MAX     2 /* record types of a query: A and AAAA */

/* A file descriptor that c-ares waits for. */
typedef struct Socket {
    LIST_ENTRY(Socket) entry;
    sd_event_source *source;
    int fd;
} Socket;

/* One record type of a query, as the argument of its callback. */
typedef struct Part {
    DnsQuery *query;
    int record;
} Part;

/* Each query has its own channel: so it can be cancelled at any time, uses unpredictable ports, and follows
 * changes of resolv.conf(5). c-ares calls back in the middle of its work; results are stored, and the owner
 * is notified by a separate event source, outside of c-ares, so that it may call anything. */
struct DnsQuery {
    LIST_ENTRY(DnsQuery) entry;
    Dns *dns;
    ares_channel channel;
    LIST_HEAD(, Socket) sockets;
    sd_event_source *timer; /* timeout of c-ares */
    sd_event_source *deadline, *deliver;
    char *name, *server;
    DnsType type;
    Part parts[RECORDS_MAX];
    size_t n_pending;
    bool telling; /* done() is running: freed afterwards */

    bool exists; /* as opposed to NXDOMAIN */
    char **values;
    Problem problem;
    DnsDone done;
    void *userdata;
};

struct Dns {
    sd_event *event;
    char **servers; /* as in the settings; NULL: those of the system */
    LIST_HEAD(, DnsQuery) queries;
};

static const struct {
    const char *name;
    int records[RECORDS_MAX];
} types[] = {
    [DNS_ADDRESS] = { "address", { ns_t_a, ns_t_aaaa } },
    [DNS_HOST] = { "address", { ns_t_a, ns_t_aaaa } },
    [DNS_TXT] = { "TXT", { ns_t_txt } },
    [DNS_CNAME] = { "CNAME", { ns_t_cname } },
    [DNS_NS] = { "NS", { ns_t_ns } },
    [DNS_SOA] = { "SOA", { ns_t_soa } },
};

/* ---- servers */

static bool is_server(const char *text)
{
    char address[ADDRESS_TEXT_SIZE];
    uint16_t port;

    return server_address_parse(text, address, &port) >= 0;
}

int dns_servers_append(char **list, const char *address, uint16_t port)
{
    _cleanup_free_ char *server = dns_server_format(address, port ? port : NS_DEFAULTPORT);
    char *longer = NULL;

    if (!server || asprintf(&longer, "%s%s%s", strempty(*list), *list ? "," : "", server) < 0)
        return -ENOMEM;
    free(*list);
    *list = longer;
    return 0;
}

/* Interfaces of zones come and go, so that each query looks for theirs. */
static int query_set_servers(DnsQuery *q)
{
    char *const *servers = q->server ? (char *[]){ q->server, NULL } : q->dns->servers;
    char address[ADDRESS_TEXT_SIZE];
    _cleanup_free_ char *list = NULL;
    uint16_t port;
    int r = servers ? 0 : dns_system_servers(&list);

    for (size_t i = 0; servers && servers[i] && r >= 0; i++) {
        r = server_address_parse(servers[i], address, &port);
        if (r >= 0)
            r = dns_servers_append(&list, address, port);
    }
    if (r < 0 || !list)
        return r;
    return ares_set_servers_ports_csv(q->channel, list) == ARES_SUCCESS ? 0 : -ENOMEM;
}

/* ---- results of c-ares */

static void query_finish(DnsQuery *q)
{
    q->n_pending = 0;
    (void)sd_event_source_set_enabled(q->timer, SD_EVENT_OFF);
    (void)sd_event_source_set_enabled(q->deadline, SD_EVENT_OFF);
    (void)sd_event_source_set_enabled(q->deliver, SD_EVENT_ONESHOT);
}

static void query_describe(DnsQuery *q, const char *what)
{
    (void)problem_set(&q->problem, PROBLEM_NETWORK_FAILED,
                      "The %s records of \"%s\" could not be requested from %s: %s.", types[q->type].name,
                      q->name, q->server ? q->server : "the resolver", what);
}

/* With several servers, c-ares drops the reply of the last one if it was no answer. */
static const char *status_to_string(int status)
{
    if (status == ARES_ECONNREFUSED)
        return "no name server could be reached, or none returned an answer (such as SERVFAIL or REFUSED)";
    if (status == ARES_ESERVFAIL)
        return "the name server failed (SERVFAIL)";
    if (status == ARES_EBADRESP)
        return MALFORMED;
    return ares_strerror(status);
}

void dns_part_answered(void *arg, int status, const uint8_t *data, size_t size)
{
    Part *part = arg;
    DnsQuery *q = part->query;
    int r = 0;

    if (status == ARES_EDESTRUCTION || q->n_pending == 0)
        return;
    if (status == ARES_SUCCESS || ((status == ARES_ENODATA || status == ARES_ENOTFOUND) && data)) {
        if (status != ARES_ENOTFOUND)
            q->exists = true;
        r = dns_answer_read(data, size, q->name, part->record, &q->values);
        if (r < 0)
            query_describe(q, r == -ENOMEM ? strerror(ENOMEM) : MALFORMED);
    } else
        query_describe(q, status_to_string(status));
    if (--q->n_pending == 0)
        query_finish(q);
}

static int add_host_addresses(DnsQuery *q, const struct ares_addrinfo *found)
{
    char text[ADDRESS_TEXT_SIZE];
    int r = 0;

    for (const struct ares_addrinfo_node *n = found->nodes; n && r >= 0; n = n->ai_next) {
        address_to_text(n->ai_addr, n->ai_addrlen, text);
        if (!strv_contains(q->values, text))
            r = strv_extend(&q->values, text);
    }
    return r;
}

static void on_host(void *arg, int status, int timeouts _unused_, struct ares_addrinfo *found)
{
    DnsQuery *q = arg;

    if (status != ARES_EDESTRUCTION && q->n_pending > 0) {
        q->exists = status == ARES_SUCCESS || status == ARES_ENODATA;
        if (found && add_host_addresses(q, found) < 0)
            query_describe(q, strerror(ENOMEM));
        else if (!q->exists && status != ARES_ENOTFOUND)
            query_describe(q, status_to_string(status));
        query_finish(q);
    }
    if (found)
        ares_freeaddrinfo(found);
}

static void query_wait(DnsQuery *q)
{
    struct timeval tv;

    if (q->n_pending > 0 && ares_timeout(q->channel, NULL, &tv))
        (void)timer_arm(q->timer, (uint64_t)tv.tv_sec * USEC_PER_SEC + (uint64_t)tv.tv_usec);
}

static void query_drive(DnsQuery *q, int read_fd, int write_fd)
{
    ares_process_fd(q->channel, read_fd, write_fd);
    query_wait(q);
}

/* ---- the event loop */

static int on_socket(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
    bool failed = revents & (EPOLLERR | EPOLLHUP);
    uint32_t wanted = 0;

    (void)sd_event_source_get_io_events(s, &wanted);
    query_drive(userdata, revents & EPOLLIN || failed ? fd : ARES_SOCKET_BAD,
                revents & EPOLLOUT || (failed && wanted & EPOLLOUT) ? fd : ARES_SOCKET_BAD);
    return 0;
}

static int on_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    query_drive(userdata, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    return 0;
}

static int on_deadline(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    DnsQuery *q = userdata;

    query_describe(q, "the query timed out");
    query_finish(q);
    return 0;
}

static Socket *socket_free(Socket *s)
{
    LIST_REMOVE(s, entry);
    sd_event_source_disable_unref(s->source);
    free(s);
    return NULL;
}

static void socket_add(DnsQuery *q, int fd, uint32_t events)
{
    Socket *s = calloc(1, sizeof(Socket));

    if (!s)
        return; /* the deadline ends it */
    s->fd = fd;
    LIST_INSERT_HEAD(&q->sockets, s, entry);
    if (sd_event_add_io(q->dns->event, &s->source, fd, events, on_socket, q) < 0)
        socket_free(s);
    else
        (void)sd_event_source_set_description(s->source, "dns-socket");
}

static void on_interest(void *arg, ares_socket_t fd, int readable, int writable)
{
    uint32_t events = (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U);
    DnsQuery *q = arg;
    Socket *s;

    LIST_FOREACH (s, &q->sockets, entry)
        if (s->fd == fd)
            break;
    if (!s && events)
        socket_add(q, fd, events);
    else if (s && events)
        (void)sd_event_source_set_io_events(s->source, events);
    else if (s)
        socket_free(s);
}

/* ---- a query */

static void query_destroy(DnsQuery *q)
{
    if (q->channel)
        ares_destroy(q->channel);
    while (!LIST_EMPTY(&q->sockets))
        socket_free(LIST_FIRST(&q->sockets));
    sd_event_source_disable_unref(q->timer);
    sd_event_source_disable_unref(q->deadline);
    sd_event_source_disable_unref(q->deliver);
    strv_free(q->values);
    problem_clear(&q->problem);
    free(q->name);
    free(q->server);
    free(q);
}

DnsQuery *dns_cancel(DnsQuery *q)
{
    if (!q || q->telling)
        return NULL;
    LIST_REMOVE(q, entry);
    query_destroy(q);
    return NULL;
}

static DnsResult query_result(const DnsQuery *q)
{
    if (q->values)
        return DNS_FOUND;
    if (q->problem.code != PROBLEM_NONE)
        return DNS_FAILED;
    return q->exists ? DNS_NO_DATA : DNS_NO_NAME;
}

static int on_deliver(sd_event_source *s _unused_, void *userdata)
{
    DnsQuery *q = userdata;
    DnsResult result = query_result(q);

    LIST_REMOVE(q, entry);
    q->telling = true;
    q->done(result, result == DNS_FOUND ? q->values : NULL, result == DNS_FAILED ? &q->problem : NULL,
            q->userdata);
    query_destroy(q);
    return 0;
}

static int query_add_sources(DnsQuery *q, sd_event *event)
{
    int r;

    r = timer_add(event, &q->timer, CLOCK_MONOTONIC, USEC_PER_MSEC, on_timer, q);
    if (r >= 0)
        r = deadline_add(event, &q->deadline, LIMIT_DNS_TIME * USEC_PER_SEC, on_deadline, q);
    return r < 0 ? r : deferred_add(event, &q->deliver, on_deliver, q);
}

static int query_open_channel(DnsQuery *q)
{
    /* of a given server, any reply is wanted, even if it is no answer */
    struct ares_options options = { .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
                                             (q->server ? ARES_FLAG_NORECURSE | ARES_FLAG_NOCHECKRESP : 0),
                                    .timeout = FIRST_WAIT_MSEC,
                                    .tries = TRIES,
                                    .sock_state_cb = on_interest,
                                    .sock_state_cb_data = q };

    if (ares_init_options(&q->channel, &options,
                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
        ARES_SUCCESS)
        return -ENOMEM;
    dns_channel_enable_zones(q->channel);
    return query_set_servers(q);
}

static void query_send(DnsQuery *q)
{
    const struct ares_addrinfo_hints hints = { .ai_socktype = SOCK_STREAM };
    size_t n = types[q->type].records[1] ? 2 : 1;

    q->n_pending = n;
    if (q->type == DNS_HOST && !q->dns->servers) {
        ares_getaddrinfo(q->channel, q->name, NULL, &hints, on_host, q);
        query_wait(q);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        q->parts[i] = (Part){ .query = q, .record = types[q->type].records[i] };
        dns_part_ask(q->channel, q->name, q->parts[i].record, q->parts + i);
    }
    query_wait(q);
}

/* A name in the form of RFC 1035 section 2.3.1, also with "_" (RFC 8552); "." is the root. */
static bool name_is_sound(const char *name)
{
    size_t n = strlen(name), label = 0;

    if (streq(name, "."))
        return true;
    if (n > 0 && name[n - 1] == '.')
        n--;
    if (n == 0 || n > LIMIT_NAME)
        return false;
    for (size_t i = 0; i <= n; i++)
        if (i == n || name[i] == '.') {
            if (label == 0 || label > LIMIT_LABEL)
                return false;
            label = 0;
        } else if (name[i] <= ' ' || name[i] > '~' || name[i] == '\\')
            return false;
        else
            label++;
    return true;
}

static int query_new(Dns *d, const char *name, DnsType type, const char *server, DnsQuery **ret)
{
    DnsQuery *q = calloc(1, sizeof(DnsQuery));
    int r;

    if (!q)
        return -ENOMEM;
    LIST_INIT(&q->sockets);
    LIST_INSERT_HEAD(&d->queries, q, entry);
    q->dns = d;
    q->type = type;
    q->name = strdup(name);
    q->server = server ? strdup(server) : NULL;
    r = q->name && (q->server || !server) ? query_add_sources(q, d->event) : -ENOMEM;
    if (r >= 0)
        r = query_open_channel(q);
    if (r < 0)
        dns_cancel(q);
    else
        *ret = q;
    return r;
}

int dns_query(Dns *d, const char *name, DnsType type, const char *server, DnsDone done, void *userdata,
              DnsQuery **ret, Problem *problem)
{
    DnsQuery *q;
    int r;

    if (!name_is_sound(name))
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT, "\"%s\" is not a valid DNS name.", name);
    if (server && !is_server(server))
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT, "\"%s\" is not an address of a name server.",
                           server);
    r = query_new(d, name, type, server, &q);
    if (r < 0)
        return problem_set_errno(problem, r, "Asking a name server");
    q->done = done;
    q->userdata = userdata;
    query_send(q);
    if (ret)
        *ret = q;
    return 0;
}

/* ---- all of them */

int dns_set_servers(Dns *d, char *const *servers)
{
    char **list = NULL;
    int r = 0;

    for (size_t i = 0; servers && servers[i]; i++)
        if (!is_server(servers[i]))
            return -EINVAL;
    if (servers && servers[0])
        r = strv_copy(servers, &list);
    if (r < 0)
        return r;
    strv_free(d->servers);
    d->servers = list;
    return 0;
}

int dns_new(sd_event *event, char *const *servers, Dns **ret)
{
    _cleanup_(dns_freep) Dns *d = calloc(1, sizeof(Dns));
    int r;

    if (!d)
        return -ENOMEM;
    LIST_INIT(&d->queries);
    d->event = sd_event_ref(event);
    r = dns_set_servers(d, servers);
    if (r >= 0)
        *ret = TAKE_PTR(d);
    return r;
}

Dns *dns_free(Dns *d)
{
    if (!d)
        return NULL;
    while (!LIST_EMPTY(&d->queries))
        dns_cancel(LIST_FIRST(&d->queries));
    strv_free(d->servers);
    sd_event_unref(d->event);
    free(d);
    return NULL;
}
