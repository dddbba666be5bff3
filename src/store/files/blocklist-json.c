/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/files/blocklist-json.h"

#include <errno.h>

#include "store/store.h"
#include "util/text.h"

#define KEY "blocked"

static int put_leaf(json_object *list, const BlockedLeaf *leaf)
{
    json_object *o = json_object_new_object();
    int r = o && json_object_array_add(list, o) == 0 ? 0 : -ENOMEM;

    if (r >= 0)
        r = json_put_text(o, "fingerprint", leaf->fingerprint);
    if (r >= 0)
        r = json_put_text(o, "reason", block_reason_to_string(leaf->reason));
    return r < 0 ? r : json_put_int(o, "not-after", leaf->not_after);
}

int blocklist_to_json(const Blocklist *l, json_object *o)
{
    json_object *list;
    int r;

    if (l->n == 0)
        return 0;
    list = json_object_new_array();
    r = json_put(o, KEY, list);
    for (size_t i = 0; i < l->n && r >= 0; i++)
        r = put_leaf(list, l->leaves + i);
    return r;
}

static int get_leaf(json_object *o, BlockedLeaf *ret)
{
    const char *fingerprint, *reason;

    if (!json_object_is_type(o, json_type_object) || json_get_text(o, "fingerprint", &fingerprint) < 0 ||
        json_get_text(o, "reason", &reason) < 0 || json_get_int(o, "not-after", &ret->not_after) < 0 ||
        !text_is_hex(fingerprint, sizeof(ret->fingerprint) - 1))
        return -EBADMSG;
    strcpy(ret->fingerprint, fingerprint);
    ret->reason = block_reason_from_string(reason);
    return ret->reason < 0 ? -EBADMSG : 0;
}

int blocklist_from_json(json_object *o, Blocklist *ret)
{
    json_object *list;
    BlockedLeaf leaf;
    int r = 0;

    if (!json_object_object_get_ex(o, KEY, &list))
        return 0;
    if (!json_object_is_type(list, json_type_array) || json_object_array_length(list) > LIMIT_BLOCKED)
        return -EBADMSG;
    for (size_t i = 0; i < json_object_array_length(list) && r >= 0; i++) {
        r = get_leaf(json_object_array_get_idx(list, i), &leaf);
        if (r >= 0)
            r = blocklist_add(ret, &leaf, INT64_MIN);
    }
    return MIN(r, 0);
}

int store_read_blocklist(const char *record, size_t size, Blocklist *ret)
{
    _cleanup_json_ json_object *o = size <= LIMIT_RECORD ? json_parse(record, size, RECORD_DEPTH) : NULL;
    _cleanup_blocklist_ Blocklist l = {};
    int r = json_has_format(o, RECORD_FORMAT) ? blocklist_from_json(o, &l) : -EBADMSG;

    if (r < 0)
        return r;
    *ret = l;
    l = (Blocklist){};
    return 0;
}
