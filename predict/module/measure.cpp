#include "predict/module/measure.hpp"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/record_function.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <cstring>
#include <limits>
#include <memory>
#include <sstream>

#include "gpu/account.hpp"
#include "predict/module/kernels.hpp"
#include "predict/module/meta_run.hpp"

namespace troupe::meta {
namespace {

template <class Numbers>
void append(std::string& key, const Numbers& numbers) {
  for (const std::int64_t n : numbers) key.append(std::to_string(n)).push_back(',');
}

void append(std::string& key, const at::Tensor& t) {
  if (!t.defined()) return key.append("undefined"), void();
  key.append(std::to_string(static_cast<int>(t.scalar_type()))).append(t.requires_grad() ? "g[" : "[");
  append(key, t.sizes());
  key.push_back('|');
  append(key, t.strides());
  key.append(t.device().is_cpu() ? "]cpu" : "]");
}

void append(std::string& key, const c10::IValue& value) {
  if (value.isTensor()) return append(key, value.toTensor());
  if (value.isInt()) return key.append(std::to_string(value.toInt())), void();
  if (value.isNone()) return key.push_back('-');
  if (value.isIntList()) return append(key, value.toIntVector());
  if (value.isList()) {
    for (const c10::IValue& element : value.toListRef()) {
      append(key, element);
      key.push_back(',');
    }
    return;
  }
  std::ostringstream text;
  text << value;
  key += text.str();
}

/// Zeros, shaped as `like`: not zero_(), which would refuse what is expanded.
at::Tensor zeros(const at::Tensor& like) {
  if (!like.defined()) return {};
  at::Tensor t = at::empty_strided(like.sizes(), like.strides(), like.options().device(at::kCPU));
  if (t.numel() > 0) std::memset(t.data_ptr(), 0, t.storage().nbytes());
  if (like.requires_grad()) t.set_requires_grad(true);  // some backends are chosen by it
  return t;
}

c10::IValue on_processor(const c10::IValue& value) {
  if (value.isTensor()) return zeros(value.toTensor());
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& t : value.toTensorVector()) list.push_back(zeros(t));
    return list;
  }
  if (value.isList()) {
    bool tensors = false;
    for (const c10::IValue& e : value.toListRef()) tensors = tensors || e.isTensor();
    if (!tensors) return value;
    c10::List<std::optional<at::Tensor>> list;
    for (const c10::IValue& e : value.toListRef())
      list.push_back(e.isTensor() ? std::optional<at::Tensor>(zeros(e.toTensor())) : std::nullopt);
    return list;
  }
  if (value.isDevice()) return c10::Device(c10::DeviceType::CPU);
  return value;
}

Shape shape_of(const at::Tensor& t, const Arguments& arguments) {
  Shape shape;
  shape.defined = t.defined();
  if (!t.defined()) return shape;
  shape.type = static_cast<int>(t.scalar_type());
  shape.sizes = t.sizes().vec();
  shape.strides = t.strides().vec();
  shape.offset = t.storage_offset();
  shape.bytes = static_cast<std::int64_t>(t.storage().nbytes());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i].isTensor() || !arguments[i].toTensor().defined()) continue;
    const at::Tensor& argument = arguments[i].toTensor();
    if (argument.is_same(t))
      shape.same = static_cast<int>(i);
    else if (t.numel() > 0 && argument.is_alias_of(t))
      shape.view = static_cast<int>(i);
  }
  return shape;
}

/// Random numbers that a measurement draws are not missing from the step that runs afterwards.
class KeepGenerator {
 public:
  KeepGenerator()
      : generator_(at::globalContext().defaultGenerator(at::kCPU)), state_(generator_.get_state()) {}
  ~KeepGenerator() { generator_.set_state(state_); }
  KeepGenerator(const KeepGenerator&) = delete;
  KeepGenerator& operator=(const KeepGenerator&) = delete;

 private:
  at::Generator generator_;
  at::Tensor state_;
};

/// An operator that was given an empty tensor for its result has made it larger.
void regrow(const at::Tensor& t, const Shape& shape) {
  const at::Tensor grown = at::empty_strided(shape.sizes, shape.strides, t.options());
  t.unsafeGetTensorImpl()->set_storage_keep_dtype(grown.storage());
  t.unsafeGetTensorImpl()->set_sizes_and_strides(shape.sizes, shape.strides);
}

at::Tensor replayed(const Shape& shape, const Arguments& arguments) {
  if (!shape.defined) return {};
  if (shape.same >= 0) {
    const at::Tensor& itself = arguments[static_cast<std::size_t>(shape.same)].toTensor();
    if (itself.sizes() != shape.sizes) regrow(itself, shape);
    return itself;
  }
  if (shape.view >= 0)
    return arguments[static_cast<std::size_t>(shape.view)].toTensor().as_strided(shape.sizes, shape.strides,
                                                                                 shape.offset);
  const auto type = static_cast<at::ScalarType>(shape.type);
  const auto width = static_cast<std::int64_t>(c10::elementSize(type));
  const at::Tensor t = at::empty({shape.bytes / width}, at::TensorOptions().device(at::kMeta).dtype(type));
  t.unsafeGetTensorImpl()->set_sizes_and_strides(shape.sizes, shape.strides);
  return t;
}

