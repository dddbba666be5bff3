/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "client.h"
#include "files.h"
#include "import-scene.h"
#include "process.h"

/* Descriptors of every kind, and an import process that is killed, or another program. */

#define LIMIT (64 * 1024)

/* Kinds of descriptors. held keeps its other end. */

static int open_good(Scene *s, int flags)
{
    g_autofree char *path = scene_file(s, "good.pem");

    file_write(path, s->bundle);
    return open_or_fail(path, flags);
}

static int open_fifo(Scene *s, int flags)
{
    g_autofree char *path = scene_file(s, "fifo");

    (void)mkfifo(path, 0600);
    return open_or_fail(path, flags);
}

static int make_fifo(Scene *s, int *held G_GNUC_UNUSED)
{
    return open_fifo(s, O_RDONLY | O_NONBLOCK);
}

static int make_fifo_with_writer(Scene *s, int *held)
{
    *held = open_fifo(s, O_RDWR);
    return open_fifo(s, O_RDONLY);
}

static int make_zero(Scene *s G_GNUC_UNUSED, int *held G_GNUC_UNUSED)
{
    return open_or_fail("/dev/zero", O_RDONLY);
}

static int make_null(Scene *s G_GNUC_UNUSED, int *held G_GNUC_UNUSED)
{
    return open_or_fail("/dev/null", O_RDONLY);
}

static int make_directory(Scene *s, int *held G_GNUC_UNUSED)
{
    return open_or_fail(s->fixture->directory, O_RDONLY | O_DIRECTORY);
}

static int make_socket_pair(Scene *s, int *held)
{
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    g_assert_cmpint(write(fds[1], s->bundle, strlen(s->bundle)), >, 0);
    *held = fds[1];
    return fds[0];
}

static int make_socket(Scene *s G_GNUC_UNUSED, int *held G_GNUC_UNUSED)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(listen(fd, 1), ==, 0);
    return fd;
}

static int make_pipe(Scene *s, int *held)
{
    int fds[2];

    g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
    g_assert_cmpint(write(fds[1], s->bundle, strlen(s->bundle)), >, 0);
    *held = fds[1];
    return fds[0];
}

static int make_path(Scene *s, int *held G_GNUC_UNUSED)
{
    return open_good(s, O_PATH);
}

static int make_write_only(Scene *s, int *held G_GNUC_UNUSED)
{
    return open_good(s, O_WRONLY);
}

static int make_removed(Scene *s, int *held G_GNUC_UNUSED)
{
    g_autofree char *path = scene_file(s, "good.pem");
    int fd = open_good(s, O_RDONLY);

    g_assert_cmpint(unlink(path), ==, 0);
    return fd;
}

static int make_append(Scene *s, int *held G_GNUC_UNUSED)
{
    return open_good(s, O_RDWR | O_APPEND);
}

static int make_sparse(Scene *s, int *held G_GNUC_UNUSED)
{
    g_autofree char *path = scene_file(s, "sparse");
    int fd = open_or_fail(path, O_RDWR | O_CREAT);

    g_assert_cmpint(ftruncate(fd, 1 << 30), ==, 0);
    return fd;
}

static int make_above_limit(Scene *s, int *held G_GNUC_UNUSED)
{
    int fd = scene_memfd(s);

    g_assert_cmpint(ftruncate(fd, LIMIT + 1), ==, 0);
    return fd;
}

static int make_memfd(Scene *s, int *held G_GNUC_UNUSED)
{
    return scene_memfd(s);
}

static int make_sealed(Scene *s, int *held G_GNUC_UNUSED)
{
    int fd = scene_memfd(s);

    g_assert_cmpint(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL), ==, 0);
    return fd;
}

static int make_empty(Scene *s G_GNUC_UNUSED, int *held G_GNUC_UNUSED)
{
    return memfd_of("", 0);
}

