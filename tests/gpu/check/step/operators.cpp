#include "tests/gpu/check/step/operators.hpp"

#include <ATen/ATen.h>
#include <ATen/core/function_schema.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <optional>

#include "base/hash.hpp"

namespace troupe::cuda::check {
namespace {

/// LibTorch takes plain functions: what they write to is the thread's.
thread_local std::vector<OperatorCall>* recording = nullptr;

struct Begun final : at::ObserverContext {
  explicit Begun(std::size_t i) : index(i) {}
  std::size_t index;
};

at::ScalarType bits_of(const at::Tensor& tensor) {
  switch (tensor.element_size()) {
    case 1:
      return at::kByte;
    case 2:
      return at::kShort;
    case 4:
      return at::kInt;
    default:
      return at::kLong;  // and complex numbers are none of ours
  }
}

/// Where it lies, so that nothing but a number is copied. Sums of integers have one result in any order.
void add(Hasher& hasher, const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.is_meta() || tensor.numel() == 0) return;
  const at::Tensor bits = tensor.detach().contiguous().view({-1}).view(bits_of(tensor)).to(at::kLong);
  const at::Tensor weights =
      at::arange(bits.numel(), at::TensorOptions(bits.device()).dtype(at::kLong)).mul_(2).add_(1);
  const std::int64_t sum = at::sum(bits * weights).item<std::int64_t>();
  hasher.add(&sum, sizeof sum);
}

void add(Hasher& hasher, const c10::IValue& value) {
  if (value.isTensor()) {
    add(hasher, value.toTensor());
  } else if (value.isTensorList()) {
    for (const at::Tensor& t : value.toTensorVector()) add(hasher, t);
  } else if (value.isList()) {  // of optional tensors
    for (const c10::IValue& v : value.toListRef()) add(hasher, v);
  }
}

/// Of what it reads: not of the tensors that are there for its results alone, which hold whatever lay there.
std::uint64_t hash_inputs(const at::RecordFunction& call) {
  const auto schema = call.operator_schema();
  Hasher hasher;
  for (std::size_t i = 0; i < call.inputs().size(); ++i)
    if (!schema || i >= schema->arguments().size() || !schema->arguments()[i].is_out())
      add(hasher, call.inputs()[i]);
  return hasher.value();
}

/// Nothing was computed: its results hold whatever lay there, or are another view of what was given.
bool computes_nothing(const at::RecordFunction& call) {
  const std::string name = call.name();
  if (name.find("empty") != std::string::npos || name.find("resize") != std::string::npos) return true;
  const auto schema = call.operator_schema();
  return schema && std::any_of(schema->returns().begin(), schema->returns().end(), [](const auto& result) {
           return result.alias_info() != nullptr && !result.alias_info()->isWrite();
         });
}

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& call) {
  if (recording == nullptr) return nullptr;
  const at::DisableRecordFunctionGuard quiet;
  recording->push_back({call.name(), hash_inputs(call), 0, 0});
  return std::make_unique<Begun>(recording->size() - 1);
}

void end(const at::RecordFunction& call, at::ObserverContext* begun) {
  const auto* mine = dynamic_cast<Begun*>(begun);
  if (recording == nullptr || mine == nullptr) return;
  OperatorCall& made = (*recording)[mine->index];
  made.calls_end = recording->size();
  const at::DisableRecordFunctionGuard quiet;
  if (computes_nothing(call)) return;
  Hasher hasher;
  for (const c10::IValue& value : call.outputs()) add(hasher, value);
  made.out = hasher.value();
}

struct Recording {
  explicit Recording(std::vector<OperatorCall>& into) {
    recording = &into;
    handle = at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end)
                                            .needsInputs(true)
                                            .needsOutputs(true)
                                            .scopes({at::RecordScope::FUNCTION}));
  }
  ~Recording() {
    at::removeCallback(handle);
    recording = nullptr;
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  at::CallbackHandle handle = 0;
};

}  // namespace

std::vector<OperatorCall> record_operators(const std::function<void()>& work) {
  std::vector<OperatorCall> calls;
  const Recording on(calls);
  work();
  return calls;
}

WentApart went_apart(const std::vector<OperatorCall>& one, const std::vector<OperatorCall>& other) {
  WentApart found;
  found.other_calls = one.size() != other.size();
  std::size_t n = std::min(one.size(), other.size());
  for (std::size_t i = 0; i < n; ++i) {
    if (one[i].name == other[i].name && one[i].calls_end == other[i].calls_end) continue;
    found.other_calls = true;  // from here on they can't be compared
    n = i;
  }
  const auto source = [&](std::size_t i) { return one[i].out != other[i].out && one[i].in == other[i].in; };
  const auto find = [&](std::size_t from, std::size_t end, const auto& what) {
    while (from < std::min(end, n) && !what(from)) ++from;
    return from < std::min(end, n) ? std::optional(from) : std::nullopt;
  };
  for (std::size_t i = 0; i < n; ++i) {
    if (!source(i) || find(i + 1, one[i].calls_end, source)) continue;
    if (found.sources.empty()) found.first = one[i].name;
    ++found.sources[one[i].name];
  }
  return found;
}

}  // namespace troupe::cuda::check
