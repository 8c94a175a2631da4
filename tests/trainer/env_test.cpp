// `strata env`: what is gathered is there, and what makes a process slow is said.
#include "trainer/env.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace strata::trainer {
namespace {

TEST(EnvironmentTest, NamesWhatIsLoaded) {
  const Environment env = gather_environment(1);
  for (const auto& [library, version] : env.versions) {
    if (library != "libtorch" && library != "hdf5") continue;
    EXPECT_NE(version.find('.'), std::string::npos) << library;
  }
  ASSERT_FALSE(env.devices.empty());
  EXPECT_EQ(env.devices[0].kind, "cpu");
  EXPECT_GT(env.devices[0].memory_bytes, 0);
  EXPECT_FALSE(env.cores.empty());
  EXPECT_GE(env.cores_online, static_cast<int>(env.cores.size()));
  EXPECT_FALSE(env.cpu_capability.empty());
}

TEST(EnvironmentTest, WarnsWhenThreadsExceedCores) {
  const int before = at::get_num_threads();
  at::set_num_threads(static_cast<int>(gather_environment(1).cores.size()) + 1);
  const Environment crowded = gather_environment(1);
  at::set_num_threads(1);
  const Environment roomy = gather_environment(1);
  const Environment many_ranks = gather_environment(crowded.cores_online + 1);
  at::set_num_threads(before);
  ASSERT_EQ(crowded.warnings.size(), 1u);
  EXPECT_NE(crowded.warnings[0].find("OMP_NUM_THREADS"), std::string::npos);
  EXPECT_TRUE(roomy.warnings.empty());
  // Ranks that are bound each to their own cores are no crowd.
  const bool bound = static_cast<int>(many_ranks.cores.size()) < many_ranks.cores_online;
  EXPECT_EQ(many_ranks.warnings.size(), bound ? 0u : 1u);
}

TEST(EnvironmentTest, JsonAndTextSayTheSame) {
  const Environment env = gather_environment(2);
  const nlohmann::json json = nlohmann::json::parse(environment_json(env));
  const std::string text = environment_text(env);
  EXPECT_EQ(json["cores"]["ranks_on_node"], 2);
  EXPECT_EQ(json["gemm"]["cpu_capability"], env.cpu_capability);
  for (const auto& [library, version] : env.versions) {
    EXPECT_EQ(json["versions"][library].is_null(), version.empty()) << library;
    EXPECT_NE(text.find(library), std::string::npos) << library;
  }
}

}  // namespace
}  // namespace strata::trainer
