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
/* With an EC key, and valid from and until a moment: seconds since 1970-01-01 UTC. */
PkiLeaf *pki_issue_between(Pki *p, const char *name, const char *san, gint64 from, gint64 until);
/* An authority below another (NULL: signs itself); extensions as of x509v3_config(5), NULL: the usual ones.
 * intermediate is "" when its issuer signed itself. */
PkiLeaf *pki_make_authority(Pki *p, const char *name, const char *parent, const char *extensions);
/* Leaf, intermediate and key. */
char *pki_bundle(const PkiLeaf *l);
/* The same as PKCS#12. */
char *pki_pkcs12(const PkiLeaf *l, const char *passphrase, gsize *ret_size);
/* PKCS#8, PEM. */
char *pki_encrypt_key(const char *key, const char *passphrase);

/* A line of what openssl says of some PEM, without what stands before "=". arguments as in "-serial". */
char *openssl_ask(const char *pem, const char *const *arguments);
/* The served chain against a root, as "openssl verify -CAfile root -untrusted chain leaf". */
gboolean openssl_verify(const char *root, const char *chain);
/* Standard output of a command that reads these bytes; with a NUL behind. Fails the test if it fails. */
char *openssl_filter(const char *const *argv, const void *data, gsize size, gsize *ret_size);
/* What a subcommand reads from standard input in that form. */
gboolean openssl_parses(const void *data, gsize size, const char *const *argv);
