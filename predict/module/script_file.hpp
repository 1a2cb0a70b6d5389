#pragma once
// A TorchScript file, looked through before LibTorch sees it: LibTorch's reader trusts much of what a file
// says of itself. Pure; needs no LibTorch.
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/units.hpp"

namespace troupe::meta {

/// What a file may have; beyond it, it is refused. Far above what networks need.
struct ScriptFileLimits {
  Bytes file = gib(64);
  std::int64_t records = 1'000'000;
  Bytes code = mib(64);  // all source and pickles together
  int nesting = 200;     // brackets and indentation: LibTorch's parser recurses
};

struct ScriptFile {
  std::map<std::string, std::span<const std::uint8_t>>
      records;  // by name without the archive's folder, e.g. "code/__torch__.py"
  std::map<std::string, std::int64_t>
      deflated;                     // of these, those that are packed, as source is: bytes when unpacked
  std::int64_t largest_tensor = 0;  // bytes of the largest record of tensors
};

/// Checks that `file` is a ZIP archive as torch.jit.save writes it: records stored, whole and beside each
/// other, a version, code and pickles that name nothing but TorchScript's own types, and no code that reads
/// or writes files or runs while it is loaded. `where` is for the error (bad_data). The result points into
/// `file`.
Result<ScriptFile> check_script_file(std::span<const std::uint8_t> file, const std::string& where,
                                     const ScriptFileLimits& limits = {});

/// A pickle as TorchScript writes them names these callables only. The error's `given` is the first other
/// one.
Result<void> check_pickle(std::span<const std::uint8_t> pickle);

/// Source text: nesting, and calls that touch files or run at loading.
Result<void> check_code(std::string_view code, const ScriptFileLimits& limits);

/// The whole file, which must be a regular one of at most limits.file. Errors: not_found, io, bad_data.
Result<std::string> read_script_file(const std::string& path, const ScriptFileLimits& limits = {});

}  // namespace troupe::meta
