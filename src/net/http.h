/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/problem.h"

/* HTTP (RFC 9110) with libcurl's multi interface in an event loop. Input from the network is limited in size
 * and time, never decompressed and never redirected; cookies, proxies and .netrc are not used. Connections
 * are kept and shared by the requests of an Http that trust the same authorities, whose file is read at most
 * once an hour. The process has to ignore SIGPIPE. */
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
    size_t body_max;    /* maximum size of the reply in bytes; more is an error */
    unsigned time_max;  /* total timeout in seconds, at least 1; connecting may take a third of it */
    bool plain;         /* http:// is permitted as well */
    /* refuse addresses for which address_is_local() is true, even if resolved from a name: for untrusted
     * URLs */
    bool public_only;
    const char *authorities; /* PEM file of trusted authorities; NULL: those of the system */
    /* connect to this IPv4 or IPv6 address instead of resolving the host; NULL */
    const char *address;
} HttpRequest;

typedef struct HttpReply {
    unsigned status; /* RFC 9110 section 15 */
    const void *body;
    size_t size;
    void *easy; /* for http_reply_header() */
    /* a kept connection broke before anything was received, and the request was sent again: it may have been carried out
     * twice */
    bool repeated;
} HttpReply;

/* Returns the value of the nth field (from 0 on) with this name, ignoring case, without surrounding white space;
 * NULL if there are fewer. Each field line is one value (RFC 9110 section 5.3). Values that are not printable
 * ASCII are skipped. */
const char *http_reply_header(const HttpReply *reply, const char *name, size_t n);
/* Returns the absolute URL that the reply redirects to (RFC 9110 section 15.4), which is not followed; NULL: none. */
const char *http_reply_redirect(const HttpReply *reply);
/* Parses an HTTP-date in one of its three formats (RFC 9110 section 5.6.7), as seconds since 1970-01-01 UTC.
 * now: for years with two digits. -EINVAL. */
int http_date_parse(const char *s, int64_t now, int64_t *ret);

/* Exactly one of reply and problem is set; both are borrowed during the call (PROBLEM_NETWORK_FAILED,
 * PROBLEM_LIMITS_EXCEEDED, PROBLEM_CANCELLED if the owner frees the Http). May call http_send() and
 * http_free(). */
typedef void (*HttpDone)(const HttpReply *reply, const Problem *problem, void *userdata);

int http_new(sd_event *event, Http **ret);
/* Completes pending requests as cancelled before it returns. */
Http *http_free(Http *h);
DEFINE_CLEANUP(Http *, http_free);
/* Calls done exactly once, from the event loop or from http_free(), unless it returns a negative errno, with
 * PROBLEM_INVALID_ARGUMENT for an invalid or forbidden URL. Keeps nothing of the request. */
int http_send(Http *h, const HttpRequest *request, HttpDone done, void *userdata, Problem *problem);
/* Returns the number of pending requests. */
size_t http_pending(const Http *h);
/* Returns the number of connections opened so far. */
uint64_t http_connections(const Http *h);
