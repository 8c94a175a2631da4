#include "base/format.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>

namespace strata::base {

std::string format_duration(double seconds) {
  constexpr double kLongest = 1e10;  // three hundred years
  if (!(seconds >= 0 && seconds < kLongest)) return "--:--:--";
  const auto whole = static_cast<int64_t>(seconds);
  const int64_t days = whole / 86400;
  const std::string clock =
      fmt::format("{:02}:{:02}:{:02}", whole / 3600 % 24, whole / 60 % 60, whole % 60);
  return days == 0 ? clock : fmt::format("{}d {}", days, clock);
}

std::string format_count(double count) {
  constexpr std::array<const char*, 5> kUnits = {"", "k", "M", "B", "T"};
  size_t unit = 0;
  while (std::abs(count) >= 999.5 && unit + 1 < kUnits.size()) {
    count /= 1000;
    ++unit;
  }
  const std::string digits =
      std::abs(count) >= 100 ? fmt::format("{:.0f}", count) : fmt::format("{:.3g}", count);
  return digits + kUnits[unit];
}

}  // namespace strata::base
