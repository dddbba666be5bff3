/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mirror.h"

#include <string.h>

#include "../bus/client.h"

#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"
#define PROPERTIES     "org.freedesktop.DBus.Properties"

/* What was told of a job. */
typedef struct JobStory {
    guint created, started, finished, removed;
    char *result;
} JobStory;

struct Mirror {
    const Fixture *fixture;
    GDBusConnection *connection; /* of a client that only listens */
    guint signals, owner;
    GHashTable *values; /* "PATH INTERFACE PROPERTY" -> GVariant */
    GHashTable *served; /* path -> fingerprint that ChainChanged told last; "": none was told yet */
    GHashTable *jobs;   /* path -> JobStory */
    char *
        last_chain; /* "PATH FINGERPRINT" of the latest ChainChanged of a certificate, until the manager's */
    char *fault;    /* the first */
    char *known;    /* the first property that was told with a value that was known */
    guint n_signals, n_idle;
    gboolean begun;
};

static void job_free(gpointer data)
{
    JobStory *j = data;

    g_free(j->result);
    g_free(j);
}

static void blame(Mirror *m, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void blame(Mirror *m, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (!m->fault)
        m->fault = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

static char *key_of(const char *path, const char *interface, const char *property)
{
    return g_strconcat(path, " ", interface, " ", property, NULL);
}

GVariant *mirror_value(GHashTable *values, const char *path, const char *interface, const char *property)
{
    g_autofree char *key = key_of(path, interface, property);

    return g_hash_table_lookup(values, key);
}

static const char *text_of(GHashTable *values, const char *path, const char *property)
{
    GVariant *value = mirror_value(values, path, CERTIFICATE, property);

    return value ? g_variant_get_string(value, NULL) : NULL;
}

static GHashTable *values_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_variant_unref);
}

/* properties: a{sv} */
static void set_properties(GHashTable *values, const char *path, const char *interface, GVariant *properties)
{
    GVariantIter i;
    const char *name;
    GVariant *value;

    if (!g_str_has_prefix(interface, SERVICE "."))
        return;
    g_variant_iter_init(&i, properties);
    while (g_variant_iter_next(&i, "{&sv}", &name, &value))
        g_hash_table_insert(values, key_of(path, interface, name), value);
}

/* interfaces: a{sa{sv}} */
static void set_interfaces(GHashTable *values, const char *path, GVariant *interfaces)
{
    GVariantIter i;
    const char *name;
    GVariant *properties;

    g_variant_iter_init(&i, interfaces);
    while (g_variant_iter_next(&i, "{&s@a{sv}}", &name, &properties)) {
        set_properties(values, path, name, properties);
        g_variant_unref(properties);
    }
}

static gboolean begins_with(gpointer key, gpointer value G_GNUC_UNUSED, gpointer userdata)
{
    return g_str_has_prefix(key, userdata);
}

/* ---- what is read */

static GVariant *ask(GDBusConnection *c, const char *interface, const char *member, GVariant *arguments)
{
    return client_call(c, PATH, interface, member, arguments, NULL);
}

/* reply: of GetManagedObjects */
static void set_objects(GHashTable *values, GVariant *reply)
{
    g_autoptr(GVariant) objects = g_variant_get_child_value(reply, 0);
    GVariantIter i;
    const char *path;
    GVariant *interfaces;

    g_variant_iter_init(&i, objects);
    while (g_variant_iter_next(&i, "{&o@a{sa{sv}}}", &path, &interfaces)) {
        set_interfaces(values, path, interfaces);
        g_variant_unref(interfaces);
    }
}

GHashTable *mirror_read(const Fixture *f)
{
    g_autoptr(GDBusConnection) c = client_connect(f, fixture_uid("nobody"));
    g_autoptr(GVariant) reply = ask(c, OBJECT_MANAGER, "GetManagedObjects", NULL),
                        manager = ask(c, PROPERTIES, "GetAll", g_variant_new("(s)", MANAGER)), own = NULL;
    GHashTable *values = values_new();

    (void)g_dbus_connection_close_sync(c, NULL, NULL);
    if (!reply || !manager) {
        g_hash_table_unref(values);
        return NULL;
    }
    set_objects(values, reply);
    own = g_variant_get_child_value(manager, 0);
    set_properties(values, PATH, MANAGER, own);
    return values;
}

