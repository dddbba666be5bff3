/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/mac-algorithm.h"

#include "util/text.h"

static const char *const names[_MAC_ALGORITHM_MAX] = {
    [MAC_HS256] = "HS256",
    [MAC_HS384] = "HS384",
    [MAC_HS512] = "HS512",
};

const char *mac_algorithm_to_string(MacAlgorithm a)
{
    return a >= 0 && a < _MAC_ALGORITHM_MAX ? names[a] : NULL;
}

MacAlgorithm mac_algorithm_from_string(const char *s)
{
    return (MacAlgorithm)TABLE_FROM_STRING(names, s);
}
