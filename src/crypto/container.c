/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "crypto/container-internal.h"
#include "crypto/escapes.h"
#include "crypto/pem-block.h"
#include "util/encoding.h"

void container_init(void)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
                                  OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS,
                              NULL);
    (void)OSSL_PROVIDER_load(NULL, "default");
    (void)OSSL_PROVIDER_load(NULL, "legacy"); /* RC2 and the like; refused if it is not available */
    ERR_clear_error();
}

/* A sequence (X.690). As text, it would begin with "0" and be no UTF-8, or be too short for anything. */
static bool looks_like_der(const uint8_t *data, size_t size)
{
    return size > 2 && data[0] == 0x30 && (data[1] >= 0x80 || data[1] + 2U == size);
}

static int read_any(Collector *c, const uint8_t *data, size_t size, unsigned depth, const char **ret_format);

static int not_understood(Collector *c, const uint8_t *data, size_t size)
{
    return problem_set(c->problem, PROBLEM_INVALID_BUNDLE, "The %s cannot be parsed. It is %s.",
                       c->key_only ? "key file" : "upload", container_kind(data, size));
}

/* BASE64 without PEM labels, of DER or of PEM. */
static int read_base64(Collector *c, const char *text, size_t size, unsigned depth, const char **ret_format)
{
    static const char around[] = " \t\n\f\"',;";
    _cleanup_blob_ Blob der = {};
    size_t from = strspn(text, around);
    int r;

    while (size > from && strchr(around, text[size - 1]))
        size--;
    r = base64_collect(text + from, size - from, &der);
    if (r < 0)
        return r;
    if (depth > 0 || (!looks_like_der(der.data, der.size) && !strcasestr((const char *)der.data, "BEGIN")))
        return -EBADMSG;
    return read_any(c, der.data, der.size, depth + 1, ret_format);
}

static int read_text(Collector *c, const uint8_t *data, size_t size, unsigned depth, const char **ret_format)
{
    _cleanup_erase_ char *text = NULL;
    size_t length;
    int r;

    r = encoding_to_utf8(data, size, &text, &length);
    if (r < 0)
        return r;
    length = escapes_undo(text, length);
    text[length] = 0;
    r = read_pem(c, text, ret_format);
    if (r != 0)
        return r;
    r = read_base64(c, text, length, depth, ret_format);
    return r == -EBADMSG && c->problem->code == PROBLEM_NONE ? not_understood(c, data, size) : r;
}

static int read_any(Collector *c, const uint8_t *data, size_t size, unsigned depth, const char **ret_format)
{
    if (size > LIMIT_BUNDLE)
        return problem_set(c->problem, PROBLEM_LIMITS_EXCEEDED, "The %s has more than %d bytes.",
                           c->key_only ? "key file" : "upload", LIMIT_BUNDLE);
    return looks_like_der(data, size) ? read_der(c, data, size, ret_format)
                                      : read_text(c, data, size, depth, ret_format);
}

static int read_key_file(Collector *c, const ContainerInput *key)
{
    const char *format;
    int r;

    c->key_only = true;
    c->n_seen = 0;
    r = read_any(c, key->data, key->size, 0, &format);
    if (r >= 0 && !c->imported->key.data && c->imported->key_problem.code == PROBLEM_NONE)
        (void)problem_set(
            &c->imported->key_problem, PROBLEM_INVALID_BUNDLE,
            "There is %s in the key file and no private key; give the file with the private key.",
            c->n_seen > 0 ? "a certificate" : "nothing that is used");
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

static int lacks_certificates(const Imported *i, const char *format, Problem *problem)
{
    if (i->key_problem.code != PROBLEM_NONE)
        return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                           "The upload (%s) contains only a private key, which cannot be used either. %s",
                           format, i->key_problem.text);
    return problem_set(problem, PROBLEM_INVALID_BUNDLE,
                       "The upload (%s) contains %s; add the certificate of the leaf and its chain.", format,
                       i->key.data ? "only a private key" : "neither a certificate nor a key");
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
    r = read_any(&c, bundle->data, bundle->size, 0, &format);
    if (r >= 0 && key)
        r = read_key_file(&c, key);
    ERR_clear_error();
    if (r < 0)
        return r;
    if (i->n_certificates == 0)
        return lacks_certificates(i, format, problem);
    forget_key(i);
    i->format = strdup(format);
    if (!i->format)
        return -ENOMEM;
    *ret = TAKE_PTR(i);
    return 0;
}
