// The rows of the table of architectures, one per file of this folder.
#pragma once

#include "model/architecture.h"

namespace strata::model {

extern const Architecture kGpt2;
extern const Architecture kLlama;
extern const Architecture kMistral;
extern const Architecture kQwen2;

}  // namespace strata::model
