// Files that are no TorchScript, or that mean harm, are refused before LibTorch sees them.
#include "predict/module/script_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/predict/module/archive.hpp"

namespace troupe::meta {
namespace {

using test::Archive;
using ::testing::HasSubstr;

Result<ScriptFile> check(const std::string& bytes, const ScriptFileLimits& limits = {}) {
  return check_script_file({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "net.pt",
                           limits);
}

std::string refusal(const std::string& bytes, const ScriptFileLimits& limits = {}) {
  const auto checked = check(bytes, limits);
  if (checked) return "";
  EXPECT_EQ(checked.error().code, ErrorCode::bad_data);
  EXPECT_EQ(checked.error().where.substr(0, 6), "net.pt");
  return checked.error().text();
}

TEST(ScriptFile, OfAPlainNetworkIsRead) {
  const auto checked = check(Archive::plain().add("net/data/0", std::string(128, 'x')).text());
  ASSERT_TRUE(checked) << checked.error().text();
  EXPECT_EQ(checked->records.size(), 5U);
  EXPECT_EQ(checked->largest_tensor, 128);
}

TEST(ScriptFile, IsToldApartFromWhatIsNone) {
  EXPECT_THAT(refusal(""), HasSubstr("an empty file"));
  EXPECT_THAT(refusal("print('hello')\n" + std::string(100, '#')), HasSubstr("neither a ZIP archive"));
  EXPECT_THAT(refusal(std::string("\x80\x04") + std::string(100, 'c')),
              HasSubstr("a pickle, whose loading may run any code"));
  EXPECT_THAT(refusal(std::string("\x7f"
                                  "ELF") +
                      std::string(100, '\0')),
              HasSubstr("a program"));
  EXPECT_THAT(refusal(Archive().add("letters/a.txt", "dear").text()),
              HasSubstr("a ZIP archive of something else"));
  EXPECT_THAT(refusal(Archive().add("a.txt", "dear").text()), HasSubstr("a ZIP archive of something else"));
  EXPECT_THAT(refusal(Archive().add("net/version", "3").add("net/data.pkl", Archive::tuple()).text()),
              HasSubstr("torch.save"));
}

TEST(ScriptFile, CutAnywhereIsRefused) {
  const std::string whole = Archive::plain().text();
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(refusal(whole.substr(0, size)), "") << size;
}

TEST(ScriptFile, WithFlippedBytesNeverReadsOutside) {
  const std::string whole = Archive::plain().add("net/data/0", "12345678").text();
  std::mt19937 random(1);
  int good = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string file = whole;
    for (int k = 0; k < 3; ++k) file[random() % file.size()] = static_cast<char>(random());
    const auto checked = check(file);
    if (!checked) continue;
    ++good;
    for (const auto& [name, bytes] : checked->records) {
      EXPECT_GE(reinterpret_cast<const char*>(bytes.data()), file.data());
      EXPECT_LE(reinterpret_cast<const char*>(bytes.data()) + bytes.size(), file.data() + file.size());
    }
  }
  EXPECT_GT(good, 0);
  EXPECT_LT(good, 20'000);
}

TEST(ScriptFile, MustNotClaimMoreThanItHas) {
  EXPECT_THAT(refusal(Archive::plain().add("net/data/0", "1234", {.size = 1 << 30}).text()),
              HasSubstr("claims more bytes than the file has"));
  EXPECT_THAT(refusal(Archive::plain().add("net/data/0", "1234", {.method = 8}).text()),
              HasSubstr("compressed"));
  EXPECT_THAT(refusal(Archive::plain().add("net/data/0", "1234", {.flags = 1}).text()),
              HasSubstr("encrypted"));
  EXPECT_THAT(refusal(Archive::plain().add("net/version", "3").text()), HasSubstr("twice"));
  EXPECT_THAT(refusal(Archive::plain().add("net/../../etc/passwd", "x").text()), HasSubstr("named"));
  EXPECT_THAT(refusal(Archive::plain().text(), {.records = 2}), HasSubstr("too many records"));
}

TEST(ScriptFile, WhosePickleNamesOtherCallablesIsRefused) {
  const auto with = [](const std::string& data) {
    return Archive()
        .add("net/version", "3")
        .add("net/constants.pkl", Archive::tuple())
        .add("net/data.pkl", data)
        .add("net/code/a.py", "x = 1\n")
        .text();
  };
  EXPECT_THAT(refusal(with("\x80\x02"
                           "cos\nsystem\n.")),
              HasSubstr("os.system"));
  EXPECT_THAT(refusal(with("\x80\x02"
                           "cbuiltins\neval\n.")),
              HasSubstr("builtins.eval"));
  EXPECT_THAT(refusal(with("\x80\x02"
                           "c__torch__evil\nf\n.")),
              HasSubstr("__torch__evil.f"));
  EXPECT_THAT(refusal(with("\x80\x02"
                           "ctorch\nload\n.")),
              HasSubstr("torch.load"));
  EXPECT_THAT(refusal(with("\x80\x04\x93.")),
              HasSubstr("opcode 147"));  // a global by two strings of the stack
  EXPECT_THAT(refusal(with("\x80\x02X\xff\xff\xff\x7f.")), HasSubstr("ends early"));
  EXPECT_EQ(refusal(with("\x80\x02"
                         "c__torch__.M\nM\n)\x81.")),
            "");
}

TEST(ScriptFile, WhoseCodeTouchesFilesOrRunsAtLoadingIsRefused) {
  const auto with = [](const std::string& line) {
    return Archive::plain()
        .add("net/code/__torch__/evil.py", "class M(Module):\n  def forward(self, x):\n    " + line + "\n")
        .text();
  };
  EXPECT_THAT(refusal(with("torch.save(x, \"f\")")), HasSubstr("torch.save"));
  EXPECT_THAT(refusal(with("y = torch.from_file(\"f\")")), HasSubstr("torch.from_file"));
  EXPECT_THAT(refusal(with("ops.aten.save(x, \"f\")")), HasSubstr("ops.aten.save"));
  EXPECT_THAT(refusal(with("def __setstate__(self, s):")), HasSubstr("while it is loaded"));
  EXPECT_THAT(refusal(with("y = " + std::string(1000, '(') + "x" + std::string(1000, ')'))),
              HasSubstr("nested too deeply"));
  EXPECT_EQ(refusal(with("y = my_torch.saved(x)")), "");
  EXPECT_THAT(refusal(with(std::string(4096, '#')), {.code = {1024}}), HasSubstr("too long"));
}

class OnDisk : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("troupe-script-" + std::to_string(::getpid()));
};

TEST_F(OnDisk, WhatIsNoFileIsSaidToBeSo) {
  const auto missing = read_script_file((folder_ / "none.pt").string());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  const auto folder = read_script_file(folder_.string());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, ErrorCode::bad_data);
  EXPECT_THAT(folder.error().text(), HasSubstr("a folder"));
  const auto device = read_script_file("/dev/zero");
  ASSERT_FALSE(device);
  EXPECT_THAT(device.error().text(), HasSubstr("no regular file"));
}

TEST_F(OnDisk, WhatIsThereIsReadWholeUpToALimit) {
  const auto path = (folder_ / "net.pt").string();
  std::ofstream(path) << "0123456789";
  EXPECT_EQ(read_script_file(path).value_or(""), "0123456789");
  const auto large = read_script_file(path, {.file = {9}});
  ASSERT_FALSE(large);
  EXPECT_THAT(large.error().text(), HasSubstr("too large"));
  // who runs as root reads it all the same
  std::filesystem::permissions(path, std::filesystem::perms::none);
  const auto closed = read_script_file(path);
  if (::geteuid() != 0) {
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().code, ErrorCode::io);
  } else {
    EXPECT_TRUE(closed);
  }
}

}  // namespace
}  // namespace troupe::meta
