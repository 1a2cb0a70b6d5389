troupe_fuzzer(png SOURCES png_fuzz.cpp ${PROJECT_SOURCE_DIR}/data/png.cpp ${PROJECT_SOURCE_DIR}/base/error.cpp
  ${PROJECT_SOURCE_DIR}/base/files.cpp ${PROJECT_SOURCE_DIR}/base/units.cpp
  LINK fmt::fmt tl::expected PNG::PNG Threads::Threads)
