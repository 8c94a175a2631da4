// The little of HTTP/1.1 that a reward service needs: one POST of JSON, one answer. Plain http
// alone: a service behind TLS is reached through a local proxy. Knows nothing of rewards.
#pragma once

#include <optional>
#include <string>

namespace strata::trainer {

struct HttpUrl {
  std::string host, port = "80", path = "/";
};
/// "http://host:port/path". UserError (kBadUsage) for anything else.
HttpUrl parse_url(const std::string& url, const std::string& place);

/// The body of the answer; nothing where there was none within `seconds`. UserError (kBadData)
/// where nobody listens or the status is not 2xx.
std::optional<std::string> http_post(const HttpUrl& url, const std::string& body, double seconds);

}  // namespace strata::trainer
