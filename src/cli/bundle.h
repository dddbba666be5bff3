/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Opens a file to upload, of any form, for a message: a regular file as it is; "-", which is stdin, and everything else
 * that can be read becomes a memfd. At most LIMIT_BUNDLE bytes, and at least one. */
Exit bundle_open(const char *file, int *ret_fd);
