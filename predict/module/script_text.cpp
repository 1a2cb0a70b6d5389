// Pickles and source text of a TorchScript file.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "predict/module/script_file.hpp"

namespace troupe::meta {
namespace {

tl::unexpected<Error> refused(std::string what, std::string given = {}, std::string hint = {}) {
  return fail({.code = ErrorCode::bad_data,
               .what = std::move(what),
               .given = std::move(given),
               .hint = std::move(hint)});
}

bool is_storage(std::string_view name) {
  constexpr std::string_view kEnd = "Storage";
  return name.size() > kEnd.size() && name.substr(name.size() - kEnd.size()) == kEnd;
}

/// What TorchScript's own pickles name: its classes, tensors, typed lists.
bool known(std::string_view module, std::string_view name) {
  if (module.substr(0, 9) == "__torch__" && (module.size() == 9 || module[9] == '.')) return true;
  if (module == "torch") return is_storage(name) || name == "device";
  if (module == "collections") return name == "OrderedDict";
  if (module == "torch._utils") return name.substr(0, 9) == "_rebuild_";
  return module == "torch.jit._pickle" && (name.substr(0, 6) == "build_" || name == "restore_type_tag");
}

/// Bytes of an opcode's argument; kLine: up to a new line, twice: two lines; kCounted1/4: a count of 1 or 4
/// bytes and as many bytes.
enum : int { kLine = -1, kTwoLines = -2, kCounted1 = -3, kCounted4 = -4, kUnknown = -5 };

int argument_of(std::uint8_t opcode) {
  switch (static_cast<char>(opcode)) {
    case '(':
    case ')':
    case '}':
    case ']':
    case '.':
    case 'N':
    case '0':
    case '1':
    case '2':
    case 'R':
    case 'b':
    case 't':
    case 'l':
    case 'd':
    case 'a':
    case 'e':
    case 's':
    case 'u':
    case 'Q':
      return 0;
    case 'K':
    case 'q':
    case 'h':
      return 1;
    case 'M':
      return 2;
    case 'J':
    case 'r':
    case 'j':
      return 4;
    case 'G':
      return 8;
    case 'c':
      return kTwoLines;
    case 'L':
    case 'I':
    case 'F':
      return kLine;
    case 'U':
      return kCounted1;
    case 'X':
    case 'T':
    case 'B':
      return kCounted4;
    default:
      break;
  }
  switch (opcode) {
    case 0x80:
      return 1;  // protocol
    case 0x81:
    case 0x85:
    case 0x86:
    case 0x87:
    case 0x88:
    case 0x89:
      return 0;  // new object, tuples, true, false
    case 0x8a:
      return kCounted1;  // long
    default:
      return kUnknown;
  }
}

bool word(char c) {
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Calls that a network has no business with, as TorchScript's source names them.
constexpr std::array<std::string_view, 8> kForbidden{
    "torch.save",         "torch.from_file", "torch.load",     "ops.aten.save",
    "ops.aten.from_file", "ops.aten.load",   "ops.aten._save", "torch._C"};

}  // namespace

Result<void> check_pickle(std::span<const std::uint8_t> pickle) {
  std::size_t at = 0;
  const auto ends = [] {
    return refused("a pickle in this TorchScript file ends early", {}, "Save it once more");
  };
  const auto line = [&]() -> std::string_view {
    const auto* begin = reinterpret_cast<const char*>(pickle.data()) + at;
    const auto* end = reinterpret_cast<const char*>(pickle.data()) + pickle.size();
    const auto* stop = std::find(begin, end, '\n');
    at = stop == end ? pickle.size() + 1 : at + static_cast<std::size_t>(stop - begin) + 1;
    return {begin, static_cast<std::size_t>(stop - begin)};
  };
  while (at < pickle.size()) {
    const std::uint8_t opcode = pickle[at++];
    if (opcode == '.') return {};
    int size = argument_of(opcode);
    if (size == kUnknown)
      return refused("a pickle in this file is not one that TorchScript writes",
                     "opcode " + std::to_string(opcode));
    if (size == kCounted1 || size == kCounted4) {
      const std::size_t width = size == kCounted1 ? 1 : 4;
      if (pickle.size() - at < width) return ends();
      std::size_t count = 0;
      for (std::size_t i = width; i-- > 0;) count = count << 8 | pickle[at + i];
      at += width;
      if (pickle.size() - at < count) return ends();
      at += count;
      continue;
    }
    if (size >= 0) {
      if (pickle.size() - at < static_cast<std::size_t>(size)) return ends();
      at += static_cast<std::size_t>(size);
      continue;
    }
    const std::string_view module = line();
    if (at > pickle.size()) return ends();
    if (size == kLine) continue;
    const std::string_view name = line();
    if (at > pickle.size()) return ends();
    if (!known(module, name))
      return refused("a pickle in this file names something that is not TorchScript's",
                     std::string(module).append(".").append(name),
                     "Loading it might run that: it is not loaded");
  }
  return ends();
}

Result<void> check_code(std::string_view code, const ScriptFileLimits& limits) {
  int open = 0;
  bool quoted = false, beginning = true;
  std::int64_t indented = 0;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    if (c == '\0') return refused("its source has a byte of zero");
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
      continue;
    }
    if (c == '"') quoted = true;
    if (c == '\n') {
      beginning = true;
      indented = 0;
      continue;
    }
    if (beginning && c == ' ') ++indented;
    if (c != ' ') beginning = false;
    if (c == '(' || c == '[' || c == '{') ++open;
    if (c == ')' || c == ']' || c == '}') --open;
    if (open > limits.nesting || indented > 2 * limits.nesting)
      return refused("its source is nested too deeply", {},
                     "At most " + std::to_string(limits.nesting) + " levels");
  }
  for (const std::string_view call : kForbidden)
    for (std::size_t at = code.find(call); at != std::string_view::npos; at = code.find(call, at + 1))
      if ((at == 0 || !word(code[at - 1])) &&
          (at + call.size() == code.size() || !word(code[at + call.size()])))
        return refused("this network would touch files", std::string(call), "It is not run");
  if (code.find("def __setstate__") != std::string_view::npos)
    return refused("this network runs code of its own while it is loaded", "__setstate__",
                   "It is not loaded. Save the network without packed or quantised parts");
  return {};
}

}  // namespace troupe::meta
