/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/blob.h"
#include "core/problem.h"

/* Finds PEM blocks (RFC 7468) in text that lost its form: any number of dashes, labels in any case, lines of any length
 * with anything in front that is repeated or no base64, blocks and headers without line breaks. What is not certain is
 * refused with the block and the line. Escapes are undone before (escapes.h). */

#define PEM_LABEL_MAX  40
#define PEM_HEADER_MAX 160

typedef struct PemBlock {
    unsigned number; /* from 1 */
    unsigned first_line, last_line;
    char label[PEM_LABEL_MAX + 1]; /* as RFC 7468 spells it */
    char header[PEM_HEADER_MAX +
                1]; /* of RFC 1421 section 4.6.1, with one line for each of its two fields; or "" */
    Blob der;       /* not of blocks that are skipped */
} PemBlock;

typedef struct PemScanner {
    const char *what; /* "upload", for messages */
    const char *text; /* NUL-terminated */
    const char *at;   /* behind the previous marker */
    unsigned n_blocks;
    Problem *problem;
} PemScanner;

/* Reads the next block. 1; 0: no more; -EBADMSG with a problem; -ENOMEM. */
int pem_scan(PemScanner *s, PemBlock *ret);
void pem_block_done(PemBlock *b);
#define _cleanup_pem_block_ _cleanup_(pem_block_done)
/* Checks that its contents are one whole element of DER (X.690). -EBADMSG with a problem. */
int pem_block_check(const PemScanner *s, const PemBlock *b, Problem *problem);

/* Collects base64 of RFC 4648 with or without padding, between white space. -EBADMSG if it is none. */
int base64_collect(const char *text, size_t size, Blob *ret);
