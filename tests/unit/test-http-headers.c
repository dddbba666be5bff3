/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http-fixture.h"

#include <errno.h>
#include <signal.h>

static void test_fields(void)
{
    static const struct {
        const char *name, *values;
    } cases[] = {
        { "Replay-Nonce", "[one two][three]" },
        { "rEPLAY-nONCE", "[one two][three]" },
        { "Replay-Nonce-More", "[4]" },
        { "Replay", "" },
        { "X-Folded", "[a, b]" },
        { "X-Empty", "[]" },
        { "X-Spaced", "" },
        { "X-Spaced ", "" },
        { "X-Control", "" },
        { "X-Unprintable", "" },
        { "X-Fold-Control", "" },
        { "X-Early", "" },
        { "X-Late", "" },
        { "HTTP/1.1 200 OK", "" },
        { "", "" },
    };
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};

    server_start(&s);
    client_init(&c);
    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_answer_ Answer a = { .field = cases[i].name };

        client_ask_path(&c, &s, "/fields", &a);
        assert_reply(&a, 200, TEXT("hello"));
        g_assert_cmpstr(a.values->str, ==, cases[i].values);
    }
}

/* The fields of a head are those of its own reply. */
static void test_no_fields(void)
{
    _cleanup_server_ Server s = {};
    _cleanup_client_ Client c = {};
    _cleanup_answer_ Answer a = { .field = "Replay-Nonce" };

    server_start(&s);
    client_init(&c);
    client_ask_path(&c, &s, "/empty", &a);
    g_assert_cmpstr(a.values->str, ==, "");
}

/* Moments as Retry-After has them are the matter of test-header.c as well; here is what they come to. */
static void test_dates(void)
{
    static const int64_t now = 1795514400; /* 2026-11-24 10:00:00 UTC */
    static const struct {
        const char *date;
        int64_t moment; /* -1: it is refused */
    } cases[] = {
        { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
        { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
        { "Sun Nov  6 08:49:37 1994", 784111777 },
        { "Tue, 24 Nov 2026 10:00:00 GMT", now },
        { "Tuesday, 24-Nov-26 10:00:00 GMT", now },
        { "Thu, 24-Nov-76 10:00:00 GMT", -1 },
        { "Tuesday, 24-Nov-76 10:00:00 GMT", now + (50LL * 365 + 13) * DAY },
        { "Thursday, 24-Nov-77 10:00:00 GMT", now - (49LL * 365 + 12) * DAY },
        { "Thu, 31 Dec 1998 23:59:60 GMT", 915148799 },
        { "Thu, 29 Feb 2024 00:00:00 GMT", 1709164800 },
        { "Wed, 29 Feb 2023 00:00:00 GMT", -1 },
        { "784111777", -1 },
        { "1994-11-06T08:49:37Z", -1 },
        { "Sun, 06 Nov 1994 08:49:37 +0000", -1 },
        { "06 Nov 1994", -1 },
        { "tomorrow", -1 },
        { "", -1 },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        int64_t moment = -1;
        int r = http_date_parse(cases[i].date, now, &moment);

        if (r != (cases[i].moment < 0 ? -EINVAL : 0) || moment != cases[i].moment)
            note_failure("%s: %d, %lld", cases[i].date, r, (long long)moment);
    }
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    (void)signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/http-headers/fields", test_fields);
    g_test_add_func("/http-headers/no-fields", test_no_fields);
    g_test_add_func("/http-headers/dates", test_dates);
    return g_test_run();
}
