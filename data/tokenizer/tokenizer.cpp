#include "data/tokenizer/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/checksum.h"
#include "data/tokenizer/added_tokens.h"
#include "data/tokenizer/decoder.h"
#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/post_processor.h"
#include "data/tokenizer/utf8.h"
#include "data/tokenizer/workspace_pool.h"

namespace strata::data {
namespace {

/// End tokens by their usual names, for a tokenizer.json without a tokenizer_config.json.
constexpr std::string_view kUsualEndTokens[] = {"<|endoftext|>", "</s>",       "<|end_of_text|>",
                                                "<|im_end|>",    "<|eot_id|>", "<|end|>"};

/// Everything that decides ids, in a form that does not depend on how the file was written.
std::string fingerprint_of(const base::SortedJsonReader& root, const AddedTokens& added,
                           const SurroundingTokens& around) {
  const auto model = root.object("model");
  std::string content = fmt::format(
      "{} {} {} {}\n", model.string("unk_token", ""), model.boolean("byte_fallback", false),
      model.boolean("fuse_unk", false), model.boolean("ignore_merges", false));
  for (const char* part : {"normalizer", "pre_tokenizer"})
    content += (root.has(part) ? root.at(part).dump() : "") + "\n";
  content += model.object("vocab").value().dump() + "\n";  // sorted by token
  for (const base::SortedJson& merge : model.array("merges")) {
    content += merge.is_string() ? merge.get_ref<const std::string&>()
                                 : fmt::format("{} {}", merge[0].get_ref<const std::string&>(),
                                               merge[1].get_ref<const std::string&>());
    content += '\n';
  }
  for (const auto& [id, token] : added.by_id()) {
    content += fmt::format("{} {} {}{}{}{}{}\n", id, token.content, token.single_word, token.lstrip,
                           token.rstrip, token.normalized, token.special);
  }
  for (const auto& ids : {around.before, around.behind}) {
    for (const int32_t id : ids) content += fmt::format("{} ", id);
    content += '\n';
  }
  return base::fingerprint(content);
}

}  // namespace

struct Tokenizer::Parts {
  explicit Parts(TokenizerFiles tokenizer_files);
  Parts(const base::SortedJsonReader& root, TokenizerFiles tokenizer_files);

  void surround_by_roles(const TokenRoles& roles);
  void list_tokens();
  void guess_end();
  std::optional<int32_t> id_of(std::string_view token) const;
  void encode_normal(std::string_view text, bool at_start, Workspace& work,
                     std::vector<int32_t>& out) const;

