/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "core/problem.h"

/* Understands what an administrator uploads: certificates and the private key of one of them, PEM (RFC 7468) in
 * any order, with other text between. The chain comes out leaf first, without duplicates and without a
 * self-signed root, everything encoded anew. Each refusal is a problem of its own. now: seconds. */
int upload_parse(const char *pem, size_t size, int64_t now, Bundle **ret, Problem *problem);
