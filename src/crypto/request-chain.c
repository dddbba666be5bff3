/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/name.h"
#include "crypto/account-key.h"
#include "crypto/algorithm.h"
#include "crypto/inspect.h"
#include "crypto/path.h"
#include "crypto/permission.h"
#include "crypto/request.h"
#include "util/text.h"

#define EARLY_MAX 3600 /* seconds; clocks differ */

/* End of sentences about a chain that cannot be repaired here. */
#define BLAME "; contact its operator"

typedef struct Acceptance {
    const char *whose;
    char *const *names;
    int64_t now;
    EVP_PKEY *key;
    STACK_OF(X509) * received; /* as the authority sent them */
    Path path;
    Bundle *bundle;
    Problem *problem;
} Acceptance;

static void acceptance_done(Acceptance *a)
{
    EVP_PKEY_free(a->key);
    sk_X509_pop_free(a->received, X509_free);
    path_done(&a->path);
    bundle_free(a->bundle);
    ERR_clear_error();
}

static X509 *leaf_of(const Acceptance *a)
{
    return sk_X509_value(a->path.served, 0);
}

static int take_certificate(Acceptance *a, const Blob *der)
{
    int n = sk_X509_num(a->received) + 1;
    char which[128];

    if (n > LIMIT_CHAIN)
        return problem_set(a->problem, PROBLEM_LIMITS_EXCEEDED,
                           "%s returned a chain of more than %d certificates" BLAME ".", a->whose,
                           LIMIT_CHAIN);
    snprintf(which, sizeof(which), "Certificate %d of the chain from %s", n, QUOTE(a->whose, 64));
    return x509_list_add_der(a->received, der, which, a->problem);
}

/* A reply that was cut off within a marker would look like text behind the last block. */
static bool ends_within_marker(const char *pem)
{
    size_t size = strlen(pem);
    const char *line;

    while (size > 0 && isspace((unsigned char)pem[size - 1]))
        size--;
    line = memrchr(pem, '\n', size);
    line = line ? line + 1 : pem;
    return line < pem + size && *line == '-' && strncmp(line, "-----END ", 9) != 0;
}

static int count_markers(const char *pem)
{
    int n = 0;

    while ((pem = strstr(pem, "-----BEGIN"))) {
        pem++;
        n++;
    }
    return n;
}

static int take_block(Acceptance *a, const char *label, const uint8_t *der, long size)
{
    const Blob blob = { (uint8_t *)(uintptr_t)der, (size_t)size };

    if (!streq(label, PEM_STRING_X509) && !streq(label, PEM_STRING_X509_OLD))
        return 0;
    return take_certificate(a, &blob);
}

/* OpenSSL knows line ends with LF alone. */
static char *copy_with_lf(const char *pem)
{
    char *copy = strdup(pem);

    for (char *at = copy; at && (at = strchr(at, '\r')); at++)
        if (at[1] != '\n')
            *at = '\n';
    return copy;
}

/* In the lax form of RFC 7468 section 3: with text between blocks, and lines of any length. OpenSSL takes two blocks for one if
 * the end of the first is damaged. */
static int take_blocks(Acceptance *a, const char *pem)
{
    _cleanup_free_ char *text = copy_with_lf(pem);
    _cleanup_bio_ BIO *bio = text ? BIO_new_mem_buf(text, -1) : NULL;
    char *label, *header;
    uint8_t *der;
    int n = 0, r = 0;
    long size;

    if (!bio)
        return -ENOMEM;
    while (r >= 0 && PEM_read_bio(bio, &label, &header, &der, &size) > 0) {
        n++;
        r = take_block(a, label, der, size);
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)size);
    }
    if (r >= 0 && (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE ||
                   n != count_markers(text) || ends_within_marker(text)))
        r = problem_set(a->problem, PROBLEM_INVALID_BUNDLE,
                        "%s returned a chain that is damaged or cut off: what follows certificate %d is not "
                        "PEM (RFC 7468)" BLAME ".",
                        a->whose, sk_X509_num(a->received));
    ERR_clear_error();
    return r;
}

