/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <uthash.h>

#include "config/config.h"
#include "config/deploy-internal.h"
#include "config/deploy-section.h"
#include "util/text.h"

/* Finds flaws that only show when all files have been read. */

/* A file of a service, and the certificates that are deployed to it: more than one is a conflict. */
typedef struct Consumer {
    const Module *module;
    Claim *claim;
    DeployFile file;
} Consumer;

typedef struct Target {
    char *path;
    Consumer first;
    bool shared;
    UT_hash_handle hh;
} Target;

static void targets_clear(Target **targets)
{
    Target *t, *next;

    HASH_ITER (hh, *targets, t, next) {
        HASH_DEL(*targets, t);
        free(t->path);
        free(t);
    }
}

static void section_complain(ParseContext *context, const DeploySettings *s, const char *key,
                             const char *text)
{
    context_complain(s->file, s->line, key, text, context);
}

static const DeploySettings *section_of(const Module *m, const Claim *claim)
{
    return claim->deploy ?: m->deploy;
}

/* ---- members that are found by name */

static int compare_claims(const void *a, const void *b)
{
    return strcmp((*(Claim *const *)a)->name, (*(Claim *const *)b)->name);
}

static int module_index(Module *m)
{
    m->by_name = calloc(m->n_claims + 1, sizeof(Claim *));
    if (!m->by_name)
        return -ENOMEM;
    for (size_t i = 0; i < m->n_claims; i++)
        m->by_name[i] = m->claims + i;
    qsort(m->by_name, m->n_claims, sizeof(Claim *), compare_claims);
    return 0;
}

static void module_link(Module *m, ParseContext *context)
{
    for (size_t i = 0; i < m->n_deploys; i++) {
        const DeploySettings *s = m->deploys + i;
        Claim *claim = s->name ? module_find_claim(m, s->name) : NULL;
        char text[LIMIT_NAME + 128];

        if (!s->name)
            m->deploy = s;
        else if (claim)
            claim->deploy = s;
        else {
            snprintf(text, sizeof(text), "there is no [Certificate %s] in this module; ignoring [Deploy %s]",
                     s->name, s->name);
            section_complain(context, s, NULL, text);
        }
    }
}

/* ---- flaws of sections */

static bool has_key_for_all(const DeploySettings *s)
{
    return s->mode != MODE_AS_BEFORE && (s->mode & 0004) &&
           (s->files[DEPLOY_KEY] || s->files[DEPLOY_COMBINED]);
}

/* Returns the second of two kinds with the same path; the first is in ret. Negative if there are none. */
static DeployFile find_twin(const DeploySettings *s, DeployFile *ret)
{
    for (DeployFile f = 0; f < _DEPLOY_FILE_MAX; f++)
        for (DeployFile k = 0; k < f; k++)
            if (s->files[k] && s->files[f] && streq(s->files[k], s->files[f])) {
                *ret = k;
                return f;
            }
    return _DEPLOY_FILE_INVALID;
}

static bool has_files(const DeploySettings *s)
{
    for (size_t i = 0; i < _DEPLOY_FILE_MAX; i++)
        if (s->files[i])
            return true;
    return false;
}

/* Finds what is wrong with the settings themselves. *ret is NULL if there is nothing, *ret_key the key to name. */
static int find_flaw(const DeploySettings *all, const DeploySettings *own, const char **ret_key, char **ret)
{
    _cleanup_deploy_settings_ DeploySettings s = {};
    int wrong = deploy_wrong_key(all, own), r = 0;
    DeployFile twin = _DEPLOY_FILE_INVALID, other = 0;

    *ret = NULL;
    if (deploy_settings_merge(all, own, &s) < 0)
        return -ENOMEM;
    twin = find_twin(&s, &other);
    if (wrong >= 0) {
        *ret_key = deploy_key_to_string(wrong);
        r = asprintf(ret, "The value of %s= was refused; nothing is deployed until it is corrected.",
                     *ret_key);
    } else if (!has_files(&s)) {
        *ret_key = NULL;
        r = asprintf(ret,
                     "No file to deploy to is named; add FullChainFile= and KeyFile=, or CombinedFile=.");
    } else if (twin >= 0) {
        *ret_key = deploy_file_to_string(twin);
        r = asprintf(ret, "%s= and %s= are the same file; use CombinedFile= for chain and key in one file.",
                     deploy_file_to_string(other), *ret_key);
    } else if (has_key_for_all(&s)) {
        *ret_key = deploy_key_to_string(DEPLOY_KEY_MODE);
        r = asprintf(
            ret,
            "With mode %04o every user could read the private key; use Mode=0600, or Mode=0640 with a "
            "Group= for the service.",
            s.mode);
    }
    return r < 0 ? -ENOMEM : 0;
}

