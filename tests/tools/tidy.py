#!/usr/bin/env python3
"""clang-tidy over files of a build, as many at once as there are cores. A file in which nothing was found is not
looked at again until it, a header of this project that it sees, its compile command or .clang-tidy changes.

usage: tidy.py BUILD FILE...     files as git names them, from the root on
Exit codes: 0 nothing found, 1 something found, 2 used wrongly."""

import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
include = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


@functools.cache
def text_of(file):
    return file.read_bytes()


@functools.cache
def headers_of(file):
    """Headers of the project that a file names; a generated one stands for what it is made from."""
    names = include.findall(text_of(file).decode(errors="replace"))
    known = (root / name.removesuffix(".h") if name.endswith(".capnp.h") else root / name for name in names)
    return [header for header in known if header.is_file()]


def seen_by(file):
    seen, left = set(), [file]
    while left:
        now = left.pop()
        if now not in seen:
            seen.add(now)
            left += headers_of(now)
    return sorted(seen)


def key_of(file, command, common):
    digest = hashlib.sha256(common + command.encode())
    for header in seen_by(file):
        digest.update(str(header.relative_to(root)).encode() + b"\0" + text_of(header) + b"\0")
    return digest.hexdigest()


def findings(build, file):
    """Sorted lines; what is told of the headers of others does not count, nor does the exit code."""
    ran = subprocess.run(["clang-tidy", "-p", str(build), "-quiet", str(file)], cwd=root, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    ours = re.compile(rf"^{re.escape(str(root))}/\S+:\d+:\d+: (warning|error):")
    found = sorted({line for line in ran.stdout.splitlines() if ours.match(line)})
    if ran.returncode < 0 or (ran.returncode and not found and "error:" not in ran.stdout):
        found.append(f"{file}: error: clang-tidy ended with {ran.returncode}: {ran.stdout[-400:]}")
    return found


def main():
    if len(sys.argv) < 2 or not pathlib.Path(sys.argv[1], "compile_commands.json").is_file():
        print(__doc__, file=sys.stderr)
        return 2
    build = pathlib.Path(sys.argv[1]).resolve()
    commands = {entry["file"]: entry.get("command", "")
                for entry in json.loads((build / "compile_commands.json").read_text())}
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    common = version + (root / ".clang-tidy").read_bytes() + pathlib.Path(__file__).read_bytes()
    clean = build / "tidy-clean"
    clean.mkdir(exist_ok=True)
    work = {}
    for name in sys.argv[2:]:
        file = root / name
        if str(file) in commands:
            work[file] = clean / key_of(file, commands[str(file)], common)
    left = [file for file, stamp in work.items() if not stamp.exists()]
    print(f"lint: clang-tidy over {len(left)} files; {len(work) - len(left)} are as they were when nothing was found",
          flush=True)
    all_found = set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = {pool.submit(findings, build, file): file for file in left}
        for number, look in enumerate(concurrent.futures.as_completed(looks), 1):
            if sys.stderr.isatty():
                print(f"\r\033[Klint: {number} of {len(left)}", end="", file=sys.stderr, flush=True)
            found = look.result()
            for line in found:
                if line not in all_found:
                    print(("\r\033[K" if sys.stderr.isatty() else "") + line, flush=True)
            all_found.update(found)
            if not found:
                work[looks[look]].touch()
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return 1 if all_found else 0


if __name__ == "__main__":
    sys.exit(main())
