troupe_bench(philly SOURCES philly.cpp LINK troupe_predict)
