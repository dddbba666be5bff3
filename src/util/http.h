/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/problem.h"

/* HTTP by libcurl's multi interface in an event loop (RFC 9110). What comes from the network is bounded in size and
 * time, never decompressed, never redirected, and no cookie, proxy or .netrc has a say. Connections are kept and shared
 * by the requests of one Http. The program has to ignore SIGPIPE. */
typedef struct Http Http;

typedef struct HttpRequest {
    const char *url;   /* http:// or https://, without user name and password; ASCII (RFC 3986) */
    size_t body_max;   /* bytes; more is an error */
    unsigned time_max; /* seconds for all of it, at least 1; a connection has to be made in a third of it */
    bool plain;        /* http:// is allowed as well */
    bool
        public_only; /* an address for which address_is_local() is refused, whatever name resolves to it: for
                              * URLs that come from outside */
    const char *authorities; /* PEM file of the authorities that are trusted; NULL: those of the system */
} HttpRequest;

typedef struct HttpReply {
    unsigned status; /* RFC 9110 section 15 */
    const void *body;
    size_t size;
} HttpReply;

/* reply is borrowed during the call. One of the two is NULL: problem when there is a reply, reply when there is a problem
 * (PROBLEM_NETWORK_FAILED, PROBLEM_LIMITS_EXCEEDED, PROBLEM_CANCELLED when the owner frees the Http). It may call
 * http_get and http_free. */
typedef void (*HttpDone)(const HttpReply *reply, const Problem *problem, void *userdata);

int http_new(sd_event *event, Http **ret);
/* Answers what is under way as cancelled, before it returns. */
Http *http_free(Http *h);
DEFINE_CLEANUP(Http *, http_free);
/* done is called exactly once, from the event loop or by http_free, unless a negative value is returned, with
 * PROBLEM_INVALID_ARGUMENT for an URL that is none or not allowed. Nothing of the request is needed afterwards. */
int http_get(Http *h, const HttpRequest *request, HttpDone done, void *userdata, Problem *problem);
/* How many are under way. */
size_t http_pending(const Http *h);
