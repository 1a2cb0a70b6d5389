#include "predict/traces/csv.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/files.hpp"

namespace troupe::traces {
namespace {

constexpr std::size_t kMostShown = 60;  // characters of a wrong value

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMostShown))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return text.size() > kMostShown ? out + "…" : out;
}

std::string place(const std::string& name, std::size_t line, std::size_t column) {
  return fmt::format("{}:{}:{}", name, line, column);
}

}  // namespace

tl::unexpected<Error> CsvRow::wrong(std::size_t column, std::string what, std::string allowed) const {
  const Field& field = fields_[column];
  return fail({ErrorCode::bad_data, table_->columns_[column] + " " + std::move(what),
               place(table_->name_, line_, field.at + 1), shown(field.text), std::move(allowed), ""});
}

Result<std::int64_t> CsvRow::integer(std::size_t column, std::int64_t low, std::int64_t high) const {
  const auto range = fmt::format("{} … {}", low, high);
  const std::string_view text = fields_[column].text;
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size()) return wrong(column, "is not a whole number", range);
  if (code != std::errc{} || value < low || value > high) return wrong(column, "is out of range", range);
  return value;
}

Result<double> CsvRow::number(std::size_t column, double low, double high) const {
  const auto range = fmt::format("{} … {}", low, high);
  const std::string_view text = fields_[column].text;
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size()) return wrong(column, "is not a number", range);
  if (code != std::errc{} || !std::isfinite(value) || value < low || value > high)
    return wrong(column, "is out of range", range);
  return value;
}

Result<Csv> Csv::read(const std::filesystem::path& file, const std::vector<std::string>& columns) {
  auto text = read_file(file, kMostBytes);
  if (!text) return fail(text.error());
  return parse(std::move(*text), file.string(), columns);
}

Result<Csv> Csv::parse(std::string text, std::string name, const std::vector<std::string>& columns) {
  Csv csv;
  csv.text_ = std::move(text);
  csv.name_ = std::move(name);
  csv.columns_ = columns;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < csv.text_.size();) {
    const std::size_t end = std::min(csv.text_.find('\n', begin), csv.text_.size());
    std::size_t last = end;
    if (last > begin && csv.text_[last - 1] == '\r') --last;
    ++number;
    if (last > begin) csv.lines_.push_back({begin, last, number});
    begin = end + 1;
  }
  if (csv.lines_.empty())
    return fail(
        {ErrorCode::bad_data, "the file is empty", place(csv.name_, 1, 1), "", "a header and rows", ""});
  const auto header = csv.split(csv.lines_.front());
  csv.width_ = header.size();
  for (const auto& column : columns) {
    const auto at =
        std::find_if(header.begin(), header.end(), [&](const auto& f) { return f.text == column; });
    if (at == header.end())
      return fail({ErrorCode::bad_data, "column " + column + " is missing",
                   place(csv.name_, csv.lines_.front().number, 1),
                   shown(std::string_view(csv.text_).substr(
                       csv.lines_.front().begin, csv.lines_.front().end - csv.lines_.front().begin)),
                   "", ""});
    csv.index_.push_back(static_cast<std::size_t>(at - header.begin()));
  }
  csv.lines_.erase(csv.lines_.begin());
  if (csv.lines_.empty())
    return fail({ErrorCode::bad_data, "there are no rows", place(csv.name_, 2, 1), "", "at least one", ""});
  return csv;
}

std::vector<CsvRow::Field> Csv::split(const Line& line) const {
  std::vector<CsvRow::Field> fields;
  for (std::size_t begin = line.begin;;) {
    const std::size_t end = std::min(text_.find(',', begin), line.end);
    fields.push_back({std::string_view(text_).substr(begin, end - begin), begin - line.begin});
    if (end == line.end) return fields;
    begin = end + 1;
  }
}

Result<CsvRow> Csv::row(std::size_t index) const {
  const Line& line = lines_[index];
  const auto fields = split(line);
  if (fields.size() != width_)
    return fail({ErrorCode::bad_data, "the row has another number of fields than the header",
                 place(name_, line.number, line.end - line.begin + 1), fmt::format("{}", fields.size()),
                 fmt::format("{}", width_), ""});
  CsvRow row;
  row.table_ = this;
  row.line_ = line.number;
  for (const std::size_t column : index_) row.fields_.push_back(fields[column]);
  return row;
}

}  // namespace troupe::traces
