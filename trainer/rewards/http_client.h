// What a reward service needs of HTTP: one POST of JSON, one answer; libcurl speaks the protocol,
// TLS and the proxies of the environment included. Knows nothing of rewards.
#pragma once

#include <optional>
#include <string>

namespace strata::trainer {

/// UserError (kBadUsage), named by the key `place`, unless `url` is http:// or https:// and a host.
void check_url(const std::string& url, const std::string& place);

/// The body of the answer; nothing where it was not whole within `seconds`. UserError (kBadData)
/// where nobody listens, the connection breaks or the status is not 2xx.
std::optional<std::string> http_post(const std::string& url, const std::string& body,
                                     double seconds);

}  // namespace strata::trainer
