#!/usr/bin/env python3
"""./dev gpu-check: builds what runs on a GPU alone, runs it, and writes one report.

gpu_check.py [--out DIR] [--build DIR]   finds torch, CUDA and nvcc, builds, runs, writes gpu-check.md and gpu-check.json
gpu_check.py --built DIR [--out DIR]     the same with what a build folder has already
gpu_check.py --bundle                    gathers what the distribution's packages would bring into .cache/gpu-bundle, so
                                         that a checkout that is carried to a machine without a network builds there

Exit codes: 0 all held (goals that are missed stand in the report), 1 something did not hold or did not build, 2 used
wrongly, or there is no GPU or no nvcc here, 130 interrupted.
"""
import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import bundle
import report

ROOT = Path(__file__).resolve().parents[3]
TARGETS = ["test_gpu_cuda", "gpu_check_program", "troupe_cuda_kernels", "gpu_check_busy"]
STEP = "gpu_check_step"  # built where LibTorch has a CUDA half
SECONDS = 540  # for everything; what was found until then is reported
OLDEST_CMAKE, OLDEST_CUDA = (3, 25), (12, 5)
# without importing it, which takes seconds
TORCH = """import importlib.util, json, pathlib, runpy
torch = pathlib.Path(importlib.util.find_spec("torch").origin).parent
version = runpy.run_path(torch / "version.py")
print(json.dumps({"torch": version["__version__"], "torch_cuda": version["cuda"], "packages": str(torch.parent)}))"""


class Wrong(Exception):
    """Nothing can be checked here: exit 2."""


class Failed(Exception):
    """Exit 1."""


def say(text):
    print(f"gpu-check: {text}", file=sys.stderr, flush=True)


class Clock:
    def __init__(self):
        self.start, self.spent = time.monotonic(), {}

    def left(self):
        return max(1.0, SECONDS - (time.monotonic() - self.start))

    def run(self, name, command, **options):
        """(exit code, output); 124 where the time was over."""
        begun = time.monotonic()
        # a group of its own: what it started ends with it
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                 start_new_session=True, **options)
        try:
            output = child.communicate(timeout=self.left())[0]
            return child.returncode, output
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            return 124, child.communicate()[0] + f"\nstopped: {SECONDS} s are over"
        except KeyboardInterrupt:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            self.spent[name] = round(self.spent.get(name, 0) + time.monotonic() - begun, 1)


def numbers(text):
    """The first dotted number in a text: (3, 25, 1)."""
    for word in text.replace(",", " ").replace("V", " ").split():
        if word[0].isdigit() and "." in word:
            return tuple(int(n) for n in word.split("-")[0].split("+")[0].split(".") if n.isdigit())
    return ()


def find_torch():
    """Of the first Python that has it: its NCCL and, where it has one, its CUDA half."""
    for python in (ROOT / ".venv/bin/python3", shutil.which("python3") or "", sys.executable, "/usr/bin/python3"):
        if python and Path(python).exists():
            done = subprocess.run([python, "-c", TORCH], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return json.loads(done.stdout) | {"python": str(python)}
    return {"torch": None, "torch_cuda": None, "packages": None, "python": sys.executable}


def find_tool(name, python):
    """On the path, beside a Python (pip's), or in the bundle."""
    for at in (shutil.which(name), Path(python).parent / name, bundle.FOLDER / "bin" / name):
        if at and os.access(at, os.X_OK):
            return str(at)
    return None


def find_cuda():
    nvcc = shutil.which(os.environ.get("CUDACXX", "nvcc")) or "/usr/local/cuda/bin/nvcc"
    if not os.access(nvcc, os.X_OK):
        raise Wrong("there is no nvcc here: give CUDACXX=…/nvcc, or install CUDA 12.5 or later")
    version = numbers(subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=False).stdout.split("release")[-1])
    if version < OLDEST_CUDA:
        raise Wrong(f"{nvcc} is of CUDA {'.'.join(map(str, version))}, wanted is 12.5 or later")
    return nvcc, ".".join(map(str, version[:2]))


