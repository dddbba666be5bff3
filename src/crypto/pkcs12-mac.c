/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/pkcs12-mac.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>

#include "crypto/algorithm.h"
#include "crypto/container-internal.h"
#include "crypto/key.h"
#include "util/text.h"

#define KEY_MIN 20 /* RFC 9579 section 8 */
#define KEY_MAX 64

DEFINE_CLEANUP(PBE2PARAM *, PBE2PARAM_free);

static int unknown_kind(const ASN1_OBJECT *kind, Problem *problem)
{
    char name[80];

    ERR_clear_error();
    OBJ_obj2txt(name, sizeof(name), kind, 0);
    return problem_set(
        problem, PROBLEM_INVALID_BUNDLE,
        "The MAC of the PKCS#12 file is of a kind that cannot be checked here, %s, so that it is not known "
        "whether the passphrase is right; export the file again with a MAC by SHA-256.",
        QUOTE(name, sizeof(name)));
}

static int is_damaged(Problem *problem)
{
    ERR_clear_error();
    return problem_set(problem, PROBLEM_INVALID_BUNDLE, "The MAC of the PKCS#12 file is damaged.");
}

/* Returns the digest of an HMAC that serves as pseudo-random function, or NID_undef. */
static int digest_of_prf(const X509_ALGOR *algorithm)
{
    int nid = algorithm ? OBJ_obj2nid(algorithm->algorithm) : NID_hmacWithSHA1, digest;

    if (EVP_PBE_find(EVP_PBE_TYPE_PRF, nid, NULL, &digest, NULL) <= 0 || !EVP_get_digestbynid(digest))
        digest = NID_undef;
    ERR_clear_error();
    return digest;
}

static int read_salt(Pkcs12Mac *m, Problem *problem)
{
    const ASN1_TYPE *salt = m->derivation->salt;
    int64_t key_size = 0;

    if (!salt || salt->type != V_ASN1_OCTET_STRING || !m->derivation->keylength ||
        ASN1_INTEGER_get_int64(&key_size, m->derivation->keylength) <= 0 || key_size < KEY_MIN ||
        key_size > KEY_MAX || ASN1_INTEGER_get_int64(&m->iterations, m->derivation->iter) <= 0)
        return is_damaged(problem);
    m->salt = salt->value.octet_string->data;
    m->salt_size = (size_t)salt->value.octet_string->length;
    m->key_size = (size_t)key_size;
    return 0;
}

/* Its parameters have the form of those of PBES2, with an HMAC in place of the cipher. */
static int read_pbmac1(Pkcs12Mac *m, const X509_ALGOR *algorithm, Problem *problem)
{
    _cleanup_(PBE2PARAM_freep) PBE2PARAM *p =
        ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), algorithm->parameter);
    int r;

    ERR_clear_error();
    if (!p)
        return is_damaged(problem);
    if (OBJ_obj2nid(p->keyfunc->algorithm) != NID_id_pbkdf2)
        return unknown_kind(p->keyfunc->algorithm, problem);
    r = encryption_check_pbes2(algorithm, problem);
    if (r < 0)
        return r;
    m->derivation = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), p->keyfunc->parameter);
    if (!m->derivation)
        return is_damaged(problem);
    m->is_pbmac1 = true;
    m->hmac = digest_of_prf(p->encryption);
    m->prf = digest_of_prf(m->derivation->prf);
    if (m->hmac == NID_undef)
        return unknown_kind(p->encryption->algorithm, problem);
    if (m->prf == NID_undef)
        return unknown_kind(m->derivation->prf->algorithm, problem);
    return read_salt(m, problem);
}

int pkcs12_mac_init(Pkcs12Mac *m, PKCS12 *file, const uint8_t *der, size_t size, Problem *problem)
{
    const ASN1_INTEGER *iterations = NULL;
    const X509_ALGOR *algorithm = NULL;
    int r;

    *m = (Pkcs12Mac){ .file = file, .der = der, .size = size, .iterations = 1 };
    PKCS12_get0_mac(NULL, &algorithm, NULL, &iterations, file);
    /* the number beside PBMAC1 is not used */
    if (OBJ_obj2nid(algorithm->algorithm) == NID_pbmac1)
        return read_pbmac1(m, algorithm, problem);
    if (!EVP_get_digestbyobj(algorithm->algorithm))
        return unknown_kind(algorithm->algorithm, problem);
    r = encryption_check_iterations(iterations, problem);
    if (r >= 0 && iterations)
        m->iterations = ASN1_INTEGER_get(iterations);
    return r;
}

void pkcs12_mac_done(Pkcs12Mac *m)
{
    PBKDF2PARAM_free(m->derivation);
    *m = (Pkcs12Mac){};
}

/* PFX ::= SEQUENCE { version, authSafe ContentInfo, macData }: what the MAC is computed of is the content of the second. */
static PKCS7 *content_of(const Pkcs12Mac *m)
{
    const uint8_t *at = m->der;
    _cleanup_sequence_ ASN1_SEQUENCE_ANY *s = d2i_ASN1_SEQUENCE_ANY(NULL, &at, (long)m->size);
    const ASN1_TYPE *t = sk_ASN1_TYPE_num(s) > 1 ? sk_ASN1_TYPE_value(s, 1) : NULL;

    if (!t || t->type != V_ASN1_SEQUENCE)
        return NULL;
    at = t->value.sequence->data;
    return d2i_PKCS7(NULL, &at, t->value.sequence->length);
}

static bool pbmac1_fits(const Pkcs12Mac *m, const char *passphrase)
{
    _cleanup_(PKCS7_freep) PKCS7 *content = content_of(m);
    uint8_t key[KEY_MAX], mac[EVP_MAX_MD_SIZE];
    const ASN1_OCTET_STRING *expected = NULL;
    unsigned size = 0;
    bool fits;

    PKCS12_get0_mac(&expected, NULL, NULL, NULL, m->file);
    fits = content && PKCS7_type_is_data(content) && content->d.data &&
           PKCS5_PBKDF2_HMAC(passphrase, (int)strlen(passphrase), m->salt, (int)m->salt_size,
                             (int)m->iterations, EVP_get_digestbynid(m->prf), (int)m->key_size, key) > 0 &&
           HMAC(EVP_get_digestbynid(m->hmac), key, (int)m->key_size, content->d.data->data,
                (size_t)content->d.data->length, mac, &size) &&
           ASN1_STRING_length(expected) == (int)size &&
           CRYPTO_memcmp(mac, ASN1_STRING_get0_data(expected), size) == 0;
    explicit_bzero(key, sizeof(key));
    return fits;
}

bool pkcs12_mac_fits(const Pkcs12Mac *m, const char *passphrase)
{
    bool fits = m->is_pbmac1
                    ? pbmac1_fits(m, strempty(passphrase))
                    : PKCS12_verify_mac(m->file, passphrase, passphrase ? (int)strlen(passphrase) : 0) > 0;

    ERR_clear_error();
    return fits;
}
