/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/limits.h"
#include "core/server-address.h"
#include "dns/client-internal.h"
#include "dns/request.h"
#include "util/log.h"

#define PROGRAM      "certwright-dns"
#define SOCKET       "/run/certwright-dns"
#define UNIT         "certwright-dns.socket"
#define DNS_PORT     53
#define USEC_PER_SEC 1000000ULL
#define FD_MIN       3 /* the first that the program does not get */
/* Longer than the program takes for its worst case, so that it is the one to say what took so long. */
#define PATIENCE (LIMIT_DNS_REQUEST_TIME + LIMIT_DNS_HOOK_TIME + LIMIT_DNS_GRACE + 15)

/* A process that this service started, until it was reaped. Its job may be long gone. */
typedef struct Child {
    LIST_ENTRY(Child) entry;
    sd_event_source *source;
    int pidfd;
} Child;

/* One change. It waits, runs (it has a socket then), and is gone when done was called. */
struct DnsJob {
    STAILQ_ENTRY(DnsJob) entry;
    DnsHelper *helper;
    DnsJobDone done; /* NULL: nobody wants to know */
    void *userdata;
    char *request; /* may hold a secret */
    size_t size, sent;
    char *what; /* the change in words */

    int fd;
    bool child; /* it is answered by a process that was started here */
    sd_event_source *io, *timer;
    sd_event_source *failed; /* it could not be begun */
    char reply[LIMIT_DNS_REPLY];
    size_t received;
    Problem problem;
};

STAILQ_HEAD(DnsJobQueue, DnsJob);

struct DnsHelper {
    sd_event *event;
    char *socket, *program;
    unsigned patience;
    sd_event_source *pump; /* starts what waits, outside of _start */
    struct DnsJobQueue waiting, running;
    size_t n_running;
    LIST_HEAD(, Child) children;
};

/* ---- children */

static void child_free(Child *c)
{
    LIST_REMOVE(c, entry);
    sd_event_source_disable_unref(c->source);
    close(c->pidfd);
    free(c);
}

static int on_exit_of_child(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_,
                            void *userdata)
{
    Child *c = userdata;
    siginfo_t si = {};

    if (waitid(P_PIDFD, (id_t)c->pidfd, &si, WEXITED | WNOHANG) < 0 || si.si_pid != 0)
        child_free(c);
    return 0;
}

static int child_watch(DnsHelper *h, pid_t pid)
{
    Child *c = calloc(1, sizeof(Child));
    int pidfd = c ? pidfd_open(pid, 0) : -1, r;

    if (pidfd < 0) {
        r = c ? -errno : -ENOMEM;
        free(c);
        return r;
    }
    c->pidfd = pidfd;
    LIST_INSERT_HEAD(&h->children, c, entry);
    r = sd_event_add_io(h->event, &c->source, pidfd, EPOLLIN, on_exit_of_child, c);
    if (r < 0)
        child_free(c);
    return r;
}

/* Signals as every program expects them: the service blocks and ignores some. */
static int spawn(const char *program, int socket, pid_t *ret)
{
    char *const arguments[] = { (char *)(uintptr_t)PROGRAM, NULL }, *const environment[] = { NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int r;

    sigemptyset(&none);
    sigfillset(&all);
    r = posix_spawnattr_init(&attributes);
    if (r != 0)
        return -r;
    r = posix_spawn_file_actions_init(&actions);
    if (r != 0) {
        posix_spawnattr_destroy(&attributes);
        return -r;
    }
    if ((r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)) == 0 &&
        (r = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
        (r = posix_spawnattr_setsigdefault(&attributes, &all)) == 0 &&
        (r = posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO)) == 0 &&
        (r = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)) == 0 &&
        (r = posix_spawn_file_actions_addclosefrom_np(&actions, FD_MIN)) == 0)
        r = posix_spawn(ret, program, &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -r;
}

/* Where nobody can watch the process, its own limits end it. */
static int start_child(DnsHelper *h, int *ret_fd)
{
    int pair[2], r;
    pid_t pid = 0;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    _cleanup_close_ int ours = pair[0], theirs = pair[1];
    if (fcntl(theirs, F_SETFL, 0) < 0)
        return -errno;
    r = spawn(h->program, theirs, &pid);
    if (r < 0)
        return r;
    r = child_watch(h, pid);
    if (r < 0)
        log_warning_errno(r, "The end of " PROGRAM " cannot be waited for");
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
    sd_event_source_disable_unref(j->failed);
    if (j->fd >= 0)
        close(j->fd);
    if (j->request)
        explicit_bzero(j->request, j->size);
    free(j->request);
    free(j->what);
    problem_clear(&j->problem);
    free(j);
    return NULL;
}
DEFINE_CLEANUP(DnsJob *, job_free);

