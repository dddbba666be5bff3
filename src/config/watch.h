/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "util/macro.h"

/* Reports changes of the configuration directories: once, a short time after the last change. */
typedef struct ConfigWatch ConfigWatch;

typedef void (*ConfigWatchChanged)(void *userdata);

int config_watch_new(sd_event *event, char *const *directories, ConfigWatchChanged changed, void *userdata,
                     ConfigWatch **ret);
ConfigWatch *config_watch_free(ConfigWatch *w);
DEFINE_CLEANUP(ConfigWatch *, config_watch_free);
/* Returns true if a change is about to be reported. */
bool config_watch_is_settling(const ConfigWatch *w);
/* Looks for directories again. Call this before reading the configuration, so that no change is missed. */
int config_watch_refresh(ConfigWatch *w);
