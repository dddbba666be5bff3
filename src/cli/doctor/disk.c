/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cli/doctor/machine.h"
#include "cli/xalloc.h"

/* The folders that the service and its deliveries write to. */

#define STORE      "/var/lib/certwright"
#define USER       "certwright"
#define SPACE_FULL ((uint64_t)256 * 1024) /* a generation and its copies do not fit */
#define SPACE_LOW  ((uint64_t)16 * 1024 * 1024)

static const struct {
    const char *folder;
    const char *purpose;
} folders[] = {
    { STORE, N_("keys and chains cannot be stored") },
    { "/var/lib/certwright-deploy", N_("chains cannot be delivered") },
    { "/etc", N_("chains cannot be delivered below it") },
    { "/run", N_("services cannot be started") },
};

static void check_space(Findings *f, const char *folder, const char *purpose, const struct statvfs *v)
{
    uint64_t space = (uint64_t)v->f_bavail * v->f_frsize;

    if (space < SPACE_FULL)
        finding_add(f, SEVERITY_ERROR, "disk-full", folder,
                    xasprintf(_("The file system of %s is full, so %s."), folder, _(purpose)),
                    xasprintf(_("Make room: df -h %s shows what there is."), folder));
    else if (v->f_files > 0 && v->f_favail == 0)
        finding_add(f, SEVERITY_ERROR, "disk-full", folder,
                    xasprintf(_("The file system of %s can have no more files, so %s."), folder, _(purpose)),
                    xasprintf(_("Remove files: df -i %s shows how many there are."), folder));
    else if (space < SPACE_LOW)
        finding_add(
            f, SEVERITY_WARNING, "disk-low", folder,
            xasprintf(_("The file system of %s is nearly full; when it is, %s."), folder, _(purpose)),
            xasprintf(_("Make room: df -h %s shows what there is."), folder));
}

static void check_folder(Findings *f, const char *folder, const char *purpose)
{
    struct statvfs v;

    if (statvfs(folder, &v) < 0) {
        if (errno != ENOENT) /* made by the first start */
            finding_add_unseen(f, xasprintf(_("disk: %s: %s."), folder, strerror(errno)));
    } else if (v.f_flag & ST_RDONLY)
        /* an appliance may have a read-only /etc on purpose */
        finding_add(
            f, streq(folder, "/etc") ? SEVERITY_NOTE : SEVERITY_ERROR, "read-only", folder,
            xasprintf(_("%s is mounted read-only, so %s."), folder, _(purpose)),
            xasprintf(_("Mount it writable: mount -o remount,rw on the mount point that findmnt -T %s "
                        "shows; if the kernel made it read-only, dmesg says why."),
                      folder));
    else
        check_space(f, folder, purpose, &v);
}

static uid_t find_user(void)
{
    char buffer[4096];
    struct passwd entry, *found = NULL;

    return getpwnam_r(USER, &entry, buffer, sizeof buffer, &found) == 0 && found ? entry.pw_uid : (uid_t)-1;
}

static void check_owner(Findings *f)
{
    uid_t user = find_user();
    struct stat st;

    if (!machine_is_installed())
        return;
    if (user == (uid_t)-1)
        finding_add(f, SEVERITY_ERROR, "no-user", USER,
                    xasprintf(_("The user %s, as which the service runs, does not exist."), USER),
                    xstrdup(_("Create it: systemd-sysusers certwright.conf; then: systemctl reload dbus")));
    else if (stat(STORE, &st) == 0 && (st.st_uid != user || (st.st_mode & 0700) != 0700))
        finding_add(
            f, SEVERITY_ERROR, "store-owner", STORE,
            xasprintf(_("%s does not belong to the user %s, or may not be used by it."), STORE, USER),
            xasprintf(_("Give it back: chown -R %s: %s && chmod 700 %s"), USER, STORE, STORE));
}

void check_disk(const Machine *m _unused_, Findings *f)
{
    check_owner(f);
    for (size_t i = 0; i < ELEMENTSOF(folders); i++)
        check_folder(f, folders[i].folder, folders[i].purpose);
}
