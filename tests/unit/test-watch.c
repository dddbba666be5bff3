/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "config/watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* A watch over two directories, of which one may not be there. */
typedef struct Watched {
    Folder folder;
    sd_event *event;
    char *directories[3];
    ConfigWatch *watch;
    unsigned n_changed;
} Watched;

static void on_changed(void *userdata)
{
    Watched *w = userdata;

    w->n_changed++;
    g_assert_cmpint(config_watch_refresh(w->watch), ==, 0);
}

static bool has_changed(void *userdata)
{
    return ((Watched *)userdata)->n_changed > 0;
}

static void watched_init(Watched *w)
{
    *w = (Watched){ .folder = folder_new() };
    w->directories[0] = folder_path(&w->folder, "etc");
    w->directories[1] = folder_path(&w->folder, "nothing");
    folder_write(&w->folder, "etc/certwright.conf", "");
    folder_write(&w->folder, "etc/modules.d/a.conf", "");
    folder_write(&w->folder, "etc/modules.d/a.conf.d/x.conf", "");
    g_assert_cmpint(sd_event_new(&w->event), ==, 0);
    g_assert_cmpint(config_watch_new(w->event, w->directories, on_changed, w, &w->watch), ==, 0);
    g_assert_cmpint(config_watch_refresh(w->watch), ==, 0);
}

static void watched_done(Watched *w)
{
    config_watch_free(w->watch);
    sd_event_unref(w->event);
    g_free(w->directories[0]);
    g_free(w->directories[1]);
    folder_done(&w->folder);
}
#define _cleanup_watched_ _cleanup_(watched_done)

/* Every kind of change in every folder is told. */
static void test_told(void)
{
    static const char *const paths[] = { "etc/certwright.conf", "etc/new.conf", "etc/modules.d/b.conf",
                                         "etc/modules.d/a.conf.d/y.conf", "etc/certwright.conf.d/z.conf" };
    _cleanup_watched_ Watched w = {};

    watched_init(&w);
    for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
        w.n_changed = 0;
        folder_write(&w.folder, paths[i], "x");
        loop_until(w.event, has_changed, &w);
        w.n_changed = 0;
        folder_remove(&w.folder, paths[i]);
        loop_until(w.event, has_changed, &w);
    }
}

/* So is a directory that comes, and one that goes and comes back. */
static void test_directory(void)
{
    _cleanup_watched_ Watched w = {};

    watched_init(&w);
    for (int i = 0; i < 2; i++) {
        w.n_changed = 0;
        folder_write(&w.folder, "nothing/certwright.conf", "x");
        loop_until(w.event, has_changed, &w);
        loop_for(w.event, 500000);
        w.n_changed = 0;
        folder_remove(&w.folder, "nothing/certwright.conf");
        loop_until(w.event, has_changed, &w);
        w.n_changed = 0;
        g_assert_cmpint(unlinkat(w.folder.fd, "nothing", AT_REMOVEDIR), ==, 0);
        loop_until(w.event, has_changed, &w);
    }
}

/* A burst is told when it is over, and not for each of its changes. */
static void test_burst(void)
{
    _cleanup_watched_ Watched w = {};

    watched_init(&w);
    for (int i = 0; i < 200; i++) {
        g_autofree char *path = g_strdup_printf("etc/modules.d/n%d.conf", i);

        folder_write(&w.folder, path, "x");
    }
    loop_until(w.event, has_changed, &w);
    loop_for(w.event, 700000);
    g_assert_cmpuint(w.n_changed, <=, 2);
}

static void test_quiet(void)
{
    _cleanup_watched_ Watched w = {};
    g_autofree char *text = NULL;

    watched_init(&w);
    text = folder_read(&w.folder, "etc/certwright.conf");
    folder_write(&w.folder, "elsewhere/certwright.conf", "x");
    loop_for(w.event, 700000);
    g_assert_cmpuint(w.n_changed, ==, 0);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/watch/told", test_told);
    g_test_add_func("/watch/directory", test_directory);
    g_test_add_func("/watch/burst", test_burst);
    g_test_add_func("/watch/quiet", test_quiet);
    return g_test_run();
}
