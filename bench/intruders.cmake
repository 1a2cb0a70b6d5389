if(TROUPE_TORCH AND TROUPE_TESTS)
  troupe_bench_script(intruders)
endif()
