file(GLOB base_sources ${PROJECT_SOURCE_DIR}/base/*.cpp)
troupe_fuzzer(checkpoint SOURCES checkpoint_fuzz.cpp ${PROJECT_SOURCE_DIR}/train/manifest.cpp
  ${PROJECT_SOURCE_DIR}/train/safetensors.cpp ${base_sources}
  LINK fmt::fmt spdlog::spdlog tl::expected nlohmann_json::nlohmann_json troupe_xxhash Threads::Threads)
