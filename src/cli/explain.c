/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "cli/json.h"
#include "cli/verbs.h"

/* The sentences of the service, which are in English, like its messages in the journal. */

static Exit explain_print_json(const char *name, const char *text)
{
    _cleanup_json_ Json *j = json_object_new_object(), *lines = json_object_new_array();

    for (const char *end; *text; text = *end ? end + 1 : end) {
        _cleanup_free_ char *line = NULL;

        end = text + strcspn(text, "\n");
        line = strndup(text, (size_t)(end - text));
        if (lines)
            json_object_array_add(lines, json_text(strempty(line)));
    }
    json_set(j, "name", json_text(name));
    json_set(j, "sentences", TAKE_PTR(lines));
    return json_print(j);
}

static Exit explain_print(const char *text)
{
    for (const char *end; *text; text = *end ? end + 1 : end) {
        _cleanup_free_ char *line = NULL;

        end = text + strcspn(text, "\n");
        line = strndup(text, (size_t)(end - text));
        print_line(stdout, "%s", strempty(line));
    }
    return EXIT_DONE;
}

Exit verb_explain(Session *s, const Options *o, char **arguments, int n)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *found = NULL, *call = NULL, *reply = NULL;
    const char *name = n > 0 ? arguments[0] : NULL, *path, *text;
    bool root = o->given & OPTION_ROOT;
    Exit e = session_find_target(s, root, name, &path, &found);

    if (e == EXIT_DONE)
        e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, "Explain", &call);
    if (e == EXIT_DONE)
        e = message_append_text(call, root ? "root" : name);
    if (e == EXIT_DONE)
        e = session_send(s, call, _("Cannot explain this certificate"), &reply);
    if (e != EXIT_DONE)
        return e;
    if (sd_bus_message_read_basic(reply, 's', &text) < 0)
        return session_fail_reply(-EBADMSG);
    return s->json ? explain_print_json(root ? "root" : name, text) : explain_print(text);
}
