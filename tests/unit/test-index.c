/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "store/files/index.h"

#include <errno.h>

#include "core/limits.h"
#include "crypto/digest.h"

#define ID "0123456789abcdef0123456789abcdef"

static const JournalPosition position = { ID, 12345 };

static int on_record(Record *rec, void *userdata)
{
    g_ptr_array_add(userdata, rec);
    return 0;
}

static void free_record(gpointer rec)
{
    record_free(rec);
}

static GPtrArray *decode(const void *data, size_t size, int expected)
{
    GPtrArray *l = g_ptr_array_new_with_free_func(free_record);
    JournalPosition p = {};

    g_assert_cmpint(index_decode(data, size, &p, on_record, l), ==, expected);
    if (expected >= 0) {
        g_assert_cmpstr(p.id, ==, ID);
        g_assert_cmpuint(p.offset, ==, 12345);
    }
    return l;
}

static Record *sample(unsigned i)
{
    g_autofree char *name = g_strdup_printf("n%u.example", i);
    char *names[] = { name, S("x"), NULL }, *more[] = { S("y.example"), S("z.example"), NULL };
    Problem problem = { PROBLEM_BUSY, S("text") };
    Record *rec = record_new(i == 0 ? RECORD_ROOT : RECORD_CERTIFICATE, i == 0 ? "root" : name);

    for (Source s = 0; s < _SOURCE_MAX; s++) {
        Chain *c = chain_make(names, (int64_t)i, INT64_MAX - (int64_t)i);

        if ((i >> s) & 1) {
            record_set_slot(rec, s, i + 1, c, UINT64_MAX / 2, 3);
            memset(rec->slots[s].stored.digest, (int)i, sizeof(rec->slots[s].stored.digest));
            rec->slots[s].withdrawn = s == SOURCE_ACME;
            rec->served = s;
        }
        if ((i >> s) & 2)
            g_assert_cmpint(record_block(rec, c, s ? BLOCK_WITHDRAWN : BLOCK_REVOKED, 0), >=, 0);
        chain_unref(c);
    }
    rec->stored.last_generation = i + 7;
    rec->stored.former = i;
    rec->abandoned = i % 2 ? INT64_MAX : 0;
    rec->uploaded = i % 4 ? INT64_MAX - i : 0;
    rec->uploaded_at = i;
    if (i % 3) {
        g_assert_cmpint(
            record_register(rec, &(RegistrationRequest){ "one", more, KEY_TYPE_ED25519, 1, "internal" }), ==,
            0);
        g_assert_cmpint(
            record_register(rec, &(RegistrationRequest){ "two", NULL, _KEY_TYPE_INVALID, 0, NULL }), ==, 0);
        record_set_failure(rec, &problem, 77);
    }
    return rec;
}

static void check_same(const Record *a, const Record *b)
{
    assert_record_equal(a, b);
    g_assert_cmpint(a->uploaded_at, ==, b->uploaded_at);
}

static void test_round_trip(void)
{
    static const size_t counts[] = { 0, 1, 2, 8, 1000 };

    for (size_t k = 0; k < ELEMENTSOF(counts); k++) {
        g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func(free_record), again = NULL;
        _cleanup_free_ void *data = NULL;
        size_t size;

        for (size_t i = 0; i < counts[k]; i++)
            g_ptr_array_add(records, sample((unsigned)i));
        g_assert_cmpint(
            index_encode(&position, (const Record *const *)records->pdata, records->len, &data, &size), ==,
            0);
        again = decode(data, size, 0);
        g_assert_cmpuint(again->len, ==, counts[k]);
        for (size_t i = 0; i < counts[k]; i++)
            check_same(records->pdata[i], again->pdata[i]);
    }
}

