/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/fields.h"
#include "cli/session.h"

/* Errors that the service found in its configuration: the items of the property ConfigurationErrors, a(suss). */

extern const Record configuration_error_record;

/* Returns "PLACE: KEY=: TEXT" for the error with this index, and its place, FILE:LINE; both allocated. */
char *configuration_error_format(const List *l, size_t i, char **ret_place);

/* Prints a line for each, with `indent` before it. */
void configuration_errors_print(FILE *file, const List *l, const char *indent);

/* The same with a heading, if there are any. */
void configuration_errors_print_section(const List *l);

/* Reads them from the service; *l is empty. The reply owns the text. */
Exit configuration_errors_load(Session *s, List *l, sd_bus_message **ret_reply);
