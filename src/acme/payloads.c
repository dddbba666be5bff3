/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <json-c/json.h>

#include "acme/objects.h"
#include "core/name.h"

/* An object under construction: the first member that fails frees it, and members added to NULL are
 * freed. */
DEFINE_CLEANUP(json_object *, json_object_put);
#define _cleanup_json_ _cleanup_(json_object_putp)

static bool add(json_object *o, const char *key, json_object *value)
{
    if (o && value && json_object_object_add(o, key, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

static bool add_text(json_object *o, const char *key, const char *value)
{
    return add(o, key, json_object_new_string(value));
}

static bool append(json_object *l, json_object *value)
{
    if (l && value && json_object_array_add(l, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

static bool add_texts(json_object *o, const char *key, char *const *texts)
{
    _cleanup_json_ json_object *l = json_object_new_array();

    for (; l && texts && *texts; texts++)
        if (!append(l, json_object_new_string(*texts)))
            return false;
    return add(o, key, TAKE_PTR(l));
}

static bool add_document(json_object *o, const char *key, const char *text)
{
    return add(o, key, json_tokener_parse(text));
}

static char *print(json_object *o)
{
    const char *text =
        json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

    return text ? strdup(text) : NULL;
}

char *acme_account_payload(bool only_existing, bool terms_agreed, char *const *contact, const char *binding)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    if ((only_existing && !add(o, "onlyReturnExisting", json_object_new_boolean(1))) ||
        (terms_agreed && !add(o, "termsOfServiceAgreed", json_object_new_boolean(1))) ||
        (contact && *contact && !add_texts(o, "contact", contact)) ||
        (binding && !add_document(o, "externalAccountBinding", binding)))
        return NULL;
    return o ? print(o) : NULL;
}

char *acme_contact_payload(char *const *contact)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    return add_texts(o, "contact", contact) ? print(o) : NULL;
}

char *acme_deactivation_payload(void)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    return add_text(o, "status", "deactivated") ? print(o) : NULL;
}

static bool append_identifier(json_object *l, const char *name)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    return add_text(o, "type", name_is_address(name) ? "ip" : "dns") && add_text(o, "value", name) &&
           append(l, TAKE_PTR(o));
}

static bool add_identifiers(json_object *o, char *const *names)
{
    _cleanup_json_ json_object *l = json_object_new_array();

    for (; l && *names; names++)
        if (!append_identifier(l, *names))
            return false;
    return add(o, "identifiers", TAKE_PTR(l));
}

char *acme_order_payload(char *const *names, const char *profile, const char *replaces)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    if (!add_identifiers(o, names) || (profile && !add_text(o, "profile", profile)) ||
        (replaces && !add_text(o, "replaces", replaces)))
        return NULL;
    return print(o);
}

char *acme_finalize_payload(const char *request)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    return add_text(o, "csr", request) ? print(o) : NULL;
}

char *acme_revocation_payload(const char *certificate, int reason)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    if (!add_text(o, "certificate", certificate) ||
        (reason >= 0 && !add(o, "reason", json_object_new_int(reason))))
        return NULL;
    return print(o);
}

char *acme_key_change_payload(const char *account, const char *jwk)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    return add_text(o, "account", account) && add_document(o, "oldKey", jwk) ? print(o) : NULL;
}
