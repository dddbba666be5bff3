/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

struct Reader;

/* The request, or the part of an order, that an authority refuses: the noun and the advice depend on it. */
typedef enum AcmeSubject {
    ACME_ABOUT_ORDER,
    ACME_ABOUT_PROOF,
    ACME_ABOUT_ACCOUNT,
    ACME_ABOUT_KEY_CHANGE,
    ACME_ABOUT_DEACTIVATION,
    ACME_ABOUT_REVOCATION,
    ACME_ABOUT_RENEWAL_INFO,
    ACME_ABOUT_NONCE,
    ACME_ABOUT_DIRECTORY,
    _ACME_SUBJECT_MAX,
} AcmeSubject;

/* "the order" */
const char *acme_subject_to_string(AcmeSubject subject);

/* RFC 7807 and RFC 8555 section 6.7. Texts are plain (text_is_plain()), bounded by LIMIT_PROBLEM_TEXT. */
typedef struct AcmeProblem {
    char *type;        /* without the prefix urn:ietf:params:acme:error:; "" if there is none */
    char *detail;      /* or the title; "" if there is neither */
    char *instance;    /* URL for people, for example of terms to accept (RFC 8555 section 7.3.3); NULL */
    char *identifier;  /* of a subproblem: the name that it concerns; NULL */
    char **algorithms; /* of badSignatureAlgorithm */
    struct AcmeProblem *subproblems;
    size_t n_subproblems;
} AcmeProblem;

int acme_problem_parse(const char *whose, const void *data, size_t size, AcmeProblem **ret,
                       Problem *problem);
/* The same within another object. Returns -ENOMEM or 0. */
int acme_problem_read(const struct Reader *r, AcmeProblem **ret);
AcmeProblem *acme_problem_free(AcmeProblem *p);
DEFINE_CLEANUP(AcmeProblem *, acme_problem_free);
/* Describes the document for people: subject, type, detail, each subproblem with its name, and the instance URL. Sets
 * PROBLEM_AUTHORITY_REFUSED with p->type as the problem's type. */
int acme_problem_describe(const AcmeProblem *p, const char *whose, AcmeSubject subject, Problem *problem);
