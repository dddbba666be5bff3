/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bus/socket.h"

typedef struct Row {
    const char *address; /* %s: the directory */
    int error;
} Row;

static const Row rows[] = {
    { "unix:path=%s/a", 0 },
    { "unix:path=%s/a%%2c%%3bb", 0 },
    { "unix:guid=0123,path=%s/a", 0 },
    { "unix:path=%s/a,guid=0123", 0 },
    { "unix:abstract=%s/c", 0 },
    { "unix:path=%s/none;unix:path=%s/a", 0 },
    { "tcp:host=localhost,port=1;unix:path=%s/a", 0 },
    { "unix:path=%s/none", -ENOENT },
    { "unix:path=%s/c", -ENOENT },
    { "unix:abstract=%s/a", -ECONNREFUSED },
    { "unix:path=%s/dead", -ECONNREFUSED },
    { "unix:path=%s/a%%2", -EINVAL },
    { "unix:path=%s/a%%zz", -EINVAL },
    { "unix:tmpdir=%s", -EPROTONOSUPPORT },
    { "tcp:host=localhost,port=1", -EPROTONOSUPPORT },
    { "unixexec:path=/bin/false", -EPROTONOSUPPORT },
    { "unix", -EPROTONOSUPPORT },
    { ";;", -EPROTONOSUPPORT },
    { "", -EPROTONOSUPPORT },
};

static int make_socket(const char *directory, const char *name, gboolean abstract)
{
    g_autofree char *path = g_strconcat(directory, "/", name, NULL);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path + abstract, path, sizeof(address.sun_path) - 1);
    g_assert_cmpint(bind(fd, (const struct sockaddr *)&address,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1)),
                    ==, 0);
    g_assert_cmpint(listen(fd, 20), ==, 0);
    return fd;
}

static char *fill_in(const char *address, const char *directory)
{
    g_auto(GStrv) parts = g_strsplit(address, "%s", -1);
    g_autofree char *text = g_strjoinv(directory, parts);
    g_auto(GStrv) percents = g_strsplit(text, "%%", -1);

    return g_strjoinv("%", percents);
}

static void test_connect(void)
{
    g_autofree char *directory = g_dir_make_tmp("address-XXXXXX", NULL);
    int fds[] = { make_socket(directory, "a", FALSE), make_socket(directory, "a,;b", FALSE),
                  make_socket(directory, "c", TRUE) };
    static const char *const names[] = { "a", "a,;b", "dead" };

    close(make_socket(directory, "dead", FALSE));
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        for (int wait = 0; wait < 2; wait++) {
            g_autofree char *address = fill_in(rows[i].address, directory);
            int fd = bus_socket_open(address, wait);

            g_test_message("%s: %d", address, fd);
            if (rows[i].error < 0)
                g_assert_cmpint(fd, ==, rows[i].error);
            else
                g_assert_cmpint(fd, >=, 0);
            if (fd >= 0)
                close(fd);
        }
    for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(directory, names[i], NULL);

        (void)g_unlink(path);
    }
    g_assert_cmpint(g_rmdir(directory), ==, 0);
}

static void test_too_long(void)
{
    g_autofree char *name = g_strnfill(200, 'x'), *address = g_strconcat("unix:path=/tmp/", name, NULL);

    g_assert_cmpint(bus_socket_open(address, FALSE), ==, -ENAMETOOLONG);
}

/* With nobody who accepts, and no room to wait in, one is not kept waiting. */
static void test_backlog(void)
{
    g_autofree char *directory = g_dir_make_tmp("address-XXXXXX", NULL),
                    *address = g_strconcat("unix:path=", directory, "/a", NULL),
                    *path = g_build_filename(directory, "a", NULL);
    int listener = make_socket(directory, "a", FALSE), fds[64], n = 0, r;

    while ((r = bus_socket_open(address, FALSE)) >= 0 && n < 63)
        fds[n++] = r;
    g_assert_cmpint(r, ==, -EAGAIN);
    while (n > 0)
        close(fds[--n]);
    close(listener);
    g_unlink(path);
    g_assert_cmpint(g_rmdir(directory), ==, 0);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/address/connect", test_connect);
    g_test_add_func("/address/too-long", test_too_long);
    g_test_add_func("/address/backlog", test_backlog);
    return g_test_run();
}
