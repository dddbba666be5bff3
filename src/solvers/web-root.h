/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/problem.h"

/* The directory from which another web server serves a name: proofs become files in its .well-known/acme-challenge/. What is
 * missing of these two directories is made, and removed again with the last proof. */

typedef struct WebRoot WebRoot;
typedef struct WebProof WebProof;

/* path: absolute, from root-owned configuration. Nothing is looked at yet. */
int web_root_new(const char *path, WebRoot **ret);
/* It goes with its last proof. */
WebRoot *web_root_unref(WebRoot *w);
DEFINE_CLEANUP(WebRoot *, web_root_unref);
const char *web_root_path(const WebRoot *w);
/* There until _remove. The token is checked to be one: it becomes a file name. Two of one token have to have the same
 * text. */
int web_root_add(WebRoot *w, const char *token, const char *key_authorization, WebProof **ret,
                 Problem *problem);
WebProof *web_root_remove(WebProof *p);
DEFINE_CLEANUP(WebProof *, web_root_remove);