/* Nothing is touched after done: it may free the helper. */
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

/* What the program says is plain text, yet nothing that has to be believed. */
static void job_read_reply(DnsJob *j)
{
    _cleanup_problem_ Problem outcome = {};
    int r = dns_reply_decode(j->reply, j->received, &outcome);

    if (r == -ENOMEM)
        job_fail(j, "memory is short.");
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

static int job_send(DnsJob *j)
{
    ssize_t n;

    while (j->sent < j->size) {
        n = send(j->fd, j->request + j->sent, j->size - j->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        j->sent += (size_t)n;
    }
    if (shutdown(j->fd, SHUT_WR) < 0)
        return -errno;
    return sd_event_source_set_io_events(j->io, EPOLLIN);
}

/* 0 at the end of the reply. */
static int job_receive(DnsJob *j)
{
    ssize_t n;

    do
        n = recv(j->fd, j->reply + j->received, sizeof(j->reply) - j->received, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 1 : errno == ECONNRESET ? 0 : -errno;
    j->received += (size_t)n;
    if (j->received == sizeof(j->reply))
        return -E2BIG;
    return n > 0;
}

static int on_io(sd_event_source *s _unused_, int fd _unused_, uint32_t revents, void *userdata)
{
    DnsJob *j = userdata;
    int r = 1;

    /* it may have answered before it had read everything */
    if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
        r = job_receive(j);
    if (r > 0 && j->sent < j->size) {
        r = job_send(j);
        r = r == -EPIPE || r == -ECONNRESET ? sd_event_source_set_io_events(j->io, EPOLLIN) : r;
        r = r < 0 ? r : 1;
    }
    if (r == 0)
        job_read_reply(j);
    else if (r < 0)
        job_fail(j, strerror(-r));
    return 0;
}

static int on_timeout(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    job_fail(userdata,
             PROGRAM " did not answer in time; is its service stopped, or the machine under great load?");
    return 0;
}

static int on_failed(sd_event_source *s _unused_, void *userdata)
{
    job_finish(userdata);
    return 0;
}

/* A unix socket is connected at once, or not at all. */
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
    return start_child(h, &j->fd);
}

static void job_run(DnsJob *j)
{
    sd_event *event = j->helper->event;
    int r = job_connect(j);

    if (r >= 0)
        r = sd_event_add_io(event, &j->io, j->fd, EPOLLIN | EPOLLOUT, on_io, j);
    if (r >= 0)
        r = sd_event_add_time_relative(event, &j->timer, CLOCK_MONOTONIC, j->helper->patience * USEC_PER_SEC,
                                       0, on_timeout, j);
    if (r >= 0)
        return;
    (void)problem_set(&j->problem, PROBLEM_CHALLENGE_FAILED,
                      "%s failed: %s cannot be started: %s; is Certwright installed as a whole?", j->what,
                      j->helper->program, strerror(-r));
    j->io = sd_event_source_disable_unref(j->io);
    (void)sd_event_source_set_enabled(j->failed, SD_EVENT_ONESHOT);
}

static int on_pump(sd_event_source *s _unused_, void *userdata)
{
    DnsHelper *h = userdata;

    while (h->n_running < LIMIT_DNS_JOBS && !STAILQ_EMPTY(&h->waiting)) {
        DnsJob *j = STAILQ_FIRST(&h->waiting);

        STAILQ_REMOVE_HEAD(&h->waiting, entry);
        STAILQ_INSERT_TAIL(&h->running, j, entry);
        h->n_running++;
        job_run(j);
    }
    return 0;
}

/* ---- changes */

static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

static int request_fill(const DnsChange *c, char address[static ADDRESS_TEXT_SIZE], DnsRequest *ret,
                        Problem *problem)
{
    *ret = (DnsRequest){
        .remove = c->remove, .fqdn = text(c->fqdn), .value = text(c->value), .hook = text(c->hook)
    };
    if (c->hook)
        return 0;
    if (server_address_parse(strempty(c->server), address, &ret->port) < 0)
        return problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "The server for updates of the DNS is no address; write DNSServer= as in 192.0.2.53 or "
            "[2001:db8::53]:5353.");
    ret->address = address;
    ret->port = ret->port ? ret->port : DNS_PORT;
    ret->zone = text(c->zone);
    if (c->key) {
        ret->key_name = c->key->name;
        ret->key_algorithm = c->key->algorithm;
        ret->key_secret = c->key->secret;
    }
    return 0;
}

static int job_describe(DnsJob *j, const DnsChange *c)
{
    const char *verb = c->remove ? "Removing" : "Making";
    int n;

    if (c->hook)
        n = asprintf(&j->what, "%s the TXT record of %s by the hook %s", verb, c->fqdn, c->hook);
    else
        n = asprintf(&j->what, "%s the TXT record of %s at the name server %s", verb, c->fqdn, c->server);
    return n < 0 ? -ENOMEM : 0;
}

int dns_helper_start(DnsHelper *h, const DnsChange *change, DnsJobDone done, void *userdata, DnsJob **ret,
                     Problem *problem)
{
    _cleanup_(job_freep) DnsJob *j = calloc(1, sizeof(DnsJob));
    char address[ADDRESS_TEXT_SIZE];
    DnsRequest request;
    int r;

    if (!j)
        return -ENOMEM;
    j->fd = -EBADF;
    j->helper = h;
    j->done = done;
    j->userdata = userdata;
    if ((r = request_fill(change, address, &request, problem)) < 0 ||
        (r = dns_request_encode(&request, &j->request, problem)) < 0 || (r = job_describe(j, change)) < 0 ||
        (r = sd_event_add_defer(h->event, &j->failed, on_failed, j)) < 0 ||
        (r = sd_event_source_set_enabled(j->failed, SD_EVENT_OFF)) < 0 ||
        (r = sd_event_source_set_enabled(h->pump, SD_EVENT_ONESHOT)) < 0)
        return r;
    j->size = strlen(j->request);
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

/* Beside the running program, as it is built and as it is installed. */
static int find_program(char **ret)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    char *slash;

    path[MAX(n, (ssize_t)0)] = 0;
    slash = strrchr(path, '/');
    if (slash) {
        *slash = 0;
        if (asprintf(ret, "%s/" PROGRAM, path) < 0)
            return -ENOMEM;
        if (access(*ret, X_OK) == 0)
            return 0;
        free(*ret);
    }
    *ret = strdup(LIBEXECDIR "/" PROGRAM);
    return *ret ? 0 : -ENOMEM;
}

int dns_helper_set_places(DnsHelper *h, const char *socket, const char *program)
{
    _cleanup_free_ char *path = NULL, *copy = NULL;
    int r = 0;

    if (!program)
        r = find_program(&path);
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
    LIST_INIT(&h->children);
    h->event = sd_event_ref(event);
    h->patience = PATIENCE;
    r = dns_helper_set_places(h, SOCKET, NULL);
    if (r >= 0)
        r = sd_event_add_defer(event, &h->pump, on_pump, h);
    if (r >= 0)
        r = sd_event_source_set_enabled(h->pump, SD_EVENT_OFF);
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

/* What can be begun at once is: a record that was to be removed should not stay because the service stops. */
static void begin_all(DnsHelper *h)
{
    DnsJob *j;

    (void)on_pump(NULL, h);
    STAILQ_FOREACH (j, &h->running, entry)
        if (j->io && j->sent < j->size && job_send(j) < 0)
            log_warning("%s may not have been begun.", j->what);
    STAILQ_FOREACH (j, &h->waiting, entry)
        log_warning("%s was not begun, as the service stops.", j->what);
}

/* A request that was written is in the socket and is read although this end is closed; the processes go on, and are init's when
 * the service has ended. */
DnsHelper *dns_helper_free(DnsHelper *h)
{
    if (!h)
        return NULL;
    begin_all(h);
    free_all(&h->waiting);
    free_all(&h->running);
    while (!LIST_EMPTY(&h->children))
        child_free(LIST_FIRST(&h->children));
    sd_event_source_disable_unref(h->pump);
    sd_event_unref(h->event);
    free(h->socket);
    free(h->program);
    free(h);
    return NULL;
}
