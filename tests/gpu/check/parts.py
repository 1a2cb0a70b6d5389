"""The parts of the check: which programs are run for them, in which order, for how long at most."""
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import derived
from machine import Wrong, library, nccl_names, program, say

PROGRAM, STEP = "gpu_check_program", "gpu_check_step"  # STEP: built where LibTorch has a CUDA half
PEER = Path(__file__).with_name("torch_peer.py")
FIRST_SIZES, OTHER_SIZES = (8, 32, 128, 512), (4, 16, 64, 256)
PINS = ("deterministic", "cublas", "cublaslt", "no-cudnn")
LEAST = 3.0  # seconds left: with fewer nothing is begun


@dataclass
class Checked:
    """What is checked, and what was found so far. The stand-ins of tests are of the host: half "host", peer on the CPU."""
    folder: Path
    found: Path
    torch: dict
    clock: object
    trouble: str = ""  # what kept STEP from being built
    environment: dict = None
    kernels: str = ""
    half: str = ""
    peer: tuple = ("--device", "cuda")
    seconds: float = 2  # that a speed is measured for
    first_sizes: tuple = FIRST_SIZES
    other_sizes: tuple = OTHER_SIZES
    patience: float = 1  # times each part's limit
    rows: list = field(default_factory=list)

    def __post_init__(self):
        self.kernels = self.kernels or library(self.folder, "troupe_cuda_kernels")
        self.half = self.half or library(self.folder, "troupe_cuda_torch")


def failed(part, what, why):
    return {"kind": "check", "what": what, "held": False, "why": why, "section": part}


def not_run(part, what, why):
    return {"kind": "not run", "what": what, "why": why, "section": part}


def found_in(file):
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return []


def without_gpu(output):
    raise Wrong(output.strip().split("gpu-check: ")[-1] + "\n     Everything is built; nothing was run.")


def ended(part, name, code, output, limit):
    """What a program's end says beyond what it found."""
    if code == 124:
        return [not_run(part, f"the rest of {name}", f"time: it was stopped after {limit:.0f} s")]
    return [] if code in (0, 1) else [failed(part, f"{name} ran to its end (it ended with {code})", output[-2000:])]


def run_driver(c, limit, look=False):
    """Slices, memory, kernels, collectives and NCCL, without LibTorch; or no more than a look at the device."""
    what = ["--look", str(c.found)] if look else [str(c.found), c.kernels, library(c.folder, "gpu_check_busy")]
    code, output = c.clock.run("slices", [program(c.folder, PROGRAM), *what, *nccl_names(c.torch)], limit, env=c.environment)
    if code == 2:
        without_gpu(output)
    return found_in(c.found / "found.json") + ended("slices", "the check of slices", code, output, limit)


def run_tests(c, limit):
    """The unit tests, against the real driver where they ask for one."""
    out = c.found / "test_gpu_cuda.json"
    code, output = c.clock.run("tests", [program(c.folder, "test_gpu_cuda"), "--gtest_brief=1", f"--gtest_output=json:{out}"], limit,
                               env=c.environment)
    try:
        told = json.loads(out.read_text())
        what = f"{told['tests']} unit tests of gpu/cuda, {told['failures']} failed"
    except (OSError, ValueError, KeyError):
        what = f"the unit tests of gpu/cuda ended with {code}"
    return [{"kind": "check", "what": what, "held": code == 0, "why": "" if code == 0 else output[-2000:], "section": "tests"}]


def run_step(c, limit, part, *arguments, section=None):
    """One part over LibTorch, by a process of its own: what LibTorch does to it does not touch the rest."""
    section, name = section or part, " ".join((part, *arguments))
    if c.trouble:
        return [failed(section, name, f"it does not build:\n{c.trouble}")]
    if c.half != "host" and not c.torch["torch_cuda"]:
        return [not_run(section, name, "there is no LibTorch with a CUDA half here")]
    if not any(Path(c.folder).rglob(STEP)):
        return [not_run(section, name, "it is not built")]
    found = c.found / ("found-" + "-".join((part, *arguments[:1])) + ".json")
    found.unlink(missing_ok=True)
    code, output = c.clock.run(name, [program(c.folder, STEP), part, str(c.found), c.kernels, c.half, *arguments], limit, env=c.environment)
    if code == 2:
        without_gpu(output)
    return found_in(found) + ended(section, name, code, output, limit)


