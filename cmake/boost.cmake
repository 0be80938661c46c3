# Only Boost's headers are linked: Asio and Boost.System need no library, and naming a component
# would fail where the headers alone are installed.
find_package(Threads REQUIRED)
find_package(Boost 1.81 QUIET CONFIG)
if(NOT Boost_FOUND)
  # A Boost unpacked from its archive, or packaged without its CMake files.
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
