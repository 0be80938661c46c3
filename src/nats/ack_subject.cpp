// Taking the subject apart.
#include "ack_subject.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

namespace coroexec::nats::detail {

std::optional<AckSubject> parse_ack_subject(std::string_view subject) {
  std::vector<std::string_view> tokens;
  for (std::size_t begin = 0; begin <= subject.size();) {
    const auto end = std::min(subject.find('.', begin), subject.size());
    tokens.push_back(subject.substr(begin, end - begin));
    begin = end + 1;
  }
  const bool older = tokens.size() == 9;
  if ((!older && tokens.size() < 11) || tokens[0] != "$JS" || tokens[1] != "ACK") return std::nullopt;
  const auto* token = &tokens[older ? 2 : 4];
  AckSubject parsed{token[0], token[1]};
  const auto number = [](std::string_view text, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  };
  if (!number(token[2], parsed.deliveries) || !number(token[3], parsed.sequence)) return std::nullopt;
  return parsed;
}

}  // namespace coroexec::nats::detail
