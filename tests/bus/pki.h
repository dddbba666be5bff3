/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Certificates from elsewhere, made by the openssl command in a directory of their own. */
typedef struct Pki {
    char *directory;
} Pki;

/* Makes a root and an intermediate authority. */
Pki *pki_new(const char *parent);
void pki_free(Pki *p);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pki, pki_free)

/* san as in "DNS:a.example.com,DNS:b.example.com". */
typedef struct PkiLeaf {
    char *certificate, *key, *intermediate, *root; /* PEM */
    char *fingerprint;                             /* SHA-256 of the leaf, lower-case hexadecimal */
} PkiLeaf;

/* key is an argument of "openssl genpkey" behind -algorithm, as "EC", "RSA", "DSA" or "ED25519"; days may
 * be negative. */
PkiLeaf *pki_issue(Pki *p, const char *name, const char *san, const char *key, int days);
void pki_leaf_free(PkiLeaf *l);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PkiLeaf, pki_leaf_free)
/* Leaf, intermediate and key. */
char *pki_bundle(const PkiLeaf *l);

/* A line of what openssl says of some PEM, without what stands before "=". arguments as in "-serial". */
char *openssl_ask(const char *pem, const char *const *arguments);
/* The served chain against a root, as "openssl verify -CAfile root -untrusted chain leaf". */
gboolean openssl_verify(const char *root, const char *chain);
/* What a subcommand reads from standard input in that form. */
gboolean openssl_parses(const void *data, gsize size, const char *const *argv);
