#include "base/lines.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <vector>

namespace strata::base {
namespace {

constexpr size_t kBlock = 256 * 1024;
constexpr std::string_view kGzipMagic = "\x1f\x8b", kZstdMagic = "\x28\xb5\x2f\xfd",
                           kUtf8Mark = "\xef\xbb\xbf";

[[noreturn]] void bad_stream(const fs::path& path, std::string_view why) {
  throw UserError(kBadData, fmt::format("cannot read {}: {}", path.string(), why));
}

std::ifstream open_stream(const fs::path& path) {
  require_file(path);
  std::ifstream stream(path, std::ios::binary);
  if (!stream) bad_stream(path, "it cannot be opened");
  return stream;
}

class PlainSource : public ByteSource {
 public:
  explicit PlainSource(const fs::path& path, int64_t offset = 0)
      : path_(path), stream_(open_stream(path)) {
    stream_.seekg(offset);
  }
  size_t read(char* out, size_t size) override {
    stream_.read(out, static_cast<std::streamsize>(size));
    if (stream_.bad()) bad_stream(path_, "the disk refuses");
    return static_cast<size_t>(stream_.gcount());
  }

 private:
  fs::path path_;
  std::ifstream stream_;
};

/// One or more gzip members after each other, as `cat a.gz b.gz` makes.
class GzipSource : public ByteSource {
 public:
  explicit GzipSource(const fs::path& path) : path_(path), file_(path), packed_(kBlock) {
    ensure(inflateInit2(&stream_, 15 + 16) == Z_OK,
           "zlib cannot start");  // the largest window; gzip framing
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  size_t read(char* out, size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(size);
    while (stream_.avail_out == size) {
      if (stream_.avail_in == 0) {
        stream_.next_in = reinterpret_cast<Bytef*>(packed_.data());
        stream_.avail_in = static_cast<uInt>(file_.read(packed_.data(), packed_.size()));
        if (stream_.avail_in == 0 && inside_member_)
          bad_stream(path_, "the gzip stream is cut off");
        if (stream_.avail_in == 0) return 0;
      }
      inside_member_ = true;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        inside_member_ = false;
        inflateReset(&stream_);
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        bad_stream(path_, fmt::format("the gzip stream is damaged ({})",
                                      stream_.msg ? stream_.msg : "no reason given"));
      }
    }
    return size - stream_.avail_out;
  }

 private:
  fs::path path_;
  PlainSource file_;
  std::vector<char> packed_;
  z_stream stream_{};
  bool inside_member_ = false;
};

/// One or more Zstandard frames after each other.
class ZstdSource : public ByteSource {
 public:
  explicit ZstdSource(const fs::path& path)
      : path_(path),
        file_(path),
        packed_(kBlock),
        stream_(ZSTD_createDStream(), &ZSTD_freeDStream) {
    ensure(stream_ != nullptr, "zstd cannot start");
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax,
                           31);  // corpora are often packed with --long=31
  }

  size_t read(char* out, size_t size) override {
    ZSTD_outBuffer unpacked{out, size, 0};
    while (unpacked.pos == 0) {
      if (in_.pos == in_.size && !more_inside_) {
        in_ = {packed_.data(), file_.read(packed_.data(), packed_.size()), 0};
        if (in_.size == 0 && inside_frame_) bad_stream(path_, "the Zstandard stream is cut off");
        if (in_.size == 0) return 0;
      }
      const size_t status = ZSTD_decompressStream(stream_.get(), &unpacked, &in_);
      if (ZSTD_isError(status)) {
        bad_stream(path_,
                   fmt::format("the Zstandard stream is damaged ({})", ZSTD_getErrorName(status)));
      }
      inside_frame_ = status != 0;
      more_inside_ = inside_frame_ &&
                     unpacked.pos == unpacked.size;  // a full output may have left more behind
    }
    return unpacked.pos;
  }

 private:
  fs::path path_;
  PlainSource file_;
  std::vector<char> packed_;
  std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  bool inside_frame_ = false, more_inside_ = false;
};

std::string first_bytes(const fs::path& path) {
  std::string head(4, '\0');
  head.resize(PlainSource(path).read(head.data(), head.size()));
  return head;
}

}  // namespace

std::unique_ptr<ByteSource> open_bytes(const fs::path& path) {
  const std::string head = first_bytes(path);
  if (head.starts_with(kGzipMagic)) return std::make_unique<GzipSource>(path);
  if (head.starts_with(kZstdMagic)) return std::make_unique<ZstdSource>(path);
  return std::make_unique<PlainSource>(path);
}

bool is_compressed(const fs::path& path) {
  const std::string head = first_bytes(path);
  return head.starts_with(kGzipMagic) || head.starts_with(kZstdMagic);
}

LineReader::LineReader(const fs::path& path) : path_(path), source_(open_bytes(path)) {}

LineReader::LineReader(const fs::path& path, int64_t offset, int64_t line_number)
    : path_(path),
      source_(std::make_unique<PlainSource>(path, offset)),
      number_(line_number - 1),
      next_offset_(offset) {
  ensure(!is_compressed(path), "only a plain file can be read from the middle");
}

bool LineReader::next() {
  size_t searched = 0;
  size_t length = std::string::npos;
  while (true) {
    const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
    length = rest.find('\n', searched);
    if (length != rest.npos) break;
    searched = rest.size();
    if (refill()) continue;
    if (rest.empty()) return false;
    length = rest.size();  // the last line has no break
    break;
  }
  line_ = std::string_view(buffer_.data() + begin_, length);
  const size_t used = std::min(length + 1, end_ - begin_);
  begin_ += used;
  offset_ = next_offset_;
  next_offset_ += static_cast<int64_t>(used);
  ++number_;
  if (line_.ends_with('\r')) line_.remove_suffix(1);
  if (offset_ == 0 && line_.starts_with(kUtf8Mark)) line_.remove_prefix(kUtf8Mark.size());
  return true;
}

/// Moves what is left to the front and reads more behind it; the buffer grows only for a line
/// longer than itself.
bool LineReader::refill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (buffer_.size() - end_ < kBlock) buffer_.resize(std::max(2 * end_, end_ + kBlock));
  const size_t got = source_->read(buffer_.data() + end_, buffer_.size() - end_);
  end_ += got;
  return got > 0;
}

std::string LineReader::where() const { return fmt::format("{}:{}", path_.string(), number_); }

}  // namespace strata::base
