# cmake -DWAY=name -P ways.cmake settings.cmake: one way to install or consume the library.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_ARGV4})
set(test_package ${source}/test_package)
set(folder ${scratch}/${WAY})
file(REMOVE_RECURSE ${folder})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# read(VARIABLE command...): what the command prints.
function(read variable)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(${variable} "${text}" PARENT_SCOPE)
endfunction()

function(expect text pattern)
  if(NOT text MATCHES "${pattern}")
    message(FATAL_ERROR "expected ${pattern} in: ${text}")
  endif()
endfunction()

# The program that was built says that it works, and it was compiled with the headers of this version.
function(try_program)
  read(text ${ARGN})
  message("${text}")
  expect("${text}" "^coroexec ${version} works$")
endfunction()

# configure(source build prefix options...)
function(configure from to prefix)
  set(prefixes ${prefix} ${prefix_path})
  cmake_path(CONVERT "${prefixes}" TO_NATIVE_PATH_LIST prefixes)
  set(ENV{CMAKE_PREFIX_PATH} "${prefixes}")
  run(${CMAKE_COMMAND} -S ${from} -B ${to} ${configure_options} ${ARGN})
endfunction()

# Installs what was built, then moves it: no path in it may be one of the build's or the installation's.
function(install_and_move from)
  foreach(component coroexec-lib coroexec-dev)
    run(${CMAKE_COMMAND} --install ${from} --prefix ${folder}/first --component ${component})
  endforeach()
  file(RENAME ${folder}/first ${folder}/prefix)
endfunction()

function(by_find_package prefix)
  configure(${test_package} ${folder}/build ${prefix})
  run(${CMAKE_COMMAND} --build ${folder}/build)
  try_program(${folder}/build/test_package)

  # Before 1.0 another minor version is another interface.
  foreach(wanted 0.0 0.99 1)
    find_package(coroexec ${wanted} CONFIG QUIET PATHS ${prefix}/${libdir}/cmake NO_DEFAULT_PATH)
    expect("${coroexec_FOUND}, considered ${coroexec_CONSIDERED_VERSIONS}" "^0, considered ${version}$")
    unset(coroexec_DIR CACHE)
  endforeach()
endfunction()

function(by_pkg_config prefix)
  set(ENV{PKG_CONFIG_PATH} ${prefix}/${libdir}/pkgconfig)
  read(flags pkg-config --cflags --libs coroexec)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  file(MAKE_DIRECTORY ${folder})
  # Boost is wherever the user has it: there is no boost.pc to ask.
  list(TRANSFORM boost_includes PREPEND -I)
  run(${compiler} -std=c++20 ${test_package}/test_package.cpp -o ${folder}/program ${boost_includes} ${flags})
  set(ENV{LD_LIBRARY_PATH} ${prefix}/${libdir})
  try_program(${folder}/program)
endfunction()

function(from_source)
  configure(${CMAKE_CURRENT_LIST_DIR}/from_source ${folder} "" -DCOROEXEC=${source} ${ARGN})
  run(${CMAKE_COMMAND} --build ${folder} --parallel 2)
  try_program(${folder}/program)
endfunction()

# make_debs(build options...)
function(make_debs from)
  run(${CMAKE_COMMAND} -E chdir ${from} ${CMAKE_CPACK_COMMAND} -G DEB -B ${folder}/made ${ARGN})
endfunction()

# take_deb(package dependency): unpacks it and looks into it.
function(take_deb package dependency)
  file(GLOB deb ${folder}/made/${package}_${version}_*.deb)
  read(depends dpkg-deb -f ${deb} Depends)
  expect("${package}: ${depends}" "${dependency}")
  run(dpkg-deb -x ${deb} ${folder}/root)
  if(NOT EXISTS ${folder}/root/usr/share/doc/${package}/copyright)
    message(FATAL_ERROR "${package} has no licence")
  endif()
endfunction()

if(WAY STREQUAL install_static)
  install_and_move(${build})

elseif(WAY STREQUAL install_shared)
  configure(${source} ${folder}/build "" -DBUILD_SHARED_LIBS=ON -DCMAKE_INSTALL_LIBDIR=${libdir}
    -DCOROEXEC_BUILD_TESTS=OFF -DCOROEXEC_BUILD_EXAMPLES=OFF -DCOROEXEC_BUILD_BENCH=OFF)
  run(${CMAKE_COMMAND} --build ${folder}/build --parallel 2)
  install_and_move(${folder}/build)

elseif(WAY MATCHES "^find_package_(.*)")
  by_find_package(${scratch}/install_${CMAKE_MATCH_1}/prefix)

elseif(WAY MATCHES "^pkg_config_(.*)")
  by_pkg_config(${scratch}/install_${CMAKE_MATCH_1}/prefix)

elseif(WAY STREQUAL add_subdirectory)
  from_source(-DBUILD_SHARED_LIBS=ON)

elseif(WAY STREQUAL fetch_content)
  from_source(-DFETCH=ON)

elseif(WAY STREQUAL debian)
  make_debs(${scratch}/install_shared/build)
  string(REGEX MATCH "^[0-9]+\\.[0-9]+" abi_version ${version})
  take_deb(libcoroexec${abi_version} "libstdc\\+\\+6")
  take_deb(libcoroexec-dev "libcoroexec${abi_version} \\(= ${version}\\), libboost-dev \\(>= 1\\.81\\)")
  by_find_package(${folder}/root/usr)
  if(EXISTS ${build}/example/fetch/coroexec-fetch)
    make_debs(${build} -D CPACK_COMPONENTS_ALL=coroexec-tools)
    take_deb(coroexec-tools "libssl")
    run(${folder}/root/usr/bin/coroexec-fetch --help)
  endif()

elseif(WAY STREQUAL abi)
  run(${python} ${source}/tools/abi.py ${scratch}/install_shared/prefix/${libdir}/libcoroexec.so)

elseif(WAY STREQUAL recipes)
  # Conan and vcpkg are not to be had everywhere: here it is only seen that their files are whole and of this version.
  file(READ ${source}/packaging/vcpkg/coroexec/vcpkg.json port)
  string(JSON port_version GET "${port}" version)
  expect("${port_version}" "^${version}$")
  file(COPY ${source}/conanfile.py ${test_package} DESTINATION ${folder})
  run(${python} -m py_compile ${folder}/conanfile.py ${folder}/test_package/conanfile.py)

else()
  message(FATAL_ERROR "no such way: ${WAY}")
endif()
