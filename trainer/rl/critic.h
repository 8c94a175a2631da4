// The critic of PPO: a model with a scalar head that says, before every token of an answer, what
// the rest of it is expected to bring. Knows no rollout.
#pragma once

#include "trainer/jobs/start.h"
#include "trainer/models/held_model.h"

namespace strata::trainer {

class Session;

/// Starts from the first reward where that is a model that reads the policy's tokens, else from the
/// policy with a head of zeros. Trained whole, with LoRA too. Collective.
HeldModel make_critic(Session& session, const ModelStart& policy);

}  // namespace strata::trainer
