/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "import-scene.h"

/* Files that take an import process long to read. */

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
    Input in = { scene_memfd(s), -1, NULL };
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
    (void)scene_wait_child(s);
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
        (void)scene_wait_child(s);
        g_assert_false(a->answered);
        g_dbus_connection_close_sync(caller, NULL, NULL);
        ask_wait(a, s->other, "a caller that has left");
        g_assert_cmpstr(a->error, !=, "");
        ask_free(a);
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
    pid_t child = scene_wait_child(s);

    fixture_stop_daemon(s->fixture);
    wait_until(is_gone, &child, "the import process to end with the service");
    fixture_start_daemon(s->fixture, 0);
    ask_wait(a, s->other, "a service that ended");
    g_assert_cmpstr(a->error, !=, "");
    close(in.bundle);
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
    pid_t child = scene_wait_child(s);

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

static void add(void)
{
    g_test_add_func("/bus/slow-imports/many-at-once", test_many_at_once);
    g_test_add_func("/bus/slow-imports/other-user", test_other_user);
    g_test_add_func("/bus/slow-imports/caller-leaves", test_caller_leaves);
    g_test_add_func("/bus/slow-imports/service-ends", test_service_ends);
    g_test_add_func("/bus/slow-imports/process", test_process);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
