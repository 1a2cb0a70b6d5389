if(TROUPE_TORCH)
  troupe_bench(packing SOURCES packing.cpp LINK troupe_bench_kinds)
endif()
