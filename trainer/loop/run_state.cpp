#include "trainer/loop/run_state.h"

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace strata::trainer {

std::string RunState::text() const {
  base::Json json{
      {"tokens", tokens}, {"algorithm", algorithm}, {"model", model::folder_config(model)}};
  if (adapters.lora.rank > 0) {
    json["lora"] = {{"rank", adapters.lora.rank},
                    {"alpha", adapters.lora.alpha},
                    {"targets", adapters.lora.targets},
                    {"base", adapters.base}};
  }
  return base::compact_json(json);
}

RunState RunState::parse(const std::string& text) {
  const base::Json json = base::parse_json(text, "run state", base::kBadCheckpoint);
  const base::JsonReader reader(json, "run state", base::kBadCheckpoint);
  RunState state{reader.integer("tokens"), reader.string("algorithm"),
                 model::parse_folder_info(reader.at("model"), "run state")};
  if (!reader.has("lora")) return state;
  const base::JsonReader lora = reader.object("lora");
  state.adapters.lora = {lora.integer("rank"), lora.number("alpha"),
                         lora.array("targets").get<std::vector<std::string>>()};
  state.adapters.base = lora.string("base");
  return state;
}

}  // namespace strata::trainer
