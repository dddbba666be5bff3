/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

#include "net/resolver.h"

/* A DNS and a clock for those who query one and wait for the other. They take the place of dns_query(), dns_cancel(),
 * sd_event_now() and sd_event_add_time_relative(): a timer goes off at once, and makes the clock later. */

#define MINUTE (60 * G_USEC_PER_SEC)

extern sd_event *loop;
extern uint64_t clock_usec;
extern unsigned dns_asked; /* queries so far */

/* Begins with an empty DNS. */
void dns_fixture_init(void);
void dns_fixture_done(void);
/* question: "TYPE name" or "TYPE name@server"; answer: values with blanks between, "!" if there is none, "-" if the name has no
 * such record, or "?VALUE": no VALUE before the clock shows a minute. Other names do not exist. */
void dns_set(const char *question, const char *answer);
