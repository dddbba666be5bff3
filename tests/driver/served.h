/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A generation as it lies on disk, read by OpenSSL. */
typedef struct Served Served;

/* The files of this directory; NULL, and what is wrong with them. */
Served *served_read(const char *directory, const char *chain_file, const char *key_file, char **ret_fault);
/* The generation that a certificate serves. *ret_damaged: it is not whole, though it did not change meanwhile. */
Served *served_read_current(const char *directory, char **ret_fault, gboolean *ret_damaged);
void served_free(Served *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Served, served_free)

/* These return what is wrong, newly allocated, or NULL. The first compares with the properties of a
 * certificate, a{sv}. */
char *served_compare(const Served *s, GVariant *properties);
/* The same of the first certificate alone. */
char *served_compare_leaf(const Served *s, GVariant *properties);
/* Whether it leads to one of these roots (PEM) at that moment, and is for this name (NULL: any). */
char *served_verify(const Served *s, const char *roots, gint64 moment, const char *name);
