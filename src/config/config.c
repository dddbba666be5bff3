/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "config/authority-section.h"
#include "config/deploy-internal.h"
#include "config/files.h"
#include "config/keys.h"
#include "config/settings.h"
#include "core/limits.h"
#include "core/name.h"
#include "util/encoding.h"
#include "util/fs.h"
#include "util/text.h"

static void claim_done(Claim *claim)
{
    free(claim->name);
    strv_free(claim->names);
    free(claim->authority);
    free(claim->deploy_flaw);
}

static void module_done(Module *m)
{
    for (size_t i = 0; i < m->n_claims; i++)
        claim_done(m->claims + i);
    free(m->claims);
    for (size_t i = 0; i < m->n_deploys; i++)
        deploy_settings_done(m->deploys + i);
    free(m->deploys);
    free(m->by_name);
    free(m->name);
    free(m->file);
    free(m->description);
    *m = (Module){};
}

Config *config_free(Config *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < c->n_modules; i++)
        module_done(c->modules + i);
    free(c->modules);
    settings_unref(c->settings);
    free(c);
    return NULL;
}

static int claim_copy(const Claim *from, Claim *to)
{
    *to = (Claim){ .key_type = from->key_type, .purposes = from->purposes, .acme = from->acme };
    if (text_set(&to->name, from->name) < 0 || text_set(&to->authority, from->authority) < 0)
        return -ENOMEM;
    return strv_copy(from->names, &to->names);
}

static int module_copy(const Module *from, Module *to)
{
    int r = 0;

    to->claims = calloc(from->n_claims + 1, sizeof(Claim));
    to->deploys = calloc(from->n_deploys + 1, sizeof(DeploySettings));
    to->unreadable = from->unreadable;
    if (!to->claims || !to->deploys || text_set(&to->name, from->name) < 0 ||
        text_set(&to->file, from->file) < 0 || text_set(&to->description, from->description) < 0)
        return -ENOMEM;
    while (to->n_claims < from->n_claims && r >= 0) {
        r = claim_copy(from->claims + to->n_claims, to->claims + to->n_claims);
        to->n_claims++;
    }
    for (; to->n_deploys < from->n_deploys && r >= 0; to->n_deploys++)
        r = deploy_settings_copy(from->deploys + to->n_deploys, to->deploys + to->n_deploys);
    return r;
}

static int compare_name(const void *name, const void *claim)
{
    return strcmp(name, (*(Claim *const *)claim)->name);
}

Claim *module_find_claim(const Module *m, const char *name)
{
    Claim **found = NULL;

    if (m->by_name)
        found = bsearch(name, m->by_name, m->n_claims, sizeof(Claim *), compare_name);
    return found ? *found : NULL;
}

static const Module *find_module(const Config *c, const char *name)
{
    for (size_t i = 0; c && i < c->n_modules; i++)
        if (streq(c->modules[i].name, name))
            return c->modules + i;
    return NULL;
}

/* ---- reading files */

/* Complains once about each file and folder, however often it is looked up. */
static void on_unreadable(const char *path, int error, void *userdata)
{
    _cleanup_free_ char *obstacle = config_find_obstacle(path, error), *text = NULL;
    ParseContext *context = userdata;

    context->incomplete = true;
    if (!obstacle || strv_contains(context->unreadable, obstacle))
        return;
    text = config_explain_unreadable(obstacle, error);
    context->complain(obstacle, 0, NULL, text ? text : strerror(error), context->userdata);
    (void)strv_extend(&context->unreadable, obstacle);
}

/* As editors of other systems write it, too. -EBADMSG if it is no text. */
static int read_text(const char *path, char **ret)
{
    _cleanup_free_ char *data = NULL, *text = NULL;
    size_t size = 0, length;
    int r;

    r = fs_read_at(AT_FDCWD, path, LIMIT_CONFIG_FILE, &data, &size);
    if (r >= 0)
        r = encoding_to_utf8(data, size, &text, &length);
    if (r < 0)
        return r;
    if (strlen(text) != length)
        return -EBADMSG;
    text_unify_line_ends(text);
    *ret = TAKE_PTR(text);
    return 0;
}

