/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/tsig.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "dns/request.h"
#include "util/encoding.h"
#include "util/fs.h"

#define FORM "key \"NAME\" { algorithm hmac-sha256; secret \"BASE64\"; };"

typedef enum TokenType {
    TOKEN_END,
    TOKEN_MARK, /* one of "{};" */
    TOKEN_WORD, /* also one in quotes */
} TokenType;

/* The next token is current until it is consumed. The contents of the file are never quoted in messages: a
 * misplaced word may be the secret. */
typedef struct Reader {
    const char *at, *end;
    unsigned line; /* of the token */
    unsigned next_line;
    TokenType type;
    const char *word;
    size_t size;
    Problem *problem;
} Reader;

static int refuse(const Reader *r, const char *what)
{
    (void)problem_set(r->problem, PROBLEM_CHALLENGE_FAILED, "line %u: %s; expected format: %s", r->line,
                      what, FORM);
    return -EINVAL;
}

static bool starts_with(const Reader *r, const char *s)
{
    return (size_t)(r->end - r->at) >= strlen(s) && memcmp(r->at, s, strlen(s)) == 0;
}

static void skip_line(Reader *r)
{
    while (r->at < r->end && *r->at != '\n')
        r->at++;
}

static int skip_comment(Reader *r)
{
    r->line = r->next_line;
    for (r->at += 2; !starts_with(r, "*/"); r->at++) {
        if (r->at >= r->end)
            return refuse(r, "the comment that begins here has no end");
        r->next_line += *r->at == '\n';
    }
    r->at += 2;
    return 0;
}

static int skip_blanks(Reader *r)
{
    for (;;)
        if (r->at < r->end && isspace((unsigned char)*r->at))
            r->next_line += *r->at++ == '\n';
        else if (starts_with(r, "#") || starts_with(r, "//"))
            skip_line(r);
        else if (starts_with(r, "/*")) {
            if (skip_comment(r) < 0)
                return -EINVAL;
        } else
            return 0;
}

static bool ends_word(const Reader *r)
{
    return r->at >= r->end || isspace((unsigned char)*r->at) || strchr("{};\"#", *r->at) ||
           starts_with(r, "//") || starts_with(r, "/*");
}

static int read_quoted(Reader *r)
{
    r->word = ++r->at;
    while (r->at < r->end && *r->at != '"' && *r->at != '\n')
        r->at++;
    if (r->at >= r->end || *r->at != '"')
        return refuse(r, "a word that begins with a quotation mark does not end with one");
    r->size = (size_t)(r->at++ - r->word);
    return 0;
}

static int next_token(Reader *r)
{
    if (skip_blanks(r) < 0)
        return -EINVAL;
    r->line = r->next_line;
    r->word = r->at;
    r->size = 0;
    r->type = r->at >= r->end ? TOKEN_END : strchr("{};", *r->at) ? TOKEN_MARK : TOKEN_WORD;
    if (r->type == TOKEN_MARK) {
        r->at++;
        r->size = 1;
    } else if (r->type == TOKEN_WORD && *r->at == '"')
        return read_quoted(r);
    else if (r->type == TOKEN_WORD) {
        /* base64 may hold "//", which is a comment there as well, unless it is quoted */
        while (!ends_word(r))
            r->at++;
        r->size = (size_t)(r->at - r->word);
    }
    return 0;
}

static bool is_word(const Reader *r, const char *s)
{
    return r->type == TOKEN_WORD && r->size == strlen(s) && strncasecmp(r->word, s, r->size) == 0;
}

static int expect_mark(Reader *r, char mark, const char *what)
{
    if (r->type != TOKEN_MARK || *r->word != mark)
        return refuse(r, what);
    return next_token(r);
}

