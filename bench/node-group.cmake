troupe_bench(node-group SOURCES node-group.cpp LINK troupe_transport)
