/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "steps.h"

#include <string.h>
#include <unistd.h>

#include "../bus/descriptors.h"

/* Chains from elsewhere. */

#define DAY         86400
#define PASSPHRASE  "correct horse battery"
#define UPLOADS_MAX 5

/* Other errors than these mean that the upload is wrong, which it is not. */
#define IN_THE_WAY "Busy"

static const char *const extras[] = { "x.example.net", "y.example.net" };

/* One or two names of certificates, and those that are often asked for beside. */
static char **choose_names(const Driver *d)
{
    GPtrArray *l = g_ptr_array_new();
    guint n = 1 + driver_choose(d, 2);

    for (guint i = 0; i < n; i++)
        g_ptr_array_add(l, g_strdup(driver_choose_name(d)));
    for (guint i = 0; i < G_N_ELEMENTS(extras); i++)
        if (driver_chance(d, 40))
            g_ptr_array_add(l, g_strdup(extras[i]));
    g_ptr_array_add(l, NULL);
    return (char **)g_ptr_array_free(l, FALSE);
}

static PkiLeaf *issue(Driver *d, char *const *names, gint64 from, gint64 until)
{
    g_autofree char *joined = g_strjoinv(",DNS:", (char **)(guintptr)names),
                    *san = g_strconcat("DNS:", joined, NULL),
                    *name = g_strdup_printf("upload%u-%u", d->step, driver_choose(d, 1000000));
    PkiLeaf *leaf = pki_issue_between(d->pki, name, san, from, until);
    g_auto(GStrv) lines = g_strsplit(leaf->key, "\n", -1);

    g_ptr_array_add(d->secrets, g_strdup(lines[2]));
    return leaf;
}

/* Given to all certificates, in one of the ways that there are. */
static gboolean give(Driver *d, GDBusConnection *user, const PkiLeaf *leaf)
{
    g_autofree char *bundle = pki_bundle(leaf), *container = NULL;
    gsize size;
    GVariant *data;

    if (driver_chance(d, 50))
        return driver_call(d, user, PATH, MANAGER, "Upload", g_variant_new("(s@a{sv})", bundle, NO_OPTIONS),
                           IN_THE_WAY);
    container = pki_pkcs12(leaf, PASSPHRASE, &size);
    data = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, container, size, 1);
    return driver_call(
        d, user, PATH, MANAGER, "UploadData",
        g_variant_new("(@ay@a{sv})", data, client_option("passphrase", g_variant_new_string(PASSPHRASE))),
        IN_THE_WAY);
}

static void upload_one(Driver *d)
{
    g_auto(GStrv) names = choose_names(d);
    gint64 now = driver_now(d), from = now - DAY, until = now + (gint64)(1 + driver_choose(d, 300)) * DAY;
    g_autoptr(PkiLeaf) leaf = NULL;
    g_autofree char *joined = g_strjoinv(" ", names);
    Upload *u;

    if (driver_chance(d, 15))
        from = now + (gint64)(1 + driver_choose(d, 20)) * DAY;
    until = MAX(until, from + DAY);
    driver_say(d, "an upload for %s, from day %d to day %d", joined, (int)((from - now) / DAY),
               (int)((until - now) / DAY));
    leaf = issue(d, names, from, until);
    if (!give(d, choose_user(d), leaf))
        return;
    u = model_upload(d->model, leaf->fingerprint, (const char *const *)names, from, until);
    u->bundle = pki_bundle(leaf);
}

/* Not so many that nothing else is ever served. */
void step_upload(Driver *d)
{
    if (d->model->uploads->len < UPLOADS_MAX)
        upload_one(d);
    else
        step_remove_upload(d);
}

Pending *begin_upload(Driver *d, char **ret_fingerprint)
{
    g_auto(GStrv) names = choose_names(d);
    gint64 now = driver_now(d);
    g_autoptr(PkiLeaf) leaf = issue(d, names, now - DAY, now + 30 * DAY);
    g_autofree char *bundle = pki_bundle(leaf);

    *ret_fingerprint = g_strdup(leaf->fingerprint);
    return pending_new(d->root, PATH, MANAGER, "Upload", g_variant_new("(s@a{sv})", bundle, NO_OPTIONS));
}

void undo_upload(Driver *d, Pending *p, const char *fingerprint)
{
    g_autofree char *error = pending_finish(p);

    driver_say(d, "the upload %.8s is removed (%s)", fingerprint, *error ? error : "it was there");
    (void)driver_call(d, d->root, PATH, MANAGER, "RemoveUpload", g_variant_new("(s)", fingerprint),
                      *error ? "NoSuchCertificate" : "");
}

