// Numbers as people read them, the same everywhere.
#pragma once

#include <string>

namespace strata::base {

/// "02:13:05", with days "3d 02:13:05"; "--:--:--" for what is not known (NaN, infinite, negative).
std::string format_duration(double seconds);

/// Three digits and a unit: "7", "950", "41.2k", "4.19M", "1.5B", "2T".
std::string format_count(double count);

}  // namespace strata::base
