/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

/* Preloaded into the daemon: a function of libsystemd by which answers are made or sent fails once, as when memory is
 * short or a text is not valid, when the file $FAIL_ANSWER names it. */

#define NEXT(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

static bool is_to_fail(const char *function)
{
    const char *path = getenv("FAIL_ANSWER");
    FILE *f = path ? fopen(path, "re") : NULL;
    char name[64] = "";
    bool found;

    if (!f)
        return false;
    found = fscanf(f, "%63s", name) == 1 && strcmp(name, function) == 0;
    (void)fclose(f);
    return found && truncate(path, 0) == 0;
}

static bool is_answer(sd_bus_message *m)
{
    uint8_t type = 0;

    return sd_bus_message_get_type(m, &type) >= 0 && type == SD_BUS_MESSAGE_METHOD_RETURN;
}

int sd_bus_send(sd_bus *bus, sd_bus_message *m, uint64_t *cookie)
{
    return is_answer(m) && is_to_fail(__func__) ? -ENOMEM : NEXT(sd_bus_send)(bus, m, cookie);
}

int sd_bus_reply_method_error(sd_bus_message *call, const sd_bus_error *e)
{
    return is_to_fail(__func__) ? -EINVAL : NEXT(sd_bus_reply_method_error)(call, e);
}

int sd_bus_message_new_method_return(sd_bus_message *call, sd_bus_message **m)
{
    return is_to_fail(__func__) ? -ENOMEM : NEXT(sd_bus_message_new_method_return)(call, m);
}

int sd_bus_message_appendv(sd_bus_message *m, const char *types, va_list ap)
{
    return is_answer(m) && is_to_fail(__func__) ? -EINVAL : NEXT(sd_bus_message_appendv)(m, types, ap);
}

int sd_bus_message_append(sd_bus_message *m, const char *types, ...)
{
    va_list ap;
    int r;

    if (is_answer(m) && is_to_fail(__func__))
        return -EINVAL;
    va_start(ap, types);
    r = NEXT(sd_bus_message_appendv)(m, types, ap);
    va_end(ap);
    return r;
}

int sd_bus_message_append_basic(sd_bus_message *m, char type, const void *value)
{
    return is_answer(m) && is_to_fail(__func__) ? -EINVAL
                                                : NEXT(sd_bus_message_append_basic)(m, type, value);
}

int sd_bus_message_append_array(sd_bus_message *m, char type, const void *data, size_t size)
{
    return is_answer(m) && is_to_fail(__func__) ? -ENOMEM
                                                : NEXT(sd_bus_message_append_array)(m, type, data, size);
}

int sd_bus_message_close_container(sd_bus_message *m)
{
    return is_answer(m) && is_to_fail(__func__) ? -ENOMEM : NEXT(sd_bus_message_close_container)(m);
}
