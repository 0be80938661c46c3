# Debian packages, made by `cpack` in the build folder: the shared library, what it takes to compile against it, and
# coroexec-fetch. A static build has no package of the first kind.
set(abi_version ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME coroexec)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# Who made the package, as Debian's own tools are told.
if(DEFINED ENV{DEBEMAIL})
  set(CPACK_DEBIAN_PACKAGE_MAINTAINER "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
else()
  set(CPACK_DEBIAN_PACKAGE_MAINTAINER "unknown packager <root@localhost>")
endif()

set(CPACK_COMPONENTS_ALL coroexec-dev)
set(CPACK_COMPONENT_COROEXEC-DEV_DESCRIPTION "${PROJECT_DESCRIPTION}: headers and what else a build needs")
set(CPACK_DEBIAN_COROEXEC-DEV_PACKAGE_NAME libcoroexec-dev)
set(CPACK_DEBIAN_COROEXEC-DEV_PACKAGE_SECTION libdevel)
# The first for a distribution whose own Boost is new enough, the second for Debian 12.
set(CPACK_DEBIAN_COROEXEC-DEV_PACKAGE_DEPENDS "libboost-dev (>= 1.81) | libboost1.81-dev")

if(TARGET coroexec-fetch)
  list(APPEND CPACK_COMPONENTS_ALL coroexec-tools)
  set(CPACK_COMPONENT_COROEXEC-TOOLS_DESCRIPTION "Fetches lists of URLs of any length with bounded concurrency")
  set(CPACK_DEBIAN_COROEXEC-TOOLS_PACKAGE_NAME coroexec-tools)
  set(CPACK_DEBIAN_COROEXEC-TOOLS_PACKAGE_SECTION web)
  set(CPACK_DEBIAN_COROEXEC-TOOLS_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_COROEXEC-TOOLS_PACKAGE_DEPENDS ca-certificates)
endif()

if(BUILD_SHARED_LIBS)
  list(APPEND CPACK_COMPONENTS_ALL coroexec-lib)
  set(CPACK_COMPONENT_COROEXEC-LIB_DESCRIPTION "${PROJECT_DESCRIPTION}")
  set(CPACK_DEBIAN_COROEXEC-LIB_PACKAGE_NAME libcoroexec${abi_version})
  set(CPACK_DEBIAN_COROEXEC-LIB_PACKAGE_SECTION libs)
  set(CPACK_DEBIAN_COROEXEC-LIB_PACKAGE_SHLIBDEPS ON)
  # dpkg does not know the library yet when it is asked what the program needs.
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/src)
  set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
  set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
  set(CPACK_COMPONENT_COROEXEC-DEV_DEPENDS coroexec-lib)
  set(CPACK_COMPONENT_COROEXEC-TOOLS_DEPENDS coroexec-lib)
endif()
# Debian wants the licence in every package, under this name.
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/package-copyright.cmake)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
include(CPack)
