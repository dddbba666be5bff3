/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* HMAC algorithms for external account binding (RFC 8555 section 7.3.4), named as in RFC 7518 section 3.2. */
typedef enum MacAlgorithm {
    MAC_HS256,
    MAC_HS384,
    MAC_HS512,
    _MAC_ALGORITHM_MAX,
    _MAC_ALGORITHM_INVALID = -22,
} MacAlgorithm;

const char *mac_algorithm_to_string(MacAlgorithm a);
MacAlgorithm mac_algorithm_from_string(const char *s);
