/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include "cli/xalloc.h"
#include "util/text.h"
#include "util/time.h"

static bool output_utf8, output_colours;

static bool has_colours(void)
{
    const char *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) && isempty(getenv("NO_COLOR")) && !isempty(terminal) &&
           !streq(terminal, "dumb");
}

/* Standard descriptors that are closed would become the connection to the bus or a file that is written, and texts would get
 * into it. */
static void descriptors_occupy(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* writing to it fails, as to a closed one */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

void output_init(void)
{
    descriptors_occupy();
    setlocale(LC_ALL, "");
    output_colours = has_colours();
    output_utf8 = streq(nl_langinfo(CODESET), "UTF-8");
    if (!output_utf8)
        return;
    bindtextdomain("certwright", LOCALEDIR);
    textdomain("certwright");
}

bool output_is_utf8(void)
{
    return output_utf8;
}

/* Characters that move the cursor, start a control sequence or turn the direction of writing. */
static bool character_is_unsafe(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } unsafe[] = {
        { 0x00, 0x1f },     { 0x7f, 0x9f },     { 0xad, 0xad },       { 0x61c, 0x61c },
        { 0x180e, 0x180e }, { 0x200b, 0x200f }, { 0x2028, 0x202e },   { 0x2060, 0x206f },
        { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff },
    };

    for (size_t i = 0; i < ELEMENTSOF(unsafe); i++)
        if (c >= unsafe[i].first && c <= unsafe[i].last)
            return true;
    return !output_utf8 && c >= 0x80;
}

/* JSON has only four digits: characters above U+FFFF need two surrogates, RFC 8259 section 7. */
static void character_write_json(uint32_t c)
{
    if (c > 0xffff)
        printf("\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
    else
        printf("\\u%04" PRIx32, c);
}

void output_write_json(const char *text)
{
    while (*text) {
        uint32_t c;
        size_t n = utf8_decode(text, &c);

        if (n > 0 && (c == '\n' || !character_is_unsafe(c)))
            fwrite(text, 1, n, stdout);
        else
            character_write_json(n > 0 ? c : 0xfffd);
        text += MAX(n, 1u);
    }
}

static void character_write(FILE *file, const char *text, size_t n, uint32_t c)
{
    if (n == 0)
        fprintf(file, "\\x%02x", (unsigned char)*text);
    else if (!character_is_unsafe(c))
        fwrite(text, 1, n, file);
    else if (c == '\n')
        fputs("\\n", file);
    else if (c == '\t')
        fputs("\\t", file);
    else if (c < 0x80)
        fprintf(file, "\\x%02" PRIx32, c);
    else
        fprintf(file, c > 0xffff ? "\\U%08" PRIx32 : "\\u%04" PRIx32, c);
}

/* Most text is printable ASCII, which is its own escaped form and has a column for each byte. */
static bool text_is_simple(const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return *text == '\0';
}

char *output_escape(const char *text)
{
    char *escaped = NULL;
    size_t length = 0;
    FILE *file;

    if (text_is_simple(text))
        return strdup(text);
    file = open_memstream(&escaped, &length);
    if (!file)
        return NULL;
    while (*text) {
        uint32_t c;
        size_t n = utf8_decode(text, &c);

        character_write(file, text, n, c);
        text += MAX(n, 1u);
    }
    if (fclose(file) == 0)
        return escaped;
    free(escaped);
    return NULL;
}

static size_t character_width(const char *text, size_t *ret_bytes)
{
    uint32_t c;
    size_t n = utf8_decode(text, &c);
    int columns = n > 0 ? wcwidth((wchar_t)c) : 1;

    *ret_bytes = MAX(n, 1u);
    return columns < 0 ? 1 : (size_t)columns;
}

size_t output_width(const char *text)
{
    size_t width = 0, n;

    if (text_is_simple(text))
        return strlen(text);
    for (; *text; text += n)
        width += character_width(text, &n);
    return width;
}

size_t output_columns(void)
{
    const char *variable = getenv("COLUMNS");
    struct winsize size = {};
    uint64_t columns;

    if (!isatty(STDOUT_FILENO))
        return 0;
    if (variable && parse_uint64(variable, &columns) >= 0 && columns > 0 && columns <= UINT16_MAX)
        return columns;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 ? 0 : size.ws_col;
}

void output_cut(const char *text, size_t columns)
{
    size_t used = 0, n;

    for (; *text; text += n) {
        size_t width = character_width(text, &n);

        if (used + width >= columns)
            break;
        used += width;
        fwrite(text, 1, n, stdout);
    }
    printf("%s%*s", output_utf8 ? "…" : "~", (int)(columns - 1 - used),
           ""); /* a wide letter may not have fit */
}

void style_begin(Style style)
{
    static const char *const numbers[_STYLE_MAX] = {
        [STYLE_HEADING] = "1", [STYLE_GOOD] = "32", [STYLE_WARNING] = "33", [STYLE_BAD] = "1;31"
    };

    if (output_colours && numbers[style])
        printf("\x1b[%sm", numbers[style]);
}

void style_end(Style style)
{
    if (output_colours && style != STYLE_PLAIN)
        fputs("\x1b[0m", stdout);
}

bool output_is_closed(void)
{
    struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };

    return poll(&p, 1, 0) > 0 && p.revents & (POLLERR | POLLHUP);
}

