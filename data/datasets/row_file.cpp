#include "data/datasets/row_file.h"

#include "base/checksum.h"

namespace strata::data {

RowFile::RowFile(const InputFile& file) : path_(file.path) {
  if (file.compressed) {
    uncompressed_ = read_text(file);
  } else {
    mapping_.emplace(file.path);
  }
}

std::string_view RowFile::text() const {
  if (!mapping_) return uncompressed_;
  const auto bytes = mapping_->bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view RowFile::line(int64_t offset) const {
  const std::string_view rest = text().substr(static_cast<size_t>(offset));
  return rest.substr(0, rest.find('\n'));
}

std::string RowFile::fingerprint() const { return base::fingerprint(text()); }

}  // namespace strata::data
