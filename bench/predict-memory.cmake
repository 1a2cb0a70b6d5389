if(TROUPE_TORCH)
  troupe_bench(predict-memory SOURCES predict-memory.cpp LINK troupe_train_torch troupe_gpu_torch troupe_libtorch)
endif()
