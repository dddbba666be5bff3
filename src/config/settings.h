/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/config.h"

/* Settings as an immutable snapshot: created with the defaults, filled in by the parser, then
 * reference-counted; references may be dropped in any thread. */

int settings_new(Settings **ret);
Settings *settings_ref(Settings *s);
Settings *settings_unref(Settings *s);
DEFINE_CLEANUP(Settings *, settings_unref);
/* Adds an authority with the defaults. */
int settings_add_authority(Settings *s, const char *name);
void authority_settings_done(AuthoritySettings *a);
bool authority_settings_equal(const AuthoritySettings *a, const AuthoritySettings *b);
/* Returns true if orders are placed in the same way: [ACME] and all [Authority] sections are equal. */
bool settings_order_alike(const Settings *a, const Settings *b);
