/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/deployment.h"
#include "deploy/image.h"
#include "deploy/probe.h"

/* The former files of a certificate, as they were found: of Certwright, of another program, or made by hand. */

/* True if a private key in PEM may be in it. */
bool former_has_key(const Image *image);
/* Finds the chain in the files, one for each kind (NULL: none), and examines it. *ret_end: when its leaf expires,
 * seconds since 1970-01-01 UTC. If the files contain no chain in PEM, or there are none, *ret has no certificates and
 * *ret_end is 0. */
int former_examine(const Image *const images[static _DEPLOY_FILE_MAX], int64_t now, Presented *ret,
                   int64_t *ret_end, Problem *problem);
/* *ret is false if the key, in a file of its own, is not that of the chain. Files that are no chain or no key count as a pair. */
int former_is_pair(const Image *const images[static _DEPLOY_FILE_MAX], int64_t now, bool *ret,
                   Problem *problem);
