#include "base/hash.hpp"

#include <gtest/gtest.h>

namespace troupe {
namespace {

TEST(Hash, IsXxh3) {
  EXPECT_EQ(hash_bytes(nullptr, 0), 0x2d06800538d394c2ULL);  // the published value of no bytes, seed 0
  EXPECT_EQ(hex(0x2d06800538d394c2ULL), "2d06800538d394c2");
  EXPECT_EQ(hex(1), "0000000000000001");
}

TEST(Hash, OfPiecesIsThatOfTheWhole) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += static_cast<char>(i * 7);
  for (const std::size_t piece : {1UL, 3UL, 255UL, 1024UL, 2999UL}) {
    Hasher hasher;
    for (std::size_t at = 0; at < text.size(); at += piece)
      hasher.add(std::string_view(text).substr(at, piece));
    EXPECT_EQ(hasher.value(), hash_bytes(text.data(), text.size())) << piece;
  }
}

TEST(Hash, SeesEveryByte) {
  std::string text(500, 'x');
  const auto before = hash_bytes(text.data(), text.size());
  for (char& c : text) {
    c = 'y';
    EXPECT_NE(hash_bytes(text.data(), text.size()), before);
    c = 'x';
  }
}

}  // namespace
}  // namespace troupe
