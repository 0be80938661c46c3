# coroexec_warnings(target): the warnings our own code is held to. Boost's headers are system headers and exempt.
function(coroexec_warnings target)
  if(MSVC)
    return()
  endif()
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC takes the coroutine frames that Asio allocates by a matching pair of its own for a mismatch, once inlined.
    target_compile_options(${target} PRIVATE -Wno-mismatched-new-delete)
    if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
      # GCC 12 sees overlaps and overflows in its own std::string where `"literal" + string` is inlined.
      target_compile_options(${target} PRIVATE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
    endif()
  endif()
  if(COROEXEC_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
