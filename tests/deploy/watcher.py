# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who opens and changes which files of a file system: fanotify(7), in a process of its own."""
import ctypes
import os
import signal
import struct

LIBC = ctypes.CDLL(None, use_errno=True)
FAN_CLASS_NOTIF, FAN_UNLIMITED_QUEUE, FAN_UNLIMITED_MARKS = 0, 0x10, 0x20
FAN_MARK_ADD, FAN_MARK_FILESYSTEM = 0x1, 0x100
FAN_MODIFY, FAN_CLOSE_WRITE, FAN_OPEN, FAN_ONDIR, FAN_Q_OVERFLOW = 0x2, 0x8, 0x20, 0x40000000, 0x4000
AT_FDCWD = -100
EVENT = struct.Struct("=IBBHQii")
PR_SET_PDEATHSIG = 1


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Watcher:
    """Records what processes other than the known ones do outside of some folders."""

    def __init__(self, root, allowed):
        self.root, self.allowed = root, allowed
        self.fd = LIBC.fanotify_init(FAN_CLASS_NOTIF | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
                                     os.O_RDONLY | os.O_CLOEXEC | os.O_LARGEFILE)
        mask = FAN_OPEN | FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ONDIR
        if self.fd >= 0 and LIBC.fanotify_mark(self.fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, ctypes.c_uint64(mask), AT_FDCWD,
                                               root.encode()) < 0:
            os.close(self.fd)
            self.fd = -1
        self.works = self.fd >= 0
        self.pid = 0

    def start(self, known):
        """known: process ids whose doings do not matter."""
        self.record = os.path.join("/run", f"certwright-watcher-{os.getpid()}")
        with open(self.record, "w"):
            pass
        ready, told = os.pipe()
        known = {*known, os.getpid()}
        self.pid = os.fork()
        if self.pid == 0:
            try:
                die_with_parent()
                os.close(ready)
                self._watch({*known, os.getpid()}, told)
            finally:
                os._exit(1)
        os.close(told)
        os.close(self.fd)
        os.read(ready, 1)
        os.close(ready)

    def _watch(self, known, told):
        stopped = []
        signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
        os.set_blocking(self.fd, False)
        os.write(told, b".")
        n = 0
        with open(self.record, "w", buffering=1) as out:
            while True:
                try:
                    data = os.read(self.fd, 1 << 16)
                except BlockingIOError:
                    if stopped:
                        break
                    signal.sigtimedwait([], 0.001)
                    continue
                except InterruptedError:
                    continue
                n += self._note(data, known, out)
            out.write(f"{n} events\n")
        os._exit(0)

    def _note(self, data, known, out):
        at = n = 0
        while at < len(data):
            size, _, _, _, mask, fd, pid = EVENT.unpack_from(data, at)
            at += size
            n += 1
            if mask & FAN_Q_OVERFLOW:
                out.write("events were lost\n")
            if fd < 0:
                continue
            path = os.readlink(f"/proc/self/fd/{fd}")
            os.close(fd)
            if pid not in known and not any(path == a or path.startswith(a + "/") for a in self.allowed):
                out.write(f"{path}: {mask:#x} by process {pid}\n")
        return n

    def stop(self):
        """(what was done outside, number of events)"""
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        with open(self.record) as f:
            lines = f.read().splitlines()
        os.unlink(self.record)
        if not lines or not lines[-1].endswith(" events"):
            return lines + ["the watcher did not end by itself"], 0
        return lines[:-1], int(lines[-1].split()[0])
