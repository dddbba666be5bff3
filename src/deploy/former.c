/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/former.h"

#include <errno.h>

#include "deploy/source.h"

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

int former_examine(const Image *const images[static _DEPLOY_FILE_MAX], int64_t now, Presented *ret,
                   int64_t *ret_end, Problem *problem)
{
    _cleanup_source_text_ SourceText chain = { 0 };
    Examination e = { 0 };
    int r = find_chain(images, &chain);

    *ret = (Presented){ 0 };
    *ret_end = 0;
    if (r < 0)
        return r == -ENODATA ? 0 : problem_set_errno(problem, r, "examining the former chain");
    r = examine(&(ExamineInput){ .chain = chain.data, .chain_size = chain.size, .now = now }, &e, problem);
    if (r < 0)
        return r;
    if (e.verdict >= _EXAMINED_MAX || e.verdict == EXAMINED_NOT_PEM || e.n < 1 || e.n > DEPLOY_CHAIN_MAX)
        return 0;
    ret->n = e.n;
    memcpy(ret->digests, e.digests, e.n * sizeof(e.digests[0]));
    *ret_end = e.not_after;
    return 0;
}

int former_is_pair(const Image *const images[static _DEPLOY_FILE_MAX], int64_t now, bool *ret,
                   Problem *problem)
{
    _cleanup_source_text_ SourceText chain = { 0 };
    const Image *key = images[DEPLOY_KEY];
    Examination e = { 0 };
    int r = find_chain(images, &chain);

    *ret = true;
    if (r == -ENODATA || !is_file(key))
        return 0;
    if (r < 0)
        return problem_set_errno(problem, r, "examining a chain and its key");
    r = examine(&(ExamineInput){ .chain = chain.data,
                                 .chain_size = chain.size,
                                 .key = key->data,
                                 .key_size = key->size,
                                 .now = now },
                &e, problem);
    *ret = r < 0 || e.verdict != EXAMINED_MISMATCH;
    return r;
}
