/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdio.h>

#include "core/now.h"
#include "manager/manager-internal.h"
#include "util/text.h"

/* Explains in sentences what is served and why, what was tried, what failed, and what happens next. */

typedef struct Account {
    FILE *out;
    const Manager *m;
    const Certificate *c;
    int64_t now;
} Account;

static void say(Account *a, const char *format, ...) _printf_(2, 3);

/* Writes one line, whatever is quoted in it. */
static void say(Account *a, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list ap;

    va_start(ap, format);
    if (vasprintf(&text, format, ap) < 0)
        text = NULL;
    va_end(ap);
    if (text)
        text_make_plain(text, SIZE_MAX);
    (void)fprintf(a->out, "%s\n", strempty(text));
}

#define SPAN_SIZE 48

/* "in 3 days", "in 5 minutes", "now". */
static const char *span_to_text(int64_t left, char ret[static SPAN_SIZE])
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = { { 86400, "days" }, { 3600, "hours" }, { 60, "minutes" }, { 1, "seconds" } };

    for (size_t i = 0; i < ELEMENTSOF(units); i++)
        if (left >= 2 * units[i].seconds || (left > 0 && units[i].seconds == 1)) {
            snprintf(ret, SPAN_SIZE, "in %lld %s", (long long)(left / units[i].seconds), units[i].unit);
            return ret;
        }
    return "now";
}

static void say_served(Account *a)
{
    static const char *const sources[_SOURCE_MAX] = {
        [SOURCE_UPLOADED] = "that was uploaded",
        [SOURCE_ACME] = "from an ACME authority",
        [SOURCE_LOCAL] = "from this machine's own root",
    };
    const Chain *chain = certificate_chain(a->c);
    int64_t end = chain ? source_chain_ends(a->c->record->served, chain) : 0;

    if (!chain)
        say(a, "%s has no chain yet.", certificate_name(a->c));
    else if (certificate_is_root(a->c))
        say(a, "The local root is \"%s\", serial %s; it is valid until %s.", chain_leaf(chain)->subject,
            chain_leaf(chain)->serial, MOMENT(end));
    else
        say(a, "%s serves a chain %s%s%s, serial %s; it %s %s.", certificate_name(a->c),
            sources[a->c->record->served], a->c->record->served == SOURCE_ACME ? ", " : "",
            a->c->record->served == SOURCE_ACME ? strempty(a->c->record->authority) : "",
            chain_leaf(chain)->serial, end < a->now ? "expired at" : "is valid until", MOMENT(end));
    if (!certificate_is_root(a->c) && !placements_have_revoked(&a->c->placements))
        say(a, "%s", certificate_explain(a->c, a->now));
}

/* Better sources, and why they are not served. */
static void say_passed_over(Account *a)
{
    static const char *const sources[_SOURCE_MAX] = {
        [SOURCE_UPLOADED] = "The uploaded chain",
        [SOURCE_ACME] = "The chain from ACME",
        [SOURCE_LOCAL] = "The chain from the local root",
    };
    Choice choice = certificate_choose(a->c, a->now);

    for (Source s = 0; s < a->c->record->served; s++)
        if (choice.verdicts[s] != VERDICT_USABLE && choice.verdicts[s] != VERDICT_ABSENT)
            say(a, "%s is not served: %s.", sources[s], verdict_to_string(choice.verdicts[s]));
}

static void say_failure(Account *a)
{
    const Failure *f = &a->c->record->failure;
    const char *text = strempty(f->problem.text), *stop = text_full_stop(text);

    if (f->problem.code == PROBLEM_NONE)
        return;
    if (f->attempts > 0)
        say(a, "The last attempt failed at %s (attempts since the last success: %u): %s%s", MOMENT(f->when),
            f->attempts, text, stop);
    else
        say(a, "%s%s", text, stop);
}

static void say_window(Account *a)
{
    const RenewalWindow *w = &a->c->order.window;

    if (a->c->record->served != SOURCE_ACME || w->start >= w->end)
        return;
    say(a, "The authority %s suggests renewal between %s and %s%s%s.", strempty(a->c->record->authority),
        MOMENT(w->start), MOMENT(w->end), a->c->order.explanation_url ? "; the reason is given at " : "",
        strempty(a->c->order.explanation_url));
}

static void say_next(Account *a)
{
    int64_t next = manager_next_renewal(a->m, a->c);
    int64_t recheck = certificate_is_root(a->c) ? INT64_MAX : lifecycle_next_recheck(a->m->lifecycle, a->c);

    if (a->c->job) {
        say(a, "A job is in progress: %s (job %llu).", a->c->job->step, (unsigned long long)a->c->job->id);
        return;
    }
    if (manager_clock_is_doubted(a->m))
        say(a, "The clock of this machine is not trusted, so nothing is done automatically until it is.");
    if (!network_watch_has_route(a->m->network) && a->c->record->order_failed)
        say(a, "This machine has no default route; as soon as it has one, the order is retried.");
    if (recheck < INT64_MAX)
        say(a,
            "The self-check had found no proof either (SelfCheck=); it is repeated %s, at %s, and the next attempt is made as "
            "soon as it has another result.",
            span_to_text(recheck - a->now, (char[SPAN_SIZE]){ 0 }), MOMENT(MAX(recheck, a->now)));
    if (a->c->record->served == SOURCE_UPLOADED)
        say(a,
            "Only an upload can renew it; shortly before it expires, the next best source takes its place.");
    else if (next > 0)
        say(a, "The next attempt is due %s, at %s.", span_to_text(next - a->now, (char[SPAN_SIZE]){ 0 }),
            MOMENT(MAX(next, a->now)));
}

