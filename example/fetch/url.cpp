// Reading and resolving URLs by RFC 3986.
#include "url.hpp"

#include <boost/asio/ip/address_v6.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

#include "fetch_error.hpp"

namespace fetch {
namespace {

[[noreturn]] void invalid(const std::string& why) { throw FetchError(ErrorKind::invalid_url, why); }

// <cctype> asks the locale; URLs are ASCII.
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), to_lower);
  return result;
}

// The five parts of RFC 3986, appendix B; the fragment is never sent, so it is dropped here.
struct Parts {
  std::optional<std::string_view> scheme;
  std::optional<std::string_view> authority;
  std::string_view path;
  std::optional<std::string_view> query;
};

bool is_scheme(std::string_view text) {
  return !text.empty() && is_alpha(text.front()) && std::ranges::all_of(text, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
}

Parts split(std::string_view text) {
  Parts parts;
  text = text.substr(0, text.find('#'));
  if (const auto query = text.find('?'); query != text.npos) {
    parts.query = text.substr(query + 1);
    text = text.substr(0, query);
  }
  if (const auto colon = text.find_first_of(":/");
      colon != text.npos && text[colon] == ':' && is_scheme(text.substr(0, colon))) {
    parts.scheme = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    parts.authority = text.substr(0, text.find('/'));
    text.remove_prefix(parts.authority->size());
  }
  parts.path = text;
  return parts;
}

void append_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view never_literal = "\"<>\\^`{|}";
  constexpr char digits[] = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte >= 0x7f || never_literal.find(c) != never_literal.npos) {
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
}

std::string remove_dot_segments(std::string_view path) {
  std::string out;
  while (!path.empty()) {  // path starts with '/'
    const auto end = std::min(path.find('/', 1), path.size());
    const std::string_view segment = path.substr(0, end);
    const bool last = end == path.size();
    path.remove_prefix(end);
    if (segment == "/." || segment == "/..") {
      if (segment == "/..") out.erase(out.empty() ? 0 : out.rfind('/'));
      if (last) out += '/';
    } else {
      out += segment;
    }
  }
  return out;
}

std::uint16_t parse_port(std::string_view text, std::uint16_t standard) {
  if (text.empty()) return standard;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0)
    invalid("the port must be a number from 1 to 65535");
  return port;
}

void check_host_name(std::string_view host) {
  if (host.empty()) invalid("no host");
  if (host.size() > 253) invalid("the host name is longer than 253 characters");
  std::size_t label = 0;
  for (const char c : host) {
    if (static_cast<unsigned char>(c) >= 0x80)
      invalid("the host name is not ASCII; write it in its xn-- form");
    if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '_' && c != '.')
      invalid("the host name contains '" + std::string(1, c) + "'");
    label = c == '.' ? 0 : label + 1;
    if (label > 63) invalid("a part of the host name is longer than 63 characters");
  }
}

void set_authority(Url& url, std::string_view authority) {
  if (authority.find('@') != authority.npos)
    invalid("a user name in a URL is not supported; send an Authorization field with --header");
  const std::uint16_t standard = url.secure() ? 443 : 80;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == authority.npos) invalid("the [ of an IPv6 address has no ]");
    const std::string address(authority.substr(1, end - 1));
    boost::system::error_code error;
    boost::asio::ip::make_address_v6(address, error);
    if (error || address.find('%') != address.npos) invalid("[" + address + "] is no IPv6 address");
    url.host = lower(address);
    authority.remove_prefix(end + 1);
    if (!authority.empty() && authority.front() != ':')
      invalid("text after the ] of an IPv6 address");
    url.port = parse_port(authority.substr(authority.empty() ? 0 : 1), standard);
    return;
  }
  const auto colon = authority.find(':');
  url.host = lower(authority.substr(0, colon));
  check_host_name(url.host);
  url.port = parse_port(colon == authority.npos ? "" : authority.substr(colon + 1), standard);
}

void set_target(Url& url, std::string_view path, std::optional<std::string_view> query) {
  std::string encoded;
  append_encoded(encoded, path);
  url.target = remove_dot_segments(encoded);
  if (url.target.empty()) url.target = "/";
  if (query) {
    url.target += '?';
    append_encoded(url.target, *query);
  }
}

Url absolute(const Parts& parts) {
  Url url;
  url.scheme = lower(*parts.scheme);
  if (url.scheme != "http" && url.scheme != "https")
    invalid("the scheme \"" + url.scheme + "\" is neither http nor https");
  if (!parts.authority) invalid("no host");
  set_authority(url, *parts.authority);
  set_target(url, parts.path, parts.query);
  return url;
}

}  // namespace

std::string Url::authority() const {
  std::string result = host.find(':') == host.npos ? host : "[" + host + "]";
  if (port != (secure() ? 443 : 80)) result += ":" + std::to_string(port);
  return result;
}

std::string Url::origin() const { return scheme + "://" + authority(); }

std::string Url::to_string() const { return origin() + target; }

Url parse_url(std::string_view text) {
  for (const char c : text) {
    if (c == ' ') invalid("a space in a URL is written %20");
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f')
      invalid("a control character in the URL");
  }
  const Parts parts = split(text);
  if (!parts.scheme) invalid("a URL starts with http:// or https://");
  return absolute(parts);
}

Url resolve_reference(const Url& base, std::string_view reference) {
  Parts parts = split(reference);
  if (!parts.scheme) parts.scheme = base.scheme;
  else return absolute(parts);
  if (parts.authority) return absolute(parts);

  Url url = base;
  const std::string_view base_target = base.target;
  const auto base_query = std::min(base_target.find('?'), base_target.size());
  const std::string_view base_path = base_target.substr(0, base_query);
  if (parts.path.empty()) {
    if (!parts.query && base_query != base_target.size())
      parts.query = base_target.substr(base_query + 1);
    set_target(url, base_path, parts.query);
  } else if (parts.path.starts_with('/')) {
    set_target(url, parts.path, parts.query);
  } else {
    const std::string merged =
        std::string(base_path.substr(0, base_path.rfind('/') + 1)) + std::string(parts.path);
    set_target(url, merged, parts.query);
  }
  return url;
}

}  // namespace fetch
