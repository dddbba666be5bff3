/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/examine.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "core/name.h"
#include "crypto/container.h"
#include "crypto/inspect.h"
#include "crypto/pem-reader.h"
#include "deploy/confined.h"
#include "util/memfd.h"
#include "util/text.h"

#define OPTION       "--examine"
#define BATCH_MAX    64 /* inputs of a child */
#define CHILDREN_MAX 8  /* at the same time */
#define ROUND_MAX    (BATCH_MAX * CHILDREN_MAX)

static const char *const explanations[_EXAMINED_MAX] = {
    [EXAMINED_USABLE] = "The chain and its key can be used.",
    [EXAMINED_NOT_PEM] = "The chain is damaged: it is not PEM of up to 16 certificates and nothing else.",
    [EXAMINED_NOT_A_KEY] = "The key is damaged: it is not PEM of one private key and nothing else.",
    [EXAMINED_MISMATCH] = "The key does not belong to the certificate.",
    [EXAMINED_NAMES] = "The certificate does not cover all of the names.",
    [EXAMINED_NOT_YET] = "The certificate is not valid yet.",
    [EXAMINED_EXPIRED] = "The certificate has expired.",
};

const char *examined_verdict_explain(ExaminedVerdict v)
{
    return (size_t)v < ELEMENTSOF(explanations) ? explanations[v] : "The chain was not examined.";
}

/* Precedes the texts of each input: chain, key, and names, each with a NUL. */
typedef struct Header {
    uint64_t chain_size, key_size, names_size; /* with all NULs; key_size 0: none */
    int64_t now;
} Header;

typedef struct Results {
    Examination results[BATCH_MAX];
} Results;

/* ---- parent */

static Header header_of(const ExamineInput *in)
{
    Header h = { .chain_size = in->chain_size + 1,
                 .key_size = in->key ? in->key_size + 1 : 0,
                 .now = in->now };

    for (size_t i = 0; in->names && in->names[i]; i++)
        h.names_size += strlen(in->names[i]) + 1;
    return h;
}

static size_t size_of(const ExamineInput *in)
{
    Header h = header_of(in);

    return sizeof(h) + h.chain_size + h.key_size + h.names_size;
}

static char *put_text(char *at, const void *text, size_t size)
{
    at = mempcpy(at, text, size);
    *at++ = 0;
    return at;
}

static char *put_input(char *at, const ExamineInput *in)
{
    Header h = header_of(in);

    at = mempcpy(at, &h, sizeof(h));
    at = put_text(at, in->chain, in->chain_size);
    if (in->key)
        at = put_text(at, in->key, in->key_size);
    for (size_t i = 0; in->names && in->names[i]; i++)
        at = put_text(at, in->names[i], strlen(in->names[i]));
    return at;
}

/* The child gets a sealed copy, which nobody can change meanwhile. */
static int inputs_to_memfd(const ExamineInput *inputs, size_t n)
{
    char *data, *at;
    size_t size = 0;
    int fd;

    for (size_t i = 0; i < n; i++)
        size += size_of(inputs + i);
    at = data = malloc(size);
    if (!data)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        at = put_input(at, inputs + i);
    fd = memfd_new("examine", data, size);
    explicit_bzero(data, size);
    free(data);
    return fd;
}

/* Rejects results that no examination can have. */
static bool is_plausible(const Examination *e, const ExamineInput *in)
{
    if (e->verdict >= _EXAMINED_MAX)
        return false;
    if (e->verdict == EXAMINED_NOT_PEM)
        return true;
    if (e->n < 1 || e->n > DEPLOY_CHAIN_MAX || e->ends[e->n - 1] > in->chain_size || e->ends[0] == 0)
        return false;
    for (size_t i = 1; i < e->n; i++)
        if (e->ends[i] <= e->ends[i - 1])
            return false;
    return e->verdict != EXAMINED_USABLE || (e->not_before <= in->now && in->now <= e->not_after);
}

typedef struct Batch {
    const ExamineInput *inputs;
    size_t n;
    Confined child;
} Batch;

static int start_batch(Batch *b, Problem *problem)
{
    static const char *const arguments[] = { "certwright-deploy", OPTION, NULL };
    _cleanup_close_ int fd = inputs_to_memfd(b->inputs, b->n);

    if (fd < 0)
        return problem_set_errno(problem, fd, "passing a chain to the program that examines it");
    return confined_begin(arguments, fd, &b->child, problem);
}

static int finish_batch(Batch *b, int64_t timeout, Examination *ret, Problem *problem)
{
    Results results;
    int r = confined_end(&b->child, timeout, "the chain", &results, sizeof(results), problem);

    if (r < 0)
        return r;
    for (size_t i = 0; i < b->n; i++)
        if (!is_plausible(results.results + i, b->inputs + i))
            return problem_set(problem, PROBLEM_INTERNAL,
                               "The program that examines the chain returned an impossible result.");
    memcpy(ret, results.results, b->n * sizeof(Examination));
    return 0;
}

/* At most ROUND_MAX. If one of them fails, the others are ended. */
static int examine_round(const ExamineInput *inputs, size_t n, Examination *ret, Problem *problem)
{
    Batch batches[CHILDREN_MAX];
    size_t started = 0;
    int r = 0;

    for (size_t at = 0; r >= 0 && at < n; at += BATCH_MAX) {
        batches[started] = (Batch){ .inputs = inputs + at, .n = MIN((size_t)BATCH_MAX, n - at) };
        r = start_batch(batches + started, problem);
        started += r >= 0;
    }
    for (size_t i = 0; i < started; i++) {
        _cleanup_problem_ Problem another = { 0 };
        int k = finish_batch(batches + i, r < 0 ? 0 : LIMIT_EXAMINE_TIME * 1000, ret + i * BATCH_MAX,
                             r < 0 ? &another : problem);

        r = r < 0 ? r : k;
    }
    return r;
}

