#include "tests/gpu/ranks/worker.hpp"

#include <mutex>
#include <stdexcept>
#include <thread>

#include "tests/gpu/ranks/wire.hpp"

namespace troupe::test {
namespace {

void want(const Result<void>& result) {
  if (!result) throw ErrorException(result.error());
}

/// Elements where a collective wants them: floats on the device, else here.
template <class T>
class Buffer {
 public:
  Buffer(cuda::DeviceMemory&, std::vector<T> values) : values_(std::move(values)) {}
  T* data() noexcept { return values_.data(); }
  std::vector<T> values() { return values_; }

 private:
  std::vector<T> values_;
};
template <>
class Buffer<float> {
 public:
  Buffer(cuda::DeviceMemory& memory, std::vector<float> values)
      : memory_(memory), values_(std::move(values)) {
    auto made = memory.allocate({static_cast<std::int64_t>(values_.size() * sizeof(float) + 1)});
    if (!made) throw ErrorException(made.error());
    at_ = static_cast<float*>(*made);
    want(memory_.copy(at_, values_.data(), bytes()));
    reach();
  }
  Buffer(Buffer&& other) noexcept
      : memory_(other.memory_), values_(std::move(other.values_)), at_(std::exchange(other.at_, nullptr)) {}
  ~Buffer() {
    if (at_) memory_.free(at_);
  }
  float* data() noexcept { return at_; }
  std::vector<float> values() {
    want(memory_.copy(values_.data(), at_, bytes()));
    reach();
    return values_;
  }

 private:
  void reach() {
    want(memory_.mark());
    for (auto passed = memory_.passed();; passed = memory_.passed()) {
      if (!passed) throw ErrorException(passed.error());
      if (*passed) return;
      std::this_thread::yield();
    }
  }
  Bytes bytes() const { return {static_cast<std::int64_t>(values_.size() * sizeof(float))}; }
  cuda::DeviceMemory& memory_;
  std::vector<float> values_;
  float* at_ = nullptr;
};

/// A rank's side of one sum, as it was told.
template <class T>
struct Given {
  int members, first;
  std::size_t n;
  std::vector<Buffer<T>> buffers;
  std::vector<const T*> at;
  std::int64_t in_place;
  std::unique_ptr<Buffer<T>> own;
  T scale;

  Given(Message& in, cuda::DeviceMemory& memory)
      : members(static_cast<int>(in.get())),
        first(static_cast<int>(in.get())),
        n(static_cast<std::size_t>(in.get())) {
    const auto held = in.get();
    buffers.reserve(static_cast<std::size_t>(held));
    for (std::int64_t m = 0; m < held; ++m) {
      buffers.emplace_back(memory, in.get_all<T>());
      at.push_back(buffers.back().data());
    }
    in_place = in.get();
    if (in_place < 0) own = std::make_unique<Buffer<T>>(memory, std::vector<T>(n, T{42}));
    scale = in.get_all<T>().at(0);
  }
  Buffer<T>& out() { return in_place < 0 ? *own : buffers[static_cast<std::size_t>(in_place)]; }
  Contribution<T> mine() const { return {members, first, at}; }
  void tell(Message& message) {
    const auto values = out().values();
    message.put_all(std::span<const T>(values));
  }
};

class Worker {
 public:
  Worker(cuda::DeviceMemory& memory, const MakeEnd& make) : memory_(memory), make_(make) {}

  void run() {
    std::thread aside([this] { listen_aside(); });
    while (auto in = Message::receive(kCallSocket)) {
      Message out;
      try {
        out = answer(*in);
      } catch (...) {
        out = Message();
        out.put(static_cast<std::int64_t>(Told::done));
        out.put_result(from_current_exception("a rank's process"));
      }
      if (!out.send(kCallSocket)) break;
    }
    ::shutdown(kAsideSocket, SHUT_RDWR);
    aside.join();
  }

