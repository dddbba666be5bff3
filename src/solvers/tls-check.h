/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "net/resolver.h"

/* Looks for a proof of tls-alpn-01 as an authority would: at every address of the name. One that answers wrongly is a failure,
 * for it may be the one that the authority asks; one that cannot be reached from here is none if another answers well. */
typedef struct TlsCheck TlsCheck;

/* problem->code is PROBLEM_NONE when the proof is there. */
typedef void (*TlsCheckDone)(const Problem *problem, void *userdata);

/* done is called once, never from within _start and never after _free, which it may call. */
int tls_check_start(sd_event *event, Dns *dns, const char *name, const char *key_authorization,
                    uint16_t port, TlsCheckDone done, void *userdata, TlsCheck **ret, Problem *problem);
TlsCheck *tls_check_free(TlsCheck *c);
DEFINE_CLEANUP(TlsCheck *, tls_check_free);
