/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <strings.h>

#include "core/limits.h"
#include "net/http-internal.h"
#include "util/text.h"
#include "util/time.h"

#define TRUST_AGE_MAX 3600L /* seconds, then the authorities are read again */
#define TOO_LARGE     100   /* CURLE_TOO_LARGE, which libcurl has since 8.6 */

/* ---- failures */

/* Messages for libcurl's results, and whether its own text adds to them. */
static const struct {
    CURLcode code;
    const char *what, *advice;
    bool detail;
} failures[] = {
    { CURLE_COULDNT_RESOLVE_HOST, "the name does not resolve",
      "check its spelling and the name servers of this machine", false },
    { CURLE_COULDNT_CONNECT, "the connection failed",
      "check that it is running and that no firewall blocks it", false },
    { CURLE_OPERATION_TIMEDOUT, "connecting timed out", "check that it can be reached, or try again later",
      false },
    { CURLE_PEER_FAILED_VERIFICATION, "its certificate is not trusted",
      "check the name, the clock and the trusted authorities of this machine", true },
    { CURLE_SSL_CACERT_BADFILE, "the trusted authorities cannot be read",
      "install the package ca-certificates, or correct the path", true },
    { CURLE_SSL_CONNECT_ERROR, "the TLS handshake failed", "check that the port uses TLS 1.2 or newer",
      true },
    { CURLE_GOT_NOTHING, "the connection was closed without a reply", "try again later", false },
    { CURLE_PARTIAL_FILE, "the reply was truncated", "try again later", false },
    { CURLE_SEND_ERROR, "the connection broke", "try again later", false },
    { CURLE_RECV_ERROR, "the connection broke", "try again later", false },
    { CURLE_BAD_CONTENT_ENCODING, "the reply is in a transfer coding that was not requested",
      "its administrator has to correct that", false },
    { CURLE_UNSUPPORTED_PROTOCOL, "the reply is not HTTP/1.1 or HTTP/2", "check the port", true },
    { CURLE_WEIRD_SERVER_REPLY, "the reply is not HTTP/1.1 or HTTP/2", "check the port", true },
    { CURLE_OK, "libcurl gave up", "see the details, and try again later", true },
};

/* Returns true if there was no route to the host at all. */
static bool was_unreachable(const Transfer *t, CURLcode result)
{
    const char *address = NULL;
    long error = 0;

    if (result == CURLE_COULDNT_CONNECT && curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &error) == CURLE_OK)
        return error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN || error == EADDRNOTAVAIL;
    if (result != CURLE_OPERATION_TIMEDOUT)
        return result == CURLE_COULDNT_RESOLVE_HOST;
    return curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &address) != CURLE_OK || isempty(address);
}

void transfer_describe_deadline(Transfer *t)
{
    t->problem.unreachable = was_unreachable(t, CURLE_OPERATION_TIMEDOUT);
    t->problem.silent = t->header_size == 0;
    problem_set(
        &t->problem, PROBLEM_NETWORK_FAILED,
        "%s did not send a complete reply within %u seconds; check that it can be reached, or try again "
        "later",
        t->host, t->time_max);
}

static void transfer_describe_failure(Transfer *t, CURLcode result)
{
    const char *detail = t->error;
    long error = 0;
    size_t i = 0;

    while (failures[i].code != result && failures[i].code != CURLE_OK)
        i++;
    if (!failures[i].detail)
        detail = "";
    else if (!*detail)
        detail = curl_easy_strerror(result);
    if (result == CURLE_COULDNT_CONNECT &&
        curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &error) == CURLE_OK && error)
        detail = strerror((int)error);
    t->problem.unreachable = was_unreachable(t, result);
    t->problem.silent = t->problem.unreachable || result == CURLE_OPERATION_TIMEDOUT;
    problem_set(&t->problem, PROBLEM_NETWORK_FAILED, "Failed to fetch from %s: %s%s%s%s; %s", t->host,
                failures[i].what, *detail ? " (" : "", detail, *detail ? ")" : "", failures[i].advice);
}

