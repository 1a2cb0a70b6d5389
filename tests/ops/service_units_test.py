#!/usr/bin/env python3
"""The service units: systemd finds nothing wrong with them, and they say what docs/operations.md promises.

usage: service_units_test.py SYSTEMD-ANALYZE UNITS [unittest options]

No systemd has to run. Units name /usr/bin/troupe, which need not be installed here: `true` stands in for it.
"""
import configparser
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ANALYZE, UNITS = sys.argv[1:3]
HEAD, NODE = "troupe-head.service", "troupe-node@.service"


def service(name):
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(os.path.join(UNITS, name))
    return unit["Service"]


class ServiceUnitsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="troupe-units-")
        self.addCleanup(shutil.rmtree, self.folder)

    def verify(self, name, change=lambda text: text):
        """What systemd has to say of a unit; nothing where all is well."""
        with open(os.path.join(UNITS, name)) as file:
            text = file.read()
        command = service(name)["ExecStart"].split()[0]
        instance = os.path.join(self.folder, name.replace("@.", "@b."))
        with open(instance, "w") as file:
            file.write(change(text.replace(command, shutil.which("true"))))
        done = subprocess.run([ANALYZE, "verify", "--man=no", "--recursive-errors=no", instance], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        mine = [line for line in done.stdout.splitlines() if "troupe" in line]
        return mine or (["exit code " + str(done.returncode)] if done.returncode else [])

    def test_systemd_finds_nothing_wrong(self):
        for name in (HEAD, NODE):
            self.assertEqual(self.verify(name), [], name)

    def test_systemd_would_find_what_is_wrong(self):
        self.assertNotEqual(self.verify(HEAD, lambda text: text.replace("Restart=on-failure", "Restart=sometimes")), [])
        self.assertNotEqual(self.verify(NODE, lambda text: text.replace("KillSignal=SIGINT", "KillSignal=SIGNOTHING")), [])
        self.assertNotEqual(self.verify(NODE, lambda text: text.replace("UMask=", "Umask=")), [])

    def test_they_stop_by_ctrl_c_and_are_nobody_special(self):
        for name in (HEAD, NODE):
            unit = service(name)
            self.assertEqual((unit["User"], unit["Restart"], unit["KillSignal"]), ("troupe", "on-failure", "SIGINT"), name)
            self.assertGreaterEqual(int(unit["TimeoutStopSec"]), 60, name)
            self.assertEqual(unit["RestartPreventExitStatus"], "2", "what a user wrote wrongly does not mend by itself")
            self.assertIn(f"{os.sep}troupe up /etc/troupe/cluster.toml", unit["ExecStart"])
            for pins in ("CPUAffinity", "AllowedCPUs", "PrivateDevices", "ProtectClock", "SystemCallFilter"):
                self.assertNotIn(pins, unit, "it would stand in the way of pinning, or hide an accelerator")
        self.assertTrue(service(NODE)["ExecStart"].endswith("--node %i"))


unittest.main(argv=[sys.argv[0]] + sys.argv[3:], verbosity=2)
