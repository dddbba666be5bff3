/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * floods-on-machine - the floods of the table, at the service of this machine
 *
 * For tests/system/test-floods: the bus, polkit and the service are there, the service has its N_CERTIFICATES, and the
 * bus lets root own the name of the control service.
 */
#include <glib/gstdio.h>
#include <sys/stat.h>

#include "certificates.h"
#include "files.h"
#include "process.h"
#include "trial.h"

#define SOCKET "/run/dbus/system_bus_socket"

static GDBusConnection *root;

/* So that each flood finds it as it was. */
static void restart_service(void)
{
    static const char *const argv[] = { "systemctl", "restart", "certwrightd.service", NULL };
    g_autofree char *output = process_run(argv, NULL, NULL);

    g_assert_nonnull(output);
    certificates_wait(root);
}

static void test_flood(gconstpointer userdata)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *directory = g_dir_make_tmp("floods-XXXXXX", &error);

    g_assert_no_error(error);
    restart_service();
    g_assert_cmpint(g_chmod(directory, 0755), ==, 0);
    trial_run(&(Arena){ directory, SOCKET, root }, userdata);
    directory_remove(directory);
}

/* A sample has each row with one of the buses, by the seed. */
static void add_rows(void)
{
    guint bus = g_strcmp0(g_getenv("CERTWRIGHT_FLOODS_BUS"), "dbus-broker") == 0 ? 1 : 0;
    gboolean is_full = g_strcmp0(g_getenv("CERTWRIGHT_TESTS_FULL"), "1") == 0;
    const Flood *flood;
    guint32 turn;
    gboolean is_sample = flood_is_sampled(&turn);

    for (guint i = 0; (flood = flood_nth(i)); i++) {
        g_autofree char *path = g_strdup_printf("/machine/%s", flood->name);

        if (flood->flags & (is_full ? FLOOD_TABLE : FLOOD_SYSTEM) && (!is_sample || turn++ % 2 == bus))
            g_test_add_data_func(path, flood, test_flood);
    }
}

int main(int argc, char *argv[])
{
    g_autoptr(GError) error = NULL;
    int status;

    g_test_init(&argc, &argv, NULL);
    root = g_bus_get_sync(G_BUS_TYPE_SYSTEM, NULL, &error);
    g_assert_no_error(error);
    add_rows();
    status = g_test_run();
    g_object_unref(root);
    return status;
}
