/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mutation.h"

#include <errno.h>
#include <unistd.h>

#include "crypto/container.h"
#include "crypto/inspect.h"
#include "crypto/upload.h"
#include "util/text.h"

/* Two verdicts on the same chains: what is accepted here, no client that is made with OpenSSL may reject. Thousands of
 * uploads are made of good chains by spoiling them; what is served of each that is accepted is given to the program
 * openssl(1) with the anchor that is known. */

#define UPLOADS     10000
#define ROOTS       1600
#define BLOCK       40 /* uploads that are made of one good line */
#define SEED        20240229
#define MEMBERS_MIN 50U /* one in so many of each verdict: otherwise the test says nothing */
#define QUEUE_MAX   100
#define THREADS     2
#define FOREIGN     4
#define COMPLAINTS  8 /* that are told in full */

/* One chain as clients see it. */
typedef struct Served {
    unsigned number;
    const char *leaf, *issuers; /* PEM */
    const char *anchor;         /* NULL: the last of the issuers is trusted */
    int64_t moment;             /* 0: now */
} Served;

/* How often what was decided. */
typedef struct Tally {
    unsigned n_accepted, n_refused, n_of_code[_PROBLEM_MAX];
    unsigned n_judged, n_rejected; /* by openssl, of those that were accepted and differ */
} Tally;

/* The whole is the same each time. Without CERTWRIGHT_TESTS_FULL a few of its blocks are tried, which the seed
 * chooses; with the sanitizers, which take ten times as long and look for something else, fewer. */
static bool everything;
static guint32 seed;

static void choose_sample(void)
{
    const char *full = g_getenv("CERTWRIGHT_TESTS_FULL"), *given = g_getenv("CERTWRIGHT_TESTS_SEED");

    everything = full && !streq(full, "") && !streq(full, "0");
    seed = given ? (guint32)g_ascii_strtoull(given, NULL, 10) : g_random_int();
    g_test_message("seed %u%s", seed, everything ? ", all of it" : ", a sample");
}

/* The first one, and those that the seed chooses of the others. */
static bool sample_has(unsigned block)
{
    const unsigned share = (everything ? 1 : 8) * (ADDRESS_SPACE_IS_LIMITED ? 1 : 4);

    return block == 0 || block % share == seed % share;
}

typedef struct Upload {
    unsigned number;
    char *pem;
} Upload;

static struct {
    Folder folder;
    GThreadPool *pool;
    void (*try)(const Upload *u);
    GMutex lock;       /* for what follows */
    GHashTable *known; /* chains that are judged already */
    Tally tally;
} court;

static char *write_part(const Served *s, const char *what, const char *text)
{
    g_autofree char *name = g_strdup_printf("%u-%s.pem", s->number, what);

    folder_write(&court.folder, name, text);
    return folder_path(&court.folder, name);
}

/* What a client trusts that does not know the anchor, but who is last in the chain. */
static char *last_certificate(const Served *s)
{
    const char *at = s->issuers, *last = s->leaf, *found;

    while ((found = strstr(at, "-----BEGIN"))) {
        last = found;
        at = found + 1;
    }
    return g_strdup(last);
}

/* The files are named in the order: leaf, issuers, anchor. */
static int openssl_verify(const Served *s, char *const paths[static 3], char **ret_said)
{
    g_autofree char *moment = g_strdup_printf("%lld", (long long)s->moment);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    const char *const all[] = { "openssl", "verify", "-purpose", "sslserver", "-auth_level", "1" };

    for (size_t i = 0; i < ELEMENTSOF(all); i++)
        g_ptr_array_add(argv, S(all[i]));
    if (*s->issuers) {
        g_ptr_array_add(argv, S("-untrusted"));
        g_ptr_array_add(argv, paths[1]);
    }
    if (s->anchor) {
        g_ptr_array_add(argv, S("-no-CApath"));
        g_ptr_array_add(argv, S("-no-CAstore"));
        g_ptr_array_add(argv, S("-CAfile"));
    } else {
        g_ptr_array_add(argv, S("-partial_chain"));
        g_ptr_array_add(argv, S("-trusted"));
    }
    g_ptr_array_add(argv, paths[2]);
    if (s->moment) {
        g_ptr_array_add(argv, S("-attime"));
        g_ptr_array_add(argv, moment);
    }
    g_ptr_array_add(argv, paths[0]);
    g_ptr_array_add(argv, NULL);
    return run_program((char **)argv->pdata, ret_said);
}

