/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

#include <netinet/in.h>
#include <openssl/ssl.h>

#include "net/http.h"

/* A server in this process, and what asks it. */

#define BODY_MAX 1000
#define TIME_MAX 60
#define PARALLEL 200

#define TEXT(s) s, sizeof(s) - 1
/* "hello" as gzip writes it */
#define GZIP "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0"

/* Each connection has a thread. What it answers stands in http-fixture.c, by path. */
typedef struct Server {
    int fd;
    uint16_t port;
    SSL_CTX *tls;
    char protocols[64]; /* that were offered (RFC 7301) */
    bool deaf;          /* accepts and never answers */
    GThread *thread;
    GPtrArray *peers;
    int n_lost; /* replies to /lost that are never sent; the connection is closed instead */
    int n_connections, n_requests, n_open, n_open_max;
} Server;

void server_start_at(Server *s, in_addr_t address);
void server_start(Server *s);
void server_stop(Server *s);
#define _cleanup_server_ _cleanup_(server_stop)
char *url_of(const Server *s, const char *path);

typedef struct Client {
    sd_event *event;
    Http *http;
} Client;

void client_init(Client *c);
void client_done(Client *c);
#define _cleanup_client_ _cleanup_(client_done)

/* What became of a request. */
typedef struct Answer {
    unsigned n_done, status;
    bool repeated;
    GString *body;
    const char *field; /* of the head, whose values are wanted */
    GString *values;   /* each in brackets */
    char *redirect;
    Problem problem;
    Client *client;
    const char *next; /* is asked for then */
    bool free;        /* the Http is freed then */
    int next_result;
    struct Answer *next_answer;
} Answer;

void answer_done(Answer *a);
#define _cleanup_answer_ _cleanup_(answer_done)

void client_start(Client *c, const HttpRequest *request, Answer *answer);
void client_start_path(Client *c, const Server *s, const char *path, Answer *answer);
void client_ask(Client *c, const HttpRequest *request, Answer *answer);
void client_ask_path(Client *c, const Server *s, const char *path, Answer *answer);

/* HttpDone, with an Answer. */
void on_done(const HttpReply *reply, const Problem *problem, void *userdata);
/* For loop_until(). */
bool is_answered(void *userdata);
bool is_idle(void *userdata);

void assert_problem(const Answer *a, ProblemCode code, const char *part);
void assert_reply(const Answer *a, unsigned status, const char *body, size_t size);
/* A reply that takes its time keeps no other from the same server. */
void check_slow_neighbour(Server *s, const char *authorities);
