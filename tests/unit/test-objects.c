/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "acme/objects.h"
#include "core/limits.h"
#include "util/text.h"

#define WHOSE "The authority pebble"
#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"
#define URL   "https://ca.test/"
#define CHALLENGE(token) \
    "{\"type\":\"http-01\",\"url\":\"" URL "c\",\"status\":\"pending\",\"token\":\"" token "\"}"
#define URN "urn:ietf:params:acme:error:"

/* Each kind, as one function that returns what it made. */
typedef enum Kind {
    PROBLEM,
    DIRECTORY,
    ACCOUNT,
    ORDER,
    AUTHORIZATION,
    CHALLENGE,
    ORDER_LIST,
    RENEWAL_INFO,
} Kind;

#define DEFINE_TRY(Type, noun) \
    static int try_##noun(const char *data, size_t size, Problem *problem) \
    { \
        _cleanup_(acme_##noun##_freep) Type *object = NULL; \
        int r = acme_##noun##_parse(WHOSE, data, size, &object, problem); \
\
        g_assert_true((r >= 0) == !!object); \
        return r; \
    }

DEFINE_TRY(AcmeProblem, problem)
DEFINE_TRY(AcmeDirectory, directory)
DEFINE_TRY(AcmeAccount, account)
DEFINE_TRY(AcmeOrder, order)
DEFINE_TRY(AcmeAuthorization, authorization)
DEFINE_TRY(AcmeChallenge, challenge)
DEFINE_TRY(AcmeOrderList, order_list)
DEFINE_TRY(AcmeRenewalInfo, renewal_info)

/* What is taken whenever a case changes nothing else. */
static const struct {
    int (*parse)(const char *data, size_t size, Problem *problem);
    const char *good;
} kinds[] = {
    [PROBLEM] = { try_problem, "{\"type\":\"" URN "malformed\",\"detail\":\"No.\"}" },
    [DIRECTORY] = { try_directory,
                    "{\"newNonce\":\"" URL "n\",\"newAccount\":\"" URL "a\",\"newOrder\":\"" URL
                    "o\",\"revokeCert\":\"" URL "r\",\"keyChange\":\"" URL "k\",\"meta\":{}}" },
    [ACCOUNT] = { try_account,
                  "{\"status\":\"valid\",\"contact\":[\"mailto:a@b.test\"],\"orders\":\"" URL "l\"}" },
    [ORDER] = { try_order,
                "{\"status\":\"pending\",\"expires\":\"2026-11-24T10:00:00Z\",\"identifiers\":[{\"type\":\"dns\","
                "\"value\":\"a.test\"}],\"authorizations\":[\"" URL "z\"],\"finalize\":\"" URL "f\"}" },
    [AUTHORIZATION] = { try_authorization,
                        "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},"
                        "\"challenges\":[" CHALLENGE(TOKEN) "]}" },
    [CHALLENGE] = { try_challenge, CHALLENGE(TOKEN) },
    [ORDER_LIST] = { try_order_list, "{\"orders\":[\"" URL "1\"]}" },
    [RENEWAL_INFO] = { try_renewal_info,
                       "{\"suggestedWindow\":{\"start\":\"2026-11-24T10:00:00Z\",\"end\":\"2026-11-25T10:00:00Z\"}}" },
};

static void assert_refused(Kind kind, const char *data, size_t size, const char *part)
{
    _cleanup_problem_ Problem problem = {};

    if (kinds[kind].parse(data, size, &problem) != -EBADMSG) {
        note_failure("%.*s is taken", (int)MIN(size, (size_t)200), data);
        return;
    }
    g_assert_cmpint(problem.code, ==, PROBLEM_AUTHORITY_FAILED);
    g_assert_true(g_str_has_prefix(problem.text, WHOSE " sent "));
    g_assert_true(text_is_plain(problem.text));
    if (!strstr(problem.text, part))
        note_failure("%.*s: \"%s\" does not say \"%s\"", (int)MIN(size, (size_t)200), data, problem.text,
                     part);
    g_assert_cmpint(kinds[kind].parse(data, size, NULL), ==, -EBADMSG);
}

static void assert_taken(Kind kind, const char *data, size_t size)
{
    _cleanup_problem_ Problem problem = {};

    if (kinds[kind].parse(data, size, &problem) < 0)
        note_failure("%.*s: %s", (int)MIN(size, (size_t)200), data, problem.text);
}

/* The text with one part in place of another, which has to be in it. */
static char *replace(const char *text, const char *part, const char *by)
{
    const char *at = strstr(text, part);

    if (!at)
        g_error("\"%s\" has no \"%s\"", text, part);
    return g_strdup_printf("%.*s%s%s", (int)(at - text), text, by, at + strlen(part));
}

/* ---- JSON */

#define TEXT(s) s, sizeof(s) - 1

static void test_json(void)
{
    static const struct {
        const char *text;
        size_t size;
        const char *part; /* NULL: it is taken */
    } cases[] = {
        { TEXT("{}"), NULL },
        { TEXT(" \t\r\n{ } \r\n\t "), NULL },
        { TEXT("{\"x\":{\"a\":1},\"y\":{\"a\":1}}"), NULL },
        { TEXT("{\"x\":\"a:b\\\":\\\\\",\"y\":[\":\",{\"z\":\"}\"}]}"), NULL },
        { TEXT("{\"x\":\"\\u00e9\\ud83d\\ude00 \xc3\xa9\"}"), NULL },
        { TEXT("{\"x\":\"\\\\u0000\"}"), NULL },
        { TEXT("{\"x\":[[[[[[[[[[[[[[]]]]]]]]]]]]]]}"), NULL },
        { TEXT("{\"x\":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}"), "too deep" },
        { TEXT(""), "is truncated" },
        { TEXT("{"), "is truncated" },
        { TEXT("{\"x\":\"a"), "is truncated" },
        { TEXT("{\"x\":1"), "is truncated" },
        { TEXT("[]"), "not an object" },
        { TEXT("[{}]"), "not an object" },
        { TEXT("\"x\""), "not an object" },
        { TEXT("null "), "not an object" },
        { TEXT("true "), "not an object" },
        { TEXT("{\"x\":}"), "not JSON" },
        { TEXT("{\"x\":[,]}"), "not JSON" },
        { TEXT("{,}"), "not JSON" },
        { TEXT("{\"x\":1 \"y\":1}"), "not JSON" },
        { TEXT("{\"x\":NaN}"), "not JSON" },
        { TEXT("{\"x\":-Infinity}"), "not JSON" },
        { TEXT("{\"x\":0x10}"), "not JSON" },
        { TEXT("{\"x\":+1}"), "not JSON" },
        { TEXT("{\"x\":-}"), "not JSON" },
        { TEXT("17"), "sent a problem document" },
        { TEXT("{}x"), "not JSON" },
        { TEXT("{}{}"), "not JSON" },
        { TEXT("{} []"), "not JSON" },
        { TEXT("{}\0"), "NUL" },
        { TEXT("\0{}"), "NUL" },
        { TEXT("{\"x\":1,}"), "not JSON" },
        { TEXT("{\"x\":[1,]}"), "not JSON" },
        { TEXT("{'x':1}"), "not JSON" },
        { TEXT("{x:1}"), "not JSON" },
        { TEXT("{\"x\" 1}"), "not JSON" },
        { TEXT("{\"x\":tru}"), "not JSON" },
        { TEXT("{\"x\":TRUE}"), "not JSON" },
        { TEXT("{\"x\":01}"), "not JSON" },
        { TEXT("{/* */\"x\":1}"), "not JSON" },
        { TEXT("{}// x"), "not JSON" },
        { TEXT("\xef\xbb\xbf{}"), "not JSON" },
        { TEXT("{\"x\":\"\\x41\"}"), "not JSON" },
        { TEXT("<html>"), "not JSON" },
        { TEXT("{\"x\":\"\xff\"}"), "not UTF-8" },
        { TEXT("{\"x\":\"\xc0\xaf\"}"), "not UTF-8" },
        { TEXT("{\"\xff\":1}"), "not UTF-8" },
        { TEXT("{\"x\":\"a\nb\"}"), "not JSON" },
        { TEXT("{\"x\":\"a\0b\"}"), "NUL" },
        { TEXT("{\"x\":\"a\\u0000b\"}"), "not JSON" },
        { TEXT("{\"x\\u0000y\":1}"), "not JSON" },
        { TEXT("{\"x\":1,\"x\":1}"), "duplicate" },
        { TEXT("{\"x\":1,\"\\u0078\":1}"), "duplicate" },
        { TEXT("{\"x\":{\"y\":1,\"y\":2}}"), "duplicate" },
        { TEXT("{\"x\":[{\"y\":null,\"z\":1,\"y\":null}]}"), "duplicate" },
        { TEXT("{\"x\":{\"y\":1},\"x\":{}}"), "duplicate" },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        if (cases[i].part)
            assert_refused(PROBLEM, cases[i].text, cases[i].size, cases[i].part);
        else
            assert_taken(PROBLEM, cases[i].text, cases[i].size);
}

static void test_json_too_large(void)
{
    g_autofree char *spaces = g_strnfill(LIMIT_ACME_JSON - 1, ' '),
                    *fits = g_strdup_printf("{}%s", spaces + 1), *large = g_strdup_printf("{}%s", spaces);

    assert_taken(PROBLEM, fits, strlen(fits));
    assert_refused(PROBLEM, large, strlen(large), "too large");
    /* at once, however deep or wide it is */
    memset(spaces, '[', strlen(spaces));
    assert_refused(PROBLEM, spaces, strlen(spaces), "too deep");
    memset(spaces, '{', strlen(spaces));
    assert_refused(PROBLEM, spaces, strlen(spaces), "not JSON");
}

/* Broken off anywhere, it is no object. */
static void test_json_broken_off(void)
{
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        assert_taken((Kind)i, kinds[i].good, strlen(kinds[i].good));
        for (size_t n = 0; n < strlen(kinds[i].good); n++)
            assert_refused((Kind)i, kinds[i].good, n, "is truncated");
    }
}

/* ---- members that are wrong */

/* In the good object of the kind, part is replaced; by NULL: the member's value is good. */
static const struct {
    Kind kind;
    const char *part, *by;
    const char *says; /* NULL: it is taken */
} changes[] = {
    { DIRECTORY, "\"newNonce\"", "\"x\"", "\"newNonce\" is missing" },
    { DIRECTORY, "\"newAccount\"", "\"x\"", "\"newAccount\" is missing" },
    { DIRECTORY, "\"newOrder\"", "\"x\"", "\"newOrder\" is missing" },
    { DIRECTORY, "\"revokeCert\"", "\"x\"", NULL },
    { DIRECTORY, "\"keyChange\"", "\"x\"", NULL },
    { DIRECTORY, "\"" URL "n\"", "17", "\"newNonce\" is not a string" },
    { DIRECTORY, "\"" URL "n\"", "null", "\"newNonce\" is missing" },
    { DIRECTORY, "\"" URL "k\"", "null", NULL },
    { DIRECTORY, "\"" URL "k\"", "[]", NULL },
    { DIRECTORY, URL "n", "http://ca.test/n", "\"newNonce\" is not an https:// URL" },
    { DIRECTORY, URL "n", "HTTPS://ca.test/n", "https://" },
    { DIRECTORY, URL "n", "https://", "https://" },
    { DIRECTORY, URL "n", "https:///n", "https://" },
    { DIRECTORY, URL "n", "/n", "https://" },
    { DIRECTORY, URL "n", "", "https://" },
    { DIRECTORY, URL "n", "file:///etc/passwd", "https://" },
    { DIRECTORY, URL "n", "https://ca.test/a b", "https://" },
    { DIRECTORY, URL "n", "https://ca.test/\\r\\nX: 1", "https://" },
    { DIRECTORY, URL "n",
      "https://b\xc3\xbc"
      "cher.test/",
      "https://" },
    { DIRECTORY, URL "n", "https://ca.test/\\u007f", "https://" },
    { DIRECTORY, "{}", "[]", NULL },
    { DIRECTORY, "{}", "null", NULL },
    { DIRECTORY, "{}", "{\"externalAccountRequired\":true}", NULL },
    { DIRECTORY, "{}", "{\"externalAccountRequired\":\"true\"}",
      "\"externalAccountRequired\" is not true or false" },
    { DIRECTORY, "{}", "{\"externalAccountRequired\":1}", "is not true or false" },
    { DIRECTORY, "{}", "{\"termsOfService\":\"data:text/plain,Do%20what%20thou%20wilt\"}", NULL },
    { DIRECTORY, "{}", "{\"termsOfService\":\"http://ca.test/terms\"}", NULL },
    { DIRECTORY, "{}", "{\"termsOfService\":\"terms of service\"}", NULL },
    { DIRECTORY, "{}", "{\"termsOfService\":\"\\u001b[31m:x\"}", NULL },
    { DIRECTORY, "{}", "{\"termsOfService\":[]}", NULL },
    { DIRECTORY, "{}", "{\"website\":1}", NULL },
    { DIRECTORY, "{}", "{\"profiles\":[]}", NULL },
    { DIRECTORY, "{}", "{\"profiles\":{\"a\":1}}", NULL },
    { DIRECTORY, "{}", "{\"profiles\":{\"a\":\"x\",\"b\":null}}", NULL },
    { DIRECTORY, "{}", "{\"profiles\":{\"\":\"x\"}}", NULL },
    { DIRECTORY, "{}", "{\"profiles\":{\"a\\u202eb\":\"x\"}}", NULL },

    { ACCOUNT, "\"valid\"", "\"deactivated\"", NULL },
    { ACCOUNT, "\"valid\"", "\"revoked\"", NULL },
    { ACCOUNT, "\"valid\"", "\"pending\"", "\"status\" is not one of this kind" },
    { ACCOUNT, "\"valid\"", "\"Valid\"", "\"status\" has characters" },
    { ACCOUNT, "\"valid\"", "\"\"", "\"status\" has characters" },
    { ACCOUNT, "\"valid\"", "true", "\"status\" is not a string" },
    { ACCOUNT, "\"status\"", "\"x\"", "\"status\" is missing" },
    { ACCOUNT, "[\"mailto:a@b.test\"]", "null", NULL },
    { ACCOUNT, "[\"mailto:a@b.test\"]", "[]", NULL },
    { ACCOUNT, "[\"mailto:a@b.test\"]", "\"mailto:a@b.test\"", NULL },
    { ACCOUNT, "\"mailto:a@b.test\"", "1", NULL },
    { ACCOUNT, "mailto:a@b.test", "a@b.test", NULL },
    { ACCOUNT, URL "l", "http://ca.test/l", NULL },

    { ORDER, "\"pending\"", "\"ready\"", NULL },
    { ORDER, "\"pending\"", "\"processing\"", NULL },
    { ORDER, "\"pending\"", "\"valid\"", NULL },
    { ORDER, "\"pending\"", "\"invalid\"", NULL },
    { ORDER, "\"pending\"", "\"revoked\"", "\"status\" is not one of this kind" },
    { ORDER, "\"pending\"", "\"deactivated\"", "\"status\" is not one of this kind" },
    { ORDER, "\"pending\"", "\"done\"", "\"status\" has characters" },
    { ORDER, "\"finalize\"", "\"x\"", "\"finalize\" is missing" },
    { ORDER, "\"authorizations\"", "\"x\"", NULL },
    { ORDER, "\"" URL "z\"", "", NULL },
    { ORDER, "\"" URL "z\"", "17", "\"authorizations\" has a member that is not a string" },
    { ORDER, URL "z", "http://ca.test/z", "\"authorizations\" is not an https:// URL" },
    { ORDER, "\"identifiers\"", "\"x\"", "\"identifiers\" is missing" },
    { ORDER, "{\"type\":\"dns\",\"value\":\"a.test\"}", "", "\"identifiers\" is missing" },
    { ORDER, "{\"type\":\"dns\",\"value\":\"a.test\"}", "\"a.test\"",
      "\"identifiers\" has a member that is not" },
    { ORDER, "\"value\"", "\"x\"", "\"value\" is not a name" },
    { ORDER, "\"type\":\"dns\"", "\"type\":\"ip\"", "\"type\" does not suit" },
    { ORDER, "\"type\":\"dns\"", "\"type\":\"email\"", "\"type\" does not suit" },
    { ORDER, "\"type\":\"dns\"", "\"type\":1", "\"value\" is not a name" },
    { ORDER, "\"a.test\"", "17", "\"value\" is not a name" },
    { ORDER, "a.test", "", "\"value\" is not a name" },
    { ORDER, "a.test", "../../etc", "\"value\" is not a name" },
    { ORDER, "a.test", "192.0.2.1", "\"type\" does not suit" },
    { ORDER, "\"dns\",\"value\":\"a.test\"", "\"ip\",\"value\":\"192.0.2.1\"", NULL },
    { ORDER, "a.test", "*.a.test", NULL },
    { ORDER, "a.test", "A.TEST", NULL },
    { ORDER, "\"2026-11-24T10:00:00Z\"", "1795514400", NULL },
    { ORDER, "2026-11-24T10:00:00Z", "tomorrow", NULL },
    { ORDER, "{\"status\"", "{\"certificate\":\"" URL "cert\",\"status\"", NULL },
    { ORDER, "{\"status\"", "{\"certificate\":\"http://ca.test/\",\"status\"", NULL },
    { ORDER, "{\"status\"", "{\"profile\":\"\",\"status\"", NULL },
    { ORDER, "{\"status\"", "{\"profile\":\"\\u001b\",\"status\"", NULL },
    { ORDER, "{\"status\"", "{\"replaces\":7,\"status\"", NULL },
    { ORDER, "{\"status\"", "{\"error\":{},\"status\"", NULL },
    { ORDER, "{\"status\"", "{\"error\":null,\"status\"", NULL },
    { ORDER, "{\"status\"", "{\"error\":\"no\",\"status\"", NULL },

    { AUTHORIZATION, "{\"status\":\"pending\"", "{\"status\":\"valid\"", NULL },
    { AUTHORIZATION, "{\"status\":\"pending\"", "{\"status\":\"expired\"", NULL },
    { AUTHORIZATION, "{\"status\":\"pending\"", "{\"status\":\"ready\"",
      "\"status\" is not one of this kind" },
    { AUTHORIZATION, "\"identifier\"", "\"x\"", "\"identifier\" is missing" },
    { AUTHORIZATION, "{\"type\":\"dns\",\"value\":\"a.test\"}", "\"a.test\"",
      "\"identifier\" is not an object" },
    { AUTHORIZATION, "a.test", "*.a.test", "\"value\" is a wildcard" },
    { AUTHORIZATION, "{\"status\"", "{\"wildcard\":true,\"status\"", NULL },
    { AUTHORIZATION, "{\"status\"", "{\"wildcard\":\"yes\",\"status\"",
      "\"wildcard\" is not true or false" },
    { AUTHORIZATION, "\"challenges\"", "\"x\"", NULL },
    { AUTHORIZATION, "[" CHALLENGE(TOKEN) "]", "{}", "\"challenges\" is not an array" },
    { AUTHORIZATION, "[" CHALLENGE(TOKEN) "]", "[null]",
      "\"challenges\" has a member that is not an object" },
    { AUTHORIZATION, TOKEN, "../../../etc/passwd-12345678", "a challenge whose member \"token\"" },
    { AUTHORIZATION, "[" CHALLENGE(TOKEN) "]", "[{}]", NULL },
    { AUTHORIZATION, "[" CHALLENGE(TOKEN) "]",
      "[{\"type\":1},{\"type\":\"x\",\"status\":\"new\",\"url\":[]}]", NULL },
    { AUTHORIZATION, "{\"status\"", "{\"expires\":\"never\",\"status\"", NULL },

    { CHALLENGE, "\"pending\"", "\"processing\"", NULL },
    { CHALLENGE, "\"pending\"", "\"valid\"", NULL },
    { CHALLENGE, "\"pending\"", "\"invalid\"", NULL },
    { CHALLENGE, "\"pending\"", "\"ready\"", "\"status\" is not one of this kind" },
    { CHALLENGE, "\"url\"", "\"x\"", "\"url\" is missing" },
    { CHALLENGE, "\"type\"", "\"x\"", "\"type\" is not supported" },
    { CHALLENGE, "http-01", "", "\"type\" is not supported" },
    { CHALLENGE, "http-01", "http 01", "\"type\" is not supported" },
    { CHALLENGE, "http-01", "http\\n01", "\"type\" is not supported" },
    { CHALLENGE, "http-01", "dns-01", NULL },
    { CHALLENGE, "http-01", "tls-alpn-01", NULL },
    { CHALLENGE, "\"token\"", "\"x\"", "\"token\" is missing" },
    { CHALLENGE, "\"" TOKEN "\"", "1", "\"token\" is not a string" },
    { CHALLENGE, TOKEN, "", "\"token\" has characters" },
    { CHALLENGE, TOKEN, "evaGxfADs6pSRb2LAv9IZf", NULL },
    { CHALLENGE, TOKEN, "evaGxfADs6pSRb2LAv9IZ", "\"token\" has characters" },
    { CHALLENGE, TOKEN, "evaGxfADs6pSRb2LAv9IZf=", "\"token\" has characters" },
    { CHALLENGE, TOKEN, "evaGxfADs6pSRb2LAv9IZ/", "\"token\" has characters" },
    { CHALLENGE, TOKEN, "evaGxfADs6pSRb2LAv9IZ.", "\"token\" has characters" },
    { CHALLENGE, TOKEN, "evaGxfADs6pSRb2LAv9I;id", "\"token\" has characters" },
    { CHALLENGE, TOKEN, "$(touch /x)evaGxfADs6pSRb2LAv9I", "\"token\" has characters" },
    { CHALLENGE, TOKEN, "..\\u002f..\\u002fevaGxfADs6pSRb2LAv9I", "\"token\" has characters" },
    { CHALLENGE, TOKEN, "evaGxfADs6pSRb2LAv9I\\u00e9x", "\"token\" has characters" },
    { CHALLENGE, "{\"type\"", "{\"error\":{\"type\":\"" URN "dns\"},\"type\"", NULL },
    { CHALLENGE, "{\"type\"", "{\"error\":1,\"type\"", NULL },

    { ORDER_LIST, "\"orders\"", "\"x\"", NULL },
    { ORDER_LIST, "[\"" URL "1\"]", "[]", NULL },
    { ORDER_LIST, "[\"" URL "1\"]", "\"" URL "1\"", "\"orders\" is not an array" },
    { ORDER_LIST, URL "1", "1", "\"orders\" is not an https:// URL" },

    { RENEWAL_INFO, "\"suggestedWindow\"", "\"x\"", "\"suggestedWindow\" is missing" },
    { RENEWAL_INFO, "\"start\"", "\"x\"", "\"start\" is missing" },
    { RENEWAL_INFO, "\"end\"", "\"x\"", "\"end\" is missing" },
    { RENEWAL_INFO, "\"end\"", "\"end\":null,\"x\"", "\"end\" is missing" },
    { RENEWAL_INFO, "2026-11-25", "2026-11-24", "\"end\" is not after" },
    { RENEWAL_INFO, "2026-11-25", "2026-11-23", "\"end\" is not after" },
    { RENEWAL_INFO, "{\"suggested", "{\"explanationURL\":\"javascript:x\",\"suggested", NULL },
};

static void test_members(void)
{
    for (size_t i = 0; i < ELEMENTSOF(changes); i++) {
        g_autofree char *text = replace(kinds[changes[i].kind].good, changes[i].part, changes[i].by);

        if (changes[i].says)
            assert_refused(changes[i].kind, text, strlen(text), changes[i].says);
        else
            assert_taken(changes[i].kind, text, strlen(text));
    }
}

/* "[item,item,...]" in place of part. */
static char *repeat(Kind kind, const char *part, const char *item, size_t n)
{
    GString *list = g_string_new("[");

    for (size_t i = 0; i < n; i++)
        g_string_append_printf(list, "%s%s", i > 0 ? "," : "", item);
    g_string_append_c(list, ']');
    g_autofree char *text = g_string_free(list, FALSE);

    return replace(kinds[kind].good, part, text);
}

static void test_limits(void)
{
    static const struct {
        Kind kind;
        const char *part, *item;
        size_t max;
    } cases[] = {
        { ORDER, "[{\"type\":\"dns\",\"value\":\"a.test\"}]", "{\"type\":\"dns\",\"value\":\"a.test\"}",
          LIMIT_NAMES },
        { ORDER, "[\"" URL "z\"]", "\"" URL "z\"", LIMIT_NAMES },
        { AUTHORIZATION, "[" CHALLENGE(TOKEN) "]", CHALLENGE(TOKEN), LIMIT_CHALLENGES },
        { ORDER_LIST, "[\"" URL "1\"]", "\"" URL "1\"", LIMIT_ORDER_LIST },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        g_autofree char *fits = repeat(cases[i].kind, cases[i].part, cases[i].item, cases[i].max),
                        *many = repeat(cases[i].kind, cases[i].part, cases[i].item, cases[i].max + 1);

        assert_taken(cases[i].kind, fits, strlen(fits));
        assert_refused(cases[i].kind, many, strlen(many), "more members than allowed");
    }
}

static void test_long_texts(void)
{
    static const struct {
        Kind kind;
        const char *part, *before;
        size_t max;
    } cases[] = {
        { DIRECTORY, URL "n", URL, LIMIT_URL },
        { ORDER, URL "z", URL, LIMIT_URL },
        { CHALLENGE, TOKEN, "", LIMIT_TOKEN_MAX },
        { CHALLENGE, URL "c", URL, LIMIT_URL },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        g_autofree char *filling = g_strnfill(cases[i].max - strlen(cases[i].before) + 1, 'x'),
                        *value = g_strconcat(cases[i].before, filling, NULL),
                        *large = replace(kinds[cases[i].kind].good, cases[i].part, value), *fits = NULL;

        value[cases[i].max] = 0;
        fits = replace(kinds[cases[i].kind].good, cases[i].part, value);
        assert_taken(cases[i].kind, fits, strlen(fits));
        assert_refused(cases[i].kind, large, strlen(large),
                       cases[i].kind == CHALLENGE ? "\"" : "whose member");
    }
}

static void test_many_profiles(void)
{
    GString *profiles = g_string_new("{\"profiles\":{");

    for (int i = 0; i <= LIMIT_PROFILES; i++)
        g_string_append_printf(profiles, "%s\"p%d\":\"\"", i > 0 ? "," : "", i);
    g_string_append(profiles, "}}");
    g_autofree char *meta = g_string_free(profiles, FALSE),
                    *text = replace(kinds[DIRECTORY].good, "{}", meta);

    _cleanup_(acme_directory_freep) AcmeDirectory *d = NULL;

    g_assert_cmpint(acme_directory_parse(WHOSE, text, strlen(text), &d, NULL), ==, 0);
    g_assert_cmpuint(strv_length(d->profiles), ==, LIMIT_PROFILES);
}

/* ---- what comes out */

static void test_directory(void)
{
    g_autofree char *text =
        replace(kinds[DIRECTORY].good, "\"meta\":{}",
                "\"renewalInfo\":\"" URL "i\",\"meta\":{\"termsOfService\":\"data:,x\","
                "\"website\":\"https://www.ca.test\",\"externalAccountRequired\":true,"
                "\"caaIdentities\":[\"ca.test\"],\"profiles\":{\"classic\":\"The\\nusual\","
                "\"short\":\"six days\"}}");
    _cleanup_(acme_directory_freep) AcmeDirectory *d = NULL, *bare = NULL;

    g_assert_cmpint(acme_directory_parse(WHOSE, text, strlen(text), &d, NULL), ==, 0);
    g_assert_cmpstr(d->new_nonce, ==, URL "n");
    g_assert_cmpstr(d->new_account, ==, URL "a");
    g_assert_cmpstr(d->new_order, ==, URL "o");
    g_assert_cmpstr(d->revoke_cert, ==, URL "r");
    g_assert_cmpstr(d->key_change, ==, URL "k");
    g_assert_cmpstr(d->renewal_info, ==, URL "i");
    g_assert_true(d->needs_external_account);
    g_assert_cmpuint(strv_length(d->profiles), ==, 2);
    g_assert_cmpstr(d->profiles[0], ==, "classic");
    g_assert_cmpstr(d->profiles[1], ==, "short");
    g_assert_cmpint(
        acme_directory_parse(WHOSE, kinds[DIRECTORY].good, strlen(kinds[DIRECTORY].good), &bare, NULL), ==,
        0);
    g_assert_null(bare->renewal_info);
    g_assert_false(bare->needs_external_account);
    g_assert_null(bare->profiles);
}

static void test_account(void)
{
    const char *good = kinds[ACCOUNT].good;
    _cleanup_(acme_account_freep) AcmeAccount *a = NULL;

    g_assert_cmpint(acme_account_parse(WHOSE, good, strlen(good), &a, NULL), ==, 0);
    g_assert_cmpint(a->status, ==, ACME_VALID);
    g_assert_cmpstr(a->orders, ==, URL "l");
}

static void test_order(void)
{
    const char *text =
        "{\"status\":\"invalid\",\"expires\":\"2026-11-24T11:00:00.123+01:00\",\"identifiers\":["
        "{\"type\":\"dns\",\"value\":\"B\xc3\xbc"
        "cher.Test.\"},{\"type\":\"dns\",\"value\":\"*.a.test\"},"
        "{\"type\":\"ip\",\"value\":\"2001:DB8:0:0::1\"}],\"authorizations\":[\"" URL "1\",\"" URL
        "2\"],\"finalize\":\"" URL "f\",\"certificate\":\"" URL "c\",\"profile\":\"short\","
        "\"replaces\":\"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE\",\"error\":{\"type\":\"" URN
        "rateLimited\",\"detail\":\"Wait.\"},\"notBefore\":17,\"x\":{}}";
    _cleanup_(acme_order_freep) AcmeOrder *o = NULL;

    g_assert_cmpint(acme_order_parse(WHOSE, text, strlen(text), &o, NULL), ==, 0);
    g_assert_cmpint(o->status, ==, ACME_INVALID);
    g_assert_cmpuint(strv_length(o->names), ==, 3);
    g_assert_cmpstr(o->names[0], ==, "xn--bcher-kva.test");
    g_assert_cmpstr(o->names[1], ==, "*.a.test");
    g_assert_cmpstr(o->names[2], ==, "2001:db8::1");
    g_assert_cmpuint(strv_length(o->authorizations), ==, 2);
    g_assert_cmpstr(o->authorizations[1], ==, URL "2");
    g_assert_cmpstr(o->finalize, ==, URL "f");
    g_assert_cmpstr(o->certificate, ==, URL "c");
    g_assert_cmpstr(o->profile, ==, "short");
    g_assert_cmpstr(o->problem->type, ==, "rateLimited");
    g_assert_cmpstr(o->problem->detail, ==, "Wait.");
}

/* What an object's status has made useless does not matter. */
static void test_useless(void)
{
    static const char *const statuses[] = { "processing", "valid", "invalid" };
    static const char order[] =
        "{\"status\":\"%s\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.test\"}],\"authorizations\":%s,"
        "\"finalize\":17}";
    static const char authorization[] =
        "{\"status\":\"valid\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},\"challenges\":"
        "[null,{\"type\":\"http-01\",\"status\":7}]}";
    _cleanup_(acme_authorization_freep) AcmeAuthorization *a = NULL;

    for (size_t i = 0; i < ELEMENTSOF(statuses); i++) {
        _cleanup_(acme_order_freep) AcmeOrder *texts = NULL, *object = NULL;
        g_autofree char *one = g_strdup_printf(order, statuses[i], "[1]"),
                        *other = g_strdup_printf(order, statuses[i], "{}");

        g_assert_cmpint(acme_order_parse(WHOSE, one, strlen(one), &texts, NULL), ==, 0);
        g_assert_null(texts->authorizations);
        g_assert_null(texts->finalize);
        g_assert_cmpint(acme_order_parse(WHOSE, other, strlen(other), &object, NULL), ==, 0);
    }
    g_assert_cmpint(acme_authorization_parse(WHOSE, authorization, strlen(authorization), &a, NULL), ==, 0);
    g_assert_cmpuint(a->n_challenges, ==, 0);
}

static void test_authorization(void)
{
    const char *text =
        "{\"status\":\"pending\",\"wildcard\":true,\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},"
        "\"challenges\":[" CHALLENGE(
            TOKEN) ",{\"type\":\"dns-persist-01\",\"url\":\"" URL
                   "p\",\"status\":\"invalid\",\"token\":\"../x\",\"error\":{\"type\":\"" URN "caa\"}},"
                   "{\"type\":\"new-02\",\"url\":\"" URL "q\",\"status\":\"valid\",\"token\":17}]}";
    _cleanup_(acme_authorization_freep) AcmeAuthorization *a = NULL;

    g_assert_cmpint(acme_authorization_parse(WHOSE, text, strlen(text), &a, NULL), ==, 0);
    g_assert_cmpstr(a->name, ==, "a.test");
    g_assert_true(a->wildcard);
    g_assert_cmpuint(a->n_challenges, ==, 1); /* the others are of types that nobody uses here */
    g_assert_cmpstr(a->challenges[0].type, ==, "http-01");
    g_assert_cmpstr(a->challenges[0].token, ==, TOKEN);
    g_assert_null(a->challenges[0].problem);
}

static void test_order_list(void)
{
    const char *good = kinds[ORDER_LIST].good;
    _cleanup_(acme_order_list_freep) AcmeOrderList *l = NULL;

    g_assert_cmpint(acme_order_list_parse(WHOSE, good, strlen(good), &l, NULL), ==, 0);
    g_assert_cmpuint(strv_length(l->orders), ==, 1);
    g_assert_cmpstr(l->orders[0], ==, URL "1");
}

static void test_renewal_info(void)
{
    g_autofree char *text = replace(kinds[RENEWAL_INFO].good, "{\"sugg",
                                    "{\"explanationURL\":\"" URL "why\",\"sugg"),
                    *other = replace(kinds[RENEWAL_INFO].good, "{\"sugg",
                                     "{\"explanationURL\":\"http:x\",\"sugg");
    _cleanup_(acme_renewal_info_freep) AcmeRenewalInfo *i = NULL, *j = NULL;

    g_assert_cmpint(acme_renewal_info_parse(WHOSE, text, strlen(text), &i, NULL), ==, 0);
    g_assert_cmpint(i->start, ==, 1795514400);
    g_assert_cmpint(i->end, ==, 1795514400 + DAY);
    g_assert_cmpstr(i->explanation, ==, URL "why");
    g_assert_cmpint(acme_renewal_info_parse(WHOSE, other, strlen(other), &j, NULL), ==, 0);
    g_assert_null(j->explanation);
}

/* RFC 3339, as the start of a window. -1: it is none. */
static void test_times(void)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01T00:00:01Z", 1 },
        { "2000-02-29T12:00:00Z", 951825600 },
        { "2026-11-24T10:00:00Z", 1795514400 },
        { "2026-11-24t10:00:00z", 1795514400 },
        { "2026-11-24T10:00:00.5Z", 1795514400 },
        { "2026-11-24T10:00:00.999999999999999999999Z", 1795514400 },
        { "2026-11-24T10:00:00+00:00", 1795514400 },
        { "2026-11-24T10:00:00-00:00", 1795514400 },
        { "2026-11-24T12:30:00+02:30", 1795514400 },
        { "2026-11-23T22:00:00.1-12:00", 1795514400 },
        { "2016-12-31T23:59:60Z", 1483228800 },
        { "2038-01-19T03:14:08Z", 2147483648 },
        { "2100-03-01T00:00:00Z", 4107542400 },
        { "9999-12-31T23:59:59Z", 253402300799 },
        { "1969-12-31T23:59:59Z", 0 },
        { "0001-01-01T00:00:00Z", 0 },
        { "0000-02-29T00:00:00Z", 0 },
        { "1970-01-01T00:00:00+23:59", 0 },
        { "", -1 },
        { "2026", -1 },
        { "2026-11-24", -1 },
        { "2026-11-24T10:00:00", -1 },
        { "2026-11-24 10:00:00Z", -1 },
        { "2026-11-24T10:00Z", -1 },
        { "2026-11-24T10:00:00.Z", -1 },
        { "2026-11-24T10:00:00,5Z", -1 },
        { "2026-11-24T10:00:00ZZ", -1 },
        { "2026-11-24T10:00:00Z ", -1 },
        { " 2026-11-24T10:00:00Z", -1 },
        { "2026-11-24T10:00:00 Z", -1 },
        { "2026-11-24T10:00:00+0000", -1 },
        { "2026-11-24T10:00:00+24:00", -1 },
        { "2026-11-24T10:00:00+00:60", -1 },
        { "2026-11-24T10:00:00+1:00", -1 },
        { "2026-11-24T24:00:00Z", -1 },
        { "2026-11-24T10:60:00Z", -1 },
        { "2026-11-24T10:00:61Z", -1 },
        { "2026-11-24T1:00:00Z", -1 },
        { "2026-11-31T10:00:00Z", -1 },
        { "2026-02-29T10:00:00Z", -1 },
        { "2100-02-29T10:00:00Z", -1 },
        { "2026-00-24T10:00:00Z", -1 },
        { "2026-13-24T10:00:00Z", -1 },
        { "2026-11-00T10:00:00Z", -1 },
        { "2026-11-32T10:00:00Z", -1 },
        { "26-11-24T10:00:00Z", -1 },
        { "12026-11-24T10:00:00Z", -1 },
        { "-026-11-24T10:00:00Z", -1 },
        { "+026-11-24T10:00:00Z", -1 },
        { "2026-11-24T-1:00:00Z", -1 },
        { "Tue, 24 Nov 2026 10:00:00 GMT", -1 },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        g_autofree char *long_window = replace(kinds[RENEWAL_INFO].good, "2026-11-25T10:00:00Z",
                                               "9999-12-31T23:59:60-12:00"),
                        *text = replace(long_window, "2026-11-24T10:00:00Z", cases[i].text);
        _cleanup_(acme_renewal_info_freep) AcmeRenewalInfo *w = NULL;
        int r = acme_renewal_info_parse(WHOSE, text, strlen(text), &w, NULL);

        if (cases[i].seconds < 0)
            assert_refused(RENEWAL_INFO, text, strlen(text), "\"start\" is not a time");
        else if (r < 0 || w->start != cases[i].seconds)
            note_failure("%s: %lld", cases[i].text, r < 0 ? (long long)r : (long long)w->start);
    }
}