/* What is known to be damaged stays so. */
static void test_broken(void)
{
    _cleanup_record_ Record *rec = sample(7);
    const Record *records[] = { rec };
    g_autoptr(GPtrArray) again = NULL;
    _cleanup_free_ void *data = NULL;
    size_t size;

    rec->slots[SOURCE_ACME].broken = true;
    g_assert_cmpint(index_encode(&position, records, 1, &data, &size), ==, 0);
    again = decode(data, size, 0);
    for (Source s = 0; s < _SOURCE_MAX; s++)
        g_assert_cmpint(((Record *)again->pdata[0])->slots[s].broken, ==, s == SOURCE_ACME);
}

static void encode_sample(void **ret, size_t *ret_size)
{
    _cleanup_record_ Record *a = sample(0), *b = sample(7);
    const Record *records[] = { a, b };

    g_assert_cmpint(index_encode(&position, records, 2, ret, ret_size), ==, 0);
}

static void test_flipped(void)
{
    _cleanup_free_ void *data = NULL;
    size_t size;

    encode_sample(&data, &size);
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)data)[i] ^= 1;
        g_ptr_array_unref(decode(data, size, -EBADMSG));
        ((uint8_t *)data)[i] ^= 1;
    }
    for (size_t n = 0; n < size; n++) {
        g_autofree void *part = g_memdup2(data, MAX(n, (size_t)1));

        g_ptr_array_unref(decode(part, n, -EBADMSG));
    }
    g_ptr_array_unref(decode(data, size, 0));
}

/* Whatever stands there with a good checksum: no crash, nothing read beyond the end. */
static void test_nonsense_with_checksum(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    _cleanup_free_ uint8_t *data = NULL;
    size_t size;

    encode_sample((void **)&data, &size);
    for (int i = 0; i < 20000; i++) {
        size_t n = i % 2 ? size : (size_t)g_rand_int_range(random, 17 + DIGEST_SIZE, (gint32)size);
        g_autofree uint8_t *copy = g_memdup2(data, n);
        g_autoptr(GPtrArray) l = g_ptr_array_new_with_free_func(free_record);
        JournalPosition p;

        for (int k = g_rand_int_range(random, 0, 4); k > 0; k--)
            copy[g_rand_int_range(random, 16, (gint32)(n - DIGEST_SIZE))] =
                (uint8_t)g_rand_int_range(random, 0, 256);
        g_assert_cmpint(digest_sha256(copy, n - DIGEST_SIZE, copy + n - DIGEST_SIZE), ==, 0);
        (void)index_decode(copy, n, &p, on_record, l);
    }
}

/* One that another version wrote is not read, however whole it is: it has other members. */
static void test_other_version(void)
{
    _cleanup_free_ uint8_t *data = NULL;
    size_t size;

    encode_sample((void **)&data, &size);
    g_assert_true(g_ascii_isdigit(data[14]));
    data[14]--;
    g_assert_cmpint(digest_sha256(data, size - DIGEST_SIZE, data + size - DIGEST_SIZE), ==, 0);
    g_ptr_array_unref(decode(data, size, -EBADMSG));
}

static int refuse(Record *rec, void *userdata)
{
    unsigned *n = userdata;

    record_free(rec);
    ++*n;
    return -EXDEV;
}

static void test_visitor_ends_it(void)
{
    _cleanup_free_ void *data = NULL;
    JournalPosition p;
    unsigned n = 0;
    size_t size;

    encode_sample(&data, &size);
    g_assert_cmpint(index_decode(data, size, &p, refuse, &n), ==, -EXDEV);
    g_assert_cmpuint(n, ==, 1);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/index/round-trip", test_round_trip);
    g_test_add_func("/index/broken", test_broken);
    g_test_add_func("/index/flipped", test_flipped);
    g_test_add_func("/index/nonsense-with-checksum", test_nonsense_with_checksum);
    g_test_add_func("/index/other-version", test_other_version);
    g_test_add_func("/index/visitor-ends-it", test_visitor_ends_it);
    return g_test_run();
}
