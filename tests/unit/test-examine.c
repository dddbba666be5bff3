/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "deploy/examine.h"
#include "util/text.h"

/* This program is its own child. */

typedef struct Pair {
    char *chain, *key; /* chain: of two certificates */
    size_t leaf_size;
    char fingerprint[65];
    int64_t not_before, not_after;
} Pair;

static Pair pair_make(const char *name)
{
    _cleanup_issued_ Issued issuer =
        issue(&(CertificateSpec){ .subject = "issuer", .authority = true }, NULL, NULL);
    g_autofree char *more = pem_of(&issuer);
    Bundle *b = bundle_make(name, 1);
    const ChainEntry *leaf = chain_leaf(b->chain);
    Pair p = { .chain = text_join(b->leaf, more, NULL),
               .key = g_strdup(b->key),
               .leaf_size = strlen(b->leaf),
               .not_before = leaf->not_before,
               .not_after = leaf->not_after };

    g_strlcpy(p.fingerprint, leaf->fingerprint, sizeof(p.fingerprint));
    bundle_free(b);
    return p;
}

static void pair_done(Pair *p)
{
    g_free(p->chain);
    g_free(p->key);
}
#define _cleanup_pair_ _cleanup_(pair_done)

static Examination examine_text(const char *chain, const char *key, char *const *names, int64_t now)
{
    _cleanup_problem_ Problem problem = {};
    ExamineInput in = { .chain = chain,
                        .chain_size = strlen(chain),
                        .key = key,
                        .key_size = key ? strlen(key) : 0,
                        .names = names,
                        .now = now };
    Examination e = {};
    int r = examine(&in, &e, &problem);

    g_test_message("%d %s", r, strempty(problem.text));
    g_assert_cmpint(r, ==, 0);
    return e;
}

static void check_verdict(const char *chain, const char *key, char *const *names, int64_t now,
                          ExaminedVerdict verdict)
{
    Examination e = examine_text(chain, key, names, now);

    g_assert_cmpstr(examined_verdict_explain((ExaminedVerdict)e.verdict), ==,
                    examined_verdict_explain(verdict));
}

static void test_usable(void)
{
    _cleanup_pair_ Pair p = pair_make("www.example.com");
    char *const names[] = { S("www.example.com"), NULL };
    char hex[65];
    Examination e = examine_text(p.chain, p.key, names, now_seconds());

    g_assert_cmpint(e.verdict, ==, EXAMINED_USABLE);
    g_assert_cmpint(e.n, ==, 2);
    g_assert_cmpint(e.not_before, ==, p.not_before);
    g_assert_cmpint(e.not_after, ==, p.not_after);
    g_assert_cmpint(e.ends[0], ==, p.leaf_size);
    g_assert_cmpint(e.ends[1], ==, strlen(p.chain));
    hex_encode(e.digests[0], DIGEST_SIZE, false, hex);
    g_assert_cmpstr(hex, ==, p.fingerprint);
    check_verdict(p.chain, NULL, NULL, now_seconds(), EXAMINED_USABLE);
}

static void test_not_usable(void)
{
    _cleanup_pair_ Pair p = pair_make("www.example.com");
    char *const other[] = { S("www.example.com"), S("other.example.com"), NULL };

    check_verdict(p.chain, p.key, other, now_seconds(), EXAMINED_NAMES);
    check_verdict(p.chain, p.key, NULL, p.not_before - 1, EXAMINED_NOT_YET);
    check_verdict(p.chain, p.key, NULL, p.not_before, EXAMINED_USABLE);
    check_verdict(p.chain, p.key, NULL, p.not_after, EXAMINED_USABLE);
    check_verdict(p.chain, p.key, NULL, p.not_after + 1, EXAMINED_EXPIRED);
}

static void test_pair(void)
{
    _cleanup_pair_ Pair a = pair_make("a.example.com"), b = pair_make("b.example.com");
    g_autofree char *two = text_join(a.key, b.key, NULL), *swapped = g_strdup(a.chain);

    check_verdict(a.chain, b.key, NULL, now_seconds(), EXAMINED_MISMATCH);
    check_verdict(a.chain, two, NULL, now_seconds(), EXAMINED_NOT_A_KEY);
    check_verdict(a.chain, "", NULL, now_seconds(), EXAMINED_NOT_A_KEY);
    check_verdict(a.chain, a.chain, NULL, now_seconds(), EXAMINED_NOT_A_KEY);
    /* the issuer first: the key is not its */
    strcpy(swapped, a.chain + a.leaf_size);
    memcpy(swapped + strlen(swapped), a.chain, a.leaf_size);
    check_verdict(swapped, a.key, NULL, now_seconds(), EXAMINED_MISMATCH);
}

/* key: taken. */
static void check_kind(EVP_PKEY *key)
{
    _cleanup_issued_ Issued leaf =
        issue(&(CertificateSpec){ .subject = "a.example", .names = "DNS:a.example" }, NULL, key);
    g_autofree char *chain = pem_of(&leaf), *pem = key_pem_of(&leaf);

    check_verdict(chain, pem, NULL, now_seconds(), EXAMINED_USABLE);
}

