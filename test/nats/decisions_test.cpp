// What is decided without a connection: how much to ask for, which leases to renew, what a subject says.
#include <gtest/gtest.h>

#include "nats/ack_subject.hpp"
#include "nats/leases.hpp"
#include "nats/pulls.hpp"

namespace coroexec::nats::detail {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock::time_point;

const Time start = Time() + 1h;

TEST(NatsAckSubject, is_read_in_its_older_form) {
  const auto parsed = parse_ack_subject("$JS.ACK.jobs.workers.3.17.42.1600000000000000000.5");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->stream, "jobs");
  EXPECT_EQ(parsed->consumer, "workers");
  EXPECT_EQ(parsed->deliveries, 3u);
  EXPECT_EQ(parsed->sequence, 17u);
}

TEST(NatsAckSubject, is_read_with_a_domain_and_an_account) {
  for (const char* end : {"", ".token"}) {
    const std::string subject = std::string("$JS.ACK._.hash.jobs.workers.1.2.3.4.5") + end;
    const auto parsed = parse_ack_subject(subject);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->stream, "jobs");
    EXPECT_EQ(parsed->deliveries, 1u);
    EXPECT_EQ(parsed->sequence, 2u);
  }
}

TEST(NatsAckSubject, is_not_anything_else) {
  for (const char* text : {"", "$JS.ACK", "a.b.c.d.e.f.g.h.i", "$JS.ACK.s.c.x.1.1.1.1", "$JS.ACK.s.c.1.1.1.1.1.1"})
    EXPECT_FALSE(parse_ack_subject(text)) << text;
}

TEST(NatsPulls, ask_for_what_is_not_on_its_way) {
  Pulls pulls(5s);
  const auto first = pulls.ask(10, start);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->batch, 10u);
  EXPECT_FALSE(pulls.ask(10, start));
  EXPECT_TRUE(pulls.received());
  const auto second = pulls.ask(12, start);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->batch, 3u);
  EXPECT_EQ(pulls.outstanding(), 12u);
}

TEST(NatsPulls, few_are_not_worth_a_request) {
  Pulls pulls(5s);
  EXPECT_TRUE(pulls.ask(10, start, 3));
  EXPECT_FALSE(pulls.ask(12, start, 3));
  EXPECT_EQ(pulls.ask(13, start, 3)->batch, 3u);
}

TEST(NatsPulls, what_a_request_left_is_asked_for_again) {
  Pulls pulls(5s);
  const auto first = pulls.ask(10, start);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(pulls.received());
  pulls.ended(first->number);
  EXPECT_EQ(pulls.outstanding(), 0u);
  EXPECT_FALSE(pulls.received()) << "no request is open";
}

TEST(NatsPulls, a_request_nobody_ended_does_so_by_itself) {
  Pulls pulls(5s);
  pulls.ask(10, start);
  EXPECT_FALSE(pulls.expire(start + 6s));
  EXPECT_EQ(pulls.outstanding(), 10u) << "the server's word may be late";
  EXPECT_TRUE(pulls.expire(start + 7s));
  EXPECT_EQ(pulls.outstanding(), 0u);
}

TEST(NatsPulls, a_new_connection_begins_anew) {
  Pulls pulls(5s);
  pulls.ask(10, start);
  pulls.forget();
  EXPECT_EQ(pulls.ask(10, start)->batch, 10u);
}

TEST(NatsPulls, where_nobody_answers_it_waits) {
  Pulls pulls(5s);
  pulls.pause_until(start + 1s);
  EXPECT_FALSE(pulls.ask(1, start));
  EXPECT_TRUE(pulls.ask(1, start + 1s));
}

TEST(NatsPulls, so_many_requests_at_once_and_no_more) {
  Pulls pulls(5s);
  std::size_t requests = 0;
  for (std::size_t wanted = 1; wanted <= 1000; ++wanted) requests += pulls.ask(wanted, start).has_value();
  EXPECT_EQ(requests, 64u);
}

TEST(NatsLeases, are_renewed_after_a_quarter) {
  Leases leases(12s);
  leases.add(1, start);
  EXPECT_TRUE(leases.due(start + 2s).renew.empty());
  EXPECT_EQ(leases.due(start + 3s).renew, std::vector<std::uint64_t>{1});
  leases.confirmed(1);
  EXPECT_TRUE(leases.due(start + 5s).renew.empty());
  EXPECT_EQ(leases.due(start + 6s).renew, std::vector<std::uint64_t>{1});
}

TEST(NatsLeases, count_from_the_renewal_that_was_confirmed) {
  Leases leases(12s);
  leases.add(1, start);
  leases.due(start + 3s);
  leases.due(start + 8s);  // asked again, as the first was not answered
  leases.confirmed(1);     // to which of the two this belongs is not known
  EXPECT_TRUE(leases.due(start + 12s).lost.empty());
  EXPECT_EQ(leases.due(start + 13s).lost, std::vector<std::uint64_t>{1});
}

TEST(NatsLeases, are_lost_if_nobody_confirms_in_time) {
  Leases leases(12s);
  leases.add(1, start);
  leases.add(2, start + 5s);
  EXPECT_TRUE(leases.due(start + 9s).lost.empty());
  EXPECT_EQ(leases.due(start + 10s).lost, std::vector<std::uint64_t>{1});
  EXPECT_TRUE(leases.due(start + 11s).lost.empty()) << "told once";
}

TEST(NatsLeases, of_what_is_settled_are_over) {
  Leases leases(12s);
  leases.add(1, start);
  leases.remove(1);
  const auto due = leases.due(start + 1h);
  EXPECT_TRUE(due.renew.empty());
  EXPECT_TRUE(due.lost.empty());
}

}  // namespace
}  // namespace coroexec::nats::detail
