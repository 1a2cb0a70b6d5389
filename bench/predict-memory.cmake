if(TROUPE_TORCH)
  troupe_bench(predict-memory SOURCES predict-memory.cpp predict_modules.cpp speed_peer.cpp
    LINK troupe_train_torch troupe_predict_torch troupe_gpu_torch troupe_libtorch)
  target_compile_definitions(bench_predict-memory PRIVATE TROUPE_VENV="${TROUPE_VENV}"
    TROUPE_PEERS="${PROJECT_SOURCE_DIR}/bench/peers")
endif()
