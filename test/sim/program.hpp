// What is done, as data: a program is a tree of actions, made from a seed. What it means is in actions.cpp.
//
// All of an action is plain numbers with a default, so that a failing program can be shortened by
// leaving actions out and by putting numbers back.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coroexec::sim {

enum class Op : std::uint8_t {
  yield,
  sleep,            // `number` ms
  submit,           // a job: `how`; its actions are the body
  stream,           // of jobs: `kind`; each has the body's actions
  wait,             // for the job that counts `number` among the older ones of the scope
  get,              // the same, and its result
  async_wait,       // the same, by a completion handler
  cancel_task,      // the same
  cancel_self,
  cancel_scope,
  drop_task,        // its handle
  join,             // within `number` ms, if that is not 0
  shutdown,
  shutdown_now,
  scope,            // a scope: `kind`; the body is its own
  with_timeout,     // `number` ms for the body
  shield,           // the body
  uncancel,         // a cancel that has come is taken back
  fail,             // throws
  abort,            // throws operation_aborted, unasked
};

enum class How : std::uint8_t { wait, nowait, attempt, exec, callback, failing_callback, slow_callback };
enum class StreamKind : std::uint8_t { map, map_unordered, itermap, concurrent, concurrent_outcomes, pool_map };
enum class Leave : std::uint8_t { at_end, close, drop, fail, for_each, collect };
enum class ScopeKind : std::uint8_t { executor, pool, loose_executor, loose_pool };
enum class OnCancel : std::uint8_t { obey, clean_up, swallow, fail };
enum class Order : std::uint8_t { fifo, random, lifo, priorities, swaps };

struct Action {
  Op op = Op::yield;
  int number = 0;

  // Of a job
  int how = 0;
  int on_cancel = 0;   // what it does when it is cancelled
  int lenient = 0;     // an action's error does not end it
  int job_timeout = 0; // ms
  int fragile = 0;     // an argument that throws at that many moves

  // Of a stream or a scope
  int kind = 0;
  int bound = 0;       // 0: none
  int inputs = 0;
  int lazy = 0;        // 0: a range; 1: an asynchronous source; 2: one that takes its time
  int breaks = 0;      // the source throws after so many
  int pace = 0;        // of the reader, ms an element
  int leave = 0;
  int leave_after = 0; // elements
  int backlog = -1;    // -1: automatic
  int timeout = 0;     // ms
  int policy = 0;
  int rate = 0;        // starts per second
  int burst = 1;
  int threads = 0;     // 1: built for several threads

  std::vector<Action> body;
};

struct Program {
  std::uint64_t seed = 0;  // of the schedule
  std::optional<std::vector<std::uint8_t>> choices;  // of the schedule, instead of a seed
  int order = 0;           // of what is ready
  int cancel_at = 0;       // the step after which the owner of all is cancelled; 0: never
  Action main;             // a scope
};

Program make_program(std::uint64_t seed);
// The choices are given: the program's from the front, the schedule's from the back.
Program make_program(std::span<const std::uint8_t> choices);
std::string to_string(const Program& program);
const char* name_of(Op op);

// The numbers of an action, for who prints or shortens.
struct Field {
  const char* name;
  int Action::*member;
};
const std::vector<Field>& fields();
int count_actions(const Action& action);

}  // namespace coroexec::sim
