#pragma once
// A checked TorchScript file as a step, on the meta device or on the processor.
#include <string>
#include <vector>

#include "predict/module/script_file.hpp"
#include "predict/module/step.hpp"

namespace troupe::meta {

/// `file` is what check_script_file said of `bytes`. Looks at every operator before one runs. Throws,
/// LibTorch's exceptions among others.
ModuleStep script_step(const std::string& path, const std::string& bytes, const ScriptFile& file,
                       const std::vector<std::int64_t>& shape, const ScriptOptions& options, bool on_meta);

}  // namespace troupe::meta