static void print_line_prefixed(FILE *file, const char *prefix, const char *format, va_list ap)
    __attribute__((format(printf, 3, 0)));

static void print_line_prefixed(FILE *file, const char *prefix, const char *format, va_list ap)
{
    _cleanup_free_ char *line = NULL, *escaped = NULL;

    if (vasprintf(&line, format, ap) < 0)
        line = NULL;
    if (line)
        escaped = output_escape(line);
    fprintf(file, "%s%s\n", prefix, escaped ? escaped : strerror(ENOMEM));
}

void print_line(FILE *file, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    print_line_prefixed(file, "", format, ap);
    va_end(ap);
}

Exit fail(Exit code, const char *format, ...)
{
    va_list ap;

    fflush(stdout);
    va_start(ap, format);
    print_line_prefixed(stderr, "certwright: ", format, ap);
    va_end(ap);
    return code;
}

void hint(const char *format, ...)
{
    va_list ap;

    fflush(stdout);
    va_start(ap, format);
    print_line_prefixed(stderr, "", format, ap);
    va_end(ap);
}

/* Returns 0 on failure. */
static size_t tm_to_text(const struct tm *tm, TimeForm form, char *text, size_t size)
{
    switch (form) {
    case TIME_CLOCK:
        return strftime(text, size, "%H:%M", tm);
    case TIME_DATE:
        return strftime(text, size, "%Y-%m-%d", tm);
    case TIME_MINUTES:
        return strftime(text, size, "%Y-%m-%d %H:%M", tm);
    case TIME_MINUTES_ZONE:
        return strftime(text, size, "%Y-%m-%d %H:%M %Z", tm);
    case TIME_SECONDS_ZONE:
    default:
        return strftime(text, size, "%Y-%m-%d %H:%M:%S %Z", tm);
    }
}

char *time_format_by(int64_t t, TimeForm form)
{
    char text[64];
    time_t seconds = (time_t)t;
    struct tm tm;

    if (t == 0)
        return xstrdup("");
    if (!localtime_r(&seconds, &tm) || tm_to_text(&tm, form, text, sizeof text) == 0)
        return xstrdup("?");
    return xstrdup(text);
}

char *time_format(int64_t t)
{
    return time_format_by(t, TIME_SECONDS_ZONE);
}

/* Whole units, rounded down: 36 hours are one day. */
static char *duration_format_left(uint64_t seconds)
{
    unsigned long days = seconds / SEC_PER_DAY, hours = seconds / SEC_PER_HOUR,
                  minutes = seconds / SEC_PER_MINUTE;

    if (days > 0)
        return xasprintf(ngettext("%lu day left", "%lu days left", days), days);
    if (hours > 0)
        return xasprintf(ngettext("%lu hour left", "%lu hours left", hours), hours);
    return xasprintf(ngettext("%lu minute left", "%lu minutes left", minutes), minutes);
}

static char *duration_format_past(uint64_t seconds)
{
    unsigned long days = seconds / SEC_PER_DAY, hours = seconds / SEC_PER_HOUR;

    if (days > 0)
        return xasprintf(ngettext("expired %lu day ago", "expired %lu days ago", days), days);
    if (hours > 0)
        return xasprintf(ngettext("expired %lu hour ago", "expired %lu hours ago", hours), hours);
    return xstrdup(_("expired within the last hour"));
}

char *time_format_remaining(int64_t t)
{
    int64_t now = time(NULL);

    return t > now ? duration_format_left((uint64_t)t - (uint64_t)now)
                   : duration_format_past((uint64_t)now - (uint64_t)t);
}

static bool time_is_near(int64_t t)
{
    int64_t now = time(NULL);

    return t > now && t - now < SEC_PER_DAY;
}

char *time_format_expiry(int64_t t)
{
    _cleanup_free_ char *date = time_format_by(t, time_is_near(t) ? TIME_MINUTES : TIME_DATE),
                        *left = time_format_remaining(t);

    return t == 0 ? xstrdup("") : xasprintf("%s (%s)", date, left);
}

Exit output_finish(Exit code)
{
    bool failed = ferror(stdout);

    if (fflush(stdout) == 0 && !failed)
        return code;
    if (errno == EPIPE || output_is_closed())
        return code;
    return fail(code == EXIT_DONE ? EXIT_FAILED : code, _("Cannot write the output: %s"), strerror(errno));
}
