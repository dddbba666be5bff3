#!/usr/bin/python3 -I
# SPDX-License-Identifier: LGPL-2.1-or-later
"""taken-over - what a taken-over certwrightd would try, from inside its unit

    taken-over MODULE NAME SECRET

Tries to start units other than certwright-deploy@, to read and write files of root, to run programs, and to let
certwright-deploy read SECRET, a pair of root's that would do for NAME, which MODULE delivers. Prints a line for each
attempt: "ok" or "not ok", and what has to be so.
"""
import glob
import os
import shutil
import socket
import stat
import sys
import time

import dbus

SYSTEMD = "org.freedesktop.systemd1"
PATH = "/org/freedesktop/systemd1"
STATE = "/var/lib/certwright"
REPORTS = "/var/lib/certwright-deploy"
PATIENCE = 120  # seconds

OTHER_UNITS = ("nginx.service", "ssh.service", "certwright-renew.service", "certwright-dns@1.service", "debug-shell.service",
               "emergency.target", "poweroff.target", "certwright-warnings.service", "certwright-warning.socket",
               "certwright-deploy@.service", "certwright-deploy@nginx.timer", "certwright-deploy@--config=-tmp.service",
               "certwright-deploy@..-etc.service", "certwright-deploy@-etc-shadow.service", "certwright-deploy@a\\x2fb.service",
               "certwright-deploy@a b.service")
UNREADABLE = ("/etc/shadow", "/etc/gshadow", "/etc/ssl/private/ssl-cert-snakeoil.key", "/proc/1/environ", "/proc/1/root",
              "/proc/kcore", "/root", "/etc/ssl/private", REPORTS, "/run/certwright-deploy")
UNWRITABLE = ("/etc/certwright/modules.d/evil.conf", "/etc/certwright/certwright.conf", "/run/certwright/modules.d/evil.conf",
              "/etc/systemd/system/evil.service", "/run/systemd/system/evil.service", "/etc/polkit-1/rules.d/00-evil.rules",
              "/run/certwright-deploy/evil")
OWN_FOLDERS = (STATE, "/tmp", "/var/tmp", "/dev/shm", "/run/certwrightd")


def tell(good, what, detail=""):
    detail = "" if good else f" ({str(detail)[:200]!r})"
    print(f"{'ok' if good else 'not ok'}|{what}{detail}", flush=True)


def refused(what, attempt, *arguments):
    try:
        result = attempt(*arguments)
    except (OSError, dbus.DBusException) as e:
        error = e.get_dbus_name() if isinstance(e, dbus.DBusException) else ""
        # systemd did not even look whether it may be done
        unknown = error.endswith((".UnknownMethod", ".InvalidSignature", ".NoReply", ".Disconnected"))
        tell(not unknown, f"cannot {what}", e)
    else:
        tell(False, f"cannot {what}", result)


# ---- units

class Units:
    def __init__(self):
        self.bus = dbus.SystemBus()

    def call(self, method, signature, *arguments):
        return self.bus.call_blocking(SYSTEMD, PATH, SYSTEMD + ".Manager", method, signature, arguments)

    def get(self, unit, interface, name):
        path = self.call("LoadUnit", "s", unit)
        return self.bus.call_blocking(SYSTEMD, path, "org.freedesktop.DBus.Properties", "Get", "ss",
                                      (SYSTEMD + "." + interface, name))

    def run(self, unit):
        """Starts it, and returns its result."""
        self.call("StartUnit", "ss", unit, "replace")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.get(unit, "Unit", "Job")[0] == 0:
                return str(self.get(unit, "Service", "Result"))
            time.sleep(0.05)
        return "timeout"


def try_units(units, module):
    deploy = f"certwright-deploy@{module}.service"
    for unit in OTHER_UNITS:
        refused(f"start {unit}", units.call, "StartUnit", "ss", unit, "replace")
    for method in "StopUnit", "RestartUnit", "ReloadUnit", "TryRestartUnit", "ReloadOrRestartUnit":
        for unit in deploy, "nginx.service":
            refused(f"call {method} for {unit}", units.call, method, "ss", unit, "replace")
    refused("isolate the unit", units.call, "StartUnit", "ss", deploy, "isolate")
    refused("enqueue another job", units.call, "EnqueueUnitJob", "sss", deploy, "restart", "replace")
    refused("signal the unit", units.call, "KillUnit", "ssi", deploy, "all", 9)
    refused("change its properties", units.call, "SetUnitProperties", "sba(sv)", deploy, True,
            [("Environment", dbus.Array(["LD_PRELOAD=/tmp/evil"], signature="s", variant_level=1))])
    refused("set the environment of units", units.call, "SetEnvironment", "as", ["LD_PRELOAD=/tmp/evil"])
    refused("mount something in the unit", units.call, "BindMountUnit", "sssbb", deploy, STATE, "/etc/certwright", False, False)
    refused("link a unit", units.call, "LinkUnitFiles", "asbb", [STATE + "/evil.service"], True, True)
    refused("enable a unit", units.call, "EnableUnitFiles", "asbb", ["debug-shell.service"], True, True)
    refused("let systemd reload", units.call, "Reload", "")
    command = dbus.Struct(("/bin/true", dbus.Array(["true"], signature="s"), False), signature="sasb")
    refused("start a unit of its own", units.call, "StartTransientUnit", "ssa(sv)a(sa(sv))", "certwright-deploy@evil.service",
            "replace", [("ExecStart", dbus.Array([command], signature="(sasb)", variant_level=1))],
            dbus.Array([], signature="(sa(sv))"))
    tell(units.run(deploy) == "success", f"can start {deploy}")
    tell(units.run("certwright-warning@example.service") == "success", "can start the unit for warnings")
    tell(units.run("certwright-deploy@nobody.service") == "exit-code", "certwright-deploy does nothing for another module")


