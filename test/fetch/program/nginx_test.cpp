// The program against a real server.
#include "nginx.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <set>
#include <sstream>

#include "program.hpp"

namespace fetch::test {
namespace {

class NginxTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (have_nginx()) server_ = std::make_unique<Nginx>();
  }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override {
    if (!server_) GTEST_SKIP() << "nginx is not installed (tools/install-deps.sh)";
  }

  static std::unique_ptr<Nginx> server_;
};

std::unique_ptr<Nginx> NginxTest::server_;

TEST_F(NginxTest, EveryLineHasItsResult) {
  std::string list = "# pages\n\n";
  for (int i = 0; i < 500; ++i) list += server_->plain() + "/page/" + std::to_string(i) + "\n";
  const Ended run = run_program({"--concurrency", "50"}, list);
  EXPECT_EQ(run.status, 0) << run.errors;
  ASSERT_EQ(run.results.size(), 500u);
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(run[i + 3].status, 200) << "lines count from one, comments and blank ones too";
    ASSERT_EQ(run[i + 3].url, server_->plain() + "/page/" + std::to_string(i));
  }
  EXPECT_NE(run.errors.find("500 URLs in "), std::string::npos) << run.errors;
  EXPECT_NE(run.errors.find("latency      p50 "), std::string::npos) << run.errors;
}

TEST_F(NginxTest, ConnectionsAreUsedAgain) {
  const auto marker = "/page/reuse-" + std::to_string(::rand());
  std::string list;
  for (int i = 0; i < 200; ++i) list += server_->plain() + marker + "\n";
  const Ended run = run_program({"--concurrency", "4"}, list);
  EXPECT_EQ(run.status, 0) << run.errors;
  std::set<std::string> connections;
  std::istringstream log(server_->access_log());
  for (std::string connection, status, path; log >> connection >> status >> path;)
    if (path == marker) connections.insert(connection);
  EXPECT_LE(connections.size(), 4u);
  EXPECT_NE(run.errors.find("connections  4 opened, reused 196 times"), std::string::npos)
      << run.errors;
}

TEST_F(NginxTest, BodiesGoToFilesNamedByLineDecompressed) {
  const TempDir out;
  const Ended run =
      run_program({"--output-dir", out.file("bodies")},
                  server_->plain() + "/small.txt\n\n" + server_->plain() + "/big.txt\n" +
                      server_->plain() + "/missing\n" + server_->plain() + "/none\n");
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(read_file(out.file("bodies/00000001.body")), "hello\n");
  const std::string big = read_file(server_->directory().file("big.txt"));
  EXPECT_EQ(read_file(out.file("bodies/00000003.body")), big) << "gzip and chunked were undone";
  EXPECT_EQ(run[3].bytes, static_cast<std::int64_t>(big.size()));
  EXPECT_EQ(run[5].status, 204);
  EXPECT_TRUE(std::filesystem::exists(out.file("bodies/00000005.body")));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(out.file("bodies")), {}), 3)
      << "nothing is left of the page that is missing";
}

TEST_F(NginxTest, AMissingPageIsAFailure) {
  const Ended run =
      run_program({}, server_->plain() + "/missing\n" + server_->plain() + "/small.txt\n");
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(run[1].status, 404);
  EXPECT_EQ(run[1].kind, "http-status");
  EXPECT_EQ(run[1].message, "the server answered 404 Not Found");
  EXPECT_EQ(run[1].attempts, 1) << "404 is not retried";
  EXPECT_EQ(run[2].kind, "");
}

TEST_F(NginxTest, AServersFaultIsRetried) {
  const Ended run =
      run_program({"--retries", "3", "--retry-delay", "1ms"}, server_->plain() + "/broken\n");
  EXPECT_EQ(run[1].status, 500);
  EXPECT_EQ(run[1].kind, "http-status");
  EXPECT_EQ(run[1].attempts, 4);
  EXPECT_NE(run.errors.find("3 retries"), std::string::npos) << run.errors;
}

