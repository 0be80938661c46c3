// Version, symbol visibility and the two namespace aliases every other header uses.
#pragma once

#if __cplusplus < 202002L && !defined(_MSC_VER)
#error "coroexec needs C++20: compile with -std=c++20 or newer"
#endif

#include <boost/version.hpp>

#if BOOST_VERSION < 108100
#error "coroexec needs Boost 1.81 or newer"
#endif

// The version of the headers. Until 1.0 a minor version may change the interface.
#define COROEXEC_VERSION_MAJOR 0
#define COROEXEC_VERSION_MINOR 1
#define COROEXEC_VERSION_PATCH 0

#if defined(COROEXEC_STATIC)
#define COROEXEC_DECL
#elif defined(_WIN32)
#if defined(COROEXEC_BUILDING)
#define COROEXEC_DECL __declspec(dllexport)
#else
#define COROEXEC_DECL __declspec(dllimport)
#endif
#else
#define COROEXEC_DECL __attribute__((visibility("default")))
#endif

// Of what gives an awaitable that somebody forgets to await.
#define COROEXEC_AWAITED [[nodiscard("coroexec: nothing happens until it is awaited")]]

namespace boost::asio {}

namespace coroexec {
namespace asio = boost::asio;
}  // namespace coroexec
