#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "gpu/cuda/graph_key.hpp"

namespace troupe::cuda {
namespace {

GraphKey key(unsigned sms) {
  GraphKey k;
  k.job = "gan";
  k.phase = "64x64";
  k.part = "critic";
  k.shape = {8, 1, 64, 64};
  k.sms = sms;
  return k;
}

TEST(GraphKey, AnythingThatDiffersIsAnotherGraphAndIsNamed) {
  const std::string x = "x";
  const std::vector<std::pair<std::string, std::function<void(GraphKey&)>>> changes = {
      {"job gan -> x", [&](auto& k) { k.job = x; }},
      {"phase 64x64 -> x", [&](auto& k) { k.phase = x; }},
      {"part critic -> x", [&](auto& k) { k.part = x; }},
      {"shape [8, 1, 64, 64] -> [8]", [&](auto& k) { k.shape = {8}; }},
      {"precision  -> x", [&](auto& k) { k.precision = x; }},
      {"layout  -> x", [&](auto& k) { k.layout = x; }},
      {"device 0 -> 1", [&](auto& k) { k.device = 1; }},
      {"sms 32 -> 64", [&](auto& k) { k.sms = 64; }},
      {"context 0 -> 1", [&](auto& k) { k.context = 1; }},
      {"addresses 0 -> 1", [&](auto& k) { k.addresses = 1; }},
      {"driver 0 -> 1", [&](auto& k) { k.driver = 1; }},
      {"runtime 0 -> 1", [&](auto& k) { k.runtime = 1; }},
      {"torch 0 -> 1", [&](auto& k) { k.torch = 1; }},
      {"cudnn 0 -> 1", [&](auto& k) { k.cudnn = 1; }},
      {"cublas 0 -> 1", [&](auto& k) { k.cublas = 1; }},
      {"nccl 0 -> 1", [&](auto& k) { k.nccl = 1; }}};
  for (const auto& [text, change] : changes) {
    auto other = key(32);
    change(other);
    EXPECT_EQ(difference(key(32), other), text);
    GraphCache<int> cache(2);
    cache.put(key(32), 1);
    EXPECT_EQ(cache.find(other), nullptr) << text;
  }
  EXPECT_EQ(difference(key(32), key(32)), "");
}

TEST(GraphCache, DropsWhatWasUsedLongestAgo) {
  GraphCache<std::shared_ptr<int>> cache(2);
  const auto first = std::make_shared<int>(1);
  cache.put(key(8), first);
  cache.put(key(16), std::make_shared<int>(2));
  EXPECT_EQ(**cache.find(key(8)), 1);
  cache.put(key(24), std::make_shared<int>(3));
  EXPECT_EQ(cache.find(key(16)), nullptr);
  EXPECT_EQ(**cache.find(key(8)), 1);
  EXPECT_EQ(cache.size(), 2U);
  cache.put(key(8), std::make_shared<int>(4));
  EXPECT_EQ(first.use_count(), 1) << "what is captured anew frees what was there";
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.drop_where([](const GraphKey& k) { return k.sms == 8; }), 1U);
  EXPECT_EQ(cache.find(key(8)), nullptr);
  EXPECT_EQ(cache.hits(), 2);
  EXPECT_EQ(cache.misses(), 2);
}

}  // namespace
}  // namespace troupe::cuda
