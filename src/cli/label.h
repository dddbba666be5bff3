/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Names for people to read: in their own script, where the locale has its letters. Both return an allocated string. */

char *name_to_label(const char *name);

/* The same for each name in a text of the service. Paths and URLs stay as they are, since they have to be copied. */
char *text_to_labels(const char *text);
