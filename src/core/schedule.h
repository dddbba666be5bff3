/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/choose.h"

/* Computes when a chain is renewed, when failures are retried, and when warnings are given. Pure functions;
 * times in seconds since 1970-01-01 UTC; INT64_MAX means never. Random deviations are derived from the
 * arguments, so that the results are stable. */

/* When an authority suggests renewing a certificate (RFC 9773 section 4.2). */
typedef struct RenewalWindow {
    int64_t start, end; /* start < end, else there is none */
} RenewalWindow;

/* When a chain is renewed according to its lifetime: after 2/3 of it; for a chain of an authority after 1/2
 * if it is shorter than ten days, and up to 1/24 earlier, so that chains issued together are not renewed
 * together. 0 (never) for chains that only an administrator can replace. */
int64_t schedule_leaf_renewal(const Chain *chain, Source source);
/* Returns a time within the window that is specific to the certificate (RFC 9773 section 4.2: at random);
 * never if there is no window, or if it ends before the certificate is valid. */
int64_t schedule_window_moment(const Chain *chain, const RenewalWindow *window);
/* The minimum time between two renewals because of windows: a day, or 1/6 of the lifetime if that is
 * shorter. Otherwise an authority whose windows are always in the past would cause endless renewals. */
int64_t schedule_window_pause(const Chain *chain);
/* When a chain of an authority is renewed, considering its window. A window can only make it earlier (RFC
 * 9773 section 4.3.3) than the lifetime without its random part: windows have their own. window_after: no
 * renewal because of the window before this time. */
int64_t schedule_renewal(const Chain *chain, const RenewalWindow *window, int64_t window_after);
/* After how many seconds the window is queried again. retry_after: from the reply, 0 if absent or if there
 * was no reply. At most 10 hours, so that it is queried twice a day even if the service is woken up late. */
int64_t schedule_window_check(int64_t retry_after);
/* The earliest time at which a chain issued now may be ordered again: after a third of its remaining
 * lifetime. That is before its renewal, unless it was already old when it was issued. */
int64_t schedule_first_order(const Chain *chain, int64_t now);

/* When the successor of an uploaded chain is ordered, unless one is uploaded: 1/50 of its lifetime before
 * its end, and at least a day (1/3 of the lifetime if that is shorter), to leave time for failed orders. */
int64_t schedule_successor(const Chain *chain);

/* State of a certificate that can be ordered. */
typedef struct OrderState {
    const Chain *chain;   /* usable, of an authority; NULL: none */
    RenewalWindow window; /* of this chain */
    int64_t window_after; /* no renewal because of the window before; 0: any time */
    int64_t after;        /* no order before, after a failure, or no renewal by lifetime; 0: any time */
    bool failed;          /* the last order failed */
    bool retry;           /* the reason of the failure is gone: no wait */
} OrderState;
/* When the next order is due. */
int64_t schedule_order(const OrderState *s);

/* When an administrator is warned that the chain is about to expire: 30, 14, 7, 3 and 1 days before; each at
 * a third of the lifetime if that is shorter, and at a quarter for chains that should have been renewed
 * automatically. The last such time up to now (0: none), the first after it, and the first of all. */
int64_t schedule_last_warning(const Chain *chain, Source source, int64_t now);
int64_t schedule_next_warning(const Chain *chain, Source source, int64_t now);
int64_t schedule_first_warning(const Chain *chain, Source source);

/* The delay in seconds after this number of consecutive failures: 1, 10, 100 minutes, then a day. */
int64_t schedule_delay(unsigned failures);
/* The same with a deviation of up to 20% (chance: 0 to UINT32_MAX). */
int64_t schedule_retry(unsigned failures, uint32_t chance);
/* The chance for the retry of a name. Consecutive ones compensate each other, so that what always fails is
 * tried once a day on average. */
uint32_t schedule_chance(const char *name, unsigned failures);
/* The delay in seconds of a name after this number of consecutive failures. */
int64_t schedule_back_off(const char *name, unsigned failures);
/* After 4/5 of the lifetime of the root. */
int64_t schedule_root_renewal(const Chain *chain);
