// Who may enter and who may start, by plain calls.
#include "coroexec/detail/admission.hpp"

#include <gtest/gtest.h>

#include <random>

#include "coroexec/options.hpp"

namespace coroexec::detail {
namespace {

void start(Admission& admission, int count) {
  for (int i = 0; i < count; ++i) admission.enqueued(), admission.started();
}

TEST(Admission, begins_idle_with_room_for_slots_and_backlog) {
  Admission admission(2, 1);
  EXPECT_TRUE(admission.idle());
  EXPECT_FALSE(admission.may_start());
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(admission.has_room());
    admission.enqueued();
  }
  EXPECT_FALSE(admission.has_room());
  EXPECT_TRUE(admission.may_start());
  EXPECT_FALSE(admission.idle());
}

// CE-20
TEST(Admission, starts_no_more_than_its_bound) {
  Admission admission(2, 10);
  for (int i = 0; i < 5; ++i) admission.enqueued();
  admission.started();
  EXPECT_TRUE(admission.may_start());
  admission.started();
  EXPECT_FALSE(admission.may_start());
  admission.finished();
  EXPECT_TRUE(admission.may_start());
}

TEST(Admission, starts_nothing_when_nothing_is_queued) {
  Admission admission(2, 10);
  admission.enqueued();
  admission.dequeued();
  EXPECT_FALSE(admission.may_start());
  EXPECT_TRUE(admission.idle());
}

TEST(Admission, takes_the_backlog_whether_the_slots_are_taken_or_not) {
  Admission admission(2, 3);
  start(admission, 1);
  admission.enqueued();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(admission.has_room());
    admission.enqueued();
  }
  EXPECT_FALSE(admission.has_room());
}

TEST(Admission, without_backlog_has_room_only_for_a_free_slot) {
  Admission admission(2, 0);
  start(admission, 2);
  EXPECT_FALSE(admission.has_room());
  admission.finished();
  EXPECT_TRUE(admission.has_room());
}

TEST(Admission, nobody_overtakes_those_who_wait) {
  Admission admission(1, 0);
  start(admission, 1);
  admission.wait_begun();
  admission.finished();
  EXPECT_FALSE(admission.has_room());
  EXPECT_EQ(admission.admit_waiting(), 1u);
  EXPECT_FALSE(admission.has_room()) << "the place is reserved";
  admission.reservation_used();
  EXPECT_TRUE(admission.has_room());
}

TEST(Admission, admits_nobody_while_there_is_no_room) {
  Admission admission(1, 1);
  start(admission, 1);
  admission.enqueued();
  admission.wait_begun();
  EXPECT_EQ(admission.admit_waiting(), 0u);
  EXPECT_EQ(admission.waiting(), 1u);
}

TEST(Admission, admits_in_batches_once_the_backlog_is_half_empty) {
  Admission admission(1, 4);
  start(admission, 1);
  for (int i = 0; i < 4; ++i) admission.enqueued();
  for (int i = 0; i < 6; ++i) admission.wait_begun();

  admission.dequeued();
  EXPECT_EQ(admission.admit_waiting(), 0u) << "a quarter is not enough";
  admission.dequeued();
  EXPECT_EQ(admission.admit_waiting(), 2u);
  EXPECT_EQ(admission.reserved(), 2u);
  EXPECT_EQ(admission.waiting(), 4u);
  EXPECT_EQ(admission.admit_waiting(), 0u) << "reserved places are not given twice";
}

TEST(Admission, a_wait_given_up_leaves_no_trace) {
  Admission admission(1, 0);
  start(admission, 1);
  admission.wait_begun();
  EXPECT_FALSE(admission.idle());
  admission.wait_given_up();
  admission.finished();
  EXPECT_TRUE(admission.idle());
  EXPECT_EQ(admission.admit_waiting(), 0u);
}

TEST(Admission, unlimited_always_has_room) {
  Admission admission(unlimited, unlimited);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(admission.has_room());
    admission.enqueued();
    EXPECT_TRUE(admission.may_start());
    if (i % 2) admission.started();
  }
}

// CE-20, CE-21: whatever happens in whatever order, the bounds hold and nobody waits for nothing.
TEST(Admission, keeps_its_bounds_and_its_promises_in_random_schedules) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const std::size_t bound = 1 + random() % 5, backlog = random() % 6;
    Admission admission(bound, backlog);
    for (int step = 0; step < 2000; ++step) {
      switch (random() % 6) {
        case 0:
        case 1:
          if (admission.has_room())
            admission.enqueued();
          else
            admission.wait_begun();
          break;
        case 2:
          if (admission.may_start()) admission.started();
          break;
        case 3:
          if (admission.active() > 0) admission.finished();
          break;
        case 4:
          if (admission.reserved() > 0) {
            admission.reservation_used();
            if (random() % 4) admission.enqueued();  // else its submitter was cancelled
          } else if (admission.waiting() > 0 && random() % 4 == 0) {
            admission.wait_given_up();
          }
          break;
        case 5:
          if (admission.queued() > 0 && random() % 4 == 0) admission.dequeued();
          break;
      }
      admission.admit_waiting();
      ASSERT_LE(admission.active(), bound);
      ASSERT_LE(admission.active() + admission.queued() + admission.reserved(), bound + backlog);
      const bool takes_none = admission.active() == bound && backlog == 0;
      if (admission.waiting() > 0 && !takes_none) {
        ASSERT_GT(admission.queued() + admission.reserved(), 0u) << "somebody waits for nothing";
      }
    }
  }
}

}  // namespace
}  // namespace coroexec::detail
