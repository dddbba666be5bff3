/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "import/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/wait.h>

#include "import/import-internal.h"
#include "import/message.h"
#include "util/child.h"
#include "util/log.h"
#include "util/memfd.h"
#include "util/time.h"
#include "util/timer.h"

typedef struct Import Import;
STAILQ_HEAD(ImportQueue, Import);

/* A user with waiting or running imports. */
typedef struct Owner {
    TAILQ_ENTRY(Owner) entry;
    uid_t uid;
    struct ImportQueue waiting;
    size_t n_waiting, n_running; /* as in Importer */
} Owner;

TAILQ_HEAD(OwnerQueue, Owner);

/* An import. It goes from waiting to running to answered; one that does not exit after being killed (its
 * input is on a file system that hangs) is answered and kept until it does. */
struct Import {
    STAILQ_ENTRY(Import) entry;
    Importer *importer;
    Owner *owner; /* until it is answered */
    int bundle_fd, key_fd, passphrase_fd;
    bool passphrase_is_file;
    ImportDone done; /* NULL: answered */
    void *userdata;

    int reply_fd;
    Child child;
    sd_event_source *exit_source, *timer;
};

struct Importer {
    sd_event *event;
    char *program;
    struct OwnerQueue owners; /* in order of turns */
    struct ImportQueue started;
    size_t n_waiting, n_running; /* started imports that are not answered */
};

static Import *import_free(Import *i)
{
    if (!i)
        return NULL;
    sd_event_source_disable_unref(i->exit_source);
    sd_event_source_disable_unref(i->timer);
    closep(&i->bundle_fd);
    closep(&i->key_fd);
    closep(&i->passphrase_fd);
    closep(&i->reply_fd);
    child_close(&i->child);
    free(i);
    return NULL;
}
DEFINE_CLEANUP(Import *, import_free);

static Owner *find_owner(Importer *importer, uid_t uid)
{
    Owner *o;

    TAILQ_FOREACH (o, &importer->owners, entry)
        if (o->uid == uid)
            break;
    return o;
}

static Owner *get_owner(Importer *importer, uid_t uid)
{
    Owner *o = find_owner(importer, uid);

    if (!o && (o = calloc(1, sizeof(Owner)))) {
        o->uid = uid;
        STAILQ_INIT(&o->waiting);
        TAILQ_INSERT_TAIL(&importer->owners, o, entry);
    }
    return o;
}

static void note_waiting(Import *i, Owner *o)
{
    i->owner = o;
    STAILQ_INSERT_TAIL(&o->waiting, i, entry);
    o->n_waiting++;
    i->importer->n_waiting++;
}

/* Moves the import from waiting to running, and its owner to the end of the queue. */
static void note_running(Import *i)
{
    Importer *importer = i->importer;
    Owner *o = i->owner;

    STAILQ_REMOVE_HEAD(&o->waiting, entry);
    o->n_waiting--;
    importer->n_waiting--;
    o->n_running++;
    importer->n_running++;
    TAILQ_REMOVE(&importer->owners, o, entry);
    TAILQ_INSERT_TAIL(&importer->owners, o, entry);
}

static void start_waiting(Importer *importer);

static void answer(Import *i, Imported *imported, const Problem *problem)
{
    Importer *importer = i->importer;
    Owner *o = TAKE_PTR(i->owner);
    ImportDone done = i->done;

    i->done = NULL;
    o->n_running--;
    importer->n_running--;
    if (o->n_waiting == 0 && o->n_running == 0) {
        TAILQ_REMOVE(&importer->owners, o, entry);
        free(o);
    }
    done(imported, problem, i->userdata);
}

/* Explains why there is no message. */
static void explain_end(const siginfo_t *si, Problem *problem)
{
    if (si->si_code == CLD_EXITED)
        (void)problem_set(problem, PROBLEM_INTERNAL,
                          IMPORT_PROGRAM
                          " exited with status %d without a reply; the upload was not examined.",
                          si->si_status);
    else if (si->si_status == SIGXCPU || si->si_status == SIGKILL)
        (void)problem_set(
            problem, PROBLEM_LIMITS_EXCEEDED,
            "Reading the upload takes more than %d seconds of CPU time; if it is a PKCS#12 file, its passphrase "
            "may be hashed too often: export it again with fewer iterations.",
            LIMIT_IMPORT_CPU);
    else
        (void)problem_set(problem, PROBLEM_INVALID_BUNDLE,
                          "The upload crashes the program that reads it (signal %d), so it is rejected.",
                          si->si_status);
}