static int make_eventfd(Scene *s G_GNUC_UNUSED, int *held G_GNUC_UNUSED)
{
    return eventfd(0, EFD_CLOEXEC);
}

static int make_timer(Scene *s G_GNUC_UNUSED, int *held G_GNUC_UNUSED)
{
    return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
}

static int make_inotify(Scene *s G_GNUC_UNUSED, int *held G_GNUC_UNUSED)
{
    return inotify_init1(IN_CLOEXEC);
}

static int make_epoll(Scene *s G_GNUC_UNUSED, int *held G_GNUC_UNUSED)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

static int make_terminal(Scene *s G_GNUC_UNUSED, int *held)
{
    *held = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_cmpint(*held, >=, 0);
    g_assert_true(grantpt(*held) == 0 && unlockpt(*held) == 0);
    return open_or_fail(ptsname(*held), O_RDWR | O_NOCTTY);
}

static int make_terminal_end(Scene *s G_GNUC_UNUSED, int *held G_GNUC_UNUSED)
{
    return posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static const struct {
    const char *name;
    int (*make)(Scene *s, int *held);
    const char *error;
} kinds[] = {
    { "FIFO", make_fifo, "InvalidArgument" },
    { "FIFO with a writer", make_fifo_with_writer, "InvalidArgument" },
    { "/dev/zero", make_zero, "InvalidArgument" },
    { "/dev/null", make_null, "InvalidArgument" },
    { "directory", make_directory, "InvalidArgument" },
    { "pair of sockets", make_socket_pair, "InvalidArgument" },
    { "listening socket", make_socket, "InvalidArgument" },
    { "pipe", make_pipe, "InvalidArgument" },
    { "path", make_path, "InvalidArgument" },
    { "file for writing", make_write_only, "InvalidArgument" },
    { "eventfd", make_eventfd, "InvalidArgument" },
    { "timerfd", make_timer, "InvalidArgument" },
    { "inotify", make_inotify, "InvalidArgument" },
    { "epoll", make_epoll, "InvalidArgument" },
    { "terminal", make_terminal, "InvalidArgument" },
    { "terminal's other end", make_terminal_end, "InvalidArgument" },
    { "sparse file of 1 GiB", make_sparse, "LimitsExceeded" },
    { "memfd above the limit", make_above_limit, "LimitsExceeded" },
    { "empty memfd", make_empty, "InvalidBundle" },
    { "removed file", make_removed, "" },
    { "file for appending", make_append, "" },
    { "memfd at its end", make_memfd, "" },
    { "sealed memfd at its end", make_sealed, "" },
};

/* Where the descriptor itself is at fault, a dry run fails as well; else it tells. */
static void check_dry_run(Scene *s, const Input *in, const char *error, const char *what)
{
    g_autoptr(Ask) a = ask(s->fixture->root, s->other, "CheckUpload", in, what);

    if (strcmp(error, "InvalidArgument") == 0) {
        g_assert_cmpstr(a->error, ==, error);
        return;
    }
    g_assert_cmpstr(a->error, ==, "");
    g_assert_true(format_is_fine(a) == (*error == 0));
}

static void test_descriptors(void)
{
    g_autoptr(Scene) s = scene_new();

    for (gsize k = 0; k < G_N_ELEMENTS(kinds); k++) {
        int held = -1, fd = kinds[k].make(s, &held);
        Input in = { fd, -1, NULL };
        g_autoptr(Ask) a = NULL;

        g_assert_cmpint(fd, >=, 0);
        check_dry_run(s, &in, kinds[k].error, kinds[k].name);
        a = ask(s->fixture->root, s->other, "UploadFd", &in, kinds[k].name);
        if (strcmp(a->error, kinds[k].error) != 0)
            g_error("%s: \"%s\" and not \"%s\"", kinds[k].name, a->error, kinds[k].error);
        if (*a->error)
            g_assert_cmpuint(strlen(a->message), >, 60);
        close(fd);
        if (held >= 0)
            close(held);
    }
}

/* The same for the key in a descriptor of its own. */
static void test_key(void)
{
    g_autoptr(Scene) s = scene_new();
    g_autofree char *chain = g_strconcat(s->leaf->certificate, s->leaf->intermediate, NULL);
    int bundle = memfd_of(chain, strlen(chain));

    for (gsize k = 0; k < G_N_ELEMENTS(kinds); k++) {
        int held = -1, fd = kinds[k].make(s, &held);
        Input in = { bundle, fd, NULL };
        g_autoptr(Ask) a = ask(s->fixture->root, s->other, "UploadFd", &in, kinds[k].name);

        if (strcmp(a->error, kinds[k].error) != 0)
            g_error("%s: \"%s\" and not \"%s\"", kinds[k].name, a->error, kinds[k].error);
        close(fd);
        if (held >= 0)
            close(held);
    }
    close(bundle);
}

/* A file that changes under the reader's eyes. */

typedef struct Change {
    int fd;
    const char *text;
    gint stop;
} Change;

static gpointer change_file(gpointer data)
{
    g_autofree char *noise = g_strnfill(LIMIT, '-');
    Change *c = data;

    for (unsigned i = 0; !g_atomic_int_get(&c->stop); i++) {
        g_assert_cmpint(pwrite(c->fd, i % 2 == 0 ? c->text : noise, strlen(c->text), 0), ==,
                        strlen(c->text));
        g_assert_cmpint(ftruncate(c->fd, i % 3 == 0 ? 0 : (off_t)strlen(c->text)), ==, 0);
        if (i % 5 == 0)
            g_assert_cmpint(pwrite(c->fd, noise, LIMIT, (off_t)strlen(c->text)), ==, LIMIT);
        g_usleep(20);
    }
    return NULL;
}

static void test_changing(void)
{
    static const char *const errors[] = {
        "", "InvalidBundle", "LimitsExceeded", "KeyMismatch", "ChainIncomplete", NULL
    };
    g_autoptr(Scene) s = scene_new();
    Change change = { .fd = scene_memfd(s), .text = s->bundle };
    Input in = { change.fd, -1, NULL };
    GThread *thread = g_thread_new("change", change_file, &change);

    for (int i = 0; i < 40; i++) {
        g_autoptr(Ask) a = ask(s->fixture->root, s->other, "UploadFd", &in, "a file that changes");

        if (!g_strv_contains(errors, a->error))
            g_error("%s", a->message);
    }
    g_atomic_int_set(&change.stop, 1);
    g_thread_join(thread);
    close(change.fd);
}

static void test_killed(void)
{
    static const struct {
        int signal;
        const char *error;
    } ends[] = { { SIGKILL, "LimitsExceeded" }, { SIGABRT, "InvalidBundle" }, { SIGTERM, "InvalidBundle" } };
    g_autoptr(Scene) s = scene_new();

    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
        Input in = { bomb_open(SLOW), -1, PASSPHRASE };
        g_autoptr(Ask) a = ask_start(s->fixture->root, PATH, "UploadFd", &in);

        g_assert_cmpint(kill(scene_wait_child(s), ends[i].signal), ==, 0);
        ask_wait(a, s->other, "a process that is killed");
        g_assert_cmpstr(a->error, ==, ends[i].error);
        g_assert_nonnull(strstr(a->message, "upload"));
        close(in.bundle);
    }
}