static int take_text(Acceptance *a, const char *pem)
{
    int r;

    if (strnlen(pem, LIMIT_ACME_CHAIN + 1) > LIMIT_ACME_CHAIN)
        return problem_set(a->problem, PROBLEM_LIMITS_EXCEEDED,
                           "%s returned a chain of more than %d bytes" BLAME ".", a->whose,
                           LIMIT_ACME_CHAIN);
    r = take_blocks(a, pem);
    if (r >= 0 && sk_X509_num(a->received) == 0)
        return problem_set(a->problem, PROBLEM_INVALID_BUNDLE,
                           "%s returned a chain without a certificate" BLAME ".", a->whose);
    return r;
}

/* The certificate of the key; if there are several, one that is still valid. */
static X509 *find_leaf(Acceptance *a)
{
    X509 *leaf = NULL;

    for (int i = 0; i < sk_X509_num(a->received); i++) {
        X509 *x = sk_X509_value(a->received, i);

        if (pkey_belongs_to(a->key, x) &&
            (!leaf || asn1_time_to_seconds(X509_get0_notAfter(leaf)) <= a->now))
            leaf = x;
    }
    return leaf;
}

/* Number of a certificate in the reply, from 1. */
static int number_of(const Acceptance *a, X509 *x)
{
    for (int i = 0; i < sk_X509_num(a->received); i++)
        if (X509_cmp(sk_X509_value(a->received, i), x) == 0)
            return i + 1;
    return 0;
}

static int check_keys(Acceptance *a, STACK_OF(X509) * l)
{
    int r = 0;

    for (int i = 0; i < sk_X509_num(l) && r >= 0; i++) {
        X509 *x = sk_X509_value(l, i);
        char which[128];

        snprintf(which, sizeof(which), "Certificate %d of the chain from %s", number_of(a, x),
                 QUOTE(a->whose, 64));
        r = x509_check_key(x, which, a->problem);
    }
    return r;
}

static int leaf_is_missing(Acceptance *a)
{
    int r = check_keys(a, a->received);

    if (r < 0)
        return r;
    return problem_set(a->problem, PROBLEM_KEY_MISMATCH,
                       "%s returned a certificate for another key than the requested one" BLAME ".",
                       a->whose);
}

static int find_path(Acceptance *a)
{
    PathQuery query = { .uploaded = a->received, .now = a->now };
    X509 *leaf = find_leaf(a);
    int r;

    if (!leaf)
        return leaf_is_missing(a);
    if (x509_is_self_signed(leaf))
        return problem_set(a->problem, PROBLEM_INVALID_BUNDLE,
                           "%s returned a certificate that is signed by itself" BLAME ".", a->whose);
    r = path_build(leaf, &query, &a->path);
    return r == -E2BIG ? problem_set(a->problem, PROBLEM_LIMITS_EXCEEDED,
                                     "%s returned a chain of more than %d certificates" BLAME ".", a->whose,
                                     LIMIT_CHAIN)
                       : r;
}

static X509 *last_of(const Acceptance *a)
{
    return sk_X509_value(a->path.served, sk_X509_num(a->path.served) - 1);
}

/* A leaf without its chain is believed if nothing else was sent. */
static X509 *find_stranger(const Acceptance *a)
{
    bool alone = sk_X509_num(a->path.served) == 1 && !a->path.anchor && !a->path.expired_root;

    for (int i = 0; alone && i < sk_X509_num(a->received); i++)
        if (!pkey_belongs_to(a->key, sk_X509_value(a->received, i)))
            return sk_X509_value(a->received, i);
    return path_find_unrelated(&a->path, a->received);
}

/* Order, duplicates, other issuers and roots do not matter; what cannot be explained does. */
static int check_received(Acceptance *a)
{
    X509 *pretender = a->path.pretender, *stranger;
    EVP_PKEY *key = pretender ? X509_get0_pubkey(pretender) : NULL;

    if (key && pkey_can_verify(key))
        return problem_set(a->problem, PROBLEM_CHAIN_INCOMPLETE,
                           "%s returned a chain whose certificate %d names certificate %d as its issuer, "
                           "which did not sign it" BLAME ".",
                           a->whose, number_of(a, last_of(a)), number_of(a, pretender));
    stranger = find_stranger(a);
    return stranger
               ? problem_set(a->problem, PROBLEM_CHAIN_INCOMPLETE,
                             "%s returned a chain whose certificate %d is not above the first one, or the "
                             "one that it signed is missing" BLAME ".",
                             a->whose, number_of(a, stranger))
               : 0;
}

static bool are_addresses(char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        if (!name_is_address(names[i]))
            return false;
    return true;
}

