// manifest.json of a checkpoint: what is in the folder, with a checksum of every file and of
// itself. A folder without a sound manifest is no checkpoint. Knows no tensors and no ranks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace strata::trainer {

struct Manifest {
  static constexpr const char* kFileName = "manifest.json";
  static constexpr const char* kParameters = "parameters";  ///< a quantity: fp32 masters
  static constexpr const char* kRunState = "run_state";

  struct File {
    std::string name;      ///< within the folder
    std::string quantity;  ///< what its tensors are: "parameters", "exp_avg", "exp_avg_sq";
                           ///< "run_state" for the state's text
    int64_t bytes = 0;
    uint32_t crc32c = 0;
    bool operator==(const File&) const = default;
  };
  /// One model: its tensors' names start with `prefix` ("" where there is one model, "policy/",
  /// "critic/").
  struct Model {
    std::string prefix;
    int64_t updates = 0;  ///< of its optimizer: Adam's t
    bool operator==(const Model&) const = default;
  };

  int64_t step = 0;
  std::optional<double> score;  ///< evaluation loss at this step, lower is better
  std::vector<Model> models;
  std::vector<File> files;
  bool operator==(const Manifest&) const = default;
};

/// The file's text, ending in the checksum of all that stands before it.
std::string manifest_text(const Manifest& manifest);

/// A list of files as a rank sends it to the one that writes the manifest, and back.
std::string files_text(const std::vector<Manifest::File>& files);
std::vector<Manifest::File> files_from_text(const std::string& text);

/// Reads FOLDER/manifest.json; a UserError (kBadCheckpoint) says what is wrong with it.
Manifest read_manifest(const std::filesystem::path& folder);

}  // namespace strata::trainer
