/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "cli/json.h"
#include "cli/label.h"
#include "cli/moment.h"
#include "cli/verbs.h"
#include "cli/xalloc.h"

/* The sentences of the service are in English, like its messages in the journal, and its times in UTC. */
static Exit explain_print(const Session *s, const char *name, const char *text)
{
    _cleanup_free_ char *copy = xstrdup(text);
    _cleanup_json_ Json *j = json_object_new_object();
    Json *sentences = json_object_new_array();
    char *rest = copy;

    json_set(j, "name", json_text(name));
    json_set(j, "sentences", sentences);
    while (!isempty(rest)) {
        const char *line = strsep(&rest, "\n");
        _cleanup_free_ char *local = moment_localize(line), *labelled = text_to_labels(local);

        if (s->json)
            json_object_array_add(sentences, json_text(line));
        else
            print_line(stdout, "%s", labelled);
    }
    return s->json ? json_print(TAKE_PTR(j)) : EXIT_DONE;
}

Exit verb_explain(Session *s, const Options *o, char **arguments)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    bool root = o->given & OPTION_ROOT;
    char *name = root ? (char[]){ ROOT_PATH } : arguments[0]; /* a certificate may be called "root" */
    const char *path, *text;
    Exit e = session_find_target(s, root, arguments[0], &path);

    if (e == EXIT_DONE)
        e = session_call_manager(s, "Explain", &name, 1, _("Cannot explain this certificate"), &reply);
    if (e != EXIT_DONE)
        return e;
    if (sd_bus_message_read_basic(reply, 's', &text) < 0)
        return session_fail_reply(-EBADMSG);
    return explain_print(s, root ? "root" : name, text);
}
