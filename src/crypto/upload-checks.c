/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "core/limits.h"
#include "crypto/algorithm.h"
#include "crypto/permission.h"
#include "crypto/upload-internal.h"
#include "util/text.h"

#define SUBJECT_MAX 200  /* bytes of a subject that are quoted */
#define NAMES_MAX   1000 /* and of a list of names */

/* The subject, for messages. */
const char *subject_of(X509 *x, char buffer[static 256])
{
    _cleanup_free_ char *text = NULL;

    if (x509_name_to_text(X509_get_subject_name(x), &text) >= 0 && snprintf(buffer, 256, "%s", text) < 256)
        return buffer;
    free(TAKE_PTR(text));
    if (x509_serial_to_text(X509_get0_serialNumber(x), &text) < 0 ||
        snprintf(buffer, 256, "with serial number %s", text) < 0)
        strcpy(buffer, "?");
    return buffer;
}

static int decode_known(Examination *e)
{
    char *const *chains = e->context->chains;

    e->known = sk_X509_new_null();
    if (!e->known)
        return -ENOMEM;
    for (size_t i = 0; chains && chains[i]; i++) {
        _cleanup_x509_stack_ STACK_OF(X509) *l = NULL;

        if (x509_list_from_pem(chains[i], &l) >= 0 && X509_add_certs(e->known, l, X509_ADD_FLAG_UP_REF) <= 0)
            return -ENOMEM;
    }
    return 0;
}

int upload_check_key(Examination *e, X509 *x)
{
    char whose[64] = "A certificate of the chain";

    for (int i = 0; i < sk_X509_num(e->certificates); i++)
        if (sk_X509_value(e->certificates, i) == x)
            snprintf(whose, sizeof(whose), "Certificate %d of the upload", i + 1);
    return x509_check_key(x, whose, problem_of(e, CHECK_KEY));
}

static void check_leftovers(Examination *e)
{
    X509 *x = path_find_unrelated(&e->path, e->certificates);

    if (x)
        (void)problem_set(
            problem_of(e, CHECK_CHAIN), PROBLEM_CHAIN_INCOMPLETE,
            "The certificate \"%s\" does not belong to the chain of the leaf: the one that it signed "
            "is missing, or it is unrelated. Add the missing one, or remove this one.",
            SUBJECT(x));
}

/* Returns true if the issuer named by the last certificate is wrong. A root with a key of a type that cannot be examined
 * is not, as it is not served. */
static bool check_pretender(Examination *e, X509 *last)
{
    X509 *x = e->path.pretender;
    EVP_PKEY *key = x ? X509_get0_pubkey(x) : NULL;
    bool needed =
        sk_X509_num(e->path.served) == 1 || e->context->authority || (x && !x509_is_self_signed(x));

    if (!x || (!needed && !(key && pkey_can_verify(key))))
        return false;
    if (upload_check_key(e, x) >= 0)
        (void)problem_set(
            problem_of(e, CHECK_SIGNATURES), PROBLEM_INVALID_BUNDLE,
            "The certificate \"%s\" names \"%s\" as its issuer, which did not sign it: one of the two "
            "is damaged or outdated.",
            SUBJECT(last), SUBJECT(x));
    return true;
}

/* Makes the caller look for another certificate of the issuer. */
static int note_missing_issuer(Examination *e, X509 *x)
{
    int r = x509_name_to_text(X509_get_issuer_name(x), &e->result->missing_issuer);

    return r < 0 ? r : x509_issuer_urls(x, &e->result->issuer_urls);
}

/* An authority that has expired may have been renewed. */
static int look_for_renewed(Examination *e)
{
    for (int i = 1; i < sk_X509_num(e->path.served); i++)
        if (asn1_time_to_seconds(X509_get0_notAfter(sk_X509_value(e->path.served, i))) < e->context->now)
            return e->result->missing_issuer ? 0
                                             : note_missing_issuer(e, sk_X509_value(e->path.served, i - 1));
    return 0;
}

/* Roots need not be sent, so a chain may end below an unknown one. A single leaf may not, since no authority
 * whose root clients have signs with the root. */
