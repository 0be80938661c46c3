// Random pauses around every mutex of a program, so that its threads meet in orders they seldom meet in:
//
//   LD_PRELOAD=build/dev/test/shake/libcoroexec_shake.so build/dev/test/coroexec_tests --gtest_filter='*threads*'
//
// It takes the place of pthread_mutex_lock() and pthread_mutex_unlock(), as the loader of ELF systems lets it.
#include <dlfcn.h>
#include <pthread.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

namespace {

// Mostly nothing, often another thread's turn, sometimes a quarter of a millisecond, seldom two whole ones.
void shake() {
  static thread_local std::uint64_t random = 0;  // xorshift: no object that a thread would have to destroy
  if (random == 0)
    random = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) ^
             (std::hash<std::thread::id>()(std::this_thread::get_id()) | 1);
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  const auto chance = random >> 40 & 255;
  if (chance == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  else if (chance < 7)
    std::this_thread::sleep_for(std::chrono::nanoseconds(random >> 20 & 0x3ffff));
  else if (chance < 31)
    std::this_thread::yield();
}

using MutexFunction = int (*)(pthread_mutex_t*);

MutexFunction next(const char* name) { return reinterpret_cast<MutexFunction>(::dlsym(RTLD_NEXT, name)); }

}  // namespace

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  static const MutexFunction lock = next("pthread_mutex_lock");
  shake();
  return lock(mutex);
}

extern "C" int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  static const MutexFunction unlock = next("pthread_mutex_unlock");
  const int result = unlock(mutex);
  shake();
  return result;
}
