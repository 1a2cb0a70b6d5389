# cmake -DPROGRAM=… -DFOLDER=… -P cuda_check.cmake: where there is no GPU the check must say so and end with 2; where there is
# one, everything in it must hold.
execute_process(COMMAND ${PROGRAM} ${FOLDER} RESULT_VARIABLE code ERROR_VARIABLE said)
if(code EQUAL 2)
  if(NOT said MATCHES "GPU")
    message(FATAL_ERROR "no GPU, and no word of it: ${said}")
  endif()
elseif(NOT code EQUAL 0)
  message(FATAL_ERROR "ended with ${code}: ${said}; see ${FOLDER}/gpu-check.md")
endif()
