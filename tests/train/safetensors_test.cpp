#include "train/safetensors.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/train/temporary.hpp"

namespace troupe {
namespace {
using test::slurp;
using test::spill;
using testing::HasSubstr;

class Safetensors : public testing::Test {
 protected:
  std::filesystem::path file() const { return folder_.path() / "a.safetensors"; }
  /// A file with this header text and so many zero bytes of data.
  void craft(const std::string& header, std::size_t data_bytes) {
    const std::uint64_t length = header.size();
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    spill(file(), bytes + header + std::string(data_bytes, '\0'));
  }
  /// The error's text; fails the test where the file is read.
  std::string refusal() {
    const auto read = read_safetensors(file());
    EXPECT_FALSE(read.has_value());
    if (read) return "";
    EXPECT_EQ(read.error().code, ErrorCode::bad_data);
    EXPECT_THAT(read.error().where, HasSubstr("a.safetensors"));
    return read.error().text();
  }
  void write_sample() {
    const TensorRef refs[] = {{"g.4.conv0.weight", {2, 3}, a_}, {"scalar", {}, b_}, {"nothing", {0, 5}, {}}};
    ASSERT_TRUE(write_safetensors(file(), refs, {{"step", "12"}, {"name", "gener\"ator \xc3\xa9"}}));
  }

  test::TempFolder folder_;
  const std::vector<float> a_{1, -2.5f, 3e-42f, std::numeric_limits<float>::infinity(), -0.0f, 6};
  const std::vector<float> b_{7};
};

TEST_F(Safetensors, gives_back_what_was_written_to_the_bit) {
  write_sample();
  const auto read = read_safetensors(file());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->shapes.at("g.4.conv0.weight"), (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(read->shapes.at("scalar"), std::vector<std::int64_t>{});
  EXPECT_EQ(read->shapes.at("nothing"), (std::vector<std::int64_t>{0, 5}));
  const auto& values = read->values.at("g.4.conv0.weight");
  ASSERT_EQ(values.size(), a_.size());
  EXPECT_EQ(0, std::memcmp(values.data(), a_.data(), a_.size() * sizeof(float)));
  EXPECT_EQ(read->values.at("scalar"), b_);
  EXPECT_EQ(read->metadata.at("step"), "12");
  EXPECT_EQ(read->metadata.at("name"), "gener\"ator \xc3\xa9");
}

TEST_F(Safetensors, python_reads_what_we_write_and_we_read_what_python_writes) {
  write_sample();
  const auto script = folder_.path() / "check.py", back = folder_.path() / "b.safetensors";
  spill(script, R"(
import sys, numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file
tensors = {}
with safe_open(sys.argv[1], framework="np") as f:
    print(f.metadata()["step"])
    for name in sorted(f.keys()):
        tensors[name] = f.get_tensor(name)
        print(name, list(tensors[name].shape), tensors[name].dtype, float(np.asarray(tensors[name]).reshape(-1)[:2].sum()))
save_file({k: np.asarray(2 * v) for k, v in tensors.items()}, sys.argv[2], {"from": "python"})
)");
  const auto out = test::run_python(TROUPE_PYTHON, script, {file(), back});
  EXPECT_EQ(out,
            "12\ng.4.conv0.weight [2, 3] float32 -1.5\nnothing [0, 5] float32 0.0\nscalar [] float32 7.0\n");
  const auto read = read_safetensors(back);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->values.at("g.4.conv0.weight")[1], -5.0f);
  EXPECT_EQ(read->shapes.at("nothing"), (std::vector<std::int64_t>{0, 5}));
  EXPECT_EQ(read->metadata.at("from"), "python");
}

TEST_F(Safetensors, refuses_to_write_what_it_could_not_read) {
  const TensorRef twice[] = {{"a", {1}, b_}, {"a", {1}, b_}};
  const TensorRef misfit[] = {{"a", {3}, b_}};
  const TensorRef negative[] = {{"a", {-1, -1}, b_}};
  const TensorRef reserved[] = {{"__metadata__", {1}, b_}};
  for (const auto tensors : {std::span<const TensorRef>(twice), std::span<const TensorRef>(misfit),
                             std::span<const TensorRef>(negative), std::span<const TensorRef>(reserved)}) {
    const auto written = write_safetensors(file(), tensors, {});
    if (tensors.data() == negative) {
      EXPECT_FALSE(written.has_value());
      continue;
    }
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ErrorCode::internal);
  }
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(Safetensors, says_that_a_file_is_not_there) {
  const auto read = read_safetensors(file());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::not_found);
  const auto folder = read_safetensors(folder_.path());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, ErrorCode::bad_data);
}

