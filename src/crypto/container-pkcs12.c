/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "crypto/algorithm.h"
#include "crypto/container-internal.h"
#include "crypto/key.h"
#include "crypto/pkcs12-mac.h"

/* PKCS#12 (RFC 7292): bags of certificates and keys, in parts that are individually encrypted or not, and a
 * MAC over everything. The file determines the number of iterations, so that is checked first. */

#define DEPTH_MAX 3 /* nested bags */

typedef struct Reader {
    Collector *collector;
    const char *passphrase; /* the one that fits; may be NULL, which differs from "" */
    bool proven;            /* verified by the MAC, or by a part that it decrypted */
    bool key_is_shut;       /* a key could not be decrypted with it */
    size_t n_bags;
} Reader;

DEFINE_CLEANUP(PKCS12 *, PKCS12_free);
DEFINE_CLEANUP(PBEPARAM *, PBEPARAM_free);
DEFINE_CLEANUP(PBE2PARAM *, PBE2PARAM_free);
DEFINE_CLEANUP(PBKDF2PARAM *, PBKDF2PARAM_free);
DEFINE_CLEANUP(SCRYPT_PARAMS *, SCRYPT_PARAMS_free);

static inline void parts_freep(STACK_OF(PKCS7) * *l)
{
    sk_PKCS7_pop_free(*l, PKCS7_free);
}

static inline void bags_freep(STACK_OF(PKCS12_SAFEBAG) * *l)
{
    sk_PKCS12_SAFEBAG_pop_free(*l, PKCS12_SAFEBAG_free);
}

int encryption_check_iterations(const ASN1_INTEGER *iterations, Problem *problem)
{
    int64_t n;

    if (!iterations)
        return 0;
    if (ASN1_INTEGER_get_int64(&n, iterations) <= 0 || n > LIMIT_ITERATIONS) {
        ERR_clear_error();
        return problem_set(
            problem, PROBLEM_LIMITS_EXCEEDED,
            "The file requires its passphrase to be hashed more than %d times, which takes too long; "
            "export it again with fewer iterations.",
            LIMIT_ITERATIONS);
    }
    return n > 0 ? 0
                 : problem_set(
                       problem, PROBLEM_INVALID_BUNDLE,
                       "The encryption of the file is damaged: its number of iterations is not positive.");
}

static int encryption_is_damaged(Problem *problem)
{
    return problem_set(problem, PROBLEM_INVALID_BUNDLE, "The encryption of the file is damaged.");
}

static void *parameter(const ASN1_ITEM *item, const X509_ALGOR *algorithm)
{
    void *p = algorithm ? ASN1_TYPE_unpack_sequence(item, algorithm->parameter) : NULL;

    ERR_clear_error();
    return p;
}

/* Returns true if OpenSSL supports the algorithm here: RC2 and RC4 are in its legacy provider. */
static int check_available(const ASN1_OBJECT *algorithm, Problem *problem)
{
    char name[80];
    int cipher;

    if (EVP_PBE_find(EVP_PBE_TYPE_OUTER, OBJ_obj2nid(algorithm), &cipher, NULL, NULL) > 0) {
        EVP_CIPHER *c = cipher < 0 ? NULL : EVP_CIPHER_fetch(NULL, OBJ_nid2sn(cipher), NULL);

        EVP_CIPHER_free(c);
        ERR_clear_error();
        if (c || cipher < 0)
            return 0;
    }
    ERR_clear_error();
    OBJ_obj2txt(name, sizeof(name), algorithm, 0);
    return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                       "It is encrypted by %s, which is not supported here; export it again with AES-256.",
                       name);
}

/* RFC 7914: it needs 128 * N * r bytes; OpenSSL refuses more by itself. */
static int check_scrypt(const X509_ALGOR *algorithm, Problem *problem)
{
    _cleanup_(SCRYPT_PARAMS_freep) SCRYPT_PARAMS *scrypt =
        parameter(ASN1_ITEM_rptr(SCRYPT_PARAMS), algorithm);
    int64_t n = 0, r = 0;
    bool read = scrypt && ASN1_INTEGER_get_int64(&n, scrypt->costParameter) > 0 &&
                ASN1_INTEGER_get_int64(&r, scrypt->blockSize) > 0 && n > 0 && r > 0;

    ERR_clear_error();
    if (!read || n > LIMIT_SCRYPT_MEMORY || r > LIMIT_SCRYPT_MEMORY || 128 * n * r > LIMIT_SCRYPT_MEMORY)
        return problem_set(
            problem, PROBLEM_LIMITS_EXCEEDED,
            "The file requires more than %d MiB of memory for its passphrase (scrypt); encrypt it again with "
            "less, or with PBKDF2.",
            LIMIT_SCRYPT_MEMORY >> 20);
    return 0;
}

