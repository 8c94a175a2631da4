#include "trainer/rewards/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/error.h"

namespace strata::trainer {
namespace {

template <auto Free>
struct FreeWith {
  void operator()(auto* handle) const { Free(handle); }
};
using Url = std::unique_ptr<CURLU, FreeWith<curl_url_cleanup>>;
using Request = std::unique_ptr<CURL, FreeWith<curl_easy_cleanup>>;
using Headers = std::unique_ptr<curl_slist, FreeWith<curl_slist_free_all>>;

size_t append(char* bytes, size_t size, size_t count, void* text) {
  static_cast<std::string*>(text)->append(bytes, size * count);
  return size * count;
}

Headers json_headers() {
  Headers headers(curl_slist_append(nullptr, "Content-Type: application/json"));
  curl_slist_append(headers.get(), "Accept: application/json");
  curl_slist_append(headers.get(), "Expect:");  // no pause before a long body
  return headers;
}

}  // namespace

void check_url(const std::string& url, const std::string& place) {
  const Url parts(curl_url());
  const CURLUcode failure = curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0);
  if (failure != CURLUE_OK) {
    throw base::UserError(base::kBadUsage, fmt::format("{}.http: '{}' is no URL: {}", place, url,
                                                       curl_url_strerror(failure)));
  }
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    throw base::UserError(
        base::kBadUsage,
        fmt::format("{}.http: '{}' does not begin with http:// or https://", place, url));
  }
}

std::optional<std::string> http_post(const std::string& url, const std::string& body,
                                     double seconds) {
  const Request request(curl_easy_init());
  const Headers headers = json_headers();
  std::string answer;
  char why[CURL_ERROR_SIZE] = "";
  const auto set = [&](CURLoption option, auto value) {
    base::ensure(curl_easy_setopt(request.get(), option, value) == CURLE_OK, "a libcurl option");
  };
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  set(CURLOPT_POSTFIELDS, body.c_str());
  set(CURLOPT_WRITEFUNCTION, append);
  set(CURLOPT_WRITEDATA, &answer);
  set(CURLOPT_ERRORBUFFER, why);
  set(CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(seconds * 1000)));
  set(CURLOPT_NOSIGNAL, 1L);  // the process has threads
  const CURLcode end = curl_easy_perform(request.get());
  if (end == CURLE_OPERATION_TIMEDOUT) return {};
  if (end != CURLE_OK) {
    throw base::UserError(base::kBadData,
                          fmt::format("{}: {}", url, *why ? why : curl_easy_strerror(end)));
  }
  long status = 0;
  curl_easy_getinfo(request.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status < 200 || status > 299)
    throw base::UserError(base::kBadData, fmt::format("{}: answered with status {}", url, status));
  return answer;
}

}  // namespace strata::trainer
