/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/pem-reader.h"

#include <errno.h>

#include "crypto/account-key.h"

#define LINE_LENGTH 64 /* RFC 7468 section 2 */

void pem_block_done(PemBlock *b)
{
    if (b->data)
        explicit_bzero(b->data, b->size);
    free(b->data);
}
static bool next_line(PemReader *r)
{
    if (!*r->at)
        return false;
    r->line = r->at;
    r->length = strcspn(r->at, "\r\n");
    r->at += r->length;
    r->at += *r->at == '\r';
    r->at += *r->at == '\n';
    r->n_line++;
    return true;
}

/* "-----BEGIN LABEL-----", exactly. */
static bool line_is(const PemReader *r, const char *which, const char *label)
{
    size_t a = strlen(which), b = strlen(label);

    return r->length == 5 + a + 1 + b + 5 && memcmp(r->line, "-----", 5) == 0 &&
           memcmp(r->line + 5, which, a) == 0 && r->line[5 + a] == ' ' &&
           memcmp(r->line + 5 + a + 1, label, b) == 0 && memcmp(r->line + 5 + a + 1 + b, "-----", 5) == 0;
}

/* Converts base64 to base64url, for which there is a strict decoder. */
static int decode_text(char *text, size_t length, PemBlock *ret)
{
    size_t padding = length > 1 && text[length - 1] == '=' ? text[length - 2] == '=' ? 2 : 1 : 0;
    void *data;
    int r;

    if (length == 0 || length % 4 != 0 || strpbrk(text, "-_"))
        return -EBADMSG;
    text[length - padding] = 0;
    for (char *c = text; *c; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    r = base64url_decode(text, &data, &ret->size);
    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    ret->data = data;
    return 0;
}

int pem_read_block(PemReader *r, const char *label, PemBlock *ret)
{
    _cleanup_erase_ char *text = NULL;
    size_t length = 0, last = LINE_LENGTH;
    int q;

    do {
        if (!next_line(r))
            return 0;
    } while (r->length == 0);
    if (!line_is(r, "BEGIN", label))
        return -EBADMSG;
    text = calloc(1, strlen(r->at) + 1);
    if (!text)
        return -ENOMEM;
    while (next_line(r) && !line_is(r, "END", label)) {
        if (r->length == 0 || r->length > LINE_LENGTH || last != LINE_LENGTH)
            return -EBADMSG;
        memcpy(text + length, r->line, r->length);
        length += last = r->length;
    }
    if (!line_is(r, "END", label))
        return -EBADMSG;
    q = decode_text(text, length, ret);
    return q < 0 ? q : 1;
}
