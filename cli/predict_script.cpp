#include "cli/predict_script.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <ostream>
#include <vector>

#include "cli/caught.hpp"
#include "cli/text.hpp"

namespace troupe {
namespace {

using Shape = std::vector<std::int64_t>;

constexpr std::size_t kMostExtents = 8;
constexpr std::int64_t kLargestExtent = 1 << 30;

Result<Shape> parse_shape(const std::string& text) {
  Shape shape;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    std::int64_t extent = 0;
    const auto [next, trouble] = std::from_chars(at, end, extent);
    if (trouble != std::errc() || extent < 1 || extent > kLargestExtent || shape.size() == kMostExtents)
      break;
    shape.push_back(extent);
    if (next == end) return shape;
    if (*next != 'x') break;
    at = next + 1;
  }
  return fail({ErrorCode::bad_usage, text.empty() ? "the shape of the file's input is needed" : "no shape",
               "--input", text,
               fmt::format("1 to {} extents of 1 to {}, batch first", kMostExtents, kLargestExtent),
               "For example --input 8x3x224x224"});
}

struct Told {
  Shape shape;
  CpuDevice device;
  meta::ModuleForecast step;
  std::int64_t slice() const { return step.peak + step.headroom; }
  double memory_percent() const {
    return 100 * static_cast<double>(slice()) / static_cast<double>(device.memory.count);
  }
};

Result<Told> tell(const PredictScriptOptions& options, const Services& services) {
  auto shape = parse_shape(options.input);
  if (!shape) return fail(shape.error());
  if (!services.forecast_script)
    return fail({ErrorCode::bad_usage, "this troupe was built without LibTorch", options.file.string(), "",
                 "", "Build it with TROUPE_TORCH=ON"});
  auto device = services.discover();
  if (!device) return fail(device.error());
  services.thread_setup();
  meta::ScriptOptions how;
  how.optimiser = options.optimiser;
  how.training = !options.forward_only;
  auto step = services.forecast_script(options.file.string(), *shape, how);
  if (!step) return fail(step.error());
  return Told{std::move(*shape), std::move(*device), *step};
}

void print_json(const PredictScriptOptions& options, const Told& told, const Terminal& terminal) {
  const auto& step = told.step;
  terminal.out << Json{{"file", options.file.string()},
                       {"input", told.shape},
                       {"training", !options.forward_only},
                       {"parameters", step.parameters},
                       {"gradients", step.gradients},
                       {"optimiser", step.optimiser},
                       {"held", step.held},
                       {"peak", step.peak},
                       {"headroom", step.headroom},
                       {"slice", told.slice()},
                       {"memory_percent", told.memory_percent()},
                       {"flops", step.work.flops()},
                       {"operators", step.work.operators}}
                      .dump(2)
               << "\n";
}

void print_text(const PredictScriptOptions& options, const Told& told, const Terminal& terminal) {
  const auto& step = told.step;
  const auto bytes = [](std::int64_t count) { return to_string(Bytes{count}); };
  std::vector<std::vector<std::string>> rows{{"WHAT", "BYTES"}, {"parameters", bytes(step.parameters)}};
  if (!options.forward_only) {
    rows.push_back({"gradients", bytes(step.gradients)});
    rows.push_back({"optimiser", bytes(step.optimiser)});
  }
  rows.push_back({"held between two steps", bytes(step.held)});
  rows.push_back({"peak of a step", bytes(step.peak)});
  rows.push_back({"headroom", bytes(step.headroom)});
  terminal.out << fmt::format("{}, input {}, {}\n\n", options.file.filename().string(), options.input,
                              options.forward_only ? "forward alone" : "a training step")
               << table(rows, {1})
               << fmt::format("\nsmallest slice: 1 core, {} ({:.2f} % of this machine's {})\n",
                              bytes(told.slice()), told.memory_percent(), to_string(told.device.memory))
               << fmt::format("arithmetic of a step: {:.3g} FLOP in {}\n", step.work.flops(),
                              counted(static_cast<long>(step.work.operators), "operator"));
}

}  // namespace

bool is_script(const std::filesystem::path& file) {
  const auto kind = file.extension();
  return kind == ".pt" || kind == ".pth" || kind == ".ts";
}

int run_predict_script(const PredictScriptOptions& options, const Services& services,
                       const Terminal& terminal) {
  const auto told = caught("troupe predict", [&] { return tell(options, services); });
  if (!told) return report(terminal, told.error());
  options.json ? print_json(options, *told, terminal) : print_text(options, *told, terminal);
  return kDone;
}

}  // namespace troupe
