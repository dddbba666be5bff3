/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/path.h"

#include <openssl/x509v3.h>

#include "crypto/algorithm.h"
#include "crypto/upload.h"
#include "util/text.h"

/* Bundles with several ways up. Authorities are letters: "A<B" is A as signed by B, "A<A" its root, "leaf<A" the leaf.
 * What follows after a space is wrong with it. */

#define AUTHORITIES 6

static EVP_PKEY *keys[AUTHORITIES + 1]; /* the last is that of the leaf */

static void keys_make(void)
{
    for (size_t i = 0; i < ELEMENTSOF(keys); i++)
        keys[i] = EVP_EC_gen("P-256");
}

static void keys_done(void)
{
    for (size_t i = 0; i < ELEMENTSOF(keys); i++)
        EVP_PKEY_free(keys[i]);
}

static void add(X509 *x, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *e;

    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    g_assert_nonnull(e);
    g_assert_cmpint(X509_add_ext(x, e, -1), ==, 1);
    X509_EXTENSION_free(e);
}

/* A flaw of an authority, and how long its certificate lasts. */
typedef struct Kind {
    const char *flaw;
    int64_t begin, end; /* days */
    int nid;            /* of an extension; 0: none */
    const char *value;
} Kind;

static const Kind kinds[] = {
    { "", -10, 1000, 0, NULL },
    { "longer", -10, 2000, 0, NULL },
    { "short", -10, 20, 0, NULL },
    { "expired", -1000, -5, 0, NULL },
    { "early", 30, 1000, 0, NULL },
    { "brief", 5, 25, 0, NULL },
    { "constrained", -10, 1000, NID_name_constraints, "critical,permitted;DNS:other.example" },
    { "excluding", -10, 1000, NID_name_constraints, "critical,excluded;DNS:secret.case.example" },
    { "client", -10, 1000, NID_ext_key_usage, "clientAuth" },
    { "silent", -10, 1000, NID_key_usage, "critical,cRLSign" }, /* no keyCertSign */
    { "last", -10, 1000, NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
    { "none", -10, 1000, NID_basic_constraints, "critical,CA:FALSE" },
    { "sha1", -10, 1000, 0, NULL },
};

static X509_NAME *name_of(char authority)
{
    g_autofree char *text =
        authority == 'l' ? g_strdup("www.case.example") : g_strdup_printf("Authority %c", authority);
    X509_NAME *name = X509_NAME_new();

    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0);
    return name;
}

static EVP_PKEY *key_of(char authority)
{
    return keys[authority == 'l' ? AUTHORITIES : authority - 'A'];
}

static X509 *certify(char subject, char issuer, const Kind *kind)
{
    X509_NAME *of = name_of(subject), *by = name_of(issuer);
    X509 *x = X509_new();
    static long serial;

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_set_subject_name(x, of);
    X509_set_issuer_name(x, by);
    X509_NAME_free(of);
    X509_NAME_free(by);
    X509_time_adj_ex(X509_getm_notBefore(x), (int)kind->begin, 0, NULL);
    X509_time_adj_ex(X509_getm_notAfter(x), (int)kind->end, 0, NULL);
    X509_set_pubkey(x, key_of(subject));
    if (subject == 'l') {
        add(x, NID_basic_constraints, "critical,CA:FALSE");
        add(x, NID_subject_alt_name, "DNS:www.case.example,DNS:*.case.example");
    } else if (kind->nid != NID_basic_constraints)
        add(x, NID_basic_constraints, "critical,CA:TRUE");
    if (kind->nid)
        add(x, kind->nid, kind->value);
    add(x, NID_subject_key_identifier, "hash");
    g_assert_cmpint(X509_sign(x, key_of(issuer), streq(kind->flaw, "sha1") ? EVP_sha1() : EVP_sha256()), >,
                    0);
    return x;
}

static const Kind *kind_of(const char *flaw)
{
    for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
        if (streq(kinds[i].flaw, flaw))
            return kinds + i;
    g_assert_not_reached();
}

