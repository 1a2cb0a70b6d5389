troupe_bench(fragmentation SOURCES fragmentation.cpp LINK troupe_predict)
