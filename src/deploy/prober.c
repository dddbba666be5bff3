/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/prober.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#include "util/text.h"
#include "util/wait.h"

#define OPTION          "--probe"
#define CONNECTIONS_MAX 256  /* of a child, whose time is limited */
#define GRACE           2000 /* milliseconds that a child has in addition */

/* Comes with the socket. */
typedef struct Request {
    uint32_t scheme, key;
    int64_t timeout; /* milliseconds */
    char name[LIMIT_NAME + 1];
} Request;

typedef union Control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
} Control;

struct Prober {
    Child child;
    int fd; /* to the child; negative: none runs */
    char *place;
    unsigned n; /* connections of the child */
};

int prober_new(Prober **ret)
{
    Prober *p = calloc(1, sizeof(Prober));

    if (!p)
        return -ENOMEM;
    p->fd = -EBADF;
    *ret = p;
    return 0;
}

static void stop(Prober *p, siginfo_t *ret)
{
    if (p->fd < 0)
        return;
    close(TAKE_FD(p->fd));
    child_end(&p->child, ret);
    free(TAKE_PTR(p->place));
}

Prober *prober_free(Prober *p)
{
    if (p)
        stop(p, NULL);
    free(p);
    return NULL;
}

/* ---- parent */

static int start(Prober *p, const char *place)
{
    static const char *const arguments[] = { "certwright-deploy", OPTION, NULL };
    _cleanup_free_ char *copy = strdup(place);
    _cleanup_close_ int other = -EBADF;
    int ends[2], r;

    if (!copy)
        return -ENOMEM;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    p->fd = ends[0];
    other = ends[1];
    r = confined_start(arguments, other, -EBADF, &p->child);
    if (r < 0) {
        close(TAKE_FD(p->fd));
        return r;
    }
    p->place = TAKE_PTR(copy);
    p->n = 0;
    return 0;
}

