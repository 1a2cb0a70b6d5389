# What head and nodes say to each other, and what a run's journal holds. CAF's messages themselves are CAF's to read.
file(GLOB base_sources ${PROJECT_SOURCE_DIR}/base/*.cpp)
troupe_fuzzer(wire SOURCES wire_fuzz.cpp ${PROJECT_SOURCE_DIR}/actors/wire.cpp ${PROJECT_SOURCE_DIR}/actors/plane_refusals.cpp
  ${PROJECT_SOURCE_DIR}/ops/events.cpp ${PROJECT_SOURCE_DIR}/transport/reply.cpp
  ${PROJECT_SOURCE_DIR}/transport/plane_statistics.cpp ${base_sources}
  LINK fmt::fmt spdlog::spdlog tl::expected nlohmann_json::nlohmann_json CAF::core troupe_xxhash PkgConfig::ZMQ
  Threads::Threads)
