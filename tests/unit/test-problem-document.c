/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>

#include "acme/json-reader.h"
#include "acme/problem-document.h"
#include "core/limits.h"
#include "util/text.h"

#define WHOSE "The authority pebble"
#define URL   "https://ca.test/"
#define URN   "urn:ietf:params:acme:error:"

static void test_parse(void)
{
    const char *text =
        "{\"type\":\"" URN "userActionRequired\",\"detail\":\"Terms\\u001b[31m\\nhave \\u202echanged\","
        "\"instance\":\"https://ca.test/agree?x=1\",\"status\":403,\"algorithms\":[\"ES256\",1,\"a b\","
        "\"RS256\"],\"subproblems\":[17,{\"type\":\"x:y\",\"detail\":[],\"identifier\":{\"type\":\"dns\","
        "\"value\":\"a.test\\n\"}},{\"identifier\":\"b.test\"}]}";
    _cleanup_(acme_problem_freep) AcmeProblem *p = NULL;

    g_assert_cmpint(acme_problem_parse(WHOSE, text, strlen(text), &p, NULL), ==, 0);
    g_assert_cmpstr(p->type, ==, "userActionRequired");
    g_assert_cmpstr(p->detail, ==, "Terms?[31m?have ?changed");
    g_assert_cmpstr(p->instance, ==, "https://ca.test/agree?x=1");
    g_assert_null(p->identifier);
    g_assert_cmpuint(strv_length(p->algorithms), ==, 2);
    g_assert_cmpstr(p->algorithms[0], ==, "ES256");
    g_assert_cmpstr(p->algorithms[1], ==, "RS256");
    g_assert_cmpuint(p->n_subproblems, ==, 2);
    g_assert_cmpstr(p->subproblems[0].type, ==, "x:y");
    g_assert_cmpstr(p->subproblems[0].detail, ==, "");
    g_assert_cmpstr(p->subproblems[0].identifier, ==, "a.test?");
    g_assert_cmpstr(p->subproblems[1].type, ==, "");
    g_assert_null(p->subproblems[1].identifier);
}

/* What is not as it should be is not there (RFC 9457 section 3.1). */
static void test_without(void)
{
    static const char *const texts[] = {
        "{}",
        "{\"type\":null,\"detail\":null,\"instance\":null,\"subproblems\":null,\"algorithms\":null}",
        "{\"type\":1,\"detail\":{},\"instance\":[],\"subproblems\":{},\"algorithms\":\"ES256\",\"identifier\":1}",
        "{\"type\":\"about:blank\",\"instance\":\"http://ca.test/\"}",
        "{\"instance\":\"javascript:alert(1)\",\"subproblems\":[],\"algorithms\":[]}",
        "{\"instance\":\"https://ca.test/\\u001b\",\"subproblems\":[null,\"x\"]}",
    };

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_(acme_problem_freep) AcmeProblem *p = NULL;
        _cleanup_problem_ Problem problem = {};

        g_assert_cmpint(acme_problem_parse(WHOSE, texts[i], strlen(texts[i]), &p, NULL), ==, 0);
        g_assert_cmpstr(p->type, ==, "");
        g_assert_cmpstr(p->detail, ==, "");
        g_assert_null(p->instance);
        g_assert_null(p->algorithms);
        g_assert_cmpuint(p->n_subproblems, ==, 0);
        g_assert_cmpint(acme_problem_describe(p, WHOSE, ACME_ABOUT_ORDER, &problem), <, 0);
        g_assert_cmpstr(problem.text, ==, WHOSE " refused the order: it gives no reason");
        g_assert_cmpstr(problem_name(&problem), ==, "AuthorityRefused");
    }
}

static void test_long(void)
{
    g_autofree char *filling = g_strnfill(100000, 'x'),
                    *text = g_strdup_printf("{\"type\":\"%s\",\"detail\":\"%s\"}", filling, filling);
    _cleanup_(acme_problem_freep) AcmeProblem *p = NULL, *many = NULL;
    GString *subproblems = g_string_new("{\"subproblems\":[{}");

    g_assert_cmpint(acme_problem_parse(WHOSE, text, strlen(text), &p, NULL), ==, 0);
    g_assert_cmpuint(strlen(p->type), ==, LIMIT_PROBLEM_TYPE);
    g_assert_cmpuint(strlen(p->detail), ==, LIMIT_PROBLEM_TEXT);
    for (int i = 0; i < 2 * LIMIT_SUBPROBLEMS; i++)
        g_string_append(subproblems, ",{}");
    g_string_append(subproblems, "]}");
    g_assert_cmpint(acme_problem_parse(WHOSE, subproblems->str, subproblems->len, &many, NULL), ==, 0);
    g_assert_cmpuint(many->n_subproblems, ==, LIMIT_SUBPROBLEMS);
    g_string_free(subproblems, TRUE);
}