Call look_up(MetaRun& run, const c10::OperatorHandle& op, const Arguments& arguments) {
  const std::string key = key_of(op, arguments);
  if (const auto known = run.measured.find(key)) return *known;
  const std::string& name = op.operator_name().name;
  const bool forward = name == "aten::convolution" || name == "aten::_convolution",
             backward = name == "aten::convolution_backward";
  if (const double bytes = bytes_of(arguments);
      !forward && !backward && bytes > static_cast<double>(run.limits.measured.count))
    run.refuse({.code = ErrorCode::bad_data,
                .what = name + " is too large to be measured on this machine",
                .given = to_string(Bytes{static_cast<std::int64_t>(std::min(bytes, 9e18))}),
                .allowed = "up to " + to_string(run.limits.measured)});
  Call call = forward || backward ? measure_convolution(op, arguments, backward) : measure(op, arguments);
  ++run.newly_measured;
  run.measured.keep(key, call);
  return call;
}

}  // namespace

std::string key_of(const c10::OperatorHandle& op, const Arguments& arguments) {
  std::string key = op.operator_name().name;
  key.reserve(256);
  key.append(".").append(op.operator_name().overload_name);
  for (const c10::IValue& argument : arguments) {
    key.push_back(' ');
    append(key, argument);
  }
  key.append(" threads ").append(std::to_string(at::get_num_threads()));
  if (!at::globalContext().userEnabledMkldnn()) key += " no onednn";
  if (at::globalContext().deterministicAlgorithms()) key += " deterministic";
  return key;
}

double bytes_of(const Arguments& arguments) {
  double bytes = 0;
  const auto add = [&](const c10::IValue& v) {
    if (v.isTensor() && v.toTensor().defined())
      bytes += static_cast<double>(v.toTensor().numel()) * static_cast<double>(v.toTensor().element_size());
  };
  for (const c10::IValue& argument : arguments) {
    add(argument);
    if (argument.isList())
      for (const c10::IValue& element : argument.toListRef()) add(element);
  }
  return bytes;
}

Call measure(const c10::OperatorHandle& op, const Arguments& arguments) {
  const c10::impl::ExcludeDispatchKeyGuard processor(kMode);
  const at::AutoDispatchBelowADInplaceOrView no_graph;
  const at::DisableRecordFunctionGuard uncounted;
  const AccountScope elsewhere(nullptr);
  const KeepGenerator generator;
  Arguments real;
  for (const c10::IValue& argument : arguments) real.push_back(on_processor(argument));
  // its results may be far larger than its arguments
  const Bytes budget = MetaRun::current() ? MetaRun::current()->limits.measured : ForecastLimits().measured;
  const auto account = std::make_shared<Account>("measuring " + op.operator_name().name, budget);
  torch::jit::Stack stack = real;
  {
    const AccountScope charge(account);
    op.callBoxed(stack);
  }
  Call call;
  call.peak = account->peak().count;
  for (const c10::IValue& result : stack) {
    if (result.isTensor()) {
      call.results.push_back(shape_of(result.toTensor(), real));
      call.per_return.push_back(-1);
    } else if (result.isTensorList()) {
      const auto list = result.toTensorVector();
      for (const at::Tensor& t : list) call.results.push_back(shape_of(t, real));
      call.per_return.push_back(static_cast<int>(list.size()));
    } else {
      value_kernel(op, nullptr);
    }
  }
  return call;
}

void measured_kernel(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  MetaRun* const run = MetaRun::current();
  TORCH_CHECK_NOT_IMPLEMENTED(run != nullptr, op.operator_name(), " has no kernel for the meta device");
  const std::size_t count = op.schema().arguments().size();
  const Arguments arguments(stack->end() - static_cast<std::ptrdiff_t>(count), stack->end());
  const Call call = look_up(*run, op, arguments);
  torch::jit::drop(*stack, count);
  // what it takes at most, for a moment; then its results
  if (Account* const account = current_account(); account != nullptr) {
    if (!account->charge(call.peak)) run->refuse(account->refusal(call.peak));
    account->release(call.peak);
  }
  std::size_t next = 0;
  for (const int listed : call.per_return) {
    if (listed < 0) {
      stack->emplace_back(replayed(call.results[next++], arguments));
      continue;
    }
    c10::List<at::Tensor> list;
    for (int i = 0; i < listed; ++i) list.push_back(replayed(call.results[next++], arguments));
    stack->emplace_back(std::move(list));
  }
}

void value_kernel(const c10::OperatorHandle& op, torch::jit::Stack*) {
  const Error error{
      .code = ErrorCode::bad_data,
      .what = "the step depends on the values of tensors, which are not there before it runs: " +
              op.operator_name().name,
      .hint =
          "Leave item() and branches on tensors out of the step that is foreseen; what it "
          "takes is otherwise known only by running it"};
  if (MetaRun* const run = MetaRun::current()) run->refuse(error);
  throw ErrorException(error);
}

}  // namespace troupe::meta
