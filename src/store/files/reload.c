/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "core/name.h"
#include "core/now.h"
#include "crypto/digest.h"
#include "crypto/pair.h"
#include "store/files/files-internal.h"
#include "store/files/record-json.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/text.h"

/* Reads an object, and repairs it if a crash, or a person, left it inconsistent with its record. Intact data is kept; damage is
 * logged and left for the owner of the object to replace; data that was never in use is removed. A record is believed only as
 * far as the certificates bear it out. */

static void clean_object(int fd, const Record *rec)
{
    _cleanup_(closedirp) DIR *d = NULL;
    struct dirent *entry;
    uint64_t generation;

    if (fs_open_stream_at(fd, ".", &d) < 0)
        return;
    while ((entry = readdir(d))) {
        bool stale = streq(entry->d_name, RECORD_FILE_NEW) || streq(entry->d_name, CURRENT_LINK ".new");

        if (parse_uint64(entry->d_name, &generation) >= 0)
            stale = !record_keeps(rec, generation);
        if (stale)
            (void)fs_remove_tree_at(fd, entry->d_name);
    }
}

void object_tidy(Store *s, const Record *rec)
{
    _cleanup_close_ int fd = -EBADF;

    if (store_open_object(s, rec->kind, rec->name, &fd) >= 0)
        clean_object(fd, rec);
}

static uint64_t highest_generation(int fd)
{
    _cleanup_(closedirp) DIR *d = NULL;
    struct dirent *entry;
    uint64_t generation, highest = 0;

    (void)fs_open_stream_at(fd, ".", &d);
    while (d && (entry = readdir(d)))
        if (parse_uint64(entry->d_name, &generation) >= 0)
            highest = MAX(highest, generation);
    return highest;
}

