/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reissues.h"

#include "call.h"

#define FIRST        100 /* of the certificates, none that others look at */
#define TIMEOUT_MSEC 120000
#define MOST_PENDING 8  /* calls without an answer: the service allows 16 of one user that wait for polkit */
#define AGAIN_MSEC   50 /* after the bus itself has refused a call */

struct Reissues {
    GDBusConnection *connection;
    guint subscription, asked, pending, done;
    GHashTable *results; /* of jobs; the path is there and has none while it runs */
    GHashTable *ours;
    gboolean is_over; /* and nothing is asked again */
    char *error;
};

static void take_error(Reissues *r, const char *what, const char *why)
{
    if (!r->error)
        r->error = g_strdup_printf("%s: %s", what, why);
}

static void settle(Reissues *r, const char *job)
{
    const char *result = g_hash_table_lookup(r->results, job);

    if (!result || !g_hash_table_remove(r->ours, job))
        return;
    if (g_str_equal(result, "done"))
        r->done++;
    else
        take_error(r, job, result);
}

/* It may come before the answer that says which job it was. */
static void on_finished(GDBusConnection *c G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                        const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                        const char *member G_GNUC_UNUSED, GVariant *arguments, gpointer userdata)
{
    Reissues *r = userdata;
    const char *job, *result;

    g_variant_get(arguments, "(&o&s&o&s&s(ss))", &job, NULL, NULL, NULL, &result, NULL, NULL);
    g_hash_table_insert(r->results, g_strdup(job), g_strdup(result));
    settle(r, job);
}

static void send_call(Reissues *r, const char *path);

typedef struct Asked {
    Reissues *reissues;
    char *path;
} Asked;

static void asked_free(gpointer data)
{
    Asked *a = data;

    g_free(a->path);
    g_free(a);
}

static gboolean on_again(gpointer userdata)
{
    const Asked *a = userdata;

    send_call(a->reissues, a->path);
    return G_SOURCE_REMOVE;
}

static void on_answer(GObject *source, GAsyncResult *result, gpointer userdata)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    Asked *a = userdata;
    Reissues *r = a->reissues;
    const char *job;

    if (g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED) && !r->is_over) {
        g_timeout_add_full(G_PRIORITY_DEFAULT, AGAIN_MSEC, on_again, a, asked_free);
        return;
    }
    asked_free(a);
    r->pending--;
    if (!reply) {
        take_error(r, "Reissue", error->message);
        return;
    }
    g_variant_get(reply, "(&o)", &job);
    g_hash_table_add(r->ours, g_strdup(job));
    settle(r, job);
}

static void send_call(Reissues *r, const char *path)
{
    Asked *a = g_new0(Asked, 1);

    *a = (Asked){ r, g_strdup(path) };
    g_dbus_connection_call(r->connection, SERVICE, path, CERTIFICATE, "Reissue",
                           g_variant_new_parsed("(@a{sv} {},)"), G_VARIANT_TYPE("(o)"), 0, TIMEOUT_MSEC,
                           NULL, on_answer, a);
}

Reissues *reissues_new(GDBusConnection *root)
{
    Reissues *r = g_new0(Reissues, 1);

    r->connection = g_object_ref(root);
    r->results = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    r->ours = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    r->subscription = g_dbus_connection_signal_subscribe(root, SERVICE, MANAGER, "JobFinished", PATH, NULL,
                                                         0, on_finished, r, NULL);
    return r;
}

void reissues_free(Reissues *r)
{
    r->is_over = TRUE;
    while (r->pending > 0) /* each ends by its time-out */
        g_main_context_iteration(NULL, TRUE);
    g_dbus_connection_signal_unsubscribe(r->connection, r->subscription);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    g_object_unref(r->connection);
    g_hash_table_unref(r->results);
    g_hash_table_unref(r->ours);
    g_free(r->error);
    g_free(r);
}

void reissues_ask(Reissues *r)
{
    g_autofree char *path = g_strdup_printf(PATH "/certificate/n%u_2eexample_2ecom",
                                            FIRST + r->asked % (N_CERTIFICATES - FIRST));

    if (r->pending >= MOST_PENDING)
        return;
    r->asked++;
    r->pending++;
    send_call(r, path);
}

guint reissues_asked(const Reissues *r)
{
    return r->asked;
}

gboolean reissues_are_over(const Reissues *r)
{
    return r->pending == 0 && g_hash_table_size(r->ours) == 0;
}

guint reissues_done(const Reissues *r)
{
    return r->done;
}

const char *reissues_error(const Reissues *r)
{
    return r->error;
}
