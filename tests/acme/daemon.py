# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private system bus with the shipped policy, and the service on it under its own user."""
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys

from gi.repository import Gio, GLib

from machine import PATIENCE, Broken, Process, wait_until

NAME, PATH = "org.certwright1", "/org/certwright1"
MANAGER, CERTIFICATE, JOB = NAME + ".Manager", NAME + ".Certificate", NAME + ".Job"
PROPERTIES = "org.freedesktop.DBus.Properties"
OWNER = "certwright"
SYSTEM_BUS = "/usr/share/dbus-1/system.conf"
MOCK_POLICY = """<busconfig>
  <policy user="root"><allow own="org.freedesktop.PolicyKit1"/></policy>
  <policy context="default"><allow send_destination="org.freedesktop.PolicyKit1"/></policy>
</busconfig>
"""
HERE = os.path.dirname(os.path.realpath(__file__))


class Refused(Exception):
    """The service answered with an error."""

    def __init__(self, error):
        self.name = Gio.DBusError.get_remote_error(error) or "?"
        super().__init__(error.message.split(": ", 1)[-1])


def why_no_daemon(source):
    """Makes the service's user if it is missing. Returns why that cannot be done, else None."""
    if not os.access(SYSTEM_BUS, os.R_OK):
        return f"there is no {SYSTEM_BUS} (package dbus-system-bus-common)"
    try:
        pwd.getpwnam(OWNER)
    except KeyError:
        subprocess.run(["systemd-sysusers", os.path.join(source, "data/certwright.sysusers")], check=False)
    try:
        pwd.getpwnam(OWNER)
    except KeyError:
        return f"the user {OWNER} cannot be made"
    return None


class Bus:
    """Debian's configuration of the system bus but for what ties it to the machine; and a stand-in for polkit that
    says yes to all."""

    def __init__(self, folder, source):
        socket = folder.of("bus/socket")
        self.address = "unix:path=" + socket
        with open(SYSTEM_BUS) as f:
            text = re.sub("<!--.*?-->", "", f.read(), flags=re.S)
        text = re.sub("<user>.*?</user>|<fork/>|<pidfile>.*?</pidfile>|<syslog/>|<servicehelper>.*?</servicehelper>"
                      "|<include [^>]*>.*?</include>|<includedir>/etc.*?</includedir>|<standard_system_servicedirs/>",
                      "", text, flags=re.S)
        text = re.sub("<listen>.*?</listen>", f"<listen>{self.address}</listen>", text)
        text = text.replace("<includedir>system.d", "<includedir>" + folder.of("bus/system.d"))
        folder.write("bus/system.d/polkit.conf", MOCK_POLICY)
        with open(os.path.join(source, "data/org.certwright1.conf")) as f:
            folder.write("bus/system.d/org.certwright1.conf", f.read())
        self.daemon = Process(["dbus-daemon", "--config-file=" + folder.write("bus/bus.conf", text), "--nofork",
                               "--nopidfile"], folder.of("bus/log"), {"DBUS_SYSTEM_BUS_ADDRESS": self.address})
        self.connection = self.daemon.wait_for("its socket", self._connect)
        self.polkit = Process([sys.executable, "-B", os.path.join(HERE, "../crash/service.py"), self.address],
                              folder.of("bus/polkit.log"))
        self.polkit.wait_for("its name", lambda: self.has_owner("org.freedesktop.PolicyKit1"))

    def _connect(self):
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        try:
            return Gio.DBusConnection.new_for_address_sync(self.address, flags, None, None)
        except GLib.Error:
            return None

    def call(self, name, path, interface, method, arguments=None, patience=PATIENCE):
        reply = self.connection.call_sync(name, path, interface, method, arguments, None,
                                          Gio.DBusCallFlags.NO_AUTO_START, patience * 1000, None)
        return reply.unpack()

    def has_owner(self, name):
        return self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                         GLib.Variant("(s)", (name,)))[0]

    def stop(self):
        self.connection.close_sync(None)
        self.polkit.end()
        self.daemon.end()


