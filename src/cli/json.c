/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/json.h"

#include <errno.h>

void json_putp(Json **j)
{
    json_object_put(*j);
}

Json *json_text(const char *text)
{
    return json_object_new_string(text);
}

Json *json_texts(const char *const *texts, size_t n)
{
    Json *array = json_object_new_array();

    for (size_t i = 0; i < n; i++)
        json_object_array_add(array, json_text(texts[i]));
    return array;
}

Json *json_time(int64_t t)
{
    return t == 0 ? NULL : json_object_new_int64(t);
}

void json_set(Json *object, const char *key, Json *value)
{
    json_object_object_add(object, key, value);
}

static Json *json_chain(const Certificate *c)
{
    Json *array = json_object_new_array();

    for (size_t i = 0; i < c->n_chain; i++) {
        const ChainLink *l = &c->chain[i];
        Json *j = json_object_new_object();

        json_set(j, "subject", json_text(l->subject));
        json_set(j, "issuer", json_text(l->issuer));
        json_set(j, "serial", json_text(l->serial));
        json_set(j, "not_before", json_time(l->not_before));
        json_set(j, "not_after", json_time(l->not_after));
        json_set(j, "fingerprint", json_text(l->fingerprint));
        json_object_array_add(array, j);
    }
    return array;
}

static Json *json_candidates(const Certificate *c)
{
    Json *array = json_object_new_array();

    for (size_t i = 0; i < c->n_candidates; i++) {
        const Candidate *candidate = &c->candidates[i];
        Json *j = json_object_new_object();

        json_set(j, "source", json_text(candidate->source));
        json_set(j, "usable", json_object_new_boolean(candidate->usable));
        json_set(j, "reason", json_text(candidate->reason));
        json_set(j, "not_after", json_time(candidate->not_after));
        json_object_array_add(array, j);
    }
    return array;
}

static Json *json_deployments(const Certificate *c)
{
    Json *array = json_object_new_array();

    for (size_t i = 0; i < c->n_deployments; i++) {
        const Deployment *d = &c->deployments[i];
        Json *j = json_object_new_object();

        json_set(j, "module", json_text(d->module));
        json_set(j, "state", json_text(d->state));
        json_set(j, "detail", json_text(d->detail));
        json_set(j, "time", json_time(d->time));
        json_object_array_add(array, j);
    }
    return array;
}

static Json *json_last_error(const Certificate *c)
{
    Json *j;

    if (isempty(c->error_code))
        return NULL;
    j = json_object_new_object();
    json_set(j, "code", json_text(c->error_code));
    json_set(j, "text", json_text(c->error_text));
    json_set(j, "time", json_time(c->error_time));
    json_set(j, "attempts", json_object_new_int64(c->error_attempts));
    return j;
}

static Json *json_window(const Certificate *c)
{
    Json *j;

    if (c->window_start == 0 && c->window_end == 0)
        return NULL;
    j = json_object_new_object();
    json_set(j, "start", json_time(c->window_start));
    json_set(j, "end", json_time(c->window_end));
    json_set(j, "explanation", isempty(c->window_page) ? NULL : json_text(c->window_page));
    return j;
}

Json *json_certificate(const Certificate *c)
{
    Json *j = json_object_new_object();

    json_set(j, "name", json_text(c->name));
    json_set(j, "names", json_texts(c->names.items, c->names.n));
    json_set(j, "role", json_text(c->role));
    json_set(j, "source", json_text(c->source));
    json_set(j, "reason", json_text(c->reason));
    json_set(j, "state", json_text(c->state));
    json_set(j, "subject", json_text(c->subject));
    json_set(j, "issuer", json_text(c->issuer));
    json_set(j, "serial", json_text(c->serial));
    json_set(j, "not_before", json_time(c->not_before));
    json_set(j, "not_after", json_time(c->not_after));
    json_set(j, "fingerprint", json_text(c->fingerprint));
    json_set(j, "key_type", json_text(c->key_type));
    json_set(j, "chain", json_chain(c));
    json_set(j, "candidates", json_candidates(c));
    json_set(j, "modules", json_texts(c->modules.items, c->modules.n));
    json_set(j, "authority", json_text(c->authority));
    json_set(j, "next_renewal", json_time(c->next_renewal));
    json_set(j, "renewal_window", json_window(c));
    json_set(j, "last_error", json_last_error(c));
    json_set(j, "deployments", json_deployments(c));
    json_set(j, "job", streq(c->job, "/") ? NULL : json_text(c->job));
    json_set(j, "object", json_text(c->path));
    return j;
}

/* json-c escapes characters below U+0020, and writes plain ASCII outside of strings: so the rest can be
 * escaped in the finished text. */
static Exit json_write(Json *j, int flags)
{
    const char *text = json_object_to_json_string_ext(j, flags | JSON_C_TO_STRING_NOSLASHESCAPE);

    if (!text)
        return fail(EXIT_FAILED, "%s", strerror(ENOMEM));
    output_write_json(text);
    putchar('\n');
    fflush(stdout);
    return EXIT_DONE;
}

Exit json_print(Json *j)
{
    return json_write(j, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
}

Exit json_print_line(Json *j)
{
    return json_write(j, JSON_C_TO_STRING_PLAIN);
}
