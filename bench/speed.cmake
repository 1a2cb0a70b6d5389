if(TARGET troupe_train_torch)
  troupe_bench(speed SOURCES speed.cpp speed_peer.cpp speed_ours.cpp LINK troupe_train_torch troupe_gpu_torch troupe_libtorch)
  target_compile_definitions(bench_speed PRIVATE TROUPE_VENV="${TROUPE_VENV}"
    TROUPE_PEERS="${PROJECT_SOURCE_DIR}/bench/peers")
endif()
