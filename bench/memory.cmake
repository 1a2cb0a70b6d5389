if(TROUPE_TORCH)
  troupe_bench(memory SOURCES memory.cpp LINK troupe_actors troupe_train_torch troupe_gpu_torch)
endif()