static int take_word(Reader *r, bool lower, const char *what, char **ret)
{
    char *copy;

    if (r->type != TOKEN_WORD || r->size == 0)
        return refuse(r, what);
    copy = strndup(r->word, r->size);
    if (!copy)
        return -ENOMEM;
    for (char *p = copy; lower && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    *ret = copy;
    return 0;
}

static int read_name(Reader *r, Tsig *t)
{
    int n = take_word(r, true, "after \"key\" the name of the key is expected", &t->name);
    size_t length;

    if (n < 0)
        return n;
    length = strlen(t->name);
    if (t->name[length - 1] == '.')
        t->name[length - 1] = 0;
    if (!dns_name_is_canonical(t->name))
        return refuse(
            r, "the name of the key is not a domain name of letters, digits, hyphens and underscores");
    return next_token(r);
}

static int read_algorithm(Reader *r, Tsig *t)
{
    int n;

    if (t->algorithm)
        return refuse(r, "there is a second algorithm");
    if ((n = next_token(r)) < 0 ||
        (n = take_word(r, true, "after \"algorithm\" its name is expected", &t->algorithm)) < 0)
        return n;
    if (strncmp(t->algorithm, "hmac-md5", strlen("hmac-md5")) == 0)
        return refuse(
            r,
            "hmac-md5 is broken and refused; make a new key with hmac-sha256, here and on the name server");
    if (!dns_algorithm_is_known(t->algorithm))
        return refuse(
            r, "the algorithm is none of hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384 and hmac-sha512");
    return next_token(r);
}

/* Base64url, and base64 whose padding was lost, are base64 in another spelling. */
static int straighten_secret(Tsig *t)
{
    size_t n = strcspn(t->secret, "=");
    char *straight;

    if (t->secret[n + strspn(t->secret + n, "=")] || n % 4 == 1)
        return 0; /* no base64, as its check says */
    straight = calloc(1, n + 3);
    if (!straight)
        return -ENOMEM;
    strcpy(mempcpy(straight, t->secret, n), &"=="[2 - -n % 4]);
    for (char *c = straight; *c; c++)
        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    erase_and_free(t->secret);
    t->secret = straight;
    return 0;
}

static int read_secret(Reader *r, Tsig *t)
{
    int n;

    if (t->secret)
        return refuse(r, "there is a second secret");
    if ((n = next_token(r)) < 0 ||
        (n = take_word(r, false, "after \"secret\" the secret is expected", &t->secret)) < 0 ||
        (n = straighten_secret(t)) < 0)
        return n;
    if (!dns_secret_is_base64(t->secret))
        return refuse(r,
                      "the secret is not base64 (letters, digits, +, / and = at the end, a multiple of 4)");
    return next_token(r);
}

static int read_clauses(Reader *r, Tsig *t)
{
    int n = expect_mark(r, '{', "after the name of the key \"{\" is expected");

    while (n >= 0 && r->type == TOKEN_WORD) {
        if (is_word(r, "algorithm"))
            n = read_algorithm(r, t);
        else if (is_word(r, "secret"))
            n = read_secret(r, t);
        else
            n = refuse(r, "\"algorithm\" or \"secret\" is expected here");
        if (n >= 0)
            n = expect_mark(r, ';', "a \";\" is missing before this");
    }
    if (n >= 0)
        n = expect_mark(r, '}', "the \"}\" that ends the key is missing before this");
    if (n >= 0 && !t->algorithm)
        n = refuse(r, "the key has no algorithm");
    if (n >= 0 && !t->secret)
        n = refuse(r, "the key has no secret");
    return n;
}

static int read_key(Reader *r, Tsig *t)
{
    int n = next_token(r);

    if (n < 0)
        return n;
    if (r->type == TOKEN_END)
        return refuse(r, "there is no key");
    if (is_word(r, "key:"))
        return refuse(r, "this key is in the format of Knot DNS's own configuration");
    if (!is_word(r, "key"))
        return refuse(r, "\"key\" is expected here");
    if ((n = next_token(r)) < 0 || (n = read_name(r, t)) < 0 || (n = read_clauses(r, t)) < 0 ||
        (n = expect_mark(r, ';', "the \";\" after \"}\" is missing")) < 0)
        return n;
    return r->type == TOKEN_END ? 0 : refuse(r, "there is more after the key; a file holds only one key");
}

int tsig_parse(const char *text, size_t size, Tsig *ret, Problem *problem)
{
    Reader reader = { .at = text, .end = text + size, .line = 1, .next_line = 1, .problem = problem };
    _cleanup_tsig_ Tsig t = {};
    int r;

    if (memchr(text, 0, size))
        return refuse(&reader, "the file is not text");
    r = read_key(&reader, &t);
    if (r < 0)
        return r;
    *ret = t;
    t = (Tsig){};
    return 0;
}

void tsig_clear(Tsig *t)
{
    free(t->name);
    free(t->algorithm);
    erase_and_free(t->secret);
    *t = (Tsig){};
}

/* ---- files */

static int refuse_file(const char *path, int error, const char *what, Problem *problem)
{
    (void)problem_set(problem, PROBLEM_CHALLENGE_FAILED, "The key file %s (DNSKeyFile=) %s.", path, what);
    return error;
}

static int explain_open(const char *path, int error, Problem *problem)
{
    switch (error) {
    case -ENOENT:
        return refuse_file(
            path, error,
            "does not exist; create it as certwright.conf(5) shows at DNSKeyFile=, with owner root, group certwright and "
            "mode 0640, so that the user certwright can read it",
            problem);
    case -EACCES:
    case -EPERM:
        return refuse_file(
            path, error,
            "cannot be read by the user certwright; set owner root, group certwright, mode 0640, and "
            "let that user reach its directory",
            problem);
    case -ELOOP:
        return refuse_file(path, error, "is a symbolic link; name the file itself", problem);
    default:
        return refuse_file(path, error, strerror(-error), problem);
    }
}

static int read_text(const char *path, char **ret, size_t *ret_size, Problem *problem)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    int r;

    if (fd < 0)
        return explain_open(path, -errno, problem);
    if (fstat(fd, &st) < 0)
        return explain_open(path, -errno, problem);
    if (!S_ISREG(st.st_mode))
        return refuse_file(path, -EINVAL, "is not a regular file", problem);
    if (st.st_mode & S_IRWXO)
        return refuse_file(
            path, -EPERM,
            "is accessible to every user of this machine: create a new key, and set owner root, group "
            "certwright, mode 0640",
            problem);
    r = fs_read_fd(fd, LIMIT_TSIG_FILE, ret, ret_size);
    if (r == -E2BIG)
        return refuse_file(path, -EINVAL, "is too large for one key", problem);
    return r < 0 ? explain_open(path, r, problem) : 0;
}

int tsig_read(const char *path, Tsig *ret, Problem *problem)
{
    _cleanup_problem_ Problem why = {};
    _cleanup_free_ char *text = NULL, *plain = NULL;
    size_t size = 0, length;
    int r;

    r = read_text(path, &text, &size, problem);
    if (r < 0)
        return r;
    r = encoding_to_utf8(text, size, &plain, &length);
    explicit_bzero(text, size); /* it may contain a NUL */
    if (r < 0)
        return r;
    if (strlen(plain) == length) {
        text_unify_line_ends(plain);
        length = strlen(plain);
        text_blank_out(plain, plain + length);
    }
    r = tsig_parse(plain, length, ret, &why);
    explicit_bzero(plain, length);
    if (r < 0 && why.code != PROBLEM_NONE)
        (void)problem_set(problem, why.code, "The key file %s (DNSKeyFile=) cannot be used: %s", path,
                          why.text);
    return r;
}
