#include "gpu/gloo_sum.hpp"

#include "gpu/affinity.hpp"

#define USE_C10D_GLOO  // what it declares is in libtorch_cpu; it includes the headers in gpu/gloo_declared
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <algorithm>
#include <atomic>
#include <list>
#include <mutex>
#include <thread>

namespace troupe {
namespace {

using Gloo = c10d::ProcessGroupGloo;
using std::chrono::milliseconds;

milliseconds milliseconds_of(double seconds) {
  return milliseconds(static_cast<std::int64_t>(1000 * std::clamp(seconds, 0.001, 1e6)));
}

/// Its first sentence: after that come guesses, or a stack.
Error gloo_error(const std::string& what, const std::string& reason) {
  const auto end = std::min(reason.find('\n'), reason.find(". This is typically"));
  return {ErrorCode::peer_failed,
          what + ": " + reason.substr(0, end),
          "fast sum over processes",
          "",
          "",
          "See the other processes' logs; Gloo needs TCP between their addresses, on any port"};
}

/// Where Gloo's processes tell each other their addresses.
class NoteStore final : public c10d::Store {
 public:
  NoteStore(std::shared_ptr<Notes> notes, double seconds)
      : c10d::Store(milliseconds_of(seconds)), notes_(std::move(notes)) {}

  c10::intrusive_ptr<c10d::Store> clone() override {
    return c10::make_intrusive<NoteStore>(notes_, 1e-3 * static_cast<double>(timeout_.count()));
  }
  using c10d::Store::set;
  void set(const std::string& key, const std::vector<std::uint8_t>& value) override {
    notes_->put(key, {value.begin(), value.end()});
  }
  std::vector<std::uint8_t> get(const std::string& key) override {
    const auto value = wait_for(key, timeout_);
    return {value.begin(), value.end()};
  }
  void wait(const std::vector<std::string>& keys) override { wait(keys, timeout_); }
  void wait(const std::vector<std::string>& keys, const milliseconds& timeout) override {
    for (const auto& key : keys) wait_for(key, timeout);
  }
  bool check(const std::vector<std::string>&) override { refuse("check"); }
  std::int64_t add(const std::string&, std::int64_t) override { refuse("add"); }
  bool deleteKey(const std::string&) override { refuse("deleteKey"); }
  std::int64_t getNumKeys() override { refuse("getNumKeys"); }

 private:
  std::string wait_for(const std::string& key, const milliseconds& timeout) {
    auto value = notes_->get(key, 1e-3 * static_cast<double>(timeout.count()));
    if (!value) throw ErrorException(value.error());
    return *value;
  }
  [[noreturn]] static void refuse(const char* what) {
    throw ErrorException({.code = ErrorCode::internal,
                          .what = std::string("this LibTorch's Gloo meets in another way: ") + what,
                          .where = "fast sum over processes"});
  }

  const std::shared_ptr<Notes> notes_;
};

/// What has been given up and can't be interrupted, on threads of its own until it ends.
class Leftovers {
 public:
  ~Leftovers() {
    for (auto& one : all_) one.thread.join();
  }
  void leave(std::function<void()> end) {
    const std::lock_guard lock(mutex_);
    all_.remove_if([](One& one) {
      if (*one.over) one.thread.join();
      return one.over->load();
    });
    auto over = std::make_shared<std::atomic<bool>>(false);
    all_.push_back({std::thread([end = std::move(end), over]() mutable {
                      end();
                      end = {};
                      *over = true;
                    }),
                    over});
  }

 private:
  struct One {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> over;
  };
  std::mutex mutex_;
  std::list<One> all_;
};

/// A group's connections; made on a thread of their own, since that waits for the others.
struct Connections {
  ProcessSumOptions options;
  c10::intrusive_ptr<Gloo> gloo;
  std::string failure;
  std::atomic<bool> made{false};
  std::thread thread;

  explicit Connections(ProcessSumOptions o) : options(std::move(o)) {}
  ~Connections() {
    if (thread.joinable()) thread.join();
  }

  void make() noexcept {
    try {
      auto gloo_options = Gloo::Options::create(milliseconds_of(options.timeout_seconds));
      gloo_options->threads = 1;  // one sum at a time
      gloo_options->devices = {Gloo::createDeviceForHostname(options.address)};
      gloo = c10::make_intrusive<Gloo>(c10::make_intrusive<NoteStore>(options.notes, options.timeout_seconds),
                                       options.self, options.processes, std::move(gloo_options));
    } catch (const std::exception& e) {
      failure = e.what();
    }
    made = true;
  }

  void sum(const std::shared_ptr<float>& data, std::size_t n, const ProcessSum::Done& done) noexcept {
    if (!gloo) return done(fail(gloo_error("Gloo can't connect the processes", failure)));
    try {
      std::vector<at::Tensor> tensors{at::from_blob(
          data.get(), {static_cast<std::int64_t>(n)}, [data](void*) {}, at::kFloat)};
      gloo->allreduce(tensors)->getFuture()->addCallback([done](c10::ivalue::Future& future) {
        done(future.hasError() ? fail(gloo_error("Gloo can't finish a sum", future.tryRetrieveErrorMessage()))
                               : Result<void>());
      });
    } catch (const std::exception& e) {
      done(fail(gloo_error("Gloo can't start a sum", e.what())));
    }
  }
};

class GlooSum final : public ProcessSum {
 public:
  GlooSum(const ProcessSumOptions& options, std::shared_ptr<Leftovers> leftovers)
      : connections_(std::make_shared<Connections>(options)), leftovers_(std::move(leftovers)) {}
  ~GlooSum() override {
    if (!begun_) return;
    leftovers_->leave([connections = std::move(connections_)]() mutable { connections.reset(); });
  }

  void start(std::shared_ptr<float> data, std::size_t n, Done done) override {
    if (connections_->made) return connections_->sum(data, n, done);
    // A second sum begins when the first is done, and that is behind the connecting.
    begun_ = true;
    connections_->thread = std::thread([c = connections_.get(), data = std::move(data), n, done] {
      // what Gloo starts inherits it; refused, they share the cpu of who is here
      if (!c->options.cpus.empty()) (void)run_on(c->options.cpus);
      c->make();
      c->sum(data, n, done);
    });
  }

 private:
  std::shared_ptr<Connections> connections_;
  const std::shared_ptr<Leftovers> leftovers_;
  bool begun_ = false;
};

}  // namespace

MakeProcessSum gloo_sums() {
  return [leftovers = std::make_shared<Leftovers>()](const ProcessSumOptions& options) {
    return std::make_unique<GlooSum>(options, leftovers);
  };
}

}  // namespace troupe
