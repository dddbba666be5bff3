/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "client.h"
#include "files.h"
#include "pki.h"
#include "process.h"
#include "signals.h"

/* Descriptors of every kind, hostile files, and an import process that is slow, killed or another program: each call is
 * answered, the service answers others meanwhile, and lives. */

#define MODULE     "[Module]\n[Certificate a.example.com]\n"
#define PATIENCE   (60 * G_USEC_PER_SEC) /* for an answer; LIMIT_IMPORT_TIME is less */
#define PING_BOUND (5 * G_USEC_PER_SEC)  /* for what has nothing to do with it */
#define LIMIT      (64 * 1024)

/* One upload on its way. */
typedef struct Ask {
    gboolean answered;
    char *error, *message; /* "" for success */
    GVariant *reply;
    gint64 begun, longest_ping;
} Ask;

static void on_answer(GObject *source, GAsyncResult *result, gpointer userdata)
{
    g_autoptr(GError) error = NULL;
    Ask *a = userdata;

    a->reply =
        g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), NULL, result, &error);
    a->error = client_error_name(error);
    a->message = g_strdup(error ? error->message : "");
    a->answered = TRUE;
}

typedef struct Input {
    int bundle, key; /* key negative: none */
    const char *passphrase;
} Input;

static int add_fd(GUnixFDList *fds, int fd)
{
    g_autoptr(GError) error = NULL;
    int handle = g_unix_fd_list_append(fds, fd, &error);

    g_assert_no_error(error);
    return handle;
}

static Ask *ask_start(GDBusConnection *c, const char *path, const char *member, const Input *in)
{
    g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
    int handle = add_fd(fds, in->bundle);
    GVariantBuilder options;
    Ask *a = g_new0(Ask, 1);

    g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
    if (in->key >= 0)
        g_variant_builder_add(&options, "{sv}", "key", g_variant_new_handle(add_fd(fds, in->key)));
    if (in->passphrase)
        g_variant_builder_add(&options, "{sv}", "passphrase", g_variant_new_string(in->passphrase));
    a->begun = g_get_monotonic_time();
    g_dbus_connection_call_with_unix_fd_list(
        c, SERVICE, path, strcmp(path, PATH) == 0 ? MANAGER : CERTIFICATE, member,
        g_variant_new("(ha{sv})", handle, &options), NULL, 0, 100000, fds, NULL, on_answer, a);
    return a;
}

static void ask_free(Ask *a)
{
    g_assert_true(a->answered);
    g_free(a->error);
    g_free(a->message);
    g_clear_pointer(&a->reply, g_variant_unref);
    g_free(a);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ask, ask_free)

static gint64 ping(GDBusConnection *c)
{
    gint64 begun = g_get_monotonic_time();
    g_autoptr(GVariant) version G_GNUC_UNUSED = client_get(c, PATH, MANAGER, "Version");

    return g_get_monotonic_time() - begun;
}

/* Until it is answered; meanwhile another client asks for a property, again and again. */
static void ask_wait(Ask *a, GDBusConnection *other, const char *what)
{
    while (!a->answered) {
        a->longest_ping = MAX(a->longest_ping, ping(other));
        while (g_main_context_iteration(NULL, FALSE))
            ;
        g_usleep(2000);
        if (g_get_monotonic_time() - a->begun > PATIENCE)
            g_error("%s: there is no answer", what);
    }
    g_assert_cmpint(a->longest_ping, <, PING_BOUND);
}

static Ask *ask(GDBusConnection *c, GDBusConnection *other, const char *member, const Input *in,
                const char *what)
{
    Ask *a = ask_start(c, PATH, member, in);

    ask_wait(a, other, what);
    g_test_message("%s: %s: %s in %.3f s; others waited %.3f s at most: %s", what, member,
                   *a->error ? a->error : "taken",
                   (double)(g_get_monotonic_time() - a->begun) / G_USEC_PER_SEC,
                   (double)a->longest_ping / G_USEC_PER_SEC, a->message);
    return a;
}