static int check_end(Examination *e)
{
    X509 *last = sk_X509_value(e->path.served, sk_X509_num(e->path.served) - 1);
    int r;

    if (e->path.anchor)
        return 0;
    if (check_pretender(e, last))
        return 0;
    if (e->path.expired_root && (sk_X509_num(e->path.served) == 1 || e->context->authority))
        (void)problem_set(problem_of(e, CHECK_VALIDITY), PROBLEM_EXPIRED,
                          "The root \"%s\", which signed \"%s\", has expired.",
                          SUBJECT(e->path.expired_root), SUBJECT(last));
    if (e->path.expired_root)
        return 0;
    r = note_missing_issuer(e, last);
    if (r < 0)
        return r;
    if (sk_X509_num(e->path.served) == 1 || e->context->authority)
        (void)problem_set(
            problem_of(e, CHECK_CHAIN), PROBLEM_CHAIN_INCOMPLETE,
            "The certificate of \"%s\", which signed \"%s\", is missing; add it to the upload%s.",
            QUOTE(e->result->missing_issuer, SUBJECT_MAX), SUBJECT(last),
            e->context->authority ? ", and so on up to the root" : "");
    return 0;
}

static const char *why_left_out(Examination *e, X509 *x)
{
    int64_t now = e->context->now;

    if (asn1_time_to_seconds(X509_get0_notAfter(x)) < now)
        return " (expired)";
    return asn1_time_to_seconds(X509_get0_notBefore(x)) > now ? " (not valid yet)" : "";
}

static bool is_used(const Path *p, X509 *x)
{
    return x509_list_contains(p->served, x) || (p->anchor && X509_cmp(p->anchor, x) == 0) ||
           (p->expired_root && X509_cmp(p->expired_root, x) == 0);
}

/* The end of a sentence. */
static char *describe_left_out(Examination *e)
{
    char *text = strdup("");

    for (int i = 0; text && i < sk_X509_num(e->certificates); i++) {
        X509 *x = sk_X509_value(e->certificates, i);
        _cleanup_free_ char *before = text;

        if (is_used(&e->path, x))
            text = TAKE_PTR(before);
        else if (asprintf(&text, "%s%s \"%s\"%s", before,
                          *before ? "," : "; not needed and left out:", SUBJECT(x), why_left_out(e, x)) < 0)
            text = NULL;
    }
    return text;
}

static void report_chain(Examination *e)
{
    const char *completed = e->path.completed ? ", completed with known certificates" : "";
    _cleanup_free_ char *left_out = describe_left_out(e);
    UploadReport *report = &e->result->report;
    int n = sk_X509_num(e->path.served);

    if (e->path.expired_root)
        report_pass(report, CHECK_CHAIN,
                    "%d certificates; the root \"%s\", which signed the last one, has expired%s.", n,
                    SUBJECT(e->path.expired_root), strempty(left_out));
    else if (!e->path.anchor)
        report_pass(report, CHECK_CHAIN,
                    "%d certificates%s; \"%s\", the issuer of the last one, is unknown%s.", n, completed,
                    QUOTE(e->result->missing_issuer, SUBJECT_MAX), strempty(left_out));
    else if (e->path.anchor == e->leaf)
        report_pass(report, CHECK_CHAIN, "It is self-signed%s.", strempty(left_out));
    else
        report_pass(report, CHECK_CHAIN, "%d certificate%s%s, up to the root \"%s\"%s.", n,
                    n == 1 ? "" : "s", completed, SUBJECT(e->path.anchor), strempty(left_out));
}

static void check_authorities(Examination *e)
{

    for (int i = 1; i < sk_X509_num(e->path.served); i++) {
        X509 *x = sk_X509_value(e->path.served, i);

        if (X509_check_ca(x) != 1)
            (void)problem_set(problem_of(e, CHECK_CHAIN), PROBLEM_CHAIN_INCOMPLETE,
                              "The certificate \"%s\" signed the one before it, but is not an authority.",
                              SUBJECT(x));
        (void)upload_check_key(e, x);
    }
}