static void test_statuses(void)
{
    g_assert_cmpstr(acme_status_to_string(ACME_PENDING), ==, "pending");
    g_assert_cmpstr(acme_status_to_string(ACME_REVOKED), ==, "revoked");
    g_assert_null(acme_status_to_string(_ACME_STATUS_MAX));
    g_assert_null(acme_status_to_string(_ACME_STATUS_INVALID));
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/objects/json", test_json);
    g_test_add_func("/objects/json-too-large", test_json_too_large);
    g_test_add_func("/objects/json-broken-off", test_json_broken_off);
    g_test_add_func("/objects/members", test_members);
    g_test_add_func("/objects/limits", test_limits);
    g_test_add_func("/objects/long-texts", test_long_texts);
    g_test_add_func("/objects/many-profiles", test_many_profiles);
    g_test_add_func("/objects/directory", test_directory);
    g_test_add_func("/objects/account", test_account);
    g_test_add_func("/objects/order", test_order);
    g_test_add_func("/objects/useless", test_useless);
    g_test_add_func("/objects/authorization", test_authorization);
    g_test_add_func("/objects/order-list", test_order_list);
    g_test_add_func("/objects/renewal-info", test_renewal_info);
    g_test_add_func("/objects/times", test_times);
    g_test_add_func("/objects/statuses", test_statuses);
    return g_test_run();
}
