/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "steps.h"

#include <string.h>

typedef struct Step {
    guint weight;
    void (*take)(Driver *d);
} Step;

static const Step steps[] = {
    { 12, step_register },       { 7, step_unregister },    { 4, step_denied },
    { 8, step_module },          { 3, step_remove_module }, { 6, step_settings },
    { 2, step_broken_settings }, { 2, step_broken_module }, { 8, step_upload },
    { 2, step_upload_again },    { 4, step_bad_upload },    { 3, step_check_upload },
    { 5, step_remove_upload },   { 2, step_upload_root },   { 8, step_reissue },
    { 3, step_reissue_all },     { 3, step_reissue_root },  { 4, step_revoke },
    { 6, step_cancel },          { 4, step_renew_due },     { 3, step_export },
    { 2, step_open_key },        { 2, step_explain },       { 2, step_account },
    { 6, step_burst },           { 6, step_kill },          { 4, step_terminate },
    { 3, step_polkit },          { 4, step_pebble },        { 5, step_clock_forth },
    { 2, step_clock_back },      { 4, step_wait },
};

static void take_one(Driver *d)
{
    guint sum = 0, n;

    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++)
        sum += steps[i].weight;
    n = driver_choose(d, sum);
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        if (n < steps[i].weight) {
            steps[i].take(d);
            return;
        }
        n -= steps[i].weight;
    }
}

/* What is missing comes back soon, as without it little can be done. */
void steps_take(Driver *d)
{
    if (d->polkit_is_down && driver_chance(d, 30))
        step_polkit(d);
    do
        take_one(d);
    while (driver_chance(d, 25));
}

void steps_begin(Driver *d)
{
    write_settings(d);
}

/* As sd_bus_path_encode(3). */
char *path_of_name(const char *name)
{
    GString *path = g_string_new(PATH "/certificate/");

    for (const char *c = name; *c; c++)
        if (g_ascii_isalpha(*c) || (c > name && g_ascii_isdigit(*c)))
            g_string_append_c(path, *c);
        else
            g_string_append_printf(path, "_%02x", (unsigned)*c);
    return g_string_free(path, FALSE);
}

char *choose_path(const Driver *d)
{
    g_auto(GStrv) wanted = model_wanted(d->model);
    guint n = g_strv_length(wanted);

    return n > 0 ? path_of_name(wanted[driver_choose(d, n)]) : NULL;
}

GDBusConnection *choose_user(const Driver *d)
{
    return driver_chance(d, 50) ? d->root : d->allowed;
}

void reload(Driver *d)
{
    (void)driver_call(d, d->root, PATH, MANAGER, "Reload", NULL, "");
}

const char *choose_key_type(const Driver *d)
{
    static const char *const types[] = { "ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-2048" };

    return types[driver_choose(d, driver_chance(d, 80) ? 3 : 4)];
}
