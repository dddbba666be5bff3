/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/report.h"

#include <stdarg.h>

#include "core/limits.h"
#include "util/text.h"

static const char *const checks[_CHECK_MAX] = {
    [CHECK_FORMAT] = "format",       [CHECK_KEY] = "key",     [CHECK_LEAF] = "leaf",
    [CHECK_KEY_MATCH] = "key-match", [CHECK_CHAIN] = "chain", [CHECK_SIGNATURES] = "signatures",
    [CHECK_VALIDITY] = "validity",   [CHECK_NAMES] = "names", [CHECK_PURPOSE] = "purpose",
    [CHECK_OUTCOME] = "outcome",
};

const char *check_to_string(Check c)
{
    return checks[c];
}

void report_done(UploadReport *report)
{
    for (Check c = 0; c < _CHECK_MAX; c++) {
        problem_clear(&report->findings[c].problem);
        free(report->findings[c].text);
    }
    *report = (UploadReport){};
}

const Problem *report_first_problem(const UploadReport *report)
{
    for (Check c = 0; c < _CHECK_MAX; c++)
        if (report->findings[c].problem.code != PROBLEM_NONE)
            return &report->findings[c].problem;
    return NULL;
}

bool finding_was_made(const Finding *f)
{
    return f->text || f->problem.code != PROBLEM_NONE;
}

bool finding_passed(const Finding *f)
{
    return f->text && f->problem.code == PROBLEM_NONE;
}

const char *finding_text(const Finding *f)
{
    return f->problem.code != PROBLEM_NONE ? strempty(f->problem.text) : strempty(f->text);
}

void report_pass(UploadReport *report, Check c, const char *format, ...)
{
    Finding *f = report->findings + c;
    va_list ap;

    if (finding_was_made(f))
        return;
    va_start(ap, format);
    f->text = text_format_plain(LIMIT_PROBLEM_TEXT, format, ap);
    va_end(ap);
}