static Upload *choose_upload(const Driver *d)
{
    guint n = d->model->uploads->len;

    return n > 0 ? g_ptr_array_index(d->model->uploads, driver_choose(d, n)) : NULL;
}

/* It becomes the last, and outranks what came between. */
void step_upload_again(Driver *d)
{
    const Upload *u = choose_upload(d);
    DescriptorUpload upload = { 0 };
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;

    if (!u || u->until < driver_now(d) + DAY)
        return;
    driver_say(d, "the upload %.8s once more", u->fingerprint);
    upload.bundle = descriptor_new_text(u->bundle);
    reply = descriptor_upload(d->root, PATH, &upload, &error);
    close(upload.bundle);
    name = client_error_name(error);
    if (reply && !d->polkit_is_down)
        model_touch_upload(d->model, u->fingerprint);
    else if (reply || !driver_lists(d->polkit_is_down ? "NotAuthorized" : IN_THE_WAY, name))
        driver_fail(d, "UploadFd: %s", error ? error->message : "it is allowed without polkit");
}

/* None of these changes anything. */
void step_bad_upload(Driver *d)
{
    static const char *const wrong[] = { "of yesterday", "with another's key", "for another name",
                                         "without a key" };
    const char *const own[] = { driver_choose_name(d), NULL }, *const other[] = { "elsewhere.example.org",
                                                                                  NULL };
    guint kind = driver_choose(d, G_N_ELEMENTS(wrong));
    gint64 now = driver_now(d);
    g_autoptr(PkiLeaf) leaf = issue(d, (char *const *)(guintptr)(kind == 2 ? other : own), now - 3 * DAY,
                                    now + (kind == 0 ? -DAY : DAY)),
                       stranger = issue(d, (char *const *)(guintptr)own, now - DAY, now + DAY);
    g_autofree char *path = choose_path(d), *bundle = NULL;

    bundle = g_strconcat(leaf->certificate, leaf->intermediate,
                         kind == 1   ? stranger->key
                         : kind == 3 ? ""
                                     : leaf->key,
                         NULL);
    if (!path)
        return;
    driver_say(d, "an upload %s to %s", wrong[kind], path);
    if (driver_call(d, choose_user(d), path, CERTIFICATE, "Upload",
                    g_variant_new("(s@a{sv})", bundle, NO_OPTIONS),
                    "Expired KeyMismatch NameMismatch InvalidBundle Busy"))
        driver_fail(d, "an upload %s is taken", wrong[kind]);
}

void step_check_upload(Driver *d)
{
    g_auto(GStrv) names = choose_names(d);
    gint64 now = driver_now(d);
    g_autoptr(PkiLeaf) leaf = issue(d, names, now - DAY, now + 30 * DAY);
    g_autofree char *bundle = pki_bundle(leaf);
    GVariant *data = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bundle, strlen(bundle), 1);

    driver_say(d, "what an upload would do");
    (void)driver_call(d, choose_user(d), PATH, MANAGER, "CheckUploadData",
                      g_variant_new("(@ay@a{sv})", data, NO_OPTIONS), IN_THE_WAY);
}

void step_remove_upload(Driver *d)
{
    const Upload *u = choose_upload(d);
    gboolean expired = u && u->until < driver_now(d);
    g_autofree char *fingerprint =
        u ? g_strdup(u->fingerprint)
          : g_strdup("0000000000000000000000000000000000000000000000000000000000000000");

    driver_say(d, "the upload %.8s is removed", fingerprint);
    if (driver_call(d, choose_user(d), PATH, MANAGER, "RemoveUpload", g_variant_new("(s)", fingerprint),
                    u && !expired ? IN_THE_WAY : IN_THE_WAY " NoSuchCertificate"))
        model_remove_upload(d->model, fingerprint);
}

/* A self-made authority, or one below the root of the Pki. */
void step_upload_root(Driver *d)
{
    gboolean below = driver_chance(d, 50);
    g_autofree char *name = g_strdup_printf("authority%u-%u", d->step, driver_choose(d, 1000000)),
                    *bundle = NULL;
    g_autoptr(PkiLeaf) authority = pki_make_authority(d->pki, name, below ? "root" : NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(authority->key, "\n", -1);

    g_ptr_array_add(d->secrets, g_strdup(lines[2]));
    bundle = g_strconcat(authority->certificate, below ? authority->root : "", authority->key, NULL);
    driver_say(d, "an uploaded root%s", below ? ", below another" : "");
    (void)driver_call(d, choose_user(d), PATH_ROOT, CERTIFICATE, "Upload",
                      g_variant_new("(s@a{sv})", bundle, NO_OPTIONS), IN_THE_WAY);
}
