"""What this machine has to build and to run with."""
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import bundle

ROOT = Path(__file__).resolve().parents[3]
OLDEST_CUDA = (12, 5)
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
