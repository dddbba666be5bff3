/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Looks at what the services of all modules present, each at the places of its Probe= and for each of its names, for
 * "certwright doctor". Needs no rights but to read the configuration.
 *
 * input: a memfd or regular file with a line for each certificate to look for: its name, a blank, and the fingerprint of
 * the leaf that is wanted. output gets a SightingHeader and its records (core/sighting.h). config: directories, the most
 * important last. Fails only if there is no output. */
int look(char *const *config, int input, int output);
