/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "acme/json-reader.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <time.h>

#include "core/limits.h"
#include "util/text.h"

/* ---- the text as a whole */

/* json-c accepts more than RFC 8259 permits, even in strict mode: an object with duplicate names, of which
 * it keeps the last value; a name with a NUL, which it truncates; names in single quotes; NaN and Infinity.
 * So the text is checked first. Each colon outside of strings belongs to one member: if there are more of
 * them than members in json-c's tree, some were dropped. Returns their number, or -1 for an invalid text. */
static ssize_t text_count_members(const char *s)
{
    static const char outside[] = "{}[],: \t\r\n+-.0123456789eEtrufalsn";
    ssize_t n = 0;
    bool quoted = false;

    for (; *s; s++) {
        if (*s == '"')
            quoted = !quoted;
        else if (!quoted && !strchr(outside, *s))
            return -1;
        else if (!quoted && *s == ':')
            n++;
        else if (quoted && (unsigned char)*s < ' ')
            return -1;
        else if (quoted && *s == '\\') {
            if (strncmp(s, "\\u0000", 6) == 0)
                return -1;
            if (s[1])
                s++;
        }
    }
    return n;
}

/* At most LIMIT_ACME_DEPTH levels. */
static size_t tree_count_members(json_object *o)
{
    size_t n = 0;

    if (json_object_is_type(o, json_type_array))
        for (size_t i = 0; i < json_object_array_length(o); i++)
            n += tree_count_members(json_object_array_get_idx(o, i));
    else if (json_object_is_type(o, json_type_object)) {
        json_object_object_foreach(o, key, value)
        {
            (void)key;
            n += 1 + tree_count_members(value);
        }
    }
    return n;
}

static const char *parse(const char *text, json_object **ret)
{
    json_tokener *tokener = json_tokener_new_ex(LIMIT_ACME_DEPTH);
    const char *why = NULL;

    if (!tokener)
        return "out of memory";
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    *ret = json_tokener_parse_ex(tokener, text, (int)strlen(text));
    switch (json_tokener_get_error(tokener)) {
    case json_tokener_success:
        break;
    case json_tokener_continue:
        why = "it is truncated";
        break;
    case json_tokener_error_depth:
        why = "it is nested too deep";
        break;
    default:
        why = "it is not JSON";
    }
    json_tokener_free(tokener);
    return why;
}

/* Returns what is wrong with the text, or NULL. */
static const char *text_read(const void *data, size_t size, json_object **ret)
{
    _cleanup_erase_ char *text = NULL;
    const char *why;
    ssize_t n;
    int r;

    if (size > LIMIT_ACME_JSON)
        return "it is too large";
    if (memchr(data, 0, size))
        return "it has a NUL";
    r = text_json_to_ascii(data, size, &text);
    if (r < 0)
        return r == -ENOMEM ? "out of memory" : "it is not UTF-8";
    n = text_count_members(text);
    if (n < 0)
        return "it is not JSON";
    why = parse(text, ret);
    if (why)
        return why;
    if (!json_object_is_type(*ret, json_type_object))
        return "it is not an object";
    return tree_count_members(*ret) == (size_t)n ? NULL : "it has a duplicate member";
}

int reader_open(Reader *r, const char *whose, const char *what, const void *data, size_t size,
                Problem *problem)
{
    json_object *o = NULL;
    const char *why;

    *r = (Reader){ .whose = whose, .what = what, .problem = problem };
    why = text_read(data, size, &o);
    if (!why) {
        r->object = o;
        return 0;
    }
    json_object_put(o);
    problem_set(problem, PROBLEM_AUTHORITY_FAILED,
                "%s sent %s that cannot be read: %s; check that the URL of its directory is right, and "
                "tell its administrator",
                whose, what, why);
    return -EBADMSG;
}

int reader_finish(int c, Problem *problem)
{
    return c < 0 ? problem_set_errno(problem, c, "Reading what an authority sent") : c;
}

