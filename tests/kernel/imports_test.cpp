// Imports from the file system, and --fmt from the command line.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/kernel/tracer.h"

namespace shrike::testing {
namespace {

class ImportedFiles : public LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    char name[] = "/tmp/shrike-imports-XXXXXX";
    folder_ = mkdtemp(name);
    mkdir((folder_ + "/lib").c_str(), 0755);
    mkdir((folder_ + "/lib/deeper").c_str(), 0755);
  }
  void TearDown() override {
    for (const std::string& path : files_) unlink(path.c_str());
    rmdir((folder_ + "/lib/deeper").c_str());
    rmdir((folder_ + "/lib").c_str());
    rmdir(folder_.c_str());
  }
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0644) {
    std::string path = folder_ + "/" + name;
    FILE* file = fopen(path.c_str(), "w");
    fputs(text.c_str(), file);
    fclose(file);
    chmod(path.c_str(), mode);
    files_.push_back(path);
    return path;
  }

  std::string folder_;
  std::vector<std::string> files_;
};

TEST_F(ImportedFiles, AreRelativeToTheScriptAndFoldersAreNotRecursive) {
  write("lib/one.bt", "import \"two.bt\"; macro one() { two() - 1 }");
  write("lib/two.bt", "macro two() { 2 }");
  write("lib/notes.txt", "not a script");
  write("lib/deeper/bad.bt", "this is not read");
  const std::string script = write("main.bt", "import \"lib\"\nbegin { printf(\"%d %d\\n\", one, two); exit(); }");
  const Result result = shrike({script});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(has(result.out, "1 2\n")) << result.out;
}

TEST_F(ImportedFiles, ThatEverybodyMayWriteAreRefused) {
  write("open.bt", "macro one() { 1 }", 0666);
  const Result result = shrike({write("main.bt", "import \"open.bt\"\nbegin { exit(); }")});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, "everybody may write to it")) << result.err;
}

TEST_F(ImportedFiles, MissingOnesAreNamedWithTheirWholePath) {
  const Result result = shrike({write("main.bt", "import \"none.bt\"\nbegin { exit(); }")});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, folder_ + "/none.bt")) << result.err;
  EXPECT_TRUE(has(result.err, "No such file or directory")) << result.err;
}

TEST_F(ImportedFiles, MayNotImportEachOther) {
  write("b.bt", "import \"main.bt\"");
  const Result result = shrike({write("main.bt", "import \"b.bt\"\nbegin { exit(); }")});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, "leads back to itself")) << result.err;
}

TEST_F(ImportedFiles, FormattingReadsOnlyTheScript) {
  const std::string script = write("main.bt", "import \"none.bt\"\nbegin{exit()}");
  const Result result = shrike({"--fmt", script});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "import \"none.bt\"\nbegin { exit() }\n");
}

}  // namespace
}  // namespace shrike::testing
