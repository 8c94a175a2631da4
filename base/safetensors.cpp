#include "base/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "base/checksum.h"
#include "base/json.h"

namespace strata::base {
namespace {

constexpr size_t kLengthBytes = 8;  // the file opens with the header's length, little-endian
constexpr size_t kLargestHeader = 100'000'000;  // as the reference implementation has it
constexpr const char* kMetadataKey = "__metadata__";

struct DtypeRow {
  std::string_view name;
  int64_t bytes;
};
constexpr std::array<DtypeRow, 10> kDtypes = {{{"F64", 8},
                                               {"F32", 4},
                                               {"F16", 2},
                                               {"BF16", 2},
                                               {"I64", 8},
                                               {"I32", 4},
                                               {"I16", 2},
                                               {"I8", 1},
                                               {"U8", 1},
                                               {"BOOL", 1}}};

/// Elements of a shape times `element`, or -1 where that is no sane number.
int64_t bytes_of_shape(const std::vector<int64_t>& shape, int64_t element) {
  int64_t bytes = element;
  for (const int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) return -1;
  }
  return bytes;
}

/// Parses the header and refuses a name that comes twice (the library would keep one of the two in
/// silence).
SortedJson parse_header(std::string_view text, const std::function<void(std::string)>& refuse) {
  std::set<std::string> names;
  const auto watch = [&](int depth, SortedJson::parse_event_t event, SortedJson& parsed) {
    if (event == SortedJson::parse_event_t::key && depth == 1 &&
        !names.insert(parsed.get<std::string>()).second) {
      refuse(fmt::format("tensor '{}' is listed twice", parsed.get<std::string>()));
    }
    return true;
  };
  try {
    return SortedJson::parse(text, watch);
  } catch (const SortedJson::exception& error) {
    refuse(fmt::format("its header is not valid JSON ({})", error.what()));
  }
  return {};
}

TensorInfo read_info(const std::string& name, const SortedJson& entry, const std::string& source,
                     ExitCode damaged) {
  const SortedJsonReader reader(entry, fmt::format("{}: tensor '{}'", source, name), damaged);
  const auto integers = [&](const std::string& key) {
    std::vector<int64_t> values;
    for (const auto& value : reader.array(key)) {
      if (!value.is_number_unsigned()) reader.refuse(key, "must hold whole numbers from 0");
      const auto number = value.get<uint64_t>();
      if (number > uint64_t{INT64_MAX}) reader.refuse(key, "holds a number out of range");
      values.push_back(static_cast<int64_t>(number));
    }
    return values;
  };
  TensorInfo info{.dtype = reader.string("dtype"), .shape = integers("shape")};
  const auto offsets = integers("data_offsets");
  if (offsets.size() != 2) reader.refuse("data_offsets", "must hold a begin and an end");
  info.begin = offsets[0];
  info.end = offsets[1];
  return info;
}

/// The JSON header of tensors that lie one after the other, padded with blanks so that the data is
/// aligned.
std::string make_header(const std::vector<TensorToWrite>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  int64_t begin = 0;
  for (const auto& tensor : tensors) {
    const int64_t bytes = bytes_of_shape(tensor.shape, dtype_bytes(tensor.dtype));
    ensure(bytes >= 0, "the shape of a tensor to be written");
    Json entry{
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, begin + bytes}}};
    ensure(header.emplace(tensor.name, std::move(entry)).second, "a tensor is to be written twice");
    begin += bytes;
  }
  std::string text = compact_json(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

int64_t dtype_bytes(std::string_view dtype) {
  for (const auto& row : kDtypes) {
    if (row.name == dtype) return row.bytes;
  }
  std::vector<std::string> names;
  for (const auto& row : kDtypes) names.emplace_back(row.name);
  throw UserError(kBadUsage, fmt::format("unknown safetensors dtype '{}'; known are {}{}", dtype,
                                         fmt::join(names, " "), did_you_mean(dtype, names)));
}

SafetensorsReader::SafetensorsReader(const fs::path& path, ExitCode damaged)
    : file_(path, damaged) {
  const auto refuse = [&](const std::string& why) {
    throw UserError(damaged,
                    fmt::format("{} is not a sound safetensors file: {}", path.string(), why));
  };
  // 1. The header's length and text.
  const auto bytes = file_.bytes();
  if (bytes.size() < kLengthBytes) refuse(fmt::format("it has only {} bytes", bytes.size()));
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kLargestHeader || length > bytes.size() - kLengthBytes) {
    refuse(fmt::format("its header claims {} bytes, the file has {}", length, bytes.size()));
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  const SortedJson header = parse_header(text, refuse);
  if (!header.is_object()) refuse("its header is not a JSON object");
  data_begin_ = kLengthBytes + length;

  // 2. Metadata and tensors, each checked by itself.
  const auto data_size = static_cast<int64_t>(bytes.size() - data_begin_);
  for (const auto& [name, entry] : header.items()) {
    if (name == kMetadataKey) {
      const SortedJsonReader metadata(entry, path.string() + ": " + kMetadataKey, damaged);
      for (const auto& [key, value] : entry.items()) metadata_[key] = metadata.string(key);
      continue;
    }
    TensorInfo info = read_info(name, entry, path.string(), damaged);
    const auto known = std::ranges::find(kDtypes, info.dtype, &DtypeRow::name);
    if (known == kDtypes.end())
      refuse(fmt::format("tensor '{}' has the unknown dtype '{}'", name, info.dtype));
    if (info.begin > info.end || info.end > data_size) {
      refuse(fmt::format("tensor '{}' lies at [{}, {}), the data has {} bytes", name, info.begin,
                         info.end, data_size));
    }
    if (bytes_of_shape(info.shape, known->bytes) != info.end - info.begin) {
      refuse(fmt::format("tensor '{}' of shape [{}] and dtype {} cannot have {} bytes", name,
                         fmt::join(info.shape, ", "), info.dtype, info.end - info.begin));
    }
    tensors_.emplace(name, std::move(info));
  }

  // 3. Together they cover the data without overlap or gap, as the format demands.
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (const auto& [name, info] : tensors_) ranges.emplace_back(info.begin, info.end);
  std::ranges::sort(ranges);
  int64_t covered = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != covered)
      refuse(fmt::format("tensors overlap or leave a gap at byte {} of the data", covered));
    covered = end;
  }
  if (covered != data_size)
    refuse(fmt::format("{} bytes of its data belong to no tensor", data_size - covered));
}

std::span<const std::byte> SafetensorsReader::bytes(const TensorInfo& info) const {
  return file_.bytes().subspan(data_begin_ + static_cast<size_t>(info.begin),
                               static_cast<size_t>(info.end - info.begin));
}

uint32_t write_safetensors(const fs::path& path, const std::vector<TensorToWrite>& tensors,
                           const std::map<std::string, std::string>& metadata) {
  const std::string header = make_header(tensors, metadata);
  const uint64_t length = header.size();
  OutputFile file(path, OutputFile::Mode::kReplace);
  uint32_t checksum = 0;
  const auto write = [&](const void* data, size_t size) {
    checksum = crc32c(data, size, checksum);
    file.write(data, size);
  };
  write(&length, kLengthBytes);
  write(header.data(), header.size());
  for (const auto& tensor : tensors) {
    const auto bytes = tensor.fetch();
    const auto expected = bytes_of_shape(tensor.shape, dtype_bytes(tensor.dtype));
    ensure(static_cast<int64_t>(bytes.size()) == expected,
           fmt::format("the bytes of tensor {}", tensor.name));
    write(bytes.data(), bytes.size());
  }
  file.sync();
  return checksum;
}

}  // namespace strata::base
