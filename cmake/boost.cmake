# Only Boost's headers are linked: Asio and Boost.System need no library, and naming a component
# would fail where the headers alone are installed.
find_package(Threads REQUIRED)
if(NOT BOOST_ROOT AND NOT DEFINED ENV{BOOST_ROOT})
  find_package(Boost 1.81 QUIET CONFIG)
endif()
if(NOT Boost_FOUND)
  # BOOST_ROOT, which may name an unpacked archive, or a Boost packaged without its CMake files.
  if(POLICY CMP0167)
    cmake_policy(SET CMP0167 OLD)
  endif()
  find_package(Boost 1.81 QUIET MODULE)
endif()
if(NOT Boost_FOUND)
  message(FATAL_ERROR "coroexec needs the headers of Boost 1.81 or newer and found none: "
    "run tools/install-deps.sh, or say where they are by BOOST_ROOT or CMAKE_PREFIX_PATH.")
endif()
if(PROJECT_IS_TOP_LEVEL)
  message(STATUS "Boost ${Boost_VERSION}: ${Boost_INCLUDE_DIRS}")
endif()
