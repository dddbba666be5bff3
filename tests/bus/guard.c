/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guard.h"

#include "files.h"

Guard guard_begin(Fixture *f)
{
    return (Guard){ f, signals_new(f->root), directory_digest(f->state) };
}

void guard_end(Guard *g)
{
    g_autofree char *digest = NULL;

    signals_settle(g->log);
    g_assert_cmpuint(signals_count(g->log, NULL, NULL, NULL), ==, 0);
    digest = directory_digest(g->fixture->state);
    g_assert_cmpstr(digest, ==, g->digest);
    fixture_check_daemon(g->fixture);
    signals_free(g->log);
    g_free(g->digest);
}