char *mirror_compare(Mirror *m, GHashTable *now)
{
    GHashTableIter i;
    char *key;
    GVariant *value;

    g_hash_table_iter_init(&i, now);
    while (g_hash_table_iter_next(&i, (gpointer *)&key, (gpointer *)&value)) {
        GVariant *known = g_hash_table_lookup(m->values, key);
        g_autofree char *is = g_variant_print(value, FALSE),
                        *was = known ? g_variant_print(known, FALSE) : NULL;

        if (!known || !g_variant_equal(known, value))
            return g_strdup_printf("%s is %s, and the signals said %s", key, is,
                                   was ? was : "nothing of it");
    }
    g_hash_table_iter_init(&i, m->values);
    while (g_hash_table_iter_next(&i, (gpointer *)&key, NULL))
        if (!g_hash_table_contains(now, key))
            return g_strdup_printf("%s is gone, and no signal said so", key);
    return NULL;
}

/* ---- what is told */

static gboolean differs(Mirror *m, const char *path, const char *interface, GVariant *properties)
{
    GVariantIter i;
    const char *name;
    GVariant *value;
    gboolean found = FALSE;

    g_variant_iter_init(&i, properties);
    while (g_variant_iter_next(&i, "{&sv}", &name, &value)) {
        GVariant *known = mirror_value(m->values, path, interface, name);
        gboolean is_other = !known || !g_variant_equal(known, value);

        found |= is_other;
        if (!is_other && !m->known) {
            g_autofree char *text = g_variant_print(properties, FALSE);

            m->known = g_strdup_printf("%s of %s in %s", name, path, text);
        }
        g_variant_unref(value);
    }
    return found;
}

static void on_properties(Mirror *m, const char *path, GVariant *parameters)
{
    g_autoptr(GVariant) changed = NULL, invalidated = NULL;
    const char *interface;

    g_variant_get(parameters, "(&s@a{sv}@as)", &interface, &changed, &invalidated);
    if (g_variant_n_children(invalidated) > 0)
        blame(m, "%s: properties of %s are invalidated instead of told", path, interface);
    if (strcmp(interface, CERTIFICATE) == 0 && !text_of(m->values, path, "Name"))
        blame(m, "%s: a change of a certificate that was not added", path);
    m->n_idle += !differs(m, path, interface, changed);
    set_properties(m->values, path, interface, changed);
}

static void on_added(Mirror *m, GVariant *parameters)
{
    g_autoptr(GVariant) interfaces = NULL;
    const char *path;

    g_variant_get(parameters, "(&o@a{sa{sv}})", &path, &interfaces);
    set_interfaces(m->values, path, interfaces);
    if (text_of(m->values, path, "Name"))
        g_hash_table_insert(m->served, g_strdup(path), g_strdup(""));
}

static void on_removed(Mirror *m, GVariant *parameters)
{
    g_autofree const char **interfaces = NULL;
    const char *path;
    guint n = 0;

    g_variant_get(parameters, "(&o^a&s)", &path, &interfaces);
    for (guint i = 0; interfaces[i]; i++) {
        g_autofree char *prefix = key_of(path, interfaces[i], "");

        n += g_hash_table_foreach_remove(m->values, begins_with, prefix);
    }
    if (n == 0)
        blame(m, "%s is removed, which was not there", path);
    g_hash_table_remove(m->served, path);
}

/* Its properties were told before. */
static void on_chain_changed(Mirror *m, const char *path, GVariant *parameters)
{
    const char *source, *fingerprint, *previous, *reason, *former = g_hash_table_lookup(m->served, path);

    g_variant_get(parameters, "(&s&s&s&s)", &source, &fingerprint, &previous, &reason);
    if (g_strcmp0(text_of(m->values, path, "Fingerprint"), fingerprint) != 0 ||
        g_strcmp0(text_of(m->values, path, "Source"), source) != 0)
        blame(m, "%s: ChainChanged says %s %s, and the properties are others", path, source, fingerprint);
    if (strcmp(previous, fingerprint) == 0)
        blame(m, "%s: ChainChanged without a change", path);
    if (former && *former && strcmp(former, previous) != 0)
        blame(m, "%s: ChainChanged says that %s was served before; it was %s", path, previous, former);
    g_hash_table_insert(m->served, g_strdup(path), g_strdup(fingerprint));
    g_free(m->last_chain);
    m->last_chain = g_strconcat(path, " ", fingerprint, NULL);
}

