#include "base/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

namespace strata::base {
namespace {

constexpr size_t kMostNodes = 100'000;  // aliases of aliases can blow up a small file
constexpr const char* kTextTag = "tag:yaml.org,2002:str";

/// Listens to yaml-cpp and builds the tree.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string source, bool fixed_place, std::vector<Complaint>& complaints)
      : source_(std::move(source)), fixed_place_(fixed_place), complaints_(complaints) {}

  YamlNode take_root() { return std::move(root_); }

  Place place_of(const YAML::Mark& mark) const {
    return fixed_place_ ? Place{source_} : Place{source_, mark.line + 1, mark.column + 1};
  }
  void complain(const Place& place, std::string why) {
    complaints_.push_back({place, std::move(why)});
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(node_at(mark, YamlNode::Kind::kNothing), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = node_at(mark, YamlNode::Kind::kScalar);
    node.text = value;
    node.quoted = tag == "!" || tag == kTextTag;
    if (!node.quoted && tag != "?") refuse_tag(node.place, tag);
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      complain(place_of(mark), "an alias stands inside the value that it names");
      add(node_at(mark, YamlNode::Kind::kNothing), YAML::NullAnchor);
      return;
    }
    nodes_ += found->second.nodes;
    stop_where_too_large(mark);
    add(found->second.value, YAML::NullAnchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::kList);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor;
    size_t nodes_before;
    std::optional<YamlEntry> waiting;  ///< a key whose value comes next
  };
  struct Anchored {
    YamlNode value;
    size_t nodes;
  };

  YamlNode node_at(const YAML::Mark& mark, YamlNode::Kind kind) {
    ++nodes_;
    stop_where_too_large(mark);
    YamlNode node;
    node.kind = kind;
    node.place = place_of(mark);
    return node;
  }

  void stop_where_too_large(const YAML::Mark& mark) const {
    if (nodes_ > kMostNodes) throw YAML::ParserException(mark, "too many values for a config");
  }

  void refuse_tag(const Place& place, const std::string& tag) {
    if (!tag.empty() && tag != "!")
      complain(place, fmt::format("tags such as {} are not supported", tag));
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YamlNode::Kind kind) {
    const size_t before = nodes_;
    YamlNode node = node_at(mark, kind);
    if (tag != "?") refuse_tag(node.place, tag);
    open_.push_back({std::move(node), anchor, before, std::nullopt});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.anchor != YAML::NullAnchor)
      anchors_[done.anchor] = {done.node, nodes_ - done.nodes_before};
    add(std::move(done.node), YAML::NullAnchor);
  }

  /// Puts a complete value where it belongs.
  void add(YamlNode node, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = {node, 1};
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (open_.back().node.kind == YamlNode::Kind::kList) {
      open_.back().node.items.push_back(std::move(node));
    } else if (!open_.back().waiting) {
      open_.back().waiting = key_from(node);
    } else {
      YamlEntry entry = std::move(*std::exchange(open_.back().waiting, std::nullopt));
      entry.value = std::move(node);
      add_entry(open_.back().node, std::move(entry));
    }
  }

  YamlEntry key_from(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::kScalar) {
      complain(node.place, fmt::format("a key must be a plain word, not {}", node.description()));
    } else if (node.text == "<<" && !node.quoted) {
      complain(node.place, "merge keys are not supported; 'base: FILE' inherits from another file");
    }
    return {node.text, node.place, {}};
  }

  void add_entry(YamlNode& map, YamlEntry entry) {
    for (const auto& earlier : map.entries) {
      if (earlier.key != entry.key) continue;
      complain(entry.place, fmt::format("key '{}' is given twice, first at {}", entry.key,
                                        earlier.place.text()));
      return;
    }
    map.entries.push_back(std::move(entry));
  }

  std::string source_;
  bool fixed_place_;
  std::vector<Complaint>& complaints_;
  YamlNode root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  size_t nodes_ = 0;
};

bool is_plain_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("_-./+ ").find(c) != std::string_view::npos;
}

/// True where the text can stand without quotes, inside brackets too, and cannot be taken for
/// anything but a text.
bool is_plain(std::string_view text) {
  constexpr std::array<std::string_view, 8> kWords = {"true", "false", "yes",  "no",
                                                      "on",   "off",   "null", "n"};
  if (text.empty() || !(std::isalpha(static_cast<unsigned char>(text[0])) || text[0] == '/'))
    return false;
  if (text.back() == ' ' || !std::ranges::all_of(text, is_plain_character)) return false;
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::find(kWords, lower) == kWords.end();
}

}  // namespace

std::string Place::text() const {
  return line == 0 ? source : fmt::format("{}:{}:{}", source, line, column);
}

const YamlNode* YamlNode::find(std::string_view key) const {
  const auto found = std::ranges::find(entries, key, &YamlEntry::key);
  return found == entries.end() ? nullptr : &found->value;
}

YamlNode* YamlNode::find(std::string_view key) {
  return const_cast<YamlNode*>(std::as_const(*this).find(key));
}

std::string YamlNode::description() const {
  switch (kind) {
    case Kind::kNothing:
      return "nothing";
    case Kind::kScalar:
      return fmt::format("'{}'", text.size() <= 80 ? text : text.substr(0, 77) + "...");
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a mapping";
  }
  return "";
}

YamlNode parse_yaml(std::string_view text, const std::string& source, bool fixed_place,
                    std::vector<Complaint>& complaints) {
  TreeBuilder builder(source, fixed_place, complaints);
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    YamlNode root = builder.take_root();
    if (parser.HandleNextDocument(builder)) {
      builder.complain(builder.take_root().place,
                       "a config is one YAML document, a second one begins here");
    }
    return root;
  } catch (const YAML::Exception& error) {
    builder.complain(builder.place_of(error.mark), "not valid YAML: " + error.msg);
    return {};
  }
}

void merge_yaml(YamlNode& under, YamlNode over) {
  using Kind = YamlNode::Kind;
  if (under.kind == Kind::kMap && over.kind == Kind::kNothing) return;
  if (under.kind != Kind::kMap || over.kind != Kind::kMap) {
    under = std::move(over);
    return;
  }
  for (auto& entry : over.entries) {
    const auto same = std::ranges::find(under.entries, entry.key, &YamlEntry::key);
    if (same == under.entries.end()) {
      under.entries.push_back(std::move(entry));
    } else {
      same->place = entry.place;
      merge_yaml(same->value, std::move(entry.value));
    }
  }
}

std::string yaml_text(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace strata::base
