/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/choose.h"

/* Every combination of sources and reasons, against an oracle that is written down in words: the
 * first usable source in order of precedence; failing that, the first that is only about to expire. */

#define NOW 1800000000LL

static char *asked[] = { S("www.example.com"), S("mail.example.com"), NULL };
static char *fewer[] = { S("www.example.com"), NULL };

/* What a candidate looks like for each verdict. */
static Candidate make(Verdict v, Source source)
{
    int64_t life = 90 * DAY;

    switch (v) {
    case VERDICT_USABLE:
        return (Candidate){ .chain = chain_make(asked, NOW - DAY, NOW - DAY + life) };
    case VERDICT_ABSENT:
        return (Candidate){};
    case VERDICT_BROKEN:
        return (Candidate){ .chain = chain_make(asked, NOW - DAY, NOW - DAY + life), .broken = true };
    case VERDICT_KEY_MISMATCH:
        return (Candidate){ .chain = chain_make(asked, NOW - DAY, NOW - DAY + life), .key_mismatch = true };
    case VERDICT_NAME_MISMATCH:
        return (Candidate){ .chain = chain_make(fewer, NOW - DAY, NOW - DAY + life) };
    case VERDICT_NOT_YET_VALID:
        return (Candidate){ .chain = chain_make(asked, NOW + 1, NOW + life) };
    case VERDICT_EXPIRED:
        return (Candidate){ .chain = chain_make(asked, NOW - life, NOW - 1) };
    case VERDICT_EXPIRING:
        /* a local chain is never given up for being near its end: there is nothing below it */
        g_assert_cmpint(source, !=, SOURCE_LOCAL);
        return (Candidate){ .chain = chain_make(asked, NOW - life, NOW + 60) };
    case VERDICT_REVOKED:
        return (Candidate){ .chain = chain_make(asked, NOW - DAY, NOW - DAY + life), .revoked = true };
    case VERDICT_WITHDRAWN:
        return (Candidate){ .chain = chain_make(asked, NOW - DAY, NOW - DAY + life), .withdrawn = true };
    default:
        g_assert_not_reached();
    }
}

static void done(Candidate *c)
{
    chain_unref((Chain *)(uintptr_t)c->chain);
}

static Source oracle(const Verdict v[static 3])
{
    static const Source order[] = { SOURCE_UPLOADED, SOURCE_ACME, SOURCE_LOCAL };
    static const Verdict good[] = { VERDICT_USABLE, VERDICT_EXPIRING };

    for (size_t g = 0; g < ELEMENTSOF(good); g++)
        for (size_t i = 0; i < ELEMENTSOF(order); i++)
            if (v[order[i]] == good[g])
                return order[i];
    return _SOURCE_INVALID;
}

static Verdict possible(Verdict v, Source s)
{
    return v == VERDICT_EXPIRING && s == SOURCE_LOCAL ? VERDICT_USABLE : v;
}

static void test_every_combination(void)
{
    unsigned n = 0, served[_SOURCE_MAX] = {}, none = 0;

    g_assert_cmpint(_SOURCE_MAX, ==, 3);
    g_assert_cmpint(_VERDICT_MAX, ==, 10);
    for (int i = 0; i < 1000; i++) {
        Verdict v[] = { (Verdict)(i / 100), (Verdict)(i / 10 % 10),
                        possible((Verdict)(i % 10), SOURCE_LOCAL) };
        Candidate c[_SOURCE_MAX];
        Choice choice;

        for (Source s = 0; s < _SOURCE_MAX; s++)
            c[s] = make(v[s], s);
        choice = choose(c, asked, NOW);
        for (Source s = 0; s < _SOURCE_MAX; s++) {
            g_assert_cmpint(choice.verdicts[s], ==, v[s]);
            g_assert_cmpint(candidate_judge(c + s, s, asked, NOW), ==, v[s]);
        }
        g_assert_cmpint(choice.source, ==, oracle(v));
        if (choice.source >= 0)
            served[choice.source]++;
        else
            none++;
        n++;
        for (Source s = 0; s < _SOURCE_MAX; s++)
            done(c + s);
    }
    g_assert_cmpuint(n, ==, 1000);
    /* counted by hand: 100 usable uploads; 900 others of which ACME is usable in 90; of the other 810 the
     * local one is usable in 162; of the other 648, with no usable one, 72 have an expiring upload and 64
     * expiring ACME */
    g_assert_cmpuint(served[SOURCE_UPLOADED], ==, 100 + 72);
    g_assert_cmpuint(served[SOURCE_ACME], ==, 90 + 64);
    g_assert_cmpuint(served[SOURCE_LOCAL], ==, 162);
    g_assert_cmpuint(none, ==, 1000 - 172 - 154 - 162);
}

