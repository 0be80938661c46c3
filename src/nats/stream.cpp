// Streams.
#include "coroexec/nats/stream.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>
#include <utility>

#include "api.hpp"
#include "coroexec/error.hpp"
#include "streams.hpp"

namespace coroexec::nats {
namespace {

namespace json = boost::json;
using namespace detail;

StreamInfo to_info(const json::object& object) {
  const auto& config = object_at(object, "config");
  StreamInfo info;
  info.name = text_at(config, "name");
  if (const auto* subjects = config.if_contains("subjects"); subjects && subjects->is_array())
    info.subjects = json::value_to<std::vector<std::string>>(*subjects);
  info.retention = text_at(config, "retention");
  info.messages = static_cast<std::uint64_t>(number_at(object_at(object, "state"), "messages"));
  info.replicas = static_cast<std::size_t>(number_at(config, "num_replicas"));
  return info;
}

asio::awaitable<StreamInfo> make(std::shared_ptr<Link> link, std::string name, std::string body) {
  auto answer = co_await ask(link, "STREAM.INFO." + name, "");
  if (answer.failed() && answer.error.code == stream_not_found)
    answer = co_await ask(link, "STREAM.CREATE." + name, std::move(body));
  if (answer.failed())
    throw_error(errc::refused, "cannot make stream " + name + " at " + link->settings().shown + ": " + answer.error.text);
  auto info = to_info(answer.object);
  check_work_queue(info);
  co_return info;
}

}  // namespace

asio::awaitable<StreamInfo> detail::find_stream(std::shared_ptr<Link> link, std::string name) {
  const auto answer = co_await ask(link, "STREAM.INFO." + name, "");
  if (answer.failed() && answer.error.code == stream_not_found)
    throw_error(errc::no_stream, "there is no stream " + name + " at " + link->settings().shown);
  if (answer.failed())
    throw_error(errc::refused, "cannot ask for stream " + name + " at " + link->settings().shown + ": " + answer.error.text);
  co_return to_info(answer.object);
}

void detail::check_work_queue(const StreamInfo& info) {
  if (info.retention != "workqueue")
    throw_error(errc::wrong_stream, "stream " + info.name + " is no work queue: its retention policy is " +
                                        info.retention + ", and has to be workqueue");
}

asio::awaitable<StreamInfo> stream_info(const Connection& connection, std::string_view name) {
  check_name("stream", name);
  return find_stream(Access::link(connection), std::string(name));
}

asio::awaitable<StreamInfo> make_work_queue(const Connection& connection, StreamOptions options) {
  check_name("stream", options.name);
  json::array subjects;
  for (std::string_view rest = options.subjects; !rest.empty();) {
    const auto comma = std::min(rest.find(','), rest.size());
    subjects.emplace_back(json::string(rest.data(), comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  const std::string name(options.name);
  if (subjects.empty()) subjects.emplace_back(json::string(name));
  const json::object config = {{"name", name},
                               {"subjects", std::move(subjects)},
                               {"retention", "workqueue"},
                               {"storage", options.in_memory ? "memory" : "file"},
                               {"num_replicas", options.replicas},
                               {"duplicate_window", options.duplicates.count()},
                               {"discard", "new"}};
  return make(Access::link(connection), name, json::serialize(config));
}

}  // namespace coroexec::nats
