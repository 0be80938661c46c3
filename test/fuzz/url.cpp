// URLs, as a line of a list and as where a redirect leads: the first line of the input, then
// references that are followed one after the other.
#include "url.hpp"

#include <optional>

#include "fetch_error.hpp"
#include "fuzz.hpp"
#include "http_get.hpp"

namespace coroexec::fuzz {
namespace {

using fetch::Url;

void check(const Url& url) {
  require(url.scheme == "http" || url.scheme == "https", "a URL of another scheme");
  require(!url.host.empty() && url.port != 0, "a URL without host or port");
  require(url.target.starts_with('/'), "a target that does not start with a slash");
  const std::string text = url.to_string();
  for (const char c : text) require(c > ' ' && c < 0x7f, "a URL that is not plain ASCII");
  require(text.find('#') == text.npos, "a URL with a fragment");

  Url again;
  try {
    again = fetch::parse_url(text);
  } catch (const fetch::FetchError& error) {
    throw std::logic_error(text + " was printed and is refused: " + error.what());
  }
  require(again.to_string() == text && again.host == url.host && again.port == url.port &&
              again.target == url.target,
          text + " is read as " + again.to_string());

  // Nothing in a URL adds a field to the request.
  const std::string request = fetch::make_request(url, {});
  require(
      request.starts_with("GET " + url.target + " HTTP/1.1\r\nHost: " + url.authority() + "\r\n"),
      request);
  std::size_t lines = 0;
  for (auto at = request.find('\n'); at != request.npos; at = request.find('\n', at + 1)) ++lines;
  require(lines == 6, request);
}

template <class Read>
std::optional<Url> read(Read read_url) {
  try {
    const Url url = read_url();
    check(url);
    return url;
  } catch (const fetch::FetchError& error) {
    require(error.kind() == fetch::ErrorKind::invalid_url, "a URL is refused for another reason");
    require(!std::string_view(error.what()).empty(), "a URL is refused without a reason");
    return std::nullopt;
  }
}

void run(Bytes bytes) {
  Reader reader(bytes);
  const auto line = reader.until('\n');
  auto url = read([&] { return fetch::parse_url(line); });
  while (url && !reader.empty()) {
    const auto reference = reader.until('\n');
    url = read([&] { return fetch::resolve_reference(*url, reference); });
  }
}

const Target target("url", run);

}  // namespace
}  // namespace coroexec::fuzz
