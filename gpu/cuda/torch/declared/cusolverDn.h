#pragma once
// See README.md.
#include <cusolver_common.h>