  TokenizerFiles files;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  BpeModel model;
  AddedTokens added;
  Decoder decoder;
  SurroundingTokens around;
  std::optional<int32_t> bos, end, pad;
  std::vector<std::string> tokens;  ///< by id
  std::string fingerprint;
  mutable WorkspacePool workspaces;
};

Tokenizer::Parts::Parts(const base::SortedJsonReader& root, TokenizerFiles tokenizer_files)
    : files(std::move(tokenizer_files)),
      normalizer(root),
      pre_tokenizer(root),
      model(root.object("model"), pre_tokenizer.byte_level()),
      decoder(root),
      around(read_post_processor(root)) {
  if (root.has("added_tokens")) {
    for (const base::SortedJson& entry : root.array("added_tokens")) {
      added.add(read_added_token({entry, root.source(), base::kBadUsage}), model);
    }
  }
  const TokenRoles roles = read_token_roles(files);
  for (const base::SortedJson& entry : roles.added) {
    const AddedToken token = read_added_token({entry, "tokenizer_config.json", base::kBadUsage});
    if (!added.id_of(token.content)) added.add(token, model);
  }
  for (const std::string& content : roles.special) {
    if (!added.id_of(content)) {
      added.add({.content = content, .normalized = false, .special = true}, model);
    }
  }
  WorkspacePool::Loan loan(workspaces);
  added.index(normalizer, (*loan).regex);
  list_tokens();

  if (roles.bos) bos = id_of(*roles.bos);
  if (roles.end) end = id_of(*roles.end);
  if (roles.pad) pad = id_of(*roles.pad);
  if (!end) guess_end();
  surround_by_roles(roles);
  fingerprint = fingerprint_of(root, added, around);
}

void Tokenizer::Parts::surround_by_roles(const TokenRoles& roles) {
  const auto place = [&](std::vector<int32_t>& ids, std::optional<bool> wanted,
                         std::optional<int32_t> id) {
    if (!wanted || !id) return;
    const bool there = std::find(ids.begin(), ids.end(), *id) != ids.end();
    if (*wanted && !there) ids.push_back(*id);
    if (!*wanted) std::erase(ids, *id);
  };
  place(around.before, roles.add_bos, bos);
  place(around.behind, roles.add_end, end);
}

void Tokenizer::Parts::guess_end() {
  for (const std::string_view name : kUsualEndTokens) {
    if (!end) end = added.id_of(name);
  }
  if (end) files.name_end_token(tokens[static_cast<size_t>(*end)]);
}

void Tokenizer::Parts::list_tokens() {
  const auto put = [&](int32_t id, const std::string& token) {
    if (static_cast<size_t>(id) >= tokens.size()) tokens.resize(static_cast<size_t>(id) + 1);
    tokens[static_cast<size_t>(id)] = token;
  };
  for (const auto& [token, id] : model.ids()) put(id, token);
  for (const auto& [id, token] : added.by_id()) put(id, token.content);
}

std::optional<int32_t> Tokenizer::Parts::id_of(std::string_view token) const {
  const auto id = added.id_of(token);
  return id ? id : model.id_of(token);
}

void Tokenizer::Parts::encode_normal(std::string_view text, bool at_start, Workspace& work,
                                     std::vector<int32_t>& out) const {
  work.pieces.text = text;
  work.pieces.at_start = at_start;
  pre_tokenizer.split(work.pieces, work.regex);
  for (const TextSpan& span : work.pieces.spans) {
    model.encode(work.pieces.text.substr(span.begin, span.end - span.begin), out, work.bpe);
  }
}

namespace {

base::SortedJson parse_tokenizer_json(const TokenizerFiles& files) {
  return base::parse_sorted_json(files.tokenizer_json, files.source, base::kBadUsage);
}

}  // namespace

Tokenizer::Tokenizer(TokenizerFiles files) {
  const base::SortedJson json = parse_tokenizer_json(files);
  const base::SortedJsonReader root(json, files.source, base::kBadUsage);
  parts_ = std::make_unique<Parts>(root, std::move(files));
}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::load(const base::fs::path& path) {
  return Tokenizer(TokenizerFiles::read(path));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool add_special) const {
  std::string mended;
  if (!is_utf8(text)) text = mended = replace_bad_utf8(text);

  std::vector<int32_t> ids;
  ids.reserve(text.size() / 3 + 8);
  if (add_special) ids = parts_->around.before;
  const WorkspacePool::Loan loan(parts_->workspaces);
  Workspace& work = *loan;
  const auto take = [&](std::string_view whole, bool whole_at_start, const auto& use_text) {
    return [&, whole, whole_at_start](std::optional<int32_t> id, TextSpan span) {
      if (id) {
        ids.push_back(*id);
      } else {
        use_text(whole.substr(span.begin, span.end - span.begin),
                 whole_at_start && span.begin == 0);
      }
    };
  };
  const auto encode_text = [&](std::string_view part, bool at_start) {
    parts_->encode_normal(part, at_start, work, ids);
  };
  const auto normalize_and_encode = [&](std::string_view part, bool at_start) {
    const std::string normal =
        parts_->normalizer.empty() ? std::string() : parts_->normalizer.apply(part, work.regex);
    const std::string_view normal_view =
        parts_->normalizer.empty() ? part : std::string_view(normal);
    parts_->added.split_normalized(normal_view, work.regex,
                                   take(normal_view, at_start, encode_text));
  };
  parts_->added.split_raw(text, work.regex, take(text, true, normalize_and_encode));
  if (add_special)
    ids.insert(ids.end(), parts_->around.behind.begin(), parts_->around.behind.end());
  return ids;
}

std::vector<int32_t> Tokenizer::encode_document(std::string_view text) const {
  std::vector<int32_t> ids = parts_->around.before;
  const std::vector<int32_t> text_ids = encode(text);
  ids.insert(ids.end(), text_ids.begin(), text_ids.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const { return assemble(ids, true); }

std::string Tokenizer::decode_plain(std::span<const int32_t> ids) const {
  return assemble(ids, false);
}

std::string Tokenizer::assemble(std::span<const int32_t> ids, bool keep_special) const {
  StreamDecoder stream(*this, keep_special);
  std::string text;
  for (const int32_t id : ids) text += stream.push(id);
  return text + stream.finish();
}

int64_t Tokenizer::vocab_size() const { return static_cast<int64_t>(parts_->tokens.size()); }
std::optional<int32_t> Tokenizer::id_of(std::string_view token) const {
  return parts_->id_of(token);
}

std::string_view Tokenizer::token_of(int32_t id) const {
  return id >= 0 && id < vocab_size() ? std::string_view(parts_->tokens[static_cast<size_t>(id)])
                                      : std::string_view();
}

bool Tokenizer::is_special(int32_t id) const { return parts_->added.is_special(id); }

int64_t Tokenizer::byte_length(int32_t id) const {
  return is_special(id)
             ? 0
             : static_cast<int64_t>(parts_->decoder.piece(token_of(id), false).bytes.size());
}

std::optional<int32_t> Tokenizer::end_id() const { return parts_->end; }
std::optional<int32_t> Tokenizer::pad_id() const { return parts_->pad; }
std::optional<int32_t> Tokenizer::bos_id() const { return parts_->bos; }
std::span<const int32_t> Tokenizer::added_before() const { return parts_->around.before; }
std::span<const int32_t> Tokenizer::added_behind() const { return parts_->around.behind; }
std::string Tokenizer::hash() const { return parts_->fingerprint; }
const std::string& Tokenizer::chat_template() const { return parts_->files.chat_template; }
void Tokenizer::set_chat_template(std::string text) {
  parts_->files.chat_template = std::move(text);
}
void Tokenizer::save(const base::fs::path& folder) const { parts_->files.write(folder); }

struct StreamDecoder::State {
  const Tokenizer& tokenizer;
  bool keep_special;
  TextAssembler assembler;
};

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool keep_special)
    : state_(new State{tokenizer, keep_special, TextAssembler(tokenizer.parts_->decoder)}) {}
StreamDecoder::~StreamDecoder() = default;
StreamDecoder::StreamDecoder(StreamDecoder&&) noexcept = default;

std::string StreamDecoder::push(int32_t id) {
  std::string out;
  const std::string_view token = state_->tokenizer.token_of(id);
  const bool skipped = token.empty() || (!state_->keep_special && state_->tokenizer.is_special(id));
  if (!skipped) state_->assembler.add(token, out);
  return out;
}

std::string StreamDecoder::finish() {
  std::string out;
  state_->assembler.finish(out);
  return out;
}

}  // namespace strata::data
