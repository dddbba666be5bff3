/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/limits.h"
#include "dns/client-internal.h"
#include "util/child.h"
#include "util/log.h"
#include "util/timer.h"

#define PROGRAM "certwright-dns"
#define SOCKET  "/run/certwright-dns"
#define UNIT    "certwright-dns.socket"
/* Longer than all timeouts of the program, so that its own error message arrives. */
#define PATIENCE (LIMIT_DNS_REQUEST_TIME + LIMIT_DNS_HOOK_TIME + LIMIT_DNS_GRACE + 15)

/* A process started by this service, until it is reaped. It may outlive its job. */
typedef struct Instance {
    LIST_ENTRY(Instance) entry;
    sd_event_source *source;
    Child child;
} Instance;

/* A change. It waits, runs (with a socket), and is freed after done(). */
struct DnsJob {
    STAILQ_ENTRY(DnsJob) entry;
    DnsHelper *helper;
    DnsJobDone done; /* NULL: forgotten */
    void *userdata;
    char *request; /* may contain a secret */
    char *what;    /* description of the change */

    int fd;
    bool child; /* answered by a process started here */
    sd_event_source *io, *timer;
    char reply[LIMIT_DNS_REPLY];
    size_t received;
    Problem problem;
};

STAILQ_HEAD(DnsJobQueue, DnsJob);

struct DnsHelper {
    sd_event *event;
    char *socket, *program;
    unsigned patience;
    sd_event_source *pump; /* starts waiting jobs, outside of dns_helper_start() */
    struct DnsJobQueue waiting, running;
    size_t n_running;
    LIST_HEAD(, Instance) instances;
};

/* ---- instances */

static void instance_free(Instance *i)
{
    LIST_REMOVE(i, entry);
    sd_event_source_disable_unref(i->source);
    child_close(&i->child);
    free(i);
}

static int on_exit_of_instance(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_,
                               void *userdata)
{
    Instance *i = userdata;
    siginfo_t si;

    if (child_reap(&i->child, &si) != 0)
        instance_free(i);
    return 0;
}

/* Takes the child. */
static int instance_watch(DnsHelper *h, Child *child)
{
    Instance *i = calloc(1, sizeof(Instance));
    int r;

    if (!i) {
        child_close(child);
        return -ENOMEM;
    }
    i->child = *child;
    LIST_INSERT_HEAD(&h->instances, i, entry);
    r = sd_event_add_io(h->event, &i->source, i->child.pidfd, EPOLLIN, on_exit_of_instance, i);
    if (r < 0)
        instance_free(i);
    return r;
}

/* A process that cannot be watched still ends by its own timeouts. */
static int start_instance(DnsHelper *h, int *ret_fd)
{
    const char *const arguments[] = { PROGRAM, NULL };
    Child child;
    int pair[2], r;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    _cleanup_close_ int ours = pair[0], theirs = pair[1];
    const int fds[] = { theirs, -EBADF, STDERR_FILENO };
    const ChildCall call = {
        .program = h->program, .arguments = arguments, .fds = fds, .n_fds = ELEMENTSOF(fds)
    };
    if (fcntl(theirs, F_SETFL, 0) < 0)
        return -errno;
    r = child_start(&call, &child);
    if (r < 0)
        return r;
    r = instance_watch(h, &child);
    if (r < 0)
        log_warning_errno(r, "Failed to watch " PROGRAM ", ignoring");
    *ret_fd = TAKE_FD(ours);
    return 0;
}

/* ---- jobs */

static DnsJob *job_free(DnsJob *j)
{
    if (!j)
        return NULL;
    sd_event_source_disable_unref(j->io);
    sd_event_source_disable_unref(j->timer);
    closep(&j->fd);
    erase_and_free(j->request);
    free(j->what);
    problem_clear(&j->problem);
    free(j);
    return NULL;
}
DEFINE_CLEANUP(DnsJob *, job_free);

/* The helper must not be used after done(), which may free it. */
static void job_finish(DnsJob *job)
{
    _cleanup_(job_freep) DnsJob *j = job;
    DnsHelper *h = j->helper;

    STAILQ_REMOVE(&h->running, j, DnsJob, entry);
    h->n_running--;
    (void)sd_event_source_set_enabled(h->pump, SD_EVENT_ONESHOT);
    if (j->done)
        j->done(&j->problem, j->userdata);
}

static void job_fail(DnsJob *j, const char *why)
{
    (void)problem_set(&j->problem, PROBLEM_CHALLENGE_FAILED, "%s failed: %s", j->what, why);
    job_finish(j);
}