/* A common name alone does not count (RFC 9525 section 2); and the check below takes time for each name. */
static int check_alternative_names(Acceptance *a)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names =
        X509_get_ext_d2i(leaf_of(a), NID_subject_alt_name, NULL, NULL);
    int n = sk_GENERAL_NAME_num(names), n_dns = 0;

    for (int i = 0; i < n; i++)
        n_dns += sk_GENERAL_NAME_value(names, i)->type == GEN_DNS;
    if (n > LIMIT_NAMES)
        return problem_set(a->problem, PROBLEM_LIMITS_EXCEEDED,
                           "%s returned a certificate for more than %d names" BLAME ".", a->whose,
                           LIMIT_NAMES);
    if (n_dns == 0 && !are_addresses(a->names))
        return problem_set(
            a->problem, PROBLEM_NAME_MISMATCH,
            "%s returned a certificate that has no domain name among its subject alternative names" BLAME
            ".",
            a->whose);
    return 0;
}

static int check_leaf(Acceptance *a)
{
    X509 *leaf = leaf_of(a);
    const char *flaw = x509_server_flaw(leaf);
    int r = check_alternative_names(a);

    if (r < 0)
        return r;
    if (X509_get_extension_flags(leaf) & EXFLAG_CA)
        return problem_set(
            a->problem, PROBLEM_INVALID_BUNDLE,
            "%s returned the certificate of an authority (CA:TRUE) instead of a server" BLAME ".", a->whose);
    if (flaw)
        return problem_set(
            a->problem, PROBLEM_INVALID_BUNDLE,
            "%s returned a certificate that may not be used by a server: %s; request another profile "
            "(Profile=), or contact its operator.",
            a->whose, flaw);
    return 0;
}

static int check_validity_of(Acceptance *a, X509 *x)
{
    int n = number_of(a, x);

    if (asn1_time_to_seconds(X509_get0_notAfter(x)) <= a->now)
        return problem_set(
            a->problem, PROBLEM_EXPIRED,
            "%s returned a chain whose certificate %d has expired; check that the clock of this "
            "machine is right, or contact the operator of that authority.",
            a->whose, n);
    if (asn1_time_to_seconds(X509_get0_notBefore(x)) > a->now + EARLY_MAX)
        return problem_set(
            a->problem, PROBLEM_INVALID_BUNDLE,
            "%s returned a chain whose certificate %d is not valid yet; check that the clock of "
            "this machine is right, or contact the operator of that authority.",
            a->whose, n);
    return 0;
}

static int check_validity(Acceptance *a)
{
    X509 *x;
    int r = 0;

    for (int i = 0; r >= 0 && (x = path_at(&a->path, i)); i++)
        r = check_validity_of(a, x);
    return r;
}

static int check_names(Acceptance *a)
{
    const char *missing;

    if (chain_covers(a->bundle->chain, a->names, &missing))
        return 0;
    return problem_set(a->problem, PROBLEM_NAME_MISMATCH,
                       "%s returned a certificate that is not for %s" BLAME ".", a->whose, missing);
}

/* Everything without its own message: key usage, path lengths, name constraints, broken digests. */
static int check_path(Acceptance *a)
{
    int depth, error = path_verify(&a->path, X509_PURPOSE_SSL_SERVER, a->now, &depth);
    X509 *constraining = path_find_constraining(&a->path), *at = path_at(&a->path, depth);

    if (constraining)
        return problem_set(a->problem, PROBLEM_INVALID_BUNDLE,
                           "%s returned a chain that clients reject: certificate %d may not sign for every "
                           "name of the first one, by its name constraints" BLAME ".",
                           a->whose, number_of(a, constraining));
    if (error == X509_V_OK)
        return 0;
    return problem_set(a->problem,
                       error == X509_V_ERR_CERT_HAS_EXPIRED ? PROBLEM_EXPIRED : PROBLEM_INVALID_BUNDLE,
                       "%s returned a chain that clients reject: certificate %d: %s" BLAME ".", a->whose,
                       at ? number_of(a, at) : 0, X509_verify_cert_error_string(error));
}

static int make_bundle(Acceptance *a, const char *key)
{
    Bundle *b = a->bundle = calloc(1, sizeof(Bundle));
    int r;

    if (!b || !(b->key = strdup(key)))
        return -ENOMEM;
    r = path_to_bundle(&a->path, b);
    return r < 0 ? r : chain_from_x509(a->path.served, &b->chain);
}