static void transfer_describe_refusal(Transfer *t, const char *address)
{
    problem_set(&t->problem, PROBLEM_NETWORK_FAILED,
                "%s was not contacted: its address %s belongs to this machine or its link; use a host whose "
                "address can be reached from elsewhere",
                t->host, address);
}

static void transfer_describe_body(Transfer *t)
{
    problem_set(&t->problem, PROBLEM_LIMITS_EXCEEDED,
                "The reply of %s is larger than %zu bytes, which is the limit; check that the URL is right",
                t->host, t->body_max);
}

static void transfer_describe_headers(Transfer *t)
{
    problem_set(
        &t->problem, PROBLEM_LIMITS_EXCEEDED,
        "The headers of the reply of %s are larger than %d bytes, which is the limit; check that the URL "
        "is right",
        t->host, LIMIT_HTTP_HEADERS);
}

/* A callback of the request may have set a better one. */
void transfer_describe(Transfer *t, CURLcode result)
{
    switch ((int)result) {
    case CURLE_OK:
        break;
    case CURLE_FILESIZE_EXCEEDED:
        transfer_describe_body(t);
        break;
    case CURLE_OUT_OF_MEMORY: /* returned by libcurl 7.88 for an unterminated header line */
    case TOO_LARGE:
        transfer_describe_headers(t);
        break;
    case CURLE_COULDNT_CONNECT:
        if (*t->refused)
            transfer_describe_refusal(t, t->refused);
        /* fall through */
    default:
        transfer_describe_failure(t, result);
    }
}

void transfer_describe_cancelled(Transfer *t)
{
    problem_clear(&t->problem);
    problem_set(&t->problem, PROBLEM_CANCELLED,
                "The request to %s was cancelled; send it again if it is still needed", t->host);
}

/* ---- limits for servers */

static size_t on_body(char *data, size_t size, size_t n, void *userdata)
{
    Transfer *t = userdata;
    uint8_t *body;

    n *= size;
    if (n > t->body_max - t->size) {
        transfer_describe_body(t);
        return CURL_WRITEFUNC_ERROR;
    }
    if (n > t->allocated - t->size) {
        size_t wanted = MIN(MAX(t->size + n, t->allocated * 2), t->body_max);

        body = realloc(t->body, wanted);
        if (!body) {
            (void)problem_set_errno(&t->problem, -ENOMEM, "Reading a reply");
            return CURL_WRITEFUNC_ERROR;
        }
        t->body = body;
        t->allocated = wanted;
    }
    if (n > 0)
        memcpy(t->body + t->size, data, n);
    t->size += n;
    return n;
}

/* libcurl decompresses a transfer coding even though none was requested (RFC 9112 section 6.1). */
static bool header_is_coding(const char *line, size_t size)
{
    static const char name[] = "transfer-encoding:", chunked[] = "chunked";
    size_t begin = strlen(name), end = size;

    if (size < begin || strncasecmp(line, name, begin) != 0)
        return false;
    while (begin < end && strchr(" \t", line[begin]))
        begin++;
    while (end > begin && strchr(" \t\r\n", line[end - 1]))
        end--;
    return end - begin != strlen(chunked) || strncasecmp(line + begin, chunked, end - begin) != 0;
}

/* libcurl 8.14 accepts HTTP/3 as well. */
static bool header_is_foreign(const char *line, size_t size)
{
    return size > 5 && strncmp(line, "HTTP/", 5) == 0 && line[5] != '1' && line[5] != '2';
}

static size_t on_header(char *line, size_t size, size_t n, void *userdata)
{
    Transfer *t = userdata;

    n *= size;
    if (n > LIMIT_HTTP_HEADERS - t->header_size) {
        transfer_describe_headers(t);
        return CURL_WRITEFUNC_ERROR;
    }
    if (header_is_foreign(line, n)) {
        transfer_describe_failure(t, CURLE_WEIRD_SERVER_REPLY);
        return CURL_WRITEFUNC_ERROR;
    }
    if (header_is_coding(line, n)) {
        problem_set(
            &t->problem, PROBLEM_NETWORK_FAILED,
            "%s sent its reply in a transfer coding that was not requested; its administrator has to "
            "correct that",
            t->host);
        return CURL_WRITEFUNC_ERROR;
    }
    t->header_size += n;
    return n;
}

