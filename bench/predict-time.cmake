if(TROUPE_TORCH)
  troupe_bench(predict-time SOURCES predict-time.cpp LINK troupe_train_torch troupe_gpu_torch)
endif()
