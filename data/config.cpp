#include "data/config.h"

#include "data/datasets/format.h"

namespace strata::data {

void TrainSource::fields(base::Fields& f) {
  f("path", path,
    "A folder of token shards, a shard file (.h5), or a JSONL or text file (.gz and .zst too).");
  f("weight", weight,
    "Share of the samples that come from this source, beside the weights of the others.",
    base::above(0));
}

void EvalSource::fields(base::Fields& f) {
  f("path", path, "As in data.train; read once, from first to last.");
}

void DataConfig::fields(base::Fields& f) {
  f.list("train", train, "Where training samples come from.");
  f.list("eval", eval, "What is evaluated.");
  f("format", format,
    "What the rows of JSONL files hold; auto finds it from the keys of the first row.",
    base::one_of(format_choices()));
  f("columns", columns,
    "Names of columns in the files where they differ from ours: {text: body} reads `body` as "
    "text.");
  f("shuffle", shuffle, "Another order in every pass; false: the files' own order.");
  f("cross_document", cross_document,
    "Let tokens attend to, and be trained to predict, the next document in a window of text.");
  f("too_long", too_long,
    "Rows of more than batch.sequence + 1 tokens: refuse the file, cut the row, or leave it out "
    "(both are counted).",
    base::one_of({"error", "truncate", "drop"}));
}

std::string DataConfig::column(const std::string& name) const {
  for (const auto& [ours, theirs] : columns) {
    if (ours == name) return theirs;
  }
  return name;
}

void PrepareConfig::fields(base::Fields& f) {
  f("inputs", inputs,
    "Files to tokenize, in this order: JSONL (one document a row) or text (one document a file); "
    ".gz and .zst too.");
  f("out", out, "The folder of token shards to make.");
  f("field", field, "The key of a JSONL row that holds its text.");
}

}  // namespace strata::data
