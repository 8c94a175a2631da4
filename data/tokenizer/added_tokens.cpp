#include "data/tokenizer/added_tokens.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "data/tokenizer/unicode_agreement.h"

namespace strata::data {
namespace {

/// Asks what kind one character is, as Rust's regular expressions see it.
class CharacterKind {
 public:
  explicit CharacterKind(std::string_view pattern) : pattern_(pattern, "added_tokens") {}

  bool holds(std::string_view character, RegexScratch& scratch) const {
    std::string shadow;
    TextSpan match;
    return pattern_.find(make_class_shadow(character, shadow) ? shadow : character, 0, match,
                         scratch);
  }

 private:
  Regex pattern_;
};

/// The last character of a text, empty for an empty text.
std::string_view last_character(std::string_view text) {
  size_t begin = text.size();
  while (begin > 0 && (static_cast<unsigned char>(text[--begin]) & 0xC0) == 0x80) {
  }
  return text.substr(begin);
}

std::string_view first_character(std::string_view text) {
  size_t end = text.empty() ? 0 : 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
  return text.substr(0, end);
}

/// Finds the longest of a set of words at a place, byte by byte.
class WordTrie {
 public:
  /// Of equal words the first counts.
  void add(std::string_view word, int32_t id) {
    uint32_t node = 0;
    for (const char byte : word) {
      const auto [edge, fresh] =
          edges_.try_emplace(edge_of(node, byte), static_cast<uint32_t>(ends_.size()));
      if (fresh) ends_.push_back(-1);
      node = edge->second;
    }
    if (ends_[node] < 0) ends_[node] = id;
    begins_[static_cast<uint8_t>(word[0])] = true;
  }

  bool empty() const { return ends_.size() == 1; }

  /// The leftmost longest word at or after `from`: its place and id.
  bool find(std::string_view text, size_t from, TextSpan& span, int32_t& id) const {
    for (size_t begin = from; begin < text.size(); ++begin) {
      if (!begins_[static_cast<uint8_t>(text[begin])]) continue;
      id = -1;
      uint32_t node = 0;
      for (size_t at = begin; at < text.size(); ++at) {
        const auto edge = edges_.find(edge_of(node, text[at]));
        if (edge == edges_.end()) break;
        node = edge->second;
        if (ends_[node] < 0) continue;
        id = ends_[node];
        span = {begin, at + 1};
      }
      if (id >= 0) return true;
    }
    return false;
  }

 private:
  static uint64_t edge_of(uint32_t node, char byte) {
    return static_cast<uint64_t>(node) << 8 | static_cast<uint8_t>(byte);
  }

  std::unordered_map<uint64_t, uint32_t> edges_;
  std::vector<int32_t> ends_{-1};  // per node: the id of the word that ends there
  std::array<bool, 256> begins_{};
};

}  // namespace

/// One set of tokens that are looked for together.
class AddedTokens::Matcher {
 public:
  explicit Matcher(const std::map<int32_t, AddedToken>& tokens) : tokens_(&tokens) {}

  void add(std::string_view text, int32_t id) {
    if (!text.empty()) trie_.add(text, id);
  }

  void split(std::string_view text, RegexScratch& scratch, const Use& use) const {
    size_t done = 0, from = 0;
    TextSpan found;
    int32_t id = -1;
    while (!trie_.empty() && trie_.find(text, from, found, id)) {
      from = found.end;
      const AddedToken& token = tokens_->at(id);
      const std::string_view before = text.substr(0, found.begin), behind = text.substr(found.end);
      if (token.single_word &&
          (is_word(last_character(before), scratch) || is_word(first_character(behind), scratch)))
        continue;
      if (token.lstrip)
        found.begin = std::max(done, found.begin - count_space_before(before, scratch));
      if (token.rstrip) found.end += count_space_behind(behind, scratch);
      if (done < found.begin) use(std::nullopt, {done, found.begin});
      use(id, found);
      done = found.end;
    }
    if (done < text.size()) use(std::nullopt, {done, text.size()});
  }

 private:
  bool is_word(std::string_view character, RegexScratch& scratch) const {
    return !character.empty() && word_.holds(character, scratch);
  }

  size_t count_space_before(std::string_view text, RegexScratch& scratch) const {
    const size_t size = text.size();
    for (std::string_view last;
         !(last = last_character(text)).empty() && space_.holds(last, scratch);) {
      text.remove_suffix(last.size());
    }
    return size - text.size();
  }

  size_t count_space_behind(std::string_view text, RegexScratch& scratch) const {
    const size_t size = text.size();
    for (std::string_view first;
         !(first = first_character(text)).empty() && space_.holds(first, scratch);) {
      text.remove_prefix(first.size());
    }
    return size - text.size();
  }

  const std::map<int32_t, AddedToken>* tokens_;
  WordTrie trie_;
  CharacterKind word_{R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}])"}, space_{R"(\s)"};
};

AddedToken read_added_token(const base::SortedJsonReader& entry) {
  AddedToken token;
  token.content = entry.string("content");
  token.single_word = entry.boolean("single_word", false);
  token.lstrip = entry.boolean("lstrip", false);
  token.rstrip = entry.boolean("rstrip", false);
  token.special = entry.boolean("special", false);
  token.normalized = entry.boolean("normalized", !token.special);
  return token;
}

AddedTokens::AddedTokens() = default;
AddedTokens::~AddedTokens() = default;

void AddedTokens::add(const AddedToken& token, const BpeModel& model) {
  if (token.content.empty()) return;
  std::optional<int32_t> id = id_of(token.content);
  if (!id) id = model.id_of(token.content);
  if (!id) {
    // As `tokenizers` counts: behind the model's vocabulary, and behind what was added there
    // before.
    const auto model_size = static_cast<int32_t>(model.ids().size());
    id = by_id_.empty() ? model_size : std::max(model_size, by_id_.rbegin()->first + 1);
  }
  ids_[token.content] = *id;
  by_id_[*id] = token;
}

void AddedTokens::index(const Normalizer& normalizer, RegexScratch& scratch) {
  raw_ = std::make_unique<Matcher>(by_id_);
  normalized_ = std::make_unique<Matcher>(by_id_);
  for (const bool special : {true, false}) {
    for (const auto& [id, token] : by_id_) {
      if (token.special != special) continue;
      if (token.normalized) {
        normalized_->add(normalizer.apply(token.content, scratch), id);
      } else {
        raw_->add(token.content, id);
      }
    }
  }
}

void AddedTokens::split_raw(std::string_view text, RegexScratch& scratch, const Use& use) const {
  raw_->split(text, scratch, use);
}

void AddedTokens::split_normalized(std::string_view text, RegexScratch& scratch,
                                   const Use& use) const {
  normalized_->split(text, scratch, use);
}

std::optional<int32_t> AddedTokens::id_of(std::string_view content) const {
  const auto found = ids_.find(content);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

bool AddedTokens::is_special(int32_t id) const {
  const auto found = by_id_.find(id);
  return found != by_id_.end() && found->second.special;
}

}  // namespace strata::data
