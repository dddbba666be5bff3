/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/session.h"

/* Returns the number of characters to insert, delete, replace or swap with their neighbour to turn one word
 * into the other; SIZE_MAX for words too long to compare. */
size_t suggestion_distance(const char *a, const char *b);

/* Returns the most similar word of a list; NULL if none is similar. */
const char *suggestion_nearest(const char *word, const char *const *words, size_t n_words);

/* Suggests certificates with names similar to an unknown one, and how to list all. */
void suggestion_print(Session *s, const char *name);
