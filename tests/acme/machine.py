# SPDX-License-Identifier: LGPL-2.1-or-later
"""A network of the test's own, where every port is free, and the processes that run in it."""
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PATIENCE = 240  # seconds after which something that should have happened did not, on a busy machine, too

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PR_SET_PDEATHSIG, MNT_DETACH = 1, 2
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1

libc = ctypes.CDLL(None, use_errno=True)


class Broken(Exception):
    """What the test needs does not work."""


def _succeed(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _mount(kind, target, options=None):
    _succeed(libc.mount(kind, target.encode(), kind, 0, options and options.encode()), f"mount {target}")


TRUST_FOLDER = "/usr/local/share/ca-certificates"


def own_etc(folder):
    """An /etc of this process and its children, in which they may write."""
    layer = folder.of("etc")
    os.mkdir(layer)
    _mount(b"tmpfs", layer, "mode=0755")
    for name in "upper", "work":
        os.mkdir(os.path.join(layer, name))
    _mount(b"overlay", "/etc", f"lowerdir=/etc,upperdir={layer}/upper,workdir={layer}/work")
    if os.path.isdir(TRUST_FOLDER):  # where Caddy puts its root, whatever it is told
        _mount(b"tmpfs", TRUST_FOLDER, "mode=0755")


def _enter():
    _succeed(libc.unshare(CLONE_NEWNET | CLONE_NEWNS), "unshare")
    _succeed(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount /")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(s, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def why_not(*programs):
    """Enters the namespaces. Returns why the tests cannot be run here, None when they can."""
    if os.geteuid() != 0:
        return "only root can be several users and have a network of its own; run it as root"
    for program in programs:
        if not shutil.which(program):
            return f"there is no {program} (see tests/install-dependencies)"
    try:
        _enter()
    except OSError as e:
        return f"there can be no network of its own here ({e})"
    return None


def wait_until(what, predicate, patience=PATIENCE, pause=0.02):
    """Until the predicate holds; returns what it returned."""
    end = time.monotonic() + patience
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() > end:
            raise Broken(f"{what} did not happen within {patience} seconds")
        time.sleep(pause)


def can_connect(address, port):
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


class Process:
    """A child that ends with the test, its output in a file."""

    def __init__(self, argv, log, environment=None, user=None):
        self.name, self.log = os.path.basename(argv[0]), log
        with open(log, "ab") as f:
            # pylint: disable=subprocess-popen-preexec-fn
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT, user=user,
                env={**os.environ, **(environment or {})},
                preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))

    @property
    def pid(self):
        return self.popen.pid

    def is_running(self):
        return self.popen.poll() is None

    def said(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def wait_for(self, what, predicate):
        def done():
            if not self.is_running():
                raise Broken(f"{self.name} ended (status {self.popen.returncode}):\n{self.said()[-4000:]}")
            return predicate()
        return wait_until(f"{self.name}: {what}", done)

    def wait_for_port(self, address, port):
        self.wait_for(f"{address}:{port}", lambda: can_connect(address, port))

    def end(self, number=signal.SIGTERM):
        """Returns its status."""
        if self.is_running():
            self.popen.send_signal(number)
        try:
            return self.popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise Broken(f"{self.name} did not end:\n{self.said()[-4000:]}") from None


class Folder:
    """A directory that other users may look into; gone when the test ends, by a signal too, if CERTWRIGHT_KEEP is not
    set."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="certwright-acme-")
        os.chmod(self.path, 0o755)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        return self

    def __exit__(self, *_):
        for mount in "/etc", self.of("etc"):
            libc.umount2(mount.encode(), MNT_DETACH)
        if not os.environ.get("CERTWRIGHT_KEEP"):
            shutil.rmtree(self.path, ignore_errors=True)

    def of(self, name):
        return os.path.join(self.path, name)

    def write(self, name, data, mode=0o644):
        path = self.of(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
            os.fchmod(f.fileno(), mode)
        os.rename(path + ".new", path)
        return path
