/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* DER as PEM text (RFC 7468), newly allocated; NULL when memory is short. */
char *pem_encode(const char *label, const uint8_t *der, size_t size);
