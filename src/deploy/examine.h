/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/limits.h"
#include "core/problem.h"
#include "crypto/digest.h"

/* Chains and keys are bytes of another user. They are parsed by a child without rights, which gets open descriptors
 * and returns a result of fixed size. */

#define DEPLOY_CHAIN_MAX LIMIT_CHAIN /* certificates */

typedef enum ExaminedVerdict {
    EXAMINED_USABLE,
    EXAMINED_NOT_PEM,   /* the chain is not PEM of certificates and nothing else, or is too long */
    EXAMINED_NOT_A_KEY, /* the key is not PEM of one unencrypted private key and nothing else */
    EXAMINED_MISMATCH,  /* the key is not that of the leaf */
    EXAMINED_NAMES,     /* the leaf does not have all of the names */
    EXAMINED_NOT_YET,   /* the leaf is not valid yet */
    EXAMINED_EXPIRED,   /* the leaf is not valid any more */
    _EXAMINED_MAX,
} ExaminedVerdict;

typedef struct Examination {
    /* ExaminedVerdict; the members below are set unless it is EXAMINED_NOT_PEM */
    uint32_t verdict;
    uint32_t n;                                     /* certificates */
    int64_t not_before, not_after;                  /* of the leaf, seconds since 1970-01-01 UTC */
    uint8_t digests[DEPLOY_CHAIN_MAX][DIGEST_SIZE]; /* SHA-256 of the DER, the leaf first */
    uint64_t ends[DEPLOY_CHAIN_MAX];                /* where the PEM of each ends in the chain, in bytes */
} Examination;

typedef struct ExamineInput {
    const void *chain;
    size_t chain_size;
    const void *key; /* NULL: not examined */
    size_t key_size;
    char *const *names; /* canonical, that the leaf has to cover; NULL: any */
    int64_t now;        /* seconds since 1970-01-01 UTC */
} ExamineInput;

/* Fails only if the child could not be run or did not return a result; what it found is in the verdict. */
int examine(const ExamineInput *input, Examination *ret, Problem *problem);
/* The same for several, in as few children as possible. All have to be bytes of one user: a child that one of them
 * takes over decides on all. */
int examine_all(const ExamineInput *inputs, size_t n, Examination *ret, Problem *problem);
/* A sentence, static. */
const char *examined_verdict_explain(ExaminedVerdict v);
/* The child: argv[1] is "--examine". Never returns. */
_Noreturn void examine_child(int argc, char *argv[]);
