// Is this a build with a sanitizer? It has a heap of its own, and is several times slower.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COROEXEC_TEST_INSTRUMENTED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COROEXEC_TEST_INSTRUMENTED 1
#endif
#endif
