# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service, which can start no other program here (alone.c), with what it shows and what it leaves on the disk."""
import os
import re
import signal
import subprocess
import time
import unicodedata

import dbus
from service import CERTIFICATE, MANAGER, NAME, PATH

PATIENCE = 120
PROPERTIES = "org.freedesktop.DBus.Properties"
JOB = NAME + ".Job"
OBJECT = r"(record\.json|current|\d+(/(fullchain|chain|certificate|privkey|combined|key|cross|root)\.pem)?)"
ALLOWED = re.compile(
    rf"(version|lock|clock|index|journal(\.1)?|root(/{OBJECT})?|certificates(/[a-z0-9_.-]+(/{OBJECT})?)?|uploads"
    r"|acme(/[a-z0-9.-]+(/(account\.(json|key)|ledger))?)?|acme/orders(/[a-z0-9_.-]+\.json)?)\Z")
DIRECTION = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


def unfit(text):
    """The characters that may do something to a terminal."""
    return [c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or
            unicodedata.bidirectional(c) in DIRECTION or c in "\u200e\u200f\u061c"]


class Gone(Exception):
    """It does not answer."""


class Daemon:
    """One state directory, and the service on it as often as it is started."""

    def __init__(self, bus, folder, alone, program):
        self.bus, self.alone, self.program = bus, alone, program
        self.state, self.config, self.temporary = (os.path.join(folder, n) for n in ("state", "config", "temporary"))
        self.log = os.path.join(folder, "messages")
        os.mkdir(self.temporary)
        os.makedirs(os.path.join(self.config, "modules.d"))
        self.process = None
        self.slowest = 0.0
        self.peak = 0

    def write(self, name, text):
        path = os.path.join(self.config, name)
        with open(path + ".new", "w") as f:
            f.write(text)
        os.rename(path + ".new", path)

    def start(self):
        environment = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "JOURNAL_STREAM")}
        environment.update(DBUS_SYSTEM_BUS_ADDRESS=self.bus.address, TMPDIR=self.temporary)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.alone, self.program, "--allow-root", "--no-idle-exit", "--state=" + self.state,
                 "--config=" + self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                cwd=self.temporary)
        end = time.monotonic() + PATIENCE
        while not self.bus.connection.name_has_owner(NAME):
            if self.process.poll() is not None or time.monotonic() > end:
                raise Gone("it did not come to the bus:\n" + self.messages()[-3000:])
            time.sleep(0.01)

    def call(self, path, interface, method, signature="", *arguments):
        begin = time.monotonic()
        try:
            return self.bus.connection.call_blocking(NAME, path, interface, method, signature, arguments, timeout=PATIENCE)
        except dbus.DBusException as e:
            if self.process.poll() is not None or "NoReply" in e.get_dbus_name():
                raise Gone(f"{method} was not answered ({e}), status {self.process.poll()}:\n"
                           + self.messages()[-3000:]) from e
            raise
        finally:
            self.slowest = max(self.slowest, time.monotonic() - begin)

    def get(self, path, interface, name):
        return self.call(path, PROPERTIES, "Get", "ss", interface, name)

    def objects(self, interface):
        """path -> properties of all that have the interface."""
        all_of_them = self.call(PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        return {str(path): of[interface] for path, of in all_of_them.items() if interface in of}

    def certificates(self):
        """name -> properties, with the path"""
        self.get(PATH, MANAGER, "Version")
        return {str(p["Name"]): dict(p, path=path) for path, p in self.objects(CERTIFICATE).items() if p["Role"] == "leaf"}

    def stop(self):
        """Its exit status."""
        with open(f"/proc/{self.process.pid}/status") as f:
            self.peak = max(self.peak, int(re.search(r"VmHWM:\s*(\d+) kB", f.read()).group(1)))
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        end = time.monotonic() + PATIENCE
        while self.bus.connection.name_has_owner(NAME) and time.monotonic() < end:
            time.sleep(0.01)
        return status

    def messages(self):
        with open(self.log, errors="surrogateescape") as f:
            return f.read()

    def strays(self):
        """What is on the disk and should not be."""
        found = [os.path.join(self.temporary, name) for name in os.listdir(self.temporary)]
        for directory, below, files in os.walk(self.state):
            for name in below + files:
                path = os.path.join(directory, name)
                relative = os.path.relpath(path, self.state)
                if not (ALLOWED.match(relative) or re.search(r"(^|/)\.removed-\d+$|\.new$", relative)):
                    found.append(relative)
                if os.path.islink(path) and not os.readlink(path).isdigit():
                    found.append(f"{relative} -> {os.readlink(path)}")
        return found
