/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/inspect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "core/limits.h"
#include "core/name.h"
#include "util/text.h"

static int name_print(const X509_NAME *name, unsigned long flags, char **ret)
{
    _cleanup_bio_ BIO *bio = BIO_new(BIO_s_mem());

    if (!bio)
        return -ENOMEM;
    return X509_NAME_print_ex(bio, name, 0, flags) < 0 ? -EIO : bio_to_text(bio, ret);
}

/* As UTF-8 if that is well-formed and plain, else with all non-ASCII characters escaped. */
int x509_name_to_text(const X509_NAME *name, char **ret)
{
    _cleanup_free_ char *text = NULL;

    if (name_print(name, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB, &text) < 0 || !text_is_plain(text))
        return name_print(name, XN_FLAG_RFC2253, ret);
    *ret = TAKE_PTR(text);
    return 0;
}

int x509_serial_to_text(const ASN1_INTEGER *serial, char **ret)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;

    BN_free(number);
    if (!hex)
        return -ENOMEM;
    *ret = strdup(hex);
    OPENSSL_free(hex);
    return *ret ? 0 : -ENOMEM;
}

int x509_fingerprint(X509 *x, char ret[static 65])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size;

    if (X509_digest(x, EVP_sha256(), digest, &size) <= 0)
        return -EIO;
    hex_encode(digest, size, false, ret);
    return 0;
}

int64_t asn1_time_to_seconds(const ASN1_TIME *t)
{
    struct tm tm;

    return ASN1_TIME_to_tm(t, &tm) > 0 ? (int64_t)timegm(&tm) : 0;
}

int x509_append_pem(char **text, X509 *x)
{
    _cleanup_bio_ BIO *bio = BIO_new(BIO_s_mem());
    char *joined;
    int r;

    if (!bio)
        return -ENOMEM;
    if (BIO_puts(bio, strempty(*text)) < 0 || PEM_write_bio_X509(bio, x) <= 0)
        return -EIO;
    r = bio_to_text(bio, &joined);
    if (r < 0)
        return r;
    free(*text);
    *text = joined;
    return 0;
}

int x509_list_from_pem(const char *pem, STACK_OF(X509) * *ret)
{
    _cleanup_x509_stack_ STACK_OF(X509) *l = sk_X509_new_null();
    _cleanup_bio_ BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x;

    if (!l || !bio)
        return -ENOMEM;
    while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        if (sk_X509_num(l) >= LIMIT_CHAIN || sk_X509_push(l, x) <= 0) {
            X509_free(x);
            return -EBADMSG;
        }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE || sk_X509_num(l) == 0)
        return -EBADMSG;
    ERR_clear_error();
    *ret = TAKE_PTR(l);
    return 0;
}

int x509_from_pem(const char *pem, X509 **ret)
{
    _cleanup_x509_stack_ STACK_OF(X509) *l = NULL;
    int r = x509_list_from_pem(pem, &l);

    if (r >= 0)
        *ret = sk_X509_shift(l);
    return r;
}

static int add_canonical(char ***names, const uint8_t *text, int size)
{
    _cleanup_free_ char *copy = strndup((const char *)text, (size_t)size), *name = NULL;
    int r;

    if (!copy)
        return -ENOMEM;
    if (strlen(copy) != (size_t)size) /* a NUL in a name is an attack */
        return 0;
    r = name_canonicalize(copy, &name, NULL);
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    return strv_contains(*names, name) ? 0 : strv_extend(names, name);
}

static int add_address(char ***names, const ASN1_OCTET_STRING *address)
{
    char text[INET6_ADDRSTRLEN];
    int family = address->length == 4 ? AF_INET : address->length == 16 ? AF_INET6 : AF_UNSPEC;

    if (family == AF_UNSPEC || !inet_ntop(family, address->data, text, sizeof(text)))
        return 0;
    return strv_extend(names, text);
}

static int add_alternative_names(X509 *x, char ***names, bool *ret_dns)
{
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *l = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    int r = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(l) && r >= 0; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(l, i);

        if (name->type == GEN_DNS) {
            *ret_dns = true;
            r = add_canonical(names, name->d.dNSName->data, name->d.dNSName->length);
        } else if (name->type == GEN_IPADD)
            r = add_address(names, name->d.iPAddress);
    }
    return r;
}

