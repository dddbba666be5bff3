/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/fields.h"

/* What the service found wrong in its configuration: a list of the property ConfigurationErrors, a(suss). */

extern const Record configuration_error_record;

/* Prints a line for each, with `indent` before it. */
void configuration_errors_print(FILE *file, const List *l, const char *indent);
