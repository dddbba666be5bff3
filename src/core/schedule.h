/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/choose.h"

/* When a chain is due to be renewed, when what failed is tried again, and when the end of a chain is warned of. Pure
 * functions; times in seconds since 1970-01-01 UTC; INT64_MAX is never. Where chance is needed it comes from what is given,
 * so that a moment stays the same however often it is asked for. */

/* When an authority wants a certificate to be renewed (RFC 9773 section 4.2). */
typedef struct RenewalWindow {
    int64_t start, end; /* start < end, else there is none */
} RenewalWindow;

/* When what was issued is renewed, as its life alone tells: at 2/3 of it; for what comes from an authority at half of it
 * when it is under ten days, and earlier by up to 1/24 of it, so that those that were issued together are not renewed together.
 * 0 (never) for what only an administrator can replace. */
int64_t schedule_leaf_renewal(const Chain *chain, Source source);
/* A moment in the authority's window that is the certificate's own (RFC 9773 section 4.2: at random); never when there is
 * none, or it ends before the certificate begins. */
int64_t schedule_window_moment(const Chain *chain, const RenewalWindow *window);
/* How long after a renewal for the sake of a window the next such one may be: a day, or 1/6 of the life if that is shorter. An
 * authority whose windows are always over would have everything renewed without end. */
int64_t schedule_window_pause(const Chain *chain);
/* When a chain from an authority is renewed, with its window. That can only make it earlier (RFC 9773 section 4.3.3) than its
 * life tells, but for the part that is taken off by chance: windows have their own. window_after: no renewal for the sake of the
 * window before. */
int64_t schedule_renewal(const Chain *chain, const RenewalWindow *window, int64_t window_after);
/* How many seconds after an answer the window is asked for again. retry_after: what the answer said, 0 for nothing, as when
 * there was none. So that it is asked for twice a day whatever wakes the service late, it is 10 hours at most. */
int64_t schedule_window_check(int64_t retry_after);
/* The first moment at which a chain that has been issued now may be ordered again: when a third of what is left of its life
 * is over. That is before its renewal, unless it was old already when it was issued. */
int64_t schedule_first_order(const Chain *chain, int64_t now);

/* When an order is made for what follows an uploaded chain, should nobody upload its successor: at 1/50 of its life before its
 * end, at least a day (1/3 of the life if that is shorter), so that an order may fail a few times. */
int64_t schedule_successor(const Chain *chain);

/* What is known of a certificate that can be ordered. */
typedef struct OrderState {
    const Chain *chain;   /* from an authority, usable; NULL: there is none */
    RenewalWindow window; /* of this chain */
    int64_t window_after; /* no renewal for the sake of the window before; 0: whenever */
    int64_t after; /* no order before, as the last one failed, or else no renewal by its life; 0: whenever */
    bool failed;   /* the last order did */
    bool anew;     /* what made it fail has changed: it need not wait */
} OrderState;
/* When the next order is due. */
int64_t schedule_order(const OrderState *s);

/* When an administrator is told that the end of the chain's weakest part comes near: 30, 14, 7, 3 and 1 days before; each at
 * a third of the lifetime where that is shorter, and at a quarter for what should have been renewed by itself long before. The
 * last such moment up to now (0: there was none), the first after it, and the first of all. */
int64_t schedule_last_warning(const Chain *chain, Source source, int64_t now);
int64_t schedule_next_warning(const Chain *chain, Source source, int64_t now);
int64_t schedule_first_warning(const Chain *chain, Source source);

/* How many seconds after so many failures in a row the next attempt is made: 1, 10, 100 minutes, then once a day, with 20 %
 * of it added or taken away by chance (0 to UINT32_MAX). */
int64_t schedule_retry(unsigned failures, uint32_t chance);
/* The chance of a name's retry. Two that follow one another make up for each other, so that what always fails is tried
 * once a day and no more in the long run. */
uint32_t schedule_chance(const char *name, unsigned failures);
/* At 4/5 of the root's life. */
int64_t schedule_root_renewal(const Chain *chain);
