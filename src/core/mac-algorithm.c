/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/mac-algorithm.h"

#include "util/text.h"

static const char *const names[_MAC_ALGORITHM_MAX] = {
    [MAC_HS256] = "HS256",
    [MAC_HS384] = "HS384",
    [MAC_HS512] = "HS512",
};

DEFINE_STRING_TABLE(mac_algorithm, MacAlgorithm, names);