int encryption_check_pbes2(const X509_ALGOR *algorithm, Problem *problem)
{
    _cleanup_(PBE2PARAM_freep) PBE2PARAM *pbes2 = parameter(ASN1_ITEM_rptr(PBE2PARAM), algorithm);
    _cleanup_(PBKDF2PARAM_freep) PBKDF2PARAM *pbkdf2 = NULL;

    if (!pbes2)
        return encryption_is_damaged(problem);
    if (OBJ_obj2nid(pbes2->keyfunc->algorithm) == NID_id_scrypt)
        return check_scrypt(pbes2->keyfunc, problem);
    if (OBJ_obj2nid(pbes2->keyfunc->algorithm) != NID_id_pbkdf2)
        return 0;
    pbkdf2 = parameter(ASN1_ITEM_rptr(PBKDF2PARAM), pbes2->keyfunc);
    if (!pbkdf2)
        return encryption_is_damaged(problem);
    return encryption_check_iterations(pbkdf2->iter, problem);
}

int encryption_check(const X509_ALGOR *algorithm, Problem *problem)
{
    _cleanup_(PBEPARAM_freep) PBEPARAM *pbe = NULL;
    int r;

    if (OBJ_obj2nid(algorithm->algorithm) == NID_pbes2)
        return encryption_check_pbes2(algorithm, problem);
    r = check_available(algorithm->algorithm, problem);
    if (r < 0)
        return r;
    pbe = parameter(ASN1_ITEM_rptr(PBEPARAM), algorithm);
    if (!pbe)
        return encryption_is_damaged(problem);
    return encryption_check_iterations(pbe->iter, problem);
}

static int size_of(const char *passphrase)
{
    return passphrase ? (int)strlen(passphrase) : 0;
}

/* A passphrase that was not given may be absent or empty, which differ in PKCS#12 and are both in use. Such files are not
 * secret, so they open even if another passphrase was given, unless that takes long. */
static int find_passphrase(Reader *reader, PKCS12 *p12, const uint8_t *der, size_t size)
{
    const char *given = reader->collector->passphrase, *tries[] = { given, NULL, "" };
    Problem *problem = reader->collector->problem;
    _cleanup_pkcs12_mac_ Pkcs12Mac mac = {};
    size_t n;
    int r;

    reader->passphrase = given;
    if (!PKCS12_mac_present(p12))
        return 0;
    r = pkcs12_mac_init(&mac, p12, der, size, problem);
    if (r < 0)
        return r;
    n = given && mac.iterations > LIMIT_GUESSED ? 1 : ELEMENTSOF(tries);
    for (size_t i = given ? 0 : 1; i < n && !reader->proven; i++)
        if (pkcs12_mac_fits(&mac, tries[i])) {
            reader->passphrase = tries[i];
            reader->proven = true;
        }
    return reader->proven ? 0 : passphrase_problem(reader->collector, "The PKCS#12 file", problem);
}

/* The passphrase is right for another part of the file, or for its MAC. */
static int cannot_decrypt(Reader *reader, const char *what, Problem *problem)
{
    ERR_clear_error();
    if (!reader->proven)
        return passphrase_problem(reader->collector, what, problem);
    return problem_set(
        problem, PROBLEM_INVALID_BUNDLE,
        "%s cannot be decrypted, although the passphrase is the one of the PKCS#12 file: it has a passphrase "
        "of its own, or is damaged. Export the file again with one passphrase for all of it.",
        what);
}

static int take_key(Reader *reader, const PKCS12_SAFEBAG *bag)
{
    _cleanup_problem_ Problem problem = {};
    EVP_PKEY *key = NULL;
    int r = pkey_from_p8(PKCS12_SAFEBAG_get0_p8inf(bag), &key, &problem);

    return collect_key(reader->collector, key, r, &problem);
}

static int take_shrouded_key(Reader *reader, const PKCS12_SAFEBAG *bag)
{
    _cleanup_(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *p8 = NULL;
    _cleanup_problem_ Problem problem = {};
    const X509_ALGOR *algorithm;
    EVP_PKEY *key = NULL;
    int r;

    X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &algorithm, NULL);
    r = encryption_check(algorithm, &problem);
    if (r >= 0) {
        p8 = PKCS12_decrypt_skey(bag, reader->passphrase, size_of(reader->passphrase));
        reader->proven |= p8 != NULL;
        reader->key_is_shut |= p8 == NULL;
        if (!p8) /* said when all parts were tried */
            return 0;
        r = pkey_from_p8(p8, &key, &problem);
    }
    return collect_key(reader->collector, key, r, &problem);
}

