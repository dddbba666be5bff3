/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../bus/pending.h"
#include "driver.h"

/* What there is before the first step. */
void steps_begin(Driver *d);
/* One or a few, without a rest between them. */
void steps_take(Driver *d);

/* Path of a certificate, newly allocated. */
char *path_of_name(const char *name);
/* Path of one that is wanted; NULL: there is none. */
char *choose_path(const Driver *d);
/* Root or the user who may do this as well. */
GDBusConnection *choose_user(const Driver *d);
void reload(Driver *d);
const char *choose_key_type(const Driver *d);

/* steps-names.c */
void step_register(Driver *d);
void step_unregister(Driver *d);
void step_denied(Driver *d);
void step_module(Driver *d);
void step_remove_module(Driver *d);
/* Takes away what it is not known of whether it came to be. */
void resolve_doubts(Driver *d);

/* steps-settings.c */
void write_settings(Driver *d);
void step_settings(Driver *d);
void step_broken_settings(Driver *d);
void step_broken_module(Driver *d);

/* steps-uploads.c */
void step_upload(Driver *d);
void step_upload_again(Driver *d);
void step_bad_upload(Driver *d);
void step_check_upload(Driver *d);
void step_remove_upload(Driver *d);
void step_upload_root(Driver *d);

/* Begins one more, and makes sure that it is gone again, whatever came of it. */
Pending *begin_upload(Driver *d, char **ret_fingerprint);
void undo_upload(Driver *d, Pending *p, const char *fingerprint);

/* steps-chains.c */
void step_reissue(Driver *d);
void step_reissue_all(Driver *d);
void step_reissue_root(Driver *d);
void step_revoke(Driver *d);
void step_cancel(Driver *d);
void step_renew_due(Driver *d);
void step_export(Driver *d);
void step_open_key(Driver *d);
void step_explain(Driver *d);
void step_account(Driver *d);

/* steps-machine.c */
void step_burst(Driver *d);
void step_kill(Driver *d);
void step_terminate(Driver *d);
void step_polkit(Driver *d);
void step_pebble(Driver *d);
void step_clock_forth(Driver *d);
void step_clock_back(Driver *d);
void step_wait(Driver *d);
