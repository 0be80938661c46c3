#include "coroexec/detail/handover.hpp"

#include "coroexec/generator_object.hpp"
#include "coroexec/oob_data.hpp"

namespace coroexec {

OOBDataBase::~OOBDataBase() = default;

const char* OOBDataBase::what() const noexcept {
  return "out-of-band data: the awaited coroutine has not ended";
}

StopAsyncIteration::~StopAsyncIteration() = default;

const char* StopAsyncIteration::what() const noexcept { return "StopAsyncIteration"; }

namespace detail {
namespace {

// Shared by all: made where there may be no memory.
std::exception_ptr generator_exit() {
  static const std::exception_ptr error = std::make_exception_ptr(GeneratorExit());
  return error;
}

[[noreturn]] void throw_with_cause(const char* text) {
  std::throw_with_nested(boost::system::system_error(make_error_code(errc::invalid_state), text));
}

}  // namespace

// ---- which coroutine is listened to

Handover& MonitorState::claim(Ref<Handover>& kept) {
  std::lock_guard lock(mutex_);
  if (!active_ && closed_) throw GeneratorExit();
  if (!active_ || active_->claimed_ || active_->stage_ == Handover::Stage::fresh)
    throw_error(errc::invalid_state,
                "Monitor not active: oob() or ayield() while nobody awaits its coroutine");
  active_->claimed_ = true;
  if (!active_->is_body(current_worker())) kept = Ref<Handover>(active_);
  return *active_;
}

// ---- a handler in a slot

// Without memory to post with, the handler is dropped with what it would have run in.
void ParkedHandler::post() noexcept {
  try {
    send(false);
  } catch (...) {
  }
}

void ParkedHandler::cancel() noexcept {
  {
    std::lock_guard lock(monitor_->mutex_);
    if (!slot_) return;
    Handover::take(*slot_);
  }
  resumed_ = false;
  post();
}

ParkedHandler* Handover::take(ParkedHandler*& slot) noexcept {
  ParkedHandler* const node = std::exchange(slot, nullptr);
  if (node) node->slot_ = nullptr;
  return node;
}

void Handover::put(ParkedHandler*& slot, ParkedHandler& node) noexcept {
  slot = &node;
  node.slot_ = &slot;
}

// ---- the awaiter's half

Handover::~Handover() = default;

Handover::Entry Handover::entry_locked() const noexcept {
  if (awaited_ || (monitor_->active_ && monitor_->active_ != this)) return Entry::busy;
  if (stage_ == Stage::spent) return Entry::spent;
  return stage_ == Stage::fresh ? Entry::fresh : Entry::started;
}

Handover::Entry Handover::entry() const noexcept {
  std::lock_guard lock(monitor_->mutex_);
  return entry_locked();
}

Handover::Entry Handover::enter() noexcept {
  std::lock_guard lock(monitor_->mutex_);
  const Entry entry = entry_locked();
  if (entry == Entry::busy || entry == Entry::spent) return entry;
  awaited_ = true;
  monitor_->closed_ = false;
  if (has_word_) return entry;  // of an awaiter that was cancelled and left it
  monitor_->active_ = this;
  taken_ = take(speaker_);
  taken_answer_ = answer_;
  return entry;
}

void Handover::leave(OnCancel on_cancel, bool answered) noexcept {
  const bool forwards = on_cancel == OnCancel::forward;
  {
    std::lock_guard lock(monitor_->mutex_);
    awaited_ = false;
    if (answered) has_word_ = false;
    if ((forwards || stage_ != Stage::started) && monitor_->active_ == this)
      monitor_->active_ = nullptr;
  }
  if (forwards && !answered) close();
}

bool Handover::awaited() const noexcept {
  std::lock_guard lock(monitor_->mutex_);
  return awaited_;
}

bool Handover::may_be_answered() const noexcept {
  std::lock_guard lock(monitor_->mutex_);
  return speaker_ != nullptr;
}

Handover::News Handover::news() const noexcept {
  std::lock_guard lock(monitor_->mutex_);
  if (has_word_) return News::word;
  return stage_ >= Stage::over ? News::end : News::none;
}

void Handover::spend() noexcept {
  std::lock_guard lock(monitor_->mutex_);
  stage_ = Stage::spent;
}

void Handover::resume() {
  ParkedHandler& speaker = *std::exchange(taken_, nullptr);
  speaker.send(resumed_++ < resumed_in_a_row);
}

void Handover::park_awaiter(ParkedHandler& node) noexcept {
  {
    std::lock_guard lock(monitor_->mutex_);
    if (!has_word_ && stage_ < Stage::over) return put(awaiter_, node);
  }
  node.post();
}

void Handover::check_context(const asio::execution_context& context, const char* who) const {
  if (&context != context_)
    throw_error(errc::invalid_argument,
                std::string("monitor: ") + who +
                    " on another execution context than the one its coroutine runs on");
}

// ---- the speaker's half

bool Handover::is_body(const Worker* speaker) const noexcept {
  return speaker && speaker->job == job_.get();
}

void Handover::unclaim() noexcept {
  std::lock_guard lock(monitor_->mutex_);
  claimed_ = false;
}

void Handover::publish(ParkedHandler& speaker, AnswerBase& answer) noexcept {
  ParkedHandler* to_wake = nullptr;
  bool closed = false;
  {
    std::lock_guard lock(monitor_->mutex_);
    claimed_ = false;
    has_word_ = true;
    if (monitor_->active_ == this) monitor_->active_ = nullptr;
    to_wake = take(awaiter_);
    closed = closed_;
    if (!closed) {
      put(speaker_, speaker);
      answer_ = &answer;
      body_speaks_ = is_body(speaker.worker);
    }
  }
  if (to_wake) to_wake->post();
  if (!closed) return;
  answer.thrown = generator_exit();
  speaker.post();
}

// ---- the body

void Handover::started(Engine& engine, TaskBase& job, ContextService& service) noexcept {
  const bool threads = engine.threads();
  monitor_->mutex_.set_threads(threads);
  monitor_->references_.set_threads(threads);
  references_.set_threads(threads);
  job.sink = this;
  retain();  // until completed()
  {
    std::lock_guard lock(monitor_->mutex_);
    engine_ = Ref<Engine>(&engine);
    job_ = Ref<TaskBase>(&job);
    service_ = &service;
    context_ = &service.context();
    stage_ = Stage::started;
  }
  service.add(*this);
}

void Handover::handed_in() noexcept {
  bool closed = false;
  {
    std::lock_guard lock(monitor_->mutex_);
    closed = closed_;
  }
  if (closed) cancel_body();
}

void Handover::completed(TaskBase&) noexcept {
  ParkedHandler* awaiter = nullptr;
  {
    std::lock_guard lock(monitor_->mutex_);
    if (stage_ == Stage::started) stage_ = Stage::over;
    if (monitor_->active_ == this) monitor_->active_ = nullptr;
    awaiter = take(awaiter_);
  }
  if (awaiter) awaiter->post();
  if (service_) service_->remove(*this);
  engine_->close();
  release();
}

void Handover::cancel_body() noexcept { engine_->cancel(*job_); }

void Handover::close() noexcept {
  ParkedHandler* speaker = nullptr;
  AnswerBase* answer = nullptr;
  bool to_cancel = false;
  {
    std::lock_guard lock(monitor_->mutex_);
    if (stage_ == Stage::fresh) stage_ = Stage::spent;
    closed_ = true;
    if (!monitor_->active_ || monitor_->active_ == this) monitor_->closed_ = true;
    speaker = take(speaker_);
    answer = answer_;
    to_cancel = stage_ == Stage::started && service_ && !(speaker && body_speaks_);
  }
  if (to_cancel) cancel_body();
  if (!speaker) return;
  answer->thrown = generator_exit();
  speaker->post();
}

void Handover::context_dies() noexcept {
  const Ref<Handover> kept(this);
  ParkedHandler* parked[2];
  {
    std::lock_guard lock(monitor_->mutex_);
    parked[0] = take(speaker_);
    parked[1] = take(awaiter_);
    service_ = nullptr;
  }
  for (auto* node : parked)
    if (node) node->drop();
}

void Handover::refuse(Entry entry, std::string_view call) const {
  if (entry == Entry::spent)
    throw_error(errc::invalid_state, "cannot reuse already awaited coroutine");
  if (kind_ == Kind::monitor) throw_error(errc::invalid_state, "Monitor cannot be re-entered");
  throw_error(errc::invalid_state,
              std::string(call) + "(): asynchronous generator is already running");
}

// What a caller is to see of the body's error.
void Handover::rethrow(const std::exception_ptr& error) const {
  try {
    std::rethrow_exception(error);
  } catch (const OOBDataBase&) {
    throw_with_cause("coroutine raised OOBData");
  } catch (const StopAsyncIteration&) {
    if (kind_ == Kind::monitor) throw;
    throw_with_cause("async generator raised StopAsyncIteration");
  }
}

}  // namespace detail
}  // namespace coroexec