/* Called with the address that is about to be used, so that a name that resolves to another address each time
 * (DNS rebinding) does not help. */
static curl_socket_t on_open(void *userdata, curlsocktype purpose _unused_, struct curl_sockaddr *address)
{
    Transfer *t = userdata;

    if (t->public_only && address_is_local(&address->addr, address->addrlen)) {
        address_to_text(&address->addr, address->addrlen, t->refused);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* A reused connection may have been opened by a request with fewer restrictions. */
static int on_connected(void *userdata, char *address, char *local_address _unused_, int port _unused_,
                        int local_port _unused_)
{
    Transfer *t = userdata;

    t->n_sent++;
    if (!t->public_only || !address_text_is_local(address))
        return CURL_PREREQFUNC_OK;
    transfer_describe_refusal(t, address);
    return CURL_PREREQFUNC_ABORT;
}

/* ---- making a request */

DEFINE_CLEANUP(CURLU *, curl_url_cleanup);
DEFINE_CLEANUP(char *, curl_free);

static int refuse_url(Problem *problem, const char *why)
{
    return problem_set(problem, PROBLEM_INVALID_ARGUMENT,
                       "The URL is refused: %s; it has to be https://HOST/PATH", why);
}

static bool url_has(CURLU *u, CURLUPart part)
{
    _cleanup_(curl_freep) char *value = NULL;

    return curl_url_get(u, part, &value, 0) == CURLUE_OK;
}

/* libcurl also accepts one or three slashes. */
static bool url_has_two_slashes(const char *url)
{
    const char *p = strchr(url, ':');

    return p && strncmp(p, "://", 3) == 0 && p[3] != '/';
}

static int url_read_host(CURLU *u, char **ret, Problem *problem)
{
    _cleanup_(curl_freep) char *host = NULL, *port = NULL;
    char *text;

    if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK || isempty(host) || !text_is_graphic(host) ||
        strlen(host) > LIMIT_NAME)
        return refuse_url(problem, "it has no valid host");
    (void)curl_url_get(u, CURLUPART_PORT, &port, 0);
    if (asprintf(&text, "%s%s%s", host, port ? ":" : "", strempty(port)) < 0)
        return -ENOMEM;
    *ret = text;
    return 0;
}

static int url_check_scheme(CURLU *u, const HttpRequest *request, Problem *problem)
{
    _cleanup_(curl_freep) char *scheme = NULL;

    if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        return refuse_url(problem, "it has no scheme");
    if (streq(scheme, "http") && !request->plain)
        return refuse_url(problem, "http:// is not protected");
    if (!streq(scheme, "http") && !streq(scheme, "https"))
        return refuse_url(problem, "its scheme is not supported");
    return 0;
}

static int url_check(const HttpRequest *request, char **ret_host, Problem *problem)
{
    _cleanup_(curl_url_cleanupp) CURLU *u = curl_url();
    CURLUcode code;
    int r;

    if (!u)
        return -ENOMEM;
    if (!text_is_graphic(request->url))
        return refuse_url(problem, "it has characters that a URL cannot have");
    code = curl_url_set(u, CURLUPART_URL, request->url, CURLU_NON_SUPPORT_SCHEME);
    if (code == CURLUE_OUT_OF_MEMORY)
        return -ENOMEM;
    if (code != CURLUE_OK)
        return refuse_url(problem, curl_url_strerror(code));
    if (url_has(u, CURLUPART_USER) || url_has(u, CURLUPART_PASSWORD))
        return refuse_url(problem, "it has a user name or a password");
    r = url_check_scheme(u, request, problem);
    if (r < 0)
        return r;
    if (!url_has_two_slashes(request->url))
        return refuse_url(problem, "it has no valid host");
    return url_read_host(u, ret_host, problem);
}

/* Appends the address to the host for messages. */
static int address_check(const char *address, char **host, Problem *problem)
{
    struct in6_addr binary;
    char *text;

    if (inet_pton(AF_INET, address, &binary) != 1 && inet_pton(AF_INET6, address, &binary) != 1)
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT, "\"%s\" is not an IPv4 or IPv6 address",
                           address);
    if (asprintf(&text, "%s (at %s)", *host, address) < 0)
        return -ENOMEM;
    free(*host);
    *host = text;
    return 0;
}

