#pragma once
#include <map>

#include "actors/common.hpp"
#include "predict/neighbours.hpp"

namespace troupe {
struct PredictorArgs {
  recorder_actor recorder;
  std::filesystem::path file;  // what was learned, kept for the next run
  Correction learned;
  std::filesystem::path beside_file;  // the same of jobs beside each other
  Interference beside;
};
struct PredictorState {
  PredictorArgs args;
  std::map<std::string, DemandTable> tables;  // by job
  Neighbours neighbours;
  bool learned_more = false;  // than is in the files
  const char* name = "predictor";
};
predictor_actor::behavior_type predictor(predictor_actor::stateful_pointer<PredictorState> self,
                                         PredictorArgs args);

/// What an earlier run learned; a file that is broken is told of in `trouble` and counts as none.
Correction read_correction(const std::filesystem::path& file, std::optional<Error>& trouble);
}  // namespace troupe
