/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "core/bundle.h"
#include "core/record.h"

/* What to do with a certificate as soon as nothing else is being done with it. */
typedef enum RequestKind {
    REQUEST_REGISTER,
    REQUEST_UNREGISTER,
    REQUEST_SETTLE, /* bring it to where it should be; done when it is there */
    REQUEST_REISSUE,
    REQUEST_RENEW,
    REQUEST_ORDER,   /* from an ACME authority */
    REQUEST_REVOKED, /* the chain of SOURCE_ACME is not to be served any more */
    REQUEST_REPLACE, /* the root by a bundle */
    REQUEST_REMOVE,
} RequestKind;

/* How a request ended. */
typedef enum RequestResult {
    RESULT_DONE,
    RESULT_FALLBACK, /* what was asked for could not be had, a lesser chain took its place; the problem says why */
    RESULT_FAILED, /* and nothing was changed for its sake */
} RequestResult;

/* Of REQUEST_REISSUE. */
typedef struct RequestOptions {
    bool keep_current; /* a usable chain from ACME is kept when no new one can be had */
    bool hurry;        /* its order goes before others */
} RequestOptions;

typedef struct Certificate Certificate;
/* The change is durable. problem->code is PROBLEM_NONE for RESULT_DONE. c is gone after a removal. */
typedef void (*RequestDone)(Certificate *c, RequestResult result, const Problem *problem, void *userdata);

typedef struct Request {
    STAILQ_ENTRY(Request) entry;
    RequestKind kind;
    RequestOptions options;
    bool falls_back;           /* its order failed: what is made instead is RESULT_FALLBACK */
    Registration registration; /* of REQUEST_REGISTER; its module alone of REQUEST_UNREGISTER */
    Bundle *bundle;            /* of REQUEST_REPLACE */
    RequestDone done;          /* may be NULL */
    void *userdata;
} Request;

STAILQ_HEAD(RequestQueue, Request);

Request *request_free(Request *q);
DEFINE_CLEANUP(Request *, request_free);

/* Answers and frees it. */
void request_answer(Certificate *c, Request *q, RequestResult result, const Problem *problem);
/* The same for all of a queue, with RESULT_DONE when there is no problem. */
void requests_answer(Certificate *c, struct RequestQueue *requests, const Problem *problem);
/* Moves those of these kinds, of which there is a bit each. */
void requests_take(struct RequestQueue *requests, unsigned kinds, struct RequestQueue *taken);
bool requests_have(const struct RequestQueue *requests, RequestKind kind);
/* Frees the one that was made with these, without an answer; false: there is none. */
bool requests_withdraw(struct RequestQueue *requests, RequestDone done, const void *userdata);
