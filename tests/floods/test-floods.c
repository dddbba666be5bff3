/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

#include "broker.h"
#include "client.h"
#include "control.h"
#include "files.h"
#include "process.h"
#include "trial.h"

/* Nobody on the bus can stop the service or slow the others: each flood of flood.c on a bus of its own, of
 * dbus-daemon and some of dbus-broker. In CERTWRIGHT_FLOODS_SOCKET: on a bus that is there. */

#define RULES \
    "polkit.addRule(function(action, subject) {\n" \
    "    if (subject.user == \"nobody\" && (action.id == \"org.certwright1.register\" ||\n" \
    "                                      action.id == \"org.certwright1.upload\"))\n" \
    "        return polkit.Result.YES;\n" \
    "});\n"

typedef struct Row {
    const Flood *flood;
    unsigned fixture_flags;
} Row;

static char *module_text(void)
{
    GString *text = g_string_new("[Module]\n");

    for (guint i = 0; i < N_CERTIFICATES; i++)
        g_string_append_printf(text, "[Certificate n%u.example.com]\n", i);
    return g_string_free(text, FALSE);
}

/* The chains are made once: each daemon gets the store that the last one left. */
static char *kept_state;

static void take_state(Fixture *f)
{
    if (!kept_state)
        return;
    g_assert_cmpint(g_rmdir(f->state), ==, 0);
    g_assert_cmpint(g_rename(kept_state, f->state), ==, 0);
}

static void keep_state(const Fixture *f)
{
    if (!kept_state) {
        g_autofree char *parent = g_path_get_dirname(f->directory);

        kept_state = g_build_filename(parent, "state-kept", NULL);
    }
    g_assert_cmpint(g_rename(f->state, kept_state), ==, 0);
}

static guint count_valid(GDBusConnection *c)
{
    g_autoptr(GVariant) reply = client_expect(c, PATH, OBJECTS, "GetManagedObjects", NULL), objects = NULL,
                        interfaces = NULL;
    GVariantIter i;
    guint n = 0;

    g_variant_get(reply, "(@a{oa{sa{sv}}})", &objects);
    for (g_variant_iter_init(&i, objects); g_variant_iter_next(&i, "{&o@*}", NULL, &interfaces);) {
        g_autoptr(GVariant) properties =
            g_variant_lookup_value(interfaces, CERTIFICATE, G_VARIANT_TYPE_VARDICT);
        const char *state, *role;

        if (properties && g_variant_lookup(properties, "State", "&s", &state) &&
            g_variant_lookup(properties, "Role", "&s", &role) && g_str_equal(role, "leaf"))
            n += g_str_equal(state, "valid");
        g_clear_pointer(&interfaces, g_variant_unref);
    }
    return n;
}

static gboolean are_valid(gpointer userdata)
{
    wait_milliseconds(500);
    return count_valid(userdata) >= N_CERTIFICATES;
}

static Fixture *start(const Row *row)
{
    g_autofree char *module = module_text(), *policy = NULL;
    Fixture *f = fixture_new(FIXTURE_NO_DAEMON | FIXTURE_CONTROL | row->fixture_flags, module);

    take_state(f);
    fixture_set_rules(f, row->flood->flags & FLOOD_RULES ? RULES : "");
    fixture_start_daemon(f, 0);
    wait_until(are_valid, f->root, "all certificates");
    return f;
}

static void stop(Fixture *f)
{
    int status = -1;

    kill(f->daemon, SIGTERM);
    if (!process_wait(f->daemon, 60000, &status)) {
        kill(f->daemon, SIGKILL);
        (void)process_wait(f->daemon, 60000, NULL);
    }
    if (status != 0) {
        g_autofree char *said = file_read(f->daemon_log);
        gsize size = strlen(said);

        g_test_fail_printf("the daemon ended badly (status 0x%x); it said:\n%s", (unsigned)status,
                           said + (size > 2000 ? size - 2000 : 0));
    }
    f->daemon = 0;
    keep_state(f);
    fixture_free(f);
}

static void test_flood(gconstpointer userdata)
{
    const Row *row = userdata;
    Fixture *f;
    g_autofree char *socket_path = NULL, *directory = NULL;

    if (row->fixture_flags & FIXTURE_BROKER && broker_obstacle()) {
        g_test_skip(broker_obstacle());
        return;
    }
    f = start(row);
    socket_path = g_build_filename(f->directory, "bus", NULL);
    directory = g_build_filename(f->directory, "trial", NULL);
    directory_make(directory, 0755);
    trial_run(&(Arena){ directory, socket_path, f->root }, row->flood);
    stop(f);
}

static void add(void)
{
    const Flood *flood;

    for (guint i = 0; (flood = flood_nth(i)); i++) {
        g_autofree char *path = g_strdup_printf("/dbus-daemon/%s", flood->name),
                        *broker_path = g_strdup_printf("/dbus-broker/%s", flood->name);
        const Row row = { flood, 0 }, broker_row = { flood, FIXTURE_BROKER };

        g_test_add_data_func_full(path, g_memdup2(&row, sizeof(row)), test_flood, g_free);
        if (flood->flags & FLOOD_TABLE)
            g_test_add_data_func_full(broker_path, g_memdup2(&broker_row, sizeof(row)), test_flood, g_free);
    }
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
