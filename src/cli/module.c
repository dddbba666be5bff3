/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/module.h"

static const Field fields[] = {
    { NULL, "module", "s", offsetof(Module, name) },
    { NULL, "description", "s", offsetof(Module, description), NULL, FIELD_OPTIONAL },
    { NULL, "units", "as", offsetof(Module, units) },
};

static const Record record = RECORD("ssas", Module, fields);

void module_list_done(ModuleList *l)
{
    Module *modules = l->modules.items;

    for (size_t i = 0; i < l->modules.n; i++)
        fields_done(fields, ELEMENTSOF(fields), modules + i);
    list_done(&l->modules);
    sd_bus_message_unref(l->reply);
}

int modules_read(ModuleList *l, sd_bus_message *reply)
{
    l->reply = sd_bus_message_ref(reply);
    return list_read(&l->modules, &record, "a(ssas)", reply);
}

Exit modules_load(Session *s, ModuleList *l)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    Exit e = session_call_manager(s, "ListModules", NULL, 0, _("Cannot list the modules"), &reply);
    int r;

    if (e != EXIT_DONE)
        return e;
    r = modules_read(l, reply);
    return r < 0 ? session_fail_reply(r) : EXIT_DONE;
}

const Module *module_find(const ModuleList *l, const char *name)
{
    const Module *modules = l->modules.items;

    for (size_t i = 0; i < l->modules.n; i++)
        if (streq(modules[i].name, name))
            return modules + i;
    return NULL;
}
