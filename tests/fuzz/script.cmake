troupe_fuzzer(script SOURCES script_fuzz.cpp ${PROJECT_SOURCE_DIR}/predict/module/script_file.cpp
  ${PROJECT_SOURCE_DIR}/predict/module/script_text.cpp ${PROJECT_SOURCE_DIR}/base/error.cpp ${PROJECT_SOURCE_DIR}/base/units.cpp
  LINK fmt::fmt tl::expected PkgConfig::DEFLATE Threads::Threads)