static int add_common_name(X509 *x, char ***names)
{
    const X509_NAME *subject = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1), size, r;
    uint8_t *text = NULL;

    if (at < 0)
        return 0;
    size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0)
        return 0;
    r = add_canonical(names, text, size);
    OPENSSL_free(text);
    return r;
}

/* Names count as clients match them (RFC 9525 section 6). A name in another spelling than clients use, for
 * example with non-ASCII characters, a trailing dot, or an address as text, never matches; neither does
 * "*.com". */
static bool name_matches(X509 *x, const char *name)
{
    _cleanup_free_ char *probe = NULL;

    if (name_is_address(name))
        return X509_check_ip_asc(x, name, 0) == 1;
    if (!name_is_wildcard(name))
        return X509_check_host(x, name, 0, 0, NULL) == 1;
    return asprintf(&probe, "x%s", name + 1) >= 0 && X509_check_host(x, probe, 0, 0, NULL) == 1;
}

static void drop_unmatched(X509 *x, char **names)
{
    size_t n = 0;

    for (size_t i = 0; names && names[i]; i++)
        if (!name_matches(x, names[i]))
            free(names[i]);
        else
            names[n++] = names[i];
    if (names)
        names[n] = NULL;
}

int x509_names(X509 *x, char ***ret)
{
    _cleanup_strv_ char **names = NULL;
    bool dns = false;
    int r;

    r = add_alternative_names(x, &names, &dns);
    if (r >= 0 && !dns)
        r = add_common_name(x, &names);
    if (r < 0)
        return r;
    drop_unmatched(x, names);
    if (strv_length(names) > 0)
        *ret = TAKE_PTR(names);
    return 0;
}

typedef struct EntryText {
    char *subject, *issuer, *serial, fingerprint[65];
} EntryText;

static int entry_from_x509(X509 *x, EntryText *text, ChainEntry *ret)
{
    int r;

    if ((r = x509_name_to_text(X509_get_subject_name(x), &text->subject)) < 0 ||
        (r = x509_name_to_text(X509_get_issuer_name(x), &text->issuer)) < 0 ||
        (r = x509_serial_to_text(X509_get0_serialNumber(x), &text->serial)) < 0 ||
        (r = x509_fingerprint(x, text->fingerprint)) < 0)
        return r;
    *ret = (ChainEntry){
        .subject = text->subject,
        .issuer = text->issuer,
        .serial = text->serial,
        .fingerprint = text->fingerprint,
        .not_before = asn1_time_to_seconds(X509_get0_notBefore(x)),
        .not_after = asn1_time_to_seconds(X509_get0_notAfter(x)),
    };
    return 0;
}

static int entries_to_chain(STACK_OF(X509) * l, char *const *names, const ChainEntry *entries, Chain **ret)
{
    X509 *leaf = sk_X509_value(l, 0);
    EVP_PKEY *key = X509_get0_pubkey(leaf);

    if (!key)
        return -EBADMSG;
    *ret = chain_new(entries, (size_t)sk_X509_num(l), (const char *const *)names, strv_length(names),
                     pkey_type(key), X509_check_ca(leaf) == 1);
    return *ret ? 0 : -ENOMEM;
}

int chain_from_x509(STACK_OF(X509) * l, Chain **ret)
{
    _cleanup_strv_ char **names = NULL;
    ChainEntry entries[LIMIT_CHAIN];
    EntryText texts[LIMIT_CHAIN] = {};
    int n = sk_X509_num(l), r;

    if (n < 1 || n > LIMIT_CHAIN)
        return -EBADMSG;
    r = x509_names(sk_X509_value(l, 0), &names);
    for (int i = 0; i < n && r >= 0; i++)
        r = entry_from_x509(sk_X509_value(l, i), texts + i, entries + i);
    if (r >= 0)
        r = entries_to_chain(l, names, entries, ret);
    for (int i = 0; i < n; i++) {
        free(texts[i].subject);
        free(texts[i].issuer);
        free(texts[i].serial);
    }
    return r;
}

int chain_from_pem(const char *pem, Chain **ret)
{
    _cleanup_x509_stack_ STACK_OF(X509) *l = NULL;
    int r;

    r = x509_list_from_pem(pem, &l);
    return r < 0 ? r : chain_from_x509(l, ret);
}
