#include "trainer/checkpoint/manifest.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace strata::trainer {
namespace {

using base::Json;

constexpr int64_t kVersion = 1;
constexpr std::string_view kSeal = ",\n  \"crc32c\": \"";
constexpr std::string_view kEnd = "\"\n}\n";

std::string hex(uint32_t checksum) { return fmt::format("{:08x}", checksum); }

uint32_t from_hex(const base::JsonReader& reader, const std::string& key) {
  const std::string text = reader.string(key);
  uint32_t checksum = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), checksum, 16);
  if (error != std::errc() || end != text.data() + text.size())
    reader.refuse(key, "is no checksum");
  return checksum;
}

Json json_of(const std::vector<Manifest::File>& files) {
  Json list = Json::array();
  for (const auto& file : files) {
    list.push_back({{"name", file.name},
                    {"quantity", file.quantity},
                    {"bytes", file.bytes},
                    {"crc32c", hex(file.crc32c)}});
  }
  return list;
}

std::vector<Manifest::File> files_of(const Json& list, const std::string& source) {
  std::vector<Manifest::File> files;
  for (const Json& entry : list) {
    const base::JsonReader file(entry, source + ": files", base::kBadCheckpoint);
    files.push_back({file.string("name"), file.string("quantity"), file.integer("bytes"),
                     from_hex(file, "crc32c")});
  }
  return files;
}

/// The text without the seal at its end, which must be that of the bytes before it.
std::string_view unsealed(std::string_view text, const std::string& source) {
  const size_t at = text.rfind(kSeal);
  const bool has_seal = at != std::string_view::npos;
  const std::string_view body = text.substr(0, has_seal ? at : 0);
  const std::string seal =
      fmt::format("{}{}{}", kSeal, hex(base::crc32c(body.data(), body.size())), kEnd);
  if (!has_seal || text.substr(at) != seal) {
    throw base::UserError(base::kBadCheckpoint, source + " does not match its own checksum");
  }
  return body;
}

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  Json json{{"version", kVersion}, {"step", manifest.step}};
  if (manifest.score) json["score"] = *manifest.score;
  json["models"] = Json::array();
  for (const auto& model : manifest.models) {
    json["models"].push_back({{"prefix", model.prefix}, {"updates", model.updates}});
  }
  json["files"] = json_of(manifest.files);
  std::string text = base::pretty_json(json);
  text.resize(text.rfind("\n}"));
  return fmt::format("{}{}{}{}", text, kSeal, hex(base::crc32c(text.data(), text.size())), kEnd);
}

std::string files_text(const std::vector<Manifest::File>& files) {
  return base::compact_json(json_of(files));
}

std::vector<Manifest::File> files_from_text(const std::string& text) {
  return files_of(base::parse_json(text, "files of a rank", base::kBadCheckpoint),
                  "files of a rank");
}

Manifest read_manifest(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / Manifest::kFileName;
  const std::string source = path.string();
  const std::string text = base::read_file(path, base::kBadCheckpoint);
  const Json json =
      base::parse_json(std::string(unsealed(text, source)) + "\n}", source, base::kBadCheckpoint);
  const base::JsonReader reader(json, source, base::kBadCheckpoint);
  if (reader.integer("version") != kVersion) {
    reader.refuse("version",
                  fmt::format("is {}; this program reads {}", reader.integer("version"), kVersion));
  }

  Manifest manifest;
  manifest.step = reader.integer("step");
  if (reader.has("score")) manifest.score = reader.number("score");
  for (const Json& entry : reader.array("models")) {
    const base::JsonReader model(entry, source + ": models", base::kBadCheckpoint);
    manifest.models.push_back({model.string("prefix"), model.integer("updates")});
  }
  manifest.files = files_of(reader.array("files"), source);
  return manifest;
}

}  // namespace strata::trainer
