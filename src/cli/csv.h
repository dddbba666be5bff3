/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Comma-separated values (RFC 4180) on stdout. Control characters are escaped as everywhere, so that no text of another
 * breaks a line. */

void csv_print_row(const char *const *texts, size_t n);
