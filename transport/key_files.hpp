#pragma once
// The files of a folder of keys: private ones are read and written so that nobody else ever can.
#include <filesystem>
#include <string>
#include <vector>

#include "base/descriptor.hpp"
#include "transport/keys.hpp"

namespace troupe {

namespace key_files {
inline constexpr const char* kAuthority = "ca.pem";
inline constexpr const char* kAuthorityKey = "ca.key";
inline constexpr const char* kPublic = "public.json";
inline std::string certificate(const std::string& name) { return name + ".pem"; }
inline std::string private_key(const std::string& name) { return name + ".key"; }
inline std::string curve(const std::string& name) { return name + ".curve"; }
}  // namespace key_files

/// A file that anyone may read. Errors: bad_config for what is not there, no plain file or too large; io.
Result<std::string> read_key_file(const std::filesystem::path& file);
/// The same for a private one: bad_config where the group or others may read or write it.
Result<Secret> read_private_file(const std::filesystem::path& file);

Result<void> write_public_file(const std::filesystem::path& file, const std::string& text);
/// Of mode 0600 from its first byte on; whole or absent.
Result<void> write_private_file(const std::filesystem::path& file, const Secret& text);

/// Makes the folder, of mode 0700; an empty one that is there is given this mode.
Result<void> make_key_folder(const std::filesystem::path& folder);
/// Errors: bad_config where it is no folder, or one that others may write to.
Result<void> check_key_folder(const std::filesystem::path& folder);

/// One process at a time changes a folder; ends with the descriptor.
Result<Descriptor> lock_key_folder(const std::filesystem::path& folder);

/// What a folder holds, apart from folders of keys that were replaced.
struct KeyEntries {
  std::vector<std::string> keys;    // names of files of ours
  std::vector<std::string> others;  // names of what is none of ours
};
Result<KeyEntries> entries_of(const std::filesystem::path& folder);
/// Moves these files to a new folder inside; returns it.
Result<std::filesystem::path> set_aside(const std::filesystem::path& folder,
                                        const std::vector<std::string>& names, double now);

}  // namespace troupe
