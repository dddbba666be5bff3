/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "util/macro.h"

/* Tells when something in the configuration directories was changed: once, a moment after the last change. */
typedef struct ConfigWatch ConfigWatch;

typedef void (*ConfigWatchChanged)(void *userdata);

int config_watch_new(sd_event *event, char *const *directories, ConfigWatchChanged changed, void *userdata,
                     ConfigWatch **ret);
ConfigWatch *config_watch_free(ConfigWatch *w);
DEFINE_CLEANUP(ConfigWatch *, config_watch_free);
/* Looks for folders again: to be called before the configuration is read, so that nothing is missed. */
int config_watch_refresh(ConfigWatch *w);
