#pragma once
// The images that benches train on: the human T1 volumes of the package mricron-data.
#include "base/config.hpp"

namespace troupe::bench {

inline DataConfig mri_data() {
  DataConfig data;
  data.path = "/usr/share/mricron/templates";
  data.files = {"ch2.nii.gz", "ch2bet.nii.gz", "ch2better.nii.gz"};
  return data;
}

}  // namespace troupe::bench
