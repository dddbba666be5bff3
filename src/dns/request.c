/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/request.h"

#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/server-address.h"
#include "util/text.h"

#define LETTERS     "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS      "0123456789"
#define VALUE_SIZE  43 /* SHA-256 as base64url */
#define HOOK_SIZE   64
#define ACTION      "action"
#define RESULT      "result"
#define RESULT_DONE "done"

static const char *const actions[] = { "add", "remove" };

/* The keys of a message and their members, in the order in which they are written. */
static const struct {
    const char *key;
    size_t offset;
} fields[] = {
    { "fqdn", offsetof(DnsRequest, fqdn) },
    { "value", offsetof(DnsRequest, value) },
    { "zone", offsetof(DnsRequest, zone) },
    { "server", offsetof(DnsRequest, address) },
    { "key-name", offsetof(DnsRequest, key.name) },
    { "key-algorithm", offsetof(DnsRequest, key.algorithm) },
    { "key-secret", offsetof(DnsRequest, key.secret) },
    { "hook", offsetof(DnsRequest, hook) },
};

static char **field_of(const DnsRequest *q, size_t i)
{
    return (char **)((uintptr_t)q + fields[i].offset);
}

void dns_request_clear(DnsRequest *q)
{
    erase_and_free(TAKE_PTR(q->key.secret));
    for (size_t i = 0; i < ELEMENTSOF(fields); i++)
        free(*field_of(q, i));
    *q = (DnsRequest){};
}

/* ---- validation */

bool dns_name_is_canonical(const char *s)
{
    if (strlen(s) > LIMIT_NAME)
        return false;
    for (;; s++) {
        size_t n = strspn(s, LETTERS DIGITS "-_");

        if (n == 0 || n > LIMIT_LABEL || s[0] == '-' || s[n - 1] == '-')
            return false;
        s += n;
        if (!*s)
            return true;
        if (*s != '.')
            return false;
    }
}

bool dns_algorithm_is_known(const char *s)
{
    static const char *const algorithms[] = { "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384",
                                              "hmac-sha512" };

    return TABLE_FROM_STRING(algorithms, s) >= 0;
}

bool dns_secret_is_base64(const char *s)
{
    size_t n = strspn(s, LETTERS CAPITALS DIGITS "+/"), padding = strspn(s + n, "=");

    return n > 0 && padding <= 2 && !s[n + padding] && (n + padding) % 4 == 0 &&
           n + padding <= LIMIT_TSIG_FILE;
}

bool dns_hook_is_name(const char *s)
{
    size_t n = strlen(s);

    return n > 0 && n <= HOOK_SIZE && strspn(s, LETTERS CAPITALS DIGITS) > 0 &&
           strspn(s, LETTERS CAPITALS DIGITS "._-") == n;
}

static bool is_value(const char *s)
{
    return strlen(s) == VALUE_SIZE && strspn(s, LETTERS CAPITALS DIGITS "-_") == VALUE_SIZE;
}

bool dns_name_is_in_zone(const char *name, const char *zone)
{
    size_t n = strlen(name), length = strlen(zone);

    return n >= length && streq(name + n - length, zone) && (n == length || name[n - length - 1] == '.');
}

/* Returns NULL if everything is fine. */
static const char *update_check(const DnsRequest *q)
{
    if (!q->zone || !dns_name_is_canonical(q->zone))
        return "the zone is not a domain name";
    if (!dns_name_is_in_zone(q->fqdn, q->zone))
        return "the name of the record is not in the zone";
    if (!q->address || !server_address_is_valid(q->address) || q->port == 0)
        return "the server is not an address with a port";
    if (!q->key.name && !q->key.algorithm && !q->key.secret)
        return NULL;
    if (!q->key.name || !dns_name_is_canonical(q->key.name))
        return "the name of the key is not a domain name";
    if (!q->key.algorithm || !dns_algorithm_is_known(q->key.algorithm))
        return "the algorithm of the key is none of hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512";
    if (!q->key.secret || !dns_secret_is_base64(q->key.secret))
        return "the secret of the key is not base64";
    return NULL;
}

static const char *request_check(const DnsRequest *q)
{
    if (!q->fqdn || !dns_name_is_canonical(q->fqdn))
        return "the name of the record is not a domain name";
    if (!q->value || !is_value(q->value))
        return "the value of the record must be 43 letters of base64url";
    if (!q->hook)
        return update_check(q);
    if (!dns_hook_is_name(q->hook))
        return "the hook's name must be letters, digits, \".\", \"_\" and \"-\", a letter or digit first, "
               "64 at most";
    if (q->zone || q->address || q->port > 0 || q->key.name || q->key.algorithm || q->key.secret)
        return "a hook takes no server and no key";
    return NULL;
}

/* ---- lines */

/* Splits the next line of *at; returns false for an invalid line, and for the empty one at the end of a
 * message. */
static bool next_line(char **at, char **ret_key, char **ret_value)
{
    char *line = *at, *end = strchr(line, '\n'), *blank;

    if (!end || end == line)
        return false;
    *end = 0;
    blank = strchr(line, ' ');
    if (!blank || blank == line || !blank[1] || !text_is_plain(blank + 1))
        return false;
    *blank = 0;
    *at = end + 1;
    *ret_key = line;
    *ret_value = blank + 1;
    return true;
}