static void test_describe(void)
{
    static const struct {
        const char *document, *type, *text;
    } cases[] = {
        { "{\"type\":\"" URN "malformed\",\"detail\":\"Some names are wrong.\",\"instance\":\"" URL
          "help\",\"subproblems\":[{\"type\":\"" URN
          "rejectedIdentifier\",\"detail\":\"Not ours\",\"identifier\":"
          "{\"type\":\"dns\",\"value\":\"a.test\"}},{\"type\":\"" URN
          "caa\",\"identifier\":{\"value\":\"b.test\"}},"
          "{\"detail\":\"More...\"}]}",
          "malformed",
          WHOSE
          " refused the order: Some names are wrong (malformed); a.test: Not ours (rejectedIdentifier); b.test: caa; "
          "also: More; see " URL "help" },
        { "{\"type\":\"" URN "rateLimited\",\"detail\":\"too many certificates\"}", "rateLimited",
          WHOSE " refused the order: too many certificates (rateLimited); it will be retried later" },
        { "{\"type\":\"" URN "externalAccountRequired\"}", "externalAccountRequired",
          WHOSE
          " refused the order: externalAccountRequired; set the external account of this authority in certwright.conf" },
        { "{\"type\":\"https://ca.test/quota\",\"detail\":\"No 100%s left\"}", "https://ca.test/quota",
          WHOSE " refused the order: No 100%s left (https://ca.test/quota)" },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_(acme_problem_freep) AcmeProblem *p = NULL;
        _cleanup_problem_ Problem problem = {};

        g_assert_cmpint(acme_problem_parse(WHOSE, cases[i].document, strlen(cases[i].document), &p, NULL),
                        ==, 0);
        g_assert_cmpint(acme_problem_describe(p, WHOSE, ACME_ABOUT_ORDER, &problem), <, 0);
        g_assert_cmpint(problem.code, ==, PROBLEM_AUTHORITY_REFUSED);
        g_assert_cmpstr(problem.type, ==, cases[i].type);
        g_assert_cmpstr(problem.text, ==, cases[i].text);
    }
}

/* The advice suits the request. */
static void test_subjects(void)
{
    static const struct {
        const char *type;
        AcmeSubject subject;
        const char *text;
    } cases[] = {
        { "unauthorized", ACME_ABOUT_PROOF,
          "refused the proof: No (unauthorized); check that the name points to this machine, or for dns-01 that its zone" },
        { "unauthorized", ACME_ABOUT_ORDER,
          "refused the order: No (unauthorized); check the account, and for which names" },
        { "unauthorized", ACME_ABOUT_REVOCATION,
          "refused the revocation: No (unauthorized); the account that ordered" },
        { "unauthorized", ACME_ABOUT_KEY_CHANGE,
          "refused the new account key: No (unauthorized); check the account" },
        { "unauthorized", ACME_ABOUT_DEACTIVATION,
          "the deactivation of the account: No (unauthorized); check the account" },
        { "unauthorized", ACME_ABOUT_ACCOUNT,
          "refused the account: No (unauthorized); check the account, and EABKeyId=" },
        { "unauthorized", ACME_ABOUT_RENEWAL_INFO, "renewal information: No (unauthorized)" },
        { "rateLimited", ACME_ABOUT_ORDER, "it will be retried later" },
        { "rateLimited", ACME_ABOUT_REVOCATION, "try again later" },
        { "serverInternal", ACME_ABOUT_KEY_CHANGE, "try again later" },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        g_autofree char *document =
            g_strdup_printf("{\"type\":\"" URN "%s\",\"title\":\"No\"}", cases[i].type);
        _cleanup_(acme_problem_freep) AcmeProblem *p = NULL;
        _cleanup_problem_ Problem problem = {};

        g_assert_cmpint(acme_problem_parse(WHOSE, document, strlen(document), &p, NULL), ==, 0);
        g_assert_cmpint(acme_problem_describe(p, WHOSE, cases[i].subject, &problem), <, 0);
        if (!strstr(problem.text, cases[i].text))
            note_failure("\"%s\" does not say \"%s\"", problem.text, cases[i].text);
    }
    for (AcmeSubject s = 0; s < _ACME_SUBJECT_MAX; s++)
        g_assert_nonnull(acme_subject_to_string(s));
}

/* Within another object, whose reader reports nothing of it. */
static void test_read(void)
{
    static const char text[] = "{\"error\":{\"type\":\"" URN "caa\",\"identifier\":7,\"subproblems\":[1]}}";
    _cleanup_(acme_problem_freep) AcmeProblem *p = NULL;
    _cleanup_(reader_close) Reader r = {};
    _cleanup_problem_ Problem problem = {};
    Reader error;

    g_assert_cmpint(reader_open(&r, WHOSE, "an order", text, strlen(text), &problem), ==, 0);
    g_assert_cmpint(reader_enter(&r, "error", REQUIRED, "a problem document", &error), ==, 0);
    g_assert_cmpint(acme_problem_read(&error, &p), ==, 0);
    g_assert_cmpstr(p->type, ==, "caa");
    g_assert_null(p->identifier);
    g_assert_cmpuint(p->n_subproblems, ==, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_NONE);
}

/* Not JSON at all. */
static void test_invalid(void)
{
    static const char *const texts[] = { "", "[]", "{\"type\":}", "{} {}" };

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        _cleanup_problem_ Problem problem = {};
        AcmeProblem *p = NULL;

        g_assert_cmpint(acme_problem_parse(WHOSE, texts[i], strlen(texts[i]), &p, &problem), ==, -EBADMSG);
        g_assert_null(p);
        g_assert_nonnull(strstr(problem.text, "a problem document that cannot be read"));
    }
    g_assert_null(acme_problem_free(NULL));
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/problem-document/parse", test_parse);
    g_test_add_func("/problem-document/without", test_without);
    g_test_add_func("/problem-document/long", test_long);
    g_test_add_func("/problem-document/describe", test_describe);
    g_test_add_func("/problem-document/subjects", test_subjects);
    g_test_add_func("/problem-document/read", test_read);
    g_test_add_func("/problem-document/invalid", test_invalid);
    return g_test_run();
}
