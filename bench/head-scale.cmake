troupe_bench(head-scale SOURCES head-scale.cpp head_scale.cpp head_scale_nodes.cpp quick_job.cpp LINK troupe_actors)