TEST_F(Safetensors, every_truncation_is_an_error) {
  write_sample();
  const auto whole = slurp(file());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    spill(file(), whole.substr(0, n));
    EXPECT_FALSE(read_safetensors(file()).has_value()) << n << " of " << whole.size() << " bytes";
  }
}

TEST_F(Safetensors, a_flipped_byte_of_the_header_never_crashes) {
  write_sample();
  const auto whole = slurp(file());
  int refused = 0;
  for (std::size_t at = 0; at < whole.size() - a_.size() * sizeof(float) - sizeof(float); ++at)
    for (const char c : {'\0', '9', '"', '[', '}', '\xff'}) {
      auto broken = whole;
      broken[at] = c;
      spill(file(), broken);
      refused += !read_safetensors(file());
    }
  EXPECT_GT(refused, 100);
}

TEST_F(Safetensors, a_lying_header_length_is_refused_before_anything_is_allocated) {
  for (const std::uint64_t length :
       {std::uint64_t{3}, std::uint64_t{1} << 20, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    spill(file(), bytes + "{}");
    EXPECT_THAT(refusal(), HasSubstr("header's length")) << length;
  }
}

struct Case {
  const char* header;
  std::size_t data;
  const char* says;
};
class HostileHeader : public Safetensors, public testing::WithParamInterface<Case> {};
TEST_P(HostileHeader, is_refused_with_what_lies) {
  craft(GetParam().header, GetParam().data);
  EXPECT_THAT(refusal(), HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(
    , HostileHeader,
    testing::Values(
        Case{"", 0, "does not begin with {"}, Case{"[]", 0, "does not begin with {"},
        Case{"{\"a\":", 0, "no valid JSON"}, Case{"{\"a\":{\"dtype\":\"F32\"}} x", 0, "no valid JSON"},
        Case{"{\"a\":\"\xff\xfe\"}", 0, "no valid JSON"}, Case{R"({"a":7})", 0, "missing"},
        Case{R"({"a":{"dtype":"F32","shape":[1]}})", 4, "missing"},
        Case{R"({"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", 4,
             "given \"F16\"; allowed \"F32\""},
        Case{R"({"a":{"dtype":5,"shape":[1],"data_offsets":[0,4]}})", 4, "type of its elements"},
        Case{R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "shape is no list"},
        Case{R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, "shape is no list"},
        Case{R"({"a":{"dtype":"F32","shape":"1","data_offsets":[0,4]}})", 4, "shape is no list"},
        Case{R"({"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}})", 4,
             "shape is no list"},
        Case{R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})", 4, "disagree"},
        Case{R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4]}})", 4, "disagree"},
        Case{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "disagree"},
        Case{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "outside the file"},
        Case{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,-4]}})", 4, "no two whole numbers"},
        Case{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "no two whole numbers"},
        Case{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4, "outside the file"},
        Case{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "leaves a gap"},
        Case{
            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
            6, "overlaps"},
        Case{
            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
            4, "overlaps"},
        Case{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 5, "bytes after the last tensor"},
        Case{
            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
            4, "twice"},
        Case{R"({"__metadata__":[1]})", 0, "__metadata__ is no table"},
        Case{R"({"__metadata__":{"step":1}})", 0, "no text"},
        Case{R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, "nested too deeply"}));

TEST_F(Safetensors, a_million_brackets_are_an_error_not_a_crash) {
  craft("{\"a\":" + std::string(1'000'000, '['), 0);
  EXPECT_THAT(refusal(), HasSubstr("nested too deeply"));
  std::string keys = "{\"a\":";
  for (int i = 0; i < 200'000; ++i) keys += "{\"a\":";
  craft(keys, 0);
  EXPECT_THAT(refusal(), HasSubstr("nested too deeply"));
}

TEST_F(Safetensors, brackets_inside_names_are_just_text) {
  const TensorRef refs[] = {{"[[[[{{{{\\\"", {1}, b_}};
  ASSERT_TRUE(write_safetensors(file(), refs, {}));
  const auto read = read_safetensors(file());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->values.at("[[[[{{{{\\\""), b_);
}

}  // namespace
}  // namespace troupe
