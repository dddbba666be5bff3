/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "net/resolver.h"

/* Checks a proof of tls-alpn-01 like an authority: at every address of the name. A wrong answer from any of
 * them is a failure, since the authority may connect to that one; an unreachable one is not, if another
 * answers correctly. */
typedef struct TlsCheck TlsCheck;

/* problem->code is PROBLEM_NONE if the proof was found. */
typedef void (*TlsCheckDone)(const Problem *problem, void *userdata);

/* done is called once, never from within tls_check_start() and never after tls_check_free(), which it may
 * call. */
int tls_check_start(sd_event *event, Dns *dns, const char *name, const char *key_authorization,
                    uint16_t port, TlsCheckDone done, void *userdata, TlsCheck **ret, Problem *problem);
TlsCheck *tls_check_free(TlsCheck *c);
DEFINE_CLEANUP(TlsCheck *, tls_check_free);