int upload_check_path(Examination *e)
{
    PathQuery query = { .uploaded = e->certificates,
                        .directory = e->context->directory,
                        .for_authority = e->context->authority,
                        .now = e->context->now };
    int r;

    r = decode_known(e);
    query.known = e->known;
    if (r >= 0)
        r = path_build(e->leaf, &query, &e->path);
    if (r == -E2BIG)
        return problem_set(problem_of(e, CHECK_CHAIN), PROBLEM_LIMITS_EXCEEDED,
                           "The chain has more than %d certificates.", LIMIT_CHAIN);
    if (r < 0)
        return r;
    r = check_end(e);
    if (r >= 0)
        r = look_for_renewed(e);
    if (problem_of(e, CHECK_SIGNATURES)->code == PROBLEM_NONE) {
        check_leftovers(e);
        check_authorities(e);
    }
    return r;
}

static void check_signatures(Examination *e)
{
    for (int i = 0; i < sk_X509_num(e->path.served); i++) {
        X509 *x = sk_X509_value(e->path.served, i);
        int digest;

        if (!x509_signature_is_strong(x, &digest))
            (void)problem_set(problem_of(e, CHECK_SIGNATURES), PROBLEM_WEAK_KEY,
                              "The certificate \"%s\" is signed with %s, which is broken or unknown.",
                              SUBJECT(x), digest == NID_undef ? "an algorithm" : OBJ_nid2sn(digest));
    }
}

static void check_validity_of(Examination *e, X509 *x, int64_t *begin, int64_t *end)
{
    int64_t not_after = asn1_time_to_seconds(X509_get0_notAfter(x));

    *begin = MAX(*begin, asn1_time_to_seconds(X509_get0_notBefore(x)));
    *end = MIN(*end, not_after);
    if (not_after < e->context->now)
        (void)problem_set(problem_of(e, CHECK_VALIDITY), PROBLEM_EXPIRED,
                          "The certificate \"%s\" has expired, at %s.", SUBJECT(x),
                          moment_to_text(not_after, (char[MOMENT_SIZE]){ 0 }));
}

static void check_validity(Examination *e)
{
    int64_t begin = INT64_MIN, end = INT64_MAX;
    char from[MOMENT_SIZE], to[MOMENT_SIZE];
    X509 *x;

    for (int i = 0; (x = path_at(&e->path, i)); i++)
        check_validity_of(e, x, &begin, &end);
    moment_to_text(begin, from);
    moment_to_text(end, to);
    if (begin > e->context->now)
        report_pass(&e->result->report, CHECK_VALIDITY,
                    "It is not valid yet: it is held back until %s, and valid until %s.", from, to);
    else
        report_pass(&e->result->report, CHECK_VALIDITY, "Until %s.", to);
}

static void check_names(Examination *e)
{
    const Chain *chain = e->result->chain;
    const char *missing;
    _cleanup_free_ char *names = strv_join(chain->names, ", ");

    if (e->context->authority)
        return;
    if (chain->n_names == 0)
        (void)problem_set(problem_of(e, CHECK_NAMES), PROBLEM_NAME_MISMATCH,
                          "The leaf contains neither a host name nor an address.");
    else if (!chain_covers(chain, e->context->names, &missing))
        (void)problem_set(problem_of(e, CHECK_NAMES), PROBLEM_NAME_MISMATCH,
                          "The uploaded leaf is not for %s; it has the names %s.", missing,
                          QUOTE(names, NAMES_MAX));
    else
        report_pass(&e->result->report, CHECK_NAMES, "%s.", QUOTE(names, NAMES_MAX));
}

static void check_leaf_purpose(Examination *e)
{
    const char *flaw = x509_server_flaw(e->leaf);

    if (flaw)
        (void)problem_set(problem_of(e, CHECK_PURPOSE), PROBLEM_INVALID_BUNDLE,
                          "The leaf may not be used by a server: %s. Request it again with that.", flaw);
    else
        report_pass(&e->result->report, CHECK_PURPOSE, "It may be used by a server.");
}

static void check_permitted(Examination *e)
{
    X509 *x = path_find_constraining(&e->path);

    if (x)
        (void)problem_set(
            problem_of(e, CHECK_CHAIN), PROBLEM_CHAIN_INCOMPLETE,
            "The authority \"%s\" may not sign for every name of the leaf: its name constraints exclude "
            "one of them, or a name that a wildcard covers. Many clients reject the chain.",
            SUBJECT(x));
}

