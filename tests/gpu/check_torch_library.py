#!/usr/bin/env python3
"""Whether the library over LibTorch's CUDA half asks only for what there is, read off the files; needs no GPU.

check_torch_library.py LIBRARY SYMBOLS NCCL_SOURCE   prints what is wrong and ends with 1 if there was anything: a symbol that neither a
library found here nor a list in SYMBOLS has, a library that is needed and should not be or the reverse, an entry point that is not
there, a function that NCCL_SOURCE looks up and NCCL has not. Then takes each listed symbol that is used from the lists, one at a
time, and is not content before it has complained of just that one.
"""
import re
import subprocess
import sys
from pathlib import Path

LISTED = {"libtorch_cuda.so", "libc10_cuda.so"}
MUST_NOT_NEED = re.compile(r"lib(cuda|nvidia-ml|nccl|cublas|cudnn|torch_python)\b.*")
ENTRIES = {"troupe_cuda_torch_version", "troupe_cuda_torch_attach"}


def read(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def names(path, *which):
    """[(type, symbol)] of the dynamic table, versions left out."""
    return [(m[1], m[2].split("@")[0]) for line in read("nm", "-D", *which, str(path)).splitlines() if (m := re.search(r" (\w) (\S+)$", line))]


def listed(symbols, library):
    return {line for line in (symbols / f"{library}.txt").read_text().splitlines() if not line.startswith("#")}


def found_libraries(path):
    """What the loader finds here of all that the library needs, directly or not."""
    return [m[1] for line in read("ldd", str(path)).splitlines() if (m := re.search(r"=> (/\S+)|^\s+(/\S+)", line)) and m[1]]


def missing(undefined, there, lists):
    return sorted(s for s in undefined if s not in there and not any(s in names for names in lists.values()))


def complaints(path, symbols, nccl_source):
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", read("readelf", "-d", str(path))))
    for name in sorted(LISTED - needed):
        yield f"does not need {name}: LibTorch's CUDA half would not be loaded with it"
    for name in sorted(n for n in needed if MUST_NOT_NEED.fullmatch(n)):
        yield f"needs {name}, which is looked for at run time or not at all"
    for name in sorted(ENTRIES - {s for _, s in names(path, "--defined-only")}):
        yield f"lacks the entry point {name}"
    undefined = {s for kind, s in names(path, "--undefined-only") if kind == "U"}
    there = {s for library in found_libraries(path) for _, s in names(library, "--defined-only")}
    lists = {name: listed(symbols, name) for name in LISTED}
    lacking = missing(undefined, there, lists)
    for symbol in lacking:
        yield f"asks for {symbol}, which nothing has"
    used = sorted(s for s in undefined if any(s in names for names in lists.values()))
    if not used:
        yield "asks for nothing of LibTorch's CUDA half: the lists were not put to use"
    for symbol in used:
        without = {name: names - {symbol} for name, names in lists.items()}
        if symbol not in there and missing(undefined, there, without) != sorted([*lacking, symbol]):
            yield f"{symbol} was taken from its list, and nobody missed it"
    nccl = listed(symbols, "libnccl.so.2")
    for name in sorted(set(re.findall(r'"(nccl[A-Z]\w*)"', nccl_source.read_text())) - nccl):
        yield f"{nccl_source.name} looks up {name}, which NCCL has not"
    print(f"{path}: {len(used)} symbols of LibTorch's CUDA half, {len(undefined)} in all")


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    found = list(complaints(*map(Path, arguments)))
    print("\n".join(found) if found else "all are accounted for, and each was missed when it was taken away")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
