#pragma once
// Which operator of two runs of the same work gave other bits first.
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace troupe::cuda::check {

struct OperatorCall {
  std::string name;           // "aten::cudnn_convolution"
  std::uint64_t in = 0;       // hash of its arguments' bits, of tensors alone
  std::uint64_t out = 0;      // of its results'; 0 where nothing is computed: views, memory as it was
  std::size_t calls_end = 0;  // the calls that it made itself are those behind it, up to here
};

/// LibTorch's operators that `work` calls on this thread, in the order in which they begin. Goes through all
/// their tensors and waits for the device at each: for small steps. Not nested.
std::vector<OperatorCall> record_operators(const std::function<void()>& work);

struct WentApart {
  bool other_calls = false;            // they did not call the same operators
  std::map<std::string, int> sources;  // operators that were given the same and gave other bits: how often
  std::string first;                   // of them; empty: none
};
/// Of a composite operator and those that it calls, the innermost counts. Pure.
WentApart went_apart(const std::vector<OperatorCall>& one, const std::vector<OperatorCall>& other);

}  // namespace troupe::cuda::check
