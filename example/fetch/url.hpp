// An http or https URL: read from a line of the list, or resolved from a redirect (RFC 3986,
// section 5). A small file of ours because Boost.URL is header-only in Boost 1.81 alone; newer ones
// must be linked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fetch {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; an IPv6 address without its brackets
  std::uint16_t port = 0;
  std::string target;  // path and query as they are sent; starts with '/'

  bool secure() const { return scheme == "https"; }
  std::string authority() const;  // host, and port unless it is the scheme's own: the Host field
  std::string origin() const;     // scheme://authority
  std::string to_string() const;  // origin and target
};

// Reads an absolute URL. Drops the fragment, removes dot segments and percent-encodes bytes that
// may not stand in a URL, as browsers do. Throws FetchError (invalid_url) that says what is wrong.
Url parse_url(std::string_view text);

// What `reference`, the value of a Location field, means in an answer from `base`.
Url resolve_reference(const Url& base, std::string_view reference);

}  // namespace fetch
