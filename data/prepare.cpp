#include "data/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"
#include "data/prepare_plan.h"
#include "data/token_shard.h"

namespace strata::data {

namespace fs = std::filesystem;

namespace {

/// Changes when equal inputs would give other files than before.
constexpr int kRecipeVersion = 1;

/// While the work goes on, every finished shard file has a note here; the manifest is made of them
/// at the end.
fs::path notes_folder(const fs::path& out) { return out / ".notes"; }

std::string stem_of(int64_t piece, int64_t part) { return fmt::format("{:05}-{:03}", piece, part); }

fs::path note_path(const fs::path& out, int64_t piece, int64_t part) {
  return notes_folder(out) / (stem_of(piece, part) + ".json");
}

/// A file by the names that stem_of gives.
bool is_shard_file(const fs::path& file) {
  const std::string stem = file.stem().string();
  return file.extension() == ".h5" && stem.size() >= 9 &&
         stem.find_first_not_of("0123456789-") == stem.npos;
}

uint32_t crc32c_of_file(const fs::path& file) {
  const base::MappedFile mapping(file);
  return base::crc32c(mapping.bytes().data(), mapping.bytes().size());
}

std::vector<InputFile> look_at_inputs(const PrepareConfig& config) {
  if (config.inputs.empty())
    throw base::UserError(base::kBadUsage, "prepare.inputs names no files");
  if (config.out.empty())
    throw base::UserError(base::kBadUsage, "prepare.out is not set: the folder to write shards to");
  std::vector<InputFile> inputs;
  for (const std::string& path : config.inputs) inputs.push_back(look_at_input(path));
  return inputs;
}

/// Makes the shard files of pieces, one piece after another.
class ShardMaker {
 public:
  ShardMaker(const PrepareRequest& request, std::span<const InputFile> inputs, int64_t piece_bytes)
      : request_(request),
        inputs_(inputs),
        piece_bytes_(piece_bytes),
        out_(request.config.out),
        writer_(request.codec.hash(), token_bytes(request.codec)) {}

  /// Keeps the parts that are there and sound, makes the others. `done` counts the input bytes of
  /// earlier pieces.
  void make(int64_t number, const Piece& piece, int64_t done, int64_t total) {
    const std::string recipe = recipe_of(piece);
    PieceReader documents(piece, inputs_, request_.config.field);
    const auto report = [&](int64_t text_bytes) {
      request_.progress(done + std::min(text_bytes, bytes_of(piece)), total);
    };
    int64_t taken = 0;
    for (int64_t part = 0;; ++part) {
      std::optional<ShardEntry> entry = sound_note(number, part, recipe);
      if (entry) {
        ++files_kept_;
      } else {
        documents.advance_to(taken);
        entry = make_part(documents, number, part, recipe, report);
        ++files_written_;
      }
      taken += entry->documents_read;
      if (entry->last_part) break;
    }
    report(bytes_of(piece));
  }

  int64_t files_written() const { return files_written_; }
  int64_t files_kept() const { return files_kept_; }

 private:
  std::string recipe_of(const Piece& piece) const {
    return base::fingerprint(fmt::format("{} {} {} {} {} {}", kRecipeVersion, request_.codec.hash(),
                                         request_.codec.vocab_size(), request_.config.field,
                                         piece_bytes_, fingerprint_of(piece, inputs_)));
  }

  /// The note of a part that was finished from the same recipe, if its file is still what it was.
  std::optional<ShardEntry> sound_note(int64_t piece, int64_t part,
                                       const std::string& recipe) const {
    const fs::path note = note_path(out_, piece, part);
    if (!fs::exists(note)) return std::nullopt;
    try {
      const ShardEntry entry = read_shard_entry(note);
      const fs::path file = out_ / entry.file;
      const bool sound = entry.recipe == recipe && fs::exists(file) &&
                         static_cast<int64_t>(fs::file_size(file)) == entry.bytes &&
                         crc32c_of_file(file) == entry.crc32c;
      return sound ? std::optional(entry) : std::nullopt;
    } catch (const base::UserError&) {
      return std::nullopt;  // a damaged note is no note
    }
  }

  template <class Report>
  ShardEntry make_part(PieceReader& documents, int64_t piece, int64_t part,
                       const std::string& recipe, const Report& report) {
    const int64_t first = documents.passed();
    while (documents.has_next() && writer_.header().text_bytes < piece_bytes_) {
      const std::string_view text = documents.text();
      const std::vector<int32_t> ids = encode_with_end(request_.codec, text);
      if (!ids.empty()) writer_.add_document(ids, static_cast<int64_t>(text.size()));
      documents.advance();
      report(writer_.header().text_bytes);
    }
    const ShardHeader header = writer_.header();
    ShardEntry entry;
    entry.file = stem_of(piece, part) + ".h5";
    entry.piece = piece;
    entry.part = part;
    entry.last_part = !documents.has_next();
    entry.recipe = recipe;
    entry.documents_read = documents.passed() - first;
    entry.documents = header.document_count;
    entry.tokens = header.token_count;
    entry.text_bytes = header.text_bytes;
    writer_.write(out_ / entry.file);
    entry.bytes = static_cast<int64_t>(fs::file_size(out_ / entry.file));
    entry.crc32c = crc32c_of_file(out_ / entry.file);
    write_shard_entry(note_path(out_, piece, part), entry);
    return entry;
  }

