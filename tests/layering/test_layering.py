#!/usr/bin/env python3
"""Every rule of layering.py must turn red on a tree that breaks it, and stay quiet on one that does not."""
import tempfile
import unittest
from pathlib import Path

import layering

CLEAN = {
    "dev": "cmd_test() {\n",
    "base/CMakeLists.txt": "troupe_library(base SOURCES ${sources} LINK fmt::fmt)\n",
    "gpu/CMakeLists.txt": "troupe_library(gpu SOURCES ${s} LINK troupe_base)\ntroupe_library(gpu_torch SOURCES t.cpp)\n",
    "train/CMakeLists.txt": "# troupe_actors is above\ntroupe_library(train SOURCES ${s} LINK troupe_gpu)\n",
    "actors/CMakeLists.txt": "troupe_library(actors SOURCES ${s} LINK troupe_train CAF::core)\n",
    "transport/node.cpp": "#include <caf/io/all.hpp>\n",
    "train/gan/net.cpp": "#include <torch/torch.h>\n",
    "train/step.cpp": '#include "base/error.hpp"\n#include "train/step.hpp"\n',
    "tests/train/x.cpp": '#include "actors/protocol.hpp"\n#include <torch/torch.h>\n',
    "docs/a.md": "Call ./dev test, see [b](b.md#part) and [web](https://example.org/x).\n",
    "docs/b.md": "b\n",
}


class Rules(unittest.TestCase):
    def complaints(self, **files):
        """The clean tree with some files added or replaced."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (CLEAN | files.pop("files", {})).items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return layering.complaints(folder)

    def red(self, name, text, at):
        found = self.complaints(files={name: text})
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(at + ":"), found[0])

    def test_a_clean_tree_has_no_complaint(self):
        self.assertEqual(self.complaints(), [])

    def test_an_include_that_points_up(self):
        self.red("base/x.cpp", '\n#include "gpu/account.hpp"\n', "base/x.cpp:2")
        self.red("train/x.hpp", "#include <ops/events.hpp>\n", "train/x.hpp:1")

    def test_a_link_line_that_points_up(self):
        self.red("gpu/CMakeLists.txt", "troupe_library(gpu SOURCES a\n  LINK troupe_train)\n", "gpu/CMakeLists.txt:2")
        self.red("base/CMakeLists.txt", "troupe_library(base LINK troupe::gpu_torch)\n", "base/CMakeLists.txt:1")

    def test_caf_io_outside_transport(self):
        self.red("actors/x.cpp", "#include <caf/io/all.hpp>\n", "actors/x.cpp:1")
        self.red("cli/CMakeLists.txt", "target_link_libraries(troupe PRIVATE CAF::io)\n", "cli/CMakeLists.txt:1")
        for header in ["caf/openssl/all.hpp", "openssl/ssl.h", "zmq.h"]:
            self.red("actors/x.cpp", f"#include <{header}>\n", "actors/x.cpp:1")
        for target in ["CAF::openssl", "OpenSSL::SSL", "PkgConfig::ZMQ"]:
            self.red("ops/CMakeLists.txt", f"target_link_libraries(x PRIVATE {target})\n", "ops/CMakeLists.txt:1")

    def test_cafs_own_tls(self):
        self.red("transport/x.cpp", "#include <caf/openssl/all.hpp>\n", "transport/x.cpp:1")

    def test_torch_outside_its_homes(self):
        self.red("train/step.hpp", "#include <torch/torch.h>\n", "train/step.hpp:1")
        self.red("actors/x.hpp", '#include "ATen/ATen.h"\n', "actors/x.hpp:1")

    def test_a_file_that_is_too_long(self):
        self.red("data/x.cpp", "\n" * (layering.LINES_MAX + 1), f"data/x.cpp:{layering.LINES_MAX + 1}")

    def test_paths_of_one_machine(self):
        for path in ["/wor" + "k/shared/x", "/tm" + "p/wt/dev", "/roo" + "t/.cache"]:
            self.red("docs/c.md", f"see {path}\n", "docs/c.md:1")

    def test_left_over_words(self):
        self.red("data/x.cpp", "// TO" + "DO later\n", "data/x.cpp:1")
        self.red("data/x.cpp", "  GTEST_" + "SKIP();\n", "data/x.cpp:1")

    def test_a_command_that_does_not_exist(self):
        self.red("docs/c.md", "\nrun ./dev " + "tset\n", "docs/c.md:2")

    def test_a_link_to_nothing(self):
        self.red("docs/c.md", "[x](missing.md)\n", "docs/c.md:1")

    def test_an_empty_tree_is_an_error(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(len(layering.complaints(folder)), 1)


if __name__ == "__main__":
    unittest.main()
