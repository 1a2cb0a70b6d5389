"""A troupe cluster over the machines of a lab: one file, keys, a head and node processes, and its journal as it grows."""
import json
import os
import signal
import subprocess
import time


MRI = {"path": "/usr/share/mricron/templates", "files": ["ch2.nii.gz", "ch2bet.nii.gz", "ch2better.nii.gz"]}


def gan(to, images, first=4, generators=4, shards=4, shard_batch=4, base=512, most=48, cache=None, more=""):
    """A [[job]] named gan, of the kind in cluster.toml, that shows so many images at each size."""
    sizes = [first]
    while sizes[-1] < to:
        sizes.append(sizes[-1] * 2)
    data = {**MRI, "cache": cache} if cache else MRI
    data = "".join(f"{key} = {json.dumps(value)}\n" for key, value in data.items())
    return (f'[[job]]\nname = "gan"\nsamples = 0\ntarget_step_seconds = 1e-4\n{more}\n[job.data]\n{data}'
            f"[job.gan]\ngenerators = {generators}\nlatent = 64\nfmap_base = {base}\nfmap_max = {most}\n"
            f"from = {first}\nto = {to}\nshards = {shards}\nshard_batch = {shard_batch}\n"
            f"images = {[images] * len(sizes)}\n")


def run_alone(machines, jobs):
    """The run folder of the same jobs in one process."""
    file, run = (os.path.join(machines.folder, name) for name in ("alone.toml", "alone"))
    with open(file, "w", encoding="utf-8") as text:
        text.write(f'[cluster]\nname = "alone"\nport = 0\nmetrics_port = -1\nruns = "{machines.folder}/runs"\n'
                   f"[[node]]\noversubscribe = true\n{jobs}")
    done = subprocess.run([machines.troupe, "up", file, "--run", run], capture_output=True, text=True, check=False,
                          cwd=machines.folder)
    if done.returncode != 0:
        raise RuntimeError(f"the run in one process: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return run


class Journal:
    """journal.jsonl, read on from where the last look ended."""

    def __init__(self, path):
        self.path, self.at, self.events, self.rest = path, 0, [], ""

    def look(self):
        try:
            with open(self.path, encoding="utf-8") as file:
                file.seek(self.at)
                text = file.read()
                self.at = file.tell()
        except OSError:
            return self.events
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            try:
                self.events.append(json.loads(line))
            except ValueError:
                pass  # cut by a kill
        return self.events


class Machines:
    """lab: a Lab, whose first machine is the head's. jobs: the file's [[job]] tables."""

    def __init__(self, lab, troupe, folder, jobs, failure_timeout=5, cores=1, named=None, cluster=""):
        self.lab, self.troupe, self.folder = lab, os.path.abspath(troupe), folder
        self.head, self.run = lab.names[0], os.path.join(folder, "run")
        self.processes = {}
        self.journal = Journal(os.path.join(self.run, "journal.jsonl"))
        keys = os.path.join(folder, "keys")
        self.command("keys", "init", keys)
        for name in lab.names[1:]:
            self.command("keys", "add", keys, name)
        text = (f'[cluster]\nname = "lab"\nlisten = "{lab.address(self.head)}"\nport = 4470\nmetrics_port = -1\n'
                f'keys = "{keys}"\nruns = "{folder}/runs"\nfailure_timeout_seconds = {failure_timeout}\n{cluster}\n')
        self.named = named or lab.names
        for name in self.named:
            text += (f'[[node]]\nname = "{name}"\naddress = "{lab.address(name)}"\ncores = {cores}\n'
                     'oversubscribe = true\n')
        self.file = os.path.join(folder, "cluster.toml")
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text + jobs)

    def command(self, *words, inside=False):
        line = [self.troupe, *words]
        done = subprocess.run(self.lab.inside(self.head, line) if inside else line, cwd=self.folder,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(line)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def ask(self, *words):
        """A question to the running cluster, from the head's machine."""
        return json.loads(self.command(*words, "--json", "--run", self.run, inside=True))

    def spawn(self, name, words, full=None):
        """full: a folder in which this machine has no room."""
        core = sorted(os.sched_getaffinity(0))
        core = core[self.lab.names.index(name) % len(core)]
        line = ["taskset", "-c", str(core), self.troupe, *words]
        if full:  # `ip netns exec` gives the process a mount namespace of its own
            line = ["sh", "-c", 'mount -t tmpfs -o size=16k tmpfs "$0" && exec "$@"', full, *line]
        with open(os.path.join(self.folder, f"{name}.log"), "a", encoding="utf-8") as log:
            self.processes[name] = self.lab.popen(name, line, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                                                  stderr=log)

    def start_head(self, resume=False):
        words = ["resume", self.run] if resume else ["up", self.file, "--run", self.run]
        self.spawn(self.head, [*words, "--stay"])

    def start(self, name, full=None):
        words = ["up", self.file, "--node", name]
        if name not in self.named:
            words += ["--at", f"{self.lab.address(self.head)}:4470", "--address", self.lab.address(name)]
        self.spawn(name, words, full)

    def start_all(self):
        """The head and the nodes that the file names."""
        self.start_head()
        for name in self.named[1:]:
            self.start(name)

    def signal(self, name, number):
        self.processes[name].send_signal(number)

    def kill(self, name):
        self.signal(name, signal.SIGKILL)
        self.processes[name].wait()

    def alive(self, name):
        return name in self.processes and self.processes[name].poll() is None

    def log(self, name):
        with open(os.path.join(self.folder, f"{name}.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def until(self, what, look, seconds=120, head=True):
        """What `look(events)` finds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = look(self.journal.look())
            if found:
                return found
            if head and not self.alive(self.head):
                raise RuntimeError(f"{what}: the head ended\n{self.log(self.head)}")
            time.sleep(0.02)
        tail = "\n".join(self.log(self.head).splitlines()[-20:])
        raise TimeoutError(f"{what}: not within {seconds} s\n{tail}")

    def end(self):
        """All processes are asked to end, the nodes first; who does not is killed."""
        for name in reversed(list(self.processes)):
            if self.alive(name):
                self.signal(name, signal.SIGCONT)
                self.signal(name, signal.SIGINT if name == self.head else signal.SIGKILL)
        for process in self.processes.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def bits(self, run=None, job="gan"):
        folder = os.path.join(run or self.run, job)
        with open(os.path.join(folder, "result.json"), encoding="utf-8") as result, open(
                os.path.join(folder, "losses.csv"), encoding="utf-8") as losses:
            return json.load(result)["hash"], losses.read()
