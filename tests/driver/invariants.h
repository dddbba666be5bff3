/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "driver.h"

/* What has to be true after each step, within a minute; fails the test with what is not. */
void invariants_check(Driver *d);
