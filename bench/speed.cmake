if(TARGET troupe_train_torch)
  # Apart, because LibTorch's include folder brings an fmt of its own, which must not meet the bench's.
  add_library(troupe_bench_speed_ours STATIC speed_ours.cpp)
  target_link_libraries(troupe_bench_speed_ours PUBLIC troupe_train_torch troupe_gpu PRIVATE troupe_libtorch troupe_warnings)
  troupe_bench(speed SOURCES speed.cpp speed_peer.cpp LINK troupe_bench_speed_ours troupe_gpu_torch)
  target_compile_definitions(bench_speed PRIVATE TROUPE_VENV="${TROUPE_VENV}"
    TROUPE_PEERS="${PROJECT_SOURCE_DIR}/bench/peers")
endif()
