troupe_test(test_train_quality SOURCES quality_test.cpp quality_reference_test.cpp LINK troupe_train TIMEOUT 300)
target_compile_definitions(test_train_quality PRIVATE TROUPE_PYTHON="${TROUPE_VENV}/bin/python"
  TROUPE_REFERENCE="${CMAKE_CURRENT_SOURCE_DIR}/quality_reference.py")