class Signals:
    """What the service told, in its order: (path, interface, member, arguments)."""

    def __init__(self, bus):
        self.seen = []
        self.bus = bus
        self.id = bus.connection.signal_subscribe(NAME, None, None, None, None, Gio.DBusSignalFlags.NONE, self._on)

    def _on(self, _connection, _sender, path, interface, member, arguments, *_):
        self.seen.append((path, interface, member, arguments.unpack()))

    def collect(self):
        context = GLib.MainContext.default()
        while context.iteration(False):
            pass
        return self.seen

    def chains(self, path):
        """ChainChanged of a certificate: (source, fingerprint, previous, reason)."""
        return [arguments for p, interface, member, arguments in self.collect()
                if (p, interface, member) == (path, CERTIFICATE, "ChainChanged")]

    def values(self, path, name):
        """What a property became, one after the other."""
        return [arguments[1][name] for p, interface, member, arguments in self.collect()
                if (p, interface, member) == (path, PROPERTIES, "PropertiesChanged") and name in arguments[1]]

    def clear(self):
        self.collect()
        self.seen.clear()


class Daemon:
    """programs: certwrightd and what it starts, copied to one directory that its user can reach."""

    def __init__(self, folder, bus, programs):
        self.folder, self.bus = folder, bus
        self.program = folder.of("programs/certwrightd")
        os.makedirs(os.path.dirname(self.program))
        for program in programs:
            shutil.copy(program, folder.of("programs"))
        self.state, self.config = folder.of("state"), folder.of("config")
        os.makedirs(os.path.join(self.config, "modules.d"))
        self.make_state()
        self.process = None
        self.options, self.environment = ["--no-idle-exit"], {"DBUS_SYSTEM_BUS_ADDRESS": bus.address}
        self.signals = Signals(bus)
        self.registered = set()

    def make_state(self):
        """As it is before the first start."""
        os.mkdir(self.state, 0o700)
        owner = pwd.getpwnam(OWNER)
        os.chown(self.state, owner.pw_uid, owner.pw_gid)

    def configure(self, acme="", authorities=(), more="", pace=0):
        """Writes certwright.conf. acme: lines of [ACME]; authorities: (NAME, lines); pace: OrdersPerMinute=."""
        text = f"[Renewal]\nOrdersPerMinute={pace}\n[ACME]\nTermsOfServiceAgreed=yes\nDNSResolvers=127.0.0.1\n{acme}\n"
        text += "".join(f"[Authority {name}]\n{lines}\n" for name, lines in authorities)
        self.folder.write("config/certwright.conf", text + more)
        if self.is_running():
            self.manage("Reload")

    def start(self):
        """With what the shipped unit gives it: its user, and ports below 1024."""
        self.signals.clear()  # jobs are numbered anew
        bind = "=-all,+net_bind_service"
        argv = ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups", "--inh-caps" + bind,
                "--ambient-caps" + bind, "--bounding-set" + bind, "--no-new-privs", "--pdeathsig=KILL",
                self.program, *self.options, "--state=" + self.state, "--config=" + self.config]
        self.process = Process(argv, self.folder.of("daemon.log"), self.environment)
        self.process.wait_for("its name", lambda: self.bus.has_owner(NAME))

    def is_running(self):
        return self.process is not None and self.process.is_running()

    def stop(self):
        """Returns what is wrong with its end."""
        if not self.process:
            return []
        running = self.process.is_running()
        status = self.process.end()
        said = self.process.said()[-2000:]
        self.process = None
        if running and status == 0:
            return []
        return [f"certwrightd ended {'badly' if running else 'by itself'} (status {status}):", *said.splitlines()]

    def kill(self):
        self.process.end(signal.SIGKILL)
        wait_until("the bus to notice the end", lambda: not self.bus.has_owner(NAME))

    def call(self, path, interface, method, arguments=None):
        try:
            return self.bus.call(NAME, path, interface, method, arguments)
        except GLib.Error as e:
            raise Refused(e) from e

    def manage(self, method, arguments=None):
        return self.call(PATH, MANAGER, method, arguments)

    def register(self, name, module="test", **options):
        """Returns the path of the certificate; names= further names, acme=, authority=."""
        kinds = {"names": "as", "acme": "b", "authority": "s", "key_type": "s"}
        values = {k.replace("_", "-"): GLib.Variant(kinds[k], v) for k, v in options.items()}
        self.registered.add((name, module))
        return self.manage("Register", GLib.Variant("(ssa{sv})", (module, name, values)))[0]

    def has(self, name):
        try:
            return self.property(self.path_of(name), "Name") == name
        except Refused:
            return False

    def unregister(self, name, module="test"):
        self.registered.discard((name, module))
        self.manage("Unregister", GLib.Variant("(ss)", (module, name)))

    def unregister_all(self):
        for name, module in list(self.registered):
            self.unregister(name, module)

    @staticmethod
    def path_of(name):
        """sd_bus_path_encode."""
        encoded = "".join(c if c.isalnum() and not (i == 0 and c.isdigit()) else f"_{ord(c):02x}"
                          for i, c in enumerate(name))
        return f"{PATH}/certificate/{encoded}"

    def properties(self, path, interface=CERTIFICATE):
        return self.call(path, PROPERTIES, "GetAll", GLib.Variant("(s)", (interface,)))[0]

    def property(self, path, name, interface=CERTIFICATE):
        return self.call(path, PROPERTIES, "Get", GLib.Variant("(ss)", (interface, name)))[0]

    def reissue(self, path, **options):
        """Returns the job's path; keep_current=True."""
        values = {k.replace("_", "-"): GLib.Variant("b", v) for k, v in options.items()}
        return self.call(path, CERTIFICATE, "Reissue", GLib.Variant("(a{sv})", (values,)))[0]

    def reissue_all(self, **options):
        values = {k.replace("_", "-"): GLib.Variant("b", v) for k, v in options.items()}
        return self.manage("ReissueAll", GLib.Variant("(a{sv})", (values,)))[0]

    def finish(self, path):
        """Its result, and the code and text of its error, when it is over: from JobFinished."""
        result = self.wait_for_job(path)
        told = [arguments for p, _, member, arguments in self.signals.collect()
                if p == PATH and member == "JobFinished" and arguments[0] == path]
        if [arguments[4] for arguments in told] != [result]:
            raise Broken(f"{path}: JobRemoved says {result}, JobFinished {told}")
        return (result, *told[0][5])

    def upload(self, path, pem):
        self.call(path, CERTIFICATE, "Upload", GLib.Variant("(sa{sv})", (pem.decode(), {})))

    def wait_for_job(self, path):
        """Its result, when it is over: from JobRemoved."""
        def result():
            removed = [arguments[1] for p, _, member, arguments in self.signals.collect()
                       if p == PATH and member == "JobRemoved" and arguments[0] == path]
            return removed[:1]
        return wait_until(f"the end of {path}", result)[0]

    def wait_for_source(self, path, source, patience=PATIENCE):
        try:
            wait_until(source, lambda: self.property(path, "Source") == source, patience)
        except Broken as e:
            raise Broken(f"{path}: {e}; {self.describe(path)}\n{self.process.said()[-3000:]}") from e

    def wait_for_error(self, path, code=None):
        """LastError, when there is one (with this code)."""
        def error():
            last = self.property(path, "LastError")
            return last if last[0] and code in (None, last[0]) else None
        try:
            return wait_until("LastError", error)
        except Broken as e:
            raise Broken(f"{path}: {e}; {self.describe(path)}") from e

    def wait_for_rest(self):
        """Until no job is running or queued."""
        wait_until("the end of all jobs", lambda: self.property(PATH, "JobsRunning", MANAGER) == 0)

    def describe(self, path):
        p = self.properties(path)
        return ", ".join(f"{k} {p[k]!r}" for k in ("Source", "Reason", "LastError", "Authority", "Job"))

    def files(self, path):
        """Name -> content of the served generation."""
        name = self.property(path, "Name")
        name = "_" + name[1:] if name.startswith("*") else name
        current = os.path.join(self.state, "certificates", name, "current")
        result = {}
        for entry in os.listdir(current):
            with open(os.path.join(current, entry), "rb") as f:
                result[entry] = f.read()
        return result

    def messages(self):
        return self.process.said() if self.process else ""


class Prober:
    """Another process, which asks for a property all the time."""

    def __init__(self, bus, path, log):
        self.process = Process([sys.executable, "-B", os.path.join(HERE, "prober.py"), bus.address, path], log)

    def stop(self):
        """How often it was answered, the longest it waited in seconds, and what went wrong."""
        self.process.end()
        lines = self.process.said().splitlines()
        waits = [float(line) for line in lines if re.fullmatch(r"[0-9.]+", line)]
        return len(waits), max(waits, default=0), [line for line in lines if not re.fullmatch(r"[0-9.]+", line)]
