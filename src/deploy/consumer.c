/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/consumer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>

#include "util/log.h"
#include "util/text.h"

#define MODE_WITH_KEY    0600
#define MODE_WITHOUT_KEY 0644
#define MODE_MASK        ((mode_t)0777)
#define FOLDER_WITH_KEY  0700
#define FOLDER           0755

static int init_flawed(Consumer *c)
{
    _cleanup_problem_ Problem problem = { 0 };
    const char *flaw = module_deploy_flaw(c->module, c->claim->name);

    if (!flaw)
        return 0;
    (void)problem_set(&problem, PROBLEM_INVALID_ARGUMENT, "%s", flaw);
    consumer_settle(c, DEPLOYMENT_FAILED, &problem);
    return 1;
}

int consumer_init(Consumer *c, const Module *m, const Claim *claim)
{
    int r;

    *c = (Consumer){ .module = m, .claim = claim };
    r = module_deploy_settings(m, claim->name, &c->settings);
    if (r <= 0)
        return r < 0 ? r : init_flawed(c);
    for (DeployFile i = 0; i < _DEPLOY_FILE_MAX; i++)
        if (c->settings.files[i])
            c->files[c->n_files++].kind = i;
    r = deploy_settings_digest(&c->settings, c->digest);
    if (r < 0)
        consumer_done(c);
    return r < 0 ? r : 1;
}

void consumer_done(Consumer *c)
{
    source_text_clear(&c->chain);
    source_text_clear(&c->key);
    strv_free(c->names);
    for (size_t i = 0; i < c->n_files; i++) {
        target_close(&c->files[i].target);
        image_clear(&c->files[i].next);
        image_clear(&c->files[i].former);
    }
    deploy_settings_done(&c->settings);
    problem_clear(&c->problem);
    *c = (Consumer){ 0 };
}

void consumer_settle(Consumer *c, DeploymentState outcome, Problem *problem)
{
    c->stage = CONSUMER_SETTLED;
    c->outcome = outcome;
    problem_clear(&c->problem);
    if (problem)
        problem_move(problem, &c->problem);
}

void consumer_fail(Consumer *c, const Problem *why)
{
    _cleanup_problem_ Problem copy = { 0 };

    (void)problem_copy(why, &copy);
    consumer_settle(c, DEPLOYMENT_FAILED, &copy);
}

static bool has_key(const Consumer *c)
{
    return c->settings.files[DEPLOY_KEY] || c->settings.files[DEPLOY_COMBINED];
}

/* ---- owners */

static int parse_id(const char *text, uint32_t *ret)
{
    uint64_t n;

    if (parse_uint64(text, &n) < 0 || n >= UINT32_MAX)
        return -ESRCH;
    *ret = (uint32_t)n;
    return 0;
}

static int find_owner(const char *text, uid_t *ret, Problem *problem)
{
    const struct passwd *user = getpwnam(text);

    if (user) {
        *ret = user->pw_uid;
        return 0;
    }
    if (parse_id(text, ret) < 0)
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT,
                           "Owner=%s is not a user of this machine; correct it, or make the user.",
                           QUOTE(text, 64));
    return 0;
}

static int find_group(const char *text, gid_t *ret, Problem *problem)
{
    const struct group *group = getgrnam(text);

    if (group) {
        *ret = group->gr_gid;
        return 0;
    }
    if (parse_id(text, ret) < 0)
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT,
                           "Group=%s is not a group of this machine; correct it, or make the group.",
                           QUOTE(text, 64));
    return 0;
}

/* The user and the group of the files have to reach them. */
static int choose_access(const Consumer *c, FolderAccess *ret, Problem *problem)
{
    int r = 0;

    *ret = (FolderAccess){ .mode = has_key(c) ? FOLDER_WITH_KEY : FOLDER };
    if (has_key(c) && c->settings.owner)
        r = find_owner(c->settings.owner, &ret->user, problem);
    if (r >= 0 && has_key(c) && c->settings.group)
        r = find_group(c->settings.group, &ret->group, problem);
    return r;
}

