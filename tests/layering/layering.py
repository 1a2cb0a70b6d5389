#!/usr/bin/env python3
"""Checks what the design says of the sources: which folder may use which, and a few habits.

layering.py ROOT prints file:line: what is wrong, one a line, and ends with 1 if there was anything.
Rules are functions from a Tree to complaints; test_layering.py breaks each of them on purpose.
"""
import re
import subprocess
import sys
from pathlib import Path

# From the top of the house to its floor: a folder may use itself and every folder after it.
ORDER = ["cli", "actors", "ops", "train", "data", "predict", "transport", "gpu", "base"]
FREE = {"tests", "bench", "examples"}  # may use everything
LINES_MAX = 400
SOURCE = {".hpp", ".cpp", ".h", ".py", ".sh", ".cmake"}
TEXT = SOURCE | {".md", ".toml", ".txt", ".in", ".json", ".yaml", ".yml", ".supp", ".service", ""}
# torch may be seen where the models are, where its allocator is replaced and where its Gloo sums; everything else stays quick to build
# and can run under the thread sanitizer.
TORCH_HOMES = re.compile(r"(train/gan/|predict/module/|gpu/cuda/torch/|gpu/(torch_allocator|gloo_sum)\.)")


class Tree:
    """The tracked text files of a checkout (all files, where it is no git checkout), by relative path."""

    def __init__(self, root: Path):
        self.root = root
        self.files = {}
        for name in sorted(self._names()):
            path = root / name
            if path.is_file() and not path.is_symlink() and path.suffix in TEXT and path.name != "LICENSE":
                try:
                    self.files[name] = path.read_text(encoding="utf-8").splitlines()
                except UnicodeDecodeError:
                    pass  # data, not text

    def _names(self):
        found = subprocess.run(["git", "-C", str(self.root), "ls-files", "--cached", "--others",
                                "--exclude-standard", "-z"], capture_output=True, check=False)
        if found.returncode == 0:
            return [n for n in found.stdout.decode().split("\0") if n]
        skip = re.compile(r"(^|/)(build(-[^/]*)?|\.git|\.venv|\.cache|runs|__pycache__)/")
        names = (p.relative_to(self.root).as_posix() for p in self.root.rglob("*"))
        return [n for n in names if not skip.search(n + "/")]

    def cpp(self):
        return {n: l for n, l in self.files.items() if n.endswith((".hpp", ".cpp", ".h"))}


def folder_of(name):
    return name.split("/")[0] if "/" in name else ""


def may_use(user, used):
    return user in FREE or user == used or ORDER.index(user) < ORDER.index(used)


def includes_point_down(tree):
    for name, lines in tree.cpp().items():
        user = folder_of(name)
        if user not in ORDER:
            continue
        for number, line in enumerate(lines, 1):
            match = re.match(r'\s*#\s*include\s*["<]([a-z]+)/', line)
            if match and match[1] in ORDER and not may_use(user, match[1]):
                yield f"{name}:{number}: {user}/ may not include {match[1]}/, which stands above it"


def targets(tree):
    """Which folder makes which library target: troupe_library(x …) in folder/CMakeLists.txt makes troupe_x."""
    made = {}
    for name, lines in tree.files.items():
        if name.endswith("CMakeLists.txt") and folder_of(name) in ORDER:
            for match in re.finditer(r"troupe_library\(\s*(\w+)", "\n".join(lines)):
                made[match[1]] = folder_of(name)
    return made


def links_point_down(tree):
    made = targets(tree)
    for name, lines in tree.files.items():
        user = folder_of(name)
        if user not in ORDER or not name.endswith("CMakeLists.txt"):
            continue
        for number, line in enumerate(lines, 1):
            if re.match(r"\s*#", line):
                continue
            for match in re.finditer(r"(?:\btroupe::|(?<![\w(])troupe_)(\w+)", line):
                used = made.get(match[1])
                if used and not may_use(user, used):
                    yield f"{name}:{number}: {user}/ may not link {match[0]} of {used}/, which stands above it"


NETWORK = re.compile(r'\s*#\s*include\s*["<](caf/io|caf/openssl|openssl|zmq)[/.]|.*\b(CAF::(?:io|openssl)|OpenSSL::|PkgConfig::ZMQ)')


