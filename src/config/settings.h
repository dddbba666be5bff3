/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/config.h"

/* Settings as a snapshot: the defaults, which the parser fills in, then references, which may be dropped in any thread. */

int settings_new(Settings **ret);
Settings *settings_ref(Settings *s);
Settings *settings_unref(Settings *s);
DEFINE_CLEANUP(Settings *, settings_unref);
/* With the defaults. */
int settings_add_authority(Settings *s, const char *name);
void authority_settings_done(AuthoritySettings *a);
bool authority_settings_equal(const AuthoritySettings *a, const AuthoritySettings *b);
/* Whether orders are made in the same way: [ACME] and all [Authority]. */
bool settings_order_alike(const Settings *a, const Settings *b);
