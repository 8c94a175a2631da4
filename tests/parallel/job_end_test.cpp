// How a job of several ranks ends when something goes wrong: exit code, which rank is named, and
// that it ends at all. The tests start this very program under mpirun as `job_end_test scene NAME
// FOLDER`; the scenes are below.
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <thread>

#include "base/error.h"
#include "parallel/comm/collectives.h"
#include "parallel/comm/watchdog.h"
#include "parallel/comm/world.h"
#include "tests/support/command.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace strata::parallel {
namespace {

constexpr double kTimeout = 2;  // seconds

void sleep_seconds(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

void add_up(Communicator& comm, int64_t size = 1000) {
  at::Tensor x = at::zeros({size}, at::kFloat);
  all_reduce_wait(comm, x);
}

// Three ranks work for some steps; then rank 2 does something else.
int work_until_rank_2(Watchdog& watchdog, Communicator& world, const std::function<void()>& does) {
  for (int step = 1; step <= 5; ++step) {
    watchdog.set_step(step);
    add_up(world);
  }
  if (world.rank() == 2) does();
  add_up(world);
  return 0;
}

int work_until_rank_2(Communicator& world, const std::string& folder,
                      const std::function<void()>& does) {
  Watchdog watchdog(folder + "/heartbeat", world, kTimeout);
  return work_until_rank_2(watchdog, world, does);
}

int work_without_folder_until_rank_2(Communicator& world, const std::function<void()>& does) {
  Watchdog watchdog(world, kTimeout);
  return work_until_rank_2(watchdog, world, does);
}

using Scene = std::function<int(Communicator& world, const std::string& folder)>;

const std::map<std::string, Scene>& scenes() {
  static const std::map<std::string, Scene> all = {
      {"stopped",
       [](Communicator& world, const std::string& folder) {
         return work_until_rank_2(world, folder, [] { raise(SIGSTOP); });
       }},
      {"stopped_without_folder",
       [](Communicator& world, const std::string&) {
         return work_without_folder_until_rank_2(world, [] { raise(SIGSTOP); });
       }},
      {"busy_without_folder",  // its share takes longer
       [](Communicator& world, const std::string&) {
         return work_without_folder_until_rank_2(world, [] { sleep_seconds(3 * kTimeout); });
       }},
      {"killed",
       [](Communicator& world, const std::string& folder) {
         return work_until_rank_2(world, folder, [] { raise(SIGKILL); });
       }},
      {"busy",  // stuck outside communication
       [](Communicator& world, const std::string& folder) {
         return work_until_rank_2(world, folder, [] { sleep_seconds(100); });
       }},
      {"left_early",  // done, as it believes
       [](Communicator& world, const std::string& folder) {
         Watchdog watchdog(folder + "/heartbeat", world, kTimeout);
         if (world.rank() != 2) add_up(world);
         return 0;
       }},
      {"error_on_one",
       [](Communicator& world, const std::string& folder) {
         return work_until_rank_2(world, folder, [] {
           throw base::UserError(base::kBadNumbers, "the loss is not a number");
         });
       }},
      {"error_on_all",
       [](Communicator& world, const std::string&) -> int {
         add_up(world);
         throw base::UserError(base::kBadUsage, fmt::format("optimizer.lr is odd"));
       }},
      {"other_order",  // two groups of all ranks, called in another order by rank 2
       [](Communicator& world, const std::string& folder) {
         const auto a = world.split(0, world.rank(), "first");
         const auto b = world.split(0, world.rank(), "second");
         Watchdog watchdog(folder + "/heartbeat", world, kTimeout);
         add_up(world.rank() == 2 ? *b : *a);
         add_up(world.rank() == 2 ? *a : *b);
         return 0;
       }},
      {"message_that_nobody_sends",
       [](Communicator& world, const std::string& folder) {
         Watchdog watchdog(folder + "/heartbeat", world, kTimeout);
         if (world.rank() == 0) {
           at::Tensor x = at::zeros({10}, at::kFloat);
           const P2p message{false, &x, 2, kGradient};
           world.exchange({&message, 1})->wait();
         }
         world.barrier();
         return 0;
       }},
      {"slow_but_sound",  // nobody waits inside a communication for long
       [](Communicator& world, const std::string& folder) {
         Watchdog watchdog(folder + "/heartbeat", world, kTimeout);
         for (int step = 0; step < 2; ++step) {
           sleep_seconds(1.5 * kTimeout);
           add_up(world);
         }
         return 0;
       }},
      {"late_but_in_time",  // some wait, but less than the timeout
       [](Communicator& world, const std::string& folder) {
         Watchdog watchdog(folder + "/heartbeat", world, kTimeout);
         for (int step = 0; step < 4; ++step) {
           if (world.rank() == step % 3) sleep_seconds(0.6 * kTimeout);
           add_up(world);
         }
         return 0;
       }},
      {"agree_to_stop",
       [](Communicator& world, const std::string&) {
         add_up(world);
         return static_cast<int>(base::kStopped);
       }},
  };
  return all;
}

struct Ending {
  tests::CommandResult result;
  double seconds;
  std::string full_report;
};

Ending play(const std::string& scene, int ranks = 3) {
  const tests::TempFolder folder;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const auto start = std::chrono::steady_clock::now();
  Ending ending;
  ending.result =
      tests::run_command(fmt::format("timeout 60 '{}' {} '{}' scene {} '{}'",
                                     (tests::tests_folder() / "support/mpirun.sh").string(), ranks,
                                     program, scene, folder.path().string()));
  ending.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ending.full_report =
      tests::run_command(fmt::format("cat '{}'", (folder / "hang.txt").string())).out;
  return ending;
}

void expect_hang(const Ending& ending, const std::string& blame) {
  EXPECT_EQ(ending.result.exit_code, base::kRankLost) << ending.result.err;
  EXPECT_NE(ending.result.err.find(blame), std::string::npos) << "no '" << blame << "' in\n"
                                                              << ending.result.err;
  EXPECT_NE(ending.result.err.find("run.hang_timeout = 2 s"), std::string::npos);
  for (const char* rank : {"  rank 0 (host ", "  rank 1 (host ", "  rank 2 (host "}) {
    EXPECT_NE(ending.result.err.find(rank), std::string::npos) << ending.result.err;
  }
  EXPECT_LT(ending.seconds, 20);
}

TEST(Hang, AStoppedRankIsNamed) {
  for (const char* scene : {"stopped", "stopped_without_folder"}) {
    const Ending ending = play(scene);
    expect_hang(ending, "rank 2 has not entered all_reduce #");
    EXPECT_NE(ending.result.err.find("at step 5: stopped, or its host is out of reach"),
              std::string::npos)
        << ending.result.err;
  }
}

TEST(Hang, ARankStuckInComputationIsNamed) {
  const Ending ending = play("busy");
  expect_hang(ending, "rank 2 has not entered all_reduce #");
  EXPECT_NE(ending.full_report.find("  rank 2 (host "), std::string::npos) << ending.full_report;
  EXPECT_NE(ending.result.err.find("it is alive and has been outside communication for"),
            std::string::npos)
      << ending.result.err;
}

TEST(Hang, ARankThatLeftEarlyIsNamed) {
  const Ending ending = play("left_early");
  expect_hang(ending, "rank 2 has not entered all_reduce #");
  EXPECT_NE(ending.result.err.find("it has finished its work"), std::string::npos)
      << ending.result.err;
}

TEST(Hang, CallsInAnotherOrderAreShown) {
  const Ending ending = play("other_order");
  expect_hang(ending, "the ranks wait for each other");
  EXPECT_NE(ending.result.err.find("rank 2 in all_reduce #1 of group 'second'"), std::string::npos)
      << ending.result.err;
}

TEST(Hang, AMessageThatNobodySendsIsShown) {
  const Ending ending = play("message_that_nobody_sends");
  expect_hang(ending, "rank 0 in exchange #");
  EXPECT_NE(ending.result.err.find("from rank 2, channel 1"), std::string::npos)
      << ending.result.err;
}

TEST(Hang, SlowStepsAreNoHang) {
  for (const char* scene : {"slow_but_sound", "late_but_in_time", "busy_without_folder"}) {
    const Ending ending = play(scene);
    EXPECT_EQ(ending.result.exit_code, 0) << scene << ending.result.err;
    EXPECT_EQ(ending.result.err.find("hang_timeout"), std::string::npos) << ending.result.err;
  }
}

TEST(JobEnd, AKilledRankEndsTheJob) {
  const Ending ending = play("killed");
  EXPECT_TRUE(ending.result.exit_code == 137 || ending.result.exit_code == base::kRankLost)
      << ending.result.exit_code << ending.result.err;
  EXPECT_LT(ending.seconds, 20);
}

TEST(JobEnd, AnErrorOnOneRankEndsAllWithItsCode) {
  const Ending ending = play("error_on_one");
  EXPECT_EQ(ending.result.exit_code, base::kBadNumbers) << ending.result.err;
  EXPECT_NE(ending.result.err.find("error (rank 2): the loss is not a number"), std::string::npos)
      << ending.result.err;
}

TEST(JobEnd, AnErrorOnAllIsPrintedOnce) {
  const Ending ending = play("error_on_all");
  EXPECT_EQ(ending.result.exit_code, base::kBadUsage) << ending.result.err;
  const size_t first = ending.result.err.find("error: optimizer.lr is odd\n");
  ASSERT_NE(first, std::string::npos) << ending.result.err;
  EXPECT_EQ(ending.result.err.find("optimizer.lr is odd", first + 20), std::string::npos);
  EXPECT_EQ(ending.result.err.find("MPI_ABORT"), std::string::npos) << ending.result.err;
}

TEST(JobEnd, AnAgreedCodeComesBack) {
  EXPECT_EQ(play("agree_to_stop").result.exit_code, base::kStopped);
  EXPECT_EQ(play("agree_to_stop", 1).result.exit_code, base::kStopped);
}

}  // namespace
}  // namespace strata::parallel

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "scene") {
    return strata::parallel::run_in_world([&](strata::parallel::Communicator& world) {
      return strata::parallel::scenes().at(argv[2])(world, argv[3]);
    });
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