  const PrepareRequest& request_;
  std::span<const InputFile> inputs_;
  int64_t piece_bytes_;
  fs::path out_;
  TokenShardWriter writer_;
  int64_t files_written_ = 0, files_kept_ = 0;
};

/// Turns the manifest of an earlier run back into notes: while files are made anew there must be no
/// manifest.
void reopen_folder(const fs::path& out) {
  if (!fs::exists(out / kShardManifestName)) return;
  try {
    for (const ShardEntry& entry : read_shard_manifest(out).shards) {
      write_shard_entry(note_path(out, entry.piece, entry.part), entry);
    }
  } catch (const base::UserError&) {
    // A damaged manifest tells nothing: everything is made anew.
  }
  fs::remove(out / kShardManifestName);
}

std::vector<ShardEntry> collect_notes(const fs::path& out, int64_t pieces) {
  std::vector<ShardEntry> entries;
  for (int64_t piece = 0; piece < pieces; ++piece) {
    for (int64_t part = 0;; ++part) {
      entries.push_back(read_shard_entry(note_path(out, piece, part)));
      if (entries.back().last_part) break;
    }
  }
  return entries;
}

void remove_unlisted_files(const fs::path& out, const std::vector<ShardEntry>& entries) {
  std::set<std::string> listed;
  for (const ShardEntry& entry : entries) listed.insert(entry.file);
  std::vector<fs::path> unlisted;
  for (const auto& item : fs::directory_iterator(out)) {
    const fs::path& file = item.path();
    if (is_shard_file(file) && !listed.contains(file.filename().string())) unlisted.push_back(file);
  }
  for (const fs::path& file : unlisted) fs::remove(file);
}

void close_folder(const PrepareRequest& request, const std::vector<InputFile>& inputs,
                  int64_t pieces) {
  const fs::path out = request.config.out;
  ShardManifest manifest{
      request.codec.hash(), request.codec.vocab_size(), request.config.field, {}, {}};
  for (const InputFile& input : inputs)
    manifest.inputs.push_back({input.path.string(), input.bytes});
  manifest.shards = collect_notes(out, pieces);
  const bool any = std::ranges::any_of(manifest.shards,
                                       [](const ShardEntry& shard) { return shard.documents > 0; });
  if (!any) throw base::UserError(base::kBadData, "the files of prepare.inputs hold no documents");
  request.save_tokenizer(tokenizer_of_shards(out));
  remove_unlisted_files(out, manifest.shards);
  write_shard_manifest(out, manifest);
  fs::remove_all(notes_folder(out));
}

}  // namespace

fs::path tokenizer_of_shards(const fs::path& folder) { return folder / "tokenizer"; }

PrepareResult prepare(const PrepareRequest& request) {
  // 1. The same plan on every rank.
  const std::vector<InputFile> inputs = look_at_inputs(request.config);
  const int64_t piece_bytes =
      request.piece_bytes > 0 ? request.piece_bytes : suggested_piece_bytes(inputs);
  const std::vector<Piece> pieces = plan_pieces(inputs, piece_bytes);
  const fs::path out = request.config.out;

  // 2. What is there already becomes notes, which all may read.
  if (request.rank == 0) reopen_folder(out);
  request.barrier();

  // 3. Every rank makes its share.
  ShardMaker maker(request, inputs, piece_bytes);
  int64_t done = 0, total = 0;
  const auto share = [&](const auto& visit) {
    for (size_t p = static_cast<size_t>(request.rank); p < pieces.size();
         p += static_cast<size_t>(request.size))
      visit(p);
  };
  share([&](size_t p) { total += bytes_of(pieces[p]); });
  share([&](size_t p) {
    maker.make(static_cast<int64_t>(p), pieces[p], done, total);
    done += bytes_of(pieces[p]);
  });
  request.barrier();

  // 4. One rank says what is there.
  if (request.rank == 0) close_folder(request, inputs, static_cast<int64_t>(pieces.size()));
  request.barrier();

  PrepareResult result{read_shard_manifest(out), maker.files_written(), maker.files_kept(), 0};
  for (const ShardEntry& shard : result.manifest.shards) {
    result.empty_documents += shard.documents_read - shard.documents;
  }
  return result;
}

}  // namespace strata::data
