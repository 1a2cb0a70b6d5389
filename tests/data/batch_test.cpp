// The queue between a loader and the step: order, bounds, restart and close, with real threads.
#include "data/batch.hpp"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace troupe {
namespace {

std::shared_ptr<const Batch> batch(std::int64_t step) {
  auto b = std::make_shared<Batch>();
  b->step = step;
  return b;
}

TEST(BatchQueue, HandsOverEveryStepInOrder) {
  BatchQueue queue(2);
  std::jthread producer([&] {
    for (std::int64_t step = 0; step < 200; ++step) EXPECT_TRUE(queue.push(batch(step)));
  });
  for (std::int64_t step = 0; step < 200; ++step) ASSERT_EQ(queue.wait(step)->step, step);
}

TEST(BatchQueue, GivesOneStepToManyConsumers) {
  BatchQueue queue(3);
  queue.push(batch(0));
  std::vector<std::future<std::shared_ptr<const Batch>>> taken;
  for (int i = 0; i < 4; ++i) {
    taken.push_back(std::async(std::launch::async, [&] { return queue.wait(0); }));
  }
  const auto expected = queue.wait(0);
  for (auto& t : taken) EXPECT_EQ(t.get(), expected);
}

TEST(BatchQueue, APushBlocksWhileFullUntilAConsumerMovesOn) {
  BatchQueue queue(1);
  ASSERT_TRUE(queue.push(batch(0)));
  std::atomic<bool> pushed = false;
  std::jthread producer([&] { pushed = queue.push(batch(1)); });
  EXPECT_EQ(queue.wait(0)->step, 0);  // keeps its place: others may want it
  EXPECT_FALSE(pushed);
  EXPECT_EQ(queue.wait(1)->step, 1);
  producer.join();
  EXPECT_TRUE(pushed);
}

TEST(BatchQueue, AConsumerAheadLetsTheProducerCatchUp) {
  BatchQueue queue(1);
  std::jthread producer([&] {
    for (std::int64_t step = 0; step <= 50; ++step) EXPECT_TRUE(queue.push(batch(step)));
  });
  EXPECT_EQ(queue.wait(50)->step, 50);
}

TEST(BatchQueue, ABlockedPushOfTheOldPlaceReturnsFalseAfterARestart) {
  BatchQueue queue(1);
  ASSERT_TRUE(queue.push(batch(0)));
  auto old = std::async(std::launch::async, [&] { return queue.push(batch(1)); });
  queue.restart(100);
  EXPECT_FALSE(old.get());
  EXPECT_FALSE(queue.push(batch(1)));
  EXPECT_TRUE(queue.push(batch(100)));
  EXPECT_EQ(queue.wait(100)->step, 100);
}

TEST(BatchQueue, CloseWakesEveryoneWithTheFirstReason) {
  BatchQueue queue(1);
  ASSERT_TRUE(queue.push(batch(0)));
  auto producer = std::async(std::launch::async, [&] { return queue.push(batch(1)); });
  auto consumer = std::async(std::launch::async, [&] { return queue.wait(7); });
  queue.close({ErrorCode::bad_data, "the disk is gone", "", "", "", ""});
  queue.close({ErrorCode::internal, "later", "", "", "", ""});
  // the producer may have got its batch in when the consumer ahead dropped the older one, never after the
  // close
  producer.wait();
  try {
    consumer.get();
    FAIL() << "a closed queue gave a batch";
  } catch (const ErrorException& e) {
    EXPECT_EQ(e.error().what, "the disk is gone");
  }
  EXPECT_FALSE(queue.push(batch(2)));
  EXPECT_THROW(queue.wait(0), ErrorException);
}

TEST(BatchQueue, AStepThatWasDroppedIsAnErrorAndNoEndlessWait) {
  BatchQueue queue(4);
  queue.push(batch(0));
  queue.push(batch(1));
  queue.wait(1);
  EXPECT_THROW(queue.wait(0), ErrorException);
}

TEST(BatchQueue, CountsTheTimeConsumersWaited) {
  BatchQueue queue(2);
  queue.push(batch(0));
  queue.wait(0);
  EXPECT_EQ(queue.waited_seconds(), 0);
  std::jthread producer([&] {
    std::this_thread::yield();
    queue.push(batch(1));
  });
  queue.wait(1);
  EXPECT_GE(queue.waited_seconds(), 0);
  EXPECT_THROW(BatchQueue(0), ErrorException);
}

}  // namespace
}  // namespace troupe
