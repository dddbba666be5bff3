/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "crypto/algorithm.h"
#include "crypto/container-internal.h"
#include "crypto/key.h"

void container_init(void)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
                                  OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS,
                              NULL);
    (void)OSSL_PROVIDER_load(NULL, "default");
    (void)OSSL_PROVIDER_load(NULL, "legacy"); /* RC2 and the like; refused if it is not available */
    ERR_clear_error();
}

static int blob_set(Blob *b, const void *data, size_t size)
{
    uint8_t *copy = malloc(size);

    if (!copy)
        return -ENOMEM;
    memcpy(copy, data, size);
    *b = (Blob){ copy, size };
    return 0;
}

static bool blob_equal(const Blob *b, const void *data, size_t size)
{
    return b->size == size && memcmp(b->data, data, size) == 0;
}

static int add_certificate(Collector *c, const uint8_t *der, size_t size)
{
    Imported *i = c->imported;
    int r;

    for (size_t n = 0; n < i->n_certificates; n++)
        if (blob_equal(i->certificates + n, der, size))
            return 0;
    if (i->n_certificates >= LIMIT_CHAIN)
        return problem_set(
            c->problem, PROBLEM_LIMITS_EXCEEDED,
            "There are more than %d certificates in the upload; leave in it the chain of one leaf.",
            LIMIT_CHAIN);
    r = blob_set(i->certificates + i->n_certificates, der, size);
    i->n_certificates += r >= 0;
    return r;
}

static int check_names(Collector *c, X509 *x)
{
    GENERAL_NAMES *l = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    int n = sk_GENERAL_NAME_num(l);

    GENERAL_NAMES_free(l);
    ERR_clear_error();
    if (n <= LIMIT_NAMES)
        return 0;
    return problem_set(c->problem, PROBLEM_LIMITS_EXCEEDED,
                       "Certificate %zu of the upload has %d names; at most %d are accepted.", c->n_seen, n,
                       LIMIT_NAMES);
}

static int check_dates(Collector *c, X509 *x)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(X509_get0_notBefore(x), &tm) > 0 && ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) > 0)
        return 0;
    ERR_clear_error();
    return problem_set(c->problem, PROBLEM_INVALID_BUNDLE,
                       "Certificate %zu of the upload has a date that is none.", c->n_seen);
}

/* Limits of texts shown to people. */
static int check_sizes(Collector *c, X509 *x)
{
    const X509_NAME *names[] = { X509_get_subject_name(x), X509_get_issuer_name(x) };

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (i2d_X509_NAME(names[i], NULL) > LIMIT_SUBJECT)
            return problem_set(
                c->problem, PROBLEM_LIMITS_EXCEEDED,
                "Certificate %zu of the upload has a subject or issuer of more than %d bytes.", c->n_seen,
                LIMIT_SUBJECT);
    if (X509_get0_serialNumber(x)->length > LIMIT_SERIAL)
        return problem_set(c->problem, PROBLEM_LIMITS_EXCEEDED,
                           "Certificate %zu of the upload has a serial number of more than %d bytes.",
                           c->n_seen, LIMIT_SERIAL);
    return 0;
}

static int take_certificate(Collector *c, X509 *x)
{
    uint8_t *der = NULL;
    int size, r;

    r = check_sizes(c, x);
    if (r >= 0)
        r = check_dates(c, x);
    if (r >= 0)
        r = check_names(c, x);
    if (r < 0)
        return r;
    size = i2d_X509(x, &der);
    if (size <= 0)
        return problem_set(c->problem, PROBLEM_INVALID_BUNDLE,
                           "Certificate %zu of the upload is damaged: %s.", c->n_seen, openssl_error());
    r = add_certificate(c, der, (size_t)size);
    OPENSSL_free(der);
    return r;
}

int collect_x509(Collector *c, X509 *x)
{
    uint8_t *der = NULL;
    int size = i2d_X509(x, &der), r = -EBADMSG;

    if (size > 0)
        r = collect_certificate(c, der, (size_t)size, NULL);
    else
        (void)problem_set(c->problem, PROBLEM_INVALID_BUNDLE, "A certificate of the upload is damaged: %s.",
                          openssl_error());
    OPENSSL_free(der);
    return r;
}

int collect_certificate(Collector *c, const uint8_t *der, size_t size, size_t *ret_used)
{
    _cleanup_x509_ X509 *x = NULL;
    char whose[40];
    size_t used;
    int r;

    if (c->key_only) {
        if (ret_used)
            *ret_used = size;
        return 0;
    }
    snprintf(whose, sizeof(whose), "Certificate %zu of the upload", ++c->n_seen);
    r = x509_from_der(der, size, whose, &x, &used, c->problem);
    if (r < 0)
        return r;
    if (!ret_used && used != size)
        return problem_set(c->problem, PROBLEM_INVALID_BUNDLE,
                           "%s is damaged: there are %zu bytes behind it.", whose, size - used);
    if (ret_used)
        *ret_used = used;
    return take_certificate(c, x);
}