 private:
  std::shared_ptr<Collective> end() {
    const std::lock_guard lock(mutex_);
    if (!end_) throw std::runtime_error("this rank is in no group");
    return end_;
  }
  void set_end(std::shared_ptr<Collective> end) {
    std::unique_lock lock(mutex_);
    end_.swap(end);
    lock.unlock();  // the last one may wait for its device
  }
  static Message done(const std::optional<Error>& error) {
    Message message;
    message.put(static_cast<std::int64_t>(Told::done));
    message.put_result(error);
    return message;
  }
  static std::optional<Error> error_of(const Result<void>& result) {
    return result ? std::nullopt : std::optional(result.error());
  }

  /// What the test makes of a sum's elements, before the call goes on.
  template <class T>
  void call_back(std::size_t i, Given<T>& sum) {
    Message message;
    message.put(static_cast<std::int64_t>(Told::called_back));
    message.put(static_cast<std::int64_t>(i));
    sum.tell(message);
    if (!message.send(kCallSocket)) throw std::runtime_error("the test is gone");
    auto word = Message::receive(kCallSocket);
    if (!word) throw std::runtime_error("the test is gone");
    if (const auto thrown = word->get_text(); !thrown.empty()) throw std::runtime_error(thrown);
  }

  template <class T>
  Message sum(Message& in) {
    Given<T> given(in, memory_);
    const bool all = in.get() != 0;
    const ParallelFor parallel = [&](std::size_t n, const auto& f) {
      f(0, n);
      call_back(0, given);
    };
    const auto summed = end()->sum(given.mine(), given.out().data(), given.n, given.scale, all,
                                   in.get() != 0 ? parallel : ParallelFor());
    auto out = done(error_of(summed));
    if (summed) given.tell(out);
    return out;
  }
  Message several(Message& in) {
    std::vector<std::unique_ptr<Given<float>>> given;
    std::vector<FloatSum> sums;
    for (auto left = in.get(); left > 0; --left) {
      given.push_back(std::make_unique<Given<float>>(in, memory_));
      auto& one = *given.back();
      sums.push_back({one.mine(), one.out().data(), one.n, one.scale});
    }
    const auto summed =
        end()->sum_each(sums, {}, [&](std::size_t i, std::size_t, std::size_t) { call_back(i, *given[i]); });
    auto out = done(error_of(summed));
    if (summed)
      for (auto& one : given) one->tell(out);
    return out;
  }

  Message answer(Message& in) {
    switch (static_cast<Ask>(in.get())) {
      case Ask::make: {
        set_end(nullptr);
        GroupOrder order;
        order.file = in.get_text();
        order.rank = static_cast<int>(in.get());
        order.ranks = static_cast<int>(in.get());
        order.timeout_seconds = static_cast<double>(in.get()) * 1e-3;
        order.way = in.get_text();
        set_end(make_(order));
        return done({});
      }
      case Ask::drop:
        set_end(nullptr);
        return done({});
      case Ask::barrier:
        return done(error_of(end()->barrier()));
      case Ask::broadcast: {
        const auto value = end()->broadcast(in.get());
        auto out = done(value ? std::nullopt : std::optional(value.error()));
        if (value) out.put(*value);
        return out;
      }
      case Ask::sum: {
        const auto bytes = in.get();  // of an element: float 4, double 8, int64 -8
        return bytes == 4 ? sum<float>(in) : bytes == 8 ? sum<double>(in) : sum<std::int64_t>(in);
      }
      case Ask::several:
        return several(in);
    }
    throw std::runtime_error("no such call");
  }

  void listen_aside() {
    while (auto in = Message::receive(kAsideSocket)) {
      Message out;
      std::shared_ptr<Collective> at;
      {
        const std::lock_guard lock(mutex_);
        at = end_;
      }
      const auto what = static_cast<Aside>(in->get());
      if (what == Aside::abort && at) at->abort(in->get_text());
      if (what == Aside::failure) out.put_result(at ? at->failure() : std::nullopt);
      if (what == Aside::bytes) out.put(at ? at->bytes() : 0);
      at.reset();
      if (!out.send(kAsideSocket)) return;
    }
  }

  cuda::DeviceMemory& memory_;
  const MakeEnd& make_;
  std::mutex mutex_;
  std::shared_ptr<Collective> end_;
};

}  // namespace

void serve_rank(cuda::DeviceMemory& memory, const MakeEnd& make) { Worker(memory, make).run(); }

}  // namespace troupe::test