/* What CheckUpload says of the file as such. */
static gboolean format_is_fine(const Ask *a)
{
    g_autoptr(GVariant) checks = g_variant_get_child_value(a->reply, 0);
    const char *name, *text;
    gboolean passed;

    g_assert_cmpuint(g_variant_n_children(checks), >, 0);
    g_variant_get_child(checks, 0, "(&sb&s)", &name, &passed, &text);
    g_assert_cmpstr(name, ==, "format");
    g_assert_cmpstr(text, !=, "");
    return passed;
}

/* A service with a chain that it takes. */
typedef struct Scene {
    Fixture *fixture;
    Pki *pki;
    PkiLeaf *leaf;
    char *path, *bundle;
    GDBusConnection *other;
} Scene;

static Scene *scene_new(void)
{
    Scene *s = g_new0(Scene, 1);

    s->fixture = fixture_new(0, MODULE);
    s->pki = pki_new(s->fixture->directory);
    s->leaf = pki_issue(s->pki, "leaf-a", "DNS:a.example.com", "EC", 30);
    s->path = client_find(s->fixture->root, "a.example.com");
    s->bundle = pki_bundle(s->leaf);
    s->other = client_connect(s->fixture, fixture_uid("nobody"));
    client_wait_state(s->fixture->root, s->path, "valid");
    return s;
}

/* pid 0: there is none. */
static pid_t find_child(pid_t parent)
{
    g_autofree char *tasks = g_strdup_printf("/proc/%d/task", (int)parent);
    g_autoptr(GDir) dir = g_dir_open(tasks, 0, NULL);
    const char *task;
    pid_t pid = 0;

    while (dir && pid == 0 && (task = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(tasks, task, "children", NULL), *text = file_read(path);

        pid = text ? (pid_t)strtol(text, NULL, 10) : 0;
    }
    return pid;
}

static gboolean has_child(gpointer daemon)
{
    return find_child(*(const pid_t *)daemon) > 0;
}

static gboolean has_no_child(gpointer daemon)
{
    return !has_child(daemon);
}

static pid_t wait_child(Scene *s)
{
    wait_until(has_child, &s->fixture->daemon, "an import process");
    return find_child(s->fixture->daemon);
}

static int memfd_of(const void *data, gsize size)
{
    int fd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, data, size), ==, size);
    return fd;
}

static int good_fd(Scene *s)
{
    return memfd_of(s->bundle, strlen(s->bundle));
}

/* All is well: nothing runs any more, and a proper chain is taken. */
static void scene_check(Scene *s)
{
    g_autofree char *fingerprint = NULL;
    Input in = { good_fd(s), -1, NULL };
    g_autoptr(Ask) a = NULL;

    wait_until(has_no_child, &s->fixture->daemon, "the import processes to end");
    a = ask(s->fixture->root, s->other, "UploadFd", &in, "a proper chain");
    g_assert_cmpstr(a->error, ==, "");
    fingerprint = client_get_string(s->fixture->root, s->path, "Fingerprint");
    g_assert_cmpstr(fingerprint, ==, s->leaf->fingerprint);
    fixture_check_daemon(s->fixture);
    close(in.bundle);
}

static void scene_free(Scene *s)
{
    scene_check(s);
    g_dbus_connection_close_sync(s->other, NULL, NULL);
    g_object_unref(s->other);
    g_free(s->path);
    g_free(s->bundle);
    pki_leaf_free(s->leaf);
    pki_free(s->pki);
    fixture_free(s->fixture);
    g_free(s);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scene, scene_free)

static char *scene_file(Scene *s, const char *name)
{
    return g_build_filename(s->fixture->directory, name, NULL);
}

/* Kinds of descriptors. held keeps its other end. */

static int open_or_fail(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd < 0)
        g_error("%s: %s", path, g_strerror(errno));
    return fd;
}

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
    int fd = good_fd(s);

    g_assert_cmpint(ftruncate(fd, LIMIT + 1), ==, 0);
    return fd;
}

static int make_memfd(Scene *s, int *held G_GNUC_UNUSED)
{
    return good_fd(s);
}

