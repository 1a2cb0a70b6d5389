#pragma once
// One operator run on the processor, to see what it takes. Private to this folder.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <string>
#include <vector>

#include "predict/module/measured.hpp"

namespace troupe::meta {

using Arguments = std::vector<c10::IValue>;

/// Operator, arguments' shapes and layouts, threads.
std::string key_of(const c10::OperatorHandle& op, const Arguments& arguments);
/// Runs it on tensors of zeros, shaped as these.
Call measure(const c10::OperatorHandle& op, const Arguments& arguments);
/// The same for a convolution and its backward pass, where a large one is measured on slabs: along the
/// outermost extent of space the bytes that it takes are a straight line.
Call measure_convolution(const c10::OperatorHandle& op, const Arguments& arguments, bool backward);
/// Bytes of all tensors among the arguments.
double bytes_of(const Arguments& arguments);

}  // namespace troupe::meta
