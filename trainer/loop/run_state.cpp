#include "trainer/loop/run_state.h"

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace strata::trainer {

std::string RunState::text() const {
  return base::compact_json(
      {{"tokens", tokens}, {"algorithm", algorithm}, {"model", model::folder_config(model)}});
}

RunState RunState::parse(const std::string& text) {
  const base::Json json = base::parse_json(text, "run state", base::kBadCheckpoint);
  const base::JsonReader reader(json, "run state", base::kBadCheckpoint);
  return {reader.integer("tokens"), reader.string("algorithm"),
          model::parse_folder_info(reader.at("model"), "run state")};
}

}  // namespace strata::trainer