/* Another program in its place. */

#define IMPORTER "certwright-import"

static void replace_importer(Scene *s, const char *script)
{
    g_autofree char *path = scene_file(s, IMPORTER), *aside = scene_file(s, "certwright-import.new");

    if (script)
        file_write(aside, script);
    else
        file_copy(g_getenv("CERTWRIGHT_IMPORT"), aside, 0755);
    g_assert_cmpint(chmod(aside, 0755), ==, 0);
    g_assert_cmpint(rename(aside, path), ==, 0);
}

static void test_replaced(void)
{
    static const struct {
        const char *name, *script, *error, *says;
    } programs[] = {
        { "one that ends well", "#!/bin/sh\nexit 0\n", "Internal", IMPORTER },
        { "one that fails", "#!/bin/sh\nexit 1\n", "Internal", IMPORTER },
        { "one that talks", "#!/bin/sh\necho hello\n", "Internal", IMPORTER },
        { "one that begins an answer", "#!/bin/sh\nprintf 'cwimport'\n", "Internal", IMPORTER },
        { "one that does not stop", "#!/bin/sh\nhead -c 5000000 /dev/zero\n", "Internal", IMPORTER },
        { "one without interpreter", "#!/nonexistent/interpreter\n", "Internal", IMPORTER },
        { "text", "no program\n", "Internal", IMPORTER },
        { "nothing", "", "Internal", IMPORTER },
        { "one that sleeps", "#!/bin/sh\nexec sleep 1000\n", "LimitsExceeded", "seconds" },
        { "a file that is not there", NULL, "Internal", IMPORTER },
    };
    g_autoptr(Scene) s = scene_new();
    g_autofree char *path = scene_file(s, IMPORTER), *before = directory_digest(s->fixture->state),
                    *after = NULL;
    Input in = { scene_memfd(s), -1, NULL };

    for (gsize i = 0; i < G_N_ELEMENTS(programs); i++) {
        g_autoptr(Ask) a = NULL;

        if (programs[i].script)
            replace_importer(s, programs[i].script);
        else
            g_assert_cmpint(unlink(path), ==, 0);
        a = ask(s->fixture->root, s->other, "UploadFd", &in, programs[i].name);
        g_assert_cmpstr(a->error, ==, programs[i].error);
        g_assert_nonnull(strstr(a->message, programs[i].says));
    }
    after = directory_digest(s->fixture->state);
    g_assert_cmpstr(after, ==, before);
    replace_importer(s, NULL);
    close(in.bundle);
}