static const char *advice(const DnsJob *j)
{
    if (j->child && access("/run/systemd/system", F_OK) == 0)
        return " (" UNIT
               " is not active, so certwrightd started the program in its own sandbox, where it can do little: "
               "systemctl enable --now " UNIT ")";
    return "";
}

/* The output of the program is plain text, but not trusted. */
static void job_read_reply(DnsJob *j)
{
    _cleanup_problem_ Problem outcome = {};
    int r = dns_reply_decode(j->reply, j->received, &outcome);

    if (r == -ENOMEM)
        job_fail(j, "out of memory.");
    else if (r < 0)
        job_fail(j, j->child ? PROGRAM
                        " ended without an answer; its messages are in the log of the service."
                             : PROGRAM " ended without an answer; see journalctl -u 'certwright-dns@*'.");
    else {
        if (outcome.code != PROBLEM_NONE)
            (void)problem_set(&j->problem, PROBLEM_CHALLENGE_FAILED, "%s%s", strempty(outcome.text),
                              advice(j));
        job_finish(j);
    }
}

/* The buffer of a new socket holds a whole request. A peer that closed it early may have replied nevertheless. */
static int job_send(const DnsJob *j)
{
    size_t size = strlen(j->request);
    ssize_t n = send(j->fd, j->request, size, MSG_NOSIGNAL);

    if (n < 0)
        return errno == EPIPE || errno == ECONNRESET ? 0 : -errno;
    if ((size_t)n < size)
        return -ENOBUFS;
    return shutdown(j->fd, SHUT_WR) < 0 ? -errno : 0;
}

/* Returns 0 at the end of the reply. */
static int job_receive(DnsJob *j)
{
    ssize_t n = recv(j->fd, j->reply + j->received, sizeof(j->reply) - j->received, 0);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 1 : errno == ECONNRESET ? 0 : -errno;
    j->received += (size_t)n;
    if (j->received == sizeof(j->reply))
        return -E2BIG;
    return n > 0;
}

static int on_reply(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_, void *userdata)
{
    DnsJob *j = userdata;
    int r = job_receive(j);

    if (r == 0)
        job_read_reply(j);
    else if (r < 0)
        job_fail(j, strerror(-r));
    return 0;
}

static int on_timeout(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    job_fail(userdata,
             PROGRAM " did not answer in time; is its service stopped, or the machine under heavy load?");
    return 0;
}

/* A unix socket connects immediately or not at all. */
static int job_connect(DnsJob *j)
{
    DnsHelper *h = j->helper;
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(h->socket) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, h->socket);
    j->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (j->fd < 0)
        return -errno;
    if (connect(j->fd, (struct sockaddr *)&address, sizeof(address)) >= 0)
        return 0;
    if (errno != ENOENT && errno != ECONNREFUSED) {
        int r = -errno;

        (void)problem_set(&j->problem, PROBLEM_CHALLENGE_FAILED,
                          "%s failed: %s, at which " PROGRAM
                          " is reached, cannot be connected to: %s; see systemctl "
                          "status " UNIT ".",
                          j->what, h->socket, strerror(-r));
        return r;
    }
    close(TAKE_FD(j->fd));
    j->child = true;
    return start_instance(h, &j->fd);
}

static void job_run(DnsJob *j)
{
    sd_event *event = j->helper->event;
    int r = job_connect(j);

    if (r >= 0)
        r = job_send(j);
    if (r >= 0)
        r = sd_event_add_io(event, &j->io, j->fd, EPOLLIN, on_reply, j);
    if (r >= 0)
        r = deadline_add(event, &j->timer, j->helper->patience * USEC_PER_SEC, on_timeout, j);
    if (r >= 0)
        return;
    (void)problem_set(&j->problem, PROBLEM_CHALLENGE_FAILED,
                      "%s failed: %s cannot be started: %s; is Certwright installed completely?", j->what,
                      j->helper->program, strerror(-r));
    job_finish(j);
}

/* Starts the next waiting job unless LIMIT_DNS_JOBS are running. If it fails, done() may free the helper. */
static bool start_next(DnsHelper *h)
{
    DnsJob *j = STAILQ_FIRST(&h->waiting);

    if (!j || h->n_running == LIMIT_DNS_JOBS)
        return false;
    STAILQ_REMOVE_HEAD(&h->waiting, entry);
    STAILQ_INSERT_TAIL(&h->running, j, entry);
    h->n_running++;
    (void)sd_event_source_set_enabled(h->pump, SD_EVENT_ONESHOT);
    job_run(j);
    return true;
}