/* "leaf<A; A<B expired; A<B" */
static STACK_OF(X509) * bundle_of(const char *text, char ***ret_names)
{
    g_auto(GStrv) parts = g_strsplit(text, "; ", -1);
    STACK_OF(X509) *l = sk_X509_new_null();

    for (size_t i = 0; parts[i]; i++) {
        const char *at = strchr(parts[i], '<'), *space = strchr(parts[i], ' ');

        sk_X509_push(l, certify(parts[i][0], at[1], kind_of(space ? space + 1 : "")));
    }
    *ret_names = g_steal_pointer(&parts);
    return l;
}

static void append_part(GString *s, X509 *x, STACK_OF(X509) * l, char *const *names)
{
    for (int i = 0; i < sk_X509_num(l); i++)
        if (x && X509_cmp(sk_X509_value(l, i), x) == 0)
            g_string_append_printf(s, "%s%s", s->len > 0 ? "; " : "", names[i]);
}

/* The first one of the bundle is the leaf. "served / anchor" */
static char *search(const char *text)
{
    g_auto(GStrv) names = NULL;
    _cleanup_x509_stack_ STACK_OF(X509) *l = bundle_of(text, &names);
    g_autoptr(GString) served = g_string_new(NULL), anchor = g_string_new(NULL);
    _cleanup_path_ Path p = {};
    PathQuery query = { .uploaded = l, .now = now_seconds() };

    g_assert_cmpint(path_build(sk_X509_value(l, 0), &query, &p), ==, 0);
    for (int i = 0; i < sk_X509_num(p.served); i++)
        append_part(served, sk_X509_value(p.served, i), l, names);
    append_part(anchor, p.anchor, l, names);
    return g_strdup_printf("%s / %s", served->str, anchor->str);
}

