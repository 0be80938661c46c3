// The engine's coroutines for the two executor types that nearly every program uses.
#define COROEXEC_BUILDING_ENGINE

#include "coroexec/detail/basic_engine.hpp"

namespace coroexec::detail {

template class COROEXEC_DECL BasicEngine<asio::any_io_executor>;
template class COROEXEC_DECL BasicEngine<asio::io_context::executor_type>;

}  // namespace coroexec::detail