static void on_any_chain_changed(Mirror *m, GVariant *parameters)
{
    const char *path, *name, *source, *fingerprint;
    g_autofree char *chain = NULL;

    g_variant_get(parameters, "(&o&s&s&s)", &path, &name, &source, &fingerprint);
    chain = g_strconcat(path, " ", fingerprint, NULL);
    if (g_strcmp0(chain, m->last_chain) != 0)
        blame(m, "ChainChanged of the manager for %s, and not of the certificate", chain);
    g_clear_pointer(&m->last_chain, g_free);
}

static JobStory *story_of(Mirror *m, const char *path)
{
    JobStory *j = g_hash_table_lookup(m->jobs, path);

    if (!j) {
        j = g_new0(JobStory, 1);
        g_hash_table_insert(m->jobs, g_strdup(path), j);
    }
    return j;
}

static void note_result(Mirror *m, JobStory *j, const char *path, const char *result)
{
    if (!j->result)
        j->result = g_strdup(result);
    else if (strcmp(j->result, result) != 0)
        blame(m, "%s ended as %s and as %s", path, j->result, result);
}

static void on_job_signal(Mirror *m, const char *member, GVariant *parameters)
{
    g_autoptr(GVariant) first = g_variant_get_child_value(parameters, 0);
    const char *path = g_variant_get_string(first, NULL), *result = NULL;
    JobStory *j = story_of(m, path);

    j->created += strcmp(member, "JobNew") == 0;
    j->started += strcmp(member, "JobStarted") == 0;
    if (strcmp(member, "JobFinished") == 0) {
        j->finished++;
        g_variant_get(parameters, "(&o&s&o&s&s@(ss))", NULL, NULL, NULL, NULL, &result, NULL);
    } else if (strcmp(member, "JobRemoved") == 0) {
        j->removed++;
        g_variant_get(parameters, "(&o&s)", NULL, &result);
    }
    if (result)
        note_result(m, j, path, result);
    if (j->created > 1 || j->started > j->created || j->finished > j->started || j->removed > j->finished)
        blame(m, "%s: %s comes at the wrong time, or again", path, member);
}

static void on_signal(GDBusConnection *c G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED, const char *path,
                      const char *interface, const char *member, GVariant *parameters, gpointer userdata)
{
    Mirror *m = userdata;

    m->n_signals++;
    if (!m->begun)
        return;
    if (strcmp(interface, PROPERTIES) == 0)
        on_properties(m, path, parameters);
    else if (strcmp(member, "InterfacesAdded") == 0)
        on_added(m, parameters);
    else if (strcmp(member, "InterfacesRemoved") == 0)
        on_removed(m, parameters);
    else if (strcmp(member, "ChainChanged") == 0 && strcmp(interface, CERTIFICATE) == 0)
        on_chain_changed(m, path, parameters);
    else if (strcmp(member, "ChainChanged") == 0)
        on_any_chain_changed(m, parameters);
    else if (g_str_has_prefix(member, "Job"))
        on_job_signal(m, member, parameters);
}

static void on_owner(GDBusConnection *c G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                     const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                     const char *member G_GNUC_UNUSED, GVariant *parameters G_GNUC_UNUSED, gpointer userdata)
{
    mirror_reset(userdata);
}

/* ---- the mirror as a whole */

Mirror *mirror_new(const Fixture *f)
{
    Mirror *m = g_new0(Mirror, 1);

    m->fixture = f;
    m->connection = client_connect(f, fixture_uid("nobody"));
    m->values = values_new();
    m->served = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    m->jobs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, job_free);
    m->signals = g_dbus_connection_signal_subscribe(m->connection, SERVICE, NULL, NULL, NULL, NULL, 0,
                                                    on_signal, m, NULL);
    m->owner =
        g_dbus_connection_signal_subscribe(m->connection, "org.freedesktop.DBus", "org.freedesktop.DBus",
                                           "NameOwnerChanged", NULL, SERVICE, 0, on_owner, m, NULL);
    return m;
}

void mirror_free(Mirror *m)
{
    g_dbus_connection_signal_unsubscribe(m->connection, m->signals);
    g_dbus_connection_signal_unsubscribe(m->connection, m->owner);
    (void)g_dbus_connection_close_sync(m->connection, NULL, NULL);
    g_object_unref(m->connection);
    g_hash_table_unref(m->values);
    g_hash_table_unref(m->served);
    g_hash_table_unref(m->jobs);
    g_free(m->last_chain);
    g_free(m->fault);
    g_free(m->known);
    g_free(m);
}

