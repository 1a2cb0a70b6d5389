#include "gpu/cuda/library.hpp"

#include <dlfcn.h>

namespace troupe::cuda {

Result<std::shared_ptr<Library>> Library::open(const std::string& name) {
  if (void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL))
    return std::shared_ptr<Library>(new Library(handle));
  const char* said = dlerror();
  return fail(
      {ErrorCode::not_found, std::string("can't be loaded: ") + (said ? said : "unknown reason"), name});
}
void* Library::symbol(const char* name) const noexcept { return dlsym(handle_, name); }

}  // namespace troupe::cuda