static void judge(const Served *s)
{
    g_autofree char *anchor = s->anchor ? g_strdup(s->anchor) : last_certificate(s), *said = NULL;
    char *const paths[3] = { write_part(s, "leaf", s->leaf), write_part(s, "issuers", s->issuers),
                             write_part(s, "anchor", anchor) };
    bool rejected = openssl_verify(s, paths, &said) != 0;

    g_mutex_lock(&court.lock);
    court.tally.n_judged++;
    court.tally.n_rejected += rejected;
    if (rejected && court.tally.n_rejected <= COMPLAINTS)
        note_failure("upload %u is accepted here, and rejected by openssl verify (at %lld):\n%s\n"
                     "leaf\n%sissuers\n%s%s\n%s",
                     s->number, (long long)s->moment, said, s->leaf, s->issuers,
                     s->anchor ? "anchor" : "no anchor, the last one is trusted", strempty(s->anchor));
    g_mutex_unlock(&court.lock);
    for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
        (void)unlink(paths[i]);
        g_free(paths[i]);
    }
}

/* Chains that are the same byte for byte need one verdict. */
static void submit(const Served *s)
{
    char *all = g_strconcat(s->leaf, s->issuers, "anchor", strempty(s->anchor), NULL);
    bool is_new;

    g_mutex_lock(&court.lock);
    is_new = g_hash_table_add(court.known, all);
    g_mutex_unlock(&court.lock);
    if (is_new)
        judge(s);
}

static void on_upload(gpointer data, gpointer userdata _unused_)
{
    Upload *u = data;

    court.try(u);
    g_free(u->pem);
    g_free(u);
}

/* OpenSSL keeps errors for each thread, and GLib ends its threads when it likes. */
static void judge_upload(gpointer data, gpointer userdata)
{
    on_upload(data, userdata);
    OPENSSL_thread_stop();
}

static void court_begin(void (*try)(const Upload *u))
{
    court.folder = folder_new();
    court.try = try;
    court.known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    court.tally = (Tally){};
    court.pool = g_thread_pool_new(judge_upload, NULL, THREADS, TRUE, NULL);
    key_ring_make();
}

static void court_give(unsigned number, char *pem)
{
    Upload *u = g_new(Upload, 1);

    *u = (Upload){ number, pem };
    while (g_thread_pool_unprocessed(court.pool) > QUEUE_MAX)
        g_usleep(1000);
    g_thread_pool_push(court.pool, u, NULL);
}

static void court_end(void)
{
    g_thread_pool_free(court.pool, FALSE, TRUE);
    g_hash_table_unref(court.known);
    folder_done(&court.folder);
    key_ring_done();
}

static void tally_tell(const Tally *t, unsigned n_uploads)
{
    g_autoptr(GString) codes = g_string_new(NULL);

    for (ProblemCode c = 0; c < _PROBLEM_MAX; c++)
        if (t->n_of_code[c] > 0)
            g_string_append_printf(codes, ", %s %u", problem_code_to_string(c), t->n_of_code[c]);
    g_test_message(
        "%u accepted, %u of them different, which openssl verify judged: %u rejected; %u refused%s",
        t->n_accepted, t->n_judged, t->n_rejected, t->n_refused, codes->str);
    g_assert_cmpuint(t->n_judged, >, n_uploads / MEMBERS_MIN);
    g_assert_cmpuint(t->n_refused, >, n_uploads / MEMBERS_MIN);
    g_assert_cmpuint(t->n_rejected, ==, 0);
}

/* What is thought of an upload here. */

/* problem NULL: it is accepted. */
static void note_decision(const Problem *problem)
{
    g_mutex_lock(&court.lock);
    if (!problem)
        court.tally.n_accepted++;
    else {
        g_assert_cmpint(problem->code, !=, PROBLEM_NONE);
        g_assert_nonnull(problem->text);
        court.tally.n_refused++;
        court.tally.n_of_code[problem->code]++;
    }
    g_mutex_unlock(&court.lock);
}

static int64_t later_begin(int64_t begin, const char *pem)
{
    _cleanup_chain_ Chain *chain = NULL;

    g_assert_cmpint(chain_from_pem(pem, &chain), ==, 0);
    for (unsigned i = 0; i < chain->n_entries; i++)
        begin = MAX(begin, chain->entries[i].not_before);
    return begin;
}

/* When all parts of it are valid; 0: now. */
static int64_t moment_of(const Bundle *b)
{
    int64_t begin = later_begin(0, b->leaf);

    if (*b->issuers)
        begin = later_begin(begin, b->issuers);
    if (b->anchor)
        begin = later_begin(begin, b->anchor);
    return begin > now_seconds() ? begin : 0;
}

/* Both steps in one process. NULL: refused. */
static Bundle *understand(const char *pem, bool authority)
{
    const UploadContext context = { .authority = authority, .now = now_seconds() };
    const ContainerInput input = { pem, strlen(pem) };
    _cleanup_upload_result_ UploadResult result = {};
    _cleanup_imported_ Imported *imported = NULL;
    _cleanup_problem_ Problem problem = {};

    if (container_read(&input, NULL, NULL, &imported, &problem) < 0) {
        note_decision(&problem);
        return NULL;
    }
    g_assert_cmpint(upload_examine(imported, &context, &result), ==, 0);
    g_assert_true(!result.bundle == (report_first_problem(&result.report) != NULL));
    note_decision(report_first_problem(&result.report));
    return TAKE_PTR(result.bundle);
}

