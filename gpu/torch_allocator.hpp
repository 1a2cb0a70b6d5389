#pragma once
// Process-wide state that LibTorch forces on us, wrapped in this one file: its CPU allocator.
#include <cstddef>

#include "base/units.hpp"

namespace troupe {
/// Puts the counting allocator under every CPU tensor of the process: an allocation is charged to the calling
/// thread's current_account() and released from that very account wherever it is freed, even after its owner
/// let go of it. Past the budget it throws ErrorException(over_budget). Idempotent; to be called once, before
/// the first tensor. Outside its sight: what oneDNN and BLAS allocate for themselves. Also tells malloc to
/// keep large blocks instead of returning them to the kernel (page faults cost more than a narrow step's
/// arithmetic), in few arenas: to be called before there are many threads.
void install_torch_allocator();
/// What a tensor of `bytes` bytes is charged: with a header of 64, rounded up to 64; nothing for an empty
/// one.
Bytes charged_bytes(std::size_t bytes) noexcept;
/// Gives the calling thread one LibTorch thread (bits must not depend on the thread count).
void use_one_torch_thread();
/// Of the LibTorch built against, e.g. "2.13.0". Its include folder carries an fmt of its own that other
/// folders must not meet, so its headers are included in this file's source alone.
const char* torch_version() noexcept;
}  // namespace troupe
