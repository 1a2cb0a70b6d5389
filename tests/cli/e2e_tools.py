"""What the end-to-end tests of the command `troupe` share: python3 and its standard library alone.

Every run trains a tiny GAN on a few small pictures made here. Nothing is asserted on times: what is waited for is a
reply of the cluster, a file, or the end of a process.
"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

TROUPE = None
LIMIT = 120  # seconds after which something that is waited for is called missing
SIZE = 16


def png(rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = len(rows), len(rows[0])
    raw = b"".join(b"\0" + bytes(row) for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def make_pictures(folder, count=16):
    os.makedirs(folder)
    for i in range(count):
        rows = [[(x * (i + 3) + y * (7 - i % 5) + 40) % 256 for x in range(SIZE)] for y in range(SIZE)]
        with open(os.path.join(folder, f"{i:02}.png"), "wb") as file:
            file.write(png(rows))


def job_text(name, data, images, table="", more=""):
    head = "[[job]]\n" if table else ""
    return f"""{head}name = "{name}"
samples = 2
checkpoint_seconds = 0.2
{more}
[{table}data]
path = "{data}"
min_content = 0
[{table}gan]
generators = 2
latent = 8
fmap_base = 32
fmap_max = 8
from = 4
to = 8
shards = 2
shard_batch = 2
images = [{images}]
"""


class Cluster:
    """`troupe up …` in a process of its own."""

    def __init__(self, arguments, cwd):
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen([TROUPE] + arguments, cwd=cwd, stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL, start_new_session=True)

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def wait(self):
        return self.process.wait(LIMIT)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()


class CommandTestCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="troupe-e2e-")
        self.data = os.path.join(self.folder, "pictures")
        make_pictures(self.data)
        self.run_folder = os.path.join(self.folder, "run")
        self.open = []
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.addCleanup(lambda: [cluster.close() for cluster in self.open])

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def cluster_file(self, images, port=0, metrics_port=0, jobs=True, name="cluster.toml"):
        head = f'[cluster]\nname = "e2e"\nport = {port}\nmetrics_port = {metrics_port}\nruns = "{self.folder}/runs"\n'
        head += "[[node]]\ncores = 2\noversubscribe = true\n"
        return self.write(name, head + (job_text("gan", self.data, images, "job.") if jobs else ""))

    def small_disk(self, name, size):
        """A tmpfs of so many bytes, which only root may mount; the test is skipped, in words, elsewhere."""
        path = os.path.join(self.folder, name)
        os.makedirs(path)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True,
                                 text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"no small disk can be mounted here ({mounted.stderr.strip()}); tests/actors/full_disk_test.cpp "
                          "and its like stand in for it with a limit on the size of files")
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=False)
        return path

    def up(self, *arguments):
        cluster = Cluster(list(arguments), self.folder)
        self.open.append(cluster)
        return cluster

    def ask(self, *arguments, code=0, run=None):
        """A command's standard output; its exit code is checked."""
        line = [TROUPE, *arguments] + (["--run", run] if run else [])
        done = subprocess.run(line, cwd=self.folder, capture_output=True, text=True, timeout=LIMIT,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, code, f"{line}\n{done.stdout}\n{done.stderr}")
        self.error = done.stderr
        return done.stdout

    def until(self, what, look, cluster=None):
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            if cluster and cluster.process.poll() is not None:
                self.fail(f"{what}: the cluster ended ({cluster.process.returncode}):\n{cluster.text()}")
            time.sleep(0.05)
        self.fail(f"{what}: not within {LIMIT} s" + (f"\n{cluster.text()}" if cluster else ""))

    def control(self, run=None):
        try:
            with open(os.path.join(run or self.run_folder, "control.json")) as file:
                return json.load(file)
        except (OSError, ValueError):
            return None

    def started(self, cluster, run=None):
        return self.until("control.json", lambda: self.control(run), cluster)

    def job(self, name="gan", run=None):
        jobs = json.loads(self.ask("jobs", "--json", run=run or self.run_folder))
        return next((job for job in jobs if job["name"] == name), None)

    def past_step(self, step, cluster, name="gan"):
        def look():
            job = self.job(name)
            return job if job and job["step"] > step else None

        return self.until(f"step {step}", look, cluster)

    def checkpoints(self, name="gan"):
        folder = os.path.join(self.run_folder, name, "checkpoints")
        try:
            return sorted(os.path.join(folder, entry) for entry in os.listdir(folder) if entry.startswith("step-"))
        except OSError:
            return []

    def journal(self):
        events = []
        with open(os.path.join(self.run_folder, "journal.jsonl")) as file:
            for line in file:
                try:
                    events.append(json.loads(line))
                except ValueError:
                    pass  # cut by a kill
        return events

    def kinds(self):
        return [event["event"] for event in self.journal()]


def main():
    """The command's path is the first argument; what follows is unittest's."""
    global TROUPE
    TROUPE = os.path.abspath(sys.argv[1])
    unittest.main(module="__main__", argv=[sys.argv[0]] + sys.argv[2:], verbosity=2)
