#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "transport/frame.hpp"

namespace troupe::wire {
namespace {

std::span<const std::byte> bytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::vector<Frame> one_of_each() {
  const Session session{0x0123456789abcdefULL, 7};
  return {Hello{kVersion, "cluster", "a", "b", session},
          Welcome{session},
          Refused{"no"},
          Alive{},
          Reset{session, "it was silent"},
          Data{4'000'000'000U, Priority::state, 5, 6, 1ULL << 40, 0, std::string("head\0er", 7)},
          Data{1, Priority::samples, 5, 6, 100, 99, ""},
          Credit{9, 8, 7, true, 1ULL << 30},
          Cancel{9, 8, ErrorCode::over_budget, "too much"},
          Close{9, 8, 7}};
}

TEST(Frame, EveryKindReadsBackAsItself) {
  for (const auto& frame : one_of_each()) {
    const auto back = decode(bytes(encode(frame)));
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(*back, frame);
  }
}

TEST(Frame, IsReadFromAnyAlignment) {
  const auto text = encode(one_of_each()[5]);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    const auto storage = std::string(shift, 'x') + text;
    const auto back = decode(bytes(storage).subspan(shift));
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(*back, one_of_each()[5]);
  }
}

TEST(Frame, ALongHeaderFitsAndALongerOneIsRefused) {
  Data data;
  data.header.assign(kHeaderLimit, 'x');
  const auto text = encode(data);
  EXPECT_LE(text.size(), kFrameLimit);
  EXPECT_TRUE(decode(bytes(text)));
  data.header += "y";
  EXPECT_FALSE(decode(bytes(encode(data))));
}

TEST(Frame, ATruncatedOrProlongedOneIsRefused) {
  for (const auto& frame : one_of_each()) {
    const auto text = encode(frame);
    for (std::size_t size = 0; size < text.size(); ++size)
      EXPECT_FALSE(decode(bytes(text.substr(0, size)))) << size;
    EXPECT_FALSE(decode(bytes(text + std::string(8, '\0'))));
    EXPECT_FALSE(decode(bytes(text + "x")));
  }
  EXPECT_FALSE(decode(bytes(std::string(kFrameLimit + 8, '\0'))));
}

TEST(Frame, ValuesPastTheirLimitsAreRefused) {
  Hello hello{kVersion, "cluster", "a", "b", {1, 1}};
  for (auto* name : {&hello.cluster, &hello.from, &hello.to}) {
    const auto before = *name;
    for (const auto& bad : {std::string(), std::string(kNameLimit + 1, 'n'), std::string("a\nb")}) {
      *name = bad;
      EXPECT_FALSE(decode(bytes(encode(hello)))) << bad;
    }
    *name = before;
  }
  EXPECT_FALSE(decode(bytes(encode(Data{1, static_cast<Priority>(4), 1, 1, 1, 0, ""}))));
  EXPECT_FALSE(decode(bytes(encode(Data{1, Priority::control, 1, 1, 10, 11, ""}))));
  EXPECT_FALSE(decode(bytes(encode(Data{1, Priority::control, 1, 1, 10, 5, "header"}))));
  EXPECT_FALSE(decode(bytes(encode(Cancel{1, 1, static_cast<ErrorCode>(200), ""}))));
}

TEST(Frame, AnotherVersionsHelloTellsItsVersion) {
  const auto back = decode(bytes(encode(Hello{kVersion + 1, "", "", "", {}})));
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(std::get<Hello>(*back).version, kVersion + 1);
}

TEST(Frame, AReasonIsCut) {
  const auto back = decode(bytes(encode(Refused{std::string(10 * kWhyLimit, 'w')})));
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(std::get<Refused>(*back).why.size(), kWhyLimit);
}

TEST(Frame, NoBytesCrashTheDecoder) {
  std::mt19937 random(1);
  const auto frames = one_of_each();
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto text = encode(frames[random() % frames.size()]);
    for (auto flips = random() % 8; flips <= 8; ++flips)
      text[random() % text.size()] = static_cast<char>(random());
    if (!decode(bytes(text))) ++refused;
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace troupe::wire
