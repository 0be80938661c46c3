// A program that knows nothing of the library and loads a plugin that uses it.
#include <dlfcn.h>

#include <cstdio>

int main(int, char** argv) {
  void* const plugin = dlopen(argv[1], RTLD_NOW);
  void* const entry = plugin ? dlsym(plugin, "_Z11plugin_mainv") : nullptr;
  if (!entry) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  return reinterpret_cast<int (*)()>(entry)();
}