int examine_all(const ExamineInput *inputs, size_t n, Examination *ret, Problem *problem)
{
    int r = 0;

    for (size_t i = 0; i < n; i++)
        if (inputs[i].chain_size > LIMIT_STORED_FILE || inputs[i].key_size > LIMIT_STORED_FILE)
            return problem_set(problem, PROBLEM_LIMITS_EXCEEDED, "A chain or key has more than %d bytes.",
                               LIMIT_STORED_FILE);
    for (size_t done = 0; r >= 0 && done < n; done += ROUND_MAX)
        r = examine_round(inputs + done, MIN((size_t)ROUND_MAX, n - done), ret + done, problem);
    return r;
}

int examine(const ExamineInput *input, Examination *ret, Problem *problem)
{
    return examine_all(input, 1, ret, problem);
}

/* ---- child */

static int append_certificate(STACK_OF(X509) * l, const Blob *der, Examination *e)
{
    const uint8_t *at = der->data;
    X509 *x = d2i_X509(NULL, &at, (long)der->size);
    unsigned size;

    if (!x || at != der->data + der->size || X509_digest(x, EVP_sha256(), e->digests[e->n], &size) <= 0 ||
        sk_X509_push(l, x) <= 0) {
        X509_free(x);
        return -EBADMSG;
    }
    return 0;
}

static int read_chain(const char *text, STACK_OF(X509) * l, Examination *e)
{
    PemReader reader = { .at = text };

    for (;;) {
        _cleanup_blob_ Blob der = {};
        int r = pem_read_block(&reader, "CERTIFICATE", &der);

        if (r <= 0)
            return r < 0 || e->n == 0 ? -EBADMSG : 0;
        if (e->n == DEPLOY_CHAIN_MAX || append_certificate(l, &der, e) < 0)
            return -EBADMSG;
        e->ends[e->n++] = (uint64_t)(reader.at - text);
    }
}

static int read_key(const char *text, EVP_PKEY **ret)
{
    PemReader reader = { .at = text };
    _cleanup_blob_ Blob der = {}, more = {};

    if (pem_read_block(&reader, "PRIVATE KEY", &der) <= 0 ||
        pem_read_block(&reader, "PRIVATE KEY", &more) != 0)
        return -EBADMSG;
    return pkey_from_pem(text, ret);
}

/* names: one after the other, each with a NUL. */
static bool covers(const Chain *c, const char *names, size_t size)
{
    for (const char *name = names; name < names + size; name += strlen(name) + 1)
        if (!chain_covers(c, (char *const[]){ (char *)(uintptr_t)name, NULL }, NULL))
            return false;
    return true;
}

static ExaminedVerdict judge(const Header *h, const char *text, Examination *e)
{
    const char *key = text + h->chain_size, *names = key + h->key_size;
    _cleanup_x509_stack_ STACK_OF(X509) *l = sk_X509_new_null();
    _cleanup_chain_ Chain *chain = NULL;
    _cleanup_pkey_ EVP_PKEY *pkey = NULL;

    if (strlen(text) + 1 != h->chain_size || !l || read_chain(text, l, e) < 0 ||
        chain_from_x509(l, &chain) < 0)
        return EXAMINED_NOT_PEM;
    e->not_before = chain_leaf(chain)->not_before;
    e->not_after = chain_leaf(chain)->not_after;
    if (h->key_size > 0 && (strlen(key) + 1 != h->key_size || read_key(key, &pkey) < 0))
        return EXAMINED_NOT_A_KEY;
    if (pkey && !pkey_belongs_to(pkey, sk_X509_value(l, 0)))
        return EXAMINED_MISMATCH;
    if (!covers(chain, names, h->names_size))
        return EXAMINED_NAMES;
    if (h->now < e->not_before)
        return EXAMINED_NOT_YET;
    return h->now > e->not_after ? EXAMINED_EXPIRED : EXAMINED_USABLE;
}

static void judge_all(const char *at, const char *end, Results *ret)
{
    for (size_t i = 0; at < end && i < BATCH_MAX; i++) {
        Examination *e = ret->results + i;
        Header h;

        memcpy(&h, at, sizeof(h));
        at += sizeof(h);
        e->verdict = (uint32_t)judge(&h, at, e);
        at += h.chain_size + h.key_size + h.names_size;
    }
}

void examine_child(int argc _unused_, char *argv[] _unused_)
{
    static const SandboxLimits limits = { .cpu = LIMIT_EXAMINE_CPU,
                                          .output = sizeof(Results),
                                          .memory = LIMIT_EXAMINE_MEMORY };
    static Results results;
    size_t size = 0;
    char *data = NULL;
    struct stat st;

    container_init();
    tzset(); /* timegm(3) reads a file otherwise */
    if (fstat(STDIN_FILENO, &st) < 0 || memfd_read(STDIN_FILENO, (size_t)st.st_size, &data, &size) < 0 ||
        confined_enter(&limits, SANDBOX_COMPUTE) < 0)
        _exit(EXIT_FAILURE);
    judge_all(data, data + size, &results);
    confined_finish(&results, sizeof(results));
}
