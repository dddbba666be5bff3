/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curl/curl.h>
#include <sys/queue.h>

#include "net/address.h"
#include "net/http.h"

/* An accepted request, until done() is called. */
typedef struct Transfer {
    TAILQ_ENTRY(Transfer) entry;
    Http *http; /* once started */
    struct Pool *pool;
    HttpDone done;
    void *userdata;
    CURL *easy;                          /* holds the header fields of the reply */
    struct curl_slist *fields, *address; /* header fields of the request; address to connect to */
    sd_event_source *deadline;
    char *host; /* with its port, for messages */
    unsigned time_max;
    bool public_only;
    unsigned n_sent; /* how often libcurl has begun to send the request */
    unsigned status;
    uint8_t *body;
    size_t size, allocated, body_max;
    size_t header_size;              /* of all header lines so far */
    char refused[ADDRESS_TEXT_SIZE]; /* the last refused address */
    char error[CURL_ERROR_SIZE];     /* libcurl's message */
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
