#pragma once
// A driver made of counters: as many SMs as a test wants, any call made to fail, every live object counted.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "gpu/cuda/driver.hpp"

namespace troupe::cuda {

struct FakeOptions {
  unsigned sms = 132, least = 8, alignment = 8;
  Bytes memory = gib(80);
  int version = 13000;
  bool green = true;
  Bytes pool_granule = mib(2);
  int devices = 1, major = 9;
};

class FakeDriver : public Driver {
 public:
  explicit FakeDriver(FakeOptions options = {}) : o_(options) {}

  // what a test sets and reads
  int fail_call = -1;         // the number, from 0, of the call that fails; destroying never counts
  std::string fail_name;      // or: every call of this name
  int calls = 0;              // so far, destroying left out
  unsigned in_force_off = 0;  // contexts have so many SMs more than asked
  std::set<std::uintptr_t> contexts, streams, pools, events;
  std::vector<std::string> log;  // "wait s2 e3"
  bool never_done = false;       // events
  int in_use_destroyed = 0;      // contexts that went before their stream
  std::size_t live() const { return contexts.size() + streams.size() + pools.size() + events.size(); }
  /// SMs that a live context is made of, by their numbers.
  const std::set<unsigned>& sms_of(Context c) const { return made_of_.at(c.value); }
  std::size_t blocks() const { return blocks_.size(); }
  Context context_of(Stream s) const { return Context{stream_in_.at(s.value)}; }

  Result<int> version() override { return answer("version", o_.version); }
  Result<int> devices() override { return answer("devices", o_.devices); }
  Result<DeviceFacts> device(int d) override {
    if (d != 0) return fail({ErrorCode::not_found, "no such device", "fake"});
    return answer("device", DeviceFacts{"Fake", "0000:00:00.0", o_.major, 0, o_.sms, o_.memory});
  }
  Result<void> enter(int) override { return act("enter"); }

  Result<SmResource> sm_resource(int d) override {
    if (!o_.green) return fail({ErrorCode::not_found, "the driver knows no green contexts", "fake"});
    return answer("sm_resource", resource(0, o_.sms, 0, d));
  }
  Result<Split> split(const SmResource& whole, unsigned parts, unsigned least) override {
    const auto* range = static_cast<const Range*>(whole.native.get());
    if (range->split != 0) return fail({ErrorCode::no_capacity, "a part can't be split again", "fake"});
    const unsigned size = (std::max(least, o_.least) + o_.alignment - 1) / o_.alignment * o_.alignment;
    Split result;
    ++splits_;
    unsigned at = 0;
    for (; result.parts.size() < parts && at + size <= whole.sms; at += size)
      result.parts.push_back(resource(at, size, splits_, whole.device));
    if (result.parts.empty()) return fail({ErrorCode::no_capacity, "no room for one part", "fake"});
    if (at < whole.sms) result.rest = resource(at, whole.sms - at, splits_, whole.device);
    return answer("split", result);
  }
  Result<Context> make_context(std::span<const SmResource> parts) override {
    std::set<unsigned> sms;
    const int first_split = static_cast<const Range*>(parts.front().native.get())->split;
    for (const auto& part : parts) {
      const auto* range = static_cast<const Range*>(part.native.get());
      if (range->split != first_split)
        return fail({ErrorCode::no_capacity, "parts of different splits", "fake"});
      for (unsigned i = 0; i < range->count; ++i) sms.insert(range->first + i);
    }
    auto made = make<ContextTag>("make_context", contexts);
    if (made) made_of_[made->value] = sms;
    return made;
  }
  Result<unsigned> sms_in_force(Context c) override {
    return answer("sms_in_force", static_cast<unsigned>(made_of_.at(c.value).size()) + in_force_off);
  }
  Result<Stream> make_stream(Context c) override {
    auto made = make<StreamTag>("make_stream", streams);
    if (made) stream_in_[made->value] = c.value;
    return made;
  }
  Result<void> synchronize(Stream) override { return act("synchronize"); }