/* Several things wrong at once: what cannot be mended by waiting is told first. */
static void test_precedence_of_reasons(void)
{
    Chain *chain = chain_make(fewer, NOW - 90 * DAY, NOW - 1);
    Candidate c = {
        .chain = chain, .broken = true, .key_mismatch = true, .revoked = true, .withdrawn = true
    };

    g_assert_cmpint(candidate_judge(&c, SOURCE_ACME, asked, NOW), ==, VERDICT_BROKEN);
    c.broken = false;
    g_assert_cmpint(candidate_judge(&c, SOURCE_ACME, asked, NOW), ==, VERDICT_KEY_MISMATCH);
    c.key_mismatch = false;
    g_assert_cmpint(candidate_judge(&c, SOURCE_ACME, asked, NOW), ==, VERDICT_REVOKED);
    c.revoked = false;
    g_assert_cmpint(candidate_judge(&c, SOURCE_ACME, asked, NOW), ==, VERDICT_WITHDRAWN);
    c.withdrawn = false;
    g_assert_cmpint(candidate_judge(&c, SOURCE_ACME, asked, NOW), ==, VERDICT_NAME_MISMATCH);
    g_assert_cmpint(candidate_judge(&c, SOURCE_ACME, fewer, NOW), ==, VERDICT_EXPIRED);
    c = (Candidate){ .broken = true };
    g_assert_cmpint(candidate_judge(&c, SOURCE_ACME, asked, NOW), ==, VERDICT_BROKEN);
    chain_unref(chain);
}

static Verdict judge_at(int64_t life, Source source, int64_t at)
{
    Chain *chain = chain_make(asked, NOW, NOW + life);
    Candidate c = { .chain = chain };
    Verdict v = candidate_judge(&c, source, asked, at);

    chain_unref(chain);
    return v;
}

/* 1/50 of the lifetime, at least 5 minutes and at most an hour, before the end an uploaded or ACME chain yields; both ends
 * belong to the validity. */
