if(TROUPE_TORCH)
  troupe_bench(predicted-budget SOURCES predicted-budget.cpp LINK troupe_train_torch troupe_gpu_torch)
endif()
