/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/moment.h"

#include <time.h>

#include "cli/xalloc.h"
#include "util/text.h"
#include "util/time.h"

/* Whole ones, as everywhere, of which there is at least one. */
static unsigned long count_units(int64_t seconds, int64_t unit)
{
    return (unsigned long)MAX(seconds / unit, (int64_t)1);
}

char *moment_format_due(int64_t t)
{
    int64_t left = t - time(NULL);
    unsigned long minutes = count_units(left, SEC_PER_MINUTE), hours = count_units(left, SEC_PER_HOUR),
                  days = count_units(left, SEC_PER_DAY);
    _cleanup_free_ char *clock = time_format_by(t, TIME_CLOCK), *date = time_format_by(t, TIME_DATE);

    if (t == 0)
        return xstrdup("");
    if (left <= 0)
        return xstrdup(_("now"));
    if (minutes < 60)
        return xasprintf(_("in %lu min, at %s"), minutes, clock);
    if (hours < 24)
        return xasprintf(_("in %lu h, at %s"), hours, clock);
    return xasprintf(ngettext("in %lu day, on %s", "in %lu days, on %s", days), days, date);
}

static char *moment_format_local(int64_t t)
{
    int64_t distance = t - time(NULL);

    return distance < SEC_PER_DAY && distance > -SEC_PER_DAY ? time_format_by(t, TIME_CLOCK)
                                                             : time_format_by(t, TIME_MINUTES_ZONE);
}

/* Returns the rest of the text behind a time of the service at its beginning; NULL: there is none. */
static const char *moment_parse(const char *text, int64_t *ret)
{
    const char *end = text_skip_form(text, "9999-99-99 99:99:99 UTC");
    struct tm tm = {};

    if (!end || !strptime(text, "%Y-%m-%d %H:%M:%S", &tm))
        return NULL;
    *ret = timegm(&tm);
    return *ret != 0 ? end : NULL; /* 0 is no time */
}

char *moment_localize(const char *text)
{
    char *localized = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&localized, &length);

    xcheck(file);
    while (*text) {
        int64_t t;
        const char *end = moment_parse(text, &t);
        _cleanup_free_ char *local = end ? moment_format_local(t) : NULL;

        if (local)
            fputs(local, file);
        else
            fputc(*text, file);
        text = local ? end : text + 1;
    }
    return xcheck(fclose(file) == 0 ? localized : NULL);
}