static void test_ways(void)
{
    static const struct {
        const char *bundle, *expected;
    } rows[] = {
        /* an expired cross-certificate, without the root and with it */
        { "leaf<A; A<B; B<C expired", "leaf<A; A<B / " },
        { "leaf<A; A<B; B<C expired; B<B", "leaf<A; A<B / B<B" },
        { "leaf<A; A<B; B<C expired; C<C expired", "leaf<A; A<B / " },
        { "leaf<A; A<B; B<B; B<C expired; C<C expired", "leaf<A; A<B / B<B" },
        /* but an authority that has expired below a valid root is missed */
        { "leaf<A; A<B; B<C expired; C<C", "leaf<A; A<B; B<C expired / C<C" },
        { "leaf<A; A<B expired; B<B", "leaf<A; A<B expired / B<B" },
        /* both issues of a renewed authority */
        { "leaf<A; A<B expired; A<B", "leaf<A; A<B / " },
        { "leaf<A; A<B; A<B expired; B<B", "leaf<A; A<B / B<B" },
        { "leaf<A; A<B short; A<B; B<B", "leaf<A; A<B / B<B" },
        { "leaf<A; A<B; B<B short; B<B longer", "leaf<A; A<B / B<B longer" },
        /* not yet valid */
        { "leaf<A; A<B early; A<B", "leaf<A; A<B / " },
        { "leaf<A; A<B; B<C early; C<C; B<B", "leaf<A; A<B / B<B" },
        { "leaf<A; A<B early; B<B", "leaf<A; A<B early / B<B" },
        { "leaf<A; A<B; B<C early", "leaf<A; A<B / " },
        { "leaf<A; A<B; B<C early; C<C", "leaf<A; A<B / " },
        { "leaf<A; A<B early; A<C brief; B<B; C<C", "leaf<A; A<C brief / C<C" },
        { "leaf<A; A<B early; B<C short; C<C; A<D early; D<D", "leaf<A; A<D early / D<D" },
        { "leaf<A; A<A expired; A<B early; B<B", "leaf<A; A<B early / B<B" },
        /* two ways, each complete: the first, or the only whole one */
        { "leaf<A; A<B; B<B; A<C; C<C", "leaf<A; A<B / B<B" },
        { "leaf<A; A<C; A<B; B<B; C<C", "leaf<A; A<C / C<C" },
        { "leaf<A; A<B; A<C; C<C", "leaf<A; A<C / C<C" },
        { "leaf<A; A<B longer; A<C; C<D; D<D", "leaf<A; A<C; C<D / D<D" },
        /* of what clients do not accept */
        { "leaf<A; A<B constrained; B<B; A<C; C<C", "leaf<A; A<C / C<C" },
        { "leaf<A; A<B constrained; A<C", "leaf<A; A<C / " },
        { "leaf<A; A<B excluding; B<B; A<C; C<C", "leaf<A; A<C / C<C" },
        { "leaf<A; A<B; B<B constrained; A<C; C<C", "leaf<A; A<C / C<C" },
        { "leaf<A; A<B client; A<B; B<B", "leaf<A; A<B / B<B" },
        { "leaf<A; A<B silent; A<B; B<B", "leaf<A; A<B / B<B" },
        { "leaf<A; A<B none; A<B; B<B", "leaf<A; A<B / B<B" },
        { "leaf<A; A<B sha1; A<B; B<B", "leaf<A; A<B / B<B" },
        { "leaf<A; A<B; B<C last; C<C; B<D; D<D", "leaf<A; A<B; B<D / D<D" },
        { "leaf<A; A<B; B<B sha1", "leaf<A; A<B / B<B sha1" },
        { "leaf<A; A<B; B<C sha1; B<B", "leaf<A; A<B / B<B" },
        { "leaf<A; A<B; B<C sha1", "leaf<A; A<B / " },
        { "leaf<A; A<B; B<C last", "leaf<A; A<B; B<C last / " },
        { "leaf<A; A<B none; B<B", "leaf<A; A<B none / B<B" },
        { "leaf<A; A<B; B<C none", "leaf<A; A<B; B<C none / " },
        /* a cross-certificate is served as long as it does no harm */
        { "leaf<A; A<B; B<B; B<C; C<C", "leaf<A; A<B; B<C / C<C" },
        { "leaf<A; A<B; B<B; B<C short; C<C", "leaf<A; A<B / B<B" },
        /* circles */
        { "leaf<A; A<B; B<C; C<A; C<B", "leaf<A; A<B; B<C / " },
        { "leaf<A; A<B; B<C; C<A; C<B; B<D; D<C; D<D", "leaf<A; A<B; B<D / D<D" },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        g_autofree char *found = search(rows[i].bundle);

        if (!streq(found, rows[i].expected))
            note_failure("%s: %s, and not %s", rows[i].bundle, found, rows[i].expected);
    }
}

/* ---- forests made at random, and a search for the best way without any cunning */

typedef struct Tree {
    char subject, issuer;
    const Kind *kind;
    X509 *x;
} Tree;

#define TREES 13

typedef struct Forest {
    Tree trees[TREES]; /* the leaf first */
    size_t n;
} Forest;

static void forest_done(Forest *f)
{
    for (size_t i = 0; i < f->n; i++)
        X509_free(f->trees[i].x);
}
#define _cleanup_forest_ _cleanup_(forest_done)

static void plant(Forest *f, char subject, char issuer, const Kind *kind)
{
    f->trees[f->n++] = (Tree){ subject, issuer, kind, certify(subject, issuer, kind) };
}

/* Most certificates are good, and some authorities have a root. */
static Forest forest_make(GRand *random)
{
    int n = g_rand_int_range(random, 2, AUTHORITIES + 1), size = g_rand_int_range(random, 2, TREES);
    Forest f = {};

    plant(&f, 'l', (char)('A' + g_rand_int_range(random, 0, MIN(n, 2))), kinds);
    for (int i = 0; i < size; i++) {
        int subject = g_rand_int_range(random, 0, n), issuer = g_rand_int_range(random, 0, n);
        const Kind *kind =
            kinds + (g_rand_int_range(random, 0, 3) > 0 ? g_rand_int_range(random, 0, 3)
                                                        : g_rand_int_range(random, 0, ELEMENTSOF(kinds)));

        plant(&f, (char)('A' + subject), (char)('A' + issuer), kind);
    }
    return f;
}

