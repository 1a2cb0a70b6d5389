if(TARGET troupe_train_torch)
  troupe_test(test_train_gan_device SOURCES gan_device_test.cpp gan_device_program_test.cpp gan_device_ranks_test.cpp gan_device_moves_test.cpp LINK troupe_train_torch
    troupe_gpu_torch troupe_gpu_cuda troupe_predict_torch troupe_libtorch)
  add_library(host_kernels MODULE host_kernels.cpp)
  target_include_directories(host_kernels PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(host_kernels PRIVATE tl::expected troupe_warnings)
  target_compile_definitions(test_train_gan_device PRIVATE TROUPE_HOST_KERNELS="$<TARGET_FILE:host_kernels>")
  add_dependencies(test_train_gan_device host_kernels)
  if(TARGET gpu_check_step)  # over the host's memory
    find_package(Python3 REQUIRED COMPONENTS Interpreter)
    add_test(NAME test_gpu_check_parts COMMAND Python3::Interpreter -B ${PROJECT_SOURCE_DIR}/tests/gpu/check/parts_test.py
      ${PROJECT_BINARY_DIR} $<TARGET_FILE:host_kernels>)
    set_tests_properties(test_gpu_check_parts PROPERTIES TIMEOUT 1200)
  endif()
endif()
