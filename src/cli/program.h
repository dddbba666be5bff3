/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Programs of the system, such as a service's check of its own configuration. They get fixed arguments, no input, and an
 * environment with a path alone. */

/* Runs a program to its end, a minute at most. Returns its exit status, or a negative errno; *ret is what it wrote on stdout
 * and stderr, as far as LIMIT_PROGRAM_OUTPUT permits. */
int program_run(const char *const *arguments, char **ret);

/* True if it ran and its exit status was 0. */
bool program_succeeds(const char *const *arguments);

/* Runs it and reports a failure, with what it wrote. `purpose` is a whole sentence, "Cannot ...". */
Exit program_require(const char *const *arguments, const char *purpose);

/* Prints what a program wrote, indented, to stderr. */
void program_print_output(const char *output);
