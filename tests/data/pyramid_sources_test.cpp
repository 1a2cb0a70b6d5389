// What a user may get wrong about a data set, each with its message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <limits>

#include "data/pyramid.hpp"
#include "data/sources.hpp"
#include "tests/data/folder.hpp"

namespace troupe {
namespace {

using ::testing::AllOf;
using testing::ball;
using testing::Folder;
using ::testing::HasSubstr;
using testing::NiftiBuilder;
using testing::picture;

struct SourcesTest : ::testing::Test {
  Folder folder;
  DataConfig data;
  SourcesTest() {
    data.path = folder / "data";
    std::filesystem::create_directories(data.path);
  }
  Error refusal(int smallest = 4, int largest = 8) {
    const auto p = open_pyramid(data, smallest, largest, folder / "cache", 2);
    EXPECT_FALSE(p);
    if (p) return {};
    // nothing half-built stays behind
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "cache", ignored)) {
      ADD_FAILURE() << entry.path();
    }
    return p.error();
  }
  /// The refusal's text as a user gets it who is not root, whom no permission stops: by a child that is
  /// nobody.
  std::string refusal_without_privileges() {
    constexpr uid_t nobody = 65534;
    std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
    int ends[2];
    if (::pipe(ends) != 0) return "no pipe";
    const pid_t child = ::fork();
    if (child == 0) {
      if (::geteuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) ::_exit(1);
      const auto p = open_pyramid(data, 4, 8, folder / "cache", 1);
      const std::string text = p ? "was opened" : p.error().text();
      ::_exit(::write(ends[1], text.data(), text.size()) < 0 ? 1 : 0);
    }
    ::close(ends[1]);
    std::string text(4096, '\0');
    const ssize_t n = ::read(ends[0], text.data(), text.size());
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return text;
  }
};

TEST_F(SourcesTest, APathThatIsMissing) {
  data.path = folder / "nothing";
  const auto e = refusal();
  EXPECT_EQ(e.code, ErrorCode::not_found);
  EXPECT_THAT(e.text(), AllOf(HasSubstr("data.path"), HasSubstr("nothing")));
}

TEST_F(SourcesTest, AnEmptyFolder) {
  folder.put("data/readme.txt", {1});
  const auto e = refusal();
  EXPECT_EQ(e.code, ErrorCode::not_found);
  EXPECT_THAT(e.text(), AllOf(HasSubstr("holds no data"), HasSubstr(".nii.gz or .png")));
}

TEST_F(SourcesTest, AFileThatIsNamedAndMissing) {
  folder.put("data/a.nii", ball());
  data.files = {"a.nii", "b.nii"};
  const auto e = refusal();
  EXPECT_EQ(e.code, ErrorCode::not_found);
  EXPECT_THAT(e.text(), AllOf(HasSubstr("data.files"), HasSubstr("b.nii")));
}

TEST_F(SourcesTest, AFileThatCannotBeOpened) {
  // a link to itself cannot be opened, not even by root
  std::filesystem::create_symlink("loop.nii", folder / "data/loop.nii");
  EXPECT_THAT(refusal().text(), HasSubstr("loop.nii"));
}

TEST_F(SourcesTest, AFolderWithNothingInIt) {
  EXPECT_THAT(refusal().text(), AllOf(HasSubstr("data: error: "), HasSubstr("holds no data")));
}

TEST_F(SourcesTest, AFolderThatMayNotBeRead) {
  folder.put("data/a.nii", ball());
  std::filesystem::permissions(data.path, std::filesystem::perms::none);
  const auto text = refusal_without_privileges();
  EXPECT_THAT(text, AllOf(HasSubstr(data.path.string()), HasSubstr("Permission denied")));
}

TEST_F(SourcesTest, AFileThatMayNotBeRead) {
  folder.put("data/a.nii", ball());
  std::filesystem::permissions(folder.put("data/b.nii", ball()), std::filesystem::perms::none);
  const auto text = refusal_without_privileges();
  EXPECT_THAT(text, AllOf(HasSubstr("b.nii"), HasSubstr("Permission denied")));
}

TEST_F(SourcesTest, OneBadFileAmongGoodOnesIsNamed) {
  folder.put("data/a.nii", ball());
  folder.put("data/b.nii", {1, 2, 3, 4, 5});
  const auto e = refusal();
  EXPECT_EQ(e.code, ErrorCode::bad_data);
  EXPECT_THAT(e.text(), HasSubstr("b.nii"));
}

