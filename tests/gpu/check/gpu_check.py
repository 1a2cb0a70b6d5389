#!/usr/bin/env python3
"""./dev gpu-check: builds what runs on a GPU alone, runs it, and writes one report.

gpu_check.py [--out DIR] [--build DIR]   finds torch, CUDA and nvcc, builds, runs, writes gpu-check.md and gpu-check.json
gpu_check.py --built DIR [--out DIR]     the same with what a build folder has already
gpu_check.py --only PART[,PART]          these parts alone; --list names them
gpu_check.py --bundle                    gathers what the distribution's packages would bring into .cache/gpu-bundle, so
                                         that a checkout that is carried to a machine without a network builds there

Exit codes: 0 all held (goals that are missed stand in the report), 1 something did not hold or did not build, 2 used
wrongly, or there is no GPU or no nvcc here, 130 interrupted.
"""
import argparse
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import bundle
import derived
import parts
import report
from clock import SECONDS, Clock
from machine import ROOT, Failed, Wrong, find_cuda, find_tool, find_torch, includes_of, jobs, numbers, say

TARGETS = ["test_gpu_cuda", parts.PROGRAM, "troupe_cuda_kernels", "gpu_check_busy"]
OLDEST_CMAKE = (3, 25)
EXAMPLES = """examples:
  ./dev gpu-check                                   build, run everything, report in docs/measurements/gpu
  ./dev gpu-check --only speed --built build-gpu    the speeds alone, with what is built
  ./dev gpu-check --only slices,edges --seconds 120
"""


def build(folder, torch, nvcc, clock):
    """Returns what kept the parts over LibTorch from being built, which the rest can do without; empty: nothing."""
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
    code, output = clock.run("build with LibTorch", [cmake, "--build", str(folder), "--parallel", jobs(), "--target", parts.STEP])
    return "" if code == 0 else output[-6000:]


def check(given):
    clock, torch = Clock(given.seconds), find_torch()
    versions = {"torch": torch["torch"], "torch's CUDA": torch["torch_cuda"], "system": platform.platform(), "python": platform.python_version()}
    folder = Path(given.built or given.build)
    trouble = ""
    if not given.built:
        nvcc, versions["nvcc"] = find_cuda()
        trouble = build(folder, torch, nvcc, clock)
    environment = dict(os.environ)
    if bundle.lacking():
        environment["LD_LIBRARY_PATH"] = bundle.library_path() + ":" + environment.get("LD_LIBRARY_PATH", "")
    found = folder / "gpu-check"
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    checked = parts.Checked(folder, found, torch, clock, trouble, environment)
    held = True

    def write():  # part by part: whoever is stopped leaves what was found
        nonlocal held
        held = report.write(Path(given.out), checked.rows + derived.everything(checked.rows), versions, clock.spent)

    parts.run(checked, given.only, write)
    write()
    say(f"{'all held' if held else 'something did not hold'}: {given.out}/gpu-check.md")
    return 0 if held else 1


def some_parts(text):
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in parts.HELP:
            raise argparse.ArgumentTypeError(f"there is no part {name!r}; the parts are {', '.join(parts.HELP)}")
    if not names:
        raise argparse.ArgumentTypeError(f"no part is named; the parts are {', '.join(parts.HELP)}")
    return names


def some_seconds(text):
    try:
        if float(text) >= 1:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 1 on")


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev gpu-check", description="build and run what needs a GPU; write one report", epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=str(ROOT / "docs/measurements/gpu"), help="folder of the report (docs/measurements/gpu)")
    parser.add_argument("--build", default=str(ROOT / "build-gpu"), help="folder to build in (build-gpu)")
    parser.add_argument("--built", help="a folder that is built already")
    parser.add_argument("--only", type=some_parts, default=list(parts.HELP), metavar="PART[,PART]", help="these parts alone (all)")
    parser.add_argument("--seconds", type=some_seconds, default=SECONDS, help=f"for everything, building included ({SECONDS})")
    parser.add_argument("--list", action="store_true", help="tell the parts, in the order in which they begin")
    parser.add_argument("--bundle", action="store_true", help="gather packages for a machine without a network; checks nothing")
    given = parser.parse_args(arguments)
    try:
        if given.list:
            print("\n".join(f"{name:9} {what}" for name, what in parts.HELP.items()))
            return 0
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
