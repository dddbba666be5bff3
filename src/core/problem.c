/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/limits.h"
#include "util/text.h"

static const struct {
    const char *name;
    int error;
} codes[_PROBLEM_MAX] = {
    [PROBLEM_NONE] = { "", 0 },
    [PROBLEM_NO_SUCH_CERTIFICATE] = { "NoSuchCertificate", ENOENT },
    [PROBLEM_NO_SUCH_JOB] = { "NoSuchJob", ENOENT },
    [PROBLEM_INVALID_NAME] = { "InvalidName", EINVAL },
    [PROBLEM_INVALID_ARGUMENT] = { "InvalidArgument", EINVAL },
    [PROBLEM_INVALID_BUNDLE] = { "InvalidBundle", EBADMSG },
    [PROBLEM_NAME_MISMATCH] = { "NameMismatch", EBADMSG },
    [PROBLEM_KEY_MISMATCH] = { "KeyMismatch", EBADMSG },
    [PROBLEM_CHAIN_INCOMPLETE] = { "ChainIncomplete", EBADMSG },
    [PROBLEM_NOT_A_CERTIFICATE_AUTHORITY] = { "NotACertificateAuthority", EBADMSG },
    [PROBLEM_EXPIRED] = { "Expired", EBADMSG },
    [PROBLEM_WEAK_KEY] = { "WeakKey", EBADMSG },
    [PROBLEM_PASSPHRASE_REQUIRED] = { "PassphraseRequired", ENOKEY },
    [PROBLEM_NOT_AUTHORIZED] = { "NotAuthorized", EACCES },
    [PROBLEM_LIMITS_EXCEEDED] = { "LimitsExceeded", E2BIG },
    [PROBLEM_BUSY] = { "Busy", EBUSY },
    [PROBLEM_STORAGE_FAILED] = { "StorageFailed", EIO },
    [PROBLEM_NETWORK_FAILED] = { "NetworkFailed", ENETUNREACH },
    [PROBLEM_ACME_DISABLED] = { "AcmeDisabled", EOPNOTSUPP },
    [PROBLEM_AUTHORITY_REFUSED] = { "AuthorityRefused", EREMOTEIO },
    [PROBLEM_AUTHORITY_FAILED] = { "AuthorityFailed", EPROTO },
    [PROBLEM_CHALLENGE_FAILED] = { "ChallengeFailed", EHOSTUNREACH },
    [PROBLEM_DEPLOYMENT_FAILED] = { "DeploymentFailed", EHOSTDOWN },
    [PROBLEM_CANCELLED] = { "Cancelled", ECANCELED },
    [PROBLEM_INTERNAL] = { "Internal", ENOTRECOVERABLE },
};

int problem_setv(Problem *p, ProblemCode code, const char *format, va_list ap)
{
    if (p && p->code == PROBLEM_NONE) {
        p->text = text_format_plain(LIMIT_PROBLEM_TEXT, format, ap);
        p->code = code;
    }
    return -codes[code].error;
}

int problem_set(Problem *p, ProblemCode code, const char *format, ...)
{
    va_list ap;
    int r;

    va_start(ap, format);
    r = problem_setv(p, code, format, ap);
    va_end(ap);
    return r;
}

int problem_set_type(Problem *p, ProblemCode code, const char *type, const char *text)
{
    if (p && p->code == PROBLEM_NONE) {
        p->type = strdup(type);
        if (p->type)
            text_make_plain(p->type, LIMIT_PROBLEM_TYPE);
    }
    return problem_set(p, code, "%s", text);
}

const char *problem_name(const Problem *p)
{
    return isempty(p->type) ? codes[p->code].name : p->type;
}

#define ROOM    "; make room on that file system and try again"
#define ACCESS  "; check the file system and the owner and mode of the state directory"
#define JOURNAL "; see the journal"

int problem_set_errno(Problem *p, int r, const char *doing)
{
    static const struct {
        int error;
        ProblemCode code;
        const char *advice;
    } errors[] = {
        { ENOSPC, PROBLEM_STORAGE_FAILED, ROOM },     { EDQUOT, PROBLEM_STORAGE_FAILED, ROOM },
        { EROFS, PROBLEM_STORAGE_FAILED, ACCESS },    { EACCES, PROBLEM_STORAGE_FAILED, ACCESS },
        { EPERM, PROBLEM_STORAGE_FAILED, ACCESS },    { EIO, PROBLEM_STORAGE_FAILED, JOURNAL },
        { EMFILE, PROBLEM_STORAGE_FAILED, JOURNAL },  { ENFILE, PROBLEM_STORAGE_FAILED, JOURNAL },
        { EEXIST, PROBLEM_STORAGE_FAILED, JOURNAL },  { ENOENT, PROBLEM_STORAGE_FAILED, JOURNAL },
        { ENOTDIR, PROBLEM_STORAGE_FAILED, JOURNAL }, { EISDIR, PROBLEM_STORAGE_FAILED, JOURNAL },
        { ELOOP, PROBLEM_STORAGE_FAILED, JOURNAL },   { EBADMSG, PROBLEM_STORAGE_FAILED, JOURNAL },
        { E2BIG, PROBLEM_LIMITS_EXCEEDED, "" },       { ECANCELED, PROBLEM_CANCELLED, "" },
    };
    size_t i = 0;

    if (r >= 0)
        return r;
    while (i < ELEMENTSOF(errors) && errors[i].error != -r)
        i++;
    problem_set(p, i < ELEMENTSOF(errors) ? errors[i].code : PROBLEM_INTERNAL, "%s failed: %s%s", doing,
                r == -EBADMSG ? "stored data is damaged" : strerror(-r),
                i < ELEMENTSOF(errors) ? errors[i].advice : "");
    return r;
}

bool problem_is_rate_limited(const Problem *p)
{
    return p->type && streq(p->type, "rateLimited");
}

bool problem_blames_authority(const Problem *p)
{
    return p->code == PROBLEM_NETWORK_FAILED || p->code == PROBLEM_AUTHORITY_FAILED ||
           p->code == PROBLEM_LIMITS_EXCEEDED || problem_is_rate_limited(p) ||
           (p->type && (streq(p->type, "serverInternal") || streq(p->type, "badNonce")));
}

void problem_clear(Problem *p)
{
    free(p->text);
    free(p->type);
    *p = (Problem){};
}

void problem_move(Problem *from, Problem *to)
{
    if (to != from) {
        problem_clear(to);
        *to = *from;
        *from = (Problem){};
    }
}

int problem_copy(const Problem *from, Problem *to)
{
    _cleanup_problem_ Problem copy = {
        .code = from->code, .unreachable = from->unreachable, .silent = from->silent, .sent = from->sent
    };

    if (text_set(&copy.text, from->text) < 0 || text_set(&copy.type, from->type) < 0)
        return -ENOMEM;
    problem_move(&copy, to);
    return 0;
}

const char *problem_code_to_string(ProblemCode code)
{
    return codes[code].name;
}

ProblemCode problem_code_from_string(const char *s)
{
    for (ProblemCode c = 0; c < _PROBLEM_MAX; c++)
        if (streq(codes[c].name, s))
            return c;
    return PROBLEM_INTERNAL;
}
