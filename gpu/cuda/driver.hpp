#pragma once
// What slices of a GPU need of NVIDIA's driver, and no more. real_driver.cpp finds it at run time, nothing
// links to it; tests have a fake (tests/gpu/fake_driver.hpp). Knows no LibTorch and shows no type of CUDA's
// headers, so that whatever decides can be built and tested on machines that have neither.
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/units.hpp"

namespace troupe::cuda {

/// One of the driver's objects. Owns nothing: see Owned.
template <class Tag>
struct Handle {
  std::uintptr_t value = 0;
  explicit operator bool() const noexcept { return value != 0; }
  friend auto operator<=>(Handle, Handle) = default;
};
using Context = Handle<struct ContextTag>;  // a green context
using Stream = Handle<struct StreamTag>;
using Pool = Handle<struct PoolTag>;
using Event = Handle<struct EventTag>;
using Address = Handle<struct AddressTag>;  // of device memory

/// The calling thread's own stream, beside those of all slices: for what must not be in their order.
constexpr Stream kThreadStream{~std::uintptr_t{0}};

struct DeviceFacts {
  std::string name, bus;  // "NVIDIA H100 80GB HBM3", "0000:1b:00.0"
  int major = 0, minor = 0;
  unsigned sms = 0;
  Bytes memory;
};

/// A set of SMs that contexts may be made of.
struct SmResource {
  unsigned sms = 0;
  unsigned least = 0;      // SMs of the smallest part that it may be split into
  unsigned alignment = 0;  // SMs of a part are a multiple of it
  int device = 0;
  std::shared_ptr<const void> native;  // the driver's own description
};
/// Parts of one split may be joined in one context, with each other and with the rest; they can't be split
/// again.
struct Split {
  std::vector<SmResource> parts;
  std::optional<SmResource> rest;  // promises nothing about size or placement
};

struct PoolCounts {
  Bytes reserved, reserved_peak;  // taken from the device
  Bytes used, used_peak;          // of those, handed out
};

/// Errors: not_found (no driver, no such device, or a driver too old for the call, told in words),
/// no_capacity (the driver has no memory or no such partition), internal (the driver's own text otherwise).
/// Calls of one object come from one thread at a time; different objects may be used by different threads.
class Driver {
 public:
  virtual ~Driver() = default;
  /// The newest CUDA that the driver speaks: 13000 is 13.0.
  virtual Result<int> version() = 0;
  virtual Result<int> devices() = 0;
  virtual Result<DeviceFacts> device(int device) = 0;
  /// Makes the device's primary context the calling thread's, and keeps it as long as this object lives.
  /// Streams of green contexts work beside it.
  virtual Result<void> enter(int device) = 0;

  virtual Result<SmResource> sm_resource(int device) = 0;
  /// `parts` parts of at least `least` SMs each; fewer parts where there is no room for as many.
  virtual Result<Split> split(const SmResource& whole, unsigned parts, unsigned least) = 0;
  /// Of one whole resource, or of several parts of one split.
  virtual Result<Context> make_context(std::span<const SmResource> parts) = 0;
  /// Read back from the context: may differ from what was asked.
  virtual Result<unsigned> sms_in_force(Context context) = 0;
  /// No context: on the whole device that the thread has entered, beside green ones if there are any.
  virtual Result<Stream> make_stream(Context context) = 0;
  virtual Result<void> synchronize(Stream stream) = 0;

  /// `limit`: the driver refuses what would pass it. Fixed for the pool's life, and rounded by the driver.
  virtual Result<Pool> make_pool(int device, Bytes limit) = 0;
  virtual Result<PoolCounts> pool_counts(Pool pool) = 0;
  /// Gives back to the device what is not in use, down to `keep`.
  virtual Result<void> trim(Pool pool, Bytes keep) = 0;
  /// In the stream's order. no_capacity: past the pool's limit, or the device is full.
  virtual Result<Address> allocate(Pool pool, Stream stream, Bytes bytes) = 0;
  virtual Result<void> free(Address address, Stream stream) = 0;

  /// Between the device's memory and the host's, either way, or within one. In the stream's order; `from` of
  /// the host may be reused at once, `to` of the host is there when the stream has come to it.
  virtual Result<void> copy(void* to, const void* from, Bytes bytes, Stream stream) = 0;

  virtual Result<Event> make_event() = 0;
  virtual Result<void> record(Event event, Stream stream) = 0;
  virtual Result<void> wait(Stream stream, Event event) = 0;
  virtual Result<bool> done(Event event) = 0;
  /// Both must be done.
  virtual Result<double> seconds_between(Event from, Event to) = 0;

  /// A context's streams go before it.
  virtual Result<void> destroy(Context context) = 0;
  virtual Result<void> destroy(Stream stream) = 0;
  virtual Result<void> destroy(Pool pool) = 0;
  virtual Result<void> destroy(Event event) = 0;
};

/// NVIDIA's, by dlopen of `library` ("libcuda.so.1" unless a test says otherwise). not_found: there is none,
/// it does not start, or troupe was built without CUDA's headers; the text says which and what to do.
Result<std::shared_ptr<Driver>> open_driver(const std::string& library = "libcuda.so.1");

/// Whether this build can speak to a driver at all.
bool built_with_cuda() noexcept;

}  // namespace troupe::cuda
