/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "invariants.h"

#include <string.h>

#include "served.h"

#define PATIENCE (60 * G_USEC_PER_SEC)

/* Faults are texts, newly allocated; NULL: there is none. */

static const char *text_of(GHashTable *now, const char *path, const char *property)
{
    GVariant *value = mirror_value(now, path, CERTIFICATE, property);

    return value ? g_variant_get_string(value, NULL) : "";
}

/* ---- nothing is published that no module wants, and all that one wants */

/* Paths of the leaf certificates. */
static char **list_paths(GHashTable *now)
{
    GPtrArray *l = g_ptr_array_new();
    GHashTableIter i;
    char *key;

    g_hash_table_iter_init(&i, now);
    while (g_hash_table_iter_next(&i, (gpointer *)&key, NULL))
        if (g_str_has_suffix(key, " " CERTIFICATE " Name") && !g_str_has_prefix(key, PATH_ROOT " "))
            g_ptr_array_add(l, g_strndup(key, (gsize)(strchr(key, ' ') - key)));
    g_ptr_array_add(l, NULL);
    return (char **)g_ptr_array_free(l, FALSE);
}

static char *compare_lists(const char *what, char *const *is, char *const *should)
{
    g_autofree char *a = g_strjoinv(" ", (char **)(guintptr)is),
                    *b = g_strjoinv(" ", (char **)(guintptr)should);

    return strcmp(a, b) == 0 ? NULL : g_strdup_printf("%s: \"%s\" instead of \"%s\"", what, a, b);
}

static char *find_set_fault(const Driver *d, GHashTable *now)
{
    g_auto(GStrv) should = model_wanted(d->model), is = list_paths(now);

    for (char **path = is; *path; path++) {
        char *name = g_strdup(text_of(now, *path, "Name"));

        g_free(*path);
        *path = name;
    }
    model_sort(is);
    return compare_lists("certificates", is, should);
}

static char *find_list_fault(GHashTable *now, const char *path, const char *property, char *const *should)
{
    GVariant *value = mirror_value(now, path, CERTIFICATE, property);
    g_auto(GStrv) is = value ? g_variant_dup_strv(value, NULL) : g_new0(char *, 1);
    g_autofree char *what = g_strconcat(path, " ", property, NULL);

    model_sort(is);
    return compare_lists(what, is, should);
}

static char *find_claim_fault(const Driver *d, GHashTable *now, const char *path)
{
    const char *name = text_of(now, path, "Name");
    g_auto(GStrv) modules = model_modules(d->model, name), names = model_names(d->model, name);
    char *fault = find_list_fault(now, path, "Modules", modules);

    return fault ? fault : find_list_fault(now, path, "Names", names);
}

/* ---- the pair that is served */

static GVariant *properties_of(GHashTable *now, const char *path)
{
    static const char *const needed[] = {
        "Fingerprint", "Serial", "NotBefore", "NotAfter", "Chain", "Source"
    };
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    for (gsize i = 0; i < G_N_ELEMENTS(needed); i++) {
        GVariant *value = mirror_value(now, path, CERTIFICATE, needed[i]);

        if (value)
            g_variant_builder_add(&b, "{sv}", needed[i], value);
    }
    return g_variant_ref_sink(g_variant_builder_end(&b));
}

static char *find_state_fault(const Driver *d, GHashTable *now, const char *path)
{
    const char *state = text_of(now, path, "State");
    GVariant *end = mirror_value(now, path, CERTIFICATE, "NotAfter");
    gint64 until = end ? g_variant_get_int64(end) : 0;

    if (strcmp(state, "valid") != 0 && strcmp(state, "expiring") != 0)
        return g_strdup_printf("State is \"%s\"", state);
    return until > driver_now(d) ? NULL : g_strdup_printf("State is \"%s\", and it has expired", state);
}