static char *forest_describe(const Forest *f)
{
    GString *s = g_string_new(NULL);

    for (size_t i = 0; i < f->n; i++)
        g_string_append_printf(s, "%s%c<%c %s", i > 0 ? "; " : "", f->trees[i].subject, f->trees[i].issuer,
                               f->trees[i].kind->flaw);
    return g_string_free(s, FALSE);
}

/* From when until when a way is accepted; begin INT64_MAX: never. */
typedef struct Span {
    int64_t begin, end;
} Span;

static bool span_is_better(Span a, Span b)
{
    return a.begin != b.begin ? a.begin < b.begin : a.begin != INT64_MAX && a.end > b.end;
}

static Span span_of(const Forest *f, const size_t *way, size_t n)
{
    Span span = { 0, INT64_MAX };

    for (size_t i = 0; i < n; i++) {
        span.begin = MAX(span.begin, f->trees[way[i]].kind->begin);
        span.end = MIN(span.end, f->trees[way[i]].kind->end);
    }
    return span;
}

static bool excludes(const Forest *f, const size_t *way, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (streq(f->trees[way[i]].kind->flaw, "excluding"))
            return true;
    return false;
}

/* The last one is a root, which is trusted; all others are given. */
static bool openssl_accepts(const Forest *f, const size_t *way, size_t n, int64_t day)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *given = sk_X509_new_null();
    bool accepted;

    for (size_t i = 1; i + 1 < n; i++)
        sk_X509_push(given, f->trees[way[i]].x);
    X509_STORE_add_cert(store, f->trees[way[n - 1]].x);
    X509_STORE_CTX_init(context, store, f->trees[way[0]].x, given);
    X509_STORE_CTX_set_time(context, 0, (time_t)(now_seconds() + day * DAY + 60));
    X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context), 1);
    accepted = X509_verify_cert(context) > 0;
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    sk_X509_free(given);
    return accepted && !excludes(f, way, n);
}

static bool has(const Forest *f, const size_t *way, size_t n, char authority)
{
    for (size_t i = 0; i < n; i++)
        if (f->trees[way[i]].subject == authority)
            return true;
    return false;
}

static void walk(const Forest *f, size_t *way, size_t n, Span *best)
{
    const Tree *last = f->trees + way[n - 1];

    if (last->subject == last->issuer) {
        Span span = span_of(f, way, n);

        if (span_is_better(span, *best) && openssl_accepts(f, way, n, span.begin))
            *best = span;
        return;
    }
    for (size_t i = 1; i < f->n; i++)
        if (f->trees[i].subject == last->issuer && !has(f, way, n, last->issuer)) {
            way[n] = i;
            walk(f, way, n + 1, best);
        }
}

static Span longest(const Forest *f)
{
    size_t way[TREES + 1] = { 0 };
    Span best = { INT64_MAX, 0 };

    walk(f, way, 1, &best);
    return best;
}

static const Tree *tree_of(const Forest *f, X509 *x)
{
    for (size_t i = 0; i < f->n; i++)
        if (X509_cmp(f->trees[i].x, x) == 0)
            return f->trees + i;
    return NULL;
}

static Span span_of_path(const Forest *f, const Path *p)
{
    Span span = { 0, INT64_MAX };
    X509 *x;

    for (int i = 0; (x = path_at(p, i)); i++) {
        span.begin = MAX(span.begin, tree_of(f, x)->kind->begin);
        span.end = MIN(span.end, tree_of(f, x)->kind->end);
    }
    return span;
}

static void check_path(const Forest *f, const char *forest, const Path *p, Span best)
{
    int depth, error = path_verify(p, X509_PURPOSE_SSL_SERVER, now_seconds(), &depth);
    bool accepted = error == X509_V_OK && !path_find_constraining(p);
    Span span = span_of_path(f, p);

    if (best.begin == INT64_MAX) {
        if (accepted && p->anchor && span.begin <= span.end)
            note_failure("%s: a way was found that was not there", forest);
    } else if (accepted && !p->anchor && span.begin < best.begin)
        return; /* what can be served now is not held back */
    else if (!accepted || !p->anchor || span.begin != best.begin || span.end != best.end)
        note_failure("%s: %s, %s, days %lld to %lld and not %lld to %lld", forest,
                     X509_verify_cert_error_string(error), p->anchor ? "whole" : "cut short",
                     (long long)span.begin, (long long)span.end, (long long)best.begin, (long long)best.end);
}