def includes_of(nvcc):
    """Where cuda.h stands; a package's nvcc may be a link or a script elsewhere."""
    homes = [Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")), Path(nvcc).resolve().parents[1], Path(nvcc).parents[1]]
    for home in homes:
        for part in ("include", f"targets/{platform.machine()}-linux/include"):
            if (home / part / "cuda.h").exists():
                return str(home / part)
    return None


def build(folder, torch, nvcc, clock):
    """Returns what kept the part over LibTorch from being built, which the rest can do without; empty: nothing."""
    lacking = bundle.lacking()
    if lacking and not bundle.complete():
        raise Wrong("packages are not installed (" + ", ".join(lacking) + "), and there is no bundle of them: "
                    "`./dev gpu-check --bundle` on a machine with a network makes one in .cache/gpu-bundle; carry it here")
    cmake, ninja = find_tool("cmake", torch["python"]), find_tool("ninja", torch["python"])
    if not cmake or numbers(subprocess.run([cmake, "--version"], capture_output=True, text=True, check=False).stdout) < OLDEST_CMAKE:
        raise Wrong("there is no cmake 3.25 or later here: pip install cmake, or carry the bundle")
    configure = [cmake, "-S", str(ROOT), "-B", str(folder), "-DCMAKE_BUILD_TYPE=Release", "-DTROUPE_GPU_ONLY=ON", "-DTROUPE_TESTS=ON",
                 f"-DCMAKE_CUDA_COMPILER={nvcc}"]
    if ninja:
        configure += ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"]
    if lacking:
        configure += [f"-DCMAKE_PREFIX_PATH={bundle.FOLDER}/usr"]
    if includes_of(nvcc):
        configure += [f"-DTROUPE_CUDA_INCLUDE={includes_of(nvcc)}"]
    if torch["torch_cuda"]:
        configure += [f"-DTROUPE_TORCH_DIR={torch['packages']}/torch"]
    say(f"building in {folder}")
    for name, command in (("configure", configure), ("build", [cmake, "--build", str(folder), "--parallel", jobs(), "--target", *TARGETS])):
        code, output = clock.run(name, command)
        if code != 0:
            raise Failed(f"{name} failed:\n{output[-6000:]}")
    if not torch["torch_cuda"]:
        return ""
    code, output = clock.run("build with LibTorch", [cmake, "--build", str(folder), "--parallel", jobs(), "--target", STEP])
    return "" if code == 0 else output[-6000:]


def jobs():
    return os.environ.get("TROUPE_JOBS") or str(len(os.sched_getaffinity(0)))


def library(folder, name):
    return next((str(p) for p in Path(folder).rglob(f"lib{name}.so")), "none")


def program(folder, name):
    found = next((p for p in Path(folder).rglob(name) if p.is_file() and os.access(p, os.X_OK)), None)
    if not found:
        raise Failed(f"{folder} has no {name}")
    return str(found)


def nccl_names(torch):
    beside = [f"{torch['packages']}/nvidia/nccl/lib/libnccl.so.2"] if torch["packages"] else []
    return ["libnccl.so.2", *beside]


def run_tests(folder, environment, clock):
    """The unit tests, against the real driver where they ask for one."""
    out = Path(folder) / "test_gpu_cuda.json"
    out.unlink(missing_ok=True)
    code, output = clock.run("unit tests", [program(folder, "test_gpu_cuda"), "--gtest_brief=1", f"--gtest_output=json:{out}"], env=environment)
    try:
        told = json.loads(out.read_text())
        what = f"{told['tests']} unit tests of gpu/cuda, {told['failures']} failed"
    except (OSError, ValueError, KeyError):
        what = f"the unit tests of gpu/cuda ended with {code}"
    return {"kind": "check", "what": what, "held": code == 0, "why": "" if code == 0 else output[-2000:], "section": "tests"}


def run_step(folder, found, torch, trouble, environment, clock):
    """The GAN's step, by a program of its own: what LibTorch does to a process does not touch the rest."""
    row = {"what": "the GAN's step", "section": "step"}
    if trouble:
        return [row | {"kind": "check", "held": False, "why": f"it does not build:\n{trouble}"}]
    if not torch["torch_cuda"] or not any(Path(folder).rglob(STEP)):
        return [row | {"kind": "not run", "why": "there is no LibTorch with a CUDA half here" if not torch["torch_cuda"] else "it is not built"}]
    libraries = [library(folder, name) for name in ("troupe_cuda_kernels", "troupe_cuda_torch")]
    code, output = clock.run("step", [program(folder, STEP), str(found), *libraries], env=environment)
    rows = json.loads((found / "found-step.json").read_text()) if (found / "found-step.json").exists() else []
    if code not in (0, 1):
        rows.append(row | {"kind": "check", "held": False, "why": f"it ended with {code}: {output[-2000:]}"})
    return rows


def rows_of(output):
    """Those that a program printed, one a line, among whatever else it says."""
    rows = []
    for line in output.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("kind") in ("figure", "not run") and "what" in row:
            rows.append(row)
    return rows


def beside(rows):
    """troupe's replayed step over PyTorch's, where both were timed: pairs begin with the same words."""
    figures = {row["what"]: row["value"] for row in rows if row["kind"] == "figure"}
    found = []
    for what, ours in figures.items():
        size, _, rest = what.partition(": ")
        for name in ("eager", "compiled"):
            theirs = figures.get(f"{size}: PyTorch {name}, images a second (with its optimiser)")
            if rest == "images a second" and theirs:
                found.append({"kind": "figure", "what": f"{size}: troupe's step as a graph (without an optimiser) over PyTorch {name}",
                              "value": ours / theirs, "unit": "ratio", "section": "step"})
    return found


def run_peer(torch, environment, clock):
    """What PyTorch itself makes of the same networks."""
    row = {"what": "PyTorch's own step", "section": "step"}
    if not torch["torch_cuda"]:
        return [row | {"kind": "not run", "why": "there is no PyTorch with a CUDA half here"}]
    code, output = clock.run("PyTorch", [torch["python"], "-B", str(Path(__file__).with_name("torch_peer.py")), "--device", "cuda"],
                             env=environment)
    rows = rows_of(output)
    if code != 0:
        rows.append(row | {"kind": "not run", "why": f"it ended with {code}: {output[-2000:]}"})
    return rows


def check(given):
    clock, torch = Clock(), find_torch()
    versions = {"torch": torch["torch"], "torch's CUDA": torch["torch_cuda"], "system": platform.platform(), "python": platform.python_version()}
    folder = given.built or given.build
    trouble = ""
    if not given.built:
        nvcc, versions["nvcc"] = find_cuda()
        trouble = build(folder, torch, nvcc, clock)
    environment = dict(os.environ)
    if bundle.lacking():
        environment["LD_LIBRARY_PATH"] = bundle.library_path() + ":" + environment.get("LD_LIBRARY_PATH", "")
    found = Path(folder) / "gpu-check"
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    say("running")
    command = [program(folder, "gpu_check_program"), str(found), library(folder, "troupe_cuda_kernels"), library(folder, "gpu_check_busy")]
    code, output = clock.run("check", command + nccl_names(torch), env=environment)
    if code == 2:
        raise Wrong(output.strip().removeprefix("gpu-check: ") + "\n     Everything is built; nothing was run.")
    rows = [run_tests(folder, environment, clock)]
    if (found / "found.json").exists():
        rows += json.loads((found / "found.json").read_text())
    if code not in (0, 1):
        rows.append({"kind": "check", "what": f"the check ran to its end (it ended with {code})", "held": False, "why": output[-2000:],
                     "section": "tests"})
    rows += run_step(folder, found, torch, trouble, environment, clock)
    rows += run_peer(torch, environment, clock)
    rows += beside(rows)
    held = report.write(Path(given.out), rows, versions, clock.spent)
    say(f"{'all held' if held else 'something did not hold'}: {given.out}/gpu-check.md")
    return 0 if held else 1


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev gpu-check", description="build and run what needs a GPU; write one report")
    parser.add_argument("--out", default=str(ROOT / "docs/measurements/gpu"), help="folder of the report (docs/measurements/gpu)")
    parser.add_argument("--build", default=str(ROOT / "build-gpu"), help="folder to build in (build-gpu)")
    parser.add_argument("--built", help="a folder that is built already")
    parser.add_argument("--bundle", action="store_true", help="gather packages for a machine without a network; checks nothing")
    given = parser.parse_args(arguments)
    try:
        if given.bundle:
            say(bundle.gather(say))
            return 0
        return check(given)
    except (Wrong, bundle.Trouble) as e:
        say(f"error: {e}")
        return 2 if isinstance(e, Wrong) else 1
    except Failed as e:
        say(f"error: {e}")
        return 1
    except OSError as e:
        say(f"error: {e}")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
