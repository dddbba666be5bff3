/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/path.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "core/limits.h"
#include "crypto/algorithm.h"
#include "util/text.h"

/* An authority may have several certificates: from several issuers, renewed, or self-signed. Each combination of them is a way up
 * from the leaf. All ways are walked (RFC 4158), depth first, and the best one is kept. An upload alone has a few hundred
 * at most; LIMIT_PATH_STEPS bounds what known certificates add to them. Signatures are checked once for each pair of
 * certificates. */

typedef enum Origin {
    ORIGIN_UPLOADED,
    ORIGIN_KNOWN,
    ORIGIN_DIRECTORY,
} Origin;

/* A certificate, and the certificates that signed it: the likely ones first. */
typedef struct Node {
    X509 *certificate;
    Origin origin;
    int64_t begin, end;
    bool is_root;
    bool is_sound; /* as far as it alone tells, clients accept certificates that it signed */
    bool searched; /* its issuers were searched */
    size_t issuers[LIMIT_PATH_ISSUERS];
    size_t n_issuers;
} Node;

/* The criteria by which one path is better than another, in this order. */
typedef struct Rank {
    bool accepted; /* by clients, apart from faults of the leaf, which are the same on each path */
    int64_t begin; /* now, or when all of it is valid */
    bool whole;    /* up to a root that is valid */
    bool cut;      /* an authority was left out, since it may be a root that clients have */
    int64_t end;   /* of the earliest certificate, with the root */
    int n_foreign; /* certificates that are not from the upload */
} Rank;

typedef struct Search {
    const PathQuery *query;
    Node *nodes;
    size_t n_nodes;
    size_t way[LIMIT_CHAIN]; /* from the leaf up */
    size_t depth;
    unsigned n_steps;
    bool too_long; /* a way has more than LIMIT_CHAIN certificates */
    Rank rank;     /* of the best path so far; its served are NULL: there is none */
    Path best;
} Search;

static void search_done(Search *s)
{
    for (size_t i = 0; i < s->n_nodes; i++)
        X509_free(s->nodes[i].certificate);
    free(s->nodes);
    path_done(&s->best);
}

/* ---- certificates to search among */

static bool is_sound(X509 *x, bool is_root, int64_t end, int64_t now)
{
    return end >= now &&
           (is_root || (X509_check_ca(x) == 1 && x509_signature_is_strong(x, NULL) &&
                        x509_check_key(x, "It", NULL) >= 0)) &&
           X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 1) > 0;
}

static int add_node(Search *s, X509 *x, Origin origin)
{
    Node *grown, *n;

    for (size_t i = 0; i < s->n_nodes; i++)
        if (X509_cmp(s->nodes[i].certificate, x) == 0)
            return 0;
    if (s->n_nodes >= LIMIT_PATH_NODES)
        return 0;
    grown = reallocarray(s->nodes, s->n_nodes + 1, sizeof(Node));
    if (!grown || X509_up_ref(x) <= 0) {
        s->nodes = grown ? grown : s->nodes;
        return -ENOMEM;
    }
    s->nodes = grown;
    n = s->nodes + s->n_nodes++;
    *n = (Node){ .certificate = x,
                 .origin = origin,
                 .begin = asn1_time_to_seconds(X509_get0_notBefore(x)),
                 .end = asn1_time_to_seconds(X509_get0_notAfter(x)),
                 .is_root = x509_is_self_signed(x) };
    n->is_sound = is_sound(x, n->is_root, n->end, s->query->now);
    ERR_clear_error();
    return 0;
}

static int add_list(Search *s, STACK_OF(X509) * l, Origin origin)
{
    int r = 0;

    for (int i = 0; i < sk_X509_num(l) && r >= 0; i++)
        r = add_node(s, sk_X509_value(l, i), origin);
    return r;
}

/* The directory is searched by subject hash, so only a few of its files are read. */
static int add_from_directory(Search *s, const X509_NAME *subject)
{
    _cleanup_context_ X509_STORE_CTX *context = NULL;
    _cleanup_store_ X509_STORE *store = NULL;
    _cleanup_x509_stack_ STACK_OF(X509) *l = NULL;
    X509_LOOKUP *lookup;

    if (isempty(s->query->directory))
        return 0;
    context = X509_STORE_CTX_new();
    store = X509_STORE_new();
    lookup = store ? X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir()) : NULL;
    if (!context || !lookup)
        return -ENOMEM;
    if (X509_LOOKUP_add_dir(lookup, s->query->directory, X509_FILETYPE_PEM) > 0 &&
        X509_STORE_CTX_init(context, store, NULL, NULL) > 0)
        l = X509_STORE_CTX_get1_certs(context, (X509_NAME *)(uintptr_t)subject);
    ERR_clear_error();
    return add_list(s, l, ORIGIN_DIRECTORY);
}

