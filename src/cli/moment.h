/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Times as people speak of them, in local time. All return an allocated string. */

/* "in 23 h, at 01:14", "in 12 days, on 2026-12-12", "now"; "" for 0, which is no time. */
char *moment_format_due(int64_t t);

/* Replaces the times in a sentence of the service ("2026-11-28 08:27:48 UTC") by local ones: "09:27" within a day, else
 * "2026-12-12 09:27 CET". */
char *moment_localize(const char *text);
