/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* The directory from which another web server serves a name: proofs become files in its
 * .well-known/acme-challenge/. Missing ones of these two directories are created, and removed with the last
 * proof. */

typedef struct WebRoot WebRoot;
typedef struct WebProof WebProof;

/* path: absolute, from root-owned configuration. Does not access it yet. */
int web_root_new(const char *path, WebRoot **ret);
/* It is freed with its last proof. */
WebRoot *web_root_unref(WebRoot *w);
DEFINE_CLEANUP(WebRoot *, web_root_unref);
const char *web_root_path(const WebRoot *w);
/* Adds a proof until web_root_remove(). Checks the token, which becomes a file name. Proofs with the same
 * token must have the same text. */
int web_root_add(WebRoot *w, const char *token, const char *key_authorization, WebProof **ret,
                 Problem *problem);
WebProof *web_root_remove(WebProof *p);
DEFINE_CLEANUP(WebProof *, web_root_remove);