# ---- files and programs

def read(path):
    if os.path.isdir(path):
        return os.listdir(path)
    with open(path, "rb") as f:
        return f.read(16)


def write(path):
    with open(path, "ab") as f:
        f.write(b"evil\n")


def execute(path):
    """Returns if it could be done."""
    pid = os.fork()
    if pid == 0:
        try:
            os.execv(path, [path])
        except OSError as e:
            os._exit(e.errno)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status > 0:
        raise OSError(status, os.strerror(status))
    return "it ran"


def execute_own(folder):
    path = os.path.join(folder, "evil")
    shutil.copyfile(sys.executable, path)
    os.chmod(path, 0o755)
    try:
        return execute(path)
    finally:
        os.unlink(path)


def try_files(module, name, secret):
    for path in *UNREADABLE, secret, f"/etc/ssl/certwright/{module}/{name}.pem", f"{REPORTS}/other/saved", *glob.glob("/run/log/journal/*/*"):
        refused(f"read {path}", read, path)
    for path in *UNWRITABLE, f"{REPORTS}/{module}/report.json", f"/etc/ssl/certwright/{module}/evil.pem":
        refused(f"write {path}", write, path)
    for path in "/usr/bin/id", "/bin/sh", "/usr/sbin/nologin":
        refused(f"run {path}", execute, path)
    for folder in OWN_FOLDERS:
        refused(f"run what it has written to {folder}", execute_own, folder)
    refused("become root", os.setuid, 0)
    refused("open a raw socket", socket.socket, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    refused("make a device", os.mknod, STATE + "/evil", 0o600 | stat.S_IFBLK, os.makedev(8, 0))


# ---- what certwright-deploy reads in its place

class Store:
    """The chain of NAME, which can be put in order again."""

    def __init__(self, name):
        self.folder = os.path.join(STATE, "certificates", name)
        self.current = os.path.join(self.folder, "current")
        self.number = os.readlink(self.current)

    def point(self, target):
        os.symlink(target, self.current + ".evil")
        os.rename(self.current + ".evil", self.current)

    def replace(self, file, put):
        """put() makes a file of the name that it is given, in a copy of what is served."""
        copy = os.path.join(self.folder, "666")
        shutil.copytree(os.path.join(self.folder, self.number), copy)
        os.unlink(os.path.join(copy, file))
        put(os.path.join(copy, file))
        self.point("666")

    def mend(self):
        self.point(self.number)
        shutil.rmtree(os.path.join(self.folder, "666"), ignore_errors=True)


def try_store(units, module, name, secret):
    store = Store(name)
    folder = os.path.dirname(secret)
    tricks = {
        "a link to the folder": lambda: store.point(folder),
        "a link out of the store": lambda: store.point("../../../../.." + folder),
        "a link as the chain": lambda: store.replace("fullchain.pem", lambda p: os.symlink(secret, p)),
        "a link as the key": lambda: store.replace("privkey.pem", lambda p: os.symlink("/etc/shadow", p)),
        "a FIFO": lambda: store.replace("privkey.pem", os.mkfifo),
    }
    for what, trick in tricks.items():
        trick()
        result = units.run(f"certwright-deploy@{module}.service")
        store.mend()
        with open(f"{REPORTS}/{module}/report.json", encoding="utf-8") as f:
            text = f.read()
        tell(result == "exit-code" and "root:" not in text, f"by {what}, certwright-deploy reads nothing", result + text)
    refused("link root's file into the store", os.link, secret, os.path.join(store.folder, "evil"))


def main():
    module, name, secret = sys.argv[1:]
    units = Units()
    try_units(units, module)
    try_files(module, name, secret)
    try_store(units, module, name, secret)
    print("end|", flush=True)


main()