def rows_of(output):
    """Those that a program printed, one a line, among whatever else it says."""
    rows = []
    for line in output.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("kind") in ("sample", "not run"):
            rows.append(row)
    return rows


def run_peer(c, limit, size, way):
    """What PyTorch itself makes of the same networks at one size."""
    name = f"PyTorch {way} {size}"
    if "cpu" not in c.peer and not c.torch["torch_cuda"]:
        return [not_run("speed", name, "there is no PyTorch with a CUDA half here")]
    command = [c.torch["python"], "-B", str(PEER), *c.peer, "--size", str(size), "--way", way, "--seconds", str(c.seconds)]
    code, output = c.clock.run(name, command, limit, env=c.environment)
    rows = rows_of(output)
    if code == 124:
        return rows + [not_run("speed", f"the rest of {name}", f"time: it was stopped after {limit:.0f} s")]
    return rows + ([not_run("speed", name, f"it ended with {code}: {output[-2000:]}")] if code != 0 else [])


def stages(c):
    """(part, what it is called, seconds at most, what runs it), the most important first."""
    step = lambda *arguments, **options: lambda limit: run_step(c, limit, *arguments, **options)
    speed = lambda size: ("speed", f"troupe at {size}", 45, step("speed", str(size), str(c.seconds)))
    peer = lambda size, way, limit: ("speed", f"PyTorch {way} at {size}", limit, lambda left: run_peer(c, left, size, way))
    yield "slices", "slices", 230, lambda limit: run_driver(c, limit)
    yield "tests", "tests", 120, lambda limit: run_tests(c, limit)
    yield "step", "step", 60, step("step")
    yield "edges", "edges", 75, step("edges")
    yield "bits", "bits as it is", 60, step("bits", derived.AS_IT_IS)
    for size in c.first_sizes:
        yield speed(size)
        yield peer(size, "eager", 40)
    yield "packing", "packing", 110, step("packing", str(c.seconds))
    yield "forecast", "forecast of the GAN", 75, step("forecast")
    yield "forecast", "forecast of modules", 40, step("unets", section="forecast")
    for size in c.first_sizes:  # once more beside it: clocks change
        yield speed(size)
        yield peer(size, "compiled", 90)
    if derived.differs(c.rows):
        for pin in PINS:
            yield "bits", f"bits with {pin}", 45, step("bits", pin)
    for size in c.other_sizes:
        yield speed(size)
        yield peer(size, "eager", 40)
        yield peer(size, "compiled", 90)


HELP = {
    "slices": "SMs in force, switches, the memory wall, kernels, collectives, NCCL",
    "tests": "the unit tests of gpu/cuda, against the real driver",
    "step": "the GAN's step against the CPU's; eager and as graphs; the wall before LibTorch",
    "edges": "what a resize costs a job, and whether it loses a step",
    "bits": "whether a job's bits depend on its SMs, by which operator, and what pinning costs",
    "speed": "whole steps at 4 to 512 against PyTorch, eager and compiled, float32 and bfloat16",
    "packing": "2, 4 and 8 jobs on slices, on streams, and as processes that share the device's time",
    "forecast": "memory foretold against memory held, of the GAN at 4 to 512 and of two U-Nets",
}


def run(c, only, after_each):
    """Fills c.rows, part by part; `after_each` is called when there is something new."""
    if "slices" not in only and c.half != "host":  # which would have told the device
        c.rows += run_driver(c, 60, look=True)
    for part, name, limit, work in stages(c):
        if part not in only:
            continue
        if c.clock.left() < LEAST:
            c.rows.append(not_run(part, name, f"time: {c.clock.seconds:.0f} s were over"))
            continue
        say(name)
        c.rows += work(min(limit * c.patience, c.clock.left()))
        after_each()


if __name__ == "__main__":
    sys.exit("run ./dev gpu-check")
