// The arithmetic of a step, and the thread that works ahead. See loader.h.
#include "data/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"

namespace strata::data {

namespace {

bool has_sample(const SampleStream& stream, int64_t n) {
  return !stream.size() || n < *stream.size();
}

/// The length that all rows of a step are padded to.
int64_t step_length(const SampleStream& stream, const LoaderOptions& options, int64_t first) {
  int64_t longest = 1;
  for (int64_t n = first; n < first + options.global && has_sample(stream, n); ++n) {
    longest = std::max(longest, stream.length(n));
    if (longest >= options.sequence) break;
  }
  const int64_t multiple = options.length_multiple;
  return std::min((longest + multiple - 1) / multiple * multiple, options.sequence);
}

Batch microbatch(const SampleStream& stream, const LoaderOptions& options, int64_t first,
                 int64_t length) {
  const int64_t per_sample = stream.rows_per_sample();
  std::vector<Row> rows;
  std::vector<int64_t> numbers;
  for (int64_t n = first; n < first + options.micro; ++n) {
    const bool real = has_sample(stream, n);
    if (real) {
      stream.get(n, rows);
    } else {
      rows.resize(rows.size() + static_cast<size_t>(per_sample));
    }
    for (int64_t r = 0; r < per_sample; ++r) numbers.push_back(real ? n * per_sample + r : -1);
  }
  return make_batch(rows, numbers, length);
}

}  // namespace

std::vector<Batch> batches_of_step(const SampleStream& stream, const LoaderOptions& options,
                                   int64_t k) {
  const int64_t pass =
      options.micro * options.data_size;  // samples of one microbatch on all data ranks
  const int64_t length = step_length(stream, options, k * options.global);
  std::vector<Batch> batches;
  for (int64_t first = k * options.global; first < (k + 1) * options.global; first += pass) {
    Batch whole = microbatch(stream, options, first + options.data_rank * options.micro, length);
    batches.push_back(options.context_size == 1
                          ? std::move(whole)
                          : cut_rows(whole, options.context_rank, options.context_size));
  }
  return batches;
}

int64_t steps_in(int64_t samples, int64_t global) { return (samples + global - 1) / global; }

int64_t steps_of_epochs(const SampleStream& stream, int64_t epochs, int64_t global) {
  return steps_in(epochs * stream.epoch_size(), global);
}

/// A thread and the steps it has made. Ends with its owner, whatever it is doing.
class DataLoader::Reader {
 public:
  Reader(const SampleStream& stream, const LoaderOptions& options, int64_t first_step,
         int64_t end_step)
      : stream_(stream),
        options_(options),
        end_step_(end_step),
        thread_([this, first_step] { run(first_step); }) {}

  ~Reader() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  std::vector<Batch> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !ready_.empty() || failure_; });
    if (ready_.empty()) std::rethrow_exception(failure_);
    std::vector<Batch> batches = std::move(ready_.front());
    ready_.pop_front();
    lock.unlock();
    changed_.notify_all();
    return batches;
  }

 private:
  void run(int64_t step) {
    try {
      for (; step < end_step_; ++step) {
        if (!wait_for_room()) return;
        std::vector<Batch> batches = batches_of_step(stream_, options_, step);
        const std::lock_guard lock(mutex_);
        ready_.push_back(std::move(batches));
        changed_.notify_all();
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      changed_.notify_all();
    }
  }

  /// False when the owner wants an end.
  bool wait_for_room() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] {
      return stopping_ || static_cast<int64_t>(ready_.size()) < options_.steps_ahead;
    });
    return !stopping_;
  }

  const SampleStream& stream_;
  const LoaderOptions& options_;
  const int64_t end_step_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::vector<Batch>> ready_;
  std::exception_ptr failure_;
  bool stopping_ = false;
  std::thread thread_;  ///< last: everything it uses is there before it starts
};

DataLoader::DataLoader(SampleStream stream, LoaderOptions options)
    : stream_(std::move(stream)), options_(options) {
  base::ensure(options_.global > 0 && options_.micro > 0 && options_.length_multiple > 0 &&
                   options_.steps_ahead > 0,
               "a batch of no rows");
  base::ensure(options_.global % (options_.micro * options_.data_size) == 0,
               "the global batch must be a multiple of micro x data ranks");
}

DataLoader::~DataLoader() = default;

std::vector<Batch> DataLoader::next() {
  if (state_.next_step >= steps()) return {};
  const auto begin = std::chrono::steady_clock::now();
  if (!reader_) reader_ = std::make_unique<Reader>(stream_, options_, state_.next_step, steps());
  std::vector<Batch> batches = reader_->take();
  wait_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  ++state_.next_step;
  return batches;
}

LoaderState DataLoader::state() const { return state_; }

void DataLoader::restore(LoaderState state) {
  base::ensure(state.next_step >= 0, "steps are numbered from 0");
  reader_.reset();
  state_ = state;
}

const SampleStream& DataLoader::stream() const { return stream_; }

const LoaderOptions& DataLoader::options() const { return options_; }

int64_t DataLoader::steps() const {
  const auto samples = stream_.size();
  return samples ? steps_in(*samples, options_.global) : std::numeric_limits<int64_t>::max();
}

double DataLoader::wait_seconds() const { return wait_seconds_; }

}  // namespace strata::data
