// The decision behind --per-host: which line may start now, and which has to wait for its host. No
// I/O. A line that waits does not hold up lines of other hosts that come after it.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace fetch {

template <class Item>
class HostSlots {
 public:
  // At most `per_host` items of one host are out at once, 0 being no limit; at most `max_parked`
  // wait.
  HostSlots(std::size_t per_host, std::size_t max_parked)
      : per_host_(per_host), max_parked_(max_parked) {}

  bool limited() const { return per_host_ != 0; }
  bool has_room() const { return parked_ < max_parked_; }
  bool empty() const { return parked_ == 0; }

  // The item back if its host has a free slot, which it then holds; nothing if it is parked.
  std::optional<Item> admit(const std::string& host, Item item) {
    if (!limited()) return item;
    Host& state = hosts_[host];
    if (state.used < per_host_) {
      ++state.used;
      return item;
    }
    state.parked.push_back(std::move(item));
    ++parked_;
    return std::nullopt;
  }

  // Gives a slot of the host back, to its longest parked item if there is one.
  void release(const std::string& host) {
    if (!limited()) return;
    const auto found = hosts_.find(host);
    Host& state = found->second;
    if (!state.parked.empty()) {
      ready_.push_back(std::move(state.parked.front()));
      state.parked.pop_front();
    } else if (--state.used == 0) {
      hosts_.erase(found);
    }
  }

  // Forgets what waits; it will not start any more.
  void drop_parked() {
    for (auto& [host, state] : hosts_) state.parked.clear();
    ready_.clear();
    parked_ = 0;
  }

  // A parked item that has got its slot.
  std::optional<Item> take_ready() {
    if (ready_.empty()) return std::nullopt;
    std::optional<Item> item(std::move(ready_.front()));
    ready_.pop_front();
    --parked_;
    return item;
  }

 private:
  struct Host {
    std::size_t used = 0;
    std::deque<Item> parked;
  };

  std::size_t per_host_;
  std::size_t max_parked_;
  std::size_t parked_ = 0;  // those in ready_ included
  std::map<std::string, Host> hosts_;
  std::deque<Item> ready_;
};

}  // namespace fetch
