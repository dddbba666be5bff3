/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>
#include <sys/queue.h>

#include "net/address.h"
#include "net/http.h"

/* The header fields of the final reply, each as "Name: value" with a NUL. Drops interim replies (1xx, RFC
 * 9110 section 15.2) and trailers (RFC 9112 section 7.1.2). */
typedef struct HttpHeaders {
    char *text;
    size_t size, allocated;
    size_t last;  /* start of the last field */
    bool interim; /* the status line began with 1 */
    bool closed;  /* the header of the final reply is complete */
    bool ignored; /* the last line was ignored, and so are its continuations */
} HttpHeaders;

/* Adds a line including its line break. Ignores everything but fields of printable ASCII. */
int headers_add(HttpHeaders *h, const char *line, size_t size);
void headers_clear(HttpHeaders *h);

/* An accepted request, until its owner has been notified. */
typedef struct Transfer {
    TAILQ_ENTRY(Transfer) entry;
    Http *http; /* once started */
    struct Pool *pool;
    HttpDone done;
    void *userdata;
    CURL *easy;
    struct curl_slist *fields, *address; /* of the request; address to connect to */
    sd_event_source *deadline;
    char *host; /* with its port, for messages */
    unsigned time_max;
    bool public_only;
    unsigned status;
    uint8_t *body;
    size_t size, allocated, body_max;
    HttpHeaders headers;
    size_t header_size;              /* of everything received */
    char refused[ADDRESS_TEXT_SIZE]; /* the last refused address */
    char error[CURL_ERROR_SIZE];     /* error message of libcurl */
    Problem problem;
} Transfer;

/* Sets all options of libcurl, without starting the transfer. */
int transfer_new(const HttpRequest *request, Transfer **ret, Problem *problem);
Transfer *transfer_free(Transfer *t);
DEFINE_CLEANUP(Transfer *, transfer_free);
/* Sets the problem from libcurl's result, unless it succeeded or has a problem already. */
void transfer_describe(Transfer *t, CURLcode result);
void transfer_describe_deadline(Transfer *t);
void transfer_describe_cancelled(Transfer *t);
