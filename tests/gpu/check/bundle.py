"""What building the GPU's part wants beside torch and CUDA, unpacked in one folder that can be carried along."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / ".cache/gpu-bundle"
MOST = 60 << 20  # bytes: what is carried to a machine without a network has to stay small
# a header of each package, by which it is told whether it is installed
HEADERS = {"libfmt-dev": "fmt/core.h", "libspdlog-dev": "spdlog/spdlog.h", "nlohmann-json3-dev": "nlohmann/json.hpp",
           "libexpected-dev": "tl/expected.hpp", "libtomlplusplus-dev": "toml++/toml.h", "libxxhash-dev": "xxhash.h",
           "libgtest-dev": "gtest/gtest.h", "libgmock-dev": "gmock/gmock.h"}
RUN_TIME = re.compile(r"lib(fmt|spdlog|tomlplusplus|xxhash)[\d.]*$|googletest$")  # what those depend on, and is theirs
TOOLS = ["cmake", "ninja"]  # pip's, which need nothing of the machine
LEFT_OUT = re.compile(r"/doc/|/man/|/bin/(ctest|cpack|ccmake)|/Help/|/share/(vim|emacs|bash-completion|aclocal)|/src/")


class Trouble(Exception):
    pass


def there(root, header):
    return (Path(root) / "usr/include" / header).exists() or (Path(root) / "usr/local/include" / header).exists()


def lacking(root="/"):
    return [package for package, header in HEADERS.items() if not there(root, header)]


def complete():
    return not lacking(FOLDER)


def library_path():
    return ":".join(str(p) for p in sorted((FOLDER / "usr/lib").glob("*-linux-gnu")))


def size(folder):
    return sum(p.lstat().st_size for p in Path(folder).rglob("*") if not p.is_dir())


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(command[:3])} … failed: {(done.stderr or done.stdout).strip()[-800:]}")
    return done.stdout


def gather_packages(into, say):
    names = list(HEADERS)
    for line in run("apt-cache", "depends", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks", "--no-replaces",
                    "--no-enhances", *HEADERS).splitlines():
        name = line.split()[-1]
        if RUN_TIME.match(name) and name not in names:
            names.append(name)
    say("downloading " + " ".join(names))
    with tempfile.TemporaryDirectory() as debs:
        os.chmod(debs, 0o755)
        run("apt-get", "-q", "download", *names, cwd=debs)
        for deb in sorted(Path(debs).glob("*.deb")):
            run("dpkg-deb", "-x", str(deb), str(into))


def gather_tools(into, say):
    """cmake and ninja as pip has them; of cmake what configuring and building want."""
    say("downloading " + " ".join(TOOLS))
    with tempfile.TemporaryDirectory() as wheels:
        run(sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "-d", wheels, *TOOLS)
        for wheel in Path(wheels).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(into / "tools")
    for name in TOOLS:
        tool = next((p for p in (into / "tools").rglob(name) if p.is_file() and p.parent.name in ("bin", "scripts")), None)
        if not tool:
            raise Trouble(f"pip's package {name} has no program of that name")
        tool.chmod(0o755)
        (into / "bin").mkdir(exist_ok=True)
        (into / "bin" / name).symlink_to(os.path.relpath(tool, into / "bin"))


def gather(say):
    """Into a new folder, which then takes the old one's place."""
    new = FOLDER.with_name(FOLDER.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    gather_packages(new, say)
    gather_tools(new, say)
    for path in sorted(new.rglob("*"), reverse=True):
        if LEFT_OUT.search("/" + path.relative_to(new).as_posix() + ("/" if path.is_dir() and not path.is_symlink() else "")):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    bytes_ = size(new)
    if bytes_ > MOST:
        raise Trouble(f"the bundle has {bytes_ >> 20} MiB, at most {MOST >> 20} are allowed: see {new}")
    if lacking(new):
        raise Trouble("the bundle lacks " + ", ".join(lacking(new)))
    shutil.rmtree(FOLDER, ignore_errors=True)
    new.rename(FOLDER)
    return f"{FOLDER} has all that is wanted, {bytes_ >> 20} MiB"
