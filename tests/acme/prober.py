# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks for a property of a certificate again and again; prints how long each answer took.

    prober.py BUS-ADDRESS PATH
"""
import sys
import time

from gi.repository import Gio, GLib

PATIENCE = 20000  # milliseconds
PAUSE = 0.02


def main(address, path):
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    connection = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
    arguments = GLib.Variant("(ss)", ("org.certwright1.Certificate", "Source"))
    while True:
        begin = time.monotonic()
        try:
            connection.call_sync("org.certwright1", path, "org.freedesktop.DBus.Properties", "Get", arguments, None,
                                 Gio.DBusCallFlags.NO_AUTO_START, PATIENCE, None)
            print(f"{time.monotonic() - begin:.4f}", flush=True)
        except GLib.Error as e:
            print(e.message, flush=True)
        time.sleep(PAUSE)


main(*sys.argv[1:])
