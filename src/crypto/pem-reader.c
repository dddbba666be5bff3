/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/pem-reader.h"

#include <stdio.h>

#include "crypto/base64url.h"

#define LINE_LENGTH 64 /* RFC 7468 section 2 */

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
    char expected[64];
    int size = snprintf(expected, sizeof(expected), "-----%s %s-----", which, label);

    return r->length == (size_t)size && strncmp(r->line, expected, r->length) == 0;
}

int pem_read_block(PemReader *r, const char *label, Blob *ret)
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
    q = length > 0 ? base64_decode(text, ret) : -EINVAL;
    return q >= 0 ? 1 : q == -ENOMEM ? q : -EBADMSG;
}
