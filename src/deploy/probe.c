/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/probe.h"

#include <errno.h>
#include <stdio.h>

#include "core/name.h"
#include "deploy/own-address.h"
#include "deploy/prober.h"
#include "net/address.h"
#include "util/text.h"
#include "util/time.h"

#define IN_A_ROW    3
#define ATTEMPT_MIN 1000 /* milliseconds for one of several connections, if there are as many left */
#define PAUSE_MIN   50   /* between connections that do not present the chain */
#define PAUSE_MAX   400
#define WHERE_SIZE  128
#define TEXT_SIZE   (2 * DIGEST_SIZE + 1) /* of a fingerprint */

bool presented_equal(const Presented *a, const Presented *b)
{
    return a->n == b->n && a->n <= DEPLOY_CHAIN_MAX &&
           memcmp(a->digests, b->digests, a->n * DIGEST_SIZE) == 0;
}

static void write_place(const Probe *p, char ret[static WHERE_SIZE])
{
    bool v6 = strchr(p->host, ':') != NULL;

    snprintf(ret, WHERE_SIZE, "%s://%s%s%s:%u", probe_scheme_to_string(p->scheme), v6 ? "[" : "",
             QUOTE(p->host, 64), v6 ? "]" : "", (unsigned)p->port);
}

int probe_to_text(const Probe *p, char **ret)
{
    char where[WHERE_SIZE];

    write_place(p, where);
    *ret = strdup(where);
    return *ret ? 0 : -ENOMEM;
}

/* ---- one connection */

static const char *service_of(const Probe *p)
{
    static const char *const services[_PROBE_SCHEME_MAX] = {
        [PROBE_TLS] = "TLS",   [PROBE_HTTPS] = "HTTPS", [PROBE_SMTP] = "SMTP",
        [PROBE_IMAP] = "IMAP", [PROBE_POP3] = "POP3",
    };

    return services[p->scheme];
}

/* Before TLS was begun. */
static int explain_talk(const Probe *p, const char *where, const ProberResult *result, Problem *problem)
{
    const char *service = service_of(p);

    if (result->step == STARTTLS_COMMAND && result->error == -ETIMEDOUT)
        return problem_set(problem, PROBLEM_NETWORK_FAILED,
                           "%s did not answer in time when asked to begin TLS.", where);
    if (result->step == STARTTLS_COMMAND)
        return problem_set(
            problem, PROBLEM_NETWORK_FAILED,
            "%s refuses to begin TLS; check that the service has TLS enabled and can read its "
            "certificate and key.",
            where);
    if (result->error == -ETIMEDOUT)
        return problem_set(problem, PROBLEM_NETWORK_FAILED,
                           "%s accepted a connection, but did not greet as a server of %s in time.", where,
                           service);
    return problem_set(problem, PROBLEM_NETWORK_FAILED,
                       "%s does not greet as a server of %s; check the scheme and the port of Probe=.",
                       where, service);
}

static int explain_tls(const char *where, const ProberResult *result, Problem *problem)
{
    switch (result->error) {
    case -ETIMEDOUT:
        return problem_set(problem, PROBLEM_NETWORK_FAILED,
                           "%s accepted a connection, but did not complete the TLS handshake in time.",
                           where);
    case -E2BIG:
        return problem_set(problem, PROBLEM_NETWORK_FAILED,
                           "%s sent more than a chain of %d certificates and %d bytes.", where,
                           DEPLOY_CHAIN_MAX, LIMIT_PRESENTED_CHAIN);
    case -EKEYREJECTED:
        return problem_set(problem, PROBLEM_NETWORK_FAILED,
                           "%s presents a certificate, but signs with another key than its.", where);
    case -EPROTO:
        return problem_set(problem, PROBLEM_NETWORK_FAILED, "The TLS handshake with %s failed (%s).", where,
                           tls_error_to_text(result->tls_error));
    default:
        return problem_set(problem, PROBLEM_NETWORK_FAILED, "The connection to %s broke.", where);
    }
}

static int explain(const Probe *p, const char *where, const ProberResult *result, Problem *problem)
{
    if (result->error == -ECONNRESET)
        return problem_set(problem, PROBLEM_NETWORK_FAILED,
                           "%s closed the connection before it presented a chain.", where);
    return result->step == STARTTLS_DONE ? explain_tls(where, result, problem)
                                         : explain_talk(p, where, result, problem);
}

/* It is the child's: its texts may be any bytes. */
static void take_leaf(const SeenLeaf *from, SeenLeaf *ret)
{
    *ret = (SeenLeaf){ .not_before = from->not_before,
                       .not_after = from->not_after,
                       .covers = from->covers == 1 };
    memcpy(ret->serial, from->serial, sizeof(ret->serial) - 1);
    memcpy(ret->issuer, from->issuer, sizeof(ret->issuer) - 1);
    memcpy(ret->names, from->names, sizeof(ret->names) - 1);
    text_make_plain(ret->serial, SIGHTING_SERIAL_MAX);
    text_make_plain(ret->issuer, SIGHTING_TEXT_MAX);
    text_make_plain(ret->names, SIGHTING_TEXT_MAX);
}

