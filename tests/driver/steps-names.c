/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "steps.h"

#include <string.h>

/* What is wanted: registrations and module files. */

static const char *choose_alternative(const Driver *d)
{
    static const char *const names[] = { "x.example.net", "y.example.net" };

    return driver_chance(d, 30) ? names[driver_choose(d, G_N_ELEMENTS(names))] : NULL;
}

static GVariant *choose_options(const Driver *d, const char *alternative)
{
    const char *const names[] = { alternative, NULL };
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    if (alternative)
        g_variant_builder_add(&b, "{sv}", "names", g_variant_new_strv(names, -1));
    if (driver_chance(d, 30))
        g_variant_builder_add(&b, "{sv}", "key-type", g_variant_new_string(choose_key_type(d)));
    if (driver_chance(d, 20))
        g_variant_builder_add(&b, "{sv}", "acme", g_variant_new_boolean(driver_chance(d, 50)));
    return g_variant_builder_end(&b);
}

void step_register(Driver *d)
{
    const char *module = driver_choose_module(d), *name = driver_choose_name(d),
               *alternative = choose_alternative(d);
    GVariant *options = choose_options(d, alternative);
    GDBusConnection *user = choose_user(d);

    driver_say(d, "%s registers %s%s%s", module, name, alternative ? " and " : "",
               alternative ? alternative : "");
    if (driver_call(d, user, PATH, MANAGER, "Register", g_variant_new("(ss@a{sv})", module, name, options),
                    ""))
        model_claim(d->model, module, name, alternative);
}

static const Claim *choose_registration(const Driver *d)
{
    g_autoptr(GPtrArray) l = g_ptr_array_new();

    for (guint i = 0; i < d->model->claims->len; i++) {
        Claim *c = g_ptr_array_index(d->model->claims, i);

        if (!g_str_has_prefix(c->module, "file-"))
            g_ptr_array_add(l, c);
    }
    return l->len > 0 ? g_ptr_array_index(l, driver_choose(d, l->len)) : NULL;
}

void step_unregister(Driver *d)
{
    const Claim *c = driver_chance(d, 85) ? choose_registration(d) : NULL;
    g_autofree char *module = g_strdup(c ? c->module : driver_choose_module(d)),
                    *name = g_strdup(c ? c->name : driver_choose_name(d));
    gboolean known = model_find(d->model, module, name) != NULL;

    driver_say(d, "%s unregisters %s", module, name);
    if (driver_call(d, choose_user(d), PATH, MANAGER, "Unregister", g_variant_new("(ss)", module, name),
                    known ? "" : "NoSuchCertificate"))
        model_disclaim(d->model, module, name);
}

void resolve_doubts(Driver *d)
{
    for (guint i = d->model->claims->len; i > 0; i--) {
        const Claim *c = g_ptr_array_index(d->model->claims, i - 1);

        if (!c->doubtful)
            continue;
        driver_say(d, "%s unregisters %s, whatever became of it", c->module, c->name);
        (void)driver_call(d, d->root, PATH, MANAGER, "Unregister", g_variant_new("(ss)", c->module, c->name),
                          "NoSuchCertificate");
        g_ptr_array_remove_index(d->model->claims, i - 1);
    }
}

/* A user who may do nothing of the kind. */
void step_denied(Driver *d)
{
    g_autofree char *path = choose_path(d);
    const struct {
        const char *path, *interface, *member;
        GVariant *arguments;
    } calls[] = {
        { PATH, MANAGER, "Register", g_variant_new("(ss@a{sv})", "web", driver_choose_name(d), NO_OPTIONS) },
        { PATH, MANAGER, "Unregister", g_variant_new("(ss)", "web", driver_choose_name(d)) },
        { PATH, MANAGER, "ReissueAll", g_variant_new("(@a{sv})", NO_OPTIONS) },
        { PATH, MANAGER, "RenewDue", NULL },
        { PATH, MANAGER, "Reload", NULL },
        { PATH_ROOT, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS) },
        { path ? path : PATH_ROOT, CERTIFICATE, "Revoke", g_variant_new("(s)", "superseded") },
        { path ? path : PATH_ROOT, CERTIFICATE, "OpenKey", g_variant_new("(@a{sv})", NO_OPTIONS) },
    };
    guint n = driver_choose(d, G_N_ELEMENTS(calls));

    driver_say(d, "nobody calls %s", calls[n].member);
    for (guint i = 0; i < G_N_ELEMENTS(calls); i++)
        if (i != n && calls[i].arguments)
            g_variant_unref(g_variant_ref_sink(calls[i].arguments));
    if (driver_call_public(d, d->stranger, calls[n].path, calls[n].interface, calls[n].member,
                           calls[n].arguments, "NotAuthorized"))
        driver_fail(d, "%s is allowed to nobody", calls[n].member);
}

/* ---- module files */

static void add_certificate(Driver *d, GString *text, const char *module, const char *name)
{
    const char *alternative = choose_alternative(d);

    g_string_append_printf(text, "[Certificate %s]\n", name);
    if (alternative)
        g_string_append_printf(text, "AlternativeNames=%s\n", alternative);
    if (driver_chance(d, 20))
        g_string_append_printf(text, "ACME=%s\n", driver_chance(d, 50) ? "yes" : "no");
    if (driver_chance(d, 20))
        g_string_append_printf(text, "KeyType=%s\n", choose_key_type(d));
    model_claim(d->model, module, name, alternative);
}

static char *choose_file(const Driver *d)
{
    return g_strdup_printf("file-%u", driver_choose(d, 3));
}

void step_module(Driver *d)
{
    g_autofree char *module = choose_file(d), *names = NULL;
    g_autoptr(GString) text = g_string_new("[Module]\nDescription=Driver\n");
    guint n = driver_choose(d, 5);

    model_disclaim_module(d->model, module);
    for (guint i = 0; i < n; i++) {
        const char *name = driver_choose_name(d);

        if (!model_find(d->model, module, name))
            add_certificate(d, text, module, name);
    }
    names = g_strdelimit(g_strdup(text->str), "\n", ' ');
    driver_say(d, "module %s: %s", module, names);
    fixture_write_module(d->fixture, module, text->str);
    reload(d);
}

void step_remove_module(Driver *d)
{
    g_autofree char *module = choose_file(d);

    driver_say(d, "module %s is removed", module);
    fixture_write_module(d->fixture, module, "");
    fixture_write_module(d->fixture, module, NULL);
    model_disclaim_module(d->model, module);
    reload(d);
}
