// Reading URLs and resolving redirects.
#include "url.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "fetch_error.hpp"

namespace fetch {
namespace {

std::string problem_of(std::string_view text) {
  try {
    return "none: " + parse_url(text).to_string();
  } catch (const FetchError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid_url);
    return error.what();
  }
}

TEST(Url, PartsOfAPlainUrl) {
  const Url url = parse_url("http://example.com/a/b?c=d");
  EXPECT_EQ(url.scheme, "http");
  EXPECT_EQ(url.host, "example.com");
  EXPECT_EQ(url.port, 80);
  EXPECT_EQ(url.target, "/a/b?c=d");
  EXPECT_FALSE(url.secure());
}

TEST(Url, SchemeAndHostAreLowerCaseThePathIsNot) {
  EXPECT_EQ(parse_url("HTTPS://Example.COM/Path?Query").to_string(),
            "https://example.com/Path?Query");
}

TEST(Url, TheStandardPortIsLeftOutAnotherStays) {
  EXPECT_EQ(parse_url("https://a:443/").authority(), "a");
  EXPECT_EQ(parse_url("https://a:/").port, 443);
  EXPECT_EQ(parse_url("http://a:443/").authority(), "a:443");
  EXPECT_EQ(parse_url("http://a:8080").origin(), "http://a:8080");
}

TEST(Url, AnEmptyPathIsTheRoot) {
  EXPECT_EQ(parse_url("http://a").target, "/");
  EXPECT_EQ(parse_url("http://a?x=1").target, "/?x=1");
  EXPECT_EQ(parse_url("http://a/?").target, "/?");
}

TEST(Url, TheFragmentIsNotSent) {
  EXPECT_EQ(parse_url("http://a/b#c").target, "/b");
  EXPECT_EQ(parse_url("http://a#b/c?d").target, "/");
}

TEST(Url, Ipv6AddressesLoseTheirBracketsAndGetThemBack) {
  const Url url = parse_url("http://[::1]:8080/x");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, 8080);
  EXPECT_EQ(url.authority(), "[::1]:8080");
}

TEST(Url, BytesThatMayNotStandThereAreEncoded) {
  EXPECT_EQ(parse_url("http://a/\xC3\xA4?q={\"x\"}").target, "/%C3%A4?q=%7B%22x%22%7D");
  EXPECT_EQ(parse_url("http://a/100%25").target, "/100%25") << "what is encoded stays as it is";
}

TEST(Url, DotSegmentsAreRemoved) {
  EXPECT_EQ(parse_url("http://a/b/../c/./d").target, "/c/d");
  EXPECT_EQ(parse_url("http://a/../../b").target, "/b");
  EXPECT_EQ(parse_url("http://a/b/..").target, "/");
}

TEST(Url, WhatIsWrongIsSaid) {
  EXPECT_EQ(problem_of("example.com/x"), "a URL starts with http:// or https://");
  EXPECT_EQ(problem_of("ftp://a/"), "the scheme \"ftp\" is neither http nor https");
  EXPECT_EQ(problem_of("http:/a"), "no host");
  EXPECT_EQ(problem_of("http:///a"), "no host");
  EXPECT_EQ(problem_of("http://a:99999/"), "the port must be a number from 1 to 65535");
  EXPECT_EQ(problem_of("http://a:0/"), "the port must be a number from 1 to 65535");
  EXPECT_EQ(problem_of("http://a:8x/"), "the port must be a number from 1 to 65535");
  EXPECT_EQ(problem_of("http://a b/"), "a space in a URL is written %20");
  EXPECT_EQ(problem_of("http://a/\x01"), "a control character in the URL");
  EXPECT_EQ(problem_of("http://a<b/"), "the host name contains '<'");
  EXPECT_EQ(problem_of("http://b\xC3\xBC/"),
            "the host name is not ASCII; write it in its xn-- form");
  EXPECT_EQ(problem_of("http://[::1/"), "the [ of an IPv6 address has no ]");
  EXPECT_EQ(problem_of("http://[::x]/"), "[::x] is no IPv6 address");
  EXPECT_EQ(problem_of("http://[::1]x/"), "text after the ] of an IPv6 address");
  EXPECT_EQ(problem_of("http://" + std::string(64, 'a') + "/"),
            "a part of the host name is longer than 63 characters");
  EXPECT_EQ(problem_of("http://u:p@a/"),
            "a user name in a URL is not supported; send an Authorization field with --header");
  EXPECT_EQ(problem_of(""), "a URL starts with http:// or https://");
}

// RFC 3986, section 5.4. Its base has a path parameter; fragments are dropped here.
TEST(Url, ReferencesAreResolvedAsTheStandardSays) {
  const Url base = parse_url("http://a/b/c/d;p?q");
  const std::pair<const char*, const char*> cases[] = {
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g/"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q"},
      {"g#s", "http://a/b/c/g"},
      {"g?y#s", "http://a/b/c/g?y"},
      {";x", "http://a/b/c/;x"},
      {"g;x", "http://a/b/c/g;x"},
      {"g;x?y#s", "http://a/b/c/g;x?y"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"../../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {".g", "http://a/b/c/.g"},
      {"g..", "http://a/b/c/g.."},
      {"..g", "http://a/b/c/..g"},
      {"./../g", "http://a/b/g"},
      {"./g/.", "http://a/b/c/g/"},
      {"g/./h", "http://a/b/c/g/h"},
      {"g/../h", "http://a/b/c/h"},
      {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
      {"g;x=1/../y", "http://a/b/c/y"},
      {"g?y/./x", "http://a/b/c/g?y/./x"},
      {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"https://other:8443/z", "https://other:8443/z"},
  };
  for (const auto& [reference, expected] : cases)
    EXPECT_EQ(resolve_reference(base, reference).to_string(), expected) << reference;
}

TEST(Url, ARedirectsSpacesAreEncoded) {
  EXPECT_EQ(resolve_reference(parse_url("http://a/"), "/x y").target, "/x%20y");
}

TEST(Url, ARedirectToAnotherSchemeIsRefused) {
  EXPECT_THROW(resolve_reference(parse_url("http://a/"), "file:///etc/passwd"), FetchError);
}

}  // namespace
}  // namespace fetch
