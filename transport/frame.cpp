#include "transport/frame.hpp"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <array>
#include <cstring>

#include "transport/frame.capnp.h"

namespace troupe::wire {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // clang 14 does not deduce it

// Every getter counts what it reaches towards the limit, some of them twice.
constexpr std::uint64_t kTraversalWords = 8 * kFrameLimit / sizeof(capnp::word);
constexpr int kNesting = 8;

struct Malformed {
  const char* what;
};

std::string cut(const std::string& why) { return why.substr(0, kWhyLimit); }

void write(schema::Session::Builder to, const Session& from) {
  to.setIncarnation(from.incarnation);
  to.setGeneration(from.generation);
}

void write(schema::Hello::Builder to, const Hello& from) {
  to.setVersion(from.version);
  to.setCluster(from.cluster);
  to.setFrom(from.from);
  to.setTo(from.to);
  write(to.initSession(), from.session);
}

void write(schema::Payload::Builder to, const Data& from) {
  to.setChannel(from.channel);
  to.setPriority(static_cast<std::uint8_t>(from.priority));
  to.setOpening(from.opening);
  to.setSequence(from.sequence);
  to.setTotal(from.total);
  to.setOffset(from.offset);
  if (!from.header.empty())
    to.setHeader(kj::arrayPtr(reinterpret_cast<const kj::byte*>(from.header.data()), from.header.size()));
}

void write(schema::Credit::Builder to, const Credit& from) {
  to.setChannel(from.channel);
  to.setOpening(from.opening);
  to.setGeneration(from.generation);
  to.setFirst(from.first);
  to.setBytes(from.bytes);
}

void write(schema::Frame::Builder to, const Frame& frame) {
  std::visit(
      Overloaded{[&](const Hello& f) { write(to.initHello(), f); },
                 [&](const Welcome& f) { write(to.initWelcome(), f.session); },
                 [&](const Refused& f) { to.setRefused(cut(f.why)); }, [&](const Alive&) { to.setAlive(); },
                 [&](const Reset& f) {
                   auto reset = to.initReset();
                   write(reset.initSession(), f.session);
                   reset.setWhy(cut(f.why));
                 },
                 [&](const Data& f) { write(to.initData(), f); },
                 [&](const Credit& f) { write(to.initCredit(), f); },
                 [&](const Cancel& f) {
                   auto cancel = to.initCancel();
                   cancel.setChannel(f.channel);
                   cancel.setOpening(f.opening);
                   cancel.setCode(static_cast<std::uint8_t>(f.code));
                   cancel.setWhy(cut(f.why));
                 },
                 [&](const Close& f) {
                   auto close = to.initClose();
                   close.setChannel(f.channel);
                   close.setOpening(f.opening);
                   close.setClosed(f.closed);
                 }},
      frame);
}

std::string text(capnp::Text::Reader reader, std::size_t limit) {
  if (reader.size() > limit) throw Malformed{"a text is too long"};
  std::string result(reader.cStr(), reader.size());
  if (result.find('\0') != std::string::npos) throw Malformed{"a text holds a zero"};
  return result;
}

std::string name(capnp::Text::Reader reader) {
  auto result = text(reader, kNameLimit);
  if (result.empty()) throw Malformed{"a name is empty"};
  for (const char c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) throw Malformed{"a name has control characters"};
  return result;
}

Session read(schema::Session::Reader from) { return {from.getIncarnation(), from.getGeneration()}; }

Hello read(schema::Hello::Reader from) {
  Hello hello;
  hello.version = from.getVersion();
  // Another version may have put other things behind this.
  if (hello.version != kVersion) return hello;
  hello.cluster = name(from.getCluster());
  hello.from = name(from.getFrom());
  hello.to = name(from.getTo());
  hello.session = read(from.getSession());
  return hello;
}

Data read(schema::Payload::Reader from) {
  Data data;
  data.channel = from.getChannel();
  if (from.getPriority() >= kPriorities) throw Malformed{"an unknown priority"};
  data.priority = static_cast<Priority>(from.getPriority());
  data.opening = from.getOpening();
  data.sequence = from.getSequence();
  data.total = from.getTotal();
  data.offset = from.getOffset();
  const auto header = from.getHeader();
  if (header.size() > kHeaderLimit) throw Malformed{"a header is too long"};
  if (data.offset > data.total) throw Malformed{"a piece starts behind its message's end"};
  if (data.offset != 0 && header.size() != 0) throw Malformed{"a header inside a message"};
  data.header.assign(reinterpret_cast<const char*>(header.begin()), header.size());
  return data;
}

Cancel read(schema::Cancel::Reader from) {
  if (from.getCode() > static_cast<std::uint8_t>(ErrorCode::internal))
    throw Malformed{"an unknown error code"};
  return {from.getChannel(), from.getOpening(), static_cast<ErrorCode>(from.getCode()),
          text(from.getWhy(), kWhyLimit)};
}

Frame read(schema::Frame::Reader from) {
  switch (from.which()) {
    case schema::Frame::HELLO:
      return read(from.getHello());
    case schema::Frame::WELCOME:
      return Welcome{read(from.getWelcome())};
    case schema::Frame::REFUSED:
      return Refused{text(from.getRefused(), kWhyLimit)};
    case schema::Frame::ALIVE:
      return Alive{};
    case schema::Frame::RESET:
      return Reset{read(from.getReset().getSession()), text(from.getReset().getWhy(), kWhyLimit)};
    case schema::Frame::DATA:
      return read(from.getData());
    case schema::Frame::CREDIT: {
      const auto credit = from.getCredit();
      return Credit{credit.getChannel(), credit.getOpening(), credit.getGeneration(), credit.getFirst(),
                    credit.getBytes()};
    }
    case schema::Frame::CANCEL:
      return read(from.getCancel());
    case schema::Frame::CLOSE: {
      const auto close = from.getClose();
      return Close{close.getChannel(), close.getOpening(), close.getClosed()};
    }
    case schema::Frame::NONE:
      break;
  }
  throw Malformed{"an unknown kind of frame"};
}

}  // namespace