/* What a client of it trusts. */
static char *roots_of(const Driver *d, const char *source, const char *local)
{
    g_autofree char *path = g_build_filename(d->pki->directory, "root.pem", NULL);
    char *text = NULL;

    if (strcmp(source, "local") == 0)
        return g_strdup(local);
    if (strcmp(source, "acme") == 0 && d->pebble)
        return g_strdup(d->pebble->roots->str);
    if (strcmp(source, "uploaded") == 0)
        (void)g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

static char *find_chain_fault(const Driver *d, GHashTable *now, const char *path, const char *local,
                              const Served *s)
{
    const char *name = text_of(now, path, "Name"), *source = text_of(now, path, "Source");
    g_autofree char *roots = roots_of(d, source, local);
    g_auto(GStrv) names = model_names(d->model, name);
    char *fault = NULL;

    if (!roots)
        return g_strdup_printf("Source is \"%s\"", source);
    for (char **n = names; *n && !fault; n++)
        fault = served_verify(s, roots, driver_now(d), *n);
    return fault;
}

static void count(Driver *d, const char *source)
{
    d->checked[strcmp(source, "uploaded") == 0 ? 0 : strcmp(source, "acme") == 0 ? 1 : 2]++;
}

static char *find_leaf_fault(Driver *d, GHashTable *now, const char *path, const char *local)
{
    g_autofree char *folder = g_strdup(text_of(now, path, "Name")), *directory = NULL;
    g_autoptr(GVariant) properties = properties_of(now, path);
    g_autoptr(Served) s = NULL;
    char *fault = NULL;

    if (folder[0] == '*')
        folder[0] = '_';
    directory = g_build_filename(d->fixture->state, "certificates", folder, NULL);
    s = served_read_current(directory, &fault, &d->damaged);
    if (s)
        fault = served_compare(s, properties);
    if (!fault)
        fault = find_state_fault(d, now, path);
    if (!fault)
        fault = find_chain_fault(d, now, path, local, s);
    if (!fault)
        count(d, text_of(now, path, "Source"));
    return fault;
}

/* An upload that fits is served, the latest of them, and none that is not there. */
static char *find_upload_fault(const Driver *d, GHashTable *now, const char *path)
{
    gboolean close;
    const Upload *best = model_best_upload(d->model, text_of(now, path, "Name"), driver_now(d), &close);
    const char *source = text_of(now, path, "Source"), *fingerprint = text_of(now, path, "Fingerprint");

    if (close || (best ? strcmp(best->fingerprint, fingerprint) == 0 : strcmp(source, "uploaded") != 0))
        return NULL;
    return g_strdup_printf("%s serves %s from \"%s\" instead of %s", path, fingerprint, source,
                           best ? best->fingerprint : "a chain that was not uploaded");
}

/* What expired may have been cleared away. */
static char *find_pool_fault(const Driver *d)
{
    g_autoptr(GVariant) reply = client_call(d->root, PATH, MANAGER, "ListUploads", NULL, NULL);
    g_autoptr(GVariant) list = reply ? g_variant_get_child_value(reply, 0) : NULL;
    g_autoptr(GHashTable) found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    if (!reply)
        return g_strdup("ListUploads failed");
    for (gsize i = 0; i < g_variant_n_children(list); i++) {
        char *fingerprint;

        g_variant_get_child(list, i, "(s&s&s&sx)", &fingerprint, NULL, NULL, NULL, NULL);
        g_hash_table_add(found, fingerprint);
        if (!model_find_upload(d->model, fingerprint))
            return g_strdup_printf("ListUploads has %s, which was not uploaded", fingerprint);
    }
    for (guint i = 0; i < d->model->uploads->len; i++) {
        const Upload *u = g_ptr_array_index(d->model->uploads, i);

        if (u->until > driver_now(d) && !g_hash_table_contains(found, u->fingerprint))
            return g_strdup_printf("ListUploads has not %s", u->fingerprint);
    }
    return NULL;
}

static char *find_root_fault(const Driver *d, GHashTable *now)
{
    g_autofree char *directory = g_build_filename(d->fixture->state, "root", "current", NULL), *fault = NULL;
    g_autoptr(GVariant) properties = properties_of(now, PATH_ROOT);
    g_autoptr(Served) s = served_read(directory, "certificate.pem", "key.pem", &fault);
    GVariant *fingerprint = mirror_value(now, PATH, MANAGER, "RootFingerprint");

    if (!s)
        return g_steal_pointer(&fault);
    if (!fingerprint ||
        strcmp(g_variant_get_string(fingerprint, NULL), text_of(now, PATH_ROOT, "Fingerprint")) != 0)
        return g_strdup("RootFingerprint is not that of the root");
    return served_compare_leaf(s, properties);
}

static char *find_served_fault(Driver *d, GHashTable *now)
{
    g_auto(GStrv) paths = list_paths(now);
    g_autoptr(GVariant) reply =
        client_call(d->stranger, PATH, MANAGER, "ExportRoot", g_variant_new("(@a{sv})", NO_OPTIONS), NULL);
    g_autofree char *local = reply ? client_bytes(reply, NULL) : NULL;
    char *fault = find_root_fault(d, now);

    if (!reply && !d->polkit_is_down)
        return g_strdup("ExportRoot failed");
    if (!reply)
        return fault;
    for (char **path = paths; *path && !fault; path++) {
        g_autofree char *leaf = find_leaf_fault(d, now, *path, local);

        fault = leaf ? g_strdup_printf("%s: %s", *path, leaf) : find_claim_fault(d, now, *path);
        if (!fault)
            fault = find_upload_fault(d, now, *path);
    }
    return fault;
}

/* ---- what is told */

static char *find_mirror_fault(Driver *d, GHashTable *now)
{
    char *fault;

    if (!mirror_has_begun(d->mirror))
        return NULL;
    fault = mirror_find_fault(d->mirror);
    if (!fault)
        fault = mirror_compare(d->mirror, now);
    return fault ? fault : mirror_find_open_job(d->mirror);
}

static char *find_fault(Driver *d)
{
    g_autoptr(GHashTable) now = mirror_read(d->fixture);
    char *fault;

    if (!now)
        return g_strdup("the service does not answer");
    wait_milliseconds(20);
    fault = find_set_fault(d, now);
    if (!fault)
        fault = find_served_fault(d, now);
    if (!fault)
        fault = find_pool_fault(d);
    return fault ? fault : find_mirror_fault(d, now);
}

/* ---- the service itself */

static char *find_log_fault(Driver *d)
{
    static const char *const words[] = { "assert",           "Assert",      "Sanitizer", "runtime error",
                                         "SIGSEGV",          "double free", "corrupt",   "PRIVATE KEY",
                                         "Invalid argument", NULL };
    g_autofree char *text = service_read_log(d->service);

    for (const char *const *word = words; *word; word++)
        if (strstr(text, *word))
            return g_strdup_printf("the log says \"%s\":\n%s", *word, text);
    for (guint i = 0; i < d->secrets->len; i++)
        if (strstr(text, g_ptr_array_index(d->secrets, i)))
            return g_strdup("the log has a secret in it");
    return NULL;
}

void invariants_check(Driver *d)
{
    gint64 end = g_get_monotonic_time() + PATIENCE;
    g_autofree char *fault = NULL;

    do {
        g_free(fault);
        driver_settle(d);
        fault = find_fault(d);
        if (fault)
            wait_milliseconds(500);
    } while (fault && !d->damaged && !mirror_find_lasting_fault(d->mirror) && g_get_monotonic_time() < end);
    if (!fault)
        fault = service_find_fault(d->service);
    if (!fault)
        fault = find_log_fault(d);
    if (fault)
        driver_fail(d, "%s", fault);
    if (!mirror_has_begun(d->mirror) && !mirror_begin(d->mirror))
        driver_fail(d, "the service did not come to rest");
}