/* ---- issuers */

/* Likely issuers first; then intermediates, as older clients may need the root above; then the order of the upload. */
static bool goes_before(const Search *s, size_t a, size_t b)
{
    const Node *x = s->nodes + a, *y = s->nodes + b;

    if (x->is_sound != y->is_sound)
        return x->is_sound;
    if (x->is_root != y->is_root)
        return y->is_root;
    return x->origin != y->origin ? x->origin < y->origin : a < b;
}

static void add_issuer(Search *s, size_t of, size_t issuer)
{
    Node *n = s->nodes + of;
    size_t at = n->n_issuers;

    if (at == LIMIT_PATH_ISSUERS && goes_before(s, n->issuers[--at], issuer))
        return;
    for (; at > 0 && goes_before(s, issuer, n->issuers[at - 1]); at--)
        n->issuers[at] = n->issuers[at - 1];
    n->issuers[at] = issuer;
    n->n_issuers += n->n_issuers < LIMIT_PATH_ISSUERS;
}

/* Also looks up the root with the name of the certificate, for find_twin(). */
static int find_issuers(Search *s, size_t of)
{
    X509 *x = s->nodes[of].certificate;
    int r;

    if (s->nodes[of].searched)
        return 0;
    s->nodes[of].searched = true;
    if ((r = add_from_directory(s, X509_get_issuer_name(x))) < 0 ||
        (r = add_from_directory(s, X509_get_subject_name(x))) < 0)
        return r;
    for (size_t i = 0; i < s->n_nodes; i++)
        if (i != of && x509_issued(s->nodes[i].certificate, x))
            add_issuer(s, of, i);
    return 0;
}

/* If the issuer of the last one is unknown, it may be the cross-certificate of an authority that also has a
 * self-signed one. */
static const Node *find_twin(const Search *s, const Node *last)
{
    for (size_t i = 0; i < s->n_nodes; i++) {
        const Node *n = s->nodes + i;

        if (n->is_root && n->end >= s->query->now &&
            x509_is_same_authority(n->certificate, last->certificate))
            return n;
    }
    return NULL;
}

/* ---- paths */

/* A way ends at a root, or at an authority with an unknown issuer: both NULL. */
typedef struct End {
    const Node *anchor, *expired_root;
} End;

static Rank rank_of(const Search *s, size_t n, End end, bool cut)
{
    Rank k = { .begin = s->query->now, .whole = end.anchor, .cut = cut, .end = INT64_MAX };

    for (size_t i = 0; i < n; i++) {
        const Node *x = s->nodes + s->way[i];

        k.begin = MAX(k.begin, x->begin);
        k.end = MIN(k.end, x->end);
        k.n_foreign += i > 0 && x->origin != ORIGIN_UPLOADED;
    }
    if (end.anchor) {
        k.begin = MAX(k.begin, end.anchor->begin);
        k.end = MIN(k.end, end.anchor->end);
    }
    return k;
}

static bool is_better(const Rank *a, const Rank *b)
{
    if (a->accepted != b->accepted)
        return a->accepted;
    if (a->begin != b->begin)
        return a->begin < b->begin;
    if (a->whole != b->whole)
        return a->whole;
    if (a->cut != b->cut)
        return b->cut;
    return a->end != b->end ? a->end > b->end : a->n_foreign < b->n_foreign;
}

static int make_path(const Search *s, size_t n, End end, Path *ret)
{
    _cleanup_path_ Path p = { .served = sk_X509_new_null() };

    if (!p.served)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const Node *x = s->nodes + s->way[i];

        if (X509_up_ref(x->certificate) <= 0 || sk_X509_push(p.served, x->certificate) <= 0)
            return -ENOMEM;
        p.completed |= i > 0 && x->origin != ORIGIN_UPLOADED;
    }
    if (end.anchor && X509_up_ref(p.anchor = end.anchor->certificate) <= 0)
        return -ENOMEM;
    if (end.expired_root && X509_up_ref(p.expired_root = end.expired_root->certificate) <= 0)
        return -ENOMEM;
    *ret = p;
    p = (Path){};
    return 0;
}

static bool all_are_sound(const Search *s, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (!s->nodes[s->way[i]].is_sound)
            return false;
    return true;
}

/* Keeps the first n certificates of the way if they are the best path so far. */
static int consider(Search *s, size_t n, End end, bool cut)
{
    _cleanup_path_ Path p = {};
    Rank k = rank_of(s, n, end, cut);
    int r;

    k.accepted = (end.anchor || (n > 1 && !s->query->for_authority)) && all_are_sound(s, n) &&
                 (k.begin <= k.end || s->nodes[0].end < s->query->now);
    if (s->best.served && !is_better(&k, &s->rank))
        return 0;
    r = make_path(s, n, end, &p);
    if (r < 0)
        return r;
    k.accepted = k.accepted && path_is_acceptable(&p, s->query->for_authority, s->query->now);
    if (s->best.served && !is_better(&k, &s->rank))
        return 0;
    path_done(&s->best);
    s->best = p;
    s->rank = k;
    p = (Path){};
    return 0;
}

