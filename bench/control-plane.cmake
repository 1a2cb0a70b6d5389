if(TROUPE_TESTS)
  troupe_bench(control-plane SOURCES control-plane.cpp LINK troupe_actors GTest::gtest)
endif()
