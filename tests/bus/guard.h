/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "signals.h"

/* Between begin and end nothing must happen: no file of the store changes, no signal is sent, and the
 * daemon lives. */
typedef struct Guard {
    Fixture *fixture;
    SignalLog *log;
    char *digest;
} Guard;

Guard guard_begin(Fixture *f);
void guard_end(Guard *g);