static int read_reply(const Import *i, const siginfo_t *si, Imported **ret, Problem *problem)
{
    char *data = NULL;
    size_t size = 0;
    int r;

    if (si->si_code != CLD_EXITED || si->si_status != EXIT_SUCCESS) {
        explain_end(si, problem);
        return -EBADMSG;
    }
    r = memfd_read(i->reply_fd, LIMIT_IMPORT_REPLY, &data, &size);
    if (r >= 0)
        r = message_decode((const uint8_t *)data, size, ret, problem);
    if (data)
        explicit_bzero(data, size);
    free(data);
    if (r < 0)
        (void)problem_set(problem, PROBLEM_INTERNAL, IMPORT_PROGRAM " returned an invalid reply: %s.",
                          r == -EBADMSG ? "it is damaged" : strerror(-r));
    return r;
}

static int on_exit_of_process(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_,
                              void *userdata)
{
    _cleanup_(import_freep) Import *i = userdata;
    Importer *importer = i->importer;
    _cleanup_problem_ Problem problem = {};
    Imported *imported = NULL;
    siginfo_t si = {};

    if (child_reap(&i->child, &si) == 0) {
        TAKE_PTR(i);
        return 0;
    }
    STAILQ_REMOVE(&importer->started, i, Import, entry);
    if (i->done) {
        (void)read_reply(i, &si, &imported, &problem);
        answer(i, imported, &problem);
    }
    start_waiting(importer);
    return 0;
}

static int on_timeout(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    _cleanup_problem_ Problem problem = {};
    Import *i = userdata;

    child_signal(&i->child, SIGKILL);
    (void)problem_set(
        &problem, PROBLEM_LIMITS_EXCEEDED,
        "The upload could not be read within %d seconds; is its file on a file system that does not respond?",
        LIMIT_IMPORT_TIME);
    answer(i, NULL, &problem);
    start_waiting(i->importer);
    return 0;
}

static int start_process(Import *i)
{
    const char *arguments[4] = { IMPORT_PROGRAM };
    const int fds[] = { [IMPORT_FD_BUNDLE] = i->bundle_fd,
                        [STDOUT_FILENO] = i->reply_fd,
                        [STDERR_FILENO] = -EBADF,
                        [IMPORT_FD_KEY] = i->key_fd,
                        [IMPORT_FD_PASSPHRASE] = i->passphrase_fd };
    const ChildCall call = {
        .program = i->importer->program, .arguments = arguments, .fds = fds, .n_fds = ELEMENTSOF(fds)
    };
    size_t n = 1;

    if (i->key_fd >= 0)
        arguments[n++] = IMPORT_OPTION_KEY;
    if (i->passphrase_fd >= 0)
        arguments[n++] = i->passphrase_is_file ? IMPORT_OPTION_PASSPHRASE_FILE : IMPORT_OPTION_PASSPHRASE;
    return child_start(&call, &i->child);
}

static int import_start(Import *i)
{
    sd_event *event = i->importer->event;
    int r;

    i->reply_fd = memfd_new_writable("import");
    if (i->reply_fd < 0)
        return i->reply_fd;
    r = start_process(i);
    if (r >= 0)
        r = sd_event_add_io(event, &i->exit_source, i->child.pidfd, EPOLLIN, on_exit_of_process, i);
    if (r >= 0)
        r = deadline_add(event, &i->timer, LIMIT_IMPORT_TIME * USEC_PER_SEC, on_timeout, i);
    if (r < 0 && i->child.pidfd >= 0)
        child_end(&i->child, NULL);
    return r;
}

/* Returns NULL if nothing may run. */
static Import *next_import(const Importer *importer)
{
    const Owner *o;

    if (importer->n_running < LIMIT_IMPORTS)
        TAILQ_FOREACH (o, &importer->owners, entry)
            if (o->n_waiting > 0 && o->n_running < LIMIT_IMPORTS - 1)
                return STAILQ_FIRST(&o->waiting);
    return NULL;
}

static void start_waiting(Importer *importer)
{
    Import *i;

    while ((i = next_import(importer))) {
        _cleanup_problem_ Problem problem = {};
        int r;

        note_running(i);
        r = import_start(i);
        if (r >= 0) {
            STAILQ_INSERT_TAIL(&importer->started, i, entry);
            continue;
        }
        log_error("Failed to start %s: %s", importer->program, strerror(-r));
        (void)problem_set(
            &problem, PROBLEM_INTERNAL,
            IMPORT_PROGRAM
            " cannot be started (%s), so uploads cannot be read; is Certwright installed completely?",
            strerror(-r));
        answer(i, NULL, &problem);
        import_free(i);
    }
}

