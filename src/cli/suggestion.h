/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/session.h"

/* How many characters have to be added, taken out, replaced or swapped with their neighbour to make one word
 * of the other; SIZE_MAX for words too long to be compared. */
size_t suggestion_distance(const char *a, const char *b);

/* The word of a list that looks most like another one; NULL if none does. */
const char *suggestion_nearest(const char *word, const char *const *words, size_t n_words);

/* Names the certificates that look most like a name which is unknown, and how to list all. */
void suggestion_print(Session *s, const char *name);
