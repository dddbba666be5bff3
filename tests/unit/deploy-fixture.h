/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

#include <errno.h>

#include "config/config.h"
#include "core/limits.h"
#include "util/text.h"

/* A configuration of modules, and what is complained about. */
typedef struct Modules {
    Folder folder;
    char *directories[2];
    Config *config;
    GString *complaints; /* "file:line:key: text\n", the file without its folder */
    unsigned n_complaints;
} Modules;

static inline void modules_init(Modules *m)
{
    *m = (Modules){ .folder = folder_new(), .complaints = g_string_new(NULL) };
    m->directories[0] = m->folder.path;
}

static inline void modules_done(Modules *m)
{
    if (m->config)
        config_free(m->config);
    g_string_free(m->complaints, TRUE);
    folder_done(&m->folder);
}
#define _cleanup_modules_ _cleanup_(modules_done)

static inline void modules_on_complaint(const char *file, unsigned line, const char *key, const char *text,
                                        void *userdata)
{
    Modules *m = userdata;
    const char *shown = strrchr(file, '/');

    g_string_append_printf(m->complaints, "%s:%u:%s: %s\n", shown ? shown + 1 : file, line, strempty(key),
                           text);
    m->n_complaints++;
}

static inline void modules_load(Modules *m)
{
    Config *former = m->config, *fresh = NULL;

    g_string_set_size(m->complaints, 0);
    m->n_complaints = 0;
    g_assert_cmpint(config_load(m->directories, former, modules_on_complaint, m, &fresh), ==, 0);
    if (former)
        config_free(former);
    m->config = fresh;
}

/* Replaces a module's file, without a prefix and a suffix in its name. */
static inline void modules_write(Modules *m, const char *name, const char *text)
{
    g_autofree char *path = g_strdup_printf("modules.d/%s.conf", name);

    folder_write(&m->folder, path, text);
}

static inline const Module *modules_get(const Modules *m, const char *name)
{
    for (size_t i = 0; i < m->config->n_modules; i++)
        if (streq(m->config->modules[i].name, name))
            return m->config->modules + i;
    g_assert_not_reached();
}

/* The settings of a certificate, of which there are some. */
static inline DeploySettings modules_settings(const Modules *m, const char *module, const char *name)
{
    DeploySettings s = {};

    g_assert_null(module_deploy_flaw(modules_get(m, module), name));
    g_assert_cmpint(module_deploy_settings(modules_get(m, module), name, &s), ==, 1);
    return s;
}

static inline void assert_not_deployed(const Modules *m, const char *module, const char *name,
                                       const char *flaw)
{
    const char *found = module_deploy_flaw(modules_get(m, module), name);
    DeploySettings s = {};

    g_assert_cmpint(module_deploy_settings(modules_get(m, module), name, &s), ==, 0);
    if (flaw && (!found || !strstr(found, flaw)))
        note_failure("%s: the flaw of %s is \"%s\", not \"%s\"", module, name, strempty(found), flaw);
    if (!flaw)
        g_assert_cmpstr(found, ==, NULL);
}
