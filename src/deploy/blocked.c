/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/blocked.h"

#include <errno.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "deploy/confined.h"
#include "store/store.h"
#include "util/memfd.h"
#include "util/text.h"

#define OPTION "--blocked"

/* Precedes the text of the record. */
typedef struct Question {
    char fingerprint[65];
} Question;

typedef enum Answer {
    ANSWER_REVOKED = BLOCK_REVOKED,
    ANSWER_WITHDRAWN = BLOCK_WITHDRAWN,
    ANSWER_NOT_BLOCKED,
    ANSWER_DAMAGED,
    _ANSWER_MAX,
} Answer;

typedef struct Result {
    uint32_t answer;
} Result;

/* ---- parent */

static int make_input(const char *text, size_t size, const char *fingerprint)
{
    _cleanup_free_ char *data = malloc(sizeof(Question) + size);
    Question q = {};

    if (!data)
        return -ENOMEM;
    (void)memccpy(q.fingerprint, fingerprint, 0, sizeof(q.fingerprint) - 1);
    memcpy(mempcpy(data, &q, sizeof(q)), text, size);
    return memfd_new("record", data, sizeof(q) + size);
}

int blocked_find(const char *text, size_t size, const char *fingerprint, BlockReason *ret, Problem *problem)
{
    static const char *const arguments[] = { "certwright-deploy", OPTION, NULL };
    _cleanup_close_ int fd = make_input(text, size, fingerprint);
    Result result = {};
    int r;

    if (fd < 0)
        return problem_set_errno(problem, fd, "passing a record to the program that examines it");
    r = confined_run(arguments, fd, LIMIT_EXAMINE_TIME * 1000, "the record", &result, sizeof(result),
                     problem);
    if (r < 0)
        return r;
    if (result.answer >= ANSWER_DAMAGED)
        return problem_set(problem, PROBLEM_STORAGE_FAILED,
                           "The record.json of the certificate is damaged; certwrightd repairs it when it "
                           "starts.");
    if (result.answer == ANSWER_NOT_BLOCKED)
        return 0;
    *ret = (BlockReason)result.answer;
    return 1;
}

/* ---- child */

static Answer answer(const char *data, size_t size)
{
    _cleanup_blocklist_ Blocklist l = {};
    const BlockedLeaf *leaf;
    Question q;

    if (size < sizeof(q))
        return ANSWER_DAMAGED;
    memcpy(&q, data, sizeof(q));
    if (store_read_blocklist(data + sizeof(q), size - sizeof(q), &l) < 0)
        return ANSWER_DAMAGED;
    leaf = blocklist_find(&l, q.fingerprint);
    return leaf ? (Answer)leaf->reason : ANSWER_NOT_BLOCKED;
}

void blocked_child(int argc _unused_, char *argv[] _unused_)
{
    static const SandboxLimits limits = { .cpu = LIMIT_EXAMINE_CPU,
                                          .output = sizeof(Result),
                                          .memory = LIMIT_EXAMINE_MEMORY };
    Blocklist none = {};
    char *data = NULL;
    size_t size = 0;
    struct stat st;
    Result result;

    (void)store_read_blocklist("{\"format\":1}", strlen("{\"format\":1}"),
                               &none); /* seeds the hash tables of json-c */
    if (fstat(STDIN_FILENO, &st) < 0 || memfd_read(STDIN_FILENO, (size_t)st.st_size, &data, &size) < 0 ||
        confined_enter(&limits, SANDBOX_COMPUTE) < 0)
        _exit(EXIT_FAILURE);
    result = (Result){ .answer = (uint32_t)answer(data, size) };
    confined_finish(&result, sizeof(result));
}
