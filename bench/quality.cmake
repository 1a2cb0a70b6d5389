if(TROUPE_TORCH)
  troupe_bench(quality SOURCES quality.cpp quality_figures.cpp quality_trainer.cpp LINK troupe_train_torch troupe_gpu_torch)
endif()
