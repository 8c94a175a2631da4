#include "base/tensorboard_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>

#include "base/checksum.h"

namespace strata::base {
namespace {

double now() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since_1970).count();
}

template <class T>
std::string little_endian(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// Protocol buffer wire format: a tag (field number and wire type), then the value.
enum WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string tag(uint64_t field, WireType type) { return varint(field << 3 | type); }
std::string bytes_field(uint64_t field, std::string_view value) {
  return tag(field, kBytes) + varint(value.size()) + std::string(value);
}

/// An Event: 1 wall_time, 2 step, and one of 3 file_version, 5 summary, 7 session_log.
std::string event(double wall_time, int64_t step, std::string_view what) {
  std::string text = tag(1, kFixed64) + little_endian(wall_time);
  if (step != 0) text += tag(2, kVarint) + varint(static_cast<uint64_t>(step));
  return text += what;
}

/// Checksums inside a record are turned and shifted, so that a record of records is not mistaken
/// for one.
std::string masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes.data(), bytes.size());
  return little_endian((crc >> 15 | crc << 17) + 0xa282ead8u);
}

std::string record(std::string_view payload) {
  const std::string length = little_endian(static_cast<uint64_t>(payload.size()));
  return length + masked_crc(length) + std::string(payload) + masked_crc(payload);
}

fs::path file_name(double wall_time) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("events.out.tfevents.{:010}.{}.{}", static_cast<int64_t>(wall_time),
                     host.data(), ::getpid());
}

}  // namespace

std::string tensorboard_header(double wall_time) {
  return record(event(wall_time, 0, bytes_field(3, "brain.Event:2")));
}

std::string tensorboard_restart(double wall_time, int64_t step) {
  constexpr uint64_t kStart = 1;  // SessionLog: 1 status
  return record(event(wall_time, step, bytes_field(7, tag(1, kVarint) + varint(kStart))));
}

std::string tensorboard_scalars(double wall_time, int64_t step, const MetricRow& row) {
  std::string summary;  // Summary: 1 value, repeated; Value: 1 tag, 2 simple_value
  for (const auto& [name, value] : row) {
    if (name == "step") continue;
    const std::string scalar = tag(2, kFixed32) + little_endian(static_cast<float>(value));
    summary += bytes_field(1, bytes_field(1, name) + scalar);
  }
  return record(event(wall_time, step, bytes_field(5, summary)));
}

TensorboardFile::TensorboardFile(const fs::path& folder, int64_t done)
    : file_(folder / file_name(now()), OutputFile::Mode::kAppend) {
  file_.write(tensorboard_header(now()));
  file_.write(tensorboard_restart(now(), done + 1));
}

void TensorboardFile::append(int64_t step, const MetricRow& row) {
  file_.write(tensorboard_scalars(now(), step, row));
}

}  // namespace strata::base
