"""Several machines on one: network namespaces joined by lab_switch, a switch in userspace that is slow, lossy or cut
as it is told. For root, on Linux with /dev/net/tun. Everything is gone when the `with` block is left.

    with Lab(switch, ["head", "a", "b"]) as lab:
        lab.port("a", rate=1e9, delay=0.2e-3)
        process = lab.popen("a", ["ping", lab.address("head")])
        lab.cut("a"); lab.heal()
"""
import json
import os
import subprocess

PREFIX = "10.77.0."


class Unfit(Exception):
    """No such lab can be built here; says why."""


class Lab:
    def __init__(self, switch, names, mtu=1500, seed=1):
        self.program, self.names, self.mtu, self.seed = switch, list(names), mtu, seed
        self.switch, self.made = None, []

    def space(self, name):
        return f"troupe{os.getpid()}-{name}"

    def address(self, name):
        return f"{PREFIX}{self.names.index(name) + 1}"

    def __enter__(self):
        if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
            raise Unfit("network namespaces and TAP devices want root and /dev/net/tun")
        try:
            for name in self.names:
                subprocess.run(["ip", "netns", "add", self.space(name)], check=True, capture_output=True, text=True)
                self.made.append(name)
            ports = [f"{self.space(name)}={self.address(name)}/24" for name in self.names]
            self.switch = subprocess.Popen([self.program, "--seed", str(self.seed), "--mtu", str(self.mtu), *ports],
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            if self.switch.stdout.readline() != "ready\n":
                raise Unfit("the switch did not start; its message is above")
        except subprocess.CalledProcessError as error:
            self.__exit__()
            raise Unfit(f"no network namespace: {error.stderr.strip()}") from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in self.made:
            inside = subprocess.run(["ip", "netns", "pids", self.space(name)], capture_output=True, text=True)
            for pid in inside.stdout.split():
                try:
                    os.kill(int(pid), 9)
                except ProcessLookupError:
                    pass
        if self.switch:
            self.switch.stdin.close()
            self.switch.wait()
            self.switch.stdout.close()
        for name in self.made:
            subprocess.run(["ip", "netns", "del", self.space(name)], check=False)
        self.made = []

    def tell(self, line):
        self.switch.stdin.write(line + "\n")
        self.switch.stdin.flush()
        answer = self.switch.stdout.readline().strip()
        if not answer or answer.startswith("error"):
            raise RuntimeError(f"lab_switch: {answer or 'it ended'}")
        return answer

    def port(self, name, **quality):
        """rate in bits a second, delay in seconds, loss, duplicate and reorder as shares: of what `name` sends."""
        self.tell(f"port {self.space(name)} " + " ".join(f"{key}={value}" for key, value in quality.items()))

    def shape(self, **quality):
        """The same for all machines."""
        for name in self.names:
            self.port(name, **quality)

    def cut(self, *names):
        self.tell("cut " + " ".join(self.space(name) for name in names))

    def heal(self):
        self.tell("heal")

    def link(self, name, up):
        """The network card of a machine, as if its cable were drawn."""
        subprocess.run(["ip", "-n", self.space(name), "link", "set", "lab0", "up" if up else "down"], check=True)

    def count(self):
        counted = json.loads(self.tell("count"))
        return {name: counted[self.space(name)] for name in self.names}

    def inside(self, name, command):
        """The words that run `command` on the machine `name`."""
        return ["ip", "netns", "exec", self.space(name), *command]

    def popen(self, name, command, **options):
        return subprocess.Popen(self.inside(name, command), **options)
