#include "coroexec/trace.hpp"

#include <charconv>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

#include "coroexec/detail/run_queue.hpp"
#include "coroexec/detail/worker.hpp"
#include "utf8.hpp"

namespace coroexec {
namespace {

const char* text_of(TaskState state) noexcept {
  return state == TaskState::succeeded ? "succeeded"
         : state == TaskState::failed  ? "failed"
                                       : "cancelled";
}

}  // namespace

// Under the mutex, each event is put together in the buffer, which goes to the stream when it is half full.
struct ChromeTrace::Writer {
  static constexpr std::size_t capacity = 64 * 1024;

  explicit Writer(std::ostream& stream) : out(stream) {
    buffer.reserve(capacity);
    buffer =
        "[\n{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"coroexec\"}}";
  }

  // An event, without its end.
  Writer& event(const char* phase, std::uint32_t track, Time time) {
    name_track(track);
    begin();
    raw("{\"ph\":\"")
        .raw(phase)
        .raw("\",\"pid\":1,\"tid\":")
        .number(track)
        .raw(",\"ts\":")
        .microseconds(time.time_since_epoch());
    return *this;
  }
  Writer& raw(std::string_view text) {
    buffer += text;
    return *this;
  }
  Writer& number(std::int64_t value) {
    char text[24];
    const auto end = std::to_chars(text, text + sizeof text, value);
    return raw({text, static_cast<std::size_t>(end.ptr - text)});
  }
  Writer& number(std::uint64_t value) { return number(static_cast<std::int64_t>(value)); }
  Writer& number(std::uint32_t value) { return number(static_cast<std::int64_t>(value)); }
  // With the nanoseconds behind the point.
  Writer& microseconds(std::chrono::nanoseconds time) {
    auto rest = time.count();
    if (rest < 0) raw("-"), rest = -rest;
    number(static_cast<std::int64_t>(rest / 1000)).raw(".");
    const auto fraction = static_cast<int>(rest % 1000);
    const char digits[] = {static_cast<char>('0' + fraction / 100),
                           static_cast<char>('0' + fraction / 10 % 10),
                           static_cast<char>('0' + fraction % 10)};
    return raw({digits, sizeof digits});
  }
  Writer& string(std::string_view text) {
    constexpr std::size_t longest = 4096;  // the buffer stays bounded
    constexpr const char* hex = "0123456789abcdef";
    raw("\"");
    for (text = text.substr(0, longest); !text.empty();) {
      const std::size_t length = detail::utf8_length(text);
      const char c = text.front();
      if (length == 0) raw("\\ufffd");
      else if (c == '"' || c == '\\') raw("\\").raw({&c, 1});
      else if (length == 1 && static_cast<unsigned char>(c) < 0x20)
        raw("\\u00").raw({hex + (c >> 4), 1}).raw({hex + (c & 15), 1});
      else raw(text.substr(0, length));
      text.remove_prefix(length == 0 ? 1 : length);
    }
    return raw("\"");
  }
  Writer& name_of(const TaskView& job) {
    raw(",\"name\":");
    if (!job.name.empty()) return string(job.name);
    switch (job.role) {
      case TaskRole::body: return raw("\"body\"");
      case TaskRole::input: return raw("\"input\"");
      case TaskRole::operation: return string(job.scope_kind);
      case TaskRole::job: break;
    }
    return raw("\"job ").number(job.id).raw("\"");
  }
  Writer& flow_of(const TaskView& job) {
    return raw(",\"cat\":\"flow\",\"name\":\"submitted\",\"id\":\"")
        .number(job.scope)
        .raw(".")
        .number(job.id)
        .raw("\"");
  }