def network_in_transport_alone(tree):
    for name, lines in tree.files.items():
        if folder_of(name) in (set(ORDER) | FREE) - {"transport", "tests"}:
            for number, line in enumerate(lines, 1):
                match = NETWORK.match(line)
                bare = folder_of(name) == "bench" and match and "ZMQ" in (match[1] or match[2]).upper()
                if match and not bare:  # a bench compares with bare ZeroMQ
                    yield f"{name}:{number}: {match[1] or match[2]} belongs to transport/ alone"


def caf_openssl_nowhere(tree):
    """It breaks connections of others and ends the process: transport/tls_middleman.hpp tells how."""
    for name, lines in tree.files.items():
        if folder_of(name) in {"transport", "tests"}:
            for number, line in enumerate(lines, 1):
                if re.match(r'\s*#\s*include\s*["<]caf/openssl/', line):
                    yield f"{name}:{number}: caf/openssl is not used; TLS is transport/tls_middleman.hpp's"


def torch_in_its_homes(tree):
    for name, lines in tree.cpp().items():
        if folder_of(name) in FREE or TORCH_HOMES.match(name):
            continue
        for number, line in enumerate(lines, 1):
            if re.match(r'\s*#\s*include\s*["<](torch|ATen|c10)/(?!version\.h)', line):
                yield f"{name}:{number}: LibTorch's headers belong to train/gan/, predict/module/, gpu/cuda/torch/, gpu/torch_allocator.cpp and gpu/gloo_sum.cpp"


def files_stay_small(tree):
    for name, lines in tree.files.items():
        if (Path(name).suffix in SOURCE or name == "dev") and len(lines) > LINES_MAX:
            yield f"{name}:{len(lines)}: {len(lines)} lines, at most {LINES_MAX}: split it by concept"


# The patterns are written so that they do not match themselves.
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:wo[r]k/(?:shared|main|\.)|t[m]p/(?:wt|h)/|ro[o]t/)")
LEFT_OVER = re.compile(r"\b(?:TO[D]O|FIX[M]E|GTEST_SK[I]P)\b")


def no_paths_of_one_machine(tree):
    for name, lines in tree.files.items():
        for number, line in enumerate(lines, 1):
            if MACHINE_PATH.search(line):
                yield f"{name}:{number}: an absolute path of one machine: {line.strip()[:80]}"


def nothing_left_over(tree):
    for name, lines in tree.files.items():
        for number, line in enumerate(lines, 1):
            if LEFT_OVER.search(line):
                yield f"{name}:{number}: finish it or file it: {line.strip()[:80]}"


def docs_name_real_commands(tree):
    known = {m[1].replace("_", "-") for line in tree.files.get("dev", []) if (m := re.match(r"cmd_(\w+)\(\)", line))}
    for name, lines in tree.files.items():
        if not name.endswith((".md", ".txt", ".cmake", ".toml")) and name != ".ci/run":
            continue
        for number, line in enumerate(lines, 1):
            for match in re.finditer(r"\./dev ([a-z]+(?:-[a-z]+)*)", line):
                if match[1] not in known | {"alone"}:
                    yield f"{name}:{number}: there is no command ./dev {match[1]}"


def docs_link_to_files(tree):
    for name, lines in tree.files.items():
        if not name.endswith(".md"):
            continue
        for number, line in enumerate(lines, 1):
            for match in re.finditer(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)", line):
                if not (tree.root / name).parent.joinpath(match[1]).exists():
                    yield f"{name}:{number}: links to {match[1]}, which is not there"


RULES = [includes_point_down, links_point_down, network_in_transport_alone, caf_openssl_nowhere, torch_in_its_homes, files_stay_small,
         no_paths_of_one_machine, nothing_left_over, docs_name_real_commands, docs_link_to_files]


def complaints(root):
    tree = Tree(Path(root))
    if not tree.files:
        return [f"{root}:0: no source file found"]
    return [text for rule in RULES for text in rule(tree)]


def main(arguments):
    if len(arguments) != 1:
        print("usage: layering.py ROOT", file=sys.stderr)
        return 2
    found = complaints(arguments[0])
    print("\n".join(found) if found else f"layering: {len(RULES)} rules hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
