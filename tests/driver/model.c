/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#define CLOSE 180 /* seconds; the test and the service do not look at the clock at the same time */

static void claim_free(gpointer data)
{
    Claim *c = data;

    g_free(c->module);
    g_free(c->name);
    g_free(c->alternative);
    g_free(c);
}

static void upload_free(gpointer data)
{
    Upload *u = data;

    g_free(u->fingerprint);
    g_strfreev(u->names);
    g_free(u->bundle);
    g_free(u);
}

Model *model_new(void)
{
    Model *m = g_new0(Model, 1);

    m->claims = g_ptr_array_new_with_free_func(claim_free);
    m->uploads = g_ptr_array_new_with_free_func(upload_free);
    return m;
}

void model_free(Model *m)
{
    g_ptr_array_unref(m->claims);
    g_ptr_array_unref(m->uploads);
    g_free(m);
}

Claim *model_find(const Model *m, const char *module, const char *name)
{
    for (guint i = 0; i < m->claims->len; i++) {
        Claim *c = g_ptr_array_index(m->claims, i);

        if (strcmp(c->module, module) == 0 && strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

Claim *model_claim(Model *m, const char *module, const char *name, const char *alternative)
{
    Claim *c = model_find(m, module, name);

    if (!c) {
        c = g_new0(Claim, 1);
        c->module = g_strdup(module);
        c->name = g_strdup(name);
        g_ptr_array_add(m->claims, c);
    }
    g_free(c->alternative);
    c->alternative = g_strdup(alternative);
    return c;
}

void model_disclaim(Model *m, const char *module, const char *name)
{
    Claim *c = model_find(m, module, name);

    if (c)
        g_ptr_array_remove(m->claims, c);
}

void model_disclaim_module(Model *m, const char *module)
{
    for (guint i = m->claims->len; i > 0; i--)
        if (strcmp(((const Claim *)g_ptr_array_index(m->claims, i - 1))->module, module) == 0)
            g_ptr_array_remove_index(m->claims, i - 1);
}

gboolean model_wants(const Model *m, const char *name)
{
    for (guint i = 0; i < m->claims->len; i++)
        if (strcmp(((const Claim *)g_ptr_array_index(m->claims, i))->name, name) == 0)
            return TRUE;
    return FALSE;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_once(GPtrArray *l, const char *text)
{
    for (guint i = 0; i < l->len; i++)
        if (strcmp(g_ptr_array_index(l, i), text) == 0)
            return;
    g_ptr_array_add(l, g_strdup(text));
}

void model_sort(char **names)
{
    qsort(names, g_strv_length(names), sizeof(char *), compare);
}

static char **finish(GPtrArray *l)
{
    char **names;

    g_ptr_array_add(l, NULL);
    names = (char **)g_ptr_array_free(l, FALSE);
    model_sort(names);
    return names;
}

char **model_modules(const Model *m, const char *name)
{
    GPtrArray *l = g_ptr_array_new();

    for (guint i = 0; i < m->claims->len; i++) {
        const Claim *c = g_ptr_array_index(m->claims, i);

        if (strcmp(c->name, name) == 0)
            add_once(l, c->module);
    }
    return finish(l);
}

char **model_names(const Model *m, const char *name)
{
    GPtrArray *l = g_ptr_array_new();

    add_once(l, name);
    for (guint i = 0; i < m->claims->len; i++) {
        const Claim *c = g_ptr_array_index(m->claims, i);

        if (strcmp(c->name, name) == 0 && c->alternative)
            add_once(l, c->alternative);
    }
    return finish(l);
}

char **model_wanted(const Model *m)
{
    GPtrArray *l = g_ptr_array_new();

    for (guint i = 0; i < m->claims->len; i++)
        add_once(l, ((const Claim *)g_ptr_array_index(m->claims, i))->name);
    return finish(l);
}

/* ---- uploads */

Upload *model_find_upload(const Model *m, const char *fingerprint)
{
    for (guint i = 0; i < m->uploads->len; i++) {
        Upload *u = g_ptr_array_index(m->uploads, i);

        if (strcmp(u->fingerprint, fingerprint) == 0)
            return u;
    }
    return NULL;
}

void model_remove_upload(Model *m, const char *fingerprint)
{
    Upload *u = model_find_upload(m, fingerprint);

    if (u)
        g_ptr_array_remove(m->uploads, u);
}

Upload *model_upload(Model *m, const char *fingerprint, const char *const *names, gint64 from, gint64 until)
{
    Upload *u = g_new0(Upload, 1);

    *u = (Upload){ .fingerprint = g_strdup(fingerprint),
                   .names = g_strdupv((char **)(guintptr)names),
                   .from = from,
                   .until = until };
    g_ptr_array_add(m->uploads, u);
    return u;
}

void model_touch_upload(Model *m, const char *fingerprint)
{
    guint i;

    if (g_ptr_array_find(m->uploads, model_find_upload(m, fingerprint), &i))
        g_ptr_array_add(m->uploads, g_ptr_array_steal_index(m->uploads, i));
}

static gboolean covers(const Upload *u, char *const *names)
{
    for (; *names; names++)
        if (!g_strv_contains((const char *const *)u->names, *names))
            return FALSE;
    return TRUE;
}

/* It is left a little before its end. */
static gint64 last_moment(const Upload *u)
{
    return u->until - CLAMP((u->until - u->from) / 50, 300, 3600);
}

const Upload *model_best_upload(const Model *m, const char *name, gint64 now, gboolean *ret_close)
{
    g_auto(GStrv) names = model_names(m, name);
    const Upload *best = NULL;

    *ret_close = FALSE;
    for (guint i = 0; i < m->uploads->len; i++) {
        const Upload *u = g_ptr_array_index(m->uploads, i);

        if (!covers(u, names))
            continue;
        *ret_close |= ABS(u->from - now) < CLOSE || ABS(last_moment(u) - now) < CLOSE;
        if (u->from <= now && now < last_moment(u))
            best = u;
    }
    return best;
}