/* Required of every authority above a leaf during verification. */
static void check_authority_purpose(Examination *e)
{
    X509 *x;

    for (int i = 0; (x = path_at(&e->path, i)); i++)
        if (X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 1) <= 0)
            (void)problem_set(problem_of(e, CHECK_PURPOSE), PROBLEM_NOT_A_CERTIFICATE_AUTHORITY,
                              "The authority \"%s\" may not sign for servers: its extended key usage lacks "
                              "serverAuth.",
                              SUBJECT(x));
    report_pass(&e->result->report, CHECK_PURPOSE, "It may sign certificates for servers.");
}

static void check_path_lengths(Examination *e)
{
    X509 *x = path_find_short(&e->path);

    if (x)
        (void)problem_set(problem_of(e, CHECK_CHAIN), PROBLEM_CHAIN_INCOMPLETE,
                          "The authority \"%s\" does not permit that many authorities below it.",
                          SUBJECT(x));
}

static ProblemCode code_of_verification(int error)
{
    switch (error) {
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_SUBTREE_MINMAX:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
    case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
    case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
        return PROBLEM_CHAIN_INCOMPLETE;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return PROBLEM_EXPIRED;
    case X509_V_ERR_CA_MD_TOO_WEAK:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_EE_KEY_TOO_SMALL:
        return PROBLEM_WEAK_KEY;
    default:
        return PROBLEM_INVALID_BUNDLE;
    }
}

/* Catches everything not checked here: the verdict of the library that most clients use. */
static void verify(Examination *e)
{
    int purpose = e->context->authority ? X509_PURPOSE_ANY : X509_PURPOSE_SSL_SERVER, depth;
    int error = path_verify(&e->path, purpose, e->context->now, &depth);
    X509 *x = path_at(&e->path, depth);
    Check check = CHECK_CHAIN;

    if (error == X509_V_OK)
        return;
    if (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID)
        check = CHECK_VALIDITY;
    else if (error == X509_V_ERR_CERT_SIGNATURE_FAILURE || error == X509_V_ERR_CA_MD_TOO_WEAK)
        check = CHECK_SIGNATURES;
    else if (error == X509_V_ERR_INVALID_PURPOSE)
        check = CHECK_PURPOSE;
    (void)problem_set(problem_of(e, check), code_of_verification(error),
                      "Clients will not accept the chain; at the certificate \"%s\": %s.",
                      x ? SUBJECT(x) : "?", X509_verify_cert_error_string(error));
}

/* Clients look up an issuer by name and key identifier, and stop at the first match (RFC 5280 section
 * 4.2.1.2). */
static bool can_be_mistaken(X509 *x, X509 *other)
{
    const ASN1_OCTET_STRING *a = X509_get0_subject_key_id(x), *b = X509_get0_subject_key_id(other);

    return X509_NAME_cmp(X509_get_subject_name(x), X509_get_subject_name(other)) == 0 &&
           EVP_PKEY_eq(X509_get0_pubkey(x), X509_get0_pubkey(other)) != 1 &&
           (!a || !b || ASN1_OCTET_STRING_cmp(a, b) == 0);
}

/* Clients must be able to find the issuer of what the authority signs, and nobody above it. */
static void check_is_distinct(Examination *e)
{
    X509 *x;

    for (int i = 1; (x = path_at(&e->path, i)); i++)
        if (can_be_mistaken(e->leaf, x))
            (void)problem_set(
                problem_of(e, CHECK_CHAIN), PROBLEM_INVALID_BUNDLE,
                "The authority and another one above it are both called \"%s\", with different keys "
                "and without key identifiers that tell them apart, so clients would not find "
                "the issuer; create the authority again with a subject key identifier.",
                SUBJECT(e->leaf));
}

void upload_check_all(Examination *e)
{
    check_signatures(e);
    check_validity(e);
    check_names(e);
    if (e->context->authority) {
        check_authority_purpose(e);
        check_path_lengths(e);
        check_is_distinct(e);
    } else {
        check_leaf_purpose(e);
        check_permitted(e);
    }
    if (!report_first_problem(&e->result->report))
        verify(e);
    report_chain(e);
    if (problem_of(e, CHECK_CHAIN)->code == PROBLEM_NONE)
        report_pass(&e->result->report, CHECK_SIGNATURES, "All are valid.");
}
