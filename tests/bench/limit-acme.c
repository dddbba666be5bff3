/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limit-acme N PARALLEL DIRECTORY CAFILE PORT PREFIX: how fast an authority issues at most, as a measure for
 * the service. Answers http-01 at 127.0.0.1:PORT and leaves nothing on disk.
 *
 * An account is made first and not measured. Then, as in a program that has just been started and knows its
 * account: one connection (HTTP/2), the directory, as many nonces as there are orders at a time, and for each
 * certificate the seven requests that no client can do without (RFC 8555): order, authorization, challenge,
 * order, finalize, order, certificate. Each key (ECDSA P-256) is made when its order is finalized.
 *
 * An order is asked for as soon as the authority has fetched what proves the name; no client can know earlier.
 */
#define _GNU_SOURCE 1

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>
#include <json-c/json.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#define PARALLEL_MAX 64
#define NONCES_MAX   256
#define COUNT_MAX    100000L
#define SHORT_MS     1.0  /* after the proof was fetched, or between two questions */
#define LONG_MS      50.0 /* when nobody fetches the proof */
#define CHALLENGE    "/.well-known/acme-challenge/"

typedef enum Step {
    STEP_DIRECTORY,
    STEP_ACCOUNT,
    STEP_ORDER,
    STEP_AUTHORIZATION,
    STEP_CHALLENGE,
    STEP_READY,
    STEP_FINALIZE,
    STEP_VALID,
    STEP_CERTIFICATE,
    STEP_DONE,
} Step;

typedef struct Client {
    CURLM *multi;
    const char *authority_file;
    const char *prefix;
    EVP_PKEY *key;
    char *jwk;
    char *thumbprint;
    char *account;
    char *new_nonce, *new_account, *new_order;
    char *nonces[NONCES_MAX];
    size_t n_nonces;
    struct curl_slist *headers;
    int listener;
    long n, started, issued, requests, connections;
} Client;

/* One order at a time, and the one request that it has under way. */
typedef struct Order {
    Client *client;
    CURL *curl;
    Step step;
    bool wants_nonce; /* the request under way is for a nonce */
    double due;       /* when to send the next request; 0: one is under way */
    char *name, *url, *authorization, *challenge, *token, *finalize, *certificate;
    char *request;
    char *body;
    size_t size;
} Order;

__attribute__((noreturn, format(printf, 1, 2))) static void fatal(const char *format, ...)
{
    va_list args;

    fputs("limit-acme: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

static void check(bool ok, const char *what)
{
    if (!ok)
        fatal("%s failed.", what);
}

__attribute__((format(printf, 1, 2))) static char *format_text(const char *format, ...)
{
    char *text;
    va_list args;

    va_start(args, format);
    check(vasprintf(&text, format, args) >= 0, "vasprintf");
    va_end(args);
    return text;
}

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = value ? strdup(value) : NULL;
}

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static double cpu_ms(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* Base64 without padding, for URLs (RFC 7515 section 2). */
static char *encode(const void *data, size_t size)
{
    char *text = (char *)malloc(4 * ((size + 2) / 3) + 1);
    int n;

    check(text != NULL, "malloc");
    n = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)data, (int)size);
    while (n > 0 && text[n - 1] == '=')
        n--;
    text[n] = '\0';
    for (char *p = text; *p; p++)
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
    return text;
}

static char *encode_number(EVP_PKEY *key, const char *parameter)
{
    unsigned char bytes[32];
    BIGNUM *number = NULL;

    check(EVP_PKEY_get_bn_param(key, parameter, &number) == 1 &&
              BN_bn2binpad(number, bytes, sizeof(bytes)) == sizeof(bytes),
          "Reading the account's key");
    BN_free(number);
    return encode(bytes, sizeof(bytes));
}

