// A TorchScript file's step.
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/library.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "predict/module/forecast.hpp"
#include "predict/module/meta_run.hpp"
#include "predict/module/script_file.hpp"
#include "predict/module/script_step.hpp"
#include "predict/module/step.hpp"

namespace troupe::meta {
namespace {

namespace jit = torch::jit;

/// The very bytes that were checked.
class FromMemory final : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit FromMemory(const std::string& bytes) : bytes_(bytes) {}
  std::size_t size() const override { return bytes_.size(); }
  std::size_t read(std::uint64_t at, void* to, std::size_t n, const char* = "") const override {
    if (at > bytes_.size()) return 0;
    n = std::min<std::size_t>(n, bytes_.size() - at);
    std::memcpy(to, bytes_.data() + at, n);
    return n;
  }

 private:
  const std::string& bytes_;
};

/// Operators outside of mathematics, by the library that they are of; and those of its own that touch files
/// or other processes.
bool allowed(const jit::Node& node) {
  const std::string kind = node.kind().toQualString();
  constexpr std::array<std::string_view, 6> kNever{"aten::save",     "aten::from_file", "aten::load",
                                                   "prim::PythonOp", "prim::rpc_async", "prim::rpc_sync"};
  if (std::find(kNever.begin(), kNever.end(), kind) != kNever.end() || kind.rfind("prim::rpc_", 0) == 0)
    return false;
  for (const char* library : {"aten::", "prim::", "onednn::", "quantized::", "troupe::"})
    if (kind.rfind(library, 0) == 0) return true;
  return false;
}

/// Looks at every node, and puts a tick into every loop, so that one without an end is ended.
void guard(jit::Graph& graph, jit::Block& block, const std::string& where) {
  for (jit::Node* node : block.nodes()) {
    if (!allowed(*node))
      throw ErrorException({.code = ErrorCode::bad_data,
                            .what = "this network uses an operator that a network has no business with",
                            .where = where,
                            .given = node->kind().toQualString(),
                            .hint = "It is not run"});
    for (jit::Block* inner : node->blocks()) {
      guard(graph, *inner, where);
      if (node->kind() == c10::prim::Loop) {
        jit::Node* tick = graph.create(c10::Symbol::fromQualString("troupe::tick"), {}, 0);
        inner->prependNode(tick);
      }
    }
  }
}

void tick() {
  if (MetaRun* run = MetaRun::current()) run->tick();
}

void install_tick() {
  static std::once_flag once;
  std::call_once(once, [] {
    static auto* const library =
        new torch::Library(torch::Library::FRAGMENT, "troupe", std::nullopt, __FILE__, __LINE__);
    library->def("tick() -> ()", &tick);
  });
}

void check_sizes(const jit::Module& module, std::int64_t most, const std::string& where) {
  const auto check = [&](const at::Tensor& t) {
    if (t.defined() && static_cast<double>(t.storage().nbytes()) > static_cast<double>(most))
      throw ErrorException({.code = ErrorCode::bad_data,
                            .what = "a tensor of this file claims more bytes than the file has for any",
                            .where = where,
                            .given = std::to_string(t.storage().nbytes()),
                            .allowed = "up to " + std::to_string(most)});
  };
  for (const at::Tensor& t : module.parameters()) check(t);
  for (const at::Tensor& t : module.buffers()) check(t);
}

/// The mean square of every tensor in it, added up.
at::Tensor loss_of(const c10::IValue& value) {
  at::Tensor loss;
  const auto add = [&](const at::Tensor& part) {
    if (part.defined()) loss = loss.defined() ? loss + part : part;
  };
  if (value.isTensor()) {
    if (value.toTensor().is_floating_point()) return value.toTensor().square().mean();
  } else if (value.isTuple()) {
    for (const c10::IValue& element : value.toTupleRef().elements()) add(loss_of(element));
  } else if (value.isList()) {
    for (const c10::IValue& element : value.toListRef()) add(loss_of(element));
  } else if (value.isGenericDict()) {
    for (const auto& element : value.toGenericDict()) add(loss_of(element.value()));
  }
  return loss;
}

std::unique_ptr<torch::optim::Optimizer> optimiser_of(const std::string& name,
                                                      std::vector<at::Tensor> parameters) {
  namespace o = torch::optim;
  constexpr double kRate = 1e-3;  // memory does not depend on it
  if (parameters.empty()) return nullptr;
  if (name == "sgd") return std::make_unique<o::SGD>(std::move(parameters), o::SGDOptions(kRate));
  if (name == "momentum")
    return std::make_unique<o::SGD>(std::move(parameters), o::SGDOptions(kRate).momentum(0.9));
  if (name == "adam") return std::make_unique<o::Adam>(std::move(parameters), o::AdamOptions(kRate));
  if (name == "adamw") return std::make_unique<o::AdamW>(std::move(parameters), o::AdamWOptions(kRate));
  throw ErrorException({.code = ErrorCode::bad_usage,
                        .what = "there is no such optimiser",
                        .given = name,
                        .allowed = "sgd, momentum, adam, adamw"});
}

struct Stepped {
  jit::Module module;
  at::Tensor input;
  std::unique_ptr<torch::optim::Optimizer> optimiser;
  bool training = true;

