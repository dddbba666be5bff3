/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Encodes DER as PEM (RFC 7468). Returns NULL on OOM. */
char *pem_encode(const char *label, const uint8_t *der, size_t size);
