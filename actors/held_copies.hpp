#pragma once
// Which copy of a job a head that was started again goes on from. Pure. docs/design.md, "A lost head".
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

/// A lease that was given out, as JOB/leases.csv has it.
struct LeaseNote {
  std::int64_t epoch = 0, first = 0;  // its number, the step that it began at
  std::vector<std::string> nodes;     // others than the head, whose copies were worth something then
  friend bool operator==(const LeaseNote&, const LeaseNote&) = default;
};

/// A copy of the job on a node that came back.
struct HeldCopy {
  std::string node;
  std::int64_t step = -1;                   // committed steps that it holds; -1: none
  std::int64_t entered = -1;                // a step of the phase that its networks stand in
  std::int64_t epoch = 0;                   // of the lease that it is of, or of the move that brought it
  std::int64_t first = -1;                  // step that the lease began at; -1: it was brought by a move
  std::int64_t rows_from = 0, rows_to = 0;  // steps whose loss rows the node has: [rows_from, rows_to)
};

/// Loss rows to be had from a node: of the steps [from, to).
struct RowsThere {
  std::string node;
  std::int64_t from = 0, to = 0;
  friend bool operator==(const RowsThere&, const RowsThere&) = default;
};
struct GoOn {
  std::string node;  // whose copy it is
  std::int64_t step = 0, entered = 0;
  std::vector<RowsThere> rows;  // in order; with those of the head's file they are all before `step`
};

/// Who may hold a copy that is newer than any checkpoint: the nodes of the newest lease.
std::vector<std::string> awaited_nodes(const std::vector<LeaseNote>& leases);

/// Whether the copy is of the job's history: no later lease began at a step before it.
bool committed(const HeldCopy& copy, const std::vector<LeaseNote>& leases);

/// The newest copy of the history beyond `checkpoint`, whose loss rows from `rows` on (so many are in the
/// head's file) are all to be had; none: the checkpoint is what there is. Leases that copies are of count
/// too.
std::optional<GoOn> choose_copy(std::vector<HeldCopy> copies, std::vector<LeaseNote> leases,
                                std::int64_t checkpoint, std::int64_t rows);

}  // namespace troupe