static int make_sealed(Scene *s, int *held G_GNUC_UNUSED)
{
    int fd = good_fd(s);

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
    Change change = { .fd = good_fd(s), .text = s->bundle };
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

/* Files that take long to read. */

static int bomb_open(const char *id)
{
    const char *folder = g_getenv("CERTWRIGHT_BOMBS");
    g_autofree char *path = folder ? g_build_filename(folder, id, NULL) : NULL;

    if (!path)
        g_error("CERTWRIGHT_BOMBS is not set: run this by \"meson test\"");
    return open_or_fail(path, O_RDONLY);
}

#define SLOW       "pkcs12-64-times-600000"
#define PASSPHRASE "secret"

static void test_many_at_once(void)
{
    static const char *const ids[] = { SLOW, "pkcs12-16-times-600000", "pkcs12-40-keys-600000",
                                       "pkcs12-scrypt-cpu" };
    g_autoptr(Scene) s = scene_new();
    gint64 longest = 0;
    Ask *asks[8];

    for (gsize i = 0; i < G_N_ELEMENTS(asks); i++) {
        Input in = { bomb_open(ids[i % G_N_ELEMENTS(ids)]), -1, PASSPHRASE };

        asks[i] = ask_start(s->fixture->root, PATH, i % 2 == 0 ? "UploadFd" : "CheckUpload", &in);
        close(in.bundle);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(asks); i++) {
        asks[i]->begun = g_get_monotonic_time();
        ask_wait(asks[i], s->other, ids[i % G_N_ELEMENTS(ids)]);
        longest = MAX(longest, asks[i]->longest_ping);
        g_assert_cmpstr(asks[i]->error, ==, i % 2 == 0 ? "LimitsExceeded" : "");
        if (i % 2 == 1)
            g_assert_false(format_is_fine(asks[i]));
        ask_free(asks[i]);
    }
    g_test_message("others waited %.3f s at most", (double)longest / G_USEC_PER_SEC);
}

/* One user's files that take long leave room for another's. */
static void test_other_user(void)
{
    g_autoptr(Scene) s = scene_new();
    Input in = { good_fd(s), -1, NULL };
    g_autoptr(Ask) other = NULL;
    gsize n_answered = 0;
    Ask *asks[8];

    fixture_set_rules(s->fixture, "polkit.addRule(function(action, subject) {"
                                  " if (subject.user == 'nobody') return polkit.Result.YES; });");
    for (gsize i = 0; i < G_N_ELEMENTS(asks); i++) {
        Input slow = { bomb_open(SLOW), -1, PASSPHRASE };

        asks[i] = ask_start(s->fixture->root, PATH, "CheckUpload", &slow);
        close(slow.bundle);
    }
    (void)wait_child(s);
    other = ask(s->other, s->fixture->root, "CheckUpload", &in, "another user's");
    g_assert_true(format_is_fine(other));
    for (gsize i = 0; i < G_N_ELEMENTS(asks); i++)
        n_answered += asks[i]->answered;
    g_assert_cmpuint(n_answered, <=, 4); /* and not those that had waited before it */
    for (gsize i = 0; i < G_N_ELEMENTS(asks); i++) {
        asks[i]->begun = g_get_monotonic_time();
        ask_wait(asks[i], s->fixture->root, SLOW);
        ask_free(asks[i]);
    }
    close(in.bundle);
}

/* What they leave behind must not be theirs alone: the daemon goes on for the others. */
static void test_caller_leaves(void)
{
    static const char *const members[] = { "UploadFd", "CheckUpload" };
    g_autoptr(Scene) s = scene_new();

    for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
        g_autoptr(GDBusConnection) caller = client_connect(s->fixture, 0);
        Input in = { bomb_open(SLOW), -1, PASSPHRASE };
        Ask *a = ask_start(caller, PATH, members[i], &in);

        g_dbus_connection_set_exit_on_close(caller, FALSE);
        (void)wait_child(s);
        g_assert_false(a->answered);
        g_dbus_connection_close_sync(caller, NULL, NULL);
        ask_wait(a, s->other, "a caller that has left");
        g_assert_cmpstr(a->error, !=, "");
        ask_free(a);
        close(in.bundle);
    }
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

        g_assert_cmpint(kill(wait_child(s), ends[i].signal), ==, 0);
        ask_wait(a, s->other, "a process that is killed");
        g_assert_cmpstr(a->error, ==, ends[i].error);
        g_assert_nonnull(strstr(a->message, "upload"));
        close(in.bundle);
    }
}

