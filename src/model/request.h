/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "core/bundle.h"
#include "core/record.h"

/* A task for a certificate, carried out as soon as it is not busy. */
typedef enum RequestKind {
    REQUEST_REGISTER,
    REQUEST_UNREGISTER,
    REQUEST_SETTLE, /* answered when the certificate is settled */
    REQUEST_REISSUE,
    REQUEST_RENEW,
    REQUEST_ORDER,   /* from an ACME authority */
    REQUEST_REVOKED, /* a chain of SOURCE_ACME: do not serve it any more */
    REQUEST_REPLACE, /* the root, by a bundle */
    REQUEST_REMOVE,
    REQUEST_WITHDRAWN, /* an upload: never let its leaf be served again */
} RequestKind;

/* The outcome of a request. */
typedef enum RequestResult {
    RESULT_DONE,
    RESULT_FALLBACK, /* a lesser chain took the place of the requested one; the problem says why */
    RESULT_FAILED,   /* nothing was changed */
} RequestResult;

/* For REQUEST_REISSUE. */
typedef struct RequestOptions {
    bool keep_current; /* keep a usable ACME chain if no new one can be obtained */
    bool hurry;        /* its order goes first */
} RequestOptions;

typedef struct Certificate Certificate;
/* Called when the change is durable. problem->code is PROBLEM_NONE for RESULT_DONE. c is freed after a removal. */
typedef void (*RequestDone)(Certificate *c, RequestResult result, const Problem *problem, void *userdata);

typedef struct Request {
    STAILQ_ENTRY(Request) entry;
    RequestKind kind;
    RequestOptions options;
    bool falls_back;           /* its order failed: it ends with RESULT_FALLBACK */
    Registration registration; /* for REQUEST_REGISTER; the module only for REQUEST_UNREGISTER */
    Bundle *bundle;            /* for REQUEST_REPLACE */
    Chain *chain;              /* for REQUEST_REVOKED and REQUEST_WITHDRAWN */
    RequestDone done;          /* may be NULL */
    void *userdata;
} Request;

STAILQ_HEAD(RequestQueue, Request);

Request *request_free(Request *q);
DEFINE_CLEANUP(Request *, request_free);

/* Calls done() and frees the request. */
void request_answer(Certificate *c, Request *q, RequestResult result, const Problem *problem);
/* The same for all requests of a queue, with RESULT_DONE if there is no problem. */
void requests_answer(Certificate *c, struct RequestQueue *requests, const Problem *problem);
/* Moves requests of these kinds, given as a mask of 1 << kind. */
void requests_take(struct RequestQueue *requests, unsigned kinds, struct RequestQueue *taken);
bool requests_have(const struct RequestQueue *requests, RequestKind kind);
/* Frees the request with this done and userdata without an answer; false: there is none. */
bool requests_withdraw(struct RequestQueue *requests, RequestDone done, const void *userdata);