static void test_margin(void)
{
    static const struct {
        int64_t life, margin;
    } rows[] = {
        { 10 * YEAR, HOUR }, { 398 * DAY, HOUR },      { 90 * DAY, HOUR },  { 45 * DAY, HOUR },
        { 6 * DAY, HOUR },   { 50 * HOUR + 50, HOUR }, { 50 * HOUR, HOUR }, { 50 * HOUR - 50, HOUR - 1 },
        { 10 * HOUR, 720 },  { 15050, 301 },           { 15000, 300 },      { 14950, 300 },
        { 301, 300 },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        for (Source s = 0; s < _SOURCE_MAX; s++) {
            int64_t life = rows[i].life, margin = s == SOURCE_LOCAL ? 0 : rows[i].margin;

            g_assert_cmpint(judge_at(life, s, NOW - 1), ==, VERDICT_NOT_YET_VALID);
            g_assert_cmpint(judge_at(life, s, NOW), ==, VERDICT_USABLE);
            g_assert_cmpint(judge_at(life, s, NOW + life - margin), ==, VERDICT_USABLE);
            g_assert_cmpint(judge_at(life, s, NOW + life + 1), ==, VERDICT_EXPIRED);
            if (margin > 0) {
                g_assert_cmpint(judge_at(life, s, NOW + life - margin + 1), ==, VERDICT_EXPIRING);
                g_assert_cmpint(judge_at(life, s, NOW + life), ==, VERDICT_EXPIRING);
            }
        }
}

/* An authority that was uploaded for the local root: 2 hours, or 1/50 if that is shorter. */
static void test_margin_of_authority(void)
{
    static const struct {
        int64_t life, margin;
    } rows[] = {
        { 10 * YEAR, 2 * HOUR }, { 100 * HOUR, 2 * HOUR }, { 100 * HOUR - 50, 2 * HOUR - 1 }, { 50, 1 }
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        ChainEntry e = { "CN=root", "CN=root", "01", "00", NOW, NOW + rows[i].life };
        Chain *chain = chain_new(&e, 1, NULL, 0, KEY_TYPE_ECDSA_P256, true);
        Candidate c = { .chain = chain };
        int64_t begins = NOW + rows[i].life - rows[i].margin;

        g_assert_cmpint(candidate_judge(&c, SOURCE_UPLOADED, NULL, begins), ==, VERDICT_USABLE);
        g_assert_cmpint(candidate_judge(&c, SOURCE_UPLOADED, NULL, begins + 1), ==, VERDICT_EXPIRING);
        chain_unref(chain);
    }
}

static Chain *chain_of_two(int64_t leaf_from, int64_t leaf_to, int64_t issuer_from, int64_t issuer_to)
{
    ChainEntry e[] = { { "CN=leaf", "CN=issuer", "01", "00", leaf_from, leaf_to },
                       { "CN=issuer", "CN=root", "02", "01", issuer_from, issuer_to } };
    Chain *c = chain_new(e, 2, (const char *const *)asked, 2, KEY_TYPE_ECDSA_P256, false);

    g_assert_nonnull(c);
    return c;
}

/* A chain is as good as its weakest part, but a bridge to a former local root is a courtesy. */
static void test_issuers_count(void)
{
    Chain *expired = chain_of_two(NOW - DAY, NOW + 89 * DAY, NOW - 900 * DAY, NOW - 1);
    Chain *early = chain_of_two(NOW - DAY, NOW + 89 * DAY, NOW + 1, NOW + 900 * DAY);
    Candidate c = { .chain = expired };

    g_assert_cmpint(candidate_judge(&c, SOURCE_UPLOADED, asked, NOW), ==, VERDICT_EXPIRED);
    g_assert_cmpint(candidate_judge(&c, SOURCE_ACME, asked, NOW), ==, VERDICT_EXPIRED);
    g_assert_cmpint(candidate_judge(&c, SOURCE_LOCAL, asked, NOW), ==, VERDICT_USABLE);
    c.chain = early;
    g_assert_cmpint(candidate_judge(&c, SOURCE_UPLOADED, asked, NOW), ==, VERDICT_NOT_YET_VALID);
    chain_unref(expired);
    chain_unref(early);
}

/* An expiring upload yields to ACME, that to the local one; alone it is served to the end. */
static void test_fallback(void)
{
    Candidate c[] = { make(VERDICT_EXPIRING, SOURCE_UPLOADED), make(VERDICT_EXPIRING, SOURCE_ACME),
                      make(VERDICT_USABLE, SOURCE_LOCAL) };

    g_assert_cmpint(choose(c, asked, NOW).source, ==, SOURCE_LOCAL);
    done(c + 2);
    c[2] = (Candidate){};
    g_assert_cmpint(choose(c, asked, NOW).source, ==, SOURCE_UPLOADED);
    g_assert_cmpint(choose(c, asked, NOW + 60).source, ==, SOURCE_UPLOADED);
    g_assert_cmpint(choose(c, asked, NOW + 61).source, ==, _SOURCE_INVALID);
    c[0].withdrawn = true;
    g_assert_cmpint(choose(c, asked, NOW).source, ==, SOURCE_ACME);
    done(c);
    done(c + 1);
}

static bool same_choice(const Candidate c[static _SOURCE_MAX], int64_t a, int64_t b)
{
    Choice x = choose(c, asked, a), y = choose(c, asked, b);

    return x.source == y.source && memcmp(x.verdicts, y.verdicts, sizeof(x.verdicts)) == 0;
}

/* Against a walk second by second: nothing changes before the moment that it tells, and something does
 * then. */
static void test_next_change(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(4711);
    unsigned changes = 0;

    for (int round = 0; round < 300; round++) {
        Candidate c[_SOURCE_MAX] = {};
        int64_t at = NOW, end = NOW + 12000;

        for (Source s = 0; s < _SOURCE_MAX; s++)
            if (g_rand_boolean(random)) {
                int64_t from = NOW + g_rand_int_range(random, -3000, 5000);

                c[s].chain = chain_make(asked, from, from + g_rand_int_range(random, 1, 6000));
            }
        while (at < end) {
            int64_t next = choose_next_change(c, at);

            g_assert_cmpint(next, >, at);
            for (int64_t t = at + 1; t < MIN(next, end); t++)
                g_assert_true(same_choice(c, at, t));
            /* the margin of a chain that is shorter than it begins before the chain does, which changes
             * nothing */
            if (next < end)
                changes += !same_choice(c, next - 1, next);
            at = next;
        }
        for (Source s = 0; s < _SOURCE_MAX; s++)
            done(c + s);
    }
    g_assert_cmpuint(changes, >, 500);
}

static void test_next_change_exactly(void)
{
    Candidate c[_SOURCE_MAX] = {};

    g_assert_cmpint(choose_next_change(c, NOW), ==, INT64_MAX);
    c[SOURCE_ACME].chain = chain_make(asked, NOW, NOW + 90 * DAY);
    g_assert_cmpint(choose_next_change(c, NOW - 1), ==, NOW);
    g_assert_cmpint(choose_next_change(c, NOW), ==, NOW + 90 * DAY - HOUR + 1);
    g_assert_cmpint(choose_next_change(c, NOW + 90 * DAY - HOUR), ==, NOW + 90 * DAY - HOUR + 1);
    g_assert_cmpint(choose_next_change(c, NOW + 90 * DAY - HOUR + 1), ==, NOW + 90 * DAY + 1);
    g_assert_cmpint(choose_next_change(c, NOW + 90 * DAY + 1), ==, INT64_MAX);
    done(c + SOURCE_ACME);
}

static void test_pure(void)
{
    Candidate c[] = { make(VERDICT_EXPIRING, SOURCE_UPLOADED), make(VERDICT_REVOKED, SOURCE_ACME),
                      make(VERDICT_USABLE, SOURCE_LOCAL) };
    Candidate before[_SOURCE_MAX];

    memcpy(before, c, sizeof(c));
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(choose(c, asked, NOW).source, ==, SOURCE_LOCAL);
    g_assert_cmpmem(before, sizeof(before), c, sizeof(c));
    for (Source s = 0; s < _SOURCE_MAX; s++)
        done(c + s);
}

/* No names asked for, as with the root: every chain covers them. */
static void test_no_names(void)
{
    char *none[] = { NULL };
    Candidate c = make(VERDICT_USABLE, SOURCE_LOCAL);

    g_assert_cmpint(candidate_judge(&c, SOURCE_LOCAL, none, NOW), ==, VERDICT_USABLE);
    g_assert_cmpint(candidate_judge(&c, SOURCE_LOCAL, NULL, NOW), ==, VERDICT_USABLE);
    done(&c);
}

static void test_texts(void)
{
    for (Source s = 0; s < _SOURCE_MAX; s++) {
        g_assert_cmpint(source_from_string(source_to_string(s)), ==, s);
        g_assert_cmpstr(source_to_string(s), !=, "");
    }
    g_assert_cmpstr(source_to_string(_SOURCE_INVALID), ==, "");
    g_assert_cmpint(source_from_string(""), <, 0);
    g_assert_cmpint(source_from_string("Local"), <, 0);
    g_assert_cmpstr(verdict_to_string(VERDICT_USABLE), ==, "");
    for (Verdict v = VERDICT_USABLE + 1; v < _VERDICT_MAX; v++)
        for (Verdict w = VERDICT_USABLE; w < v; w++)
            g_assert_cmpstr(verdict_to_string(v), !=, verdict_to_string(w));
}

/* One sentence for each choice, and it does not claim what is not so. */
static void test_explain(void)
{
    for (int i = 0; i < 2000; i++) {
        bool acme = i >= 1000;
        Choice choice = { .verdicts = { (Verdict)(i / 100 % 10), (Verdict)(i / 10 % 10),
                                        possible((Verdict)(i % 10), SOURCE_LOCAL) } };
        const char *text;

        choice.source = oracle(choice.verdicts);
        text = choice_explain(&choice, acme);
        g_assert_true(g_str_has_suffix(text, "."));
        g_assert_cmpuint(strlen(text), >, 20);
        if (choice.source == SOURCE_LOCAL && acme)
            g_assert_null(strstr(text, "ACME is not enabled"));
        if (choice.source == SOURCE_LOCAL && choice.verdicts[SOURCE_UPLOADED] != VERDICT_ABSENT)
            g_assert_null(strstr(text, "No uploaded chain"));
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/choose/every-combination", test_every_combination);
    g_test_add_func("/choose/precedence-of-reasons", test_precedence_of_reasons);
    g_test_add_func("/choose/margin", test_margin);
    g_test_add_func("/choose/margin-of-authority", test_margin_of_authority);
    g_test_add_func("/choose/issuers-count", test_issuers_count);
    g_test_add_func("/choose/fallback", test_fallback);
    g_test_add_func("/choose/next-change", test_next_change);
    g_test_add_func("/choose/next-change-exactly", test_next_change_exactly);
    g_test_add_func("/choose/pure", test_pure);
    g_test_add_func("/choose/no-names", test_no_names);
    g_test_add_func("/choose/texts", test_texts);
    g_test_add_func("/choose/explain", test_explain);
    return g_test_run();
}
