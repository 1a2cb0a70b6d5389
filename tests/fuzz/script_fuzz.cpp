// No bytes crash what looks through TorchScript files: the archive's directory, pickles, source text.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "predict/module/script_file.hpp"

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace troupe::meta;
  const ScriptFileLimits limits{.code = troupe::mib(1)};
  const auto checked = check_script_file({bytes, size}, "fuzz", limits);
  if (!checked) {
    require(!checked.error().what.empty() && checked.error().where.substr(0, 4) == "fuzz",
            "a refusal has a reason and a place");
  } else {
    for (const auto& [name, record] : checked->records)
      require(record.empty() || (record.data() >= bytes && record.data() + record.size() <= bytes + size),
              "a record lies in the file");
    require(checked->largest_tensor <= static_cast<std::int64_t>(size), "no tensor is larger than the file");
  }
  (void)check_pickle({bytes, size});
  (void)check_code({reinterpret_cast<const char*>(bytes), size}, limits);
  return 0;
}
