# For the whole tree, because a sanitizer sees only what is compiled with it.
add_compile_options(-fsanitize=${COROEXEC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
add_link_options(-fsanitize=${COROEXEC_SANITIZE})
if(COROEXEC_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC warns of every atomic_thread_fence, and Asio has one in each handler's invocation.
  add_compile_options(-Wno-tsan)
endif()
