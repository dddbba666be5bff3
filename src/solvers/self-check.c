/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/self-check.h"

#include <stdio.h>

#include "core/limits.h"
#include "core/name.h"
#include "util/text.h"

/* ---- probes */

void address_probe_begin(AddressProbe *p, SelfCheck *c, const char *address)
{
    p->check = c;
    (void)snprintf(p->address, sizeof(p->address), "%s", address);
    LIST_INSERT_HEAD(&c->probes, p, entry);
}

static void probe_leave(AddressProbe *p)
{
    LIST_REMOVE(p, entry);
    p->check = NULL;
}

static void drop_probes(SelfCheck *c)
{
    while (!LIST_EMPTY(&c->probes)) {
        AddressProbe *p = LIST_FIRST(&c->probes);

        probe_leave(p);
        if (c->use->drop)
            c->use->drop(p);
    }
}

/* Which of several addresses answers first is a matter of chance, so their answers are not compared. */
static void check_find(SelfCheck *c, const char *kind, unsigned answer)
{
    uint64_t found = text_hash(kind, c->addresses + (c->n_addresses == 1 ? answer : 0));

    c->task->base.found = MAX(found, (uint64_t)FINDING_UNKNOWN + 1);
}

/* After all answers, or after a wrong one. */
static void check_conclude(SelfCheck *c)
{
    Task *t = c->task;

    if (c->asking || (!LIST_EMPTY(&c->probes) && t->problem.code == PROBLEM_NONE))
        return;
    if (t->problem.code == PROBLEM_NONE && c->n_found == 0) {
        problem_move(&c->unreachable, &t->problem);
        check_find(c, "unreachable", 0);
    }
    drop_probes(c);
    task_tell(t);
}

void address_probe_end(AddressProbe *p, bool unreachable, Problem *problem)
{
    SelfCheck *c = p->check;

    probe_leave(p);
    if (problem->code == PROBLEM_NONE)
        c->n_found++;
    else if (!unreachable) {
        if (problem->code == PROBLEM_CHALLENGE_FAILED)
            check_find(c, "wrong", p->answer);
        problem_move(problem, &c->task->problem);
    } else if (c->unreachable.code == PROBLEM_NONE)
        problem_move(problem, &c->unreachable);
    check_conclude(c);
}

static void check_ask(SelfCheck *c, char *const *addresses)
{
    Problem *problem = &c->task->problem;

    c->n_addresses = strv_length(addresses);
    for (size_t i = 0; i < c->n_addresses; i++)
        c->addresses += text_hash(addresses[i], 0);
    c->asking = true;
    for (size_t i = 0; addresses[i] && i < LIMIT_CHECK_ADDRESSES && problem->code == PROBLEM_NONE; i++)
        (void)problem_set_errno(problem, c->use->ask(c, addresses[i]), "Looking for the proof");
    c->asking = false;
    check_conclude(c);
}

/* ---- addresses */

static void on_addresses(DnsResult result, char *const *values, const Problem *why, void *userdata)
{
    SelfCheck *c = userdata;
    Task *t = c->task;

    c->query = NULL;
    if (result == DNS_FOUND && values && values[0]) {
        check_ask(c, values);
        return;
    }
    if (result == DNS_FAILED) {
        t->base.found = FINDING_UNKNOWN;
        problem_set(
            &t->problem, PROBLEM_NETWORK_FAILED,
            "%s cannot be proved, as its addresses cannot be found: %s Check the network; " SEEN_OTHERWISE
            ".",
            t->name, why && why->text ? why->text : "The DNS does not answer.");
    } else {
        check_find(c, result == DNS_NO_NAME ? "no-name" : "no-address", 0);
        problem_set(
            &t->problem, PROBLEM_CHALLENGE_FAILED,
            "%s cannot be proved: %s; add an A or AAAA record that leads to this machine, or, " SEEN_OTHERWISE
            ".",
            t->name,
            result == DNS_NO_NAME ? "the name does not exist in the DNS" : "it has no address in the DNS");
    }
    task_tell(t);
}

int self_check_start(SelfCheck *c, Task *t, const SelfCheckUse *use, Problem *problem)
{
    *c = (SelfCheck){ .use = use, .task = t };
    t->base.advises = t->base.solver->context->settings->self_check == CHECK_ADVISE;
    if (!name_is_address(t->name))
        return dns_query(t->base.solver->context->dns, t->name, DNS_HOST, NULL, on_addresses, c, &c->query,
                         problem);
    check_ask(c, (char *[]){ t->name, NULL });
    return 0;
}

void self_check_end(SelfCheck *c)
{
    c->query = dns_cancel(c->query);
    drop_probes(c);
    problem_clear(&c->unreachable);
}
