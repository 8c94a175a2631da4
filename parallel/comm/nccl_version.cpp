#include <fmt/format.h>
#include <nccl.h>

#include "parallel/comm/versions.h"

namespace strata::parallel {

std::string nccl_version() {
  int number = 0;
  ncclGetVersion(&number);  // 2.28.9 is 22809
  return fmt::format("{}.{}.{}", number / 10000, number % 10000 / 100, number % 100);
}

}  // namespace strata::parallel
