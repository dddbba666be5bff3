/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "broker.h"
#include "certificates.h"
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

static Fixture *start(const Row *row)
{
    g_autofree char *module = certificates_module();
    Fixture *f = fixture_new(FIXTURE_NO_DAEMON | FIXTURE_CONTROL | row->fixture_flags, module);

    take_state(f);
    if (row->flood->flags & FLOOD_RULES)
        fixture_set_rules(f, RULES);
    fixture_start_daemon(f, 0);
    certificates_wait(f->root);
    return f;
}

static void report_end(const Fixture *f, int status)
{
    g_autofree char *said = file_read(f->daemon_log);
    gsize size = strlen(said);

    g_test_message("BROKEN: the daemon ended badly (status 0x%x); it said: %s", (unsigned)status,
                   said + (size > 500 ? size - 500 : 0));
    g_test_fail();
}

static void stop(Fixture *f)
{
    int status = -1;

    kill(f->daemon, SIGTERM);
    if (!process_wait(f->daemon, 60000, &status)) {
        kill(f->daemon, SIGKILL);
        (void)process_wait(f->daemon, 60000, NULL);
    }
    f->daemon = 0;
    if (status != 0)
        report_end(f, status);
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

/* A sample has so many of the table on one of the buses each, and so many of the others on dbus-daemon. Else all of the table
 * are tried on both. */
#define SAMPLED_OTHERS    2
#define SAMPLED_ON_DAEMON 4
#define SAMPLED_ON_BROKER 3

static void shuffle(GPtrArray *l, GRand *random)
{
    for (guint i = l->len; i > 1; i--) {
        guint other = (guint)g_rand_int_range(random, 0, (gint32)i);
        gpointer last = l->pdata[i - 1];

        l->pdata[i - 1] = l->pdata[other];
        l->pdata[other] = last;
    }
}

/* Of those that have, or have not, the flag. */
static GPtrArray *choose(gboolean in_table, guint n)
{
    guint32 seed;
    gboolean is_sample = flood_is_sampled(&seed);
    GPtrArray *chosen = g_ptr_array_new();
    const Flood *flood;

    for (guint i = 0; (flood = flood_nth(i)); i++)
        if (!(flood->flags & FLOOD_TABLE) == !in_table && !(is_sample && flood->flags & FLOOD_RANDOM))
            g_ptr_array_add(chosen, (gpointer)(guintptr)flood);
    if (is_sample) {
        GRand *random = g_rand_new_with_seed(seed);

        shuffle(chosen, random);
        g_rand_free(random);
        g_ptr_array_set_size(chosen, (gint)n);
    }
    return chosen;
}

static void add_row(const char *bus, const Flood *flood, unsigned flags)
{
    g_autofree char *path = g_strdup_printf("/%s/%s", bus, flood->name);
    const Row row = { flood, flags };

    g_test_add_data_func_full(path, g_memdup2(&row, sizeof(row)), test_flood, g_free);
}

static void add(void)
{
    g_autoptr(GPtrArray) others = choose(FALSE, SAMPLED_OTHERS),
                         table = choose(TRUE, SAMPLED_ON_DAEMON + SAMPLED_ON_BROKER);
    guint32 seed;
    gboolean is_sample = flood_is_sampled(&seed);

    for (guint i = 0; i < others->len; i++)
        add_row("dbus-daemon", others->pdata[i], 0);
    for (guint i = 0; i < table->len; i++) {
        if (!is_sample || i < SAMPLED_ON_DAEMON)
            add_row("dbus-daemon", table->pdata[i], 0);
        if (!is_sample || i >= SAMPLED_ON_DAEMON)
            add_row("dbus-broker", table->pdata[i], FIXTURE_BROKER);
    }
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
