#include "actors/plugin.hpp"

#include <dlfcn.h>

#include <filesystem>

namespace troupe {

Result<std::map<std::string, ProgramFactory>> load_plugin(const std::filesystem::path& library) {
  std::error_code ec;
  if (!std::filesystem::exists(library, ec))
    return fail({.code = ErrorCode::not_found,
                 .what = "the plugin is not there",
                 .where = library.string(),
                 .hint = "build it first, or mend `plugin` in the job's file"});
  // never closed: programs and their code live as long as the process
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr)
    return fail({.code = ErrorCode::bad_data,
                 .what = std::string("the plugin cannot be loaded: ") + ::dlerror(),
                 .where = library.string()});
  const auto version = reinterpret_cast<const char* (*)()>(::dlsym(handle, "troupe_plugin_version"));
  const auto add = reinterpret_cast<void (*)(KindRegistry&)>(::dlsym(handle, "troupe_plugin_register"));
  if (version == nullptr || add == nullptr)
    return fail({.code = ErrorCode::bad_data,
                 .what = "the library is no troupe plugin",
                 .where = library.string(),
                 .hint = "it must define TROUPE_PLUGIN(registry) { … } once"});
  if (std::string(version()) != kVersion)
    return fail({.code = ErrorCode::wrong_version,
                 .what = "the plugin was built against another troupe",
                 .where = library.string(),
                 .given = version(),
                 .allowed = kVersion,
                 .hint = "build it again"});
  KindRegistry registry;
  add(registry);
  return registry.kinds();
}

}  // namespace troupe