/* Checks that its numbers are consistent. OpenSSL corrects a wrong remainder when it signs; others do not,
 * and reveal the key with the first wrong signature. */
static bool key_is_sound(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool sound = context && EVP_PKEY_pairwise_check(context) > 0;

    EVP_PKEY_CTX_free(context);
    return sound;
}

static int add_key(Collector *c, EVP_PKEY *key, Problem *problem)
{
    Imported *i = c->imported;
    uint8_t *der;
    size_t size;
    int r;

    if (!key_is_sound(key))
        return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                           "The private key is damaged: its numbers do not belong together (%s).",
                           openssl_error());
    r = pkey_to_pkcs8(key, &der, &size);
    if (r < 0)
        return r == -ENOMEM ? r
                            : problem_set(problem, PROBLEM_INVALID_BUNDLE, "The private key is damaged: %s.",
                                          openssl_error());
    if (size > LIMIT_KEY)
        r = problem_set(problem, PROBLEM_WEAK_KEY, "The private key has more than %d bytes.", LIMIT_KEY);
    else if (!i->key.data)
        r = blob_set(&i->key, der, size);
    else if (!blob_equal(&i->key, der, size))
        r = problem_set(problem, PROBLEM_INVALID_BUNDLE,
                        "There is more than one private key in the upload; leave in it that of the leaf.");
    explicit_bzero(der, size);
    free(der);
    return r;
}

int collect_key(Collector *c, EVP_PKEY *key, int r, Problem *problem)
{
    Imported *i = c->imported;

    if (r >= 0)
        r = add_key(c, key, problem);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (r == -ENOMEM)
        return r;
    if (r < 0 && i->key_problem.code == PROBLEM_NONE)
        problem_move(problem, &i->key_problem);
    problem_clear(problem);
    return 0;
}

int passphrase_problem(const Collector *c, const char *what, Problem *problem)
{
    if (!c->passphrase)
        return problem_set(problem, PROBLEM_PASSPHRASE_REQUIRED,
                           "%s is encrypted; give its passphrase in the option \"passphrase\".", what);
    return problem_set(problem, PROBLEM_PASSPHRASE_REQUIRED,
                       "%s is encrypted, and the passphrase that was given does not open it.", what);
}

/* Text that a Windows editor saved as "Unicode": UTF-16 with a byte order mark, all ASCII when it is PEM. */
static char *narrow(const uint8_t *data, size_t size, size_t *ret_size)
{
    size_t low = data[0] == 0xff ? 0 : 1, n = 0;
    char *text = malloc(size / 2 + 1);

    for (size_t i = 2; text && i + 1 < size; i += 2)
        text[n++] = data[i + 1 - low] == 0 ? (char)data[i + low] : '?';
    if (text)
        text[n] = 0;
    *ret_size = n;
    return text;
}

static bool holds(const void *data, size_t size, const char *what)
{
    return memmem(data, size, what, strlen(what)) != NULL;
}

static bool is_alphabet(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           byte == '+' || byte == '/' || byte == '=';
}

/* BASE64 without PEM labels. */
static int decode_base64(const uint8_t *data, size_t size, uint8_t **ret, size_t *ret_size)
{
    uint8_t *letters = malloc(size + 1), *der = malloc(size + 1);
    size_t n = 0, padding = 0;
    int length = -1;

    for (size_t i = 0; letters && der && i < size; i++)
        if (is_alphabet(data[i]))
            letters[n++] = data[i];
        else if (!strchr(" \t\r\n", data[i]) || data[i] == 0) {
            n = 0;
            break;
        }
    while (padding < 2 && padding < n && letters[n - 1 - padding] == '=')
        padding++;
    if (n > 0 && n % 4 == 0)
        length = EVP_DecodeBlock(der, letters, (int)n);
    free(letters);
    if (length <= (int)padding) {
        free(der);
        return -EBADMSG;
    }
    *ret = der;
    *ret_size = (size_t)length - padding;
    return 0;
}

