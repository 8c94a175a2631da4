#include "data/tokenizer/commands.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "data/documents.h"

namespace strata::data {
namespace {

/// Writes one line for each row of a JSONL file; `convert` gets the row's reader.
template <class Convert>
int64_t convert_rows(const base::fs::path& rows, const base::fs::path& out,
                     const Convert& convert) {
  const InputFile input = look_at_input(rows);
  int64_t count = 0;
  base::write_file_with(out, [&](const base::fs::path& temporary) {
    std::ofstream stream(temporary, std::ios::binary);
    for (JsonlReader reader(input); reader.next(); ++count)
      stream << base::compact_json(reader.read(convert)) << '\n';
    stream.close();
    if (!stream)
      throw base::UserError(base::kDiskTrouble, fmt::format("cannot write {}", out.string()));
  });
  return count;
}

std::vector<int32_t> read_ids(const Tokenizer& tokenizer, const base::JsonReader& row) {
  std::vector<int32_t> ids;
  for (const base::Json& id : row.array("input_ids")) {
    const bool fits = id.is_number_integer() && id.get<int64_t>() >= 0 &&
                      id.get<int64_t>() < tokenizer.vocab_size();
    if (!fits)
      row.refuse("input_ids", fmt::format("holds {}; ids from 0 to {} were expected", id.dump(),
                                          tokenizer.vocab_size() - 1));
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

}  // namespace

int64_t encode_file(const Tokenizer& tokenizer, const base::fs::path& rows,
                    const base::fs::path& out, bool add_special) {
  return convert_rows(rows, out, [&](const base::JsonReader& row) {
    return base::Json{{"input_ids", tokenizer.encode(row.string("text"), add_special)}};
  });
}

int64_t decode_file(const Tokenizer& tokenizer, const base::fs::path& rows,
                    const base::fs::path& out) {
  return convert_rows(rows, out, [&](const base::JsonReader& row) {
    return base::Json{{"text", tokenizer.decode(read_ids(tokenizer, row))}};
  });
}

base::Json describe_tokenizer(const Tokenizer& tokenizer) {
  const auto token = [&](std::optional<int32_t> id) {
    return id ? base::Json{{"id", *id}, {"token", tokenizer.token_of(*id)}} : base::Json();
  };
  base::Json special = base::Json::array();
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    if (tokenizer.is_special(id)) special.push_back(token(id));
  }
  const auto ids = [](std::span<const int32_t> added) {
    return std::vector<int32_t>(added.begin(), added.end());
  };
  return base::Json{{"vocab_size", tokenizer.vocab_size()},
                    {"end", token(tokenizer.end_id())},
                    {"pad", token(tokenizer.pad_id())},
                    {"bos", token(tokenizer.bos_id())},
                    {"special", special},
                    {"added_before", ids(tokenizer.added_before())},
                    {"added_behind", ids(tokenizer.added_behind())},
                    {"chat_template", !tokenizer.chat_template().empty()},
                    {"hash", tokenizer.hash()}};
}

}  // namespace strata::data