/* A bundle with a whole way that is accepted is taken, but for certificates that have nothing to do with it. */
static void check_upload(const Forest *f, const char *forest, GRand *random)
{
    const UploadContext context = { .now = now_seconds() };
    _cleanup_imported_ Imported *i = calloc(1, sizeof(Imported));
    _cleanup_upload_result_ UploadResult result = {};
    size_t first = (size_t)g_rand_int_range(random, 0, (gint32)f->n);
    const Problem *problem;

    g_assert_cmpint(pkey_to_pkcs8(keys[AUTHORITIES], &i->key), ==, 0);
    for (size_t n = 0; n < f->n; n++)
        g_assert_cmpint(asn1_to_der(f->trees[(first + n) % f->n].x, ASN1_ITEM_rptr(X509),
                                    i->certificates + i->n_certificates++),
                        ==, 0);
    g_assert_cmpint(upload_examine(i, &context, &result), ==, 0);
    problem = report_first_problem(&result.report);
    if (problem && !strstr(problem->text, "does not belong"))
        note_failure("%s: %s", forest, problem->text);
}

static void test_random(void)
{
    const Sample of = sample_of(600);
    g_autoptr(GRand) random = g_rand_new_with_seed(of.seed);
    int n_accepted = 0;

    for (int i = 0; i < of.n; i++) {
        _cleanup_forest_ Forest f = forest_make(random);
        _cleanup_x509_stack_ STACK_OF(X509) *l = sk_X509_new_null();
        g_autofree char *forest = forest_describe(&f);
        _cleanup_path_ Path p = {};
        PathQuery query = { .uploaded = l, .now = now_seconds() };
        Span best = longest(&f);

        for (size_t n = 1; n < f.n; n++)
            if (X509_up_ref(f.trees[n].x) > 0)
                sk_X509_push(l, f.trees[n].x);
        g_assert_cmpint(path_build(f.trees[0].x, &query, &p), ==, 0);
        check_path(&f, forest, &p, best);
        if (best.begin == INT64_MAX)
            continue;
        n_accepted++;
        check_upload(&f, forest, random);
    }
    g_test_message("%d of %d have a way", n_accepted, of.n);
    g_assert_cmpint(n_accepted, >, of.n / 8);
}

/* Each authority signed each other one: the search ends, and what it found is accepted. */
static void test_bounded(void)
{
    _cleanup_x509_stack_ STACK_OF(X509) *known = sk_X509_new_null();
    X509 *leaf = certify('l', 'A', kinds), *root = certify('F', 'F', kinds);
    PathQuery query = { .known = known, .now = now_seconds() };
    _cleanup_path_ Path p = {};
    int depth;

    for (int n = 0; n < 8; n++)
        for (char subject = 'A'; subject <= 'E'; subject++)
            for (char issuer = 'A'; issuer <= 'E'; issuer++)
                if (subject != issuer)
                    sk_X509_push(known, certify(subject, issuer, kinds));
    sk_X509_push(known, certify('E', 'F', kinds));
    sk_X509_push(known, root);
    g_assert_cmpint(path_build(leaf, &query, &p), ==, 0);
    g_assert_true(sk_X509_num(p.served) > 1);
    g_assert_cmpint(path_verify(&p, X509_PURPOSE_SSL_SERVER, now_seconds(), &depth), ==, X509_V_OK);
    X509_free(leaf);
}

int main(int argc, char *argv[])
{
    int status;

    fixture_init(&argc, &argv);
    keys_make();
    g_test_add_func("/path-search/ways", test_ways);
    g_test_add_func("/path-search/random", test_random);
    g_test_add_func("/path-search/bounded", test_bounded);
    status = g_test_run();
    keys_done();
    return status;
}