static int64_t time_of_generation(int fd, const char *generation)
{
    struct stat st;

    return fstatat(fd, generation, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : (int64_t)st.st_mtim.tv_sec;
}

/* Without a record, "current" shows what is in use, which is kept if it is intact. Its source is unknown: a
 * chain that cannot be attributed is filed under ACME, where it is served until it expires. */
static int salvage(int fd, RecordKind kind, const char *name, Record **ret)
{
    _cleanup_record_ Record *rec = record_new(kind, name);
    _cleanup_bundle_ Bundle *found = NULL, *b = NULL;
    _cleanup_chain_ Chain *chain = NULL;
    _cleanup_free_ char *current = NULL;
    Source source = kind == RECORD_ROOT     ? SOURCE_LOCAL
                    : kind == RECORD_UPLOAD ? SOURCE_UPLOADED
                                            : SOURCE_ACME;
    uint64_t generation;
    int r;

    if (!rec)
        return -ENOMEM;
    if (fs_read_link_at(fd, CURRENT_LINK, &current) < 0 || parse_uint64(current, &generation) < 0)
        return -ENOENT;
    if (generation_read(fd, kind, generation, &found) < 0)
        return -ENOENT;
    if (kind == RECORD_ROOT && found->anchor)
        source = SOURCE_UPLOADED; /* a root made by the machine has nothing above it */
    r = bundle_from_pem(found->leaf, found->issuers, found->key, &b);
    if (r >= 0)
        r = bundle_read_chain(found, kind == RECORD_ROOT, &chain);
    if (r < 0)
        return r == -ENOMEM ? r : -ENOENT;
    record_set_slot(rec, source, generation, chain, 0, 0);
    r = generation_read_digest(fd, kind, generation, rec->slots[source].stored.digest);
    if (r < 0)
        return r == -ENOMEM ? r : -ENOENT;
    rec->served = source;
    rec->uploaded_at = kind == RECORD_UPLOAD ? time_of_generation(fd, current) : 0;
    rec->stored.last_generation = highest_generation(fd);
    *ret = TAKE_PTR(rec);
    return 0;
}

static int read_record(int fd, RecordKind kind, const char *name, Record **ret)
{
    _cleanup_record_ Record *rec = NULL;
    _cleanup_free_ char *text = NULL;
    int r;

    r = fs_read_at(fd, RECORD_FILE, LIMIT_RECORD, &text, NULL);
    if (r >= 0)
        r = record_from_json(text, &rec);
    if (r >= 0 && (rec->kind != kind || !streq(rec->name, name)))
        r = -EBADMSG;
    if (r >= 0)
        *ret = TAKE_PTR(rec);
    return r;
}

/* The record is switched before the link, so a different link is one step behind. */
static void follow_record(int fd, const Record *rec)
{
    _cleanup_free_ char *current = NULL;
    char name[24];

    if (record_current(rec) == 0 || record_served(rec)->broken)
        return;
    generation_name(record_current(rec), name);
    if (fs_read_link_at(fd, CURRENT_LINK, &current) >= 0 && streq(current, name))
        return;
    if (fs_switch_link_at(fd, CURRENT_LINK, name) >= 0)
        (void)fsync(fd);
}

static bool has_link(int fd)
{
    _cleanup_free_ char *current = NULL;

    return fs_read_link_at(fd, CURRENT_LINK, &current) >= 0;
}

/* ---- what the files bear out */

/* Reads the metadata of a generation from its certificates. */
static int read_chain(int fd, RecordKind kind, uint64_t generation, Chain **ret)
{
    _cleanup_bundle_ Bundle *b = NULL;
    int r = generation_read(fd, kind, generation, &b);

    return r < 0 ? r : bundle_read_chain(b, kind == RECORD_ROOT, ret);
}

/* Replaces metadata in the record that the certificates do not bear out. Returns 1 if it did. */
static int correct_slot(Store *s, int fd, Record *rec, Source source)
{
    _cleanup_chain_ Chain *chain = NULL;
    Slot *slot = rec->slots + source;
    int r = read_chain(fd, rec->kind, slot->stored.generation, &chain);

    if (r == -ENOMEM)
        return r;
    if (r < 0 || chain_identical(chain, slot->chain))
        return 0;
    log_fields(
        LOG_WARNING, MESSAGE_STORE_DAMAGED, ABOUT(rec->name),
        "%s: the record of %s \"%s\" does not match the certificates of its generation %llu, corrected the record.",
        s->path, record_kind_to_string(rec->kind), rec->name, (unsigned long long)slot->stored.generation);
    chain_unref(slot->chain);
    slot->chain = TAKE_PTR(chain);
    return 1;
}

int generation_bears_out(int fd, RecordKind kind, const Slot *slot)
{
    _cleanup_chain_ Chain *chain = NULL;
    int r = read_chain(fd, kind, slot->stored.generation, &chain);

    if (r >= 0 && !chain_identical(chain, slot->chain))
        r = -EBADMSG;
    return r;
}

int object_verify_record(int fd, RecordKind kind, const char *name)
{
    _cleanup_record_ Record *rec = NULL;
    int r = read_record(fd, kind, name, &rec);

    return r == -ENOMEM ? r : r < 0 ? -EBADMSG : 0;
}

/* Returns 1 if the files of the generation are whole, and their chain is that of the slot: then the record was wrong about its
 * number or digest, and is corrected. */
static int adopt_generation(int fd, RecordKind kind, uint64_t generation, Slot *slot)
{
    _cleanup_bundle_ Bundle *found = NULL, *b = NULL;
    _cleanup_chain_ Chain *chain = NULL;
    uint8_t expected[DIGEST_SIZE], digest[DIGEST_SIZE];

    if (generation_read(fd, kind, generation, &found) < 0 || !found->leaf || !found->key ||
        bundle_from_pem(found->leaf, found->issuers, found->key, &b) < 0 ||
        bundle_read_chain(found, kind == RECORD_ROOT, &chain) < 0 || !chain_equal(chain, slot->chain) ||
        generation_digest(kind, found, expected) < 0 ||
        generation_read_digest(fd, kind, generation, digest) < 0 ||
        memcmp(expected, digest, sizeof(digest)) != 0)
        return 0;
    slot->stored.generation = generation;
    memcpy(slot->stored.digest, digest, sizeof(digest));
    return 1;
}

/* Looks for the slot's chain where it should be, and where "current" leads if it is served. */
static int find_generation(Store *s, int fd, Record *rec, Source source)
{
    _cleanup_free_ char *current = NULL;
    Slot *slot = rec->slots + source;
    uint64_t generation;
    int r;

    r = adopt_generation(fd, rec->kind, slot->stored.generation, slot);
    if (r == 0 && source == rec->served && fs_read_link_at(fd, CURRENT_LINK, &current) >= 0 &&
        parse_uint64(current, &generation) >= 0)
        r = adopt_generation(fd, rec->kind, generation, slot);
    if (r > 0)
        log_fields(
            LOG_WARNING, MESSAGE_STORE_DAMAGED, ABOUT(rec->name),
            "%s: the record of %s \"%s\" does not match the files of its generation %llu, corrected the record.",
            s->path, record_kind_to_string(rec->kind), rec->name,
            (unsigned long long)slot->stored.generation);
    return r;
}

/* Returns 1 if the record has to be written. */
static int repair_slot(Store *s, int fd, Record *rec, Source source, bool in_use)
{
    Slot *slot = rec->slots + source;
    int r = generation_verify(fd, rec->kind, slot);

    if (r == -ENOMEM)
        return r;
    slot->broken = r < 0 && !find_generation(s, fd, rec, source);
    if (!slot->broken) {
        int corrected = correct_slot(s, fd, rec, source);

        return r < 0 && corrected == 0 ? 1 : corrected;
    }
    if (in_use) {
        log_fields(LOG_WARNING, MESSAGE_STORE_DAMAGED, ABOUT(rec->name),
                   "%s: generation %llu of %s \"%s\" is damaged, replacing.", s->path,
                   (unsigned long long)slot->stored.generation, record_kind_to_string(rec->kind), rec->name);
        return 0;
    }
    record_clear_slot(rec, source);
    if (rec->served == source)
        rec->served = _SOURCE_INVALID;
    return 0;
}

/* Returns 1 if the record has to be written. */
static int repair(Store *s, int fd, Record *rec)
{
    bool in_use = has_link(fd);
    int r, corrected = 0;

    for (Source source = 0; source < _SOURCE_MAX; source++) {
        if (!rec->slots[source].chain)
            continue;
        r = repair_slot(s, fd, rec, source, in_use);
        if (r < 0)
            return r;
        corrected |= r;
    }
    rec->stored.last_generation = MAX(rec->stored.last_generation, highest_generation(fd));
    follow_record(fd, rec);
    clean_object(fd, rec);
    return corrected;
}

/* A record that is written again has the history of the former one, if that can be read. */
static void write_back(Store *s, int fd, const Record *rec)
{
    _cleanup_free_ char *former = NULL, *text = NULL;
    int r;

    (void)fs_read_at(fd, RECORD_FILE, LIMIT_RECORD, &former, NULL);
    r = record_to_json(rec, former, clock_now(), &text);
    if (r >= 0)
        r = fs_replace_at(fd, RECORD_FILE, text, strlen(text), true);
    if (r >= 0)
        r = fs_sync(fd);
    if (r < 0)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, ABOUT(rec->name),
                   "%s: Failed to write the record of %s \"%s\" again, ignoring: %s", s->path,
                   record_kind_to_string(rec->kind), rec->name, strerror(-r));
}

