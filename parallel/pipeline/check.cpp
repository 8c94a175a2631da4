// Plays a lowered schedule on all stages at once. Each stage has a computing thread that walks its
// program and first-in-first-out message queues; a message passes when it is at the head of the
// queue at both ends. What cannot go on is a deadlock, told in words.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/error.h"
#include "parallel/pipeline/schedule.h"
#include "parallel/pipeline/schedule_csv.h"

namespace strata::parallel {
namespace {

using base::UserError;

bool is_send(Op op) { return op == Op::kSendActivation || op == Op::kSendGrad; }
bool is_receive(Op op) { return op == Op::kRecvActivation || op == Op::kRecvGrad; }
bool carries_gradient(Op op) { return op == Op::kSendGrad || op == Op::kRecvGrad; }

double cost_of(Op op) {
  switch (op) {
    case Op::kForward:
    case Op::kInputGrad:
    case Op::kWeightGrad:
      return 1;
    case Op::kBackward:
      return 2;
    default:
      return 0;
  }
}

/// Which message this is for the whole pipeline: the global chunk that it goes into (activation) or
/// comes out of (gradient), and the micro-batch.
using MessageKey = std::tuple<bool, int, int>;

class Player {
 public:
  Player(const Schedule& schedule, Queues queues) : schedule_(schedule), queues_(queues) {
    stages_.resize(schedule.program.size());
    for (size_t s = 0; s < stages_.size(); ++s) fill_queues(static_cast<int>(s));
  }

  /// Runs until nothing moves; returns the end time, or throws where something is left.
  double play() {
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t s = 0; s < stages_.size(); ++s) {
        while (compute_next(stages_[s], static_cast<int>(s))) moved = true;
      }
      for (size_t s = 0; s < stages_.size(); ++s) {
        while (pass_message(static_cast<int>(s))) moved = true;
      }
    }
    double end = 0;
    for (const StageState& stage : stages_) end = std::max(end, stage.now);
    refuse_leftovers();
    return end;
  }

 private:
  struct StageState {
    size_t next = 0;  // in the program
    double now = 0;
    std::array<std::deque<size_t>, 4> queues;  // program indices of messages, in order
    std::array<double, 4> queue_free{};        // when the queue's last message was through
    std::map<size_t, double> sent_ready;       // send -> time at which its data existed
    std::map<size_t, double> received;         // receive -> time of arrival
  };

  size_t queue_of(Op op) const {
    switch (queues_) {
      case Queues::kOne:
        return 0;
      case Queues::kTwo:
        return carries_gradient(op) ? 0 : 1;
      case Queues::kFour:
        break;
    }
    return (is_send(op) ? 0u : 1u) + (carries_gradient(op) ? 2u : 0u);
  }

  const Action& action(int stage, size_t index) const {
    return schedule_.program[static_cast<size_t>(stage)][index];
  }

  MessageKey key(int stage, const Action& message) const {
    const int chunk = message.chunk * schedule_.shape.stages + stage;
    // An activation is named by the chunk it goes into, a gradient by the chunk whose output it
    // belongs to.
    const int named = message.op == Op::kSendActivation ? chunk + 1
                      : message.op == Op::kSendGrad     ? chunk - 1
                                                        : chunk;
    return {carries_gradient(message.op), named, message.microbatch};
  }

  int peer(int stage, Op op) const {
    const int stages = schedule_.shape.stages;
    const bool to_next = op == Op::kSendActivation || op == Op::kRecvGrad;
    return (stage + (to_next ? 1 : stages - 1)) % stages;
  }

  void fill_queues(int stage) {
    const auto& program = schedule_.program[static_cast<size_t>(stage)];
    for (size_t i = 0; i < program.size(); ++i) {
      if (is_send(program[i].op) || is_receive(program[i].op)) {
        stages_[static_cast<size_t>(stage)].queues[queue_of(program[i].op)].push_back(i);
      }
    }
  }