static int not_understood(Collector *c, const uint8_t *data, size_t size)
{
    static const uint8_t jks[] = { 0xfe, 0xed, 0xfe, 0xed }, jceks[] = { 0xce, 0xce, 0xce, 0xce };
    const char *what = "It is neither PEM nor DER, PKCS#12 or PKCS#7";

    if (size == 0)
        what = "It is empty";
    else if (size > 4 && (memcmp(data, jks, 4) == 0 || memcmp(data, jceks, 4) == 0))
        what = "It is a Java keystore (JKS); convert it to PKCS#12 with keytool -importkeystore";
    else if (holds(data, MIN(size, (size_t)1024), "<html") || holds(data, MIN(size, (size_t)1024), "<HTML"))
        what = "It is a page of HTML; the download went wrong";
    return problem_set(c->problem, PROBLEM_INVALID_BUNDLE, "The %s cannot be understood. %s.",
                       c->key_only ? "key file" : "upload", what);
}

/* Line endings of old Macintoshes. */
static int read_pem_of_returns(Collector *c, const uint8_t *data, size_t size, const char **ret_format)
{
    char *text = malloc(size);
    int r;

    if (!text)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++)
        text[i] = data[i] == '\r' ? '\n' : (char)data[i];
    r = read_pem(c, text, size, ret_format);
    explicit_bzero(text, size);
    free(text);
    return r;
}

static int read_text(Collector *c, const uint8_t *data, size_t size, const char **ret_format)
{
    uint8_t *der = NULL;
    size_t der_size;
    int r;

    if (holds(data, size, "-----BEGIN "))
        return memchr(data, '\n', size) ? read_pem(c, (const char *)data, size, ret_format)
                                        : read_pem_of_returns(c, data, size, ret_format);
    if (decode_base64(data, size, &der, &der_size) < 0)
        return not_understood(c, data, size);
    r = read_der(c, der, der_size, ret_format);
    explicit_bzero(der, der_size);
    free(der);
    return r;
}

static int read_any(Collector *c, const uint8_t *data, size_t size, const char **ret_format)
{
    static const uint8_t mark[] = { 0xef, 0xbb, 0xbf };
    _cleanup_free_ char *text = NULL;
    size_t text_size;
    int r;

    if (size > LIMIT_BUNDLE)
        return problem_set(c->problem, PROBLEM_LIMITS_EXCEEDED, "The %s has more than %d bytes.",
                           c->key_only ? "key file" : "upload", LIMIT_BUNDLE);
    if (size > 2 && data[0] == 0x30)
        return read_der(c, data, size, ret_format);
    if (size > 2 && ((data[0] == 0xff && data[1] == 0xfe) || (data[0] == 0xfe && data[1] == 0xff))) {
        text = narrow(data, size, &text_size);
        if (!text)
            return -ENOMEM;
        r = read_text(c, (const uint8_t *)text, text_size, ret_format);
        explicit_bzero(text, text_size);
        return r;
    }
    if (size > sizeof(mark) && memcmp(data, mark, sizeof(mark)) == 0)
        return read_text(c, data + sizeof(mark), size - sizeof(mark), ret_format);
    return read_text(c, data, size, ret_format);
}

static int read_key_file(Collector *c, const ContainerInput *key)
{
    const char *format;
    int r;

    c->key_only = true;
    r = read_any(c, key->data, key->size, &format);
    if (r >= 0 && !c->imported->key.data && c->imported->key_problem.code == PROBLEM_NONE)
        (void)problem_set(&c->imported->key_problem, PROBLEM_INVALID_BUNDLE,
                          "There is no private key in the key file.");
    if (r >= 0 || r == -ENOMEM)
        return r;
    if (c->imported->key_problem.code == PROBLEM_NONE)
        problem_move(c->problem, &c->imported->key_problem);
    problem_clear(c->problem);
    return 0;
}

static void forget_key(Imported *i)
{
    if (i->key_problem.code != PROBLEM_NONE)
        blob_done(&i->key);
}

int container_read(const ContainerInput *bundle, const ContainerInput *key, const char *passphrase,
                   Imported **ret, Problem *problem)
{
    _cleanup_imported_ Imported *i = calloc(1, sizeof(Imported));
    Collector c = { .imported = i, .passphrase = passphrase, .problem = problem };
    const char *format;
    int r;

    if (!i)
        return -ENOMEM;
    r = read_any(&c, bundle->data, bundle->size, &format);
    if (r >= 0 && key)
        r = read_key_file(&c, key);
    ERR_clear_error();
    if (r < 0)
        return r;
    if (i->n_certificates == 0)
        return problem_set(
            problem, PROBLEM_INVALID_BUNDLE,
            "There is no certificate in the upload%s; add that of the leaf and those that lead up from it.",
            i->key.data || i->key_problem.code != PROBLEM_NONE ? ", only a private key" : "");
    forget_key(i);
    i->format = strdup(format);
    if (!i->format)
        return -ENOMEM;
    *ret = TAKE_PTR(i);
    return 0;
}