void reader_close(Reader *r)
{
    json_object_put(r->object);
    r->object = NULL;
}

int reader_refuse(const Reader *r, const char *key, const char *why)
{
    problem_set(
        r->problem, PROBLEM_AUTHORITY_FAILED,
        "%s sent %s whose member \"%s\" %s; this violates RFC 8555, and its administrator has to correct it",
        r->whose, r->what, key, why);
    return -EBADMSG;
}

/* ---- members */

static json_object *find(const Reader *r, const char *key, json_type type)
{
    json_object *o = NULL;

    return json_object_object_get_ex(r->object, key, &o) && json_object_is_type(o, type) ? o : NULL;
}

/* *ret is NULL if an optional member is missing. */
static int get(const Reader *r, const char *key, Need need, json_type type, json_object **ret)
{
    static const char *const why[] = {
        [json_type_boolean] = "is not true or false",
        [json_type_object] = "is not an object",
        [json_type_array] = "is not an array",
        [json_type_string] = "is not a string",
    };
    json_object *o = NULL;

    *ret = NULL;
    if (json_object_object_get_ex(r->object, key, &o) && o && !json_object_is_type(o, type))
        return reader_refuse(r, key, why[type]);
    if (!o && need == REQUIRED)
        return reader_refuse(r, key, "is missing");
    *ret = o;
    return 0;
}

static Reader within(const Reader *r, const char *what, json_object *o)
{
    return (Reader){ .whose = r->whose, .what = what, .object = o, .problem = r->problem };
}

int reader_enter(const Reader *r, const char *key, Need need, const char *what, Reader *ret)
{
    json_object *o;
    int c = get(r, key, need, json_type_object, &o);

    if (c >= 0)
        *ret = within(r, what, o);
    return c;
}

int reader_count(const Reader *r, const char *key, size_t max, size_t *ret)
{
    json_object *o;
    int c = get(r, key, OPTIONAL, json_type_array, &o);

    if (c < 0)
        return c;
    if (o && json_object_array_length(o) > max)
        return reader_refuse(r, key, "has more members than allowed");
    *ret = o ? json_object_array_length(o) : 0;
    return 0;
}

static json_object *item(const Reader *r, const char *key, size_t i)
{
    json_object *o = find(r, key, json_type_array);

    return o ? json_object_array_get_idx(o, i) : NULL;
}

int reader_enter_item(const Reader *r, const char *key, size_t i, const char *what, Reader *ret)
{
    json_object *o = item(r, key, i);

    if (!json_object_is_type(o, json_type_object))
        return reader_refuse(r, key, "has a member that is not an object");
    *ret = within(r, what, o);
    return 0;
}

const char *reader_peek(const Reader *r, const char *key)
{
    json_object *o = find(r, key, json_type_string);

    return o ? json_object_get_string(o) : NULL;
}

int reader_peek_text(const Reader *r, const char *key, TextCheck check, char **ret)
{
    const char *text = reader_peek(r, key);

    return text && check(text) ? text_set(ret, text) : 0;
}

int reader_peek_url(const Reader *r, const char *key, char **ret)
{
    return reader_peek_text(r, key, text_is_url, ret);
}

bool reader_peek_object(const Reader *r, const char *key, const char *what, Reader *ret)
{
    *ret = within(r, what, find(r, key, json_type_object));
    return ret->object;
}

int reader_peek_names(const Reader *r, const char *key, TextCheck check, size_t max, char ***ret)
{
    _cleanup_strv_ char **names = NULL;
    json_object *o = find(r, key, json_type_object);

    if (!o)
        return 0;
    json_object_object_foreach(o, name, value)
    {
        if (value && check(name) && strv_length(names) < max && strv_extend(&names, name) < 0)
            return -ENOMEM;
    }
    *ret = TAKE_PTR(names);
    return 0;
}

size_t reader_peek_count(const Reader *r, const char *key)
{
    json_object *o = find(r, key, json_type_array);

    return o ? json_object_array_length(o) : 0;
}

