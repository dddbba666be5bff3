/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/pem-block.h"

#include <ctype.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>

#include "crypto/base64url.h"
#include "crypto/escapes.h"
#include "util/text.h"

#define WORD_MAX 20 /* letters of a word in prose */

/* One marker, "-----BEGIN CERTIFICATE-----", in any shape. */
typedef struct Marker {
    const char *line;        /* start of its line or string, or the end of the marker before on that line */
    const char *start, *end; /* of the dashes */
    bool begins;
    bool bare;   /* no dashes on either side */
    bool spoken; /* words stand before it on its line, as in prose or in "key = " */
    char label[PEM_LABEL_MAX + 1];
} Marker;

/* Labels without their blanks, which may be missing or too many. */
static const char *const labels[] = {
    "CERTIFICATE",
    "X509 CERTIFICATE",
    "TRUSTED CERTIFICATE",
    "PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "DSA PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "ANY PRIVATE KEY",
    "ED25519 PRIVATE KEY",
    "PKCS7",
    "PKCS #7 SIGNED DATA",
    "CMS",
    "PKCS12",
    "CERTIFICATE REQUEST",
    "NEW CERTIFICATE REQUEST",
    "PUBLIC KEY",
    "RSA PUBLIC KEY",
    "EC PUBLIC KEY",
    "X509 CRL",
    "CRL",
    "EC PARAMETERS",
    "DH PARAMETERS",
    "X9.42 DH PARAMETERS",
    "DSA PARAMETERS",
    "CERTIFICATE CHAIN",
};

static bool is_line_end(char c)
{
    return c == '\n' || c == ESCAPED_LINE_END;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || is_line_end(c);
}

static bool is_base64(char c)
{
    return isalnum((unsigned char)c) || c == '+' || c == '/';
}

static unsigned line_of(const PemScanner *s, const char *at)
{
    unsigned n = 1;

    for (const char *p = s->text; p < at; p++)
        n += *p == '\n';
    return n;
}

static int refuse(const PemScanner *s, const PemBlock *b, const char *format, ...) _printf_(3, 4);
static int refuse(const PemScanner *s, const PemBlock *b, const char *format, ...)
{
    _cleanup_free_ char *why = NULL;
    va_list ap;
    int r;

    va_start(ap, format);
    r = vasprintf(&why, format, ap);
    va_end(ap);
    if (r < 0)
        return -ENOMEM;
    if (b->last_line > b->first_line)
        return problem_set(s->problem, PROBLEM_INVALID_BUNDLE, "Block %u of the %s (%s, lines %u to %u) %s",
                           b->number, s->what, QUOTE(b->label, PEM_LABEL_MAX), b->first_line, b->last_line,
                           why);
    return problem_set(s->problem, PROBLEM_INVALID_BUNDLE, "Block %u of the %s (%s, line %u) %s", b->number,
                       s->what, QUOTE(b->label, PEM_LABEL_MAX), b->first_line, why);
}

/* ---- markers */

/* Blanks of a label, also those of a form (application/x-www-form-urlencoded). */
static bool is_gap(char c)
{
    return is_blank(c) || c == '+';
}

/* Compares without blanks and case. */
static bool label_is(const char *text, size_t size, const char *label)
{
    size_t i = 0;

    for (; *label; label++) {
        if (*label == ' ')
            continue;
        while (i < size && is_gap(text[i]))
            i++;
        if (i == size || toupper((unsigned char)text[i++]) != *label)
            return false;
    }
    while (i < size && is_gap(text[i]))
        i++;
    return i == size;
}

static bool read_label(const char *text, size_t size, char ret[static PEM_LABEL_MAX + 1])
{
    for (size_t i = 0; i < ELEMENTSOF(labels); i++)
        if (label_is(text, size, labels[i])) {
            strcpy(ret, labels[i]);
            return true;
        }
    if (size > PEM_LABEL_MAX)
        size = PEM_LABEL_MAX;
    for (size_t i = 0; i < size; i++)
        ret[i] = is_gap(text[i]) ? ' ' : (char)toupper((unsigned char)text[i]);
    ret[size] = 0;
    return false;
}