static bool is_end(const char *at)
{
    return streq(at, "\n");
}

/* Copies as text, so that lines can be split; NULL with errno. */
static char *message_copy(const char *data, size_t size, size_t max)
{
    char *text;

    if (size > max || memchr(data, 0, size)) {
        errno = EBADMSG;
        return NULL;
    }
    text = strndup(data, size);
    if (!text)
        errno = ENOMEM;
    return text;
}

/* ---- requests */

int dns_request_encode(const DnsRequest *q, char **ret, Problem *problem)
{
    _cleanup_erase_ char *text = NULL;
    const char *wrong = request_check(q);
    size_t size = 64, at;

    if (wrong)
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT, "Invalid change of the DNS: %s.", wrong);
    for (size_t i = 0; i < ELEMENTSOF(fields); i++)
        size += strlen(fields[i].key) + strlen(strempty(*field_of(q, i))) + 2;
    text = malloc(size);
    if (!text)
        return -ENOMEM;
    at = (size_t)sprintf(text, ACTION " %s\n", actions[q->remove]);
    for (size_t i = 0; i < ELEMENTSOF(fields); i++)
        if (*field_of(q, i))
            at += (size_t)sprintf(text + at, "%s %s\n", fields[i].key, *field_of(q, i));
    if (q->port > 0)
        at += (size_t)sprintf(text + at, "port %u\n", (unsigned)q->port);
    strcpy(text + at, "\n");
    *ret = TAKE_PTR(text);
    return 0;
}

static int take_port(DnsRequest *q, const char *value)
{
    uint64_t port;

    if (q->port > 0 || parse_uint64(value, &port) < 0 || port < 1 || port > UINT16_MAX || value[0] == '0')
        return -EBADMSG;
    q->port = (uint16_t)port;
    return 0;
}

static int take_field(DnsRequest *q, const char *key, const char *value)
{
    if (streq(key, "port"))
        return take_port(q, value);
    for (size_t i = 0; i < ELEMENTSOF(fields); i++)
        if (streq(fields[i].key, key)) {
            char **field = field_of(q, i);

            if (*field)
                return -EBADMSG;
            *field = strdup(value);
            return *field ? 0 : -ENOMEM;
        }
    return -EBADMSG;
}

static int request_read(char *at, DnsRequest *q)
{
    char *key, *value;
    int r;

    if (!next_line(&at, &key, &value) || !streq(key, ACTION))
        return -EBADMSG;
    r = TABLE_FROM_STRING(actions, value);
    if (r < 0)
        return -EBADMSG;
    q->remove = r > 0;
    while (!is_end(at)) {
        if (!next_line(&at, &key, &value))
            return -EBADMSG;
        r = take_field(q, key, value);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Split into lines, the text ends at the first of them for _cleanup_erase_: all of it is erased here. */
int dns_request_decode(const char *data, size_t size, DnsRequest *ret, Problem *problem)
{
    _cleanup_dns_request_ DnsRequest q = {};
    _cleanup_free_ char *text = message_copy(data, size, LIMIT_DNS_REQUEST);
    const char *wrong;
    int r = -errno;

    if (text) {
        r = request_read(text, &q);
        explicit_bzero(text, size);
    }
    if (r == -EBADMSG) {
        (void)problem_set(
            problem, PROBLEM_INVALID_ARGUMENT,
            "The request is not in the format of certwrightd; are both programs of the same version?");
        return r;
    }
    if (r < 0)
        return r;
    wrong = request_check(&q);
    if (wrong) {
        (void)problem_set(problem, PROBLEM_INVALID_ARGUMENT, "The request is refused: %s.", wrong);
        return -EBADMSG;
    }
    *ret = q;
    q = (DnsRequest){};
    return 0;
}

/* ---- replies */

char *dns_reply_encode(const Problem *outcome)
{
    char *text = NULL;
    int n;

    if (outcome->code == PROBLEM_NONE)
        n = asprintf(&text, RESULT " " RESULT_DONE "\n\n");
    else
        n = asprintf(&text, RESULT " %s\ntext %s\n\n", problem_code_to_string(outcome->code),
                     isempty(outcome->text) ? "Out of memory." : outcome->text);
    return n < 0 ? NULL : text;
}

static int reply_read(char *at, Problem *outcome)
{
    char *key, *value;
    ProblemCode code;

    if (!next_line(&at, &key, &value) || !streq(key, RESULT))
        return -EBADMSG;
    if (streq(value, RESULT_DONE))
        return is_end(at) ? 0 : -EBADMSG;
    code = problem_code_from_string(value);
    if (code == PROBLEM_NONE || !streq(problem_code_to_string(code), value))
        return -EBADMSG;
    if (!next_line(&at, &key, &value) || !streq(key, "text") || strlen(value) > LIMIT_PROBLEM_TEXT ||
        !is_end(at))
        return -EBADMSG;
    (void)problem_set(outcome, code, "%s", value);
    return 0;
}

int dns_reply_decode(const char *data, size_t size, Problem *ret_outcome)
{
    _cleanup_free_ char *text = message_copy(data, size, LIMIT_DNS_REPLY);

    return text ? reply_read(text, ret_outcome) : -errno;
}