static void test_kinds(void)
{
    check_kind(EVP_EC_gen("P-256"));
    check_kind(EVP_EC_gen("P-384"));
    check_kind(EVP_EC_gen("P-521"));
    check_kind(EVP_RSA_gen(2048));
    check_kind(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

static void test_damaged(void)
{
    _cleanup_pair_ Pair p = pair_make("www.example.com");
    g_autofree char *text = text_join("text\n", p.chain, NULL), *behind = text_join(p.chain, "text\n", NULL),
                    *with_key = text_join(p.chain, p.key, NULL), *cut = g_strndup(p.chain, p.leaf_size - 3),
                    *flipped = g_strdup(p.chain);
    GString *many = g_string_new(NULL);
    Examination e;

    check_verdict("", NULL, NULL, now_seconds(), EXAMINED_NOT_PEM);
    check_verdict(p.key, p.key, NULL, now_seconds(), EXAMINED_NOT_PEM);
    check_verdict(text, p.key, NULL, now_seconds(), EXAMINED_NOT_PEM);
    check_verdict(behind, p.key, NULL, now_seconds(), EXAMINED_NOT_PEM);
    check_verdict(with_key, p.key, NULL, now_seconds(), EXAMINED_NOT_PEM);
    check_verdict(cut, p.key, NULL, now_seconds(), EXAMINED_NOT_PEM);
    flipped[40] = flipped[40] == 'A' ? 'B' : 'A'; /* a length */
    check_verdict(flipped, p.key, NULL, now_seconds(), EXAMINED_NOT_PEM);
    for (unsigned i = 0; i < DEPLOY_CHAIN_MAX; i++)
        g_string_append_len(many, p.chain, (gssize)p.leaf_size);
    e = examine_text(many->str, p.key, NULL, now_seconds());
    g_assert_cmpint(e.verdict, ==, EXAMINED_USABLE);
    g_assert_cmpint(e.n, ==, DEPLOY_CHAIN_MAX);
    g_string_append_len(many, p.chain, (gssize)p.leaf_size);
    check_verdict(many->str, p.key, NULL, now_seconds(), EXAMINED_NOT_PEM);
    g_string_free(many, TRUE);
}

/* Bytes that are not text, and more than there may be. */
static void test_bytes(void)
{
    _cleanup_pair_ Pair p = pair_make("www.example.com");
    g_autofree char *large = g_strnfill(LIMIT_STORED_FILE + 1, '\n'), *chain = g_strdup(p.chain);
    _cleanup_problem_ Problem problem = {};
    ExamineInput in = { .chain = chain, .chain_size = strlen(chain) + 1, .now = now_seconds() };
    Examination e;

    g_assert_cmpint(examine(&in, &e, NULL), ==, 0);
    g_assert_cmpint(e.verdict, ==, EXAMINED_NOT_PEM); /* ends with a NUL */
    chain[p.leaf_size] = 0;
    in.chain_size--;
    g_assert_cmpint(examine(&in, &e, NULL), ==, 0);
    g_assert_cmpint(e.verdict, ==, EXAMINED_NOT_PEM);
    in.chain = large;
    in.chain_size = LIMIT_STORED_FILE;
    g_assert_cmpint(examine(&in, &e, NULL), ==, 0);
    g_assert_cmpint(e.verdict, ==, EXAMINED_NOT_PEM);
    in.chain_size++;
    g_assert_cmpint(examine(&in, &e, &problem), <, 0);
    g_assert_cmpint(problem.code, ==, PROBLEM_LIMITS_EXCEEDED);
}

/* Each gets the result of its own, in more children than run at the same time. */
static void test_all(void)
{
    _cleanup_pair_ Pair a = pair_make("a.example.com"), b = pair_make("b.example.com");
    char *const names[] = { S("a.example.com"), NULL };
    ExamineInput in[700];
    Examination e[ELEMENTSOF(in)];

    for (size_t i = 0; i < ELEMENTSOF(in); i++) {
        const Pair *p = i % 3 == 0 ? &a : &b;

        in[i] = (ExamineInput){ .chain = p->chain,
                                .chain_size = strlen(p->chain),
                                .key = i % 5 == 0 ? NULL : p->key,
                                .key_size = strlen(p->key),
                                .names = i % 2 ? names : NULL,
                                .now = now_seconds() };
    }
    g_assert_cmpint(examine_all(in, ELEMENTSOF(in), e, NULL), ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(in); i++)
        if (e[i].verdict != (i % 3 && i % 2 ? EXAMINED_NAMES : EXAMINED_USABLE) || e[i].n != 2)
            note_failure("%zu: %s", i, examined_verdict_explain((ExaminedVerdict)e[i].verdict));
    g_assert_cmpint(examine_all(in, 0, e, NULL), ==, 0);
}

int main(int argc, char *argv[])
{
    if (argc > 1 && streq(argv[1], "--examine"))
        examine_child(argc, argv);
    fixture_init(&argc, &argv);
    g_test_add_func("/examine/usable", test_usable);
    g_test_add_func("/examine/not-usable", test_not_usable);
    g_test_add_func("/examine/pair", test_pair);
    g_test_add_func("/examine/kinds", test_kinds);
    g_test_add_func("/examine/damaged", test_damaged);
    g_test_add_func("/examine/bytes", test_bytes);
    g_test_add_func("/examine/all", test_all);
    return g_test_run();
}
