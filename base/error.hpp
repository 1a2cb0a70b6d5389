#pragma once
// The one error type that crosses troupe's interfaces. Exceptions stay inside a folder; LibTorch's and the
// standard library's are caught at the edge (see `from_current_exception`).
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace troupe {

enum class ErrorCode {
  bad_config,     // a file or flag the user wrote: exit 2
  bad_usage,      // a command line: exit 2
  not_found,      // a path, job or key that is not there
  bad_data,       // an input file that is no valid NIfTI, PNG, checkpoint …
  io,             // the operating system refused: full disk, permission …
  over_budget,    // an allocation past a slice's memory budget
  no_capacity,    // more cores or memory asked than there are
  peer_failed,    // a rank of a collective failed
  peer_missing,   // a rank of a collective never came
  not_connected,  // no cluster at that port
  wrong_version,  // a cluster of another version
  interrupted,    // Ctrl-C: exit 130
  internal,       // a bug of ours
};

/// What went wrong, where, what was given, what is allowed, what to do. Empty parts are left out of the text.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what;     // one sentence
  std::string where;    // file:line:column, path, job, slice
  std::string given;    // the offending value
  std::string allowed;  // range or choices
  std::string hint;     // what to do

  /// "WHERE: error: WHAT (given G; allowed A). HINT"
  std::string text() const;
  /// 2 for what the user wrote, 130 for an interrupt, 1 for the rest.
  int exit_code() const noexcept;
};

const char* to_string(ErrorCode code) noexcept;

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Error e) { return tl::unexpected<Error>(std::move(e)); }

/// Carries an Error through code that reports by exceptions (LibTorch, worker threads).
class ErrorException : public std::exception {
 public:
  explicit ErrorException(Error e);
  const char* what() const noexcept override { return text_.c_str(); }
  const Error& error() const noexcept { return error_; }

 private:
  Error error_;
  std::string text_;
};

/// To be called in a catch block: the Error of an ErrorException, or `internal` with the exception's text.
Error from_current_exception(std::string where) noexcept;

}  // namespace troupe
