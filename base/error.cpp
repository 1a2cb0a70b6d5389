#include "base/error.hpp"

#include <cstdio>
#include <filesystem>
#include <new>

namespace troupe {
namespace {

// What is shown may come from a hostile file: no control byte reaches the terminal.
std::string printable(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out;
}

Error with_where(Error e, std::string where) {
  if (e.where.empty()) e.where = std::move(where);
  return e;
}

Error thrown(ErrorCode code, const char* what, std::string where) {
  Error e;
  e.code = code;
  e.what = what;
  e.where = std::move(where);
  return e;
}

}  // namespace

std::string Error::text() const {
  std::string out;
  if (!where.empty()) out += where + ": ";
  out.append("error: ").append(what.empty() ? to_string(code) : what);
  if (!given.empty() || !allowed.empty()) {
    out += " (";
    if (!given.empty()) out.append("given ").append(given);
    if (!given.empty() && !allowed.empty()) out += "; ";
    if (!allowed.empty()) out.append("allowed ").append(allowed);
    out += ")";
  }
  if (!hint.empty()) out.append(". ").append(hint);
  return printable(out);
}

int Error::exit_code() const noexcept {
  switch (code) {
    case ErrorCode::bad_config:
    case ErrorCode::bad_usage:
      return 2;
    case ErrorCode::interrupted:
      return 130;
    default:
      return 1;
  }
}

const char* to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::bad_config:
      return "bad_config";
    case ErrorCode::bad_usage:
      return "bad_usage";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::bad_data:
      return "bad_data";
    case ErrorCode::io:
      return "io";
    case ErrorCode::over_budget:
      return "over_budget";
    case ErrorCode::no_capacity:
      return "no_capacity";
    case ErrorCode::peer_failed:
      return "peer_failed";
    case ErrorCode::peer_missing:
      return "peer_missing";
    case ErrorCode::not_connected:
      return "not_connected";
    case ErrorCode::wrong_version:
      return "wrong_version";
    case ErrorCode::interrupted:
      return "interrupted";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

ErrorException::ErrorException(Error e) : error_(std::move(e)), text_(error_.text()) {}

Error from_current_exception(std::string where) noexcept {
  try {
    throw;
  } catch (const ErrorException& e) {
    return with_where(e.error(), std::move(where));
  } catch (const std::filesystem::filesystem_error& e) {
    return thrown(ErrorCode::io, e.what(), std::move(where));
  } catch (const std::bad_alloc&) {
    return thrown(ErrorCode::internal, "no memory left", std::move(where));
  } catch (const std::exception& e) {
    return thrown(ErrorCode::internal, e.what(), std::move(where));
  } catch (...) {
    return thrown(ErrorCode::internal, "an exception of an unknown type", std::move(where));
  }
}

}  // namespace troupe