/* Options common to all requests. QUICK_EXIT: a request does not wait for the thread that still resolves its
 * name. */
static const struct {
    CURLoption option;
    long value;
} numbers[] = {
    { CURLOPT_NOSIGNAL, 1 },
    { CURLOPT_QUICK_EXIT, 1 },
    { CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS },
    { CURLOPT_HTTP09_ALLOWED, 0 },
    { CURLOPT_FOLLOWLOCATION, 0 },
    { CURLOPT_TCP_NODELAY, 1 },
    { CURLOPT_HTTP_CONTENT_DECODING, 0 },
    { CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
    { CURLOPT_NETRC, CURL_NETRC_IGNORED },
    { CURLOPT_SSL_VERIFYPEER, 1 },
    { CURLOPT_SSL_VERIFYHOST, 2 },
    { CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
    { CURLOPT_CA_CACHE_TIMEOUT, TRUST_AGE_MAX },
};

static const struct {
    CURLoption option;
    const char *value;
} words[] = {
    { CURLOPT_PROXY, "" },
    { CURLOPT_NOPROXY, "*" },
    { CURLOPT_USERAGENT, "Certwright/" CERTWRIGHT_VERSION },
};

static CURLcode set_constants(CURL *easy)
{
    CURLcode c = CURLE_OK;

    for (size_t i = 0; i < ELEMENTSOF(numbers) && c == CURLE_OK; i++)
        c = curl_easy_setopt(easy, numbers[i].option, numbers[i].value);
    for (size_t i = 0; i < ELEMENTSOF(words) && c == CURLE_OK; i++)
        c = curl_easy_setopt(easy, words[i].option, words[i].value);
    return c;
}

/* libcurl caches the contents of a file, but not if there is a directory as well. */
static CURLcode set_trust(CURL *easy, const char *authorities)
{
    const char *file = authorities ? authorities : curl_version_info(CURLVERSION_NOW)->cainfo;
    CURLcode c = CURLE_OK;

    if (!file)
        return CURLE_OK;
    c = curl_easy_setopt(easy, CURLOPT_CAINFO, file);
    return c == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) : c;
}

static CURLcode set_callbacks(CURL *easy, Transfer *t)
{
    CURLcode c = curl_easy_setopt(easy, CURLOPT_PRIVATE, t);

    c = c ? c : curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
    c = c ? c : curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    c = c ? c : curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    c = c ? c : curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    c = c ? c : curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    c = c ? c : curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    c = c ? c : curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
    c = c ? c : curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    return c ? c : curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
}

static CURLcode append(struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);

    if (!longer)
        return CURLE_OUT_OF_MEMORY;
    *list = longer;
    return CURLE_OK;
}

static CURLcode append_field(Transfer *t, const char *name, const char *value)
{
    _cleanup_free_ char *field = NULL;

    if (asprintf(&field, "%s: %s", name, value) < 0) {
        field = NULL;
        return CURLE_OUT_OF_MEMORY;
    }
    return append(&t->fields, field);
}

/* libcurl adds its own header fields unless they are set, or disabled by an empty value: the body is sent at
 * once, without asking first (Expect). */