  bool compute_next(StageState& stage, int number) {
    const auto& program = schedule_.program[static_cast<size_t>(number)];
    if (stage.next == program.size()) return false;
    const Action& next = program[stage.next];
    if (is_receive(next.op)) {
      const auto at = stage.received.find(stage.next);
      if (at == stage.received.end()) return false;
      stage.now = std::max(stage.now, at->second);
    } else if (is_send(next.op)) {
      stage.sent_ready[stage.next] = stage.now;
    } else {
      stage.now += cost_of(next.op);
    }
    ++stage.next;
    return true;
  }

  // Passes the message at the head of one of this stage's sending queues, if its receiver has it at
  // the head too.
  bool pass_message(int number) {
    StageState& sender = stages_[static_cast<size_t>(number)];
    for (size_t q = 0; q < sender.queues.size(); ++q) {
      if (sender.queues[q].empty()) continue;
      const size_t index = sender.queues[q].front();
      const Action& send = action(number, index);
      const auto ready = sender.sent_ready.find(index);
      if (!is_send(send.op) || ready == sender.sent_ready.end()) continue;
      const int to = peer(number, send.op);
      StageState& receiver = stages_[static_cast<size_t>(to)];
      const size_t rq = queue_of(carries_gradient(send.op) ? Op::kRecvGrad : Op::kRecvActivation);
      if (receiver.queues[rq].empty()) continue;
      const size_t receive_index = receiver.queues[rq].front();
      const Action& receive = action(to, receive_index);
      if (!is_receive(receive.op) || key(to, receive) != key(number, send)) continue;
      const double through =
          std::max({ready->second, sender.queue_free[q], receiver.queue_free[rq]});
      sender.queue_free[q] = receiver.queue_free[rq] = through;
      receiver.received[receive_index] = through;
      sender.queues[q].pop_front();
      receiver.queues[rq].pop_front();
      return true;
    }
    return false;
  }

  void refuse_leftovers() const {
    std::string waiting;
    for (size_t s = 0; s < stages_.size(); ++s) {
      const auto& program = schedule_.program[s];
      if (stages_[s].next < program.size()) {
        waiting += fmt::format("; stage {} waits at {} (action {} of {})", s,
                               cell_of(program[stages_[s].next]), stages_[s].next, program.size());
      }
    }
    if (!waiting.empty())
      throw UserError(base::kBadUsage, "parallel.schedule never ends" + waiting);
    for (size_t s = 0; s < stages_.size(); ++s) {
      for (const auto& queue : stages_[s].queues) {
        if (queue.empty()) continue;
        throw UserError(base::kBadUsage,
                        fmt::format("parallel.schedule: stage {} sends {}, which nobody receives",
                                    s, cell_of(schedule_.program[s][queue.front()])));
      }
    }
  }

  const Schedule& schedule_;
  Queues queues_;
  std::vector<StageState> stages_;
};

// One stage's actions on each (chunk, micro-batch) must be F, then B, or F, I, W; or F alone in a
// pass without backward. Returns the most forwards that are waiting for the end of their backward
// at once.
int check_one_stage(const Schedule& schedule, size_t stage, bool with_backward) {
  std::map<std::pair<int, int>, std::string> done;
  int in_flight = 0, peak = 0;
  for (const Action& action : schedule.program[stage]) {
    if (is_send(action.op) || is_receive(action.op)) continue;
    std::string& history = done[{action.chunk, action.microbatch}];
    history += static_cast<char>(action.op);
    static const std::set<std::string> legal{"F", "FB", "FI", "FIW"};
    if (!legal.contains(history)) {
      throw UserError(
          base::kBadUsage,
          fmt::format(
              "parallel.schedule: stage {} reaches {} after '{}'; legal are F, F B and F I W",
              stage, cell_of(action), history.substr(0, history.size() - 1)));
    }
    if (action.op == Op::kForward) peak = std::max(peak, ++in_flight);
    if (action.op == Op::kBackward || action.op == Op::kWeightGrad) --in_flight;
  }
  for (int c = 0; c < schedule.shape.chunks_per_stage; ++c) {
    for (int m = 0; m < schedule.shape.microbatches; ++m) {
      const auto at = done.find({c, m});
      const std::string history = at == done.end() ? "" : at->second;
      const bool whole = with_backward ? history == "FB" || history == "FIW" : history == "F";
      if (!whole) {
        throw UserError(
            base::kBadUsage,
            fmt::format(
                "parallel.schedule: stage {} does '{}' for chunk {}, micro-batch {}; it needs {}",
                stage, history, c, m, with_backward ? "F B or F I W" : "F"));
      }
    }
  }
  return peak;
}

}  // namespace