static int duplicate(int fd, int *ret)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy < 0)
        return -errno;
    *ret = copy;
    return 0;
}

static int import_take_input(Import *i, const ImportInput *input)
{
    int r;

    r = duplicate(input->bundle_fd, &i->bundle_fd);
    if (r >= 0 && input->key_fd >= 0)
        r = duplicate(input->key_fd, &i->key_fd);
    i->passphrase_is_file = input->passphrase_fd >= 0;
    if (r >= 0 && i->passphrase_is_file)
        return duplicate(input->passphrase_fd, &i->passphrase_fd);
    if (r < 0 || !input->passphrase)
        return r;
    i->passphrase_fd = memfd_new("passphrase", input->passphrase, strlen(input->passphrase));
    return MIN(i->passphrase_fd, 0);
}

static int check_limits(Importer *importer, const ImportInput *input, Problem *problem)
{
    const Owner *o = find_owner(importer, input->owner);

    if (o && o->n_waiting >= LIMIT_IMPORTS_PER_UID)
        return problem_set(
            problem, PROBLEM_LIMITS_EXCEEDED,
            "%d uploads of the same user are already waiting to be read; try again when some of them have finished.",
            LIMIT_IMPORTS_PER_UID);
    if (importer->n_waiting >= LIMIT_IMPORTS_WAITING)
        return problem_set(problem, PROBLEM_BUSY,
                           "Many uploads are being read at the moment; try again shortly.");
    if (input->passphrase && strlen(input->passphrase) > LIMIT_PASSPHRASE)
        return problem_set(problem, PROBLEM_LIMITS_EXCEEDED, "The passphrase has more than %d bytes.",
                           LIMIT_PASSPHRASE);
    return 0;
}

int importer_start(Importer *importer, const ImportInput *input, ImportDone done, void *userdata,
                   Problem *problem)
{
    _cleanup_(import_freep) Import *i = calloc(1, sizeof(Import));
    Owner *owner;
    int r;

    if (!i)
        return -ENOMEM;
    *i = (Import){ .importer = importer,
                   .bundle_fd = -EBADF,
                   .key_fd = -EBADF,
                   .passphrase_fd = -EBADF,
                   .reply_fd = -EBADF,
                   .child.pidfd = -EBADF,
                   .done = done,
                   .userdata = userdata };
    r = check_limits(importer, input, problem);
    if (r < 0)
        return r;
    r = import_take_input(i, input);
    if (r < 0)
        return problem_set(problem, r == -EBADF ? PROBLEM_INVALID_ARGUMENT : PROBLEM_INTERNAL,
                           "The descriptor of the upload cannot be used: %s.", strerror(-r));
    owner = get_owner(importer, input->owner);
    if (!owner)
        return -ENOMEM;
    note_waiting(TAKE_PTR(i), owner);
    start_waiting(importer);
    return 0;
}

int importer_new(sd_event *event, const char *program, Importer **ret)
{
    _cleanup_(importer_freep) Importer *importer = calloc(1, sizeof(Importer));
    int r = 0;

    if (!importer)
        return -ENOMEM;
    TAILQ_INIT(&importer->owners);
    STAILQ_INIT(&importer->started);
    importer->event = sd_event_ref(event);
    if (!program)
        r = child_find_program(IMPORT_PROGRAM, &importer->program);
    else if (!(importer->program = strdup(program)))
        r = -ENOMEM;
    if (r >= 0)
        *ret = TAKE_PTR(importer);
    return r;
}

static void give_up(Import *i)
{
    _cleanup_problem_ Problem problem = {};

    if (i->child.pidfd >= 0) {
        siginfo_t si;

        child_signal(&i->child, SIGKILL);
        (void)child_reap(&i->child, &si); /* or init does */
    }
    (void)problem_set(&problem, PROBLEM_CANCELLED, "The service is stopping.");
    if (i->done)
        answer(i, NULL, &problem);
    import_free(i);
}

Importer *importer_free(Importer *importer)
{
    Owner *o;
    Import *i;

    if (!importer)
        return NULL;
    while ((i = STAILQ_FIRST(&importer->started))) {
        STAILQ_REMOVE_HEAD(&importer->started, entry);
        give_up(i);
    }
    while ((o = TAILQ_FIRST(&importer->owners))) { /* only waiting imports are left */
        i = STAILQ_FIRST(&o->waiting);
        note_running(i); /* which answer() ends */
        give_up(i);
    }
    sd_event_unref(importer->event);
    free(importer->program);
    free(importer);
    return NULL;
}

size_t importer_pending(const Importer *importer)
{
    return importer->n_waiting + importer->n_running;
}
