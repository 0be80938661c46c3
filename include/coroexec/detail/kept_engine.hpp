// Where a task of no scope runs: an engine that the context keeps for the executor, made when first
// needed, closed with the context.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <string_view>

#include "coroexec/detail/basic_engine.hpp"

namespace coroexec::detail {

struct KeptKey {
  KeptKind kind;
  const void* type;  // stands for the type of the executor
  bool threads;
  asio::any_io_executor executor;
  bool operator==(const KeptKey&) const = default;
};

using MakeKept = Ref<Engine> (*)(const KeptKey&);

COROEXEC_DECL Ref<Engine> kept_engine_for(KeptKey key, MakeKept make);
COROEXEC_DECL Ref<Engine> kept_engine_of_caller(KeptKind kind, const void* type, std::string_view who,
                                                MakeKept make);

template <class Ex>
inline constexpr char executor_type_mark = 0;

template <class Ex>
Ref<Engine> make_kept(const KeptKey& key) {
  EngineConfig config;
  config.max_active = unlimited;
  config.policy = ErrorPolicy::suppress;
  config.kept = key.kind;
  config.threading = key.threads ? Threading::multi : Threading::single;
  config.kind = key.kind == KeptKind::tasks ? "the context" : "CoroStart";
  if constexpr (std::is_same_v<Ex, asio::any_io_executor>) {
    return BasicEngine<Ex>::make(key.executor, config);
  } else {
    const Ex* executor = key.executor.template target<Ex>();
    if (!executor)
      throw_error(errc::invalid_state,
                  "a coroutine of one executor type was to be started in a job of another; give the executor");
    return BasicEngine<Ex>::make(*executor, config);
  }
}

// The caller's job's executor, or one that is given; `who` is for the text of the error.
template <class Ex>
class Home {
 public:
  explicit Home(std::string_view who) noexcept : who_(who) {}
  Home(std::string_view who, const Ex& given) noexcept : who_(who), given_(&given) {}

  Ref<BasicEngine<Ex>> engine(KeptKind kind = KeptKind::tasks) const {
    const void* type = &executor_type_mark<Ex>;
    Ref<Engine> engine;
    if (!given_) {
      engine = kept_engine_of_caller(kind, type, who_, &make_kept<Ex>);
    } else {
      const bool threads =
          kind == KeptKind::gates || !single_threaded(*given_, Threading::automatic);
      engine = kept_engine_for({kind, type, threads, base_executor(*given_)}, &make_kept<Ex>);
    }
    return Ref<BasicEngine<Ex>>::adopt(static_cast<BasicEngine<Ex>*>(engine.leak()));
  }

 private:
  std::string_view who_;
  const Ex* given_ = nullptr;
};

}  // namespace coroexec::detail