static void say_modules(Account *a)
{
    _cleanup_strv_ char **modules = NULL;
    _cleanup_free_ char *list = NULL;

    if (certificate_is_root(a->c) || certificate_modules(a->c, &modules) < 0)
        return;
    list = strv_join(modules, ", ");
    if (list && *list)
        say(a, "It is used by %s.", list);
}

/* A registration names no paths: those are root's to choose, also with %n. */
static void say_undelivered(Account *a)
{
    const Record *rec = a->c->record;

    for (size_t i = 0; i < rec->n_registrations; i++) {
        const char *module = rec->registrations[i].module;

        if (!placements_find(&a->c->placements, module))
            say(a,
                "The module %s registered it over the bus, so it is not delivered to files: for that, "
                "/etc/certwright/modules.d/%s.conf has to request it, too, with [Certificate %s] and a [Deploy] section.",
                module, module, certificate_name(a->c));
    }
}

/* "; the next try is due in 9 minutes, at ..." or "". */
static char *next_try(const Account *a, const Placement *d)
{
    int64_t next = deployments_next_try(a->m->deployments, a->c, d->module);
    char *text;

    if (next == INT64_MAX || d->state == DEPLOYMENT_WAITING)
        return strdup("");
    if (next <= a->now)
        return strdup("; it is tried again now");
    return asprintf(&text, "; the next try is due %s, at %s",
                    span_to_text(next - a->now, (char[SPAN_SIZE]){ 0 }), MOMENT(next)) < 0
               ? NULL
               : text;
}

/* Modules that failed for the same reason are one failure. */
static bool placements_are_alike(const Placement *a, const Placement *b)
{
    return a->state == b->state && (a->when == 0) == (b->when == 0) && !isempty(a->detail) &&
           streq(a->detail, strempty(b->detail));
}

/* Joins the names of the modules from the placement on; NULL if an earlier one has said it, or on OOM. */
static char *modules_alike(const Placements *l, const Placement *d, bool *ret_many)
{
    _cleanup_strv_ char **modules = NULL;

    for (const Placement *p = l->list; p < l->list + l->n; p++) {
        if (p != d && !placements_are_alike(d, p))
            continue;
        if (p < d || strv_extend(&modules, p->module) < 0)
            return NULL;
    }
    *ret_many = strv_length(modules) > 1;
    return strv_join(modules, ", ");
}

static void say_placement(Account *a, const Placement *d)
{
    static const char *const states[_DEPLOYMENT_STATE_MAX][2] = {
        [DEPLOYMENT_WRITTEN] = { "has the chain in its files since", "have the chain in their files since" },
        [DEPLOYMENT_WAITING] = { "waits for its maintenance window since",
                                 "wait for their maintenance windows since" },
        [DEPLOYMENT_VERIFIED] = { "presents the chain, as it was seen at",
                                  "present the chain, as it was seen at" },
        [DEPLOYMENT_FAILED] = { "could not be brought to use the chain at",
                                "could not be brought to use the chain at" },
        [DEPLOYMENT_ROLLED_BACK] = { "did not take the chain and uses the former one again since",
                                     "did not take the chain and use the former one again since" },
    };
    const char *detail = strempty(d->detail), *noun;
    bool many = false;
    _cleanup_free_ char *modules = modules_alike(&a->c->placements, d, &many), *next = next_try(a, d);

    if (!modules)
        return;
    noun = many ? "modules" : "module";
    if (d->when == 0 && *detail) /* an error of the configuration */
        say(a, "The %s %s %s not given the chain: %s%s", noun, modules, many ? "are" : "is", detail,
            text_full_stop(detail));
    else if (d->state == DEPLOYMENT_PENDING)
        say(a, "The chain has not been delivered to the %s %s yet%s.", noun, modules, strempty(next));
    else
        say(a, "The %s %s %s %s%s.%s%s%s", noun, modules, states[d->state][many], MOMENT(d->when),
            strempty(next), *detail ? " " : "", detail, text_full_stop(detail));
}

static void say_placements(Account *a)
{
    for (size_t i = 0; i < a->c->placements.n; i++)
        say_placement(a, a->c->placements.list + i);
}

char *manager_explain(const Manager *m, const Certificate *c)
{
    char *text = NULL;
    size_t size = 0;
    Account a = { .out = open_memstream(&text, &size), .m = m, .c = c, .now = clock_now() };

    if (!a.out)
        return NULL;
    if (placements_have_revoked(&c->placements))
        say(&a, "%s", certificate_explain(c, a.now));
    say_served(&a);
    say_passed_over(&a);
    say_failure(&a);
    say_window(&a);
    say_next(&a);
    say_modules(&a);
    say_placements(&a);
    say_undelivered(&a);
    if (fclose(a.out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
