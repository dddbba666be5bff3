/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/*
 * Certificates from nothing, as quickly as the machine can make them: a root, and with it for each of the names
 * host-00000.example.com and so on a P-256 key and a certificate. They are written to the files of the service's
 * own store, below DIR/certificates, and the root to DIR/root.pem. Whatever fails ends the program.
 *
 * Where the time goes in OpenSSL 3, and how it is avoided here:
 * - Fetching an algorithm by name (EVP_EC_gen, EVP_sha256) costs as much as using it: a thread fetches once.
 * - X509_set_pubkey() and PEM_write_bio_PrivateKey() go through the encoder framework, which costs more than
 *   all else together. For a P-256 key both encodings are a constant frame around the scalar and the point.
 * - Whatever is the same in all certificates is set once: a thread keeps one X509 and replaces the rest.
 */

#define ISSUE_MAX         1000000L
#define ISSUE_THREADS_MAX 16

typedef enum Step {
    STEP_KEY,
    STEP_BUILD,
    STEP_SIGN,
    STEP_KEY_PEM,
    STEP_CERT_PEM,
    STEP_FILES,
    STEP_MAX,
} Step;

typedef enum Flush {
    FLUSH_TOGETHER, /* one syncfs(2) at the end, best for many */
    FLUSH_EACH,     /* each file, best for few */
} Flush;

typedef struct Issuance {
    long n;
    int threads;
    const char *path; /* DIR, which is empty; NULL: nothing is written */
    Flush flush;

    double work_us, flush_us; /* by the clock; flush_us is that of the flush at the end */
    double us[STEP_MAX];      /* of all threads together */
} Issuance;

void issue_all(Issuance *i);
