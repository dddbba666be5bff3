/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/request.h"

Request *request_free(Request *q)
{
    if (q) {
        registration_done(&q->registration);
        bundle_free(q->bundle);
        chain_unref(q->chain);
    }
    free(q);
    return NULL;
}

void request_answer(Certificate *c, Request *q, RequestResult result, const Problem *problem)
{
    if (q->done)
        q->done(c, result, problem, q->userdata);
    request_free(q);
}

void requests_answer(Certificate *c, struct RequestQueue *requests, const Problem *problem)
{
    RequestResult result = problem->code == PROBLEM_NONE ? RESULT_DONE : RESULT_FAILED;
    Request *q;

    while ((q = STAILQ_FIRST(requests))) {
        STAILQ_REMOVE_HEAD(requests, entry);
        request_answer(c, q, result, problem);
    }
}

void requests_take(struct RequestQueue *requests, unsigned kinds, struct RequestQueue *taken)
{
    struct RequestQueue stay = STAILQ_HEAD_INITIALIZER(stay);
    Request *q;

    while ((q = STAILQ_FIRST(requests))) {
        STAILQ_REMOVE_HEAD(requests, entry);
        if (kinds & 1U << q->kind)
            STAILQ_INSERT_TAIL(taken, q, entry);
        else
            STAILQ_INSERT_TAIL(&stay, q, entry);
    }
    STAILQ_CONCAT(requests, &stay);
}

bool requests_have(const struct RequestQueue *requests, RequestKind kind)
{
    Request *q;

    STAILQ_FOREACH (q, requests, entry)
        if (q->kind == kind)
            return true;
    return false;
}

bool requests_withdraw(struct RequestQueue *requests, RequestDone done, const void *userdata)
{
    Request *q;

    STAILQ_FOREACH (q, requests, entry)
        if (q->done == done && q->userdata == userdata) {
            STAILQ_REMOVE(requests, q, Request, entry);
            request_free(q);
            return true;
        }
    return false;
}
