// The training jobs: what the YAML asks for. A new one is a file beside this one and a row of the table of commands.
#pragma once

namespace strata::trainer {

class Session;

/// Next-token training on text or ids. Everything that the user may have got wrong is found before a folder is made. Collective.
void run_pretrain(Session& session);

}  // namespace strata::trainer
