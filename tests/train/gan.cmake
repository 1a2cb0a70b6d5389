if(TARGET troupe_train_torch)
  troupe_test(test_train_gan SOURCES gan_test.cpp gan_schedule_test.cpp gan_forecast_test.cpp gan_budget_test.cpp calibrate_test.cpp LINK troupe_train_torch troupe_gpu_torch troupe_libtorch)
  troupe_test(test_train_gan_gradients SOURCES gan_gradients_test.cpp LINK troupe_train_torch troupe_gpu_torch troupe_libtorch)
endif()
