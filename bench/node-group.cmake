troupe_bench(node-group SOURCES node-group.cpp processes.cpp LINK troupe_transport)