ScheduleFacts check(const Schedule& lowered, Queues queues) {
  bool with_backward = false;
  double work = 0;
  for (const auto& program : lowered.program) {
    for (const Action& action : program) {
      with_backward = with_backward || action.op == Op::kBackward || action.op == Op::kInputGrad;
      work += cost_of(action.op);
    }
  }
  ScheduleFacts facts;
  for (size_t stage = 0; stage < lowered.program.size(); ++stage) {
    facts.peak_in_flight.push_back(check_one_stage(lowered, stage, with_backward));
  }
  const double end = Player(lowered, queues).play();
  facts.bubble = end > 0 ? 1 - work / (end * lowered.shape.stages) : 0;
  return facts;
}

std::string table(const Schedule& schedule) {
  // Each compute action takes its cost in cells; messages are free. Times as check() plays them,
  // without queues: an action starts when its stage is free and its input is there.
  const int stages = schedule.shape.stages, chunks = stages * schedule.shape.chunks_per_stage;
  std::map<MessageKey, double> exists;  // (is gradient, chunk it is for, micro-batch) -> time
  std::vector<size_t> next(schedule.program.size(), 0);
  std::vector<double> now(schedule.program.size(), 0);
  std::vector<std::vector<std::string>> rows(schedule.program.size());
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t s = 0; s < schedule.program.size(); ++s) {
      for (; next[s] < schedule.program[s].size(); ++next[s]) {
        const Action& action = schedule.program[s][next[s]];
        if (is_send(action.op) || is_receive(action.op)) continue;
        const int chunk = action.chunk * stages + static_cast<int>(s);
        const bool backward = action.op == Op::kBackward || action.op == Op::kInputGrad;
        const bool needs = action.op == Op::kForward ? chunk > 0 : backward && chunk + 1 < chunks;
        double start = now[s];
        if (needs) {
          const auto input = exists.find({backward, chunk, action.microbatch});
          if (input == exists.end()) break;
          start = std::max(start, input->second);
        }
        now[s] = start + cost_of(action.op);
        if (action.op == Op::kForward) exists[{false, chunk + 1, action.microbatch}] = now[s];
        if (backward) exists[{true, chunk - 1, action.microbatch}] = now[s];
        auto& row = rows[s];
        row.resize(static_cast<size_t>(now[s]));
        const std::string cell =
            schedule.shape.chunks_per_stage > 1
                ? cell_of(action)
                : fmt::format("{}{}", static_cast<char>(action.op), action.microbatch);
        for (auto at = static_cast<size_t>(start); at < row.size(); ++at) row[at] = cell;
        moved = true;
      }
    }
  }
  size_t width = 2;
  for (const auto& row : rows) {
    for (const std::string& cell : row) width = std::max(width, cell.size());
  }
  std::string text;
  for (size_t s = 0; s < rows.size(); ++s) {
    text += fmt::format("stage {} ", s);
    for (const std::string& cell : rows[s])
      text += fmt::format(" {:<{}}", cell.empty() ? "." : cell, width);
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

}  // namespace strata::parallel
