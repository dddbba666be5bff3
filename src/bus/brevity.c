/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/internal.h"
#include "core/limits.h"

/* Limits the size of the reply to GetManagedObjects. The bus disconnects clients that send a message of more
 * than 32 MiB, and a certificate can have texts of 200 KB. So the minimum size of all certificates is
 * computed first, and the remaining space is shared among their texts. Space that one does not use is left
 * to those after it; one that needs more than is left is described in brief. This only happens to unusual
 * certificates among thousands. */

#define ANSWER_MAX       (LIMIT_ANSWER - 64 * 1024) /* without header and permanent objects */
#define CERTIFICATE_SIZE 1180                       /* all properties, with empty texts except Reason */
#define BRIEF_SIZE       (5 * 64)                   /* texts in brief */
#define JOB_SIZE         520
#define CREDIT           (1024 * 1024) /* for the first ones */
#define ELEMENT          6             /* average overhead of a text */
#define STRUCTURE        24            /* and of a structure of the chain */

bool bus_lists_objects(sd_bus_message *m, void *userdata _unused_)
{
    return streq(strempty(sd_bus_message_get_path(m)), BUS_PATH) &&
           sd_bus_message_is_method_call(m, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects") > 0;
}

static bool is_for_all_objects(sd_bus *bus)
{
    sd_bus_message *m = sd_bus_get_current_message(bus);

    return m && bus_lists_objects(m, NULL);
}

static size_t text_size(const char *s)
{
    return strlen(strempty(s)) + ELEMENT;
}

static size_t texts_size(char *const *l)
{
    size_t size = 0;

    for (size_t i = 0; l && l[i]; i++)
        size += text_size(l[i]);
    return size;
}

static size_t chain_size(const Chain *chain)
{
    size_t size = text_size(chain_leaf(chain)->subject) + text_size(chain_leaf(chain)->issuer);

    for (unsigned i = 0; i < chain->n_entries; i++) {
        const ChainEntry *e = chain->entries + i;

        size += STRUCTURE + text_size(e->subject) + text_size(e->issuer) + text_size(e->serial) +
                text_size(e->fingerprint);
    }
    return size;
}

static size_t placements_size(const Placements *l)
{
    size_t size = 0;

    for (size_t i = 0; i < l->n; i++)
        size += STRUCTURE + text_size(l->list[i].module) +
                text_size(deployment_state_to_string(l->list[i].state)) + text_size(l->list[i].detail);
    return size;
}

/* The texts omitted or truncated in brief. */
static size_t size_of_texts(const Certificate *c)
{
    const Chain *chain = certificate_chain(c);
    size_t size = texts_size(c->names + 1) + texts_size(c->wish.modules) + (chain ? chain_size(chain) : 0);

    for (size_t i = 0; i < c->record->n_registrations; i++)
        size += text_size(c->record->registrations[i].module);
    return size + text_size(c->record->failure.problem.text) +
           text_size(problem_name(&c->record->failure.problem)) + text_size(c->record->authority) +
           text_size(c->order.explanation_url) + placements_size(&c->placements);
}

static size_t size_without_texts(const Certificate *c, size_t path)
{
    const Chain *chain = certificate_chain(c);

    return CERTIFICATE_SIZE + path + 2 * strlen(certificate_name(c)) +
           (chain ? strlen(chain_leaf(chain)->serial) : 0) + (c->job ? JOB_SIZE + path : 0);
}

void brevity_add(Brevity *v, const Certificate *c, const char *path)
{
    v->n++;
    v->size += size_without_texts(c, strlen(path));
}

void brevity_end(Brevity *v)
{
    size_t left = v->size < ANSWER_MAX ? ANSWER_MAX - v->size : 0;

    v->left = MIN(left, (size_t)CREDIT);
    v->share = (left - v->left) / (v->n + 1); /* including the root */
}

bool brevity_wants(Brevity *v, sd_bus *bus, const Certificate *c)
{
    size_t size;

    if (!is_for_all_objects(bus))
        return false;
    if (v->current == c)
        return v->brief;
    size = size_of_texts(c);
    v->current = c;
    v->left += v->share;
    v->brief = size > v->left;
    v->left -= v->brief ? MIN(v->left, (size_t)BRIEF_SIZE) : size;
    return v->brief;
}
