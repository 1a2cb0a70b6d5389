if(TROUPE_TORCH)
  # Shared by the benches of real jobs of six kinds. What sees LibTorch stands apart: it brings an fmt of its own.
  add_library(troupe_bench_nets STATIC unet_shard.cpp ../examples/custom_job/network.cpp)
  target_include_directories(troupe_bench_nets PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(troupe_bench_nets PUBLIC troupe_predict_torch PRIVATE troupe_libtorch troupe_warnings)
  add_library(troupe_bench_kinds STATIC kind_program.cpp job_kinds.cpp kind_cluster.cpp processes.cpp)
  target_link_libraries(troupe_bench_kinds PUBLIC troupe_bench troupe_bench_nets troupe_actors troupe_train_torch
    troupe_gpu_torch PRIVATE troupe_warnings)
  troupe_bench(interference SOURCES interference.cpp LINK troupe_bench_kinds)
endif()
