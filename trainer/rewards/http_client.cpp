#include "trainer/rewards/http_client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>

#include "base/error.h"

namespace strata::trainer {
namespace {

using Clock = std::chrono::steady_clock;

/// The time of the request ran out.
struct TimedOut {};

[[noreturn]] void refuse(const HttpUrl& url, const std::string& why) {
  throw base::UserError(base::kBadData,
                        fmt::format("http://{}:{}{}: {}", url.host, url.port, url.path, why));
}

/// One connection, closed at the end; every wait ends at the deadline with TimedOut.
class Connection {
 public:
  Connection(const HttpUrl& url, double seconds)
      : url_(url),
        deadline_(Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(seconds))) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int failure = getaddrinfo(url.host.c_str(), url.port.c_str(), &wanted, &found);
    if (failure != 0) refuse(url, gai_strerror(failure));
    std::string why;
    for (const addrinfo* at = found; at != nullptr && socket_ < 0; at = at->ai_next)
      why = try_address(*at);
    freeaddrinfo(found);
    if (socket_ < 0) refuse(url, why);
  }
  ~Connection() {
    if (socket_ >= 0) close(socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void write(const std::string& text) {
    for (size_t sent = 0; sent < text.size();) {
      wait_for(POLLOUT);
      const ssize_t count = send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (count < 0) refuse(url_, std::strerror(errno));
      sent += static_cast<size_t>(count);
    }
  }

  /// Adds what has come to `text`; false at the end.
  bool read(std::string& text) {
    while (true) {
      wait_for(POLLIN);
      char block[8192];
      const ssize_t count = recv(socket_, block, sizeof block, 0);
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (count < 0) refuse(url_, std::strerror(errno));
      text.append(block, static_cast<size_t>(count));
      return count > 0;
    }
  }

 private:
  std::string try_address(const addrinfo& address) {
    const int made = socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                            address.ai_protocol);
    if (made < 0) return std::strerror(errno);
    socket_ = made;
    int failure = connect(made, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
    if (failure == EINPROGRESS) {
      wait_for(POLLOUT);
      socklen_t size = sizeof failure;
      getsockopt(made, SOL_SOCKET, SO_ERROR, &failure, &size);
    }
    if (failure == 0) return {};
    close(made);
    socket_ = -1;
    return std::strerror(failure);
  }

  void wait_for(short events) {
    while (true) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
      if (left <= 0) throw TimedOut();
      pollfd waiting{socket_, events, 0};
      if (poll(&waiting, 1, static_cast<int>(std::min<int64_t>(left, 1'000'000)) + 1) > 0) return;
    }
  }

  const HttpUrl& url_;
  Clock::time_point deadline_;
  int socket_ = -1;
};

/// The value of a header, "" where it is not there; `head` is in lower case.
std::string header_of(const std::string& head, const std::string& name) {
  const size_t at = head.find("\r\n" + name + ":");
  if (at == std::string::npos) return {};
  size_t begin = at + name.size() + 3;
  const size_t end = head.find("\r\n", begin);
  while (begin < end && head[begin] == ' ') ++begin;
  return head.substr(begin, end - begin);
}

/// The text of a chunked body; nothing while it is not whole.
std::optional<std::string> unchunked(const std::string& body) {
  std::string text;
  for (size_t at = 0;;) {
    const size_t line = body.find("\r\n", at);
    if (line == std::string::npos) return {};
    size_t size = 0;
    if (std::from_chars(body.data() + at, body.data() + line, size, 16).ec != std::errc())
      return text;
    if (size == 0) return text;
    if (body.size() < line + 2 + size + 2) return {};
    text += body.substr(line + 2, size);
    at = line + 2 + size + 2;
  }
}

/// Reads until the answer is whole, by its length, its chunks or the end of the connection.
std::string read_answer(Connection& connection, const HttpUrl& url) {
  std::string all;
  size_t split = std::string::npos;
  bool open = true;
  while (open && split == std::string::npos) {
    open = connection.read(all);
    split = all.find("\r\n\r\n");
  }
  if (split == std::string::npos) refuse(url, "what came is no HTTP answer");
  std::string head = all.substr(0, split + 2), body = all.substr(split + 4);
  std::ranges::transform(head, head.begin(), [](unsigned char c) { return std::tolower(c); });
  const std::string status = head.substr(std::min(head.find(' ') + 1, head.size()), 3);
  const std::string length = header_of(head, "content-length");
  const bool chunked = header_of(head, "transfer-encoding") == "chunked";
  const auto whole = [&]() -> std::optional<std::string> {
    if (chunked) return unchunked(body);
    if (length.empty()) return {};
    const size_t size = std::strtoull(length.c_str(), nullptr, 10);
    if (body.size() < size) return {};
    return body.substr(0, size);
  };
  std::optional<std::string> text = whole();
  while (open && !text) {
    open = connection.read(body);
    text = whole();
  }
  if (!status.starts_with('2')) refuse(url, "answered with status " + status);
  return text.value_or(body);
}

}  // namespace

HttpUrl parse_url(const std::string& url, const std::string& place) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) {
    throw base::UserError(base::kBadUsage,
                          fmt::format("{}.http: '{}' does not begin with http:// (https is reached "
                                      "through a local proxy)",
                                      place, url));
  }
  HttpUrl parts;
  std::string rest = url.substr(kScheme.size());
  const size_t slash = rest.find('/');
  if (slash != std::string::npos) {
    parts.path = rest.substr(slash);
    rest.resize(slash);
  }
  const size_t colon = rest.rfind(':');
  if (colon != std::string::npos && rest.find(']', colon) == std::string::npos) {
    parts.port = rest.substr(colon + 1);
    rest.resize(colon);
  }
  if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  parts.host = rest;
  if (parts.host.empty() || parts.port.empty())
    throw base::UserError(base::kBadUsage, fmt::format("{}.http: '{}' names no host", place, url));
  return parts;
}

std::optional<std::string> http_post(const HttpUrl& url, const std::string& body, double seconds) {
  try {
    Connection connection(url, seconds);
    connection.write(
        fmt::format("POST {} HTTP/1.1\r\nHost: {}:{}\r\nContent-Type: application/json\r\n"
                    "Accept: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                    url.path, url.host, url.port, body.size(), body));
    return read_answer(connection, url);
  } catch (const TimedOut&) {
    return {};
  }
}

}  // namespace strata::trainer