std::string encode(const Frame& frame) {
  std::array<capnp::word, 128> scratch{};  // enough for all but long headers and reasons
  capnp::MallocMessageBuilder builder(kj::arrayPtr(scratch.data(), scratch.size()));
  write(builder.initRoot<schema::Frame>(), frame);
  const auto words = capnp::messageToFlatArray(builder);
  const auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

tl::expected<Frame, std::string> decode(std::span<const std::byte> bytes) {
  if (bytes.size() > kFrameLimit) return tl::unexpected<std::string>("a frame is too long");
  if (bytes.empty() || bytes.size() % sizeof(capnp::word) != 0)
    return tl::unexpected<std::string>("a frame is no whole number of words");
  try {
    // ZeroMQ places small frames anywhere; Cap'n Proto wants them aligned.
    std::array<capnp::word, 64> small;
    kj::Array<capnp::word> large;
    auto words = kj::arrayPtr(small.data(), bytes.size() / sizeof(capnp::word));
    if (words.size() > small.size()) words = large = kj::heapArray<capnp::word>(words.size());
    std::memcpy(words.begin(), bytes.data(), bytes.size());
    capnp::FlatArrayMessageReader reader(words, {kTraversalWords, kNesting});
    if (reader.getEnd() != words.end()) return tl::unexpected<std::string>("bytes behind a frame's end");
    return read(reader.getRoot<schema::Frame>());
  } catch (const Malformed& e) {
    return tl::unexpected<std::string>(e.what);
  } catch (const kj::Exception& e) {
    return tl::unexpected<std::string>(std::string("no frame: ") + e.getDescription().cStr());
  } catch (const std::exception& e) {
    return tl::unexpected<std::string>(std::string("no frame: ") + e.what());
  }
}

}  // namespace troupe::wire
