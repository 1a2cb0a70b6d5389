troupe_bench(reducer SOURCES reducer.cpp LINK troupe_gpu)
