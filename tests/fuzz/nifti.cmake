troupe_fuzzer(nifti SOURCES nifti_fuzz.cpp ${PROJECT_SOURCE_DIR}/data/nifti.cpp
  ${PROJECT_SOURCE_DIR}/data/nifti_header.cpp ${PROJECT_SOURCE_DIR}/data/gzip.cpp ${PROJECT_SOURCE_DIR}/base/error.cpp
  ${PROJECT_SOURCE_DIR}/base/files.cpp ${PROJECT_SOURCE_DIR}/base/units.cpp
  LINK fmt::fmt tl::expected PkgConfig::DEFLATE Threads::Threads)
