#pragma once
// The driver's entry points that real_driver.cpp calls, with the version whose calling convention each is
// asked for in. Seen by real_driver.cpp alone.
#include <cuda.h>

// clang-format off
#define TROUPE_DRIVER_ENTRIES(X)                                                                            \
  X(DriverGetVersion, 2020) X(GetErrorString, 6000) X(Init, 2000) X(DeviceGetCount, 2000) X(DeviceGet, 2000) \
  X(DeviceGetName, 2000) X(DeviceGetPCIBusId, 4010) X(DeviceGetAttribute, 2000) X(DeviceTotalMem, 3020)     \
  X(DevicePrimaryCtxRetain, 7000) X(DevicePrimaryCtxRelease, 11000) X(CtxSetCurrent, 4000)                  \
  X(StreamCreate, 2000) X(StreamDestroy, 4000) X(StreamSynchronize, 2000) X(StreamWaitEvent, 3020)          \
  X(MemPoolCreate, 11020) X(MemPoolDestroy, 11020) X(MemPoolGetAttribute, 11020)                            \
  X(MemPoolSetAttribute, 11020) X(MemPoolTrimTo, 11020) X(MemAllocFromPoolAsync, 11020)                     \
  X(MemFreeAsync, 11020) X(MemcpyAsync, 4000) X(EventCreate, 2000) X(EventDestroy, 4000) X(EventRecord, 2000)                    \
  X(EventQuery, 2000) X(EventElapsedTime, 2000)
// Green contexts: a driver of CUDA 12.5 or later has them all. Without them everything above still works.
#define TROUPE_DRIVER_GREEN_ENTRIES(X)                                                                      \
  X(DeviceGetDevResource, 12040) X(DevSmResourceSplitByCount, 12040) X(DevResourceGenerateDesc, 12040)      \
  X(GreenCtxCreate, 12040) X(GreenCtxDestroy, 12040) X(GreenCtxGetDevResource, 12040)                       \
  X(GreenCtxStreamCreate, 12050)
// clang-format on

namespace troupe::cuda {

struct DriverTable {
#define TROUPE_MEMBER(name, version) decltype(&::cu##name) name = nullptr;
  TROUPE_DRIVER_ENTRIES(TROUPE_MEMBER)
  TROUPE_DRIVER_GREEN_ENTRIES(TROUPE_MEMBER)
#undef TROUPE_MEMBER
};

}  // namespace troupe::cuda