static int on_pump(sd_event_source *s _unused_, void *userdata)
{
    (void)start_next(userdata);
    return 0;
}

/* ---- changes */

static int job_describe(DnsJob *j, const DnsRequest *c)
{
    const char *verb = c->remove ? "Removing" : "Creating";
    int n;

    if (c->hook)
        n = asprintf(&j->what, "%s the TXT record of %s by the hook %s", verb, c->fqdn, c->hook);
    else
        n = asprintf(&j->what, "%s the TXT record of %s at the name server %s, port %u", verb, c->fqdn,
                     c->address, (unsigned)c->port);
    return n < 0 ? -ENOMEM : 0;
}

int dns_helper_start(DnsHelper *h, const DnsRequest *change, DnsJobDone done, void *userdata, DnsJob **ret,
                     Problem *problem)
{
    _cleanup_(job_freep) DnsJob *j = calloc(1, sizeof(DnsJob));
    int r;

    if (!j)
        return -ENOMEM;
    j->fd = -EBADF;
    j->helper = h;
    j->done = done;
    j->userdata = userdata;
    if ((r = dns_request_encode(change, &j->request, problem)) < 0 || (r = job_describe(j, change)) < 0 ||
        (r = sd_event_source_set_enabled(h->pump, SD_EVENT_ONESHOT)) < 0)
        return r;
    STAILQ_INSERT_TAIL(&h->waiting, j, entry);
    if (ret)
        *ret = j;
    TAKE_PTR(j);
    return 0;
}

DnsJob *dns_job_forget(DnsJob *j)
{
    if (j)
        j->done = NULL;
    return NULL;
}

/* ---- the helper */

int dns_helper_set_places(DnsHelper *h, const char *socket, const char *program)
{
    _cleanup_free_ char *path = NULL, *copy = NULL;
    int r = 0;

    if (!program)
        r = child_find_program(PROGRAM, &path);
    else if (!(path = strdup(program)))
        r = -ENOMEM;
    if (r < 0)
        return r;
    copy = strdup(socket);
    if (!copy)
        return -ENOMEM;
    free(h->socket);
    free(h->program);
    h->socket = TAKE_PTR(copy);
    h->program = TAKE_PTR(path);
    return 0;
}

void dns_helper_set_patience(DnsHelper *h, unsigned seconds)
{
    h->patience = seconds;
}

int dns_helper_new(sd_event *event, DnsHelper **ret)
{
    _cleanup_(dns_helper_freep) DnsHelper *h = calloc(1, sizeof(DnsHelper));
    int r;

    if (!h)
        return -ENOMEM;
    STAILQ_INIT(&h->waiting);
    STAILQ_INIT(&h->running);
    LIST_INIT(&h->instances);
    h->event = sd_event_ref(event);
    h->patience = PATIENCE;
    r = dns_helper_set_places(h, SOCKET, NULL);
    if (r >= 0)
        r = deferred_add(event, &h->pump, on_pump, h);
    if (r >= 0)
        *ret = TAKE_PTR(h);
    return r;
}

static void free_all(struct DnsJobQueue *queue)
{
    DnsJob *j;

    while ((j = STAILQ_FIRST(queue))) {
        STAILQ_REMOVE_HEAD(queue, entry);
        job_free(j);
    }
}

/* Starts as many waiting jobs as possible, so that no records remain because the service stops. */
static void begin_all(DnsHelper *h)
{
    DnsJob *j;

    STAILQ_FOREACH (j, &h->waiting, entry)
        (void)dns_job_forget(j);
    while (start_next(h))
        ;
    STAILQ_FOREACH (j, &h->waiting, entry)
        log_warning("%s was not started, as the service is stopping.", j->what);
}

/* A request that was written stays in the socket and is read although this end is closed; the processes
 * continue, and init reaps them after the service has exited. */
DnsHelper *dns_helper_free(DnsHelper *h)
{
    if (!h)
        return NULL;
    begin_all(h);
    free_all(&h->waiting);
    free_all(&h->running);
    while (!LIST_EMPTY(&h->instances))
        instance_free(LIST_FIRST(&h->instances));
    sd_event_source_disable_unref(h->pump);
    sd_event_unref(h->event);
    free(h->socket);
    free(h->program);
    free(h);
    return NULL;
}