void mirror_reset(Mirror *m)
{
    m->begun = FALSE;
    g_hash_table_remove_all(m->values);
    g_hash_table_remove_all(m->served);
    g_hash_table_remove_all(m->jobs);
    g_clear_pointer(&m->last_chain, g_free);
}

static void note_served(Mirror *m)
{
    GHashTableIter i;
    char *key;
    GVariant *value;

    g_hash_table_iter_init(&i, m->values);
    while (g_hash_table_iter_next(&i, (gpointer *)&key, (gpointer *)&value)) {
        g_auto(GStrv) parts = g_strsplit(key, " ", 3);

        if (strcmp(parts[1], CERTIFICATE) == 0 && strcmp(parts[2], "Fingerprint") == 0)
            g_hash_table_insert(m->served, g_strdup(parts[0]), g_variant_dup_string(value, NULL));
    }
}

gboolean mirror_begin(Mirror *m)
{
    for (int i = 0; i < 100 && !m->begun; i++) {
        g_autoptr(GHashTable) again = NULL;
        guint n = m->n_signals;

        mirror_reset(m);
        g_hash_table_unref(m->values);
        m->values = mirror_read(m->fixture);
        if (!m->values)
            m->values = values_new();
        wait_milliseconds(50);
        again = mirror_read(m->fixture);
        wait_milliseconds(20);
        if (again && n == m->n_signals && !mirror_compare(m, again))
            m->begun = TRUE;
    }
    note_served(m);
    return m->begun;
}

static void on_objects(GObject *source, GAsyncResult *result, gpointer userdata)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    Mirror *m = userdata;

    g_assert_no_error(error);
    set_objects(m->values, reply);
    note_served(m);
    m->begun = TRUE;
}

static void on_manager(GObject *source, GAsyncResult *result, gpointer userdata)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error),
                        own = NULL;
    Mirror *m = userdata;

    g_assert_no_error(error);
    own = g_variant_get_child_value(reply, 0);
    set_properties(m->values, PATH, MANAGER, own);
}

void mirror_join(Mirror *m)
{
    g_dbus_connection_call(m->connection, SERVICE, PATH, OBJECT_MANAGER, "GetManagedObjects", NULL, NULL,
                           G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_objects, m);
    g_dbus_connection_call(m->connection, SERVICE, PATH, PROPERTIES, "GetAll", g_variant_new("(s)", MANAGER),
                           NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_manager, m);
}

gboolean mirror_has_begun(const Mirror *m)
{
    return m->begun;
}

const char *mirror_find_lasting_fault(const Mirror *m)
{
    return m->fault;
}

char *mirror_find_fault(const Mirror *m)
{
    GHashTableIter i;
    char *path, *fingerprint;

    if (m->fault)
        return g_strdup(m->fault);
    g_hash_table_iter_init(&i, m->served);
    while (g_hash_table_iter_next(&i, (gpointer *)&path, (gpointer *)&fingerprint)) {
        const char *is = text_of(m->values, path, "Fingerprint");

        if (*fingerprint && g_strcmp0(is, fingerprint) != 0)
            return g_strdup_printf("%s serves %s, and ChainChanged said %s", path, is, fingerprint);
    }
    return NULL;
}

char *mirror_find_open_job(const Mirror *m)
{
    GHashTableIter i;
    char *path;
    JobStory *j;

    g_hash_table_iter_init(&i, m->jobs);
    while (g_hash_table_iter_next(&i, (gpointer *)&path, (gpointer *)&j))
        if (j->created != 1 || j->started != 1 || j->finished != 1 || j->removed != 1)
            return g_strdup_printf("%s: JobNew %u, JobStarted %u, JobFinished %u, JobRemoved %u times", path,
                                   j->created, j->started, j->finished, j->removed);
    return NULL;
}

guint mirror_n_signals(const Mirror *m, guint *ret_idle)
{
    *ret_idle = m->n_idle;
    return m->n_signals;
}

const char *mirror_find_known(const Mirror *m)
{
    return m->known;
}

const char *mirror_find_job(const Mirror *m, guint any)
{
    g_autoptr(GPtrArray) open = g_ptr_array_new();
    GHashTableIter i;
    char *path;
    JobStory *j;

    g_hash_table_iter_init(&i, m->jobs);
    while (g_hash_table_iter_next(&i, (gpointer *)&path, (gpointer *)&j))
        if (j->finished == 0)
            g_ptr_array_add(open, path);
    return open->len > 0 ? g_ptr_array_index(open, any % open->len) : NULL;
}