/* Secrets. */

#define SECRET "correct-horse-battery-staple"

static char *make_pkcs12(Scene *s)
{
    g_autofree char *in = scene_file(s, "all.pem");
    char *out = scene_file(s, "all.p12");
    const char *const argv[] = { "openssl", "pkcs12", "-export",  "-in",          in,
                                 "-out",    out,      "-passout", "pass:" SECRET, NULL };
    g_autofree char *output = NULL, *errors = NULL;

    file_write(in, s->bundle);
    output = process_run(argv, NULL, &errors);
    if (!output)
        g_error("openssl pkcs12: %s", errors);
    return out;
}

static void test_secrets(void)
{
    g_autoptr(Scene) s = scene_new();
    g_autofree char *p12 = make_pkcs12(s), *log = NULL;
    Input in = { open_or_fail(p12, O_RDONLY), -1, SECRET }, wrong = in;
    g_autoptr(Ask) a = ask(s->fixture->root, s->other, "UploadFd", &in, "PKCS#12"), b = NULL;

    g_assert_cmpstr(a->error, ==, "");
    wrong.passphrase = SECRET "-not";
    b = ask(s->fixture->root, s->other, "UploadFd", &wrong, "a wrong passphrase");
    g_assert_cmpstr(b->error, ==, "PassphraseRequired");
    check_no_secret(b->message, strlen(b->message), SECRET, s->leaf->key, "the error");
    log = file_read(s->fixture->daemon_log);
    check_no_secret(log, strlen(log), SECRET, s->leaf->key, "the log");
    close(in.bundle);
}

static void add(void)
{
    g_test_add_func("/bus/imports/descriptors", test_descriptors);
    g_test_add_func("/bus/imports/key", test_key);
    g_test_add_func("/bus/imports/changing", test_changing);
    g_test_add_func("/bus/imports/killed", test_killed);
    g_test_add_func("/bus/imports/replaced", test_replaced);
    g_test_add_func("/bus/imports/secrets", test_secrets);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
