#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Follow the certificate of a name, as a program does that gets its chain from Certwright at run time.

    follow-certificate.py NAME [MODULE]

With a MODULE, the name is registered for it; without, a file in modules.d has to request it. Prints a line for each chain
that has to be used from then on: source, end of validity and fingerprint. A program would load the chain there, with
OpenKey() (open-key.py) or from the files of the store (certwrightd(8), FILES).

follow-certificate.c explains the steps. Packages: python3-dbus, python3-gi.
"""
import sys

import dbus
import dbus.mainloop.glib
from gi.repository import GLib

SERVICE, PATH = "org.certwright1", "/org/certwright1"
MANAGER, CERTIFICATE = SERVICE + ".Manager", SERVICE + ".Certificate"


class Follower:
    def __init__(self, bus, name, module=None):
        self.bus, self.name, self.module = bus, name, module
        self.path, self.fingerprint = None, ""
        # 1. listen before anything else, so that no change is missed
        bus.add_signal_receiver(self.on_chain_changed, "ChainChanged", MANAGER, SERVICE, PATH)
        bus.add_signal_receiver(self.on_owner_changed, "NameOwnerChanged", dbus.BUS_DAEMON_IFACE, dbus.BUS_DAEMON_NAME,
                                dbus.BUS_DAEMON_PATH, arg0=SERVICE)
        # 2. find the object, which starts the service
        self.find()
        # 3. compare with the chain in use, which is none yet
        self.compare()

    def find(self):
        if self.module:
            self.path = self.bus.call_blocking(SERVICE, PATH, MANAGER, "Register", "ssa{sv}",
                                               (self.module, self.name, dbus.Dictionary(signature="sv")))
        else:
            self.path = self.bus.call_blocking(SERVICE, PATH, MANAGER, "GetCertificate", "s", (self.name,))

    def properties(self):
        try:
            return self.bus.call_blocking(SERVICE, self.path, dbus.PROPERTIES_IFACE, "GetAll", "s", (CERTIFICATE,))
        except dbus.DBusException as e:
            if not e.get_dbus_name().endswith((".NoSuchCertificate", ".UnknownObject")):
                raise
        self.find()  # somebody has removed the state of the service
        return self.properties()

    def compare(self):
        try:
            now = self.properties()
        except dbus.DBusException as e:
            # the chain in use stays in use; the next start of the service is another chance
            print(f"Cannot get the certificate: {e.get_dbus_message()}", file=sys.stderr)
            return
        if now["Fingerprint"] not in ("", self.fingerprint):
            self.fingerprint = now["Fingerprint"]
            self.use(now)

    def use(self, now):
        """Here a program would load the new chain and its key."""
        print(now["Source"], now["NotAfter"], now["Fingerprint"], flush=True)

    def on_chain_changed(self, path, _name, _source, fingerprint):
        # 4. the signal has the new fingerprint
        if path == self.path and fingerprint != self.fingerprint:
            self.compare()

    def on_owner_changed(self, _name, _before, after):
        # 5. another run of the service; without an owner, nothing changes, and a call would only start it again
        if after and self.path:
            self.compare()


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    try:
        Follower(dbus.SystemBus(), *sys.argv[1:])
    except dbus.DBusException as e:
        sys.exit(f"{sys.argv[1]}: {e.get_dbus_message()}")
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
