// The plumbing of rewards: a program asked line by line, and one POST over plain sockets.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "base/json.h"
#include "tests/support/command.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "trainer/rewards/child_process.h"
#include "trainer/rewards/http_client.h"
#include "trainer/rewards/reward.h"

namespace strata::trainer {
namespace {

TEST(ChildProcess, AnswersLineByLine) {
  ChildProcess echo("while read -r line; do echo \"<$line>\"; done");
  EXPECT_EQ(echo.ask("one", 5), "<one>");
  EXPECT_EQ(echo.ask("two", 5), "<two>");
}

TEST(ChildProcess, ALateAnswerIsPassedOver) {
  ChildProcess slow("read -r a; sleep 0.4; echo late; while read -r b; do echo \"$b\"; done");
  EXPECT_EQ(slow.ask("first", 0.1), std::nullopt);
  EXPECT_EQ(slow.ask("second", 5), "second");
}

TEST(ChildProcess, OneThatDoesNotReadIsLate) {
  ChildProcess deaf("read -r a; echo heard; sleep 1; while read -r b; do echo \"${#b}\"; done");
  EXPECT_EQ(deaf.ask("first", 5), "heard");
  const std::string more_than_a_pipe_holds(200000, 'x');
  EXPECT_EQ(deaf.ask(more_than_a_pipe_holds, 0.1), std::nullopt);
  EXPECT_EQ(deaf.ask("four", 5), "4");
}

TEST(ChildProcess, WhatItStartedGoesWithIt) {
  const tests::TempFolder folder;
  const std::string file = (folder / "pid").string();
  const auto start = std::chrono::steady_clock::now();
  {
    ChildProcess stuck("sleep 100 & echo $! > " + file + "; read -r a; echo yes; trap '' TERM; " +
                       "while :; do wait; done");
    EXPECT_EQ(stuck.ask("there?", 5), "yes");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  // Whoever inherits it may let it lie as a zombie.
  const tests::CommandResult alive =
      tests::run_command("sleep 0.2; status=/proc/$(cat " + file +
                         ")/status; [ -e $status ] && ! grep -q 'State:.Z' $status");
  EXPECT_NE(alive.exit_code, 0) << "the program's own child is still there";
}

TEST(ChildProcess, ItsEndIsAnError) {
  tests::expect_user_error(base::kBadData, {"`exit 3`", "exit code 3"}, [] {
    ChildProcess gone("exit 3");
    for (int i = 0; i < 100; ++i) gone.ask("anyone?", 1);
  });
}

TEST(ChildProcess, MoreLinesThanAskedForAreAnError) {
  ChildProcess chatty("while read -r line; do echo 1; echo 2; done");
  EXPECT_EQ(chatty.ask("one", 5), "1");
  tests::expect_user_error(base::kBadData, {"more than one line", "'2'"}, [&] {
    for (int i = 0; i < 100; ++i) chatty.ask("two", 1);
  });
}

TEST(RewardReply, PythonsNaNIsNoReward) {
  const base::Json replies = parse_reply(
      R"([{"reward": NaN}, -Infinity, {"note": "a NaN \" NaN", "reward": 2}])", "a test");
  EXPECT_TRUE(std::isnan(reward_in(replies[0])));
  EXPECT_TRUE(std::isnan(reward_in(replies[1])));
  EXPECT_EQ(reward_in(replies[2]), 2);
  EXPECT_EQ(replies[2]["note"], "a NaN \" NaN");
}

TEST(RewardReply, NumbersObjectsAndNothing) {
  EXPECT_EQ(reward_in(base::parse_json("{\"reward\": 0.5}", "a test")), 0.5);
  EXPECT_EQ(reward_in(base::parse_json("2", "a test")), 2);
  EXPECT_TRUE(std::isnan(reward_in(base::parse_json("{\"reward\": null}", "a test"))));
  EXPECT_TRUE(std::isnan(reward_in(base::parse_json("{\"score\": 1}", "a test"))));
}

TEST(HttpClient, UrlsAreHttp) {
  check_url("http://localhost:8080/score?a=1", "rewards[0]");
  check_url("https://[::1]:9/x", "rewards[0]");
  tests::expect_user_error(base::kBadUsage, {"rewards[0].http", "http://"},
                           [] { check_url("ftp://host", "rewards[0]"); });
  tests::expect_user_error(base::kBadUsage, {"rewards[0].http", "no URL"},
                           [] { check_url("http://host:port", "rewards[0]"); });
}

/// Listens on a free port and gives one connection a fixed answer, after `delay` seconds.
class OneAnswer {
 public:
  OneAnswer(std::string answer, double delay) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(socket_, 1);
    socklen_t size = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer), delay] {
      const int peer = accept(socket_, nullptr, nullptr);
      char block[4096];
      while (request_.find("[7]") == std::string::npos) {
        const ssize_t count = recv(peer, block, sizeof block, 0);
        if (count <= 0) break;
        request_.append(block, static_cast<size_t>(count));
      }
      std::this_thread::sleep_for(std::chrono::duration<double>(delay));
      send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
      close(peer);
    });
  }
  ~OneAnswer() {
    if (thread_.joinable()) thread_.join();
    close(socket_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/score"; }
  const std::string& request() {
    thread_.join();
    return request_;
  }

 private:
  int socket_;
  uint16_t port_ = 0;
  std::string request_;
  std::thread thread_;
};

TEST(HttpClient, PostsAndReadsByLength) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[0.5]trailing", 0);
  EXPECT_EQ(http_post(server.url(), "[7]", 5), "[0.5]");
  const std::string& request = server.request();
  EXPECT_TRUE(request.starts_with("POST /score HTTP/1.1\r\n")) << request;
  EXPECT_NE(request.find("Content-Length: 3\r\n"), std::string::npos) << request;
}

TEST(HttpClient, ReadsChunks) {
  OneAnswer server(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[0.\r\n2\r\n5]\r\n0\r\n\r\n", 0);
  EXPECT_EQ(http_post(server.url(), "[7]", 5), "[0.5]");
}

TEST(HttpClient, ATimeOutIsNoAnswerAndABadStatusAnError) {
  OneAnswer slow("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0.5);
  EXPECT_EQ(http_post(slow.url(), "[7]", 0.1), std::nullopt);
  OneAnswer broken("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 0);
  tests::expect_user_error(base::kBadData, {"500"}, [&] { http_post(broken.url(), "[7]", 5); });
}

}  // namespace
}  // namespace strata::trainer
