/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "import-scene.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "files.h"

#define MODULE      "[Module]\n[Certificate a.example.com]\n"
#define PATIENCE    (60 * G_USEC_PER_SEC) /* for an answer; LIMIT_IMPORT_TIME is less */
#define PING_BOUND  (5 * G_USEC_PER_SEC)  /* for what has nothing to do with it */
#define PAUSE_USEC  2000                  /* between two pings during the first second */
#define LONGER_USEC 50000                 /* and later */

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

static int add_fd(GUnixFDList *fds, int fd)
{
    g_autoptr(GError) error = NULL;
    int handle = g_unix_fd_list_append(fds, fd, &error);

    g_assert_no_error(error);
    return handle;
}

Ask *ask_start(GDBusConnection *c, const char *path, const char *member, const Input *in)
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

void ask_free(Ask *a)
{
    g_assert_true(a->answered);
    g_free(a->error);
    g_free(a->message);
    g_clear_pointer(&a->reply, g_variant_unref);
    g_free(a);
}

static gint64 ping(GDBusConnection *c)
{
    gint64 begun = g_get_monotonic_time();
    g_autoptr(GVariant) version G_GNUC_UNUSED = client_get(c, PATH, MANAGER, "Version");

    return g_get_monotonic_time() - begun;
}

void ask_wait(Ask *a, GDBusConnection *other, const char *what)
{
    gint64 waited;

    while (!a->answered) {
        a->longest_ping = MAX(a->longest_ping, ping(other));
        while (g_main_context_iteration(NULL, FALSE))
            ;
        waited = g_get_monotonic_time() - a->begun;
        g_usleep(waited < G_USEC_PER_SEC ? PAUSE_USEC : LONGER_USEC);
        if (waited > PATIENCE)
            g_error("%s: there is no answer", what);
    }
    g_assert_cmpint(a->longest_ping, <, PING_BOUND);
}

Ask *ask(GDBusConnection *c, GDBusConnection *other, const char *member, const Input *in, const char *what)
{
    Ask *a = ask_start(c, PATH, member, in);

    ask_wait(a, other, what);
    g_test_message("%s: %s: %s in %.3f s; others waited %.3f s at most: %s", what, member,
                   *a->error ? a->error : "taken",
                   (double)(g_get_monotonic_time() - a->begun) / G_USEC_PER_SEC,
                   (double)a->longest_ping / G_USEC_PER_SEC, a->message);
    return a;
}

gboolean format_is_fine(const Ask *a)
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

Scene *scene_new(void)
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

/* 0 if there is none. */
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

pid_t scene_wait_child(Scene *s)
{
    wait_until(has_child, &s->fixture->daemon, "an import process");
    return find_child(s->fixture->daemon);
}

int memfd_of(const void *data, gsize size)
{
    int fd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, data, size), ==, size);
    return fd;
}

int scene_memfd(Scene *s)
{
    return memfd_of(s->bundle, strlen(s->bundle));
}

/* All is well: nothing runs any more, and a proper chain is taken. */
static void scene_check(Scene *s)
{
    g_autofree char *fingerprint = NULL;
    Input in = { scene_memfd(s), -1, NULL };
    g_autoptr(Ask) a = NULL;

    wait_until(has_no_child, &s->fixture->daemon, "the import processes to end");
    a = ask(s->fixture->root, s->other, "UploadFd", &in, "a proper chain");
    g_assert_cmpstr(a->error, ==, "");
    fingerprint = client_get_string(s->fixture->root, s->path, "Fingerprint");
    g_assert_cmpstr(fingerprint, ==, s->leaf->fingerprint);
    fixture_check_daemon(s->fixture);
    close(in.bundle);
}

void scene_free(Scene *s)
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

char *scene_file(Scene *s, const char *name)
{
    return g_build_filename(s->fixture->directory, name, NULL);
}

int open_or_fail(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd < 0)
        g_error("%s: %s", path, g_strerror(errno));
    return fd;
}

int bomb_open(const char *id)
{
    const char *folder = g_getenv("CERTWRIGHT_BOMBS");
    g_autofree char *path = folder ? g_build_filename(folder, id, NULL) : NULL;

    if (!path)
        g_error("CERTWRIGHT_BOMBS is not set: run this by \"meson test\"");
    return open_or_fail(path, O_RDONLY);
}

void check_no_secret(const char *text, gsize size, const char *passphrase, const char *key, const char *what)
{
    g_auto(GStrv) lines = g_strsplit(key, "\n", -1);

    if (memmem(text, size, passphrase, strlen(passphrase)))
        g_error("the passphrase is in %s", what);
    for (char **line = lines; *line; line++)
        if (strlen(*line) > 16 && **line != '-' && memmem(text, size, *line, strlen(*line)))
            g_error("the key is in %s", what);
}
