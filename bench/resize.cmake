if(TROUPE_TESTS)
  troupe_bench(resize SOURCES resize.cpp LINK troupe_actors GTest::gtest)
endif()