TEST_F(SourcesTest, OneBadImageAmongGoodOnesIsNamed) {
  for (int i = 0; i < 20; ++i) folder.put("data/" + std::to_string(i) + ".png", picture(9, 9, 1, 0.5F));
  auto broken = picture(9, 9, 1, 0.5F);
  broken.resize(broken.size() - 20);
  folder.put("data/7.png", broken);
  const auto e = refusal();
  EXPECT_EQ(e.code, ErrorCode::bad_data);
  EXPECT_THAT(e.text(), HasSubstr("7.png"));
}

TEST_F(SourcesTest, VolumesBesideImagesUntilTheKindIsSaid) {
  folder.put("data/a.nii", ball());
  folder.put("data/b.png", picture(4, 4, 1, 1));
  EXPECT_THAT(refusal().text(), AllOf(HasSubstr("volumes and images"), HasSubstr("data.kind")));
  data.kind = DataKind::nifti;
  EXPECT_EQ(find_sources(data)->train.size(), 1U);
  data.kind = DataKind::images;
  EXPECT_EQ(find_sources(data)->train.at(0).filename(), "b.png");
}

TEST_F(SourcesTest, NoUsableSlices) {
  NiftiBuilder empty;
  empty.dim = {3, 8, 8, 8};
  empty.voxels.assign(512, 0);
  folder.put("data/a.nii", empty.bytes());
  EXPECT_THAT(refusal().text(), AllOf(HasSubstr("no slice has enough in it"), HasSubstr("data.min_content")));
}

TEST_F(SourcesTest, AVolumeOfNothingButNaN) {
  NiftiBuilder b;
  b.dim = {3, 8, 8, 8};
  b.datatype = 16;
  b.bitpix = 32;
  for (int i = 0; i < 512; ++i) b.append(std::numeric_limits<float>::quiet_NaN());
  folder.put("data/a.nii", b.bytes());
  EXPECT_THAT(refusal().text(), AllOf(HasSubstr("no slice has enough in it"), HasSubstr("data.min_content")));
}

TEST_F(SourcesTest, AHoldoutPathThatIsMissingOrOfAnotherKind) {
  folder.put("data/a.png", picture(4, 4, 1, 1));
  data.holdout_path = folder / "nothing";
  EXPECT_THAT(refusal().text(), HasSubstr("data.holdout_path"));
  folder.put("held/a.nii", ball());
  data.holdout_path = folder / "held";
  EXPECT_THAT(refusal().text(), AllOf(HasSubstr("data.holdout_path holds no data"), HasSubstr(".png")));
}

TEST_F(SourcesTest, ResolutionsThatAreNoPowersOfTwo) {
  folder.put("data/a.nii", ball());
  for (const auto& [smallest, largest] : {std::pair{3, 8}, {4, 12}, {8, 4}, {0, 4}, {-4, 4}, {4, 1 << 20}}) {
    EXPECT_EQ(refusal(smallest, largest).code, ErrorCode::bad_config) << smallest << " " << largest;
  }
}

TEST_F(SourcesTest, AnAxisThatIsNone) {
  folder.put("data/a.nii", ball());
  data.axes = {"axial", "diagonal"};
  EXPECT_THAT(refusal().text(), AllOf(HasSubstr("data.axes"), HasSubstr("diagonal"), HasSubstr("sagittal")));
}

TEST_F(SourcesTest, ACacheThatCannotBeWritten) {
  folder.put("data/a.nii", ball());
  folder.put("cache_file", {1});
  const auto p = open_pyramid(data, 4, 8, folder / "cache_file", 1);
  ASSERT_FALSE(p);
  EXPECT_EQ(p.error().code, ErrorCode::io);
  EXPECT_THAT(p.error().text(), HasSubstr("cache_file"));
}

TEST_F(SourcesTest, ComeInAFixedOrder) {
  for (const char* name : {"data/b.nii", "data/a.nii.gz", "data/c.NII", "data/sub/no.nii"})
    folder.put(name, {0});
  const auto names = [&] {
    std::vector<std::string> out;
    const auto sources = find_sources(data);
    for (const auto& file : sources->train) out.push_back(file.filename().string());
    return out;
  };
  EXPECT_THAT(names(), ::testing::ElementsAre("a.nii.gz", "b.nii", "c.NII"));
  data.files = {"c.NII", "a.nii.gz"};
  EXPECT_THAT(names(), ::testing::ElementsAre("c.NII", "a.nii.gz"));
  data.files.clear();
  data.path = folder / "data/b.nii";
  EXPECT_THAT(names(), ::testing::ElementsAre("b.nii"));
}

}  // namespace
}  // namespace troupe
