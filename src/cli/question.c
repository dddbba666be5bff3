/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/question.h"

bool question_can_ask(const Session *s)
{
    return !s->json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

Exit question_ask(void)
{
    _cleanup_free_ char *answer = NULL;
    size_t size = 0;

    fflush(stdout);
    fprintf(stderr, "%s", _("Continue? [y/N] "));
    fflush(stderr);
    if (getline(&answer, &size, stdin) < 0)
        fputc('\n', stderr); /* the cursor is still on the line of the question */
    else if (rpmatch(answer) == 1)
        return EXIT_DONE;
    return fail(EXIT_FAILED, _("Nothing was changed."));
}