int consumer_open(Consumer *c, TargetFolders *folders, Problem *problem)
{
    FolderAccess access;
    int r = choose_access(c, &access, problem);

    for (size_t i = 0; r >= 0 && i < c->n_files; i++)
        r = target_open(folders, c->settings.files[c->files[i].kind], &access, &c->files[i].target, problem);
    return r;
}

typedef struct Use {
    const Target *target;
    Consumer *consumer;
} Use;

static int compare_uses(const void *a, const void *b)
{
    const Target *x = ((const Use *)a)->target, *y = ((const Use *)b)->target;

    if (x->folder != y->folder)
        return x->folder < y->folder ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void refuse(Consumer *c, const Target *t, const Use *other)
{
    _cleanup_problem_ Problem problem = { 0 };

    (void)problem_set(&problem, PROBLEM_INVALID_ARGUMENT,
                      "\"%s\" is also the file \"%s\" of %s in module %s; give each certificate its own.",
                      QUOTE(t->path, 1024), QUOTE(other->target->path, 1024), other->consumer->claim->name,
                      other->consumer->module->name);
    consumer_settle(c, DEPLOYMENT_FAILED, &problem);
}

int consumers_refuse_twins(Consumer *consumers, size_t n)
{
    _cleanup_free_ Use *uses = calloc(n * _DEPLOY_FILE_MAX + 1, sizeof(Use));
    size_t n_uses = 0;

    if (!uses)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < consumers[i].n_files; j++)
            if (consumers[i].files[j].target.folder)
                uses[n_uses++] = (Use){ &consumers[i].files[j].target, consumers + i };
    qsort(uses, n_uses, sizeof(Use), compare_uses);
    for (size_t i = 1; i < n_uses; i++)
        if (target_equal(uses[i - 1].target, uses[i].target)) {
            refuse(uses[i - 1].consumer, uses[i - 1].target, uses + i);
            refuse(uses[i].consumer, uses[i].target, uses + i - 1);
        }
    return 0;
}

/* ---- contents */

static int join_names(const Claim *claim, char ***ret)
{
    _cleanup_strv_ char **names = NULL;
    int r = strv_copy(claim->names, &names);

    if (r >= 0 && !strv_contains(names, claim->name))
        r = strv_extend(&names, claim->name);
    if (r >= 0)
        *ret = TAKE_PTR(names);
    return r;
}

int consumer_read(Consumer *c, const SourceStore *store, Problem *problem)
{
    int r = source_read_certificate(store, c->claim->name, &c->chain, has_key(c) ? &c->key : NULL, problem);

    return r < 0 ? r : problem_set_errno(problem, join_names(c->claim, &c->names), "preparing the files");
}

ExamineInput consumer_input(const Consumer *c, int64_t now)
{
    return (ExamineInput){ .chain = c->chain.data,
                           .chain_size = c->chain.size,
                           .key = c->key.data,
                           .key_size = c->key.size,
                           .names = c->names,
                           .now = now };
}

typedef struct Part {
    const char *data;
    size_t size;
} Part;

/* Each part ends with a newline, as another may follow. */
static int join_parts(const Part *parts, size_t n, Image *ret)
{
    size_t size = 1;
    char *at;

    for (size_t i = 0; i < n; i++)
        size += parts[i].size + 1;
    ret->kind = IMAGE_FILE;
    ret->data = at = malloc(size);
    if (!at)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (parts[i].size > 0) {
            at = mempcpy(at, parts[i].data, parts[i].size);
            if (at[-1] != '\n')
                *at++ = '\n';
        }
    ret->size = (size_t)(at - ret->data);
    *at = 0;
    return 0;
}

static Part issuers_of(const SourceText *chain, const Examination *e)
{
    size_t start = (size_t)e->ends[0];

    while (start < chain->size && (chain->data[start] == '\n' || chain->data[start] == '\r'))
        start++;
    return (Part){ chain->data + start, chain->size - start };
}

