/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "config/keys.h"

/* What one entry means; whole files are the matter of test-config.c. */

static void count(const char *file _unused_, unsigned line _unused_, const char *key _unused_,
                  const char *text _unused_, void *userdata)
{
    ++*(unsigned *)userdata;
}

static void test_claims_are_shared(void)
{
    unsigned n_complaints = 0;
    Module m = {};
    ParseContext context = { .module = &m, .complain = count, .userdata = &n_complaints };
    const IniEntry entries[] = { { "f", "Certificate A.example", 1, NULL, NULL, 1 },
                                 { "f", "Certificate A.example", 1, "AlternativeNames", "b.example", 2 },
                                 { "f", "Certificate a.example.", 3, NULL, NULL, 3 },
                                 { "f", "Certificate a.example.", 3, "AlternativeNames",
                                   "c.example B.example", 4 },
                                 { "f", "Certificate ..", 5, NULL, NULL, 5 },
                                 { "f", "Certificate ..", 5, "AlternativeNames", "lost.example", 6 } };

    context_begin_file(&context);
    for (size_t i = 0; i < ELEMENTSOF(entries); i++)
        g_assert_cmpint(on_module_entry(entries + i, &context), ==, 0);
    context_done(&context);
    g_assert_cmpuint(m.n_claims, ==, 1);
    g_assert_cmpstr(m.claims[0].name, ==, "a.example");
    g_assert_cmpstr(m.claims[0].names[0], ==, "b.example");
    g_assert_cmpstr(m.claims[0].names[1], ==, "c.example");
    g_assert_null(m.claims[0].names[2]);
    g_assert_cmpuint(n_complaints, ==, 1);
    for (size_t i = 0; i < 2; i++)
        free(m.claims[0].names[i]);
    free(m.claims[0].names);
    free(m.claims[0].name);
    free(m.claims);
}

static void test_exec(void)
{
    unsigned n_complaints = 0;
    Settings s = {};
    ParseContext context = { .settings = &s, .complain = count, .userdata = &n_complaints };
    IniEntry e = { "f", "Deploy", 1, "Exec", "direct", 2 };

    context_begin_file(&context);
    g_assert_cmpint(on_settings_entry(&e, &context), ==, 0);
    g_assert_true(s.deploys_directly);
    e.value = "fork";
    g_assert_cmpint(on_settings_entry(&e, &context), ==, 0);
    g_assert_true(s.deploys_directly);
    e.value = "systemd";
    g_assert_cmpint(on_settings_entry(&e, &context), ==, 0);
    g_assert_false(s.deploys_directly);
    g_assert_cmpuint(n_complaints, ==, 1);
    context_done(&context);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/keys/claims-are-shared", test_claims_are_shared);
    g_test_add_func("/keys/exec", test_exec);
    return g_test_run();
}
