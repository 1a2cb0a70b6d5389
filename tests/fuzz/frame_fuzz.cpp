// No bytes crash the decoder of the data plane's frames; what it takes is within its limits and reads back as
// itself.

#include "tests/fuzz/require.hpp"
#include "transport/frame.hpp"

namespace {

using namespace troupe;

bool is_name(const std::string& text) { return !text.empty() && text.size() <= wire::kNameLimit; }

void look_at(const wire::Frame& frame) {
  if (const auto* hello = std::get_if<wire::Hello>(&frame)) {
    if (hello->version == wire::kVersion)
      require(is_name(hello->cluster) && is_name(hello->from) && is_name(hello->to), "names are names");
  } else if (const auto* data = std::get_if<wire::Data>(&frame)) {
    require(data->offset <= data->total && data->header.size() <= wire::kHeaderLimit,
            "data are within limits");
    require(static_cast<std::size_t>(data->priority) < kPriorities, "a class is one of the four");
  } else if (const auto* cancel = std::get_if<wire::Cancel>(&frame)) {
    require(cancel->code <= ErrorCode::internal && cancel->why.size() <= wire::kWhyLimit, "a reason is one");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto frame = wire::decode({reinterpret_cast<const std::byte*>(bytes), size});
  if (!frame) {
    require(!frame.error().empty(), "a refusal has a reason");
    return 0;
  }
  look_at(*frame);
  const auto text = wire::encode(*frame);
  const auto again = wire::decode({reinterpret_cast<const std::byte*>(text.data()), text.size()});
  require(again.has_value(), "what was written can be read");
  require(*again == *frame, "a frame reads back as itself");
  return 0;
}