int request_accept(const char *whose, const char *pem, const char *key, char *const *names, int64_t now,
                   Bundle **ret, Problem *problem)
{
    _cleanup_(acceptance_done)
        Acceptance a = { .whose = whose, .names = names, .now = now, .problem = problem };
    int r;

    a.received = sk_X509_new_null();
    if (!a.received)
        return -ENOMEM;
    r = pkey_from_pem(key, &a.key);
    if (r < 0)
        return r == -ENOMEM
                   ? r
                   : problem_set(problem, PROBLEM_STORAGE_FAILED,
                                 "The private key of the order at %s is damaged; reissue the certificate.",
                                 whose);
    if ((r = take_text(&a, pem)) < 0 || (r = find_path(&a)) < 0 || (r = check_received(&a)) < 0 ||
        (r = check_keys(&a, a.path.served)) < 0 || (r = check_leaf(&a)) < 0 ||
        (r = check_validity(&a)) < 0 || (r = make_bundle(&a, key)) < 0 || (r = check_names(&a)) < 0 ||
        (r = check_path(&a)) < 0)
        return r;
    *ret = TAKE_PTR(a.bundle);
    return 0;
}

/* ---- properties of an existing chain */

static bool has_common_name(const X509_NAME *name, const char *common_name)
{
    bool found = false;

    for (int at = -1; !found && (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;) {
        uint8_t *text = NULL;
        int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));

        found = size == (int)strlen(common_name) && memcmp(text, common_name, (size_t)size) == 0;
        OPENSSL_free(text);
    }
    ERR_clear_error();
    return found;
}

int bundle_has_issuer(const Bundle *b, const char *common_name, bool *ret)
{
    _cleanup_x509_stack_ STACK_OF(X509) *l = NULL;
    bool alone = isempty(b->issuers);
    X509 *last;
    int r = x509_list_from_pem(alone ? b->leaf : b->issuers, &l);

    if (r < 0)
        return r;
    last = sk_X509_value(l, sk_X509_num(l) - 1);
    *ret = has_common_name(X509_get_issuer_name(last), common_name) ||
           (!alone && has_common_name(X509_get_subject_name(last), common_name));
    return 0;
}

/* The bytes of the number as encoded in DER, including the zero that keeps it positive. */
static int encode_serial(const X509 *x, char **ret)
{
    _cleanup_blob_ Blob der = {};
    const uint8_t *at;
    long length;
    int tag, class, r = asn1_to_der(X509_get0_serialNumber(x), ASN1_ITEM_rptr(ASN1_INTEGER), &der);

    if (r < 0)
        return r;
    at = der.data;
    if (ASN1_get_object(&at, &length, &tag, &class, (long)der.size) & 0x80)
        return -EIO;
    *ret = base64url_encode(at, (size_t)length);
    return *ret ? 0 : -ENOMEM;
}

int certificate_identifier(const char *pem, char **ret)
{
    _cleanup_(AUTHORITY_KEYID_freep) AUTHORITY_KEYID *id = NULL;
    _cleanup_free_ char *key_id = NULL, *serial = NULL;
    _cleanup_x509_ X509 *x = NULL;
    char *text;
    int r = x509_from_pem(pem, &x);

    ERR_clear_error();
    if (r < 0)
        return r;
    id = X509_get_ext_d2i(x, NID_authority_key_identifier, NULL, NULL);
    ERR_clear_error();
    if (!id || !id->keyid || id->keyid->length == 0)
        return -ENODATA;
    r = encode_serial(x, &serial);
    if (r < 0)
        return r;
    key_id = base64url_encode(id->keyid->data, (size_t)id->keyid->length);
    if (!key_id || asprintf(&text, "%s.%s", key_id, serial) < 0)
        return -ENOMEM;
    *ret = text;
    return 0;
}

int certificate_to_base64url(const char *pem, char **ret)
{
    _cleanup_x509_ X509 *x = NULL;
    _cleanup_blob_ Blob der = {};
    int r;

    if ((r = x509_from_pem(pem, &x)) < 0 || (r = asn1_to_der(x, ASN1_ITEM_rptr(X509), &der)) < 0) {
        ERR_clear_error();
        return r;
    }
    *ret = base64url_encode(der.data, der.size);
    return *ret ? 0 : -ENOMEM;
}
