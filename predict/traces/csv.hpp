#pragma once
// Comma-separated tables with a header, as traces are published. Hostile until read: whatever is wrong is an
// Error of code bad_data that names file, line and column.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace troupe::traces {

constexpr std::int64_t kMostBytes = std::int64_t{1} << 30;  // of one file; a million tasks are a tenth of it

/// One row's fields, in the order in which the columns were asked for.
class CsvRow {
 public:
  std::string_view text(std::size_t column) const { return fields_[column].text; }
  /// A whole number in [low, high].
  Result<std::int64_t> integer(std::size_t column, std::int64_t low, std::int64_t high) const;
  /// A finite number in [low, high].
  Result<double> number(std::size_t column, double low, double high) const;
  tl::unexpected<Error> wrong(std::size_t column, std::string what, std::string allowed) const;

 private:
  friend class Csv;
  struct Field {
    std::string_view text;
    std::size_t at = 0;  // characters before it in the line
  };
  const class Csv* table_ = nullptr;
  std::size_t line_ = 0;  // from 1
  std::vector<Field> fields_;
};

/// Holds the text; rows point into it. Lines end in LF or CRLF, blank lines are passed over, fields are not
/// quoted. Every row has as many fields as the header.
class Csv {
 public:
  /// Reads the file; it must have all of `columns`, in any order and among any others, and at least one row.
  static Result<Csv> read(const std::filesystem::path& file, const std::vector<std::string>& columns);
  static Result<Csv> parse(std::string text, std::string name, const std::vector<std::string>& columns);

  std::size_t size() const { return lines_.size(); }
  Result<CsvRow> row(std::size_t index) const;

 private:
  friend class CsvRow;
  struct Line {
    std::size_t begin = 0, end = 0, number = 0;
  };
  std::vector<CsvRow::Field> split(const Line& line) const;

  std::string text_, name_;
  std::vector<std::string> columns_;
  std::vector<std::size_t> index_;  // of each asked-for column, in the file
  std::size_t width_ = 0;
  std::vector<Line> lines_;
};

}  // namespace troupe::traces
