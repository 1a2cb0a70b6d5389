#include "base/config_guard.hpp"

#include <fmt/format.h>

namespace troupe::schema {
namespace {

// Follows TOML's strings and comments just closely enough to count what stands outside them.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text), at_(text.starts_with("\xef\xbb\xbf") ? 3 : 0) {}

  /// The first trouble, or an empty text; line() and column() tell where.
  std::string trouble() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\0') return "a NUL byte";
      if (c == '"' || c == '\'') {
        // toml++ reads on as if it were none, this scanner would not: characters in between would get past
        if (!follows(in_value_ ? "\n=[," : "\n[{,.")) return "a quote inside a value or a name";
        blank_ = false;
        last_ = c;
        skip_string(c);
        continue;
      }
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\0') ++at_;
        continue;
      }
      // toml++ 3.3 runs into undefined behaviour when it classifies some of these
      if (static_cast<unsigned char>(c) >= 0x80)
        return "a character that TOML allows in quotes and comments alone";
      if ((c == '[' || c == '{') && !follows("\n=[,")) return "a bracket inside a value or a name";
      if (c == '[' && open_.empty() && blank_ && !header_begins_with_key())
        return "a table's header that does not begin with a key";
      count(c);
      blank_ = c == '\n' || (blank_ && (c == ' ' || c == '\t'));
      if (c != ' ' && c != '\t' && c != '\r') last_ = c;
      if (open_.size() > kMaxNesting || dots_ > kMaxNesting) return "nested too deep";
      ++at_;
    }
    return "";
  }

  std::size_t line() const {
    std::size_t lines = 1;
    for (const char c : text_.substr(0, at_)) lines += c == '\n';
    return lines;
  }
  std::size_t column() const {
    const std::size_t newline = text_.substr(0, at_).rfind('\n');
    return newline == std::string_view::npos ? at_ + 1 : at_ - newline;
  }

 private:
  /// Whether what came last, but for white space, is one of these.
  bool follows(std::string_view any) const { return any.find(last_) != std::string_view::npos; }

  /// toml++ 3.3 takes it for granted: with assertions it aborts, without them it is undefined behaviour.
  bool header_begins_with_key() const {
    std::size_t next = at_ + 1;
    if (next < text_.size() && text_[next] == '[') ++next;
    while (next < text_.size() && (text_[next] == ' ' || text_[next] == '\t')) ++next;
    if (next == text_.size()) return true;  // toml++ says so itself
    const char c = text_[next];
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '"' || c == '\'' || c == ']';
  }

  void count(char c) {
    const bool in_array = !open_.empty() && open_.back() == '[';
    if (c == '[') {
      const bool header = (open_.empty() && blank_) || (open_ == "h" && last_ == '[');
      open_ += header ? 'h' : '[';
      in_value_ = !header;
    } else if (c == '{') {
      open_ += c;
      in_value_ = false;
    } else if (c == ']' || c == '}') {
      if (!open_.empty()) open_.pop_back();
      in_value_ = true;
    } else if (c == '=') {
      in_value_ = true;
    } else if (c == ',' || c == '\n') {
      in_value_ = in_array;
    }
    if (c == '.') {
      ++dots_;
    } else if (c == '=' || c == ',' || c == '\n' || c == '[' || c == ']' || c == '{' || c == '}') {
      dots_ = 0;
    }
  }

  // Stops at the closing quotes, at the end of the line for a one-line string, or at a NUL byte.
  void skip_string(char quote) {
    const std::string three(3, quote);
    const bool lines = text_.substr(at_, 3) == three;
    at_ += lines ? 3 : 1;
    while (at_ < text_.size() && text_[at_] != '\0') {
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\0') {
        at_ += 2;
      } else if (lines && text_.substr(at_, 3) == three) {
        at_ += 3;
        while (at_ < text_.size() && text_[at_] == quote)
          ++at_;  // up to two quotes may end the content itself
        return;
      } else if (!lines && (text_[at_] == quote || text_[at_] == '\n')) {
        ++at_;
        return;
      } else {
        ++at_;
      }
    }
  }

  std::string_view text_;
  std::size_t at_;    // starts behind a byte order mark
  std::string open_;  // brackets: '[' of arrays, '{' of inline tables, 'h' of headers
  int dots_ = 0;
  bool in_value_ = false;  // else in a name
  bool blank_ = true;      // nothing but white space in this line so far
  char last_ = '\n';       // that is no white space; a string counts as its first character
};

}  // namespace

std::optional<Error> guard_text(std::string_view text, const std::string& file) {
  Error e;
  e.code = ErrorCode::bad_config;
  e.where = file;
  if (text.size() > kMaxConfigBytes) {
    e.what = "too long for a configuration";
    e.given = fmt::format("{} bytes", text.size());
    e.allowed = fmt::format("at most {} bytes", kMaxConfigBytes);
    return e;
  }
  Scanner scanner(text);
  e.what = scanner.trouble();
  if (e.what.empty()) return {};
  e.where = fmt::format("{}:{}:{}", file, scanner.line(), scanner.column());
  if (e.what == "nested too deep") e.allowed = fmt::format("at most {} levels", kMaxNesting);
  return e;
}

}  // namespace troupe::schema