/* -ENOENT: the object is gone. */
static int put_object_aside(Store *s, RecordKind kind, const char *name)
{
    _cleanup_free_ char *path = object_path(kind, name);
    int r = path ? put_aside(s, s->fd, path, path,
                             kind == RECORD_UPLOAD
                                 ? "the chain has to be uploaded again"
                                 : "a new chain is made, and applications have to register again")
                 : -ENOMEM;

    return r < 0 ? r : -ENOENT;
}

static bool serves_generation(int fd, const Record *rec)
{
    _cleanup_free_ char *current = NULL;
    char name[24];

    generation_name(record_current(rec), name);
    return record_current(rec) != 0 && fs_read_link_at(fd, CURRENT_LINK, &current) >= 0 &&
           streq(current, name);
}

static int copy_registrations(const Record *from, Record *to)
{
    int r = 0;

    for (size_t i = 0; i < from->n_registrations && r >= 0; i++) {
        RegistrationRequest wish = registration_request(from->registrations + i);

        r = record_register(to, &wish);
    }
    return r;
}

/* Without its record.json, an object is what it was known as before; if it serves something else by now, its chain is
 * recovered from the files. */
static int recover(int fd, RecordKind kind, const char *name, const Record *former, Record **ret)
{
    _cleanup_record_ Record *rec = NULL;
    int r = 0;

    if (former && serves_generation(fd, former))
        rec = record_copy(former);
    else
        r = salvage(fd, kind, name, &rec);
    if (r < 0 || !rec)
        return r < 0 ? r : -ENOMEM;
    if (former)
        r = copy_registrations(former, rec);
    if (r >= 0)
        *ret = TAKE_PTR(rec);
    return r;
}

