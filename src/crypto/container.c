/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "crypto/container-internal.h"

void container_init(void)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
                                  OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS,
                              NULL);
    (void)OSSL_PROVIDER_load(NULL, "default");
    (void)OSSL_PROVIDER_load(NULL, "legacy"); /* RC2 and the like; refused if it is not available */
    ERR_clear_error();
}

/* Text that a Windows editor saved as "Unicode": UTF-16 with a byte order mark, all ASCII when it is PEM. */
static int narrow(const uint8_t *data, size_t size, Blob *ret)
{
    size_t low = data[0] == 0xff ? 0 : 1, n = 0;
    uint8_t *text = malloc(size / 2 + 1);

    if (!text)
        return -ENOMEM;
    for (size_t i = 2; i + 1 < size; i += 2)
        text[n++] = data[i + 1 - low] == 0 ? data[i + low] : '?';
    text[n] = 0;
    *ret = (Blob){ text, n };
    return 0;
}

static bool holds(const void *data, size_t size, const char *what)
{
    return size > 0 && memmem(data, size, what, strlen(what)) != NULL;
}

static bool is_alphabet(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           byte == '+' || byte == '/' || byte == '=';
}

/* BASE64 without PEM labels. */
static int decode_base64(const uint8_t *data, size_t size, Blob *ret)
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
    *ret = (Blob){ der, (size_t)length - padding };
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
        what = "It is an HTML page, so the download failed";
    return problem_set(c->problem, PROBLEM_INVALID_BUNDLE, "The %s cannot be parsed. %s.",
                       c->key_only ? "key file" : "upload", what);
}

/* Line endings of old Macintoshes. */
static int read_pem_of_returns(Collector *c, const uint8_t *data, size_t size, const char **ret_format)
{
    _cleanup_blob_ Blob text = {};

    if (blob_new(data, size, &text) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++)
        if (text.data[i] == '\r')
            text.data[i] = '\n';
    return read_pem(c, (const char *)text.data, size, ret_format);
}

static int read_text(Collector *c, const uint8_t *data, size_t size, const char **ret_format)
{
    _cleanup_blob_ Blob der = {};

    if (holds(data, size, "-----BEGIN "))
        return memchr(data, '\n', size) ? read_pem(c, (const char *)data, size, ret_format)
                                        : read_pem_of_returns(c, data, size, ret_format);
    if (decode_base64(data, size, &der) < 0)
        return not_understood(c, data, size);
    return read_der(c, der.data, der.size, ret_format);
}

static int read_any(Collector *c, const uint8_t *data, size_t size, const char **ret_format)
{
    static const uint8_t mark[] = { 0xef, 0xbb, 0xbf };
    _cleanup_blob_ Blob text = {};

    if (size > LIMIT_BUNDLE)
        return problem_set(c->problem, PROBLEM_LIMITS_EXCEEDED, "The %s has more than %d bytes.",
                           c->key_only ? "key file" : "upload", LIMIT_BUNDLE);
    if (size > 2 && data[0] == 0x30)
        return read_der(c, data, size, ret_format);
    if (size > 2 && ((data[0] == 0xff && data[1] == 0xfe) || (data[0] == 0xfe && data[1] == 0xff))) {
        if (narrow(data, size, &text) < 0)
            return -ENOMEM;
        return read_text(c, text.data, text.size, ret_format);
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
            "There is no certificate in the upload%s; add the certificate of the leaf and its chain.",
            i->key.data || i->key_problem.code != PROBLEM_NONE ? ", only a private key" : "");
    forget_key(i);
    i->format = strdup(format);
    if (!i->format)
        return -ENOMEM;
    *ret = TAKE_PTR(i);
    return 0;
}