static const char *skip_blanks(const char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

static const char *skip_dashes(const char *at)
{
    while (*at == '-')
        at++;
    return at;
}

/* Returns the end of the label, which the dashes end, or the line. */
static const char *label_end(const char *at)
{
    const char *from = skip_blanks(at);

    for (at = from;
         *at && *at != '-' && !is_line_end(*at) && (isalnum((unsigned char)*at) || strchr(" \t#.+", *at));
         at++)
        ;
    while (at > from && is_gap(at[-1]))
        at--;
    return at;
}

static bool has_words(const char *from, const char *to)
{
    for (; from < to; from++)
        if (isalpha((unsigned char)*from) || (unsigned char)*from >= 0x80)
            return true;
    return false;
}

/* Finds the dashes around the word and judges if that is a marker. */
static bool read_marker(const PemScanner *s, const char *word, bool begins, Marker *ret)
{
    const char *label = word + (begins ? strlen("BEGIN") : strlen("END")), *end = label_end(label),
               *right = end, *left = word;
    size_t n;
    bool known;

    while (left > s->at && (left[-1] == ' ' || left[-1] == '\t'))
        left--;
    ret->start = left;
    while (ret->start > s->at && ret->start[-1] == '-')
        ret->start--;
    if (ret->start == left)
        ret->start = word;
    while (*right == ' ' || *right == '\t')
        right++;
    ret->end = skip_dashes(right);
    n = (size_t)(left - ret->start) * (ret->start < word) + (size_t)(ret->end - right);
    n += left == s->at && left > s->text && left[-1] == '-'; /* shared with the marker before */
    ret->begins = begins;
    ret->bare = n == 0;
    if (n == 0)
        ret->end = end;
    known = read_label(label, (size_t)(end - label), ret->label);
    for (ret->line = ret->start;
         ret->line > s->at && !is_line_end(ret->line[-1]) && !strchr("\"'", ret->line[-1]);)
        ret->line--;
    ret->spoken = has_words(ret->line, ret->start);
    if (end == skip_blanks(label) || (!known && (size_t)(ret->end - right) < 2) || n == 1)
        return false;
    /* without dashes on a side, the line has to begin or end there */
    if (ret->start == word && (word > s->at && isalnum((unsigned char)word[-1])))
        return false;
    if (ret->start == word && ret->spoken)
        return false;
    return ret->end > right || !*right || is_line_end(*right) || strchr("\"',;\\*", *right);
}

static bool word_is(const char *at, const char *word)
{
    return strncasecmp(at, word, strlen(word)) == 0;
}

/* Four dashes before the word are meant as a marker. */
static int check_broken(const PemScanner *s, const Marker *m, const char *word)
{
    PemBlock b = { .number = s->n_blocks + 1, .label = "without a label" };

    if (word - m->start < 4)
        return 0;
    b.first_line = b.last_line = line_of(s, word);
    return refuse(s, &b,
                  "cannot be read: the line with its label is damaged; copy it again, as in -----BEGIN "
                  "CERTIFICATE-----.");
}

/* 1: found; 0: no more; -EBADMSG. */
static int find_marker(const PemScanner *s, const char *from, Marker *ret)
{
    int r = 0;

    for (const char *at = from; *at && r >= 0; at++) {
        bool begins = word_is(at, "BEGIN");

        if (!begins && !word_is(at, "END"))
            continue;
        if (read_marker(s, at, begins, ret))
            return 1;
        r = check_broken(s, ret, at);
    }
    return r;
}

/* ---- the lines between two markers */

/* Text before a marker, such as "> ", is before each line of the block, too, if it is before the first of them. A number in it
 * counts the lines. */
typedef struct Prefix {
    const char *text;
    size_t size;
    bool applies, known;
} Prefix;

/* Returns the length of the prefix at the beginning of the line, or SIZE_MAX. */
static size_t prefix_length(const Prefix *p, const char *line, size_t size, unsigned offset)
{
    size_t at = 0, i = 0;

    while (i < p->size) {
        char *end, *other;

        if (is_blank(p->text[i])) {
            i++;
            while (at < size && is_blank(line[at]))
                at++;
        } else if (isdigit((unsigned char)p->text[i])) {
            unsigned long expected = strtoul(p->text + i, &end, 10) + offset;

            if (at >= size || !isdigit((unsigned char)line[at]) ||
                strtoul(line + at, &other, 10) != expected)
                return SIZE_MAX;
            i = (size_t)(end - p->text);
            at = (size_t)(other - line);
        } else if (at < size && line[at] == p->text[i])
            at++, i++;
        else
            return SIZE_MAX;
    }
    return at <= size ? at : SIZE_MAX;
}

static size_t trim_start(const char *line, size_t size)
{
    size_t from = 0;

    while (from < size && strchr(" \t>|#;:*$`,'\"~%!&", line[from]))
        from++;
    if (from < size && line[from] == '-' && (from + 1 == size || line[from + 1] == ' '))
        from++;
    while (from < size && line[from] == ' ')
        from++;
    return from;
}

/* Cuts what ends a line of a string literal: its quotation mark, and what joins it to the next. */
static size_t trim_quotes(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (strchr("\"'`", line[i]) && strspn(line + i, " \t\"'`+.,;)\\") >= size - i)
            return i;
    return size;
}

static size_t trim_end(const char *line, size_t size)
{
    while (size > 0 && strchr(" \t,;|*\\", line[size - 1]))
        size--;
    return size;
}

typedef struct Body {
    const PemScanner *scanner;
    const PemBlock *block;
    Prefix prefix;
    char *text, *to; /* the lines without what stands around them, with their ends */
} Body;

/* A prefix of base64 letters, such as "+" of a patch or the number of the line, has to be on each line. */
static int strip_prefix(Body *body, const char *line, size_t size, unsigned n_line, size_t *ret)
{
    Prefix *p = &body->prefix;
    size_t length = prefix_length(p, line, size, n_line - body->block->first_line);

    *ret = 0;
    if (!p->known && p->size > 0 && size > 0) {
        p->known = true;
        p->applies = length != SIZE_MAX;
    }
    if (!p->applies)
        return 0;
    if (length == SIZE_MAX && trim_start(line, size) < size)
        return refuse(
            body->scanner, body->block,
            "is unclear: its line %u does not begin with what is in front of the others; remove that from all "
            "lines.",
            n_line);
    *ret = length == SIZE_MAX ? size : length;
    return 0;
}

static int take_line(Body *body, const char *line, size_t size, unsigned n_line)
{
    size_t from;
    int r;

    size = trim_quotes(line, size);
    r = strip_prefix(body, line, size, n_line, &from);
    if (r < 0)
        return r;
    from += trim_start(line + from, size - from);
    body->to = mempcpy(body->to, line + from, trim_end(line + from, size - from));
    return 0;
}

static int take_lines(Body *body, const char *at, const char *end)
{
    unsigned n_line = body->block->first_line;
    bool first = true;
    int r = 0;

    while (r >= 0 && at < end) {
        size_t size = 0;

        while (at + size < end && !is_line_end(at[size]))
            size++;
        if (first) /* the rest of the line of the marker */
            body->to = mempcpy(body->to, at, trim_end(at, trim_quotes(at, size)));
        else
            r = take_line(body, at, size, n_line);
        first = false;
        at += size;
        if (at < end) {
            n_line += *at == '\n';
            *body->to++ = *at++;
        }
    }
    *body->to = 0;
    return r;
}

/* ---- the header and the base64 */

/* Returns the number of digits of the initialization vector, which is all that separates it from the letters
 * behind if the lines were joined. 0: unknown. */
static size_t vector_digits(const char *cipher, size_t size)
{
    char name[32];
    const EVP_CIPHER *c;

    if (size >= sizeof(name))
        return 0;
    *(char *)mempcpy(name, cipher, size) = 0;
    c = EVP_get_cipherbyname(name);
    ERR_clear_error();
    return c ? 2 * (size_t)EVP_CIPHER_get_iv_length(c) : 0;
}

/* "DEK-Info: AES-256-CBC,0123...", RFC 1421 section 4.6.1.3. */
static const char *read_cipher(const char *at, PemBlock *b)
{
    size_t name, n, digits;
    const char *cipher, *vector;
    char *to;

    cipher = skip_blanks(at + strlen("DEK-Info:"));
    name = strcspn(cipher, ", \t\n\f");
    vector = skip_blanks(cipher + name);
    if (*vector != ',')
        return at;
    vector = skip_blanks(vector + 1);
    n = strspn(vector, "0123456789abcdefABCDEF");
    digits = vector_digits(cipher, name);
    if (digits > 0 && n < digits)
        return at;
    n = digits > 0 ? digits : n;
    if (strlen(b->header) + name + n + 16 > PEM_HEADER_MAX)
        return at;
    to = mempcpy(stpcpy(strchr(b->header, 0), "DEK-Info: "), cipher, name);
    *to++ = ',';
    strcpy(mempcpy(to, vector, n), "\n");
    return vector + n;
}

static const char *read_type(const char *at, PemBlock *b)
{
    const char *version = skip_blanks(at + strlen("Proc-Type:"));

    if (*version != '4' || *skip_blanks(version + 1) != ',')
        return at;
    version = skip_blanks(skip_blanks(version + 1) + 1);
    if (!word_is(version, "ENCRYPTED"))
        return at;
    strcpy(b->header, "Proc-Type: 4,ENCRYPTED\n");
    return version + strlen("ENCRYPTED");
}

/* Returns the end of the header, or where it cannot be read. Other fields end with their line. */
static const char *read_header(const char *at, PemBlock *b)
{
    for (;;) {
        const char *from = skip_blanks(at), *next = from, *colon = from;

        while (isalnum((unsigned char)*colon) || *colon == '-')
            colon++;
        if (*colon != ':' || colon == from)
            return from;
        if (word_is(from, "Proc-Type:"))
            next = read_type(from, b);
        else if (word_is(from, "DEK-Info:"))
            next = read_cipher(from, b);
        else
            next = from + strcspn(from, "\n\f");
        if (next == from)
            return from;
        at = next;
    }
}

/* Decodes the letters, whose padding is added again, as it may have been lost. */
static int decode_letters(char *letters, size_t n, Blob *ret)
{
    int r;

    if (n == 0 || n % 4 == 1)
        return -EBADMSG;
    while (n % 4 != 0)
        letters[n++] = '=';
    letters[n] = 0;
    r = base64_decode(letters, ret);
    return r == -EINVAL ? -EBADMSG : r;
}

/* Copies the letters of base64 before to. Returns the first other character, or NULL. */
static const char *copy_letters(const char *at, const char *to, char *letters, size_t *ret)
{
    size_t n = 0;

    for (; at < to && (is_base64(*at) || is_blank(*at) || *at == '='); at++)
        if (is_base64(*at))
            letters[n++] = *at;
    *ret = n;
    return at < to ? at : NULL;
}

int base64_collect(const char *text, size_t size, Blob *ret)
{
    _cleanup_erase_ char *letters = calloc(1, size + 4);
    size_t n;

    if (!letters)
        return -ENOMEM;
    if (copy_letters(text, text + size, letters, &n))
        return -EBADMSG;
    return decode_letters(letters, n, ret);
}

static int read_base64(Body *body, const char *from, PemBlock *b)
{
    _cleanup_erase_ char *letters = calloc(1, strlen(from) + 4);
    unsigned line = b->first_line;
    const char *stranger;
    size_t n;
    int r;

    if (!letters)
        return -ENOMEM;
    stranger = copy_letters(from, strchr(from, 0), letters, &n);
    for (const char *p = body->text; stranger && p < stranger; p++)
        line += *p == '\n';
    if (stranger)
        return refuse(
            body->scanner, b,
            "is damaged: its line %u contains a character that is not part of base64; copy the block again, from "
            "its BEGIN line to its END line.",
            line);
    if (n == 0)
        return refuse(body->scanner, b,
                      "is empty; copy it again, with what is between its BEGIN and its END line.");
    r = decode_letters(letters, n, &b->der);
    if (r == -EBADMSG)
        return refuse(
            body->scanner, b,
            "is damaged: letters are missing or too many in its base64; copy the block again, from its BEGIN line "
            "to its END line.");
    return r;
}

/* ---- blocks */

static bool ends_with(const char *s, const char *end)
{
    return text_ends_with(s, end) != NULL;
}

/* Other blocks are no part of a chain: parameters, requests, keys of other programs. */
static bool is_read(const char *label)
{
    return ends_with(label, "CERTIFICATE") || ends_with(label, "PRIVATE KEY") ||
           strncmp(label, "PKCS", 4) == 0 || streq(label, "CMS") || streq(label, "CERTIFICATE CHAIN");
}

static bool is_encrypted(const PemBlock *b)
{
    return b->header[0] != 0;
}

static int read_body(const PemScanner *s, const Marker *begin, const Marker *end, PemBlock *b)
{
    _cleanup_erase_ char *text = calloc(1, (size_t)(end->start - begin->end) + 1);
    Body body = { .scanner = s,
                  .block = b,
                  .prefix = { .text = begin->line, .size = (size_t)(begin->start - begin->line) },
                  .text = text,
                  .to = text };
    int r;

    if (!text)
        return -ENOMEM;
    r = take_lines(&body, begin->end, end->start);
    return r < 0 ? r : read_base64(&body, read_header(text, b), b);
}

/* Prose that speaks of markers has no base64 of any length behind them. */
static bool is_prose(const Marker *m)
{
    size_t n = 0;

    if (!m->spoken && !m->bare)
        return false;
    for (const char *at = m->end; *at && *at != '-' && n < WORD_MAX; at++)
        n = is_base64(*at) ? n + 1 : 0;
    return n < WORD_MAX;
}

/* Returns the number of letters of base64 in the line that ends before *at, and moves it to the start of them. */
static size_t letters_before(const PemScanner *s, const char **at)
{
    size_t n = 0;

    while (*at > s->at && (is_blank((*at)[-1]) || (*at)[-1] == '='))
        (*at)--;
    for (; *at > s->at && is_base64((*at)[-1]); n++)
        (*at)--;
    return n;
}

/* A block that has an end alone. Prose before it has no lines of base64, of which the last may be short. */
static int check_stray_end(PemScanner *s, const Marker *end)
{
    const char *at = end->start;
    PemBlock b = { .number = s->n_blocks + 1 };

    if (letters_before(s, &at) < WORD_MAX && letters_before(s, &at) < WORD_MAX)
        return 0;
    strcpy(b.label, end->label);
    b.first_line = b.last_line = line_of(s, end->start);
    return refuse(s, &b, "ends here, but has no BEGIN line; copy it again, with its first line.");
}

static int check_ends(PemScanner *s, const Marker *begin, const Marker *end, int found, const PemBlock *b)
{
    if (found == -ENOMEM)
        return found;
    if (found < 0) {
        problem_clear(s->problem);
        return refuse(s, b, "is cut off: its END line is damaged; copy it again, with its last line.");
    }
    if (!found)
        return refuse(s, b, "is cut off: it has no END line; copy it again, with its last line.");
    if (end->begins)
        return refuse(
            s, b,
            "is cut off: before line %u, where the next block begins, its END line is missing; copy it again, with "
            "its last line.",
            line_of(s, end->start));
    if (streq(begin->label, end->label))
        return 0;
    return refuse(s, b, "ends with another label, \"%s\"; two blocks were mixed, or its label was changed.",
                  QUOTE(end->label, PEM_LABEL_MAX));
}

/* Finds the next marker that begins a block. 1, 0; -EBADMSG. */
static int find_begin(PemScanner *s, Marker *ret)
{
    int r;

    while ((r = find_marker(s, s->at, ret)) > 0) {
        if (ret->begins && !is_prose(ret))
            return 1;
        if (!ret->begins && !ret->bare && !ret->spoken)
            r = check_stray_end(s, ret);
        if (r < 0)
            return r;
        s->at = ret->end;
    }
    return r;
}

int pem_scan(PemScanner *s, PemBlock *ret)
{
    _cleanup_pem_block_ PemBlock b = {};
    Marker begin, end;
    int r, found;

    s->at = s->at ? s->at : s->text;
    r = find_begin(s, &begin);
    if (r <= 0)
        return r;
    s->at = begin.end;
    found = find_marker(s, s->at, &end);
    b.number = ++s->n_blocks;
    b.first_line = b.last_line = line_of(s, begin.start);
    strcpy(b.label, begin.label);
    r = check_ends(s, &begin, &end, found, &b);
    if (r < 0)
        return r;
    b.last_line = line_of(s, end.start);
    if (is_read(b.label))
        r = read_body(s, &begin, &end, &b);
    if (r < 0)
        return r;
    s->at = end.end;
    *ret = b;
    b = (PemBlock){};
    return 1;
}

void pem_block_done(PemBlock *b)
{
    blob_done(&b->der);
}

int pem_block_check(const PemScanner *s, const PemBlock *b, Problem *problem)
{
    const uint8_t *at = b->der.data;
    PemScanner scanner = *s;
    int tag, class, r;
    long length = 0;
    size_t size, head;

    scanner.problem = problem;
    if (is_encrypted(b))
        return 0;
    if (b->der.size < 2 || b->der.data[0] != (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED))
        return refuse(&scanner, b,
                      "is damaged: its base64 does not begin with \"M\", as it does in each such block.");
    r = ASN1_get_object(&at, &length, &tag, &class, (long)b->der.size);
    ERR_clear_error();
    head = (size_t)(at - b->der.data);
    if (r & 1 || length < 0 || head < 2) /* an indefinite length does not tell the size */
        return 0;
    size = head + (size_t)length;
    if (size > b->der.size)
        return refuse(&scanner, b,
                      "is cut off: %zu of its %zu bytes are missing; copy it again, with all of its lines.",
                      size - b->der.size, size);
    if (size < b->der.size)
        return refuse(&scanner, b,
                      "is damaged: it has %zu bytes more than the %zu that belong to it; copy it again.",
                      b->der.size - size, size);
    return 0;
}
