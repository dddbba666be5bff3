/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "steps.h"

#include <string.h>
#include <unistd.h>

#include "../bus/descriptors.h"

/* What is asked of chains that there are. */

#define BUSY "Busy LimitsExceeded"

void step_reissue(Driver *d)
{
    g_autofree char *path = choose_path(d);
    gboolean keep = driver_chance(d, 50);

    if (!path)
        return;
    driver_say(d, "%s is reissued%s", path, keep ? ", keep-current" : "");
    (void)driver_call(d, d->root, path, CERTIFICATE, "Reissue",
                      g_variant_new("(@a{sv})", client_option("keep-current", g_variant_new_boolean(keep))),
                      BUSY);
}

void step_reissue_all(Driver *d)
{
    gboolean keep = driver_chance(d, 70);

    driver_say(d, "all are reissued%s", keep ? "" : ", without keep-current");
    (void)driver_call(d, d->root, PATH, MANAGER, "ReissueAll",
                      g_variant_new("(@a{sv})", client_option("keep-current", g_variant_new_boolean(keep))),
                      BUSY);
}

void step_reissue_root(Driver *d)
{
    driver_say(d, "the root is reissued");
    (void)driver_call(d, d->root, PATH_ROOT, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS),
                      BUSY);
}

void step_revoke(Driver *d)
{
    g_autofree char *path = choose_path(d);

    if (!path)
        return;
    driver_say(d, "%s is revoked", path);
    (void)driver_call(d, d->root, path, CERTIFICATE, "Revoke", g_variant_new("(s)", "superseded"),
                      BUSY " InvalidArgument NetworkFailed AuthorityRefused AuthorityFailed AcmeDisabled");
}

/* One that goes on, or one that is begun for it. */
void step_cancel(Driver *d)
{
    g_autofree char *job = g_strdup(mirror_find_job(d->mirror, driver_choose(d, 1000)));

    if (!job) {
        driver_chance(d, 70) ? step_reissue(d) : step_reissue_root(d);
        if (!d->reply || !g_variant_is_of_type(d->reply, G_VARIANT_TYPE("(o)")))
            return;
        g_variant_get(d->reply, "(o)", &job);
        wait_milliseconds(driver_choose(d, 60));
    }
    driver_say(d, "%s is cancelled", job);
    (void)driver_call(d, d->root, job, JOB, "Cancel", NULL,
                      "Busy NoSuchJob org.freedesktop.DBus.Error.UnknownObject "
                      "org.freedesktop.DBus.Error.UnknownMethod");
}

void step_renew_due(Driver *d)
{
    driver_say(d, "what is due is renewed");
    (void)driver_call(d, d->root, PATH, MANAGER, "RenewDue", NULL, "");
}

void step_export(Driver *d)
{
    static const char *const formats[] = { "pem", "der", "pkcs7" };
    g_autofree char *path = choose_path(d);
    const char *format = formats[driver_choose(d, G_N_ELEMENTS(formats))],
               *member = driver_chance(d, 50) ? "Export" : "ExportRoot";

    driver_say(d, "%s as %s", member, format);
    (void)driver_call(d, d->stranger, path ? path : PATH_ROOT, CERTIFICATE, member,
                      g_variant_new("(@a{sv})", client_option("format", g_variant_new_string(format))),
                      strcmp(member, "ExportRoot") == 0 ? "NoSuchCertificate"
                                                        : ""); /* an upload came without it */
}

void step_open_key(Driver *d)
{
    g_autofree char *path = choose_path(d), *name = NULL, *text = NULL;
    g_autoptr(GError) error = NULL;
    int fd;

    if (!path)
        return;
    driver_say(d, "the key of %s is opened", path);
    fd = descriptor_open_key(d->root, path, NO_OPTIONS, &error);
    name = client_error_name(error);
    if (strcmp(name, d->polkit_is_down ? "NotAuthorized" : "") != 0)
        driver_fail(d, "OpenKey: %s", error ? error->message : "it is allowed without polkit");
    if (fd < 0)
        return;
    text = descriptor_read(fd, NULL);
    close(fd);
    if (!strstr(text, "PRIVATE KEY") || !strstr(text, "BEGIN CERTIFICATE"))
        driver_fail(d, "OpenKey gives no key with its chain");
}

void step_explain(Driver *d)
{
    const char *name = driver_choose_name(d), *member = driver_chance(d, 50) ? "Explain" : "GetCertificate";

    driver_say(d, "%s of %s", member, name);
    (void)driver_call_public(d, d->stranger, PATH, MANAGER, member, g_variant_new("(s)", name),
                             model_wants(d->model, name) && !d->polkit_is_down ? "" : "NoSuchCertificate");
}

void step_account(Driver *d)
{
    const char *member = driver_chance(d, 60) ? "RolloverAccountKey" : "DeactivateAccount";

    driver_say(d, "%s", member);
    (void)driver_call(d, d->root, PATH, MANAGER, member, g_variant_new("(s)", "pebble"),
                      "InvalidArgument Busy AuthorityRefused AuthorityFailed NetworkFailed AcmeDisabled");
}
