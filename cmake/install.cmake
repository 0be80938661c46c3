# Installs the library, its headers, the CMake package and a pkg-config file. All of it can be moved afterwards.
include(CMakePackageConfigHelpers)

install(TARGETS coroexec EXPORT coroexec-targets
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT coroexec-lib
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT coroexec-lib NAMELINK_COMPONENT coroexec-dev
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT coroexec-dev
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT coroexec-dev)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/coroexec)
install(EXPORT coroexec-targets NAMESPACE coroexec:: DESTINATION ${package_dir} COMPONENT coroexec-dev)
if(TARGET coroexec-nats)
  install(TARGETS coroexec-nats EXPORT coroexec-nats-targets
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT coroexec-nats-lib
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT coroexec-nats-lib NAMELINK_COMPONENT coroexec-nats-dev
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT coroexec-nats-dev
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT coroexec-nats-dev)
  install(EXPORT coroexec-nats-targets NAMESPACE coroexec:: DESTINATION ${package_dir} COMPONENT coroexec-nats-dev)
  install(FILES cmake/FindNATS.cmake DESTINATION ${package_dir} COMPONENT coroexec-nats-dev)
endif()
configure_package_config_file(
  cmake/coroexec-config.cmake.in ${PROJECT_BINARY_DIR}/coroexec-config.cmake INSTALL_DESTINATION ${package_dir})
# Until 1.0 a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/coroexec-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/coroexec-config.cmake ${PROJECT_BINARY_DIR}/coroexec-config-version.cmake
  DESTINATION ${package_dir} COMPONENT coroexec-dev)

# The prefix is found from where the .pc file lies, unless the folders were given as absolute ones. It requires no
# boost.pc, for there is none.
set(COROEXEC_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  file(RELATIVE_PATH COROEXEC_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" COROEXEC_PC_PREFIX "\${pcfiledir}/${COROEXEC_PC_PREFIX}")
endif()
foreach(folder LIBDIR INCLUDEDIR)
  cmake_path(APPEND COROEXEC_PC_${folder} "\${prefix}" ${CMAKE_INSTALL_${folder}})
endforeach()
if(NOT BUILD_SHARED_LIBS)
  set(COROEXEC_PC_CFLAGS " -DCOROEXEC_STATIC")
endif()
configure_file(cmake/coroexec.pc.in ${PROJECT_BINARY_DIR}/coroexec.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/coroexec.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT coroexec-dev)
if(TARGET coroexec-nats)
  if(NOT BUILD_SHARED_LIBS)
    set(COROEXEC_NATS_PC_CLIENT ", libnats")  # the C client, which the shared library links itself
  endif()
  configure_file(cmake/coroexec-nats.pc.in ${PROJECT_BINARY_DIR}/coroexec-nats.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/coroexec-nats.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT coroexec-nats-dev)
endif()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/coroexec COMPONENT coroexec-dev)
install(FILES tools/coroexec-gdb.py tools/coroexec-gdb-tree.py DESTINATION ${CMAKE_INSTALL_DATADIR}/coroexec COMPONENT coroexec-dev)
