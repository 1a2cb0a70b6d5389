troupe_bench(control-plane SOURCES control-plane.cpp idle_cluster.cpp LINK troupe_actors)
