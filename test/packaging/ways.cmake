# cmake -DWAY=name -P ways.cmake settings.cmake: one way to install or consume the library.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_ARGV4})
set(test_package ${source}/test_package)
set(nats_package ${CMAKE_CURRENT_LIST_DIR}/nats)
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

# fails("sentence" command...): it does not work, and says why in this sentence, however its lines are broken.
function(fails sentence)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(status EQUAL 0)
    message(FATAL_ERROR "it works")
  endif()
  string(REGEX REPLACE "[ \n]+" " " text "${text}")
  expect("${text}" "${sentence}")
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

# Installs what was built, then moves it: no path in it may be one of the build's or the installation's. Of Boost it
# asks for the headers only.
function(install_and_move from)
  set(components coroexec-lib coroexec-dev)
  if(with_nats)
    list(APPEND components coroexec-nats-lib coroexec-nats-dev)
  endif()
  foreach(component IN LISTS components)
    run(${CMAKE_COMMAND} --install ${from} --prefix ${folder}/first --component ${component})
  endforeach()
  file(RENAME ${folder}/first ${folder}/prefix)

  file(GLOB_RECURSE files ${folder}/prefix/*.cmake ${folder}/prefix/*.pc)
  foreach(file IN LISTS files)
    file(READ ${file} text)
    foreach(path ${source} ${from} ${folder})
      string(FIND "${text}" ${path} at)
      if(NOT at EQUAL -1)
        message(FATAL_ERROR "${file} names ${path}")
      endif()
    endforeach()
  endforeach()
  file(READ ${folder}/prefix/${libdir}/cmake/coroexec/coroexec-targets.cmake text)
  expect("${text}" "INTERFACE_LINK_LIBRARIES \"Boost::headers;Threads::Threads\"")
  file(READ ${folder}/prefix/${libdir}/pkgconfig/coroexec.pc text)
  if(text MATCHES "Requires")
    message(FATAL_ERROR "coroexec.pc asks for others: ${text}")
  endif()
  run(${CMAKE_COMMAND} -E compare_files ${source}/LICENSE ${folder}/prefix/share/licenses/coroexec/LICENSE)
endfunction()

function(by_find_package prefix)
  configure(${test_package} ${folder}/build ${prefix})
  run(${CMAKE_COMMAND} --build ${folder}/build)
  try_program(${folder}/build/test_package)
  if(with_nats)
    configure(${nats_package} ${folder}/build_nats ${prefix})
    run(${CMAKE_COMMAND} --build ${folder}/build_nats)
    try_program(${folder}/build_nats/program)
  endif()

  # Before 1.0 another minor version is another interface.
  foreach(wanted 0.0 0.99 1)
    find_package(coroexec ${wanted} CONFIG QUIET PATHS ${prefix}/${libdir}/cmake NO_DEFAULT_PATH)
    expect("${coroexec_FOUND}, considered ${coroexec_CONSIDERED_VERSIONS}" "^0, considered ${version}$")
    unset(coroexec_DIR CACHE)
  endforeach()
endfunction()

function(by_pkg_config prefix)
  compile_by_pkg_config(${prefix} coroexec ${test_package}/test_package.cpp)
  try_program(${folder}/coroexec)
  if(with_nats)
    compile_by_pkg_config(${prefix} coroexec-nats ${nats_package}/program.cpp)
    try_program(${folder}/coroexec-nats)
  endif()
endfunction()

# compile_by_pkg_config(prefix package program options...)
function(compile_by_pkg_config prefix package program)
  set(ENV{PKG_CONFIG_PATH} ${prefix}/${libdir}/pkgconfig)
  read(flags pkg-config --cflags --libs ${package})
  separate_arguments(flags UNIX_COMMAND "${flags}")
  file(MAKE_DIRECTORY ${folder})
  # Boost is wherever the user has it: there is no boost.pc to ask.
  list(TRANSFORM boost_includes PREPEND -I)
  run(${compiler} -std=c++20 ${ARGN} ${program} -o ${folder}/${package} ${boost_includes} ${flags})
  set(ENV{LD_LIBRARY_PATH} ${prefix}/${libdir})
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
    -DCOROEXEC_BUILD_TESTS=OFF -DCOROEXEC_BUILD_EXAMPLES=OFF -DCOROEXEC_BUILD_BENCH=OFF -DCOROEXEC_BUILD_DOCS=OFF)
  run(${CMAKE_COMMAND} --build ${folder}/build --parallel 2)
  install_and_move(${folder}/build)

elseif(WAY MATCHES "^find_package_(.*)")
  by_find_package(${scratch}/install_${CMAKE_MATCH_1}/prefix)

elseif(WAY MATCHES "^pkg_config_(.*)")
  by_pkg_config(${scratch}/install_${CMAKE_MATCH_1}/prefix)

elseif(WAY STREQUAL plugin)
  # The library comes with what is loaded into a running program, where there is less room for what it keeps per thread.
  compile_by_pkg_config(${scratch}/install_shared/prefix coroexec ${test_package}/test_package.cpp
    -shared -fPIC -Dmain=plugin_main)
  run(${compiler} ${CMAKE_CURRENT_LIST_DIR}/plugin_host.cpp -o ${folder}/host -ldl)
  try_program(${folder}/host ${folder}/coroexec)

elseif(WAY STREQUAL add_subdirectory)
  from_source(-DBUILD_SHARED_LIBS=ON)

elseif(WAY STREQUAL fetch_content)
  from_source(-DFETCH=ON)

elseif(WAY STREQUAL debian)
  make_debs(${scratch}/install_shared/build)
  string(REGEX MATCH "^[0-9]+\\.[0-9]+" abi_version ${version})
  take_deb(libcoroexec${abi_version} "libstdc\\+\\+6")
  take_deb(libcoroexec-dev "libcoroexec${abi_version} \\(= ${version}\\), libboost-dev \\(>= 1\\.81\\)")
  if(with_nats)
    take_deb(libcoroexec-nats${abi_version} "libcoroexec${abi_version} \\(= ${version}\\), .*libnats")
    take_deb(libcoroexec-nats-dev
      "libcoroexec-nats${abi_version} \\(= ${version}\\), libcoroexec-dev \\(= ${version}\\), libnats-dev")
  endif()
  by_find_package(${folder}/root/usr)
  if(EXISTS ${build}/example/fetch/coroexec-fetch)
    make_debs(${build} -D CPACK_COMPONENTS_ALL=coroexec-tools)
    take_deb(coroexec-tools "libssl")
    run(${folder}/root/usr/bin/coroexec-fetch --help)
  endif()

elseif(WAY STREQUAL wrong_environment)
  set(prefix ${scratch}/install_static/prefix)
  file(WRITE ${folder}/old/include/boost/version.hpp
    "#define BOOST_VERSION 107400\n#define BOOST_LIB_VERSION \"1_74\"\n")
  set(with_old_boost -DBOOST_ROOT=${folder}/old -DBoost_NO_BOOST_CMAKE=ON -DBoost_NO_SYSTEM_PATHS=ON)
  set(no_boost "coroexec needs the headers of Boost 1.81 or newer and found none: ")
  fails("${no_boost}run tools/install-deps.sh, or say where they are"
    ${CMAKE_COMMAND} -S ${source} -B ${folder}/source ${configure_options} ${with_old_boost})
  fails("${no_boost}say where they are by BOOST_ROOT"
    ${CMAKE_COMMAND} -S ${test_package} -B ${folder}/package ${configure_options} ${with_old_boost}
    -DCMAKE_PREFIX_PATH=${prefix})
  fails("The tests need GoogleTest and found none: run tools/install-deps.sh, or leave them out"
    ${CMAKE_COMMAND} -S ${source} -B ${folder}/without_gtest ${configure_options} -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON)

  # No CMake is asked when the flags are pkg-config's.
  set(compile ${compiler} -fsyntax-only -I${prefix}/include)
  fails("coroexec needs Boost 1.81 or newer"
    ${compile} -std=c++20 -I${folder}/old/include ${test_package}/test_package.cpp)
  fails("coroexec needs C\\+\\+20: compile with -std=c\\+\\+20" ${compile} -std=c++17 ${test_package}/test_package.cpp)

elseif(WAY STREQUAL abi)
  run(${python} ${source}/tools/abi.py ${scratch}/install_shared/prefix/${libdir}/libcoroexec.so)
  if(with_nats)
    run(${python} ${source}/tools/abi.py ${scratch}/install_shared/prefix/${libdir}/libcoroexec-nats.so)
  endif()

elseif(WAY STREQUAL recipes)
  # Conan and vcpkg are not to be had everywhere: here it is only seen that their files are whole and of this version, that
  # they switch off all that is not the library, and that what Conan takes along of the source is enough to configure it.
  file(READ ${source}/packaging/vcpkg/coroexec/vcpkg.json port)
  string(JSON port_version GET "${port}" version)
  expect("${port_version}" "^${version}$")
  file(COPY ${source}/conanfile.py ${test_package} DESTINATION ${folder})
  run(${python} -m py_compile ${folder}/conanfile.py ${folder}/test_package/conanfile.py)

  file(READ ${source}/CMakeLists.txt project)
  file(READ ${source}/conanfile.py recipe)
  file(READ ${source}/packaging/vcpkg/coroexec/portfile.cmake port)
  string(REGEX MATCHALL "COROEXEC_BUILD_[A-Z]+" options "${project}")
  list(REMOVE_DUPLICATES options)
  list(APPEND options COROEXEC_WITH_NATS)
  foreach(option IN LISTS options)
    expect("${recipe}" "\"${option}\"] = False")
    expect("${port}" "-D${option}=OFF")
  endforeach()
  list(TRANSFORM options REPLACE "(.+)" "-D\\1=OFF")

  string(REGEX MATCH "exports_sources = ([^\n]+)" exported "${recipe}")
  string(REGEX MATCHALL "[A-Za-z.]+" exported "${CMAKE_MATCH_1}")
  foreach(item IN LISTS exported)
    file(COPY ${source}/${item} DESTINATION ${folder}/exported)
  endforeach()
  configure(${folder}/exported ${folder}/build "" ${options})

else()
  message(FATAL_ERROR "no such way: ${WAY}")
endif()