static int take_bags(Reader *reader, const STACK_OF(PKCS12_SAFEBAG) * bags, int depth);

static int take_bag(Reader *reader, const PKCS12_SAFEBAG *bag, int depth)
{
    _cleanup_x509_ X509 *x = NULL;

    if (++reader->n_bags > LIMIT_BAGS)
        return problem_set(reader->collector->problem, PROBLEM_LIMITS_EXCEEDED,
                           "There are more than %d bags in the PKCS#12 file; export one chain with its key.",
                           LIMIT_BAGS);
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
    case NID_keyBag:
        return take_key(reader, bag);
    case NID_pkcs8ShroudedKeyBag:
        return take_shrouded_key(reader, bag);
    case NID_certBag:
        reader->collector->n_seen += reader->collector->key_only;
        if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate || reader->collector->key_only)
            return 0;
        x = PKCS12_SAFEBAG_get1_cert(bag);
        if (!x)
            return problem_set(reader->collector->problem, PROBLEM_INVALID_BUNDLE,
                               "A certificate in the PKCS#12 file is damaged: %s.", openssl_error());
        return collect_x509(reader->collector, x);
    case NID_safeContentsBag:
        if (depth >= DEPTH_MAX)
            return problem_set(reader->collector->problem, PROBLEM_LIMITS_EXCEEDED,
                               "The PKCS#12 file has nested bags more than %d levels deep.", DEPTH_MAX);
        return take_bags(reader, PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
    default:
        return 0;
    }
}

static int take_bags(Reader *reader, const STACK_OF(PKCS12_SAFEBAG) * bags, int depth)
{
    int r = 0;

    for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags) && r >= 0; i++)
        r = take_bag(reader, sk_PKCS12_SAFEBAG_value(bags, i), depth);
    return r;
}

static int file_is_damaged(Problem *problem)
{
    return problem_set(problem, PROBLEM_INVALID_BUNDLE, "The PKCS#12 file is damaged: %s.", openssl_error());
}

static int take_part(Reader *reader, PKCS7 *part)
{
    _cleanup_(bags_freep) STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
    Problem *problem = reader->collector->problem;
    int r;

    if (OBJ_obj2nid(part->type) == NID_pkcs7_data) {
        bags = PKCS12_unpack_p7data(part);
        return bags ? take_bags(reader, bags, 0) : file_is_damaged(problem);
    }
    if (OBJ_obj2nid(part->type) != NID_pkcs7_encrypted || !part->d.encrypted)
        return problem_set(
            problem, PROBLEM_INVALID_BUNDLE,
            "A part of the PKCS#12 file is encrypted for a public key, which is not supported.");
    r = encryption_check(part->d.encrypted->enc_data->algorithm, problem);
    if (r < 0)
        return r;
    bags = PKCS12_unpack_p7encdata(part, reader->passphrase, size_of(reader->passphrase));
    reader->proven |= bags != NULL;
    return bags ? take_bags(reader, bags, 0) : cannot_decrypt(reader, "A part of the PKCS#12 file", problem);
}

static int report_shut_key(Reader *reader)
{
    _cleanup_problem_ Problem problem = {};
    int r = cannot_decrypt(reader, "The private key", &problem);

    return collect_key(reader->collector, NULL, r, &problem);
}

int read_pkcs12(Collector *c, const uint8_t *der, size_t size)
{
    const uint8_t *at = der;
    _cleanup_(PKCS12_freep) PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)size);
    _cleanup_(parts_freep) STACK_OF(PKCS7) *parts = NULL;
    Reader reader = { .collector = c };
    int r;

    if (!p12)
        return file_is_damaged(c->problem);
    r = find_passphrase(&reader, p12, der, size);
    if (r < 0)
        return r;
    parts = PKCS12_unpack_authsafes(p12);
    if (!parts)
        return file_is_damaged(c->problem);
    for (int i = 0; i < sk_PKCS7_num(parts) && r >= 0; i++)
        r = take_part(&reader, sk_PKCS7_value(parts, i));
    return r >= 0 && reader.key_is_shut ? report_shut_key(&reader) : r;
}