static int make_combined(const Consumer *c, Image *ret)
{
    Part chain = { c->chain.data, c->chain.size }, key = { c->key.data, c->key.size };
    bool key_first = c->settings.combined_order == COMBINED_KEY_CHAIN;
    Part parts[] = { key_first ? key : chain, key_first ? chain : key };

    return join_parts(parts, ELEMENTSOF(parts), ret);
}

static int make_content(const Consumer *c, DeployFile kind, const Examination *e, const LocalRoot *root,
                        Image *ret)
{
    Part part = { c->chain.data, c->chain.size };

    switch (kind) {
    case DEPLOY_COMBINED:
        return make_combined(c, ret);
    case DEPLOY_CERTIFICATE:
        part.size = (size_t)e->ends[0];
        break;
    case DEPLOY_CHAIN:
        part = issuers_of(&c->chain, e);
        break;
    case DEPLOY_KEY:
        part = (Part){ c->key.data, c->key.size };
        break;
    case DEPLOY_ROOT:
        part = (Part){ root->text.data, root->text.size };
        break;
    default:
        break;
    }
    return join_parts(&part, 1, ret);
}

/* A service that gets no issuers cannot present them. */
static void expect(Consumer *c, const Examination *e)
{
    c->next.n = deploy_scope(&c->settings).issuers ? e->n : 1;
    memcpy(c->next.digests, e->digests, c->next.n * sizeof(e->digests[0]));
}

/* Leaf and content are set as soon as they are known, since the report of a failure names them, too. */
static int identify(Consumer *c, const Examination *e, const LocalRoot *root)
{
    char fingerprints[DEPLOY_CHAIN_MAX][DIGEST_TEXT];

    if (e->verdict == EXAMINED_NOT_PEM)
        return 0;
    for (size_t i = 0; i < e->n; i++)
        hex_encode(e->digests[i], DIGEST_SIZE, false, fingerprints[i]);
    memcpy(c->leaf, fingerprints[0], DIGEST_TEXT);
    return deploy_content_digest(deploy_scope(&c->settings), fingerprints, e->n, root->fingerprint,
                                 c->content);
}

int consumer_take(Consumer *c, const Examination *e, const LocalRoot *root, Problem *problem)
{
    int r = identify(c, e, root);

    if (r < 0)
        return problem_set_errno(problem, r, "preparing the files");
    if (e->verdict != EXAMINED_USABLE)
        return problem_set(problem, PROBLEM_INVALID_BUNDLE, "The chain in the store is not delivered. %s",
                           examined_verdict_explain((ExaminedVerdict)e->verdict));
    if (c->settings.files[DEPLOY_ROOT] && !root->text.data)
        return problem_set(problem, PROBLEM_STORAGE_FAILED, "There is no local root for RootFile=.");
    expect(c, e);
    for (size_t i = 0; r >= 0 && i < c->n_files; i++)
        r = make_content(c, c->files[i].kind, e, root, &c->files[i].next);
    source_text_clear(&c->chain);
    source_text_clear(&c->key);
    return problem_set_errno(problem, r, "preparing the files");
}

/* ---- attributes */

/* The ACL of a file without a key does not say who may read a key. */
static bool is_exposed(const ConsumerFile *f, const Image *former)
{
    return deploy_file_has_key(f->kind) && !former_has_key(former);
}

/* A key that all users could read was not meant to be: Mode= does not allow that either. */
static mode_t mode_of(const ConsumerFile *f, const Image *former)
{
    mode_t mode;

    if (!former)
        return deploy_file_has_key(f->kind) ? MODE_WITH_KEY : MODE_WITHOUT_KEY;
    mode = former->mode & MODE_MASK;
    if (!deploy_file_has_key(f->kind) || !(mode & S_IRWXO))
        return mode;
    log_notice(
        "%s was accessible by all users; with the new key, it is by its owner and group only. To give other "
        "users access, see Owner=, Group= and Mode= in certwright.conf(5).",
        f->target.path);
    return mode & ~(mode_t)S_IRWXO;
}

