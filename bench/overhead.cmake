if(TROUPE_TORCH)
  troupe_bench(overhead SOURCES overhead.cpp gan_job.cpp LINK troupe_train_torch troupe_gpu_torch troupe_gpu)
endif()