/* A link to /dev/null masks the file; a file that is gone was removed a moment ago. */
static bool is_absent(const char *path, int error)
{
    struct stat st;

    if (error == ENOENT)
        return lstat(path, &st) < 0;
    return error == EINVAL && stat(path, &st) >= 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static int read_files(char *const *files, IniVisit visit, ParseContext *context)
{
    int r = 0;

    for (size_t i = 0; r != -ENOMEM && files && files[i]; i++) {
        _cleanup_free_ char *text = NULL;

        r = read_text(files[i], &text);
        if (r >= 0) {
            context_begin_file(context);
            r = ini_parse_text(files[i], text, visit, context_complain, context);
        } else if (r != -ENOMEM && !is_absent(files[i], -r))
            on_unreadable(files[i], -r, context);
    }
    return r == -ENOMEM ? r : 0;
}

/* Reads NAME.conf and its drop-ins, and sets context->incomplete. */
static int read_with_drop_ins(char *const *directories, const char *path, IniVisit visit,
                              ParseContext *context, char ***ret_files)
{
    int r;

    context->incomplete = false;
    r = config_files_of(directories, path, on_unreadable, context, ret_files);
    return r < 0 ? r : read_files(*ret_files, visit, context);
}

/* ---- modules */

static int load_module(char *const *directories, const char *name, const Config *former,
                       ParseContext *context, Module *m)
{
    const Module *before = find_module(former, name);
    _cleanup_strv_ char **files = NULL;
    _cleanup_free_ char *path = NULL;
    int r;

    m->name = strdup(name);
    if (!m->name || asprintf(&path, MODULES_FOLDER "/%s", name) < 0)
        return -ENOMEM;
    context->module = m;
    r = read_with_drop_ins(directories, path, on_module_entry, context, &files);
    if (r >= 0)
        r = text_set(&m->file, files ? files[0] : NULL);
    m->unreadable = context->incomplete;
    if (r < 0 || !m->unreadable || !before)
        return r;
    module_done(m);
    return module_copy(before, m);
}

/* Adds the modules that were known before to those that are found in a folder which cannot be listed. */
static int add_former_names(const Config *former, char ***names)
{
    int r = 0;

    for (size_t i = 0; former && i < former->n_modules && r >= 0; i++)
        if (!strv_contains(*names, former->modules[i].name))
            r = strv_extend(names, former->modules[i].name);
    return r;
}

static int leave_out_module(char *const *directories, const char *name, ParseContext *context)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_strv_ char **files = NULL;
    int r;

    if (asprintf(&path, MODULES_FOLDER "/%s", name) < 0)
        return -ENOMEM;
    r = config_files_of(directories, path, NULL, NULL, &files);
    if (r >= 0)
        context->complain(
            files ? files[0] : path, 0, NULL,
            module_name_is_valid(name)
                ? "there are more than 1000 modules; ignoring this one"
                : "a module's name consists of letters, digits, \"-\", \"_\" and \".\", 64 at most; "
                  "ignoring the file",
            context->userdata);
    return r;
}

static int load_modules(char *const *directories, const Config *former, ParseContext *context, Config *c)
{
    _cleanup_strv_ char **names = NULL;
    size_t n;
    int r;

    context->incomplete = false;
    r = config_file_names(directories, MODULES_FOLDER, on_unreadable, context, &names);
    if (r >= 0 && context->incomplete)
        r = add_former_names(former, &names);
    if (r < 0)
        return r;
    n = strv_length(names);
    c->modules = calloc(n + 1, sizeof(Module));
    if (!c->modules)
        return -ENOMEM;
    for (size_t i = 0; i < n && r >= 0; i++) {
        if (module_name_is_valid(names[i]) && c->n_modules < LIMIT_MODULES)
            r = load_module(directories, names[i], former, context, c->modules + c->n_modules++);
        else
            r = leave_out_module(directories, names[i], context);
    }
    return r;
}

int config_load(char *const *directories, const Config *former, ConfigComplain complain, void *userdata,
                Config **ret)
{
    _cleanup_config_ Config *c = calloc(1, sizeof(Config));
    ParseContext context = { .complain = complain, .userdata = userdata };
    _cleanup_strv_ char **files = NULL;
    int r;

    if (!c)
        return -ENOMEM;
    r = settings_new(&c->settings);
    if (r < 0)
        return r;
    context.settings = c->settings;
    r = read_with_drop_ins(directories, "certwright", on_settings_entry, &context, &files);
    c->changed = config_files_changed(directories, "certwright", files);
    authorities_settle(&context);
    if (context.incomplete && former) {
        settings_unref(c->settings);
        context.settings = c->settings = settings_ref(former->settings);
    }
    if (r >= 0)
        r = load_modules(directories, former, &context, c);
    if (r >= 0)
        r = deploys_settle(c, &context);
    context_done(&context);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(c);
    return 0;
}