static CURLcode set_fields(Transfer *t, const HttpRequest *request)
{
    CURLcode c = append(&t->fields, "Expect:");

    if (request->accept)
        c = c ? c : append_field(t, "Accept", request->accept);
    if (request->method == HTTP_POST)
        c = c                       ? c
            : request->content_type ? append_field(t, "Content-Type", request->content_type)
                                    : append(&t->fields, "Content-Type:");
    return c ? c : curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->fields);
}

static CURLcode set_method(CURL *easy, const HttpRequest *request)
{
    CURLcode c;

    switch (request->method) {
    case HTTP_HEAD:
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    case HTTP_POST:
        c = curl_easy_setopt(easy, CURLOPT_POST, 1L);
        c = c ? c : curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->size);
        return c ? c
                 : curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->size > 0 ? request->body : "");
    case HTTP_GET:
    default:
        return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
}

/* Redirects all hosts and ports to this address, with their own port. */
static CURLcode set_address(Transfer *t, const char *address)
{
    char text[sizeof("::[]:") + ADDRESS_TEXT_SIZE];
    CURLcode c;

    if (!address)
        return CURLE_OK;
    (void)snprintf(text, sizeof(text), strchr(address, ':') ? "::[%s]:" : "::%s:", address);
    c = append(&t->address, text);
    return c ? c : curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->address);
}

/* Instead of opening a second connection, wait for the TLS handshake of the first one, which shows whether it
 * can be shared (RFC 9113). Without TLS, libcurl would wait for the end of the first request; libcurl 8 also
 * does for HTTP/1.1. */
static bool can_wait(const HttpRequest *request)
{
    return strncasecmp(request->url, "https:", 6) == 0 &&
           curl_version_info(CURLVERSION_NOW)->version_num < 0x080000;
}

static CURLcode set_request(CURL *easy, const HttpRequest *request)
{
    curl_off_t body_max = (curl_off_t)MIN(request->body_max, (size_t)INT64_MAX);
    const char *protocols = request->plain ? "http,https" : "https";
    long connect_msec = (long)(request->time_max * MSEC_PER_SEC / 3);
    CURLcode c = curl_easy_setopt(easy, CURLOPT_URL, request->url);

    c = c ? c : curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols);
    c = c ? c : curl_easy_setopt(easy, CURLOPT_PIPEWAIT, can_wait(request) ? 1L : 0L);
    if (request->method != HTTP_HEAD)
        c = c ? c : curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, body_max);
    return c ? c : curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_msec);
}

static int transfer_open(Transfer *t, const HttpRequest *request)
{
    CURLcode c;

    t->easy = curl_easy_init();
    if (!t->easy)
        return -ENOMEM;
    c = set_constants(t->easy);
    c = c ? c : set_trust(t->easy, request->authorities);
    c = c ? c : set_callbacks(t->easy, t);
    c = c ? c : set_request(t->easy, request);
    c = c ? c : set_method(t->easy, request);
    c = c ? c : set_fields(t, request);
    c = c ? c : set_address(t, request->address);
    return c == CURLE_OK ? 0 : c == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EOPNOTSUPP;
}

Transfer *transfer_free(Transfer *t)
{
    if (t->easy)
        curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->fields);
    curl_slist_free_all(t->address);
    sd_event_source_disable_unref(t->deadline);
    problem_clear(&t->problem);
    free(t->host);
    free(t->body);
    free(t);
    return NULL;
}

int transfer_new(const HttpRequest *request, Transfer **ret, Problem *problem)
{
    _cleanup_(transfer_freep) Transfer *t = calloc(1, sizeof(Transfer));
    int r;

    if (!t)
        return -ENOMEM;
    *t = (Transfer){
        .time_max = request->time_max,
        .public_only = request->public_only,
        .body_max = request->body_max,
    };
    if (!text_is_graphic(strempty(request->accept)) || !text_is_graphic(strempty(request->content_type)))
        return -EINVAL;
    r = url_check(request, &t->host, problem);
    if (r >= 0 && request->address)
        r = address_check(request->address, &t->host, problem);
    if (r < 0)
        return r;
    r = transfer_open(t, request);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(t);
    return 0;
}
