troupe_fuzzer(keys SOURCES keys_fuzz.cpp ${PROJECT_SOURCE_DIR}/transport/certificate.cpp
  ${PROJECT_SOURCE_DIR}/transport/curve_keys.cpp ${PROJECT_SOURCE_DIR}/transport/hex.cpp ${PROJECT_SOURCE_DIR}/transport/join_desk.cpp
  ${PROJECT_SOURCE_DIR}/transport/key_files.cpp ${PROJECT_SOURCE_DIR}/transport/keys.cpp
  ${PROJECT_SOURCE_DIR}/transport/keys_load.cpp ${PROJECT_SOURCE_DIR}/transport/openssl_ptr.cpp
  ${PROJECT_SOURCE_DIR}/base/error.cpp ${PROJECT_SOURCE_DIR}/base/files.cpp ${PROJECT_SOURCE_DIR}/base/units.cpp
  LINK fmt::fmt tl::expected nlohmann_json::nlohmann_json OpenSSL::SSL OpenSSL::Crypto PkgConfig::ZMQ Threads::Threads)
