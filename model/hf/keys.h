// What reading a Hugging Face config.json needs beyond base/json.h: features that must be off, and
// values of a few kinds.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace strata::model {

/// The text under `key`, one of `supported`; absent: the first of them. Any other is a UserError
/// that names them.
std::string choice(const base::JsonReader& there, const std::string& key,
                   const std::vector<std::string>& supported);

/// Refuses a feature that this program does not have unless `key` is absent, null or false.
void refuse_if_on(const base::JsonReader& there, const std::string& key);

/// Written as null, which often means something else than absent.
bool is_null(const base::JsonReader& there, const std::string& key);

/// One integer or a list of them; absent: empty.
std::vector<int64_t> integers(const base::JsonReader& there, const std::string& key);

}  // namespace strata::model
