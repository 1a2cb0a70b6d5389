# The code that Cap'n Proto makes of the schema is transport/'s; it is compiled once more, under the sanitizers.
set(frame_schema ${PROJECT_BINARY_DIR}/generated/transport/frame.capnp.c++)
set_source_files_properties(${frame_schema} PROPERTIES GENERATED TRUE COMPILE_OPTIONS -w)
troupe_fuzzer(frame SOURCES frame_fuzz.cpp ${PROJECT_SOURCE_DIR}/transport/frame.cpp
  ${PROJECT_SOURCE_DIR}/base/error.cpp ${frame_schema} LINK fmt::fmt tl::expected PkgConfig::CAPNP Threads::Threads)
add_dependencies(fuzz_frame troupe_frame_schema)