static int send_request(int to, const Request *request, int fd)
{
    struct iovec data = { .iov_base = (void *)(uintptr_t)request, .iov_len = sizeof(*request) };
    Control control = {};
    struct msghdr m = { .msg_iov = &data,
                        .msg_iovlen = 1,
                        .msg_control = control.bytes,
                        .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    return sendmsg(to, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* -ENODATA: the child has ended; -EBADMSG: it sent something else. */
static int receive_result(int fd, int64_t timeout, ProberResult *ret)
{
    int r = wait_until_ready(fd, POLLIN, monotonic_msec() + timeout);
    ssize_t n;

    if (r < 0)
        return r;
    n = recv(fd, ret, sizeof(*ret), MSG_TRUNC | MSG_DONTWAIT);
    if (n <= 0)
        return -ENODATA;
    return n == sizeof(*ret) ? 0 : -EBADMSG;
}

static int explain(Prober *p, int r, Problem *problem)
{
    _cleanup_free_ char *place = TAKE_PTR(p->place);
    siginfo_t si = {};

    stop(p, &si);
    switch (r) {
    case -ENODATA:
    case -EPIPE:
    case -ECONNRESET:
        return confined_explain(&si, place, problem);
    case -ETIMEDOUT:
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED,
                           "The program that examines %s did not end in time; nothing was examined.", place);
    case -EBADMSG:
        return problem_set(problem, PROBLEM_INTERNAL,
                           "The program that examines %s returned no whole result.", place);
    default:
        return problem_set_errno(problem, r, "passing a connection to a program without rights");
    }
}

int prober_look(Prober *p, const char *place, ProbeScheme scheme, const char *name, TlsPeekKey key, int fd,
                int64_t timeout, ProberResult *ret, Problem *problem)
{
    Request request = { .scheme = (uint32_t)scheme, .key = (uint32_t)key, .timeout = timeout };
    int r = 0;

    if (strlen(name) >= sizeof(request.name))
        return -EINVAL;
    strcpy(request.name, name);
    if (p->fd >= 0 && (!streq(p->place, place) || p->n >= CONNECTIONS_MAX))
        stop(p, NULL);
    if (p->fd < 0)
        r = start(p, place);
    if (r < 0)
        return problem_set_errno(problem, r, "starting a program without rights");
    p->n++;
    r = send_request(p->fd, &request, fd);
    if (r >= 0)
        r = receive_result(p->fd, timeout + GRACE, ret);
    return r < 0 ? explain(p, r, problem) : 0;
}

/* ---- child */

/* Returns false if there are no more. The parent is trusted, but a mistake of it is not to go unnoticed. */
static bool receive_request(Request *ret)
{
    struct iovec data = { .iov_base = ret, .iov_len = sizeof(*ret) };
    Control control;
    struct msghdr m = { .msg_iov = &data,
                        .msg_iovlen = 1,
                        .msg_control = control.bytes,
                        .msg_controllen = sizeof(control.bytes) };
    ssize_t n = recvmsg(STDIN_FILENO, &m, 0);
    const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    int fd = -EBADF;

    if (n != sizeof(*ret) || !c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(fd)))
        return false;
    memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd == SANDBOX_SOCKET && ret->scheme < _PROBE_SCHEME_MAX && ret->key < _TLS_PEEK_KEY_MAX &&
           memchr(ret->name, 0, sizeof(ret->name));
}

/* Leaves it empty if the chain cannot be parsed, which is no reason to fail. */
static void describe(const TlsPeek *peek, const char *name, SeenLeaf *ret)
{
    _cleanup_chain_ Chain *chain = NULL;
    _cleanup_free_ char *names = NULL;

    if (tls_peek_describe(peek, &chain) < 0)
        return;
    names = strv_join(chain->names, " ");
    ret->not_before = chain_leaf(chain)->not_before;
    ret->not_after = chain_leaf(chain)->not_after;
    ret->covers = chain_covers(chain, (char *const[]){ (char *)(uintptr_t)name, NULL }, NULL);
    text_quote(chain_leaf(chain)->serial, SIGHTING_SERIAL_MAX, ret->serial);
    text_quote(chain_leaf(chain)->issuer, SIGHTING_TEXT_MAX, ret->issuer);
    text_quote(names, SIGHTING_TEXT_MAX, ret->names);
}

static int look(TlsPeek *peek, const Request *request, ProberResult *ret)
{
    int64_t deadline = monotonic_msec() + request->timeout;
    const uint8_t(*chain)[DIGEST_SIZE];
    StarttlsStep step;
    int r = starttls(SANDBOX_SOCKET, (ProbeScheme)request->scheme, deadline, &step);

    ret->step = (uint32_t)step;
    if (r < 0)
        return r;
    r = tls_peek(peek, request->name, (TlsPeekKey)request->key, SANDBOX_SOCKET, deadline);
    ret->tls_error = tls_peek_error(peek);
    if (r < 0)
        return r;
    ret->seen.presented.n = (uint32_t)tls_peek_chain(peek, &chain);
    memcpy(ret->seen.presented.digests, chain, ret->seen.presented.n * DIGEST_SIZE);
    describe(peek, request->name, &ret->seen.leaf);
    return 0;
}

void probe_child(int argc _unused_, char *argv[] _unused_)
{
    static const SandboxLimits limits = { .cpu = LIMIT_PROBE_CPU,
                                          .output = 0,
                                          .memory = LIMIT_PROBE_MEMORY };
    Request request;
    TlsPeek *peek; /* not freed: the process exits */

    tzset(); /* timegm(3) reads a file otherwise */
    if (tls_peek_new(&peek) < 0 || confined_enter(&limits, SANDBOX_CONVERSE) < 0)
        _exit(EXIT_FAILURE);
    while (receive_request(&request)) {
        ProberResult result = {};

        result.error = look(peek, &request, &result);
        close(SANDBOX_SOCKET);
        if (send(STDIN_FILENO, &result, sizeof(result), MSG_NOSIGNAL) != sizeof(result))
            break;
    }
    _exit(EXIT_SUCCESS);
}
