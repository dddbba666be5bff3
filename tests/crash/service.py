# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private system bus with the service on it, behind the gate (gate.c)."""
import os
import select
import signal
import subprocess
import sys
import time

import dbus
import dbus.bus

NAME = "org.certwright1"
PATH = "/org/certwright1"
MANAGER = NAME + ".Manager"
CERTIFICATE = NAME + ".Certificate"
PATIENCE = 20  # seconds after which something that should have happened did not

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
  </policy>
</busconfig>
"""


class Gone(Exception):
    """The service is not there (any more)."""


class Refused(Exception):
    """The service answered with an error."""

    def __init__(self, error):
        super().__init__(f"{error.get_dbus_name()}: {error.get_dbus_message()}")
        self.name = error.get_dbus_name()


def be_polkit(address):
    """Stands in for polkitd and says yes to all: what is tested here is not who may do what."""
    import dbus.mainloop.glib
    import dbus.service
    from gi.repository import GLib

    class Authority(dbus.service.Object):
        @dbus.service.method("org.freedesktop.PolicyKit1.Authority", in_signature="(sa{sv})sa{ss}us",
                             out_signature="(bba{ss})")
        def CheckAuthorization(self, subject, action, details, flags, cancellation):
            return True, False, dbus.Dictionary({}, signature="ss")

    bus = dbus.bus.BusConnection(address, mainloop=dbus.mainloop.glib.DBusGMainLoop())
    Authority(bus, "/org/freedesktop/PolicyKit1/Authority")
    bus.request_name("org.freedesktop.PolicyKit1")
    print("ready", flush=True)
    GLib.MainLoop().run()


class Bus:
    """The bus, with the stand-in for polkit."""

    def __init__(self, folder):
        self.folder = folder
        config = os.path.join(folder, "bus.conf")
        socket = os.path.join(folder, "bus")
        with open(config, "w") as f:
            f.write(BUS_CONFIG.format(path=socket))
        self.address = "unix:path=" + socket
        with open(os.path.join(folder, "bus.log"), "wb") as log:
            self.daemon = subprocess.Popen(["dbus-daemon", "--config-file=" + config, "--nofork", "--nopidfile",
                                            "--print-address"], stdout=subprocess.PIPE, stderr=log)
        self.daemon.stdout.readline()
        self.polkit = subprocess.Popen([sys.executable, "-B", __file__, self.address], stdout=subprocess.PIPE)
        if not self.polkit.stdout.readline():
            raise RuntimeError("the stand-in for polkit did not start")
        self.connection = dbus.bus.BusConnection(self.address)

    def close(self):
        self.connection.close()
        for process in self.polkit, self.daemon:
            process.terminate()
            process.wait()


def why_not(gate):
    """Why the tests cannot be run here, None when they can."""
    if os.geteuid() != 0:
        return "only root may watch the system calls of a process that hides its memory"
    with subprocess.Popen([gate, "/nowhere", "/dev/null", "/bin/true"], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        process.stdin.write(b"pass\n")
        process.stdin.flush()
        status = process.wait(PATIENCE)
    return "no process can watch another's system calls here (seccomp_unotify)" if status == 77 else None


class Service:
    """One run of certwrightd. first_order is what the gate has to do from the first call on, below state or, if it is given,
    directory."""

    def __init__(self, bus, programs, state, config, first_order="pass", directory=None, options=()):
        self.bus = bus
        self.log_path = os.path.join(bus.folder, "gate.log")
        self.messages_path = os.path.join(bus.folder, "messages")
        if os.path.exists(self.log_path):
            os.unlink(self.log_path)
        environment = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "JOURNAL_STREAM")}
        environment["DBUS_SYSTEM_BUS_ADDRESS"] = bus.address
        with open(self.messages_path, "wb") as messages:
            self.gate = subprocess.Popen(
                [programs.gate, os.path.realpath(directory or state), self.log_path, programs.certwrightd, "--allow-root",
                 "--no-idle-exit", "--state=" + state, "--config=" + config, *options],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=messages, env=environment)
        self.order(first_order)

    def order(self, text):
        """Gives the gate an order; it is in force when this returns."""
        try:
            self.gate.stdin.write(text.encode() + b"\n")
            self.gate.stdin.flush()
            self.gate.stdout.readline()
        except BrokenPipeError:
            pass

    def is_running(self):
        return self.gate.poll() is None

    def call(self, path, interface, method, signature="", *arguments):
        try:
            return self.bus.connection.call_blocking(NAME, path, interface, method, signature, arguments,
                                                     timeout=PATIENCE)
        except dbus.DBusException as e:
            if e.get_dbus_name() in ("org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NoReply",
                                     "org.freedesktop.DBus.Error.NameHasNoOwner",
                                     "org.freedesktop.DBus.Error.Disconnected"):
                raise Gone(str(e)) from e
            raise Refused(e) from e

    def wait_for_name(self):
        """Until the service is on the bus; Gone when it ends before."""
        end = time.monotonic() + PATIENCE
        while not self.bus.connection.name_has_owner(NAME):
            if not self.is_running() or time.monotonic() > end:
                raise Gone("it did not come to the bus")
            time.sleep(0.001)

    def terminate(self):
        """Asks it to stop, and waits."""
        self.order("terminate")
        self.wait()

    def wait(self):
        # the end of its output is seen at once; to wait with a time-out would mean to look now and then
        ended = select.select([self.gate.stdout], [], [], PATIENCE)[0]
        self.gate.stdin.close()  # if it still runs, it ends the service now
        self.gate.wait(PATIENCE)
        if not ended:
            raise RuntimeError("the service did not end by itself")
        self.gate.stdout.close()
        # the bus learns of the end a moment later
        end = time.monotonic() + PATIENCE
        while self.bus.connection.name_has_owner(NAME) and time.monotonic() < end:
            time.sleep(0.001)

    def log(self):
        """The calls since the last order: (number, call, path)."""
        with open(self.log_path) as f:
            lines = [line.rstrip("\n").split(" ", 2) for line in f if line.endswith("\n") and line[0] != "#"]
        return [(int(n), call, path) for n, call, path in lines]

    def ending(self):
        with open(self.log_path) as f:
            return [line.strip() for line in f if line.startswith("# ended")][-1:]

    def messages(self):
        with open(self.messages_path, errors="replace") as f:
            return f.read()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    be_polkit(sys.argv[1])
