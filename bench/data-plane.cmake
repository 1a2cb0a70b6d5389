troupe_bench(data-plane SOURCES data-plane.cpp data_plane_bare.cpp processes.cpp LINK troupe_transport PkgConfig::ZMQ)
