#!/usr/bin/env python3
"""The lists in this folder: what the CUDA build of LibTorch, and NCCL, offer of what troupe may come to need.

make_lists.py WHEEL…   reads the libraries out of wheels (pip download --no-deps torch==2.11.0, nvidia-nccl-cu13==2.28.9) and writes
                       LIBRARY.txt beside itself, for each library that it knows
make_lists.py --check WHEEL…   writes nothing; ends with 1 where a list is not what its wheel gives
"""
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What is wanted of a library, by the symbols' plain names.
WANTED = {
    "libc10_cuda.so": r"(vtable for |typeinfo for |typeinfo name for )?c10::cuda::(?!impl::)",
    "libtorch_cuda.so": r"(vtable for |typeinfo for |typeinfo name for )?(at::cuda::(?!detail|jit|tunable|blas|solver|sparse)|torch::cuda::CUDAPluggableAllocator::)",
    "libnccl.so.2": r"p?nccl[A-Z]\w*$",
}


def plain(names):
    done = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True)
    return done.stdout.split("\n")


def symbols(path, wanted):
    """Functions and data of the library, weak ones too: inline functions that it holds a copy of count as there."""
    lines = subprocess.run(["nm", "-D", "--defined-only", path], capture_output=True, text=True, check=True).stdout.splitlines()
    names = sorted({m[1].split("@")[0] for line in lines if (m := re.search(r" [TWVBDRui] (\S+)$", line))})
    names = [n for n in names if re.fullmatch(r"[A-Za-z_]\w*", n)]
    return [n for n, text in zip(names, plain(names)) if re.match(wanted, text)]


def lists(wheel):
    with zipfile.ZipFile(wheel) as z, tempfile.TemporaryDirectory() as folder:
        for member in z.namelist():
            name = Path(member).name
            if name in WANTED:
                found = symbols(z.extract(member, folder), WANTED[name])
                yield name, "\n".join([f"# {name} of {Path(wheel).name}; by make_lists.py", *found]) + "\n"


def main(arguments):
    check = arguments[:1] == ["--check"]
    wheels = arguments[check:]
    if not wheels:
        print(__doc__, file=sys.stderr)
        return 2
    wrong = 0
    for wheel in wheels:
        for name, text in lists(wheel):
            path = HERE / f"{name}.txt"
            if check:
                same = path.exists() and path.read_text() == text
                wrong += not same
                print(f"{path.name}: {'as the wheel has it' if same else 'NOT what the wheel gives'}")
            else:
                path.write_text(text)
                print(f"{path.name}: {len(text.splitlines()) - 1} symbols, {len(text)} bytes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
