// What opening a source asks of streams.
#pragma once

#include "coroexec/nats/stream.hpp"
#include "link.hpp"

namespace coroexec::nats::detail {

asio::awaitable<StreamInfo> find_stream(std::shared_ptr<Link> link, std::string name);
void check_work_queue(const StreamInfo& info);  // throws wrong_stream

}  // namespace coroexec::nats::detail