  void run() {
    // The interpreter as written: what the optimising executor fuses depends on how often it ran.
    const jit::GraphOptimizerEnabledGuard plain(false);
    const at::AutoGradMode graph(training);
    if (optimiser) optimiser->zero_grad();
    const c10::IValue result = module.forward({input});
    if (!training) return;
    const at::Tensor loss = loss_of(result);
    if (!loss.defined() || !loss.requires_grad())
      throw ErrorException({.code = ErrorCode::bad_data,
                            .what = "this network can't be trained: what it returns depends on no parameter",
                            .hint = "Ask for a forward pass alone"});
    loss.backward();
    if (optimiser) optimiser->step();
  }
};

ModuleStep step_of(jit::Module module, const std::vector<std::int64_t>& shape, const ScriptOptions& options) {
  auto stepped = std::make_shared<Stepped>();
  ModuleStep step;
  for (const at::Tensor& p : module.parameters())
    if (p.requires_grad()) step.parameters.push_back(p);
  if (options.training)
    module.train();
  else
    module.eval();
  stepped->training = options.training;
  if (options.training) stepped->optimiser = optimiser_of(options.optimiser, step.parameters);
  stepped->module = std::move(module);
  stepped->input = at::zeros(shape, at::kFloat);
  step.run = [stepped] { stepped->run(); };
  return step;
}

Result<std::vector<std::int64_t>> input_shape(std::vector<std::int64_t> shape, const ScriptOptions& options) {
  double elements = 1;
  if (!shape.empty() && options.batch > 0) shape[0] = options.batch;
  for (const std::int64_t extent : shape) elements *= static_cast<double>(extent);
  constexpr double kMost = 1e15;
  const bool positive = std::all_of(shape.begin(), shape.end(), [](std::int64_t e) { return e > 0; });
  if (shape.empty() || !positive || elements > kMost || options.batch < 0)
    return fail({.code = ErrorCode::bad_usage,
                 .what = "the input's shape must be positive whole numbers, batch first",
                 .hint = "For example 8,3,224,224"});
  return shape;
}

}  // namespace

ModuleStep script_step(const std::string& path, const std::string& bytes, const ScriptFile& file,
                       const std::vector<std::int64_t>& shape, const ScriptOptions& options, bool on_meta) {
  install_tick();
  const auto loaded = [&] {
    const c10::impl::ExcludeDispatchKeyGuard as_it_is(
        kMode);  // it reads tensors, and then puts them where it is told to
    return jit::load(std::make_shared<FromMemory>(bytes),
                     c10::Device(on_meta ? c10::DeviceType::Meta : c10::DeviceType::CPU), false);
  };
  jit::Module module = loaded();
  check_sizes(module, file.largest_tensor, path);
  for (jit::Function* function : module._ivalue()->compilation_unit()->get_functions())
    if (auto* written = jit::tryToGraphFunction(*function))
      guard(*written->graph(), *written->graph()->block(), path);
  if (!module.find_method("forward"))
    throw ErrorException(
        {.code = ErrorCode::bad_data, .what = "this network has no method forward", .where = path});
  return step_of(std::move(module), shape, options);
}

Result<ModuleForecast> forecast_script(const std::string& path, const std::vector<std::int64_t>& shape,
                                       const ScriptOptions& options, Measured& measured) {
  const auto sizes = input_shape(shape, options);
  if (!sizes) return fail(sizes.error());
  const auto bytes = read_script_file(path);
  if (!bytes) return fail(bytes.error());
  const auto file =
      check_script_file({reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()}, path);
  if (!file) return fail(file.error());
  auto told = forecast_step([&] { return script_step(path, *bytes, *file, *sizes, options, true); }, measured,
                            options.limits);
  if (!told && told.error().where == "forecast") told.error().where = path;
  if (!told && told.error().code == ErrorCode::internal) told.error().code = ErrorCode::bad_data;
  return told;
}

}  // namespace troupe::meta
