#include "transport/knocks.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "base/descriptor.hpp"

namespace troupe {
namespace {

constexpr int kBurst = static_cast<int>(Knocks::kBurst);

void knock(Knocks& knocks, const std::string& address, double now, int times) {
  for (int i = 0; i < times; ++i) knocks.refused(address, now);
}

TEST(Knocks, WhoIsRefusedTooOftenIsBarredUntilItIsForgiven) {
  Knocks knocks;
  knock(knocks, "a", 100, kBurst - 1);
  EXPECT_FALSE(knocks.barred("a", 100));
  knocks.refused("a", 100);
  EXPECT_TRUE(knocks.barred("a", 100));
  EXPECT_FALSE(knocks.barred("b", 100)) << "another address";
  EXPECT_FALSE(knocks.barred("a", 100 + 1 / Knocks::kForgivenPerSecond));
}

TEST(Knocks, SoManyASecondMayGoOnForEver) {
  Knocks knocks;
  double now = 0;
  for (int i = 0; i < 1000; ++i, now += 1 / Knocks::kForgivenPerSecond) {
    knocks.refused("a", now);
    ASSERT_FALSE(knocks.barred("a", now)) << i;
  }
}

TEST(Knocks, AnAddressFromWhichAKeyWasShownIsNeverBarred) {
  Knocks knocks;
  knock(knocks, "a", 0, 2 * kBurst);
  ASSERT_TRUE(knocks.barred("a", 0));
  knocks.let_in("a");
  EXPECT_FALSE(knocks.barred("a", 0));
  knock(knocks, "a", 0, 2 * kBurst);
  EXPECT_FALSE(knocks.barred("a", 0));
}

TEST(Knocks, WhatHasNoAddressIsNotRemembered) {
  Knocks knocks;
  knock(knocks, "", 0, 2 * kBurst);
  EXPECT_FALSE(knocks.barred("", 0));
  EXPECT_EQ(knocks.remembered(), 0U);
}

TEST(Knocks, MemoryIsBoundedAndWhatIsForgivenIsForgotten) {
  Knocks knocks;
  for (std::size_t i = 0; i < Knocks::kMost + 100; ++i) knocks.refused(std::to_string(i), 0);
  EXPECT_EQ(knocks.remembered(), Knocks::kMost);
  knocks.forget(1);
  EXPECT_EQ(knocks.remembered(), 0U);
}

/// An accepted connection from one address of this machine to another.
std::string seen_from(int family, const char* from) {
  const Descriptor door(::socket(AF_INET6, SOCK_STREAM, 0)), guest(::socket(family, SOCK_STREAM, 0));
  sockaddr_in6 any{};  // of both families
  any.sin6_family = AF_INET6;
  socklen_t size = sizeof any;
  const int off = 0;
  EXPECT_EQ(::setsockopt(door.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off), 0);
  EXPECT_EQ(::bind(door.get(), reinterpret_cast<sockaddr*>(&any), size), 0);
  EXPECT_EQ(::listen(door.get(), 1), 0);
  EXPECT_EQ(::getsockname(door.get(), reinterpret_cast<sockaddr*>(&any), &size), 0);
  if (family == AF_INET6) {
    any.sin6_addr = in6addr_loopback;
    EXPECT_EQ(::connect(guest.get(), reinterpret_cast<sockaddr*>(&any), size), 0);
  } else {
    sockaddr_in own{}, there{};
    own.sin_family = there.sin_family = AF_INET;
    ::inet_pton(AF_INET, from, &own.sin_addr);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    there.sin_port = any.sin6_port;
    EXPECT_EQ(::bind(guest.get(), reinterpret_cast<sockaddr*>(&own), sizeof own), 0);
    EXPECT_EQ(::connect(guest.get(), reinterpret_cast<sockaddr*>(&there), sizeof there), 0);
  }
  const Descriptor accepted(::accept(door.get(), nullptr, nullptr));
  return address_of_peer(accepted.get());
}

TEST(AddressOfPeer, OfIpv4MappedOrNotIsFourBytes) {
  EXPECT_EQ(seen_from(AF_INET, "127.0.0.2"), std::string("\x7f\0\0\x02", 4));
  EXPECT_NE(seen_from(AF_INET, "127.0.0.3"), seen_from(AF_INET, "127.0.0.2"));
}

TEST(AddressOfPeer, OfIpv6IsTheNetwork) { EXPECT_EQ(seen_from(AF_INET6, "::1"), std::string(8, '\0')); }

TEST(AddressOfPeer, OfWhatHasNoneIsEmpty) { EXPECT_EQ(address_of_peer(-1), ""); }

}  // namespace
}  // namespace troupe
