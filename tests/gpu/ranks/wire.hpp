#pragma once
// Messages between the test and the processes of its ranks, over a pair of sockets.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe::test {

enum class Ask : std::int64_t { make, drop, barrier, broadcast, sum, several };  // on the first socket
enum class Aside : std::int64_t { abort, failure, bytes };                       // on the second, any time
enum class Told : std::int64_t { called_back, done };  // a call may be followed by calls back

/// Written and read in one order.
class Message {
 public:
  void put(std::int64_t value) { append(&value, sizeof value); }
  void put_text(const std::string& text) {
    put(static_cast<std::int64_t>(text.size()));
    append(text.data(), text.size());
  }
  template <class T>
  void put_all(std::span<const T> values) {
    put(static_cast<std::int64_t>(values.size()));
    append(values.data(), values.size_bytes());
  }
  void put_result(const std::optional<Error>& error) {
    put(error ? 1 : 0);
    if (!error) return;
    put(static_cast<std::int64_t>(error->code));
    for (const auto& part : {error->what, error->where, error->given, error->allowed, error->hint})
      put_text(part);
  }
  std::int64_t get() {
    std::int64_t value = 0;
    take(&value, sizeof value);
    return value;
  }
  std::string get_text() {
    std::string text(static_cast<std::size_t>(get()), '\0');
    take(text.data(), text.size());
    return text;
  }
  template <class T>
  std::vector<T> get_all() {
    std::vector<T> values(static_cast<std::size_t>(get()));
    take(values.data(), values.size() * sizeof(T));
    return values;
  }
  std::optional<Error> get_result() {
    if (get() == 0) return std::nullopt;
    Error error{.code = static_cast<ErrorCode>(get()), .what = {}};
    for (auto* part : {&error.what, &error.where, &error.given, &error.allowed, &error.hint})
      *part = get_text();
    return error;
  }

  /// False: the other end is gone.
  bool send(int socket) const {
    const auto size = static_cast<std::uint64_t>(bytes_.size());
    return send_all(socket, &size, sizeof size) && send_all(socket, bytes_.data(), bytes_.size());
  }
  static std::optional<Message> receive(int socket) {
    std::uint64_t size = 0;
    if (!receive_all(socket, &size, sizeof size)) return std::nullopt;
    Message message;
    message.bytes_.resize(size);
    if (!receive_all(socket, message.bytes_.data(), size)) return std::nullopt;
    return message;
  }

 private:
  void append(const void* from, std::size_t n) { bytes_.append(static_cast<const char*>(from), n); }
  void take(void* to, std::size_t n) {
    if (n == 0) return;
    if (bytes_.size() - at_ < n) throw std::runtime_error("a message of a rank's process ends too soon");
    std::memcpy(to, bytes_.data() + at_, n);
    at_ += n;
  }
  static bool send_all(int socket, const void* from, std::size_t n) {
    const char* at = static_cast<const char*>(from);
    while (n > 0) {
      const auto sent = ::send(socket, at, n, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      at += sent;
      n -= static_cast<std::size_t>(sent);
    }
    return true;
  }
  static bool receive_all(int socket, void* to, std::size_t n) {
    char* at = static_cast<char*>(to);
    while (n > 0) {
      const auto got = ::recv(socket, at, n, 0);
      if (got <= 0) return false;
      at += got;
      n -= static_cast<std::size_t>(got);
    }
    return true;
  }
  std::string bytes_;
  std::size_t at_ = 0;
};

}  // namespace troupe::test
