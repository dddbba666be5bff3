/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/problem.h"

/* HTTP by libcurl's multi interface in an event loop (RFC 9110). What comes from the network is bounded in size and
 * time, never decompressed, never redirected, and no cookie, proxy or .netrc has a say. Connections are kept and shared
 * by the requests of one Http that trust the same authorities, whose file is read once an hour at most. The program has to
 * ignore SIGPIPE. */
typedef struct Http Http;

typedef enum HttpMethod {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
} HttpMethod;

typedef struct HttpRequest {
    HttpMethod method;
    const char *url;          /* http:// or https://, without user name and password; ASCII (RFC 3986) */
    const char *content_type; /* of the body of HTTP_POST */
    const void *body;         /* of HTTP_POST; copied */
    size_t size;
    const char *accept; /* NULL: anything */
    size_t body_max;    /* bytes of the reply; more is an error */
    unsigned time_max;  /* seconds for all of it, at least 1; a connection has to be made in a third of it */
    bool plain;         /* http:// is allowed as well */
    bool
        public_only; /* an address for which address_is_local() is refused, whatever name resolves to it: for
                              * URLs that come from outside */
    const char *authorities; /* PEM file of the authorities that are trusted; NULL: those of the system */
    const char
        *address; /* connect to this IPv4 or IPv6 address, whatever the URL's host resolves to; NULL */
} HttpRequest;

typedef struct HttpReply {
    unsigned status; /* RFC 9110 section 15 */
    const void *body;
    size_t size;
    void *easy; /* for http_reply_header() */
} HttpReply;

/* Value of the nth field (from 0 on) of this name, in any case; NULL when there are not so many. White space around is
 * taken off; of a name list (RFC 9110 section 5.3) each line is one value. One that is not printable ASCII does not count. */
const char *http_reply_header(const HttpReply *reply, const char *name, size_t n);
/* HTTP-date in its three forms (RFC 9110 section 5.6.7), and nothing else that libcurl would take: seconds since 1970-01-01 UTC.
 * now: for years of two digits. -EINVAL. */
int http_date_parse(const char *s, int64_t now, int64_t *ret);

/* reply is borrowed during the call. One of the two is NULL: problem when there is a reply, reply when there is a problem
 * (PROBLEM_NETWORK_FAILED, PROBLEM_LIMITS_EXCEEDED, PROBLEM_CANCELLED when the owner frees the Http). It may call
 * http_send and http_free. */
typedef void (*HttpDone)(const HttpReply *reply, const Problem *problem, void *userdata);

int http_new(sd_event *event, Http **ret);
/* Answers what is under way as cancelled, before it returns. */
Http *http_free(Http *h);
DEFINE_CLEANUP(Http *, http_free);
/* done is called exactly once, from the event loop or by http_free, unless a negative value is returned, with
 * PROBLEM_INVALID_ARGUMENT for an URL that is none or not allowed. Nothing of the request is needed afterwards. */
int http_send(Http *h, const HttpRequest *request, HttpDone done, void *userdata, Problem *problem);
/* How many are under way. */
size_t http_pending(const Http *h);
/* How many connections were opened so far. */
uint64_t http_connections(const Http *h);