TEST_F(NginxTest, RedirectsAreFollowedSoFar) {
  const Ended run =
      run_program({"--max-redirects", "3"}, server_->plain() + "/moved\n" + server_->plain() +
                                                "/hop/123\n" + server_->plain() + "/hop/1234\n" +
                                                server_->plain() + "/loop\n");
  EXPECT_EQ(run[1].status, 200);
  EXPECT_EQ(run[1].final_url, server_->plain() + "/small.txt");
  EXPECT_EQ(run[1].attempts, 2);
  EXPECT_EQ(run[2].status, 200);
  EXPECT_EQ(run[2].attempts, 4);
  for (const int line : {3, 4}) {
    EXPECT_EQ(run[line].status, 302);
    EXPECT_EQ(run[line].kind, "redirect");
    EXPECT_EQ(run[line].message, "more than 3 redirects (--max-redirects)");
  }
}

TEST_F(NginxTest, TlsWithTheRightAuthority) {
  const Ended run = run_program({"--cacert", server_->authority()},
                                server_->secure() + "/small.txt\n" + server_->secure() +
                                    "/big.txt\n" + server_->secure_by_address() + "/small.txt\n" +
                                    server_->plain() + "/to-tls\n");
  EXPECT_EQ(run.status, 0) << run.errors << run[1].message;
  EXPECT_EQ(run[1].bytes, 6);
  EXPECT_EQ(run[3].status, 200) << "the certificate names the address, too";
  EXPECT_EQ(run[4].final_url, server_->secure() + "/small.txt");
}

TEST_F(NginxTest, TlsConnectionsAreUsedAgain) {
  std::string list;
  for (int i = 0; i < 100; ++i) list += server_->secure() + "/small.txt\n";
  const Ended run = run_program({"--cacert", server_->authority(), "--concurrency", "3"}, list);
  EXPECT_EQ(run.status, 0) << run.errors;
  EXPECT_NE(run.errors.find("connections  3 opened, reused 97 times"), std::string::npos)
      << run.errors;
}

TEST_F(NginxTest, ACertificateOfAnUnknownAuthorityIsRefused) {
  const Ended run = run_program({}, server_->secure() + "/small.txt\n");
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(run[1].kind, "tls");
  const std::string authority = server_->secure().substr(8);
  EXPECT_EQ(run[1].message, "the certificate of " + authority +
                                " is not accepted: unable to get local issuer certificate");
  EXPECT_EQ(run[1].attempts, 1) << "trying again would not help";
}

TEST_F(NginxTest, ACertificateForAnotherHostIsRefused) {
  const Ended run =
      run_program({"--cacert", server_->authority()}, server_->misnamed() + "/small.txt\n");
  EXPECT_EQ(run[1].kind, "tls");
  EXPECT_EQ(run[1].message, "the certificate of " + server_->misnamed().substr(8) +
                                " is not accepted: hostname mismatch");
}

TEST_F(NginxTest, InsecureAcceptsBoth) {
  const Ended run = run_program(
      {"--insecure"}, server_->secure() + "/small.txt\n" + server_->misnamed() + "/small.txt\n");
  EXPECT_EQ(run.status, 0) << run.errors;
}

TEST_F(NginxTest, TlsSpokenToAPlainPortIsAClearError) {
  std::string url = server_->plain() + "/small.txt\n";
  const Ended run = run_program({"--retries", "0"}, url.replace(0, 4, "https"));
  EXPECT_EQ(run[1].kind, "tls");
  EXPECT_TRUE(run[1].message.starts_with("the TLS handshake with 127.0.0.1:")) << run[1].message;
}

TEST_F(NginxTest, ABodyOverTheLimitIsRefused) {
  const Ended run = run_program(
      {"--max-body", "1K"}, server_->plain() + "/big.txt\n" + server_->plain() + "/small.txt\n");
  EXPECT_EQ(run[1].kind, "body-too-large");
  EXPECT_TRUE(run[1].message.ends_with("is larger than --max-body, 1024 bytes")) << run[1].message;
  EXPECT_EQ(run[2].kind, "");
}

}  // namespace
}  // namespace fetch::test
