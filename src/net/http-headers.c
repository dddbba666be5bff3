/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "net/http-internal.h"
#include "util/text.h"

/* Header fields of replies. */

#define DAY_NAME_MAX 9 /* Wednesday */

static bool is_printable(const char *s)
{
    for (; *s; s++)
        if ((*s < ' ' || *s > '~') && *s != '\t')
            return false;
    return true;
}

/* CURLH_HEADER excludes interim responses (1xx, RFC 9110 section 15.2) and trailers (RFC 9112 section
 * 7.1.2). libcurl 7.88 returns the line break of a field without a value. */
const char *http_reply_header(const HttpReply *reply, const char *name, size_t n)
{
    struct curl_header *h;

    if (!text_consists_of(name, TEXT_TOKEN, 1, SIZE_MAX))
        return NULL;
    for (size_t i = 0; curl_easy_header(reply->easy, name, i, CURLH_HEADER, -1, &h) == CURLHE_OK; i++) {
        const char *value = streq(h->value, "\r") || streq(h->value, "\n") ? "" : h->value;

        if (is_printable(value) && n-- == 0)
            return value;
    }
    return NULL;
}

const char *http_reply_redirect(const HttpReply *reply)
{
    char *url = NULL;

    if (reply->status != 301 && reply->status != 302 && reply->status != 303 && reply->status != 307 &&
        reply->status != 308)
        return NULL;
    return curl_easy_getinfo(reply->easy, CURLINFO_REDIRECT_URL, &url) == CURLE_OK ? url : NULL;
}

/* ---- dates: curl_getdate() accepts far more than HTTP permits */

static bool has_form(const char *s, const char *form)
{
    const char *rest = text_skip_form(s, form);

    return rest && !*rest;
}

/* A year that appears to be more than 50 years in the future is in the past (RFC 9110 section 5.6.7). */
static int expand_year(int year, int64_t now)
{
    const time_t t = (time_t)now;
    struct tm today;

    if (!gmtime_r(&t, &today))
        return year;
    today.tm_year += 1900;
    year += today.tm_year / 100 * 100;
    return year > today.tm_year + 50 ? year - 100 : year;
}

int http_date_parse(const char *s, int64_t now, int64_t *ret)
{
    const char *comma = s + strcspn(s, ","), *day = s + 5;
    char text[64];
    struct tm tm;
    time_t t;

    if (has_form(comma, ", 99-Aaa-99 99:99:99 GMT") && comma - s <= DAY_NAME_MAX && comma - s > 3) {
        day = comma + 2;
        snprintf(text, sizeof(text), "%.*s, %.2s %.3s %d %s", (int)(comma - s), s, day, day + 3,
                 expand_year(atoi(day + 7), now), day + 10);
        s = text;
    } else if (has_form(s, "Aaa Aaa 99 99:99:99 9999") || has_form(s, "Aaa Aaa  9 99:99:99 9999"))
        day = s + 8;
    else if (!has_form(s, "Aaa, 99 Aaa 9999 99:99:99 GMT"))
        return -EINVAL;
    t = curl_getdate(s, NULL);
    if (t == -1)
        return -EINVAL;
    t -= strstr(s, ":60") != NULL; /* a leap second is treated as the second before it */
    if (!gmtime_r(&t, &tm) || tm.tm_mday != atoi(day))
        return -EINVAL; /* the month has fewer days */
    *ret = t;
    return 0;
}
