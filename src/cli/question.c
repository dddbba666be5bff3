/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/question.h"

#include "cli/xalloc.h"

bool question_can_ask(const Session *s)
{
    return !s->json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

char *question_read(const char *question)
{
    char *answer = NULL;
    size_t size = 0;

    fflush(stdout);
    fprintf(stderr, "%s", question);
    fflush(stderr);
    if (getline(&answer, &size, stdin) < 0) {
        fputc('\n', stderr); /* the cursor is still on the line of the question */
        free(answer);
        return xstrdup("");
    }
    answer[strcspn(answer, "\n")] = '\0';
    return answer;
}

bool question_confirm(const char *question)
{
    _cleanup_free_ char *answer = question_read(question);

    return rpmatch(answer) == 1;
}

Exit question_ask(void)
{
    return question_confirm(_("Continue? [y/N] ")) ? EXIT_DONE
                                                   : fail(EXIT_FAILED, _("Nothing was changed."));
}