static void client_make_key(Client *c)
{
    unsigned char digest[32];
    char *x, *y;

    c->key = EVP_EC_gen("P-256");
    check(c->key != NULL, "EVP_EC_gen");
    x = encode_number(c->key, "qx");
    y = encode_number(c->key, "qy");
    c->jwk = format_text("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
    check(EVP_Digest(c->jwk, strlen(c->jwk), digest, NULL, EVP_sha256(), NULL) == 1, "EVP_Digest");
    c->thumbprint = encode(digest, sizeof(digest));
    free(x);
    free(y);
}

/* What JWS wants is not DER but the two numbers (RFC 7518 section 3.4). */
static char *client_sign(Client *c, const char *text)
{
    unsigned char der[128], raw[64];
    const unsigned char *p = der;
    size_t size = sizeof(der);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    ECDSA_SIG *numbers;

    check(digest && EVP_DigestSignInit(digest, NULL, EVP_sha256(), NULL, c->key) == 1 &&
              EVP_DigestSign(digest, der, &size, (const unsigned char *)text, strlen(text)) == 1,
          "EVP_DigestSign");
    numbers = d2i_ECDSA_SIG(NULL, &p, (long)size);
    check(numbers && BN_bn2binpad(ECDSA_SIG_get0_r(numbers), raw, 32) == 32 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(numbers), raw + 32, 32) == 32,
          "d2i_ECDSA_SIG");
    ECDSA_SIG_free(numbers);
    EVP_MD_CTX_free(digest);
    return encode(raw, sizeof(raw));
}

/* payload NULL: POST-as-GET */
static char *client_make_request(Client *c, const char *url, const char *payload)
{
    char *nonce = c->nonces[--c->n_nonces], *header, *protected, *encoded, *signing, *signature, *request;

    header = format_text("{\"alg\":\"ES256\",\"%s\":%s%s%s,\"nonce\":\"%s\",\"url\":\"%s\"}",
                         c->account ? "kid" : "jwk", c->account ? "\"" : "",
                         c->account ? c->account : c->jwk, c->account ? "\"" : "", nonce, url);
    protected = encode(header, strlen(header));
    encoded = payload ? encode(payload, strlen(payload)) : strdup("");
    signing = format_text("%s.%s", protected, encoded);
    signature = client_sign(c, signing);
    request = format_text("{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}", protected,
                          encoded, signature);
    free(nonce);
    free(header);
    free(protected);
    free(encoded);
    free(signing);
    free(signature);
    return request;
}

static char *make_finalize(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *request = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    char *names = format_text("DNS:%s", name), *encoded, *payload;
    unsigned char *der = NULL;
    int size;

    check(key && request && extensions && X509_REQ_set_pubkey(request, key) &&
              sk_X509_EXTENSION_push(extensions,
                                     X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names)) &&
              X509_REQ_add_extensions(request, extensions) && X509_REQ_sign(request, key, EVP_sha256()),
          "Making a request");
    size = i2d_X509_REQ(request, &der);
    check(size > 0, "i2d_X509_REQ");
    encoded = encode(der, (size_t)size);
    payload = format_text("{\"csr\":\"%s\"}", encoded);
    free(encoded);
    OPENSSL_free(der);
    free(names);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    return payload;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
    Order *o = (Order *)userdata;
    char *body = (char *)realloc(o->body, o->size + size * n + 1);

    check(body != NULL, "realloc");
    memcpy(body + o->size, data, size * n);
    o->body = body;
    o->size += size * n;
    o->body[o->size] = '\0';
    return size * n;
}

static void order_send_nonce(Order *o)
{
    o->wants_nonce = true;
    curl_easy_setopt(o->curl, CURLOPT_URL, o->client->new_nonce);
    curl_easy_setopt(o->curl, CURLOPT_NOBODY, 1L);
}

static void order_send_signed(Order *o, const char *url, const char *payload)
{
    free(o->request);
    o->request = client_make_request(o->client, url, payload);
    curl_easy_setopt(o->curl, CURLOPT_URL, url);
    curl_easy_setopt(o->curl, CURLOPT_HTTPHEADER, o->client->headers);
    curl_easy_setopt(o->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(o->request));
    curl_easy_setopt(o->curl, CURLOPT_POSTFIELDS, o->request);
}

