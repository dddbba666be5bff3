/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

/* Chains of certificates with anything in them, right or wrong, and uploads made of them: for tests that compare two
 * verdicts. All that is chosen is chosen by one generator of random numbers, so that a seed stands for a run; keys
 * are new in each. */

#define LINE_MAX_PARTS 7

typedef enum KeyId {
    KEY_ID_NONE,
    KEY_ID_RIGHT,
    KEY_ID_WRONG,
    KEY_ID_SERIAL, /* authority key id alone: issuer and serial number, of the right one */
    KEY_ID_OTHER_SERIAL,
} KeyId;

/* One certificate to be made. Extensions are texts as x509v3_config(5) has them; NULL: there is none. */
typedef struct PartSpec {
    const char *subject, *issuer; /* common names; issuer NULL: the subject of the one above */
    unsigned key,
        signer; /* of the key ring; the signer is that of the one above unless it is set otherwise */
    int64_t not_before, not_after; /* relative to now */
    const char *constraints, *usage, *extended, *names, *name_constraints, *netscape, *other;
    KeyId subject_id, authority_id;
    const EVP_MD *digest;
    bool pss;
    bool version_1; /* without extensions */
    long serial;
} PartSpec;

/* A certificate that was made; der is what mutations change. */
typedef struct Part {
    X509 *certificate;
    GByteArray *der;
    EVP_PKEY *key, *signer;
    const EVP_MD *digest;
} Part;

/* Leaf first, root last; a line of one is signed by itself. */
typedef struct Line {
    unsigned n;
    Part parts[LINE_MAX_PARTS];
    Part
        cross; /* the certificate of the part below the root, signed by another root; der NULL: there is none */
} Line;

/* The key ring: key_ring_choose() gives the number of a key, key_ring_get() the key, borrowed. */
void key_ring_make(void);
void key_ring_done(void);

/* A good line of so many certificates. */
void line_specify(GRand *random, unsigned n, PartSpec specs[static LINE_MAX_PARTS]);
/* Something in it is changed, for good or ill. */
void line_spoil(GRand *random, unsigned n, PartSpec specs[static LINE_MAX_PARTS]);
Line line_make(GRand *random, unsigned n, const PartSpec specs[static LINE_MAX_PARTS]);
/* Another holder of the same certificates, with der of its own. */
Line line_copy(const Line *l);
void line_done(Line *l);
#define _cleanup_line_ _cleanup_(line_done)
/* Changes some bits of one of the certificates; often it is signed again after that. */
void line_mutate(GRand *random, Line *l);
/* The certificates from part first on as PEM, in any order, some more or less often than once, and the key of the first. */
char *line_compose(GRand *random, const Line *l, unsigned first, const Line *foreign);