/* Served by itself, a leaf that is signed by itself is its own anchor. */
static char *anchor_of_leaf(const Bundle *b)
{
    const ChainEntry *leaf = chain_leaf(b->chain);

    if (b->anchor)
        return strdup(b->anchor);
    return b->chain->n_entries == 1 && streq(leaf->subject, leaf->issuer) ? strdup(b->leaf) : NULL;
}

static void try_leaf(const Upload *u)
{
    _cleanup_bundle_ Bundle *b = understand(u->pem, false);
    g_autofree char *anchor = NULL;

    if (!b)
        return;
    anchor = anchor_of_leaf(b);
    submit(&(Served){ u->number, b->leaf, b->issuers, anchor, moment_of(b) });
}

/* As the local root it signs a leaf, which clients of the anchor have to accept. */
static void try_root(const Upload *u)
{
    static char *names[] = { S("www.example.com"), NULL };
    _cleanup_bundle_ Bundle *b = understand(u->pem, true), *leaf = NULL;
    _cleanup_authority_ Authority *authority = NULL;
    LeafTemplate template = { .names = names, .key_type = KEY_TYPE_ECDSA_P256, .lifetime = 90 * DAY };
    int64_t moment;
    int r;

    if (!b)
        return;
    moment = moment_of(b);
    template.now = moment ? moment : now_seconds();
    if (authority_new(b, 1, template.now, &authority, NULL) < 0) {
        note_failure("upload %u is accepted as the root, and cannot be one:\n%s%s", u->number, b->leaf,
                     b->issuers);
        return;
    }
    r = authority_issue(authority, &template, &leaf, NULL);
    if (r == -ERANGE)
        return; /* its name constraints forbid it */
    g_assert_cmpint(r, ==, 0);
    submit(&(Served){ u->number, leaf->leaf, leaf->issuers, b->anchor ? b->anchor : b->leaf, moment });
}

/* Making them. */

static Line good_line(GRand *random, unsigned n)
{
    PartSpec specs[LINE_MAX_PARTS];

    line_specify(random, n, specs);
    return line_make(random, n, specs);
}

/* Half of the uploads are good lines with some bits changed, half are made anew with something wrong in them. Every
 * eighth of each is as good as it was. */
static char *make_upload(GRand *random, unsigned number, unsigned first, const Line *good,
                         const Line *foreign)
{
    unsigned n = good->n, n_changes = number % 8 == 0 ? 0 : number % 8 == 7 ? 3 : 1;
    PartSpec specs[LINE_MAX_PARTS];
    _cleanup_line_ Line line = {};

    if (number % 2) {
        line = line_copy(good);
        for (unsigned i = 0; i < n_changes; i++)
            line_mutate(random, &line);
    } else {
        line_specify(random, n, specs);
        for (unsigned i = 0; i < n_changes; i++)
            line_spoil(random, n, specs);
        line = line_make(random, n, specs);
    }
    return line_compose(random, &line, first, foreign);
}

/* first: which certificate of the line is uploaded with its key. */
static void try_block(unsigned block, unsigned first, unsigned length, const Line foreign[static FOREIGN])
{
    g_autoptr(GRand) random = g_rand_new_with_seed(SEED + 1 + block);
    _cleanup_line_ Line good = good_line(random, length);

    for (unsigned i = block * BLOCK; i < (block + 1) * BLOCK; i++)
        court_give(i, make_upload(random, i, first, &good, foreign + i % FOREIGN));
}

static void try_many(unsigned n, unsigned first, unsigned length_min, unsigned length_max,
                     void (*try)(const Upload *u))
{
    g_autoptr(GRand) random = g_rand_new_with_seed(SEED);
    Line foreign[FOREIGN];
    unsigned n_tried = 0;

    court_begin(try);
    for (unsigned i = 0; i < FOREIGN; i++)
        foreign[i] = good_line(random, 4);
    for (unsigned block = 0; block < n / BLOCK; block++)
        if (sample_has(block)) {
            try_block(block, first, length_min + block % (length_max - length_min + 1), foreign);
            n_tried += BLOCK;
        }
    for (unsigned i = 0; i < FOREIGN; i++)
        line_done(foreign + i);
    court_end();
    tally_tell(&court.tally, n_tried);
}

static void test_leaves(void)
{
    try_many(UPLOADS, 0, 1, 5, try_leaf);
}

/* The part above the leaf, and what is above that. */
static void test_roots(void)
{
    try_many(ROOTS, 1, 2, 5, try_root);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    choose_sample();
    g_test_add_func("/differential/leaves", test_leaves);
    g_test_add_func("/differential/roots", test_roots);
    return g_test_run();
}
