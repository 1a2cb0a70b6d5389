#!/usr/bin/env python3
"""What the library of CUDA kernels must be, read off the file itself; needs no GPU.

check_kernels.py LIBRARY ARCHITECTURE… prints what is wrong and ends with 1 if there was anything: an architecture that it
has no machine code for, a library that it needs and should not, a function that is not there.
"""
import re
import subprocess
import sys

MAY_NEED = re.compile(r"(libcudart|libstdc\+\+|libgcc_s|libm|libc|libpthread|librt|libdl|ld-linux.*)\.so\.\d+")
FUNCTIONS = {"troupe_cuda_tree_sum", "troupe_cuda_tree_sum_double", "troupe_cuda_tree_sum_long", "troupe_cuda_adam", "troupe_cuda_error"}
KERNELS = {"tree_sum", "adam"}


def read(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def cubins(path):
    """(architecture, kernel names) of each piece of machine code. A cubin is an ELF of machine 190 inside the file; the
    architecture stands in its flags (CUDA 13's ABI: bits 8 to 15), kernels in its section names."""
    data = open(path, "rb").read()
    for match in re.finditer(b"\x7fELF\x02", data):
        at = match.start()
        if int.from_bytes(data[at + 18:at + 20], "little") != 190:
            continue
        flags = int.from_bytes(data[at + 48:at + 52], "little")
        abi = data[at + 8]
        number = (flags >> 8) & 0xFF if abi >= 8 else flags & 0xFF
        sections = int.from_bytes(data[at + 40:at + 48], "little")
        names = {k for k in KERNELS if re.search(rb"\.text\.[^\0]*%d%s" % (len(k), k.encode()), data[at:at + sections])}
        yield number, names


def complaints(path, architectures):
    dynamic = read("readelf", "-d", path)
    for needed in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
        if not MAY_NEED.fullmatch(needed):
            yield f"needs {needed}: a machine without a GPU's driver could not load it"
    defined = set(re.findall(r" T (\w+)", read("nm", "-D", "--defined-only", path)))
    for name in sorted(FUNCTIONS - defined):
        yield f"lacks the function {name}"
    there = dict(cubins(path))
    for architecture in architectures:
        if architecture not in there:
            yield f"has no machine code for sm_{architecture} (there is: {sorted(there)})"
        elif there[architecture] != KERNELS:
            yield f"lacks a kernel for sm_{architecture}: {sorted(KERNELS - there[architecture])}"


def main(arguments):
    if len(arguments) < 2:
        print("usage: check_kernels.py LIBRARY ARCHITECTURE…", file=sys.stderr)
        return 2
    path, wanted = arguments[0], [int(a) for a in arguments[1:]]
    found = list(complaints(path, wanted))
    print("\n".join(found) if found else f"{path}: links to nothing it may not, machine code for {wanted}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
