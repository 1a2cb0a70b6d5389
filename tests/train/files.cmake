troupe_test(test_train_files SOURCES safetensors_test.cpp checkpoint_test.cpp shard_work_test.cpp checkpoint_kill_test.cpp
  checkpoint_disk_test.cpp grid_test.cpp LINK troupe_train TIMEOUT 300)
target_compile_definitions(test_train_files PRIVATE TROUPE_PYTHON="${TROUPE_VENV}/bin/python")
