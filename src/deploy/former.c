/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/former.h"

#include <errno.h>

#include "deploy/blocked.h"
#include "util/log.h"
#include "util/text.h"

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"
#define KEY   "PRIVATE KEY-----"

/* Only searches: what a file contains is decided by the child that examines it. */
static const char *find(const char *data, size_t size, const char *text)
{
    return data ? memmem(data, size, text, strlen(text)) : NULL;
}

bool former_has_key(const Image *image)
{
    return image->kind == IMAGE_FILE && find(image->data, image->size, KEY);
}

static bool is_file(const Image *image)
{
    return image && image->kind == IMAGE_FILE;
}

/* Cuts out what is between the first and the last certificate: a combined file has its key before or after. */
static const char *cut(const Image *image, size_t *ret_size)
{
    const char *data = image->data, *start = find(data, image->size, BEGIN), *end = NULL, *at = start;

    while (at) {
        at = find(at, image->size - (size_t)(at - data), END);
        if (at)
            end = at += strlen(END);
    }
    if (!start || !end)
        return NULL;
    *ret_size = (size_t)(end - start);
    return start;
}

static int append(SourceText *t, const Image *image)
{
    size_t size = 0;
    const char *start = is_file(image) ? cut(image, &size) : NULL;

    if (start) {
        memcpy(t->data + t->size, start, size);
        t->size += size;
        t->data[t->size++] = '\n';
    }
    return start ? 0 : -ENODATA;
}

/* The issuers may be in a file of their own. */
static int find_chain(const Image *const *images, SourceText *ret)
{
    static const DeployFile kinds[] = { DEPLOY_FULL_CHAIN, DEPLOY_COMBINED, DEPLOY_CERTIFICATE };
    const Image *image = NULL, *more = NULL;
    int r;

    for (size_t i = 0; !image && i < ELEMENTSOF(kinds); i++)
        if (is_file(images[kinds[i]])) {
            image = images[kinds[i]];
            more = kinds[i] == DEPLOY_CERTIFICATE ? images[DEPLOY_CHAIN] : NULL;
        }
    if (!image)
        return -ENODATA;
    ret->data = malloc(image->size + (more ? more->size : 0) + 2);
    if (!ret->data)
        return -ENOMEM;
    r = append(ret, image);
    if (r >= 0 && more)
        (void)append(ret, more);
    return r;
}

static void take(const Examination *e, bool has_key, Former *ret)
{
    if (e->verdict >= _EXAMINED_MAX || e->verdict == EXAMINED_NOT_PEM || e->n < 1 || e->n > DEPLOY_CHAIN_MAX)
        return;
    ret->chain.n = e->n;
    memcpy(ret->chain.digests, e->digests, e->n * sizeof(e->digests[0]));
    ret->not_after = e->not_after;
    ret->mismatched = has_key && e->verdict == EXAMINED_MISMATCH;
}

int former_examine(const Image *const images[static _DEPLOY_FILE_MAX], int64_t now, Former *ret,
                   Problem *problem)
{
    _cleanup_source_text_ SourceText chain = { 0 };
    const Image *key = is_file(images[DEPLOY_KEY]) ? images[DEPLOY_KEY] : NULL;
    ExamineInput input = { .now = now };
    Examination e = { 0 };
    int r = find_chain(images, &chain);

    *ret = (Former){ 0 };
    if (r < 0)
        return r == -ENODATA ? 0 : problem_set_errno(problem, r, "examining former files");
    input.chain = chain.data;
    input.chain_size = chain.size;
    if (key && key->size <= LIMIT_STORED_FILE) {
        input.key = key->data;
        input.key_size = key->size;
    }
    r = examine(&input, &e, problem);
    if (r >= 0)
        take(&e, input.key, ret);
    return r;
}

static FormerVerdict judge_leaf(const SourceStore *store, const char *name, const Presented *chain)
{
    static const FormerVerdict verdicts[_BLOCK_REASON_MAX] = {
        [BLOCK_REVOKED] = FORMER_REVOKED,
        [BLOCK_WITHDRAWN] = FORMER_WITHDRAWN,
    };
    _cleanup_source_text_ SourceText record = { 0 };
    _cleanup_problem_ Problem problem = { 0 };
    char fingerprint[2 * DIGEST_SIZE + 1];
    BlockReason reason;
    int r = source_read_record(store, name, &record, &problem);

    hex_encode(chain->digests[0], DIGEST_SIZE, false, fingerprint);
    if (r >= 0)
        r = blocked_find(record.data, record.size, fingerprint, &reason, &problem);
    if (r < 0)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, ABOUT(name),
                   "Failed to look for revoked chains of %s, ignoring: %s", name, strempty(problem.text));
    return r > 0 ? verdicts[reason] : FORMER_USABLE;
}

FormerVerdict former_judge(const Image *const images[static _DEPLOY_FILE_MAX], const SourceStore *store,
                           const char *name, int64_t now, Former *ret)
{
    _cleanup_problem_ Problem problem = { 0 };
    Former former;

    if (former_examine(images, now, &former, &problem) < 0)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, ABOUT(name),
                   "Failed to examine the former files of %s, ignoring: %s", name, strempty(problem.text));
    if (ret)
        *ret = former;
    if (former.chain.n == 0)
        return FORMER_USABLE;
    return former.not_after < now ? FORMER_EXPIRED : judge_leaf(store, name, &former.chain);
}

const char *former_verdict_explain(FormerVerdict v)
{
    static const char *const explanations[_FORMER_VERDICT_MAX] = {
        [FORMER_USABLE] = "can be used",
        [FORMER_EXPIRED] = "has expired",
        [FORMER_REVOKED] = "was revoked",
        [FORMER_WITHDRAWN] = "was withdrawn",
    };

    return explanations[v];
}
