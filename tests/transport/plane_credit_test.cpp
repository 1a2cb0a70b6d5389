#include <gtest/gtest.h>

#include <numeric>

#include "transport/credit.hpp"
#include "transport/outbox.hpp"

namespace troupe::plane {
namespace {

constexpr std::size_t kPiece = 100;

struct Memory {
  std::vector<std::byte> bytes;
  std::shared_ptr<int> owner = std::make_shared<int>(0);
  explicit Memory(std::size_t size) : bytes(size) {}
  Payload payload(std::vector<std::size_t> cuts = {}) const {
    Payload result{{}, owner};
    std::size_t begin = 0;
    cuts.push_back(bytes.size());
    for (const auto end : cuts) {
      result.parts.emplace_back(bytes.data() + begin, end - begin);
      begin = end;
    }
    return result;
  }
};

wire::Data data(std::uint32_t channel, Priority priority, std::uint64_t total, std::string header = "h") {
  return {channel, priority, 1, 0, total, 0, std::move(header)};
}

TEST(Credit, NoMoreIsSpentThanThereIs) {
  SendCredit credit{1, 1000, 1000, 0};
  EXPECT_TRUE(credit.spend(600));
  EXPECT_FALSE(credit.spend(401));
  EXPECT_TRUE(credit.spend(400));
  EXPECT_FALSE(credit.spend(1));
  EXPECT_TRUE(credit.add(1000));
  EXPECT_FALSE(credit.add(1)) << "more came back than was sent";
}

TEST(Credit, TheReceiverTakesAWindowAndNoByteMore) {
  ReceiveWindow window(800);
  EXPECT_TRUE(window.arrive(800));
  EXPECT_FALSE(window.arrive(1));
  window.give_back(99);
  EXPECT_EQ(window.take_due(), 0U) << "less than a lot stays";
  EXPECT_FALSE(window.arrive(1)) << "credit that was not told is none";
  window.give_back(1);
  EXPECT_EQ(window.take_due(), 100U);
  EXPECT_EQ(window.held(), 700U);
  EXPECT_TRUE(window.arrive(100));
  EXPECT_FALSE(window.arrive(1));
}

TEST(Credit, TheLargestMessageAlwaysGetsItsCreditInTheEnd) {
  constexpr std::uint64_t kWindow = 1003;
  SendCredit sender{1, kWindow, kWindow, 0};
  ReceiveWindow receiver(kWindow);
  for (std::uint64_t cost = 1; cost <= message_limit(kWindow); ++cost)
    for (const auto each : {cost, message_limit(kWindow)}) {
      ASSERT_TRUE(sender.spend(each)) << each;
      ASSERT_TRUE(receiver.arrive(each));
      receiver.give_back(each);
      ASSERT_TRUE(sender.add(receiver.take_due()));
    }
}

TEST(Outbox, CutsAMessageIntoPiecesOfItsOwnMemory) {
  const Memory memory(250);
  Outbox outbox(kPiece);
  outbox.push(data(3, Priority::state, 250), memory.payload({130, 130}));
  EXPECT_EQ(outbox.bytes(), 250U);
  const std::vector<std::pair<std::size_t, std::size_t>> expected = {
      {0, 100}, {100, 30}, {130, 100}, {230, 20}};
  for (const auto& [offset, size] : expected) {
    ASSERT_FALSE(outbox.empty());
    const auto piece = outbox.take();
    const auto& frame = std::get<wire::Data>(piece.frame);
    EXPECT_EQ(frame.offset, offset);
    EXPECT_EQ(frame.total, 250U);
    EXPECT_EQ(frame.header, offset == 0 ? "h" : "");
    EXPECT_EQ(piece.body.data(), memory.bytes.data() + offset) << "nothing was copied";
    EXPECT_EQ(piece.body.size(), size);
    EXPECT_EQ(piece.owner, memory.owner);
    EXPECT_EQ(piece.priority, Priority::state);
  }
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.bytes(), 0U);
  EXPECT_EQ(memory.owner.use_count(), 1);
}

TEST(Outbox, AHigherClassOvertakesAMessageHalfWay) {
  const Memory memory(250);
  Outbox outbox(kPiece);
  outbox.push(data(1, Priority::samples, 250), memory.payload());
  EXPECT_EQ(std::get<wire::Data>(outbox.take().frame).channel, 1U);
  outbox.push(data(2, Priority::state, 0), {});
  outbox.push(data(3, Priority::gradients, 0), {});
  outbox.push(data(4, Priority::control, 0), {});
  std::vector<std::uint32_t> order;
  while (!outbox.empty()) order.push_back(std::get<wire::Data>(outbox.take().frame).channel);
  EXPECT_EQ(order, (std::vector<std::uint32_t>{4, 3, 2, 1, 1}));
}

TEST(Outbox, DropsAChannelsMessagesAndKeepsTheOthers) {
  const Memory memory(250);
  Outbox outbox(kPiece);
  outbox.push(data(1, Priority::state, 250), memory.payload());
  outbox.push(data(2, Priority::state, 250), memory.payload());
  outbox.take();
  Garbage garbage;
  outbox.drop(1, 2, garbage);
  EXPECT_EQ(outbox.bytes(), 400U) << "another opening is another channel";
  outbox.drop(1, 1, garbage);
  EXPECT_EQ(garbage.size(), 1U);
  EXPECT_EQ(outbox.bytes(), 250U);
  EXPECT_EQ(std::get<wire::Data>(outbox.take().frame).channel, 2U);
}

TEST(Outbox, CostsWhatItsPiecesCost) {
  const Memory memory(250);
  for (const auto& cuts : {std::vector<std::size_t>{}, {130, 130}, {0, 250}}) {
    Outbox outbox(kPiece);
    const auto payload = memory.payload(cuts);
    outbox.push(data(1, Priority::state, 250), payload);
    std::uint64_t cost = 0;
    while (!outbox.empty()) {
      const auto piece = outbox.take();
      cost += piece_cost(std::get<wire::Data>(piece.frame).header.size(), piece.body.size());
    }
    EXPECT_EQ(cost, message_cost(1, payload, kPiece));
  }
  EXPECT_EQ(message_cost(5, {}, kPiece), piece_cost(5, 0)) << "an empty message is one piece";
}

}  // namespace
}  // namespace troupe::plane
