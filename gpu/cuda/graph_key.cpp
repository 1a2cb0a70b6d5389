#include "gpu/cuda/graph_key.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace troupe::cuda {

std::string difference(const GraphKey& a, const GraphKey& b) {
  std::string text;
  const auto tell = [&](const char* name, const auto& before, const auto& after) {
    if (before == after) return;
    text += fmt::format("{}{} {} -> {}", text.empty() ? "" : ", ", name, before, after);
  };
  tell("job", a.job, b.job);
  tell("phase", a.phase, b.phase);
  tell("part", a.part, b.part);
  tell("shape", a.shape, b.shape);
  tell("precision", a.precision, b.precision);
  tell("layout", a.layout, b.layout);
  tell("device", a.device, b.device);
  tell("sms", a.sms, b.sms);
  tell("context", a.context, b.context);
  tell("addresses", a.addresses, b.addresses);
  tell("driver", a.driver, b.driver);
  tell("runtime", a.runtime, b.runtime);
  tell("torch", a.torch, b.torch);
  tell("cudnn", a.cudnn, b.cudnn);
  tell("cublas", a.cublas, b.cublas);
  tell("nccl", a.nccl, b.nccl);
  return text;
}

}  // namespace troupe::cuda
