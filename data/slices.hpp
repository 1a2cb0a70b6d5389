#pragma once
// Volumes cut into upright slices.
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "data/nifti.hpp"
#include "data/resample.hpp"

namespace troupe {

enum class Axis { axial, coronal, sagittal };
Result<Axis> parse_axis(std::string_view name);

/// One slice as a person would hang it: superior up (axial: anterior up), right of the picture = right of the
/// patient (sagittal: left of the picture = anterior). `spacing` of columns and rows in millimetres.
struct Slice {
  PlaneView view;
  double column_spacing = 1, row_spacing = 1;
};
/// The axis of the volume that its slices are stacked along: 0, 1, 2.
int through(Axis axis);
Slice cut(const Volume& volume, Axis axis, int index);

/// The volume's longest side in millimetres: the field of view that all its slices share, so that anatomy
/// keeps its scale from slice to slice.
double field_of_view(const Volume& volume);

/// Intensities low … high become 0 … 1: the 0.5 and 99.5 percentiles of the voxels that are not zero. A
/// volume of one value (a mask) is shown between 0 and it; `empty` where every voxel is zero.
struct Window {
  float low = 0, high = 1;
  bool empty = false;
};
Window window_of(const Volume& volume);
void apply(const Window& window, std::vector<float>& voxels);

/// For each axis of the volume (0 right, 1 anterior, 2 superior) and each slice across it: the share of the
/// slice's pixels above 5 % of the most. The volume is windowed. One pass in the order of memory for all
/// three.
std::array<std::vector<double>, 3> contents_of(const Volume& volume);

}  // namespace troupe