  void begin() {
    if (buffer.size() > capacity / 2) flush();
    raw(",\n");
  }
  void name_track(std::uint32_t track) {
    if (track < named.size() && named[track]) return;
    if (track >= named.size()) named.resize(track + 1);
    named[track] = true;
    begin();
    raw("{\"ph\":\"M\",\"pid\":1,\"tid\":")
        .number(track)
        .raw(",\"name\":\"thread_name\",\"args\":{\"name\":\"");
    (track == 0 ? raw("no job") : raw("worker ").number(track)).raw("\"}}");
  }
  void flush() {
    if (!failed) out.write(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    failed = failed || !out;
    buffer.clear();
  }

  std::ostream& out;
  mutable std::mutex mutex;
  std::string buffer;
  std::vector<bool> named;  // tracks
  bool closed = false;
  bool failed = false;
};

ChromeTrace::ChromeTrace(std::ostream& out) : writer_(std::make_unique<Writer>(out)) {}
ChromeTrace::~ChromeTrace() { close(); }

bool ChromeTrace::failed() const noexcept {
  std::lock_guard lock(writer_->mutex);
  return writer_->failed;
}

// A stream that throws has failed.
void ChromeTrace::close() noexcept {
  std::lock_guard lock(writer_->mutex);
  if (std::exchange(writer_->closed, true)) return;
  try {
    writer_->raw("\n]\n");
    writer_->flush();
    if (!writer_->failed) writer_->out.flush();
    writer_->failed = writer_->failed || !writer_->out;
  } catch (...) {
    writer_->failed = true;
  }
}

void ChromeTrace::add(std::string_view name, Time began, Time ended,
                      std::initializer_list<Argument> arguments) noexcept {
  const detail::Worker* const worker = detail::current_worker();
  std::lock_guard lock(writer_->mutex);
  if (writer_->closed || writer_->failed) return;
  try {
    auto& writer = *writer_;
    writer.event("X", worker ? worker->number : 0, began)
        .raw(",\"dur\":")
        .microseconds(ended - began);
    writer.raw(",\"name\":").string(name).raw(",\"args\":{");
    const char* separator = "";
    for (auto& [key, value] : arguments) {
      writer.raw(std::exchange(separator, ",")).string(key).raw(":");
      if (auto* number = std::get_if<std::int64_t>(&value)) writer.number(*number);
      else writer.string(std::get<std::string_view>(value));
    }
    writer.raw("}}");
  } catch (...) {
    writer_->failed = true;
  }
}

void ChromeTrace::job_ended(const TaskView& job) noexcept {
  std::lock_guard lock(writer_->mutex);
  if (writer_->closed || writer_->failed) return;
  try {
    auto& writer = *writer_;
    if (job.worker == 0) {
      writer.event("i", job.submitter_worker, job.ended)
          .raw(",\"s\":\"t\",\"cat\":\"")
          .raw(text_of(job.state))
          .raw("\"");
      writer.name_of(job)
          .raw(",\"args\":{\"id\":")
          .number(job.id)
          .raw(",\"scope\":")
          .number(job.scope);
      writer.raw(",\"state\":\"").raw(text_of(job.state)).raw("\",\"started\":false}}");
      return;
    }
    writer.event("X", job.worker, job.started).raw(",\"dur\":").microseconds(job.running());
    writer.raw(",\"cat\":\"").raw(text_of(job.state)).raw("\"").name_of(job);
    writer.raw(",\"args\":{\"id\":")
        .number(job.id)
        .raw(",\"scope\":")
        .number(job.scope)
        .raw(",\"of\":");
    writer.string(job.scope_name.empty() ? job.scope_kind : job.scope_name);
    writer.raw(",\"state\":\"")
        .raw(text_of(job.state))
        .raw("\",\"queued_us\":")
        .microseconds(job.waiting());
    if (job.where.line != 0)
      writer.raw(",\"file\":").string(job.where.file).raw(",\"line\":").number(job.where.line);
    writer.raw("}}");
    if (job.submitter_worker == 0) return;
    writer.event("s", job.submitter_worker, job.queued).flow_of(job).raw("}");
    writer.event("f", job.worker, job.started).flow_of(job).raw(",\"bp\":\"e\"}");
  } catch (...) {
    writer_->failed = true;
  }
}

}  // namespace coroexec