static int take_result(const Probe *p, const char *where, const ProberResult *result, Seen *ret,
                       Problem *problem)
{
    int r = result->error == 0 ? 0 : explain(p, where, result, problem);

    if (r < 0)
        return result->error == -ETIMEDOUT ? -ETIMEDOUT : r;
    if (result->seen.presented.n < 1 || result->seen.presented.n > DEPLOY_CHAIN_MAX)
        return problem_set(problem, PROBLEM_INTERNAL,
                           "The program that probes %s returned an impossible result.", where);
    ret->presented = result->seen.presented;
    take_leaf(&result->seen.leaf, &ret->leaf);
    return 0;
}

/* Returns the port. */
static int endpoint_to_text(int (*get)(int, struct sockaddr *, socklen_t *), int fd, SocketAddress *a,
                            char address[static ADDRESS_TEXT_SIZE])
{
    socklen_t size = sizeof(*a);

    if (get(fd, &a->any, &size) < 0)
        return -errno;
    address_to_text(&a->any, size, address);
    return ntohs(a->any.sa_family == AF_INET6 ? a->in6.sin6_port : a->in4.sin_port);
}

/* As of a client that connected to the proxy by this very connection. */
static int send_proxy_header(int fd)
{
    char source[ADDRESS_TEXT_SIZE], destination[ADDRESS_TEXT_SIZE];
    char header[108]; /* enough for all of version 1, says its specification */
    int source_port, port, n;
    SocketAddress a;

    source_port = endpoint_to_text(getsockname, fd, &a, source);
    port = endpoint_to_text(getpeername, fd, &a, destination);
    if (source_port < 0 || port < 0)
        return -ENOTCONN;
    n = snprintf(header, sizeof(header), "PROXY TCP%c %s %s %d %d\r\n",
                 a.any.sa_family == AF_INET6 ? '6' : '4', source, destination, source_port, port);
    return send(fd, header, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -EIO;
}

static int connect_to(const Probe *p, const char *where, int64_t deadline, int *ret, Problem *problem)
{
    _cleanup_problem_ Problem reason = {};
    _cleanup_close_ int fd = -EBADF;
    int r = own_address_connect(p->host, p->port, deadline, &fd, &reason);

    if (r < 0) {
        (void)problem_set(problem, reason.code, "%s cannot be reached: %s", where, strempty(reason.text));
        return r;
    }
    if (p->proxy_v1 && send_proxy_header(fd) < 0)
        return problem_set(problem, PROBLEM_NETWORK_FAILED, "%s closed the connection at once.", where);
    *ret = TAKE_FD(fd);
    return 0;
}

/* A wildcard covers "x" as well as any other label. */
static void write_server_name(const char *name, char ret[static LIMIT_NAME + 1])
{
    snprintf(ret, LIMIT_NAME + 1, "%s%s", name_is_wildcard(name) ? "x" : "", name + name_is_wildcard(name));
}

static int probe_key(Prober *prober, const Probe *p, const char *name, TlsPeekKey key, int64_t timeout,
                     Seen *ret, Problem *problem)
{
    char server_name[LIMIT_NAME + 1], where[WHERE_SIZE];
    int64_t deadline = monotonic_msec() + timeout;
    _cleanup_close_ int fd = -EBADF;
    ProberResult result;
    int r;

    write_place(p, where);
    write_server_name(name, server_name);
    r = connect_to(p, where, deadline, &fd, problem);
    if (r < 0)
        return r;
    r = prober_look(prober, where, p->scheme, server_name, key, fd,
                    MAX(INT64_C(1), deadline - monotonic_msec()), &result, problem);
    return r < 0 ? r : take_result(p, where, &result, ret, problem);
}

int probe_once(const Probe *p, const char *name, int64_t timeout, Presented *ret, Problem *problem)
{
    _cleanup_(prober_freep) Prober *prober = NULL;
    int r = prober_new(&prober);
    Seen seen;

    if (r >= 0)
        r = probe_key(prober, p, name, TLS_PEEK_ANY, timeout, &seen, problem);
    if (r >= 0)
        *ret = seen.presented;
    return r;
}

static bool seen_is(const Seen *s, const uint8_t leaf[static DIGEST_SIZE])
{
    return memcmp(s->presented.digests[0], leaf, DIGEST_SIZE) == 0;
}

int prober_see(Prober *prober, const Probe *p, const char *name, const uint8_t wanted[static DIGEST_SIZE],
               int64_t timeout, Seen *ret, Problem *problem)
{
    int64_t deadline = monotonic_msec() + timeout;
    int r = probe_key(prober, p, name, TLS_PEEK_ANY, timeout, ret, problem);

    for (unsigned key = TLS_PEEK_ANY + 1; r >= 0 && key < _TLS_PEEK_KEY_MAX && !seen_is(ret, wanted);
         key++) {
        _cleanup_problem_ Problem ignored = {};
        Seen other;

        if (probe_key(prober, p, name, (TlsPeekKey)key, MAX(INT64_C(1), deadline - monotonic_msec()), &other,
                      &ignored) >= 0 &&
            seen_is(&other, wanted))
            *ret = other;
    }
    return r;
}

/* ---- until the chain is presented */

static void pause_before(int64_t milliseconds, int64_t deadline)
{
    int64_t left = MAX(INT64_C(0), MIN(milliseconds, deadline - monotonic_msec()));
    const struct timespec t = { .tv_sec = left / MSEC_PER_SEC, .tv_nsec = left % MSEC_PER_SEC * 1000000 };

    (void)nanosleep(&t, NULL);
}

static void explain_difference(const Probe *p, const char *name, const Presented *presented,
                               const Presented *expected, Problem *problem)
{
    char where[WHERE_SIZE], other[TEXT_SIZE], wanted[TEXT_SIZE];

    write_place(p, where);
    hex_encode(presented->digests[0], DIGEST_SIZE, false, other);
    hex_encode(expected->digests[0], DIGEST_SIZE, false, wanted);
    if (streq(other, wanted))
        (void)problem_set(problem, PROBLEM_NETWORK_FAILED,
                          "%s presents the certificate for %s that was delivered, but not with the issuers "
                          "that were delivered: %u instead of %u certificates, or others.",
                          where, QUOTE(name, LIMIT_NAME), presented->n, expected->n);
    else
        (void)problem_set(problem, PROBLEM_NETWORK_FAILED,
                          "%s presents another certificate for %s than the one that was delivered: the one "
                          "with the fingerprint %s instead of %s.",
                          where, QUOTE(name, LIMIT_NAME), other, wanted);
}

/* A connection that hangs, as one to a process of before, does not take the time of all. */
static int64_t time_for_attempt(int64_t timeout, int64_t deadline)
{
    return MAX(INT64_C(1), MIN(deadline - monotonic_msec(), MAX(timeout / IN_A_ROW, (int64_t)ATTEMPT_MIN)));
}

/* Returns 1 if the chain is presented, 0 with a problem if another one is. */
static int attempt(Prober *prober, const Probe *p, const char *name, TlsPeekKey key,
                   const Presented *expected, int64_t timeout, Problem *problem)
{
    Seen seen;
    int r = probe_key(prober, p, name, key, timeout, &seen, problem);

    if (r < 0)
        return r;
    if (presented_equal(&seen.presented, expected))
        return 1;
    explain_difference(p, name, &seen.presented, expected, problem);
    return 0;
}

/* A server that has chains for other kinds of keys as well is asked for each kind. The problem says what it presents instead. */
int prober_verify(Prober *prober, const Probe *p, const char *name, const Presented *expected,
                  int64_t timeout, Problem *problem)
{
    int64_t deadline = monotonic_msec() + timeout, pause = PAUSE_MIN;
    _cleanup_problem_ Problem last = {};
    unsigned key = TLS_PEEK_ANY, n = 0;
    int r;

    do {
        _cleanup_problem_ Problem now = {};

        r = attempt(prober, p, name, (TlsPeekKey)key, expected, time_for_attempt(timeout, deadline), &now);
        if (r > 0 && ++n == IN_A_ROW)
            return 0;
        if (r > 0)
            continue;
        n = 0;
        if (key == TLS_PEEK_ANY)
            problem_move(&now, &last);
        if (r == -ENOMEM || now.code == PROBLEM_INVALID_ARGUMENT || last.code == PROBLEM_INVALID_ARGUMENT)
            break;
        key = r == 0 ? (key + 1) % _TLS_PEEK_KEY_MAX : TLS_PEEK_ANY;
        pause_before(pause, deadline);
        pause = MIN(2 * pause, (int64_t)PAUSE_MAX);
    } while (monotonic_msec() < deadline);
    if (last.code == PROBLEM_NONE)
        return problem_set(problem, PROBLEM_NETWORK_FAILED,
                           "There was no time for %d connections; is ProbeTimeout= too short?", IN_A_ROW);
    return problem_set(problem, last.code, "%s", strempty(last.text));
}

int probe_verify(const Probe *p, const char *name, const Presented *expected, int64_t timeout,
                 Problem *problem)
{
    _cleanup_(prober_freep) Prober *prober = NULL;
    int r = prober_new(&prober);

    return r < 0 ? r : prober_verify(prober, p, name, expected, timeout, problem);
}
