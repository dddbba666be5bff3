/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/upload-choice.h"

#define NOW  1800000000LL
#define MAX_ 6

static char *asked[] = { S("www.example.com"), S("mail.example.com"), NULL };
static char *fewer[] = { S("www.example.com"), NULL };

/* What an upload is like. */
typedef enum Kind {
    NONE,
    GOOD,
    EXPIRING,
    EARLY,
    EXPIRED,
    BROKEN,
    NARROW, /* not all names */
} Kind;

typedef struct Item {
    Kind kind;
    uint64_t uploaded;
    int64_t uploaded_at;
    const char *fingerprint;
} Item;

static PooledUpload make(const Item *item)
{
    int64_t from = item->kind == EARLY ? NOW + 1 : NOW - 90 * DAY, to = NOW + 90 * DAY;
    char **names = item->kind == NARROW ? fewer : asked;
    ChainEntry e = {
        "CN=subject", "CN=issuer", "0A", item->fingerprint ? item->fingerprint : "ff", from, to
    };

    if (item->kind == EXPIRING)
        e.not_after = NOW + 60;
    if (item->kind == EXPIRED)
        e.not_after = NOW - 1;
    return (PooledUpload){
        .candidate = { .chain = chain_new(&e, 1, (const char *const *)names, item->kind == NARROW ? 1 : 2,
                                          KEY_TYPE_ECDSA_P256, false),
                       .broken = item->kind == BROKEN },
        .uploaded = item->uploaded,
        .uploaded_at = item->uploaded_at,
    };
}

/* In this order; the place of the one that is taken, -1: none. */
static int choose_in_order(const PooledUpload *pool, const int *order, size_t n)
{
    UploadChoice choice = {};
    int best = -1;

    for (size_t i = 0; i < n; i++)
        if (upload_choice_offer(&choice, pool + order[i], asked, NOW))
            best = order[i];
    g_assert_true(best < 0 ? !choice.best.candidate.chain
                           : choice.best.candidate.chain == pool[best].candidate.chain);
    if (best >= 0)
        g_assert_cmpint(choice.verdict, ==,
                        candidate_judge(&pool[best].candidate, SOURCE_UPLOADED, asked, NOW));
    return best;
}

static void swap(int *a, int *b)
{
    int was = *a;

    *a = *b;
    *b = was;
}

static void next_permutation(int *order, size_t n)
{
    size_t i = n - 1, j = n - 1;

    while (i > 0 && order[i - 1] > order[i])
        i--;
    if (i == 0)
        return;
    while (order[j] < order[i - 1])
        j--;
    swap(order + i - 1, order + j);
    for (size_t k = n - 1; i < k; i++, k--)
        swap(order + i, order + k);
}

static const struct {
    const char *what;
    Item items[MAX_]; /* up to a NONE */
    int expected;
} rows[] = {
    { "there is none", { { NONE } }, -1 },
    { "the only one", { { GOOD, 1 } }, 0 },
    { "the later one", { { GOOD, 1 }, { GOOD, 2 } }, 1 },
    { "numbers are not what they end with", { { GOOD, 9 }, { GOOD, 10 }, { GOOD, 2 } }, 1 },
    { "the highest number there is", { { GOOD, UINT64_MAX }, { GOOD, INT64_MAX } }, 0 },
    { "a number counts more than a time", { { GOOD, 1, 5 }, { GOOD, 0, INT64_MAX } }, 0 },
    { "without numbers the later one", { { GOOD, 0, 100 }, { GOOD, 0, 99 }, { GOOD, 0, -1 } }, 0 },
    { "with numbers times do not matter", { { GOOD, 3, 100 }, { GOOD, 4, 99 } }, 1 },
    { "at the same time: the fingerprint",
      { { GOOD, 0, 7, "ab" }, { GOOD, 0, 7, "b0" }, { GOOD, 0, 7, "aa" } },
      1 },
    { "with the same number: the fingerprint", { { GOOD, 7, 1, "b0" }, { GOOD, 7, 2, "ab" } }, 0 },
    { "what can be served goes first", { { GOOD, 1 }, { EARLY, 2 }, { EXPIRING, 3 } }, 0 },
    { "then what is about to end", { { EXPIRING, 1 }, { EARLY, 2 } }, 0 },
    { "of these the later one", { { EXPIRING, 1 }, { EXPIRING, 2 }, { EARLY, 3 } }, 1 },
    { "then what begins later", { { EXPIRED, 3 }, { EARLY, 1 }, { EARLY, 2 } }, 2 },
    { "nothing else", { { EXPIRED, 1 }, { BROKEN, 2 }, { NARROW, 3 } }, -1 },
    { "what is no good does not hide what is",
      { { GOOD, 1 }, { EXPIRED, 2 }, { BROKEN, 3 }, { NARROW, 4 } },
      0 },
};

static void test_table(void)
{
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        int order[MAX_] = { 0, 1, 2, 3, 4, 5 };
        PooledUpload pool[MAX_];
        unsigned orders = 1;
        size_t n = 0;

        for (; n < MAX_ && rows[i].items[n].kind != NONE; n++) {
            pool[n] = make(rows[i].items + n);
            orders *= (unsigned)n + 1;
        }
        for (unsigned k = 0; k < orders; k++) {
            int best = choose_in_order(pool, order, n);

            if (best != rows[i].expected)
                note_failure("%s: it is number %d", rows[i].what, best);
            if (n > 0)
                next_permutation(order, n);
        }
        for (size_t k = 0; k < n; k++)
            chain_unref((Chain *)(uintptr_t)pool[k].candidate.chain);
    }
}

/* Whatever its number, one that was offered and is no better changes nothing. */
static void test_untouched(void)
{
    const Item items[] = { { GOOD, 2, 0, "aa" }, { EXPIRED, 3, 0, "bb" }, { GOOD, 1, 0, "cc" } };
    UploadChoice choice = {}, before;

    for (size_t i = 0; i < ELEMENTSOF(items); i++) {
        PooledUpload u = make(items + i);

        before = choice;
        g_assert_cmpint(upload_choice_offer(&choice, &u, asked, NOW), ==, i == 0);
        if (i == 0)
            continue;
        g_assert_true(choice.best.candidate.chain == before.best.candidate.chain);
        g_assert_cmpuint(choice.best.uploaded, ==, 2);
        chain_unref((Chain *)(uintptr_t)u.candidate.chain);
    }
    chain_unref((Chain *)(uintptr_t)choice.best.candidate.chain);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/upload-choice/table", test_table);
    g_test_add_func("/upload-choice/untouched", test_untouched);
    return g_test_run();
}
