// NCCL by dlopen. Its ABI is stable, and all that is used of it stands below: no header of it is wanted to
// build.
#include <cstddef>
#include <vector>

#include "gpu/cuda/library.hpp"
#include "gpu/cuda/nccl.hpp"

namespace troupe::cuda {
namespace {

// nccl.h's. Of ncclConfig_t the part that every version from 2.14 on begins with: it reads `size` bytes and
// takes its defaults for the rest.
enum Code { kSuccess = 0, kSystemError = 2, kRemoteError = 6, kInProgress = 7 };
constexpr int kFloat32 = 7, kSum = 0, kShrinkAbort = 1;
struct Config {
  std::size_t size;
  unsigned magic = 0xcafebeef;
  unsigned version = 21400;
  int blocking = 0;
  Config() : size(offsetof(Config, blocking) + sizeof blocking) {}  // without the padding behind
};
using NativeComm = void*;
constexpr int kShrinkSince = 22700;

struct Table {
  int (*GetVersion)(int*) = nullptr;
  int (*GetUniqueId)(NcclId*) = nullptr;
  int (*CommInitRankConfig)(NativeComm*, int, NcclId, int, Config*) = nullptr;
  int (*CommGetAsyncError)(NativeComm, int*) = nullptr;
  int (*AllReduce)(const void*, void*, std::size_t, int, int, NativeComm, void*) = nullptr;
  int (*AllGather)(const void*, void*, std::size_t, int, NativeComm, void*) = nullptr;
  int (*CommAbort)(NativeComm) = nullptr;
  const char* (*GetErrorString)(int) = nullptr;
  const char* (*GetLastError)(NativeComm) = nullptr;
  int (*CommShrink)(NativeComm, int*, int, NativeComm*, Config*, int) = nullptr;  // null before 2.27
};

class RealNccl final : public Nccl {
 public:
  RealNccl(std::shared_ptr<Library> library, const Table& table, int version)
      : library_(std::move(library)), nccl_(table), version_(version) {}

  Result<int> version() override { return version_; }
  Result<NcclId> make_id() override {
    NcclId id;
    if (const int code = nccl_.GetUniqueId(&id); code != kSuccess)
      return fail(error(code, "ncclGetUniqueId", nullptr));
    return id;
  }
  Result<Comm> start_init(int ranks, int rank, const NcclId& id) override {
    Config config;
    NativeComm comm = nullptr;
    const int code = nccl_.CommInitRankConfig(&comm, ranks, id, rank, &config);
    return started(code, comm, "ncclCommInitRankConfig");
  }
  Result<bool> ready(Comm comm) override {
    int state = kSuccess;
    const int code = nccl_.CommGetAsyncError(native(comm), &state);
    if (code != kSuccess) return fail(error(code, "ncclCommGetAsyncError", native(comm)));
    if (state != kSuccess && state != kInProgress) return fail(error(state, "a communicator", native(comm)));
    return state == kSuccess;
  }
  Result<void> all_reduce(Comm comm, const float* in, float* out, std::size_t n, Stream stream) override {
    return did(
        nccl_.AllReduce(in, out, n, kFloat32, kSum, native(comm), reinterpret_cast<void*>(stream.value)),
        "ncclAllReduce", comm);
  }
  Result<void> all_gather(Comm comm, const float* in, float* out, std::size_t n, Stream stream) override {
    return did(nccl_.AllGather(in, out, n, kFloat32, native(comm), reinterpret_cast<void*>(stream.value)),
               "ncclAllGather", comm);
  }
  Result<Comm> start_shrink(Comm parent, std::span<const int> without) override {
    if (nccl_.CommShrink == nullptr)
      return fail({ErrorCode::not_found, "NCCL before 2.27 can't go on without a lost rank", "NCCL"});
    std::vector<int> gone(without.begin(), without.end());
    Config config;
    NativeComm comm = nullptr;
    const int code = nccl_.CommShrink(native(parent), gone.data(), static_cast<int>(gone.size()), &comm,
                                      &config, kShrinkAbort);
    return started(code, comm, "ncclCommShrink");
  }
  Result<void> abort(Comm comm) override { return did(nccl_.CommAbort(native(comm)), "ncclCommAbort", comm); }

 private:
  static NativeComm native(Comm comm) { return reinterpret_cast<NativeComm>(comm.value); }
  Error error(int code, const char* call, NativeComm comm) const {
    const char* last = nccl_.GetLastError ? nccl_.GetLastError(comm) : nullptr;
    Error e{ErrorCode::internal, std::string(call) + " failed: " + nccl_.GetErrorString(code), "NCCL"};
    if (last && *last) e.what += std::string(": ") + last;
    if (code == kRemoteError || code == kSystemError) e.code = ErrorCode::peer_failed;
    return e;
  }
  Result<void> did(int code, const char* call, Comm comm) const {
    if (code != kSuccess && code != kInProgress) return fail(error(code, call, native(comm)));
    return {};
  }
  Result<Comm> started(int code, NativeComm comm, const char* call) const {
    if (code != kSuccess && code != kInProgress) {
      Error e = error(code, call, comm);
      if (comm) (void)nccl_.CommAbort(comm);
      return fail(std::move(e));
    }
    return Comm{reinterpret_cast<std::uintptr_t>(comm)};
  }

  std::shared_ptr<Library> library_;
  Table nccl_;
  int version_;
};

template <class F>
bool load(const Library& library, const char* name, F& into) {
  into = reinterpret_cast<F>(library.symbol(name));
  return into != nullptr;
}

Error no_nccl(std::string what, std::string where) {
  return {ErrorCode::not_found,
          std::move(what),
          std::move(where),
          {},
          {},
          "sums between GPUs want NCCL 2.14 or later; PyTorch's CUDA packages bring it as nvidia/nccl/lib."};
}

Result<std::shared_ptr<Nccl>> open_one(std::shared_ptr<Library> library, const std::string& name) {
  Table t;
  const bool all =
      load(*library, "ncclGetVersion", t.GetVersion) && load(*library, "ncclGetUniqueId", t.GetUniqueId) &&
      load(*library, "ncclCommInitRankConfig", t.CommInitRankConfig) &&
      load(*library, "ncclCommGetAsyncError", t.CommGetAsyncError) &&
      load(*library, "ncclAllReduce", t.AllReduce) && load(*library, "ncclAllGather", t.AllGather) &&
      load(*library, "ncclCommAbort", t.CommAbort) && load(*library, "ncclGetErrorString", t.GetErrorString);
  if (!all) return fail(no_nccl("it is no NCCL, or one before 2.14", name));
  load(*library, "ncclGetLastError", t.GetLastError);
  int version = 0;
  if (t.GetVersion(&version) != kSuccess) return fail(no_nccl("it does not tell its version", name));
  if (version >= kShrinkSince) load(*library, "ncclCommShrink", t.CommShrink);
  return std::shared_ptr<Nccl>(std::make_shared<RealNccl>(std::move(library), t, version));
}

}  // namespace

Result<std::shared_ptr<Nccl>> open_nccl(std::span<const std::string> names) {
  Error last = no_nccl("no name of NCCL was given", "NCCL");
  for (const auto& name : names) {
    auto library = Library::open(name);
    if (!library) {
      last = no_nccl(library.error().what, name);
      continue;
    }
    auto nccl = open_one(std::move(*library), name);
    if (nccl) return nccl;
    last = std::move(nccl.error());
  }
  return fail(std::move(last));
}

}  // namespace troupe::cuda