/* An authority that has expired, is not valid yet, or is signed in an old way may have got this certificate in addition
 * to others, and may be a root that clients have. This is not so if a valid root is above it here, unless it is to be
 * valid later. A leaf is not served alone for it. */
static int consider_cut(Search *s, bool below_root)
{
    int64_t now = s->query->now;
    int r = 0;

    for (size_t n = s->depth - 1; n >= 2 && r >= 0; n--) {
        const Node *x = s->nodes + s->way[n];
        bool outdated = x->end < now || !x509_signature_is_strong(x->certificate, NULL);

        if (X509_check_ca(x->certificate) == 1 && (x->begin > now || (outdated && !below_root)))
            r = consider(s, n, (End){}, true);
    }
    return r;
}

static int end_at_root(Search *s, const Node *root)
{
    bool valid = root->end >= s->query->now;
    int r = consider(s, s->depth, valid ? (End){ .anchor = root } : (End){ .expired_root = root }, false);

    return r < 0 || s->query->for_authority ? r : consider_cut(s, valid);
}

static int end_below_unknown(Search *s)
{
    const Node *twin = find_twin(s, s->nodes + s->way[s->depth - 1]);
    int r = consider(s, s->depth, (End){ .anchor = twin }, false);

    return r < 0 || twin || s->query->for_authority ? r : consider_cut(s, false);
}

/* The same name and key twice would be a detour. */
static bool is_on_way(const Search *s, const Node *n)
{
    for (size_t i = 0; i < s->depth; i++)
        if (x509_is_same_authority(s->nodes[s->way[i]].certificate, n->certificate))
            return true;
    return false;
}

static int climb(Search *s, size_t at);

/* A certificate whose known issuers are all below it closes a circle, and is needless. */
static int climb_further(Search *s, size_t at)
{
    bool known = false, circle = false;
    int r = find_issuers(s, at);

    for (size_t i = 0; r >= 0 && i < s->nodes[at].n_issuers; i++) {
        size_t next = s->nodes[at].issuers[i];

        if (is_on_way(s, s->nodes + next)) {
            circle = true;
            continue;
        }
        known = true;
        r = s->nodes[next].is_root ? end_at_root(s, s->nodes + next) : climb(s, next);
    }
    if (r < 0 || known)
        return r;
    if (!circle || s->query->for_authority)
        return end_below_unknown(s);
    r = s->depth > 2 ? consider(s, s->depth - 1, (End){}, true) : 0;
    return r < 0 ? r : consider(s, s->depth, (End){}, true);
}

static int climb(Search *s, size_t at)
{
    int r;

    if (++s->n_steps > LIMIT_PATH_STEPS)
        return 0;
    if (s->depth >= LIMIT_CHAIN) {
        s->too_long = true;
        return 0;
    }
    s->way[s->depth++] = at;
    r = s->depth == 1 && s->nodes[at].is_root ? consider(s, 1, (End){ .anchor = s->nodes + at }, false)
                                              : climb_further(s, at);
    s->depth--;
    return r;
}

/* Finds an uploaded certificate that should have signed the last one according to name and key id, but did not. This
 * may be the leaf itself. */
static X509 *find_pretender(STACK_OF(X509) * l, STACK_OF(X509) * served)
{
    int n = sk_X509_num(served);
    X509 *last = sk_X509_value(served, n - 1), *found = NULL;

    for (int i = 0; i < sk_X509_num(l) && !found; i++) {
        X509 *candidate = sk_X509_value(l, i);

        if ((n == 1 || candidate != last) && x509_is_named_issuer(candidate, last) &&
            !x509_issued(candidate, last) && X509_up_ref(candidate) > 0)
            found = candidate;
    }
    return found;
}

int path_build(X509 *x, const PathQuery *query, Path *ret)
{
    _cleanup_(search_done) Search s = { .query = query };
    int r;

    if ((r = add_node(&s, x, ORIGIN_UPLOADED)) < 0 ||
        (r = add_list(&s, query->uploaded, ORIGIN_UPLOADED)) < 0 ||
        (r = add_list(&s, query->known, ORIGIN_KNOWN)) < 0 || (r = climb(&s, 0)) < 0)
        return r;
    if (s.too_long && !s.rank.accepted)
        return -E2BIG;
    if (!s.best.served && (r = make_path(&s, 1, (End){}, &s.best)) < 0)
        return r;
    if (!s.best.anchor && !s.best.expired_root)
        s.best.pretender = find_pretender(query->uploaded, s.best.served);
    *ret = s.best;
    s.best = (Path){};
    return 0;
}
