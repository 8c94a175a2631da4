// `strata data verify`: everything that is wrong with token shards, found by reading all of them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace strata::data {

/// `path` is a folder of shards or one file. One sentence a fault, each beginning with the file it
/// is about; empty when all is sound. A path that is not there is kBadData.
std::vector<std::string> verify_shards(const std::filesystem::path& path);

}  // namespace strata::data
