#pragma once
// See context.h. Nothing of this header of Gloo's is needed.