static gboolean is_gone(gpointer pid)
{
    return kill(*(const pid_t *)pid, 0) < 0 && errno == ESRCH;
}

/* The service ends while an upload is being read: so does what reads it. */
static void test_service_ends(void)
{
    g_autoptr(Scene) s = scene_new();
    Input in = { bomb_open(SLOW), -1, PASSPHRASE };
    g_autoptr(Ask) a = ask_start(s->fixture->root, PATH, "UploadFd", &in);
    pid_t child = wait_child(s);

    fixture_stop_daemon(s->fixture);
    wait_until(is_gone, &child, "the import process to end with the service");
    fixture_start_daemon(s->fixture, 0);
    ask_wait(a, s->other, "a service that ended");
    g_assert_cmpstr(a->error, !=, "");
    close(in.bundle);
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
    Input in = { good_fd(s), -1, NULL };

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

static void check_no_secret(const char *text, gsize size, const char *passphrase, const char *key,
                            const char *what)
{
    g_auto(GStrv) lines = g_strsplit(key, "\n", -1);

    if (memmem(text, size, passphrase, strlen(passphrase)))
        g_error("the passphrase is in %s", what);
    for (char **line = lines; *line; line++)
        if (strlen(*line) > 16 && **line != '-' && memmem(text, size, *line, strlen(*line)))
            g_error("the key is in %s", what);
}

static void check_file(pid_t pid, const char *name, const char *key)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", (int)pid, name), *text = NULL;
    gsize size;

    if (!g_file_get_contents(path, &text, &size, NULL))
        g_test_message("%s cannot be read here", path);
    else
        check_no_secret(text, size, PASSPHRASE, key, path);
}

/* False until the program is executed, which closes what its parent had open: before, all else is the parent's too. */
static gboolean has_few_descriptors(gpointer pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)*(const pid_t *)pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    guint n = 0;

    while (dir && (name = g_dir_read_name(dir))) {
        if (atoi(name) >= 5)
            return FALSE;
        n++;
    }
    return n > 0;
}

/* What it can reach: its input, its answer, and nowhere to complain to. */
static void check_descriptors(Scene *s, pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *link = g_build_filename(path, name, NULL), *target = g_file_read_link(link, NULL);

        g_assert_cmpint(atoi(name), <, 5);
        if (target && g_str_has_prefix(target, s->fixture->state))
            g_error("the import process has %s open", target);
    }
}

/* While it works: slow in the file, a key and a passphrase beside it. */
static void test_process(void)
{
    g_autoptr(Scene) s = scene_new();
    Input in = { bomb_open(SLOW), memfd_of(s->leaf->key, strlen(s->leaf->key)), PASSPHRASE };
    g_autoptr(Ask) a = ask_start(s->fixture->root, PATH, "UploadFd", &in);
    pid_t child = wait_child(s);

    wait_until(has_few_descriptors, &child, "the program of the import process");
    check_file(child, "cmdline", s->leaf->key);
    check_file(child, "environ", s->leaf->key);
    check_file(child, "comm", s->leaf->key);
    check_descriptors(s, child);
    ask_wait(a, s->other, "a slow file");
    g_assert_cmpstr(a->error, ==, "LimitsExceeded");
    close(in.bundle);
    close(in.key);
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
    g_test_add_func("/bus/imports/many-at-once", test_many_at_once);
    g_test_add_func("/bus/imports/other-user", test_other_user);
    g_test_add_func("/bus/imports/caller-leaves", test_caller_leaves);
    g_test_add_func("/bus/imports/killed", test_killed);
    g_test_add_func("/bus/imports/service-ends", test_service_ends);
    g_test_add_func("/bus/imports/replaced", test_replaced);
    g_test_add_func("/bus/imports/process", test_process);
    g_test_add_func("/bus/imports/secrets", test_secrets);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
