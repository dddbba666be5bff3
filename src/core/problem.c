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
    [PROBLEM_CANCELLED] = { "Cancelled", ECANCELED },
    [PROBLEM_INTERNAL] = { "Internal", ENOTRECOVERABLE },
};

int problem_setv(Problem *p, ProblemCode code, const char *format, va_list ap)
{
    if (p && p->code == PROBLEM_NONE) {
        if (vasprintf(&p->text, format, ap) < 0)
            p->text = NULL;
        else
            text_make_plain(p->text, LIMIT_PROBLEM_TEXT);
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

int problem_set_errno(Problem *p, int r, const char *doing)
{
    ProblemCode code = PROBLEM_INTERNAL;
    const char *advice = "";

    if (r >= 0)
        return r;
    switch (-r) {
    case ENOSPC:
    case EDQUOT:
        code = PROBLEM_STORAGE_FAILED;
        advice = "; make room on that file system and try again";
        break;
    case EROFS:
    case EACCES:
    case EPERM:
        code = PROBLEM_STORAGE_FAILED;
        advice = "; check the file system and the owner and mode of the state directory";
        break;
    case EIO:
    case EMFILE:
    case ENFILE:
    case EEXIST:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case EBADMSG:
        code = PROBLEM_STORAGE_FAILED;
        advice = "; see the journal";
        break;
    case E2BIG:
        code = PROBLEM_LIMITS_EXCEEDED;
        break;
    case ECANCELED:
        code = PROBLEM_CANCELLED;
        break;
    default:
        break;
    }
    problem_set(p, code, "%s failed: %s%s", doing, strerror(-r), advice);
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
    char *text = from->text ? strdup(from->text) : NULL, *type = from->type ? strdup(from->type) : NULL;

    if ((from->text && !text) || (from->type && !type)) {
        free(text);
        free(type);
        return -ENOMEM;
    }
    problem_clear(to);
    *to = (Problem){ .code = from->code, .text = text, .type = type, .unreachable = from->unreachable };
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
