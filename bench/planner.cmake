troupe_bench(planner SOURCES planner.cpp LINK troupe_predict)