/* Finds the flaw of a section, or of both, and complains; a refused value was complained about already. */
static int check_section(const DeploySettings *all, const DeploySettings *own, ParseContext *context,
                         char **ret)
{
    const char *key = NULL;
    int r = find_flaw(all, own, &key, ret);

    if (r >= 0 && *ret && deploy_wrong_key(all, own) < 0)
        section_complain(context, own ?: all, key, *ret);
    return r;
}

static int check_sections(Module *m, ParseContext *context)
{
    _cleanup_free_ char *flaw = NULL;
    bool used = m->n_claims == 0;
    int r = 0;

    for (size_t i = 0; i < m->n_claims; i++)
        used |= !m->claims[i].deploy;
    if (m->deploy && used)
        r = check_section(m->deploy, NULL, context, &flaw);
    for (size_t i = 0; i < m->n_claims && r >= 0; i++) {
        Claim *claim = m->claims + i;

        if (claim->deploy)
            r = check_section(m->deploy, claim->deploy, context, &claim->deploy_flaw);
        else
            r = text_set(&claim->deploy_flaw, flaw);
    }
    return r;
}

/* ---- files that two would write */

static int explain_share(const char *path, const Consumer *c, const Consumer *other, char **ret)
{
    int r =
        asprintf(ret,
                 "%s=%s is also the %s= of %s in module %s, so neither is deployed; give each a file of its "
                 "own, for example with %%n in the path.",
                 deploy_file_to_string(c->file), QUOTE(path, 200), deploy_file_to_string(other->file),
                 other->claim->name, other->module->name);

    return r < 0 ? -ENOMEM : 0;
}

static int set_share(const char *path, const Consumer *c, const Consumer *other)
{
    if (c->claim->deploy_flaw)
        return 0;
    return explain_share(path, c, other, &c->claim->deploy_flaw);
}

static int on_shared(Target *t, const Consumer *c, ParseContext *context)
{
    _cleanup_free_ char *text = NULL;
    int r;

    r = explain_share(t->path, c, &t->first, &text);
    if (r >= 0 && !t->shared && !(c->claim == t->first.claim && c->claim->deploy_flaw))
        section_complain(context, section_of(c->module, c->claim), deploy_file_to_string(c->file), text);
    t->shared = true;
    if (r >= 0)
        r = set_share(t->path, c, &t->first);
    if (r >= 0)
        r = set_share(t->path, &t->first, c);
    return r;
}

/* Takes path. */
static int add_target(Target **targets, char *path, const Consumer *c, ParseContext *context)
{
    _cleanup_free_ char *taken = path;
    Target *t;

    HASH_FIND_STR(*targets, path, t);
    if (t)
        return on_shared(t, c, context);
    t = calloc(1, sizeof(Target));
    if (!t)
        return -ENOMEM;
    *t = (Target){ .path = TAKE_PTR(taken), .first = *c };
    HASH_ADD_KEYPTR(hh, *targets, t->path, strlen(t->path), t);
    return 0;
}

static int on_too_long(const Consumer *c, const char *path, ParseContext *context)
{
    _cleanup_free_ char *text = NULL;

    if (asprintf(&text, "%s=%s is too long with the name %s in it; name another path in [Deploy %s].",
                 deploy_file_to_string(c->file), QUOTE(path, 200), c->claim->name, c->claim->name) < 0)
        return -ENOMEM;
    section_complain(context, section_of(c->module, c->claim), deploy_file_to_string(c->file), text);
    return c->claim->deploy_flaw ? 0 : text_set(&c->claim->deploy_flaw, text);
}

static int add_targets(Target **targets, const Module *m, Claim *claim, ParseContext *context)
{
    _cleanup_deploy_settings_ DeploySettings s = {};
    int r = deploy_settings_merge(m->deploy, claim->deploy, &s);

    for (DeployFile f = 0; f < _DEPLOY_FILE_MAX && r >= 0; f++) {
        const Consumer c = { .module = m, .claim = claim, .file = f };
        char *path = NULL;

        if (!s.files[f])
            continue;
        r = deploy_path_expand(s.files[f], claim->name, &path);
        if (r == -ENAMETOOLONG)
            r = on_too_long(&c, s.files[f], context);
        else if (r >= 0)
            r = add_target(targets, path, &c, context);
    }
    return r;
}

/* ---- all */

int deploys_settle(Config *c, ParseContext *context)
{
    _cleanup_(targets_clear) Target *targets = NULL;
    int r = 0;

    for (size_t i = 0; i < c->n_modules && r >= 0; i++) {
        Module *m = c->modules + i;

        context->n_complaints = 0;
        r = module_index(m);
        if (r < 0)
            return r;
        module_link(m, context);
        r = check_sections(m, context);
        for (size_t k = 0; k < m->n_claims && r >= 0; k++)
            r = add_targets(&targets, m, m->claims + k, context);
    }
    return r;
}
