// Symbol visibility of the component, and what all of its headers use.
#pragma once

#include "coroexec/config.hpp"

#if defined(COROEXEC_STATIC)
#define COROEXEC_NATS_DECL
#elif defined(_WIN32)
#if defined(COROEXEC_NATS_BUILDING)
#define COROEXEC_NATS_DECL __declspec(dllexport)
#else
#define COROEXEC_NATS_DECL __declspec(dllimport)
#endif
#else
#define COROEXEC_NATS_DECL __attribute__((visibility("default")))
#endif

namespace coroexec::nats {
namespace asio = boost::asio;
}  // namespace coroexec::nats
