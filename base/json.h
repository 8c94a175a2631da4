// JSON from people and other programs: parsed with the place of a mistake, read with messages that
// name the file and the key, written so that any bytes make valid JSON. The values themselves are
// nlohmann's; a file that looks into one includes <nlohmann/json.hpp>.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file.h"

namespace strata::base {

/// Keeps the order of its keys; a key is found by going through them, so objects should be small.
using Json = nlohmann::ordered_json;
/// Sorts its keys and finds them fast: for objects of many keys (a tokenizer's vocabulary).
using SortedJson = nlohmann::json;

/// Parses a whole text that came from `source` (a file name, or "FILE:LINE" of a row). A mistake is
/// a UserError with the line and column inside the text. `bad` is the exit code of every complaint.
Json parse_json(std::string_view text, std::string_view source, ExitCode bad = kBadData);
SortedJson parse_sorted_json(std::string_view text, std::string_view source,
                             ExitCode bad = kBadData);

/// The same of a file's content; an absent file has the same exit code.
Json read_json(const fs::path& path, ExitCode bad = kBadData);
SortedJson read_sorted_json(const fs::path& path, ExitCode bad = kBadData);

/// One line (for JSONL) or indented by two spaces with a line break at the end (for people). Bytes
/// that are no valid UTF-8, such as half a character that a model generated, become U+FFFD.
std::string compact_json(const Json& value);
std::string pretty_json(const Json& value);

/// Reads the keys of one JSON object. Every getter throws a UserError such as
///   tokenizer.json: key 'model.vocab' is missing
///   rows.jsonl:7: key 'prompt' holds a number; a string was expected
template <class J>
class BasicJsonReader {
 public:
  /// `source` starts every message. The value must be an object, and outlive the reader.
  BasicJsonReader(const J& object, std::string source, ExitCode bad = kBadData);

  bool has(const std::string& key) const;  ///< present and not null
  const J& at(const std::string& key) const;
  std::string string(const std::string& key) const;
  int64_t integer(const std::string& key) const;
  double number(const std::string& key) const;
  bool boolean(const std::string& key) const;
  const J& array(const std::string& key) const;
  BasicJsonReader object(const std::string& key) const;

  /// The same with a value for an absent (or null) key.
  std::string string(const std::string& key, std::string fallback) const;
  int64_t integer(const std::string& key, int64_t fallback) const;
  double number(const std::string& key, double fallback) const;
  bool boolean(const std::string& key, bool fallback) const;

  const J& value() const { return *object_; }
  const std::string& source() const { return source_; }
  /// Throws the UserError "SOURCE: key 'KEY' WHY".
  [[noreturn]] void refuse(const std::string& key, std::string_view why) const;

 private:
  BasicJsonReader(const J& object, std::string source, std::string prefix, ExitCode bad);
  const J& typed(const std::string& key, bool (*fits)(const J&), std::string_view expected) const;

  const J* object_;
  std::string source_, prefix_;  ///< prefix: "model." inside the object `model`
  ExitCode bad_;
};

using JsonReader = BasicJsonReader<Json>;
using SortedJsonReader = BasicJsonReader<SortedJson>;

}  // namespace strata::base
