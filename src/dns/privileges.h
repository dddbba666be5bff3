/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Permanently drops privileges: programs cannot gain any, no capabilities, no core files; root switches to
 * the user certwright-dns, or nobody if there is none, without supplementary groups. Negative errno. */
int privileges_drop(void);
