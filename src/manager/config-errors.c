/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/config-errors.h"

#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "util/log.h"
#include "util/text.h"

static void error_done(ConfigError *e)
{
    free(e->file);
    free(e->key);
    free(e->text);
}

void config_errors_done(ConfigErrors *l)
{
    for (size_t i = 0; i < l->n; i++)
        error_done(l->items + i);
    free(l->items);
    *l = (ConfigErrors){};
}

static bool error_equal(const ConfigError *a, const ConfigError *b)
{
    return a->line == b->line && streq(a->file, b->file) && streq(a->key, b->key) && streq(a->text, b->text);
}

static bool contains(const ConfigErrors *l, const ConfigError *e)
{
    for (size_t i = 0; i < l->n; i++)
        if (error_equal(l->items + i, e))
            return true;
    return false;
}

static int append(ConfigErrors *l, const ConfigError *e)
{
    ConfigError *grown = reallocarray(l->items, l->n + 1, sizeof(ConfigError));

    if (!grown)
        return -ENOMEM;
    l->items = grown;
    l->items[l->n++] = *e;
    return 0;
}

/* Replaces what is beyond the limit by its number. */
static int count_more(ConfigErrors *l)
{
    char *text;

    l->n_more++;
    if (asprintf(&text, "there are %zu more errors, which are not listed", l->n_more) < 0)
        return -ENOMEM;
    if (l->n_more > 1) {
        free(l->items[l->n - 1].text);
        l->items[l->n - 1].text = text;
        return 0;
    }
    return append(l, &(ConfigError){ strdup(""), 0, strdup(""), text });
}

void config_errors_add(ConfigErrors *l, const char *file, unsigned line, const char *key, const char *text)
{
    ConfigError e = { strdup(QUOTE(file, LIMIT_CONFIG_ERROR_TEXT)), line,
                      strdup(QUOTE(key, LIMIT_CONFIG_ERROR_KEY)),
                      strdup(QUOTE(text, LIMIT_CONFIG_ERROR_TEXT)) };
    int r = e.file && e.key && e.text ? 0 : -ENOMEM;

    if (r >= 0 && l->n < LIMIT_CONFIG_ERRORS_KEPT && !contains(l, &e)) {
        r = append(l, &e);
        if (r >= 0)
            return;
    } else if (r >= 0 && !contains(l, &e))
        r = count_more(l);
    error_done(&e);
    if (r < 0)
        (void)log_oom();
}

bool config_errors_equal(const ConfigErrors *a, const ConfigErrors *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!error_equal(a->items + i, b->items + i))
            return false;
    return true;
}

static void error_log(const ConfigError *e)
{
    char number[16] = "", place[24] = "";

    if (e->line > 0) {
        snprintf(number, sizeof(number), "%u", e->line);
        snprintf(place, sizeof(place), ":%u", e->line);
    }
    log_fields(LOG_WARNING, MESSAGE_CONFIG_ERROR,
               (const LogField[]){ { "FILE", e->file }, { "LINE", number }, { "KEY", e->key }, {} },
               "%s%s%s%s%s%s", *e->file ? e->file : "The configuration", place, ": ", e->key,
               *e->key ? "=: " : "", e->text);
}

void config_errors_log(const ConfigErrors *l, const ConfigErrors *former)
{
    for (size_t i = 0; i < l->n; i++)
        if (!contains(former, l->items + i))
            error_log(l->items + i);
}
