# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bus with something like systemd on it, whose services speak TLS with the files they were given."""
import os
import socket
import ssl
import subprocess
import threading

import dbus
import dbus.bus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME = "org.freedesktop.systemd1"
PATH = "/org/freedesktop/systemd1"

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class Front:
    """A service that serves a chain and takes new files by a reload, like nginx: bad ones fail it, and the old ones
    go on being served. dies: like Apache, it exits then. broken: its own configuration is wrong."""

    def __init__(self, chain, key, dies=False):
        self.chain, self.key, self.dies = chain, key, dies
        self.broken = self.deaf = self.held = False
        self.context = None
        self.jobs = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def load(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        self.context = context

    def accept(self):
        while True:
            connection, _ = self.socket.accept()
            try:
                connection.settimeout(5)
                if self.context:
                    self.context.wrap_socket(connection, server_side=True).close()
            except (OSError, ssl.SSLError):
                pass
            finally:
                connection.close()

    @property
    def state(self):
        return "active" if self.context else "inactive"

    def take(self, method):
        """Returns the result of a job."""
        self.jobs.append(method)
        if method == "StartUnit" and self.context:
            return "done"
        try:
            if self.broken:
                raise OSError("the configuration is wrong")
            if not (self.deaf and self.context):
                self.load()
            return "done"
        except (OSError, ssl.SSLError):
            if self.dies or method == "RestartUnit":
                self.context = None
            return "failed"


class Object(dbus.service.Object):
    def __init__(self, bus, units):
        super().__init__(bus, PATH)
        self.units, self.number = units, 0

    @dbus.service.method(NAME + ".Manager")
    def Subscribe(self):
        pass

    @dbus.service.method(NAME + ".Manager", in_signature="s", out_signature="o")
    def LoadUnit(self, name):
        return PATH + "/unit/" + "".join(c if c.isalnum() else f"_{ord(c):02x}" for c in name)

    @dbus.service.signal(NAME + ".Manager", signature="uoss")
    def JobRemoved(self, number, job, unit, result):
        pass

    def enqueue(self, method, unit):
        if unit not in self.units:
            raise dbus.DBusException(f"Unit {unit} not found.", name=NAME + ".NoSuchUnit")
        self.number += 1
        job = f"{PATH}/job/{self.number}"
        result = self.units[unit].take(method)
        GLib.timeout_add(10, self.remove_job, self.number, job, unit, result)
        return job

    def remove_job(self, number, job, unit, result):
        """Returns true to be called again."""
        if not self.units[unit].held:
            self.JobRemoved(number, job, unit, result)
        return self.units[unit].held

    @dbus.service.method(NAME + ".Manager", in_signature="ss", out_signature="o")
    def ReloadUnit(self, unit, mode):
        return self.enqueue("ReloadUnit", unit)

    @dbus.service.method(NAME + ".Manager", in_signature="ss", out_signature="o")
    def ReloadOrRestartUnit(self, unit, mode):
        return self.enqueue("ReloadOrRestartUnit", unit)

    @dbus.service.method(NAME + ".Manager", in_signature="ss", out_signature="o")
    def RestartUnit(self, unit, mode):
        return self.enqueue("RestartUnit", unit)

    @dbus.service.method(NAME + ".Manager", in_signature="ss", out_signature="o")
    def StartUnit(self, unit, mode):
        return self.enqueue("StartUnit", unit)


class Unit(dbus.service.Object):
    def __init__(self, bus, path, unit):
        super().__init__(bus, path)
        self.unit = unit

    @dbus.service.method(dbus.PROPERTIES_IFACE, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return self.unit.state


class Absent:
    state = "inactive"
    held = False


class Systemd:
    """address: of a bus that is there."""

    def __init__(self, folder, units, address=None):
        dbus.mainloop.glib.threads_init()
        self.address, self.daemon = address, None
        if not address:
            self.start_bus(folder)
        self.bus = dbus.bus.BusConnection(self.address, mainloop=dbus.mainloop.glib.DBusGMainLoop())
        manager = Object(self.bus, units)
        self.objects = [manager] + [Unit(self.bus, manager.LoadUnit(n), u) for n, u in units.items()]
        self.objects.append(Unit(self.bus, manager.LoadUnit("absent.service"), Absent()))
        self.bus.request_name(NAME)
        self.loop = GLib.MainLoop()
        threading.Thread(target=self.loop.run, daemon=True).start()

    def start_bus(self, folder):
        config, path = os.path.join(folder, "bus.conf"), os.path.join(folder, "bus")
        with open(config, "w", encoding="utf-8") as f:
            f.write(CONFIG.format(path=path))
        self.address = "unix:path=" + path
        self.daemon = subprocess.Popen(["dbus-daemon", "--config-file=" + config, "--nofork", "--nopidfile",
                                        "--print-address"], stdout=subprocess.PIPE)
        self.daemon.stdout.readline()

    def close(self):
        self.loop.quit()
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait()
