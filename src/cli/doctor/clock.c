/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>

#include "cli/doctor/machine.h"
#include "cli/xalloc.h"

/* The clock, as far as it can be judged without the service, which remembers the time of its last run. */

/* When this program was built or installed. */
static time_t earliest(void)
{
    struct stat st;

    return stat("/proc/self/exe", &st) < 0 ? 0 : st.st_mtime;
}

void check_clock(const Machine *m _unused_, Findings *f)
{
    _cleanup_free_ char *now = time_format(time(NULL));

    if (time(NULL) < earliest())
        finding_add(
            f, SEVERITY_ERROR, "clock-wrong", NULL,
            xasprintf(
                _("The clock of this machine is wrong: it shows %s, which is before Certwright was installed."),
                now),
            xstrdup(_("Set it, or let a time service do so: timedatectl set-ntp yes")));
}

void check_time_service(const Machine *m _unused_, Findings *f)
{
    struct timex t = {};
    _cleanup_free_ char *now = time_format(time(NULL));

    if (adjtimex(&t) >= 0 && (t.status & STA_UNSYNC))
        finding_add(f, SEVERITY_NOTE, "clock-not-synchronized", NULL,
                    xasprintf(_("No time service keeps the clock of this machine right; it shows %s."), now),
                    xstrdup(_("Let one do so: timedatectl set-ntp yes (package systemd-timesyncd)")));
}
