#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include <array>
#include <string_view>

#include "predict/module/meta_run.hpp"

namespace troupe::meta {

/// Of operators that call operators, the innermost are counted.
struct WorkCount::State {
  struct Open {
    bool called_others = false;
    double bytes = 0;                         // of its tensors
    const c10::StorageImpl* first = nullptr;  // its first tensor's
    const c10::TensorImpl* itself = nullptr;
    double flops = 0;
    double a_weight = 0;  // flops of a convolution for each element that it returns
    bool convolution = false;
  };
  ModuleWork work;
  std::vector<Open> open;
  at::CallbackHandle handle = 0;
  static thread_local State* mine;
};

thread_local WorkCount::State* WorkCount::State::mine = nullptr;

namespace {

/// They make or name tensors; no operator counts as calling another for their sake.
constexpr std::array kSilent{"aten::empty",
                             "aten::empty_like",
                             "aten::empty_strided",
                             "aten::resize_",
                             "aten::as_strided",
                             "aten::view",
                             "aten::detach",
                             "aten::zeros",
                             "aten::zeros_like",
                             "aten::zero_",
                             "aten::new_empty",
                             "aten::contiguous",
                             "aten::result_type",
                             "aten::set_",
                             "aten::resolve_conj",
                             "aten::resolve_neg",
                             "aten::new_empty_strided",
                             "aten::lift_fresh",
                             "detach"};

bool silent(std::string_view name) {
  for (const std::string_view s : kSilent)
    if (s == name) return true;
  return false;
}

template <class F>
void each_tensor(const c10::IValue& value, const F& f) {
  if (value.isTensor()) {
    if (value.toTensor().defined() && value.toTensor().has_storage()) f(value.toTensor());
  } else if (value.isList()) {
    for (const c10::IValue& element : value.toListRef())
      if (element.isTensor() && element.toTensor().defined() && element.toTensor().has_storage())
        f(element.toTensor());
  }
}

/// Where a call comes from the TorchScript interpreter, what is shown is its whole stack.
c10::ArrayRef<c10::IValue> last(const c10::IValue* values, std::size_t there, std::size_t count) {
  return count < there ? c10::ArrayRef<c10::IValue>(values + (there - count), count)
                       : c10::ArrayRef<c10::IValue>(values, there);
}

double bytes(const at::Tensor& t) {
  return static_cast<double>(t.numel()) * static_cast<double>(t.element_size());
}

double count(const at::Tensor& t) { return static_cast<double>(t.numel()); }

/// Of one pass of a convolution: two for each weight that an element of its plain side meets.
double convolution(const at::Tensor& plain_side, const at::Tensor& w) {
  return 2 * count(plain_side) * count(w) / static_cast<double>(w.size(0));
}

double product(const at::Tensor& a, const at::Tensor& b) {
  return 2 * count(a) * static_cast<double>(b.size(b.dim() - 1));
}

}  // namespace

WorkCount::WorkCount() : state_(std::make_unique<State>()) {
  State::mine = state_.get();
  const auto start = [](const at::RecordFunction& f) -> std::unique_ptr<at::ObserverContext> {
    State* const s = State::mine;
    if (s == nullptr) return nullptr;
    const std::string_view name = f.name();
    if (!s->open.empty() && !silent(name)) s->open.back().called_others = true;
    State::Open open;
    const auto inputs = last(f.inputs().data(), f.inputs().size(), f.num_inputs());
    for (const c10::IValue& input : inputs)
      each_tensor(input, [&](const at::Tensor& t) {
        open.bytes += bytes(t);
        if (open.first == nullptr) {
          open.first = t.storage().unsafeGetStorageImpl();
          open.itself = t.unsafeGetTensorImpl();
        }
      });
    const auto tensor = [&](std::size_t i) { return inputs[i].toTensor(); };
    if (name == "aten::convolution_backward" && inputs.size() > 10) {
      open.convolution = true;
      const bool transposed = inputs[7].toBool();
      const auto mask = inputs[10].toListRef();
      open.flops = convolution(transposed ? tensor(1) : tensor(0), tensor(2)) *
                   (static_cast<int>(mask[0].toBool()) + static_cast<int>(mask[1].toBool()));
    } else if ((name == "aten::convolution" || name == "aten::_convolution") && inputs.size() > 6) {
      open.convolution = true;
      if (inputs[6].toBool())
        open.flops = convolution(tensor(0), tensor(1));
      else
        open.a_weight = 2 * count(tensor(1)) / static_cast<double>(tensor(1).size(0));
    } else if (name == "aten::mm" || name == "aten::bmm") {
      open.flops = product(tensor(0), tensor(1));
    } else if (name == "aten::addmm" || name == "aten::baddbmm") {
      open.flops = product(tensor(1), tensor(2));
    } else if (name == "aten::_scaled_dot_product_flash_attention_for_cpu") {
      open.flops = 4 * count(tensor(0)) * static_cast<double>(tensor(1).size(2));
    } else if (name == "aten::_scaled_dot_product_flash_attention_for_cpu_backward") {
      open.flops = 10 * count(tensor(1)) * static_cast<double>(tensor(2).size(2));
    }
    s->open.push_back(open);
    return nullptr;
  };
  const auto end = [](const at::RecordFunction& f, at::ObserverContext*) {
    State* const s = State::mine;
    if (s == nullptr || s->open.empty()) return;
    State::Open open = s->open.back();
    s->open.pop_back();
    const std::string_view name = f.name();
    if (name == "aten::empty" || name == "aten::empty_strided" || name == "aten::empty_like") return;
    if (open.called_others && open.flops == 0 && !open.convolution) return;
    bool view = false;
    for (const c10::IValue& output : last(f.outputs().data(), f.outputs().size(), f.num_outputs()))
      each_tensor(output, [&](const at::Tensor& t) {
        view = view ||
               (t.storage().unsafeGetStorageImpl() == open.first && t.unsafeGetTensorImpl() != open.itself);
        open.bytes += bytes(t);
        open.flops += open.a_weight * count(t);
      });
    if (view) return;
    ++s->work.operators;
    if (open.convolution)
      s->work.convolution_flops += open.flops;
    else if (open.flops > 0)
      s->work.product_flops += open.flops;
    else
      s->work.bytes += open.bytes;
  };
  state_->handle = at::addThreadLocalCallback(at::RecordFunctionCallback(start, end)
                                                  .needsInputs(true)
                                                  .needsOutputs(true)
                                                  .scopes({at::RecordScope::FUNCTION}));
}

WorkCount::~WorkCount() {
  at::removeCallback(state_->handle);
  State::mine = nullptr;
}

const ModuleWork& WorkCount::work() const noexcept { return state_->work; }

}  // namespace troupe::meta