  Result<Pool> make_pool(int, Bytes limit) override {
    auto made = make<PoolTag>("make_pool", pools);
    if (made) pool_[made->value] = {limit, {}};
    return made;
  }
  Result<PoolCounts> pool_counts(Pool p) override { return answer("pool_counts", pool_.at(p.value).counts); }
  Result<void> trim(Pool p, Bytes keep) override {
    auto& counts = pool_.at(p.value).counts;
    counts.reserved = std::min(counts.reserved, std::max(keep, counts.used));
    return act("trim");
  }
  Result<Address> allocate(Pool p, Stream, Bytes bytes) override {
    auto& pool = pool_.at(p.value);
    auto& c = pool.counts;
    const std::int64_t g = o_.pool_granule.count;
    const Bytes reserved{(c.used.count + bytes.count + g - 1) / g * g};
    if (reserved > pool.limit) return fail({ErrorCode::no_capacity, "out of memory", "fake"});
    auto made = act("allocate");
    if (!made) return fail(std::move(made.error()));
    c.used += bytes;
    c.reserved = std::max(c.reserved, reserved);
    c.used_peak = std::max(c.used_peak, c.used);
    c.reserved_peak = std::max(c.reserved_peak, c.reserved);
    blocks_[++next_] = {p.value, bytes};
    return Address{next_};
  }
  Result<void> free(Address a, Stream) override {
    if (auto ok = act("free"); !ok) return ok;
    const auto [pool, bytes] = blocks_.at(a.value);
    pool_.at(pool).counts.used -= bytes;
    blocks_.erase(a.value);
    return {};
  }

  Result<void> copy(void*, const void*, Bytes, Stream) override { return act("copy"); }

  Result<Event> make_event() override { return make<EventTag>("make_event", events); }
  Result<void> record(Event e, Stream s) override { return act("record", e.value, s.value); }
  Result<void> wait(Stream s, Event e) override { return act("wait", s.value, e.value); }
  Result<bool> done(Event) override { return answer("done", !never_done); }
  Result<double> seconds_between(Event, Event) override { return answer("seconds_between", 0.25); }

  Result<void> destroy(Context c) override {
    for (const auto s : streams) in_use_destroyed += stream_in_.at(s) == c.value ? 1 : 0;
    return gone(contexts, c.value);
  }
  Result<void> destroy(Stream s) override { return gone(streams, s.value); }
  Result<void> destroy(Pool p) override { return gone(pools, p.value); }
  Result<void> destroy(Event e) override { return gone(events, e.value); }

 private:
  struct Range {
    unsigned first, count;
    int split;
  };
  struct FakePool {
    Bytes limit;
    PoolCounts counts;
  };
  SmResource resource(unsigned first, unsigned count, int split, int device) const {
    return {count, o_.least, o_.alignment, device, std::make_shared<const Range>(Range{first, count, split})};
  }
  Result<void> act(const std::string& name, std::uintptr_t a = 0, std::uintptr_t b = 0) {
    if (calls++ == fail_call || name == fail_name)
      return fail({ErrorCode::internal, name + " failed, as the test wants", "fake"});
    log.push_back(name);
    for (const auto value : {a, b})
      if (value != 0) log.back().append(1, ' ').append(std::to_string(value));
    return {};
  }
  template <class T>
  Result<T> answer(const std::string& name, T value) {
    if (auto ok = act(name); !ok) return fail(std::move(ok.error()));
    return value;
  }
  template <class Tag>
  Result<Handle<Tag>> make(const std::string& name, std::set<std::uintptr_t>& into) {
    if (auto ok = act(name); !ok) return fail(std::move(ok.error()));
    into.insert(++next_);
    return Handle<Tag>{next_};
  }
  Result<void> gone(std::set<std::uintptr_t>& from, std::uintptr_t value) {
    if (from.erase(value) == 0) return fail({ErrorCode::internal, "destroyed twice", "fake"});
    return {};
  }

  FakeOptions o_;
  std::uintptr_t next_ = 0;
  int splits_ = 0;
  std::map<std::uintptr_t, std::set<unsigned>> made_of_;
  std::map<std::uintptr_t, std::uintptr_t> stream_in_;
  std::map<std::uintptr_t, FakePool> pool_;
  std::map<std::uintptr_t, std::pair<std::uintptr_t, Bytes>> blocks_;
};

}  // namespace troupe::cuda
