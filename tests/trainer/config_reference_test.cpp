// docs/config.md says what the field lists say. After a change of a key:
//   STRATA_WRITE_DOCS=1 build/tests/trainer/config_reference_test
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/config_help.h"
#include "base/file.h"
#include "tests/support/paths.h"
#include "trainer/config/run_config.h"

namespace strata::trainer {
namespace {

TEST(ConfigReference, IsUpToDate) {
  const auto file = tests::tests_folder() / "../docs/config.md";
  const std::string page =
      base::reference_page(base::fields_of<RunConfig>(), "Every key of a config");
  if (std::getenv("STRATA_WRITE_DOCS") != nullptr) base::write_file(file, page);
  EXPECT_EQ(base::read_file(file), page)
      << "STRATA_WRITE_DOCS=1 build/tests/trainer/config_reference_test writes it anew";
}

}  // namespace
}  // namespace strata::trainer