static void order_sign(Order *o)
{
    Client *c = o->client;
    char *payload = NULL;

    switch (o->step) {
    case STEP_ACCOUNT:
        order_send_signed(o, c->new_account, "{\"termsOfServiceAgreed\":true}");
        break;
    case STEP_ORDER:
        payload = format_text("{\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"}]}", o->name);
        order_send_signed(o, c->new_order, payload);
        break;
    case STEP_AUTHORIZATION:
        order_send_signed(o, o->authorization, NULL);
        break;
    case STEP_CHALLENGE:
        order_send_signed(o, o->challenge, "{}");
        break;
    case STEP_FINALIZE:
        payload = make_finalize(o->name);
        order_send_signed(o, o->finalize, payload);
        break;
    case STEP_CERTIFICATE:
        order_send_signed(o, o->certificate, NULL);
        break;
    default:
        order_send_signed(o, o->url, NULL);
    }
    free(payload);
}

static void order_send(Order *o, const char *directory)
{
    Client *c = o->client;

    o->due = 0;
    o->size = 0;
    o->wants_nonce = false;
    curl_easy_reset(o->curl);
    curl_easy_setopt(o->curl, CURLOPT_PRIVATE, o);
    curl_easy_setopt(o->curl, CURLOPT_CAINFO, c->authority_file);
    curl_easy_setopt(o->curl, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(o->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(o->curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(o->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(o->curl, CURLOPT_WRITEDATA, o);
    if (o->step == STEP_DIRECTORY)
        curl_easy_setopt(o->curl, CURLOPT_URL, directory);
    else if (c->n_nonces == 0)
        order_send_nonce(o);
    else
        order_sign(o);
    c->requests++;
    check(curl_multi_add_handle(c->multi, o->curl) == CURLM_OK, "curl_multi_add_handle");
}

static const char *order_get_header(Order *o, const char *name)
{
    struct curl_header *header;

    return curl_easy_header(o->curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

static const char *get_string(json_object *object, const char *member)
{
    json_object *value;

    return json_object_object_get_ex(object, member, &value) ? json_object_get_string(value) : NULL;
}

static void order_read_order(Order *o, json_object *reply)
{
    json_object *authorizations;

    set_text(&o->url, order_get_header(o, "Location"));
    set_text(&o->finalize, get_string(reply, "finalize"));
    check(json_object_object_get_ex(reply, "authorizations", &authorizations) &&
              json_object_array_length(authorizations) == 1,
          "Reading an order");
    set_text(&o->authorization, json_object_get_string(json_object_array_get_idx(authorizations, 0)));
}

static void order_read_authorization(Order *o, json_object *reply)
{
    json_object *challenges, *challenge;

    check(json_object_object_get_ex(reply, "challenges", &challenges), "Reading an authorization");
    set_text(&o->challenge, NULL);
    for (size_t i = 0; i < json_object_array_length(challenges); i++) {
        challenge = json_object_array_get_idx(challenges, i);
        if (strcmp(get_string(challenge, "type"), "http-01") == 0) {
            set_text(&o->challenge, get_string(challenge, "url"));
            set_text(&o->token, get_string(challenge, "token"));
        }
    }
    check(o->challenge && o->token, "Finding the challenge http-01");
}

/* The next step, and when its request is sent. */
static void order_go(Order *o, Step step, double wait_ms)
{
    o->step = step;
    o->due = now_ms() + wait_ms;
}

static void order_read_status(Order *o, json_object *reply)
{
    const char *status = get_string(reply, "status");

    if (!status || strcmp(status, "invalid") == 0)
        fatal("The order for %s failed: %s", o->name, o->body);
    if (o->step == STEP_READY && strcmp(status, "ready") == 0)
        order_go(o, STEP_FINALIZE, 0);
    else if (o->step == STEP_VALID && strcmp(status, "valid") == 0) {
        set_text(&o->certificate, get_string(reply, "certificate"));
        order_go(o, STEP_CERTIFICATE, 0);
    } else
        order_go(o, o->step, SHORT_MS);
}

static void order_begin(Order *o)
{
    Client *c = o->client;

    if (c->started == c->n) {
        o->step = STEP_DONE;
        return;
    }
    free(o->name);
    o->name = format_text("%s-%05ld.example.com", c->prefix, c->started++);
    order_go(o, STEP_ORDER, 0);
}

static void client_read_directory(Client *c, json_object *reply)
{
    set_text(&c->new_nonce, get_string(reply, "newNonce"));
    set_text(&c->new_account, get_string(reply, "newAccount"));
    set_text(&c->new_order, get_string(reply, "newOrder"));
    check(c->new_nonce && c->new_account && c->new_order, "Reading the directory");
}

static void order_read_reply(Order *o, json_object *reply)
{
    switch (o->step) {
    case STEP_DIRECTORY:
        client_read_directory(o->client, reply);
        o->step = STEP_DONE;
        break;
    case STEP_ACCOUNT:
        set_text(&o->client->account, order_get_header(o, "Location"));
        o->step = STEP_DONE;
        break;
    case STEP_ORDER:
        order_read_order(o, reply);
        order_go(o, STEP_AUTHORIZATION, 0);
        break;
    case STEP_AUTHORIZATION:
        order_read_authorization(o, reply);
        order_go(o, STEP_CHALLENGE, 0);
        break;
    case STEP_CHALLENGE:
        /* the proof may have been fetched before this reply came */
        order_go(o, STEP_READY, o->token ? LONG_MS : SHORT_MS);
        break;
    case STEP_FINALIZE:
        order_go(o, STEP_VALID, SHORT_MS);
        break;
    default:
        order_read_status(o, reply);
    }
}

static void order_finish(Order *o, CURLcode result)
{
    Client *c = o->client;
    long status = 0, connections = 0;
    const char *nonce;
    json_object *reply;

    curl_easy_getinfo(o->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(o->curl, CURLINFO_NUM_CONNECTS, &connections);
    c->connections += connections;
    curl_multi_remove_handle(c->multi, o->curl);
    if (result != CURLE_OK || status / 100 != 2)
        fatal("Step %d of the order for %s failed: %s, HTTP status %ld: %s", (int)o->step,
              o->name ? o->name : "nothing", curl_easy_strerror(result), status, o->size > 0 ? o->body : "");
    nonce = order_get_header(o, "Replay-Nonce");
    if (nonce && c->n_nonces < NONCES_MAX)
        c->nonces[c->n_nonces++] = strdup(nonce);
    if (o->wants_nonce) {
        order_go(o, o->step, 0);
    } else if (o->step == STEP_CERTIFICATE) {
        check(o->size > 0 && strstr(o->body, "-----BEGIN CERTIFICATE-----"), "Reading a certificate");
        c->issued++;
        order_begin(o);
    } else {
        reply = json_tokener_parse(o->size > 0 ? o->body : "");
        check(reply != NULL, "Reading a reply");
        order_read_reply(o, reply);
        json_object_put(reply);
    }
}

/* The answer follows from the question; the order whose token it is may go on. */
static void client_prove(Client *c, Order *orders, size_t n)
{
    char request[2048], reply[512], token[160];
    ssize_t size;
    int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC), length;

    if (fd < 0)
        return;
    size = recv(fd, request, sizeof(request) - 1, 0);
    request[size > 0 ? size : 0] = '\0';
    if (sscanf(request, "GET " CHALLENGE "%159[A-Za-z0-9_-] ", token) == 1) {
        length = snprintf(reply, sizeof(reply),
                          "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s.%s",
                          strlen(token) + 1 + strlen(c->thumbprint), token, c->thumbprint);
        check(send(fd, reply, (size_t)length, MSG_NOSIGNAL) == length, "Answering a challenge");
        for (size_t i = 0; i < n; i++)
            if (orders[i].token && strcmp(orders[i].token, token) == 0) {
                set_text(&orders[i].token, NULL);
                if (orders[i].step == STEP_READY && orders[i].due > 0)
                    orders[i].due = now_ms() + SHORT_MS;
            }
    }
    close(fd);
}

static void client_listen(Client *c, int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int yes = 1;

    c->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->listener < 0 || setsockopt(c->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
        bind(c->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(c->listener, PARALLEL_MAX) < 0)
        fatal("Cannot listen at 127.0.0.1:%d: %s.", port, strerror(errno));
}

/* Sends what is due; returns how long until the next, or less than 0 when all is done. */
static double orders_send(Order *orders, size_t n, const char *directory)
{
    double wait = -1, now = now_ms(), left;

    for (size_t i = 0; i < n; i++) {
        if (orders[i].step == STEP_DONE)
            continue;
        if (orders[i].due > 0 && orders[i].due <= now)
            order_send(&orders[i], directory);
        left = orders[i].due > 0 ? orders[i].due - now : 1000;
        wait = wait < 0 || left < wait ? left : wait;
    }
    return wait;
}

static void client_run(Client *c, Order *orders, size_t n, const char *directory)
{
    struct curl_waitfd extra = { .fd = c->listener, .events = CURL_WAIT_POLLIN };
    int running, left;
    double wait;
    CURLMsg *message;
    Order *o;

    while ((wait = orders_send(orders, n, directory)) >= 0) {
        check(curl_multi_perform(c->multi, &running) == CURLM_OK, "curl_multi_perform");
        while ((message = curl_multi_info_read(c->multi, &left))) {
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&o);
            order_finish(o, message->data.result);
            wait = 0;
        }
        extra.revents = 0;
        check(curl_multi_poll(c->multi, &extra, 1, wait > 0 ? (int)wait + 1 : 0, NULL) == CURLM_OK,
              "curl_multi_poll");
        if (extra.revents)
            client_prove(c, orders, n);
    }
}

static void client_open(Client *c)
{
    c->multi = curl_multi_init();
    check(c->multi && curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX) == CURLM_OK,
          "curl_multi_init");
}

static void client_close(Client *c)
{
    curl_multi_cleanup(c->multi);
    while (c->n_nonces > 0)
        free(c->nonces[--c->n_nonces]);
}

static void client_do(Client *c, Order *o, Step step, const char *directory)
{
    order_go(o, step, 0);
    client_run(c, o, 1, directory);
}

static long parse_number(const char *text, long max)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end || n < 1 || n > max)
        fatal("\"%s\" is not a number between 1 and %ld.", text, max);
    return n;
}

static void client_print(const Client *c, double ms, double cpu)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("certificates=%ld\nwall_s=%.3f\ncpu_s=%.3f\nrss_kib=%ld\nrequests=%ld\nconnections=%ld\n",
           c->issued, ms / 1e3, cpu / 1e3, usage.ru_maxrss, c->requests, c->connections);
}

int main(int argc, char *argv[])
{
    Order orders[PARALLEL_MAX] = { 0 };
    Client client = { 0 };
    size_t parallel;
    double start, cpu;

    if (argc != 7)
        fatal("Usage: limit-acme N PARALLEL DIRECTORY CAFILE PORT PREFIX");
    client.n = parse_number(argv[1], COUNT_MAX);
    parallel = (size_t)parse_number(argv[2], PARALLEL_MAX);
    client.authority_file = argv[4];
    client.prefix = argv[6];
    client.headers = curl_slist_append(NULL, "Content-Type: application/jose+json");
    client_listen(&client, (int)parse_number(argv[5], UINT16_MAX));
    client_make_key(&client);
    for (size_t i = 0; i < parallel; i++) {
        orders[i].client = &client;
        orders[i].curl = curl_easy_init();
        check(orders[i].curl != NULL, "curl_easy_init");
    }
    client_open(&client);
    client_do(&client, &orders[0], STEP_DIRECTORY, argv[3]);
    client_do(&client, &orders[0], STEP_ACCOUNT, argv[3]);
    client_close(&client);

    client.requests = client.connections = 0;
    start = now_ms();
    cpu = cpu_ms();
    client_open(&client);
    client_do(&client, &orders[0], STEP_DIRECTORY, argv[3]);
    for (size_t i = 0; i < parallel; i++)
        order_begin(&orders[i]);
    client_run(&client, orders, parallel, argv[3]);
    client_print(&client, now_ms() - start, cpu_ms() - cpu);
    client_close(&client);
    return client.issued == client.n ? EXIT_SUCCESS : EXIT_FAILURE;
}