/* The former attributes are kept unless they were chosen by a user to whom the file does not belong any more: group, mode
 * and ACL could let that user read the key. */
static int set_attributes(const DeploySettings *s, ConsumerFile *f, Problem *problem)
{
    const Image *former = f->former.kind == IMAGE_FILE ? &f->former : NULL;
    int r = 0;

    f->next.owner = former ? former->owner : 0;
    if (s->owner)
        r = find_owner(s->owner, &f->next.owner, problem);
    if (former && former->owner != 0 && former->owner != f->next.owner)
        former = NULL;
    f->next.group = former ? former->group : 0;
    f->next.mode = s->mode == MODE_AS_BEFORE ? mode_of(f, former) : s->mode;
    if (r >= 0 && s->group)
        r = find_group(s->group, &f->next.group, problem);
    if (r >= 0 && f->former.kind == IMAGE_FILE && text_set(&f->next.label, f->former.label) < 0)
        r = problem_set_errno(problem, -ENOMEM, "preparing the files");
    if (r >= 0 && former && !is_exposed(f, former) && text_set(&f->next.acl, former->acl) < 0)
        r = problem_set_errno(problem, -ENOMEM, "preparing the files");
    return r;
}

int consumer_capture(Consumer *c, Problem *problem)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < c->n_files; i++) {
        r = target_capture(&c->files[i].target, &c->files[i].former, problem);
        if (r >= 0)
            r = set_attributes(&c->settings, c->files + i, problem);
    }
    return r;
}

bool consumer_is_unchanged(const Consumer *c)
{
    for (size_t i = 0; i < c->n_files; i++)
        if (!image_equal(&c->files[i].next, &c->files[i].former))
            return false;
    return true;
}

bool consumer_lacks_file(const Consumer *c)
{
    for (size_t i = 0; i < c->n_files; i++)
        if (c->files[i].next.kind != IMAGE_ABSENT && !target_exists(&c->files[i].target))
            return true;
    return false;
}

/* ---- replacing */

int consumer_stage(Consumer *c, bool flush, Problem *problem)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < c->n_files; i++)
        r = target_stage(&c->files[i].target, &c->files[i].next, flush, problem);
    if (r < 0)
        consumer_unstage(c);
    return r;
}

void consumer_unstage(Consumer *c)
{
    for (size_t i = 0; i < c->n_files; i++)
        target_unstage(&c->files[i].target);
}

int consumer_switch(Consumer *c, Problem *problem)
{
    int r = 0;

    c->unrestored = true;
    for (size_t i = 0; r >= 0 && i < c->n_files; i++)
        r = target_switch(&c->files[i].target, problem);
    return r;
}

int consumer_flush(Consumer *c, Problem *problem)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < c->n_files; i++)
        r = target_flush(&c->files[i].target, problem);
    return r;
}

/* Only a file or a link can be replaced; found out before the first one is, as some without the others may not fit
 * together. */
static int check_replaceable(const Consumer *c, Problem *problem)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < c->n_files; i++) {
        _cleanup_image_ Image there = { 0 };

        r = target_capture(&c->files[i].target, &there, problem);
    }
    return r;
}

int consumer_put_back(Consumer *c, Problem *problem)
{
    int r = check_replaceable(c, problem);

    for (size_t i = 0; r >= 0 && i < c->n_files; i++)
        r = target_stage(&c->files[i].target, &c->files[i].former, true, problem);
    if (r >= 0)
        r = consumer_switch(c, problem);
    if (r >= 0)
        r = consumer_flush(c, problem);
    consumer_unstage(c);
    c->unrestored = r < 0;
    return r;
}

FormerVerdict consumer_judge_former(Consumer *c, const SourceStore *store, int64_t now)
{
    const Image *images[_DEPLOY_FILE_MAX] = { NULL };
    FormerVerdict verdict;
    Former former;

    for (size_t i = 0; i < c->n_files; i++)
        images[c->files[i].kind] = &c->files[i].former;
    verdict = former_judge(images, store, c->claim->name, now, &former);
    c->previous = former.chain;
    return verdict;
}
