/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/jws.h"

#include <errno.h>
#include <stdio.h>

/* All values in a header are plain ASCII: a URL, a nonce, a key id. -EINVAL for others. */
static int put_text(FILE *f, const char *name, const char *text)
{
    fprintf(f, ",\"%s\":\"", name);
    for (const char *c = text; *c; c++) {
        if (*c < 0x20 || *c > 0x7e)
            return -EINVAL;
        if (*c == '"' || *c == '\\')
            fputc('\\', f);
        fputc(*c, f);
    }
    fputc('"', f);
    return 0;
}

static int header_to_base64url(const char *algorithm, const char *jwk, const char *kid, const char *nonce,
                               const char *url, char **ret)
{
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    int r = 0;

    if (!f)
        return -ENOMEM;
    fprintf(f, "{\"alg\":\"%s\"", algorithm);
    if (jwk)
        fprintf(f, ",\"jwk\":%s", jwk);
    if (kid)
        r = put_text(f, "kid", kid);
    if (r >= 0 && nonce)
        r = put_text(f, "nonce", nonce);
    if (r >= 0)
        r = put_text(f, "url", url);
    fputc('}', f);
    if (fclose(f) != 0)
        return -ENOMEM;
    if (r < 0)
        return r;
    *ret = base64url_encode(text, size);
    return *ret ? 0 : -ENOMEM;
}

/* The data to sign: header and payload with a dot between (RFC 7515 section 5.1). */
static int join(const char *header, const char *payload, char **ret)
{
    _cleanup_free_ char *encoded = base64url_encode(strempty(payload), strlen(strempty(payload)));

    char *text;

    if (!encoded || asprintf(&text, "%s.%s", header, encoded) < 0)
        return -ENOMEM;
    *ret = text;
    return 0;
}

/* RFC 7515 section 7.2.2. */
static int flatten(const char *joined, size_t header_length, const char *signature, char **ret)
{
    char *text;

    if (asprintf(&text, "{\"protected\":\"%.*s\",\"payload\":\"%s\",\"signature\":\"%s\"}",
                 (int)header_length, joined, joined + header_length + 1, signature) < 0)
        return -ENOMEM;
    *ret = text;
    return 0;
}

int jws_sign(const AccountKey *key, const JwsHeader *header, const char *payload, char **ret)
{
    _cleanup_free_ char *head = NULL, *joined = NULL, *signature = NULL;
    int r;

    r = header_to_base64url(account_key_algorithm(key), header->account ? NULL : account_key_jwk(key),
                            header->account, header->nonce, header->url, &head);
    if (r >= 0)
        r = join(head, payload, &joined);
    if (r >= 0)
        r = account_key_sign(key, joined, strlen(joined), &signature);
    return r < 0 ? r : flatten(joined, strlen(head), signature, ret);
}

int jws_bind(const AccountKey *key, const char *url, const char *id, MacAlgorithm algorithm,
             const void *secret, size_t secret_size, char **ret)
{
    _cleanup_free_ char *head = NULL, *joined = NULL, *signature = NULL;
    const char *name = mac_algorithm_to_string(algorithm);
    int r;

    if (!name)
        return -EINVAL;
    r = header_to_base64url(name, NULL, id, NULL, url, &head);
    if (r >= 0)
        r = join(head, account_key_jwk(key), &joined);
    if (r >= 0)
        r = mac_sign(algorithm, secret, secret_size, joined, strlen(joined), &signature);
    return r < 0 ? r : flatten(joined, strlen(head), signature, ret);
}
