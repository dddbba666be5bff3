/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "util/macro.h"

/* Names of users, for messages. They come from NSS, which may wait for a network: each is looked up by a thread of its own, and
 * what takes too long is replaced by the number of the user. Nothing waits for such a thread, not even the end of the
 * program. Names are kept for some minutes. */
typedef struct UserNames UserNames;

typedef void (*UserNameFound)(const char *name, void *userdata);

int user_names_new(sd_event *event, UserNames **ret);
/* Ends what is being looked up with the numbers. */
UserNames *user_names_free(UserNames *n);
DEFINE_CLEANUP(UserNames *, user_names_free);
/* Calls found() with the name of the user, or with the number as text if there is no name: at once if that is known, and
 * otherwise from the event loop, in the order of these calls for each user. */
void user_names_find(UserNames *n, uid_t uid, UserNameFound found, void *userdata);
