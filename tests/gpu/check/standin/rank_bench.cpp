// A rank's device made of the host's memory, and an NCCL that goes through a mapped file.
#include "tests/gpu/check/rank_bench.hpp"

#include "tests/gpu/ranks/shared_nccl.hpp"
#include "tests/train/host_gpu.hpp"

namespace troupe::cuda::check {
namespace {

/// For sums of more elements than a mapped file holds.
class PiecewiseNccl final : public Nccl {
 public:
  explicit PiecewiseNccl(const std::string& folder) : whole_(folder, std::to_string(::getpid())) {}
  Result<int> version() override { return whole_.version(); }
  Result<NcclId> make_id() override { return whole_.make_id(); }
  Result<Comm> start_init(int ranks, int rank, const NcclId& id) override {
    return whole_.start_init(ranks, rank, id);
  }
  Result<bool> ready(Comm comm) override { return whole_.ready(comm); }
  Result<void> all_reduce(Comm comm, const float* in, float* out, std::size_t n, Stream stream) override {
    constexpr std::size_t kPiece = std::size_t{1} << 18;
    for (std::size_t at = 0; at < n; at += kPiece)
      if (auto ok = whole_.all_reduce(comm, in + at, out + at, std::min(kPiece, n - at), stream); !ok)
        return ok;
    return {};
  }
  Result<void> all_gather(Comm comm, const float* in, float* out, std::size_t n, Stream stream) override {
    return whole_.all_gather(comm, in, out, n, stream);
  }
  Result<Comm> start_shrink(Comm comm, std::span<const int> without) override {
    return whole_.start_shrink(comm, without);
  }
  Result<void> abort(Comm comm) override { return whole_.abort(comm); }

 private:
  SharedNccl whole_;
};

}  // namespace

/// `nccl`: the folder of its files.
RankBench open_rank_bench(const std::string&, const std::vector<std::string>& nccl, Bytes memory) {
  RankBench rank;
  Bench& bench = rank.bench;
  bench.driver = std::make_shared<troupe::test::HostDriver>();
  want(bench.driver->enter(0));
  bench.cut = want(cut_device(*bench.driver, 0));
  bench.table = want(ContextTable::open(bench.driver, bench.cut, {0, bench.cut->grid.pieces}, 2));
  bench.pool = Owned<Pool>(bench.driver, want(bench.driver->make_pool(0, memory)));
  rank.nccl = std::make_shared<PiecewiseNccl>(nccl.at(0));
  rank.bucket = kib(256);  // and two partial sums: what the mapped file holds
  rank.memory = [](bool) { return std::make_shared<HostMemory>(); };
  return rank;
}

Result<int> look_for_nccl(const std::vector<std::string>&) { return 22809; }
double patience() { return 20; }
std::vector<int> timed_sums() { return {1, 3}; }
std::vector<std::string> rank_environment(int) { return {}; }

}  // namespace troupe::cuda::check