const char *reader_peek_word(const Reader *r, const char *key, size_t i)
{
    json_object *o = item(r, key, i);

    return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;
}

/* ---- texts */

bool text_is_url(const char *s)
{
    return strncmp(s, "https://", 8) == 0 && s[8] && s[8] != '/' && strlen(s) <= LIMIT_URL &&
           text_is_graphic(s);
}

bool text_is_token(const char *s)
{
    return text_consists_of(s, TEXT_ALNUM "-_", LIMIT_TOKEN_MIN, LIMIT_TOKEN_MAX);
}

static int text_copy(const Reader *r, const char *key, json_object *o, TextCheck check, char **ret)
{
    const char *s = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;

    if (!s)
        return reader_refuse(r, key, "has a member that is not a string");
    if (!check(s))
        return reader_refuse(r, key,
                             check == text_is_url ? "is not an https:// URL"
                                                  : "has characters or a length that is not allowed");
    *ret = strdup(s);
    return *ret ? 0 : -ENOMEM;
}

int reader_read_text(const Reader *r, const char *key, Need need, TextCheck check, char **ret)
{
    json_object *o;
    int c = get(r, key, need, json_type_string, &o);

    return c < 0 || !o ? c : text_copy(r, key, o, check, ret);
}

int reader_read_texts(const Reader *r, const char *key, TextCheck check, size_t max, char ***ret)
{
    _cleanup_strv_ char **l = NULL;
    size_t n;
    int c = reader_count(r, key, max, &n);

    if (c < 0 || n == 0)
        return c;
    l = calloc(n + 1, sizeof(char *));
    if (!l)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        c = text_copy(r, key, item(r, key, i), check, l + i);
        if (c < 0)
            return c;
    }
    *ret = TAKE_PTR(l);
    return 0;
}

int reader_read_boolean(const Reader *r, const char *key, bool *ret)
{
    json_object *o;
    int c = get(r, key, OPTIONAL, json_type_boolean, &o);

    if (c >= 0)
        *ret = o && json_object_get_boolean(o);
    return c;
}

/* ---- times */

/* "+01:00", "Z" */
static bool parse_offset(const char *s, int *ret)
{
    const char *rest = text_skip_form(s + (*s == '+' || *s == '-'), "99:99");
    int hour, minute;

    *ret = 0;
    if (streq(s, "Z") || streq(s, "z"))
        return true;
    if (!rest || *rest || rest - s != 6 || sscanf(s + 1, "%2d:%2d", &hour, &minute) != 2)
        return false;
    *ret = (*s == '-' ? -60 : 60) * (hour * 60 + minute);
    return hour <= 23 && minute <= 59;
}

/* RFC 3339 section 5.6. The second 60 is a leap second. */
static bool parse_time(const char *s, int64_t *ret)
{
    const char *rest = text_skip_form(s, "9999-99-99T99:99:99");
    int year, month, day, hour, minute, second, offset;
    struct tm tm;

    rest = rest ? rest : text_skip_form(s, "9999-99-99t99:99:99");
    if (!rest || sscanf(s, "%4d-%2d-%2d%*c%2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second) != 6)
        return false;
    if (rest[0] == '.' && rest[1] >= '0' && rest[1] <= '9')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (hour > 23 || minute > 59 || second > 60 || !parse_offset(rest, &offset))
        return false;
    tm = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };
    *ret = MAX((int64_t)timegm(&tm) + hour * 3600 + minute * 60 + second - offset, (int64_t)0);
    return tm.tm_mon == month - 1 && tm.tm_mday == day; /* else there is no such day */
}

int reader_read_time(const Reader *r, const char *key, Need need, int64_t *ret)
{
    json_object *o;
    int64_t seconds = 0;
    int c = get(r, key, need, json_type_string, &o);

    if (c < 0)
        return c;
    if (o && !parse_time(json_object_get_string(o), &seconds))
        return reader_refuse(r, key, "is not a time in the format of RFC 3339");
    *ret = seconds;
    return 0;
}
