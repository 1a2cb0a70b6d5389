# The TOML library is compiled in from its headers here, so that the sanitizers see it too.
file(GLOB base_sources ${PROJECT_SOURCE_DIR}/base/*.cpp)
troupe_fuzzer(config SOURCES config_fuzz.cpp ${base_sources}
  LINK fmt::fmt spdlog::spdlog tl::expected troupe_xxhash Threads::Threads)
