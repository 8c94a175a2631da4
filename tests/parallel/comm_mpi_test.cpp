// Every operation of the Communicator against plain arithmetic: each dtype, groups of 1 to 4 ranks,
// both paths between the ranks of a host (shared memory, messages), sizes that do not divide, empty
// ones and ones of several rounds.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "parallel/comm/collectives.h"
#include "parallel/comm/world.h"

namespace strata::parallel {
namespace {

constexpr at::ScalarType kDtypes[] = {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf,
                                      at::kLong,  at::kInt,    at::kByte};
// Around a cache line, on the short path and beyond it; the large one takes several rounds of 1
// MiB.
constexpr int64_t kSizes[] = {0, 1, 5, 17, 4097, 40'001};
constexpr int64_t kLargeSize = 1'100'017;

// What rank `rank` gives: numbers whose sums depend on the order of addition in the last bits.
at::Tensor contribution(int rank, int64_t size, at::ScalarType dtype, int64_t salt = 0) {
  const bool whole = at::isIntegralType(dtype, false);
  at::Tensor numbers = at::empty({size}, at::kDouble);
  double* values = numbers.mutable_data_ptr<double>();
  auto bits = static_cast<uint32_t>(rank * 104'729 + salt * 31 + 1);
  for (int64_t i = 0; i < size; ++i) {
    bits = bits * 1'664'525 + 1'013'904'223;  // a plain congruential generator
    values[i] = whole ? bits >> 8 & 31 : (bits >> 8) / 3'000'000.7 - 2.8;
  }
  return numbers.to(dtype);
}

at::Tensor combine(const at::Tensor& a, const at::Tensor& b, ReduceOp op) {
  switch (op) {
    case ReduceOp::kMax:
      return a.max(b);
    case ReduceOp::kMin:
      return a.min(b);
    default:
      return a + b;
  }
}

// In rank order, halves in fp32 with one rounding: what the door promises to the bit.
at::Tensor reduced(int ranks, int64_t size, at::ScalarType dtype, ReduceOp op, int64_t salt = 0) {
  const bool half = dtype == at::kBFloat16 || dtype == at::kHalf;
  const at::ScalarType wide = half ? at::kFloat : dtype;
  at::Tensor sum = contribution(0, size, dtype, salt).to(wide);
  for (int rank = 1; rank < ranks; ++rank) {
    sum = combine(sum, contribution(rank, size, dtype, salt).to(wide), op);
  }
  return sum.to(dtype);
}

class CommTest : public testing::TestWithParam<HostPath> {
 protected:
  // Calls `check` with the world and with its first 1, 2 and 3 ranks; ranks outside of a part form
  // the rest.
  template <class Check>
  void on_every_group(Check check) {
    check(*world_);
    for (int part = 1; part < world_->size(); ++part) {
      const bool inside = world_->rank() < part;
      const auto group = world_->split(inside ? 0 : 1, world_->rank(), "part");
      ASSERT_EQ(group->size(), inside ? part : world_->size() - part);
      check(*group);
    }
  }

  std::unique_ptr<Communicator> world_ = make_mpi_world(GetParam());
};

TEST_P(CommTest, AllReduceIsTheSumInRankOrderToTheBit) {
  on_every_group([](Communicator& comm) {
    const auto expect_reduced = [&](at::ScalarType dtype, int64_t size, ReduceOp op) {
      at::Tensor x = contribution(comm.rank(), size, dtype);
      all_reduce_wait(comm, x, op);
      EXPECT_TRUE(at::equal(x, reduced(comm.size(), size, dtype, op)))
          << c10::toString(dtype) << " " << size << " op " << static_cast<int>(op);
    };
    for (const at::ScalarType dtype : kDtypes) {
      for (const int64_t size : kSizes) expect_reduced(dtype, size, ReduceOp::kSum);
      expect_reduced(dtype, 4097, ReduceOp::kMax);
      expect_reduced(dtype, 4097, ReduceOp::kMin);
    }
  });
}

TEST_P(CommTest, LargeTensorsGoThroughSeveralRounds) {
  on_every_group([](Communicator& comm) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      at::Tensor x = contribution(comm.rank(), kLargeSize, dtype);
      all_reduce_wait(comm, x);
      EXPECT_TRUE(at::equal(x, reduced(comm.size(), kLargeSize, dtype, ReduceOp::kSum)));

      at::Tensor gathered = at::empty({comm.size() * kLargeSize}, dtype);
      all_gather_wait(comm, gathered, contribution(comm.rank(), kLargeSize, dtype));
      for (int rank = 0; rank < comm.size(); ++rank) {
        EXPECT_TRUE(at::equal(gathered.narrow(0, rank * kLargeSize, kLargeSize),
                              contribution(rank, kLargeSize, dtype)));
      }
    }
  });
}

TEST_P(CommTest, AllGatherPutsTheMembersInOrder) {
  on_every_group([](Communicator& comm) {
    for (const at::ScalarType dtype : kDtypes) {
      for (const int64_t size : kSizes) {
        at::Tensor out = at::zeros({comm.size() * size}, dtype);
        all_gather_wait(comm, out, contribution(comm.rank(), size, dtype));
        // In place: the own piece of the result is the input.
        at::Tensor in_place = at::zeros({comm.size() * size}, dtype);
        const at::Tensor own = in_place.narrow(0, comm.rank() * size, size);
        own.copy_(contribution(comm.rank(), size, dtype));
        all_gather_wait(comm, in_place, own);
        for (int rank = 0; rank < comm.size(); ++rank) {
          ASSERT_TRUE(at::equal(out.narrow(0, rank * size, size), contribution(rank, size, dtype)));
        }
        ASSERT_TRUE(at::equal(in_place, out));
      }
    }
  });
}

TEST_P(CommTest, ReduceScatterGivesEachItsPiece) {
  on_every_group([](Communicator& comm) {
    for (const at::ScalarType dtype : kDtypes) {
      for (const int64_t size : {int64_t{0}, int64_t{1}, int64_t{17}, int64_t{40'001}}) {
        const int64_t whole = size * comm.size();
        at::Tensor in = contribution(comm.rank(), whole, dtype);
        at::Tensor out = at::zeros({size}, dtype);
        reduce_scatter_wait(comm, out, in);
        const at::Tensor expected =
            reduced(comm.size(), whole, dtype, ReduceOp::kSum).narrow(0, comm.rank() * size, size);
        ASSERT_TRUE(at::equal(out, expected)) << c10::toString(dtype) << " " << size;
        at::Tensor own = in.narrow(0, comm.rank() * size, size);
        reduce_scatter_wait(comm, own, in);
        ASSERT_TRUE(at::equal(own, expected)) << "in place";
      }
    }
  });
}

TEST_P(CommTest, AllToAllMovesRaggedRows) {
  on_every_group([](Communicator& comm) {
    const int n = comm.size();
    // Rank r sends (r + 2 p) % 4 rows to rank p; some pairs send none.
    const auto rows = [](int from, int to) { return int64_t{(from + 2 * to) % 4}; };
    std::vector<int64_t> in_rows, out_rows;
    std::vector<at::Tensor> pieces, expected;
    for (int peer = 0; peer < n; ++peer) {
      in_rows.push_back(rows(comm.rank(), peer));
      out_rows.push_back(rows(peer, comm.rank()));
      pieces.push_back(at::full({in_rows.back(), 3}, comm.rank() * 100 + peer, at::kFloat));
      expected.push_back(at::full({out_rows.back(), 3}, peer * 100 + comm.rank(), at::kFloat));
    }
    const at::Tensor want = at::cat(expected);
    at::Tensor out = at::zeros_like(want);
    comm.all_to_all(out, at::cat(pieces), out_rows, in_rows)->wait();
    EXPECT_TRUE(at::equal(out, want));
  });
}

TEST_P(CommTest, BroadcastFromEveryRoot) {
  on_every_group([](Communicator& comm) {
    for (int root = 0; root < comm.size(); ++root) {
      for (const int64_t size : {int64_t{0}, int64_t{3}, int64_t{300'001}}) {
        at::Tensor x = contribution(comm.rank(), size, at::kFloat);
        broadcast_wait(comm, x, root);
        ASSERT_TRUE(at::equal(x, contribution(root, size, at::kFloat)));
      }
    }
  });
}

TEST_P(CommTest, ChannelsAreFirstInFirstOutAndDoNotWaitForEachOther) {
  Communicator& comm = *world_;
  if (comm.size() == 1) return;  // nobody to talk to
  const int next = (comm.rank() + 1) % comm.size();
  const int previous = (comm.rank() + comm.size() - 1) % comm.size();
  constexpr int kMessages = 5;
  constexpr int64_t kSize = 40'000;  // above the size that MPI sends without being asked
  // All activations are sent before all gradients, and received after them: one queue would never
  // end.
  std::vector<at::Tensor> activations, gradients;
  std::vector<WorkPtr> sends;
  for (int i = 0; i < kMessages; ++i) {
    activations.push_back(contribution(comm.rank(), kSize, at::kFloat, i));
    gradients.push_back(contribution(comm.rank(), kSize, at::kBFloat16, 1000 + i));
    const P2p message{true, &activations.back(), next, kActivation};
    sends.push_back(comm.exchange({&message, 1}));
  }
  for (at::Tensor& gradient : gradients) {
    const P2p message{true, &gradient, previous, kGradient};
    sends.push_back(comm.exchange({&message, 1}));
  }
  activations.clear();  // the messages hold their tensors
  gradients.clear();
  for (int i = 0; i < kMessages; ++i) {
    at::Tensor got = at::empty({kSize}, at::kBFloat16);
    const P2p message{false, &got, next, kGradient};
    comm.exchange({&message, 1})->wait();
    EXPECT_TRUE(at::equal(got, contribution(next, kSize, at::kBFloat16, 1000 + i)));
  }
  at::Tensor got[kMessages];
  std::vector<P2p> messages;
  for (at::Tensor& tensor : got) {
    tensor = at::empty({kSize}, at::kFloat);
    messages.push_back({false, &tensor, previous, kActivation});
  }
  comm.exchange(messages)->wait();
  for (int i = 0; i < kMessages; ++i) {
    EXPECT_TRUE(at::equal(got[i], contribution(previous, kSize, at::kFloat, i)));
  }
  for (const WorkPtr& work : sends) work->wait();
}

TEST_P(CommTest, CollectivesMayRunWhileMessagesAreInFlight) {
  Communicator& comm = *world_;
  if (comm.size() == 1) return;  // nobody to talk to
  const int peer = comm.size() - 1 - comm.rank();
  at::Tensor sent = contribution(comm.rank(), 400'000, at::kFloat);
  at::Tensor got = at::empty_like(sent);
  WorkPtr work;
  if (peer != comm.rank()) {
    const P2p messages[] = {{true, &sent, peer, kKeyValue}, {false, &got, peer, kKeyValue}};
    work = comm.exchange(messages);
  }
  at::Tensor x = contribution(comm.rank(), 300'001, at::kFloat);
  all_reduce_wait(comm, x);
  comm.barrier();
  EXPECT_TRUE(at::equal(x, reduced(comm.size(), 300'001, at::kFloat, ReduceOp::kSum)));
  if (work == nullptr) return;
  work->wait();
  EXPECT_TRUE(at::equal(got, contribution(peer, 400'000, at::kFloat)));
}

TEST_P(CommTest, EmptyMessagesArrive) {
  Communicator& comm = *world_;
  if (comm.size() == 1) return;  // nobody to talk to
  at::Tensor nothing = at::empty({0}, at::kFloat), got = at::empty({0}, at::kFloat);
  const P2p messages[] = {
      {true, &nothing, (comm.rank() + 1) % comm.size(), kActivation},
      {false, &got, (comm.rank() + comm.size() - 1) % comm.size(), kActivation}};
  comm.exchange(messages)->wait();
}

TEST_P(CommTest, GroupsOfAGridKnowTheirRanks) {
  Communicator& comm = *world_;
  if (comm.size() != 4) return;  // a grid of 2 x 2
  const int row = comm.rank() / 2, column = comm.rank() % 2;
  const auto along_row = comm.split(row, column, "row");
  const auto along_column = comm.split(column, row, "column");
  EXPECT_EQ(along_row->world_ranks(), (std::vector<int>{row * 2, row * 2 + 1}));
  EXPECT_EQ(along_column->world_ranks(), (std::vector<int>{column, column + 2}));
  EXPECT_EQ(all_sum(*along_row, comm.rank()), row * 4 + 1);
  EXPECT_EQ(all_sum(*along_column, comm.rank()), column * 2 + 2);
  const auto reversed = comm.split(0, -comm.rank(), "reversed");
  EXPECT_EQ(reversed->rank(), 3 - comm.rank());
  EXPECT_EQ(reversed->world_ranks(), (std::vector<int>{3, 2, 1, 0}));
}

TEST_P(CommTest, EveryRunGivesTheSameBits) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    at::Tensor first = contribution(world_->rank(), 100'003, dtype);
    all_reduce_wait(*world_, first);
    for (int run = 0; run < 5; ++run) {
      at::Tensor again = contribution(world_->rank(), 100'003, dtype);
      all_reduce_wait(*world_, again);
      ASSERT_TRUE(at::equal(first, again));
    }
  }
}

TEST_P(CommTest, ANanOnOneRankIsSeenByAll) {
  for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kMax, ReduceOp::kMin}) {
    double value =
        world_->rank() == world_->size() - 1 ? std::numeric_limits<double>::quiet_NaN() : 1;
    all_reduce_numbers(*world_, {&value, 1}, op);
    EXPECT_NE(value, value);
  }
}

TEST_P(CommTest, NumbersAndTexts) {
  on_every_group([](Communicator& comm) {
    EXPECT_EQ(all_sum(comm, comm.rank() + 0.5), comm.size() * comm.size() / 2.0);
    EXPECT_EQ(all_max(comm, comm.rank()), comm.size() - 1);
    EXPECT_EQ(all_min(comm, comm.rank() - 3), -3);
    std::vector<double> values{1, static_cast<double>(comm.rank())};
    all_reduce_numbers(comm, values);
    EXPECT_EQ(values[0], comm.size());

    const int last = comm.size() - 1;
    const std::string text = comm.rank() == last ? std::string(70'000, 'x') + "é" : "ignored";
    EXPECT_EQ(broadcast_string(comm, text, last), std::string(70'000, 'x') + "é");
    EXPECT_EQ(broadcast_string(comm, ""), "");

    const auto texts = gather_strings(comm, std::string(static_cast<size_t>(comm.rank()), 'a'));
    ASSERT_EQ(texts.size(), comm.rank() == 0 ? static_cast<size_t>(comm.size()) : 0u);
    for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(texts[i], std::string(i, 'a'));
  });
}

TEST_P(CommTest, TensorsThatDoNotFitAreRefusedAtTheDoor) {
  at::Tensor x = at::zeros({4, 6}, at::kFloat), undefined;
  at::Tensor turned = x.t();
  at::Tensor doubles = at::zeros({24 * world_->size()}, at::kDouble);
  at::Tensor odd = at::zeros({24 * world_->size() + 1}, at::kFloat);
  EXPECT_THROW((void)world_->all_reduce(turned), base::InternalError);
  EXPECT_THROW((void)world_->all_reduce(undefined), base::InternalError);
  EXPECT_THROW((void)world_->all_gather(doubles, x), base::InternalError);
  EXPECT_THROW((void)world_->all_gather(odd, x), base::InternalError);
  EXPECT_THROW((void)world_->reduce_scatter(x, odd), base::InternalError);
  EXPECT_THROW((void)world_->broadcast(x, world_->size()), base::InternalError);
  const P2p to_self{true, &x, world_->rank(), kActivation};
  EXPECT_THROW((void)world_->exchange({&to_self, 1}), base::InternalError);
  const int64_t too_many[] = {5, 5, 5, 5};
  EXPECT_THROW((void)world_->all_to_all(x, x, {too_many, static_cast<size_t>(world_->size())},
                                        {too_many, static_cast<size_t>(world_->size())}),
               base::InternalError);
}

TEST_P(CommTest, TheTraceTellsWhatWasCalled) {
  at::Tensor x = at::zeros({256}, at::kFloat);
  const uint64_t before = world_->trace().page().sequence;
  all_reduce_wait(*world_, x);
  world_->barrier();
  EXPECT_EQ(world_->trace().page().sequence, before + 2);
  const std::string lines = world_->trace().dump(2);
  EXPECT_NE(lines.find("all_reduce #"), std::string::npos);
  EXPECT_NE(lines.find("of group 'world' (1.0 KiB Float)"), std::string::npos) << lines;
  EXPECT_NE(lines.find("barrier"), std::string::npos);
  EXPECT_EQ(world_->trace().page().blocked(), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Paths, CommTest,
                         testing::Values(HostPath::kSharedMemory, HostPath::kMessages),
                         [](const auto& info) {
                           return info.param == HostPath::kSharedMemory ? "shared" : "messages";
                         });

TEST(CommMismatch, DifferentCallsAreToldApart) {
  const auto world = make_mpi_world();
  if (world->size() == 1) return;  // nobody to differ from
  at::Tensor x = at::zeros({64}, at::kFloat), y = at::zeros({65}, at::kFloat);
  EXPECT_THROW((void)world->all_reduce(world->rank() == 1 ? y : x), base::InternalError);
}

}  // namespace
}  // namespace strata::parallel