static int recover_and_report(Store *s, int fd, const char *path, RecordKind kind, const char *name,
                              const Record *former, Record **ret)
{
    _cleanup_free_ char *file = NULL;
    bool in_use = has_link(fd);
    int r;

    if (asprintf(&file, "%s/" RECORD_FILE, path) < 0)
        return -ENOMEM;
    r = recover(fd, kind, name, former, ret);
    if (in_use || r >= 0) {
        (void)put_aside(s, fd, RECORD_FILE, file, "it is made again");
        log_fields(LOG_WARNING, MESSAGE_STORE_DAMAGED, ABOUT(name),
                   "%s: the record of %s \"%s\" is damaged%s%s", s->path, record_kind_to_string(kind), name,
                   r >= 0 ? ", recovered the served chain from its files." : ".",
                   former || kind != RECORD_CERTIFICATE
                       ? ""
                       : " Applications that registered it have to do so again.");
    }
    return r;
}

static int put_strange_aside(Store *s, int fd, const char *path)
{
    _cleanup_free_ char *record = NULL, *link = NULL;
    int r;

    if (asprintf(&record, "%s/" RECORD_FILE, path) < 0)
        return -ENOMEM;
    if (asprintf(&link, "%s/" CURRENT_LINK, path) < 0)
        return -ENOMEM;
    r = put_aside_unless(s, fd, RECORD_FILE, record, S_IFREG, "it is made again");
    return r < 0 ? r : put_aside_unless(s, fd, CURRENT_LINK, link, S_IFLNK, "it is made again");
}

int store_reload(Store *s, RecordKind kind, const char *name, const Record *former, Record **ret)
{
    _cleanup_free_ char *path = object_path(kind, name);
    _cleanup_record_ Record *rec = NULL;
    _cleanup_close_ int fd = -EBADF;
    bool recovered;
    int r;

    if (!path)
        return -ENOMEM;
    r = fs_open_directory_at(s->fd, path, &fd);
    if (r == -ENOTDIR || r == -ELOOP)
        return put_object_aside(s, kind, name);
    if (r >= 0)
        r = put_strange_aside(s, fd, path);
    if (r < 0)
        return r;
    r = read_record(fd, kind, name, &rec);
    if (r == -ENOMEM)
        return r;
    recovered = r < 0;
    if (recovered)
        r = recover_and_report(s, fd, path, kind, name, former, &rec);
    if (r >= 0)
        r = repair(s, fd, rec);
    if (r < 0)
        return r;
    if (recovered || r > 0)
        write_back(s, fd, rec);
    *ret = TAKE_PTR(rec);
    return 0;
}
