/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/name.h"
#include "store/files/accounts-json.h"
#include "store/files/files-internal.h"
#include "util/fs.h"
#include "util/text.h"

#define ACME_FOLDER   "acme"
#define ORDERS_FOLDER "acme/orders"
#define ACCOUNT_FILE  "account.json"
#define KEY_FILE      "account.key"
#define NEXT_KEY_FILE "account.key.next"
#define LEDGER_FILE   "ledger"
#define ORDER_SUFFIX  ".json"

/* An account's folder; "orders" is none. */
static int open_account(Store *s, const char *authority, bool make, int *ret)
{
    _cleanup_free_ char *path = NULL;
    int r = 0;

    if (!module_name_is_valid(authority) || streq(authority, "orders"))
        return -EINVAL;
    if (asprintf(&path, ACME_FOLDER "/%s", authority) < 0)
        return -ENOMEM;
    if (make) {
        r = fs_make_directory_at(s->fd, ACME_FOLDER);
        if (r >= 0)
            r = fs_make_directory_at(s->fd, path);
        if (r >= 0)
            r = fs_fsync_directory_at(s->fd, ACME_FOLDER);
    }
    return r < 0 ? r : fs_open_directory_at(s->fd, path, ret);
}

static int replace_file(int dir_fd, const char *name, const char *text)
{
    return fs_replace_at(dir_fd, name, text, strlen(text), true);
}

static int read_optional(int fd, const char *name, char **ret)
{
    int r = fs_read_at(fd, name, LIMIT_STORED_FILE, ret, NULL);

    return r == -ENOENT ? 0 : r;
}

int store_read_account(Store *s, const char *authority, AccountRecord **ret)
{
    _cleanup_(account_record_freep) AccountRecord *a = calloc(1, sizeof(AccountRecord));
    _cleanup_free_ char *text = NULL;
    _cleanup_close_ int fd = -EBADF;
    size_t size = 0;
    int r;

    if (!a)
        return -ENOMEM;
    r = open_account(s, authority, false, &fd);
    if (r >= 0)
        r = fs_read_at(fd, KEY_FILE, LIMIT_STORED_FILE, &a->key, NULL);
    if (r >= 0)
        r = read_optional(fd, NEXT_KEY_FILE, &a->next_key);
    if (r < 0)
        return r;
    r = fs_read_at(fd, ACCOUNT_FILE, LIMIT_STORED_FILE, &text, &size);
    if (r >= 0)
        r = account_from_json(text, size, a);
    if (r == -EBADMSG) /* the key is sufficient: the authority finds the account by it */
        a->url = erase_and_free(a->url);
    else if (r < 0 && r != -ENOENT)
        return r;
    *ret = TAKE_PTR(a);
    return 0;
}

int store_write_account(Store *s, const char *authority, const AccountRecord *account)
{
    _cleanup_free_ char *text = account->directory ? account_to_json(account) : NULL;
    _cleanup_close_ int fd = -EBADF;
    int r;

    if (account->directory && !text)
        return -ENOMEM;
    r = open_account(s, authority, true, &fd);
    if (r >= 0 && account->next_key)
        r = replace_file(fd, NEXT_KEY_FILE, account->next_key);
    if (r >= 0)
        r = replace_file(fd, KEY_FILE, account->key);
    if (r >= 0)
        r = text ? replace_file(fd, ACCOUNT_FILE, text) : fs_remove_file_at(fd, ACCOUNT_FILE);
    if (r >= 0 && !account->next_key)
        r = fs_remove_file_at(fd, NEXT_KEY_FILE);
    return r < 0 ? r : fs_sync(fd);
}

int store_remove_account(Store *s, const char *authority)
{
    static const char *const files[] = { ACCOUNT_FILE, NEXT_KEY_FILE, KEY_FILE };
    _cleanup_close_ int fd = -EBADF;
    int r = open_account(s, authority, false, &fd);

    for (size_t i = 0; i < ELEMENTSOF(files) && r >= 0; i++)
        r = fs_remove_file_at(fd, files[i]);
    return r < 0 ? r : fs_sync(fd);
}

int store_read_ledger(Store *s, const char *authority, char **ret, size_t *ret_size)
{
    _cleanup_close_ int fd = -EBADF;
    int r = open_account(s, authority, false, &fd);

    return r < 0 ? r : fs_read_at(fd, LEDGER_FILE, LIMIT_LEDGER, ret, ret_size);
}

int store_append_ledger(Store *s, const char *authority, const char *lines, bool sync)
{
    _cleanup_close_ int fd = -EBADF, file = -EBADF;
    int r = open_account(s, authority, false, &fd);

    if (r < 0)
        return r;
    file = openat(fd, LEDGER_FILE, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return -errno;
    r = fs_write_all(file, lines, strlen(lines));
    return r < 0 ? r : sync && fdatasync(file) < 0 ? -errno : 0;
}

int store_write_ledger(Store *s, const char *authority, const char *text)
{
    _cleanup_close_ int fd = -EBADF;
    int r = open_account(s, authority, true, &fd);

    if (r >= 0)
        r = replace_file(fd, LEDGER_FILE, text);
    return r < 0 ? r : fs_sync(fd);
}

static int order_file(const char *name, char **ret)
{
    _cleanup_free_ char *directory = name_to_directory(name);

    return directory && asprintf(ret, ORDERS_FOLDER "/%s" ORDER_SUFFIX, directory) >= 0 ? 0 : -ENOMEM;
}

int store_write_order(Store *s, const OrderRecord *order)
{
    _cleanup_erase_ char *text = order_to_json(order);
    _cleanup_free_ char *path = NULL;
    int r;

    if (!text)
        return -ENOMEM;
    r = order_file(order->name, &path);
    if (r >= 0)
        r = fs_make_directory_at(s->fd, ACME_FOLDER);
    if (r >= 0)
        r = fs_make_directory_at(s->fd, ORDERS_FOLDER);
    return r < 0 ? r : fs_replace_at(s->fd, path, text, strlen(text), false);
}

int store_read_order(Store *s, const char *name, OrderRecord **ret)
{
    _cleanup_erase_ char *text = NULL;
    _cleanup_free_ char *path = NULL;
    size_t size = 0;
    int r;

    r = order_file(name, &path);
    if (r >= 0)
        r = fs_read_at(s->fd, path, LIMIT_STORED_FILE, &text, &size);
    return r < 0 ? r : order_from_json(text, size, ret);
}

int store_remove_order(Store *s, const char *name)
{
    _cleanup_free_ char *path = NULL;
    int r = order_file(name, &path);

    return r < 0 ? r : fs_remove_file_at(s->fd, path);
}

static int add_order(const char *file, char ***list)
{
    const char *suffix = text_ends_with(file, ORDER_SUFFIX);
    _cleanup_free_ char *directory = suffix ? strndup(file, (size_t)(suffix - file)) : NULL, *name = NULL;

    if (!directory)
        return suffix ? -ENOMEM : 0;
    name = name_from_directory(directory);
    return name ? strv_extend(list, name) : 0;
}

int store_list_orders(Store *s, char ***ret)
{
    _cleanup_(closedirp) DIR *d = NULL;
    _cleanup_strv_ char **list = NULL;
    struct dirent *e;
    int r;

    r = fs_open_stream_at(s->fd, ORDERS_FOLDER, &d);
    if (r == -ENOENT)
        return 0;
    while (r >= 0 && (e = readdir(d)))
        r = add_order(e->d_name, &list);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(list);
    return 0;
}
