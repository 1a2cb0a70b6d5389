#pragma once
// ZIP archives as torch.jit.save writes them, and as it never would.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace troupe::test {

class Archive {
 public:
  /// What the directory claims of a record beside the truth.
  struct Lie {
    std::int64_t size = -1;
    int method = 0, flags = 0;
  };
  Archive& add(const std::string& name, const std::string& bytes, Lie lie) {
    const std::string sizes = number(bytes.size(), 4) + number(bytes.size(), 4);
    const std::string claimed = lie.size < 0 ? sizes : number(lie.size, 4) + number(lie.size, 4);
    directory_ += "PK\x01\x02" + number(0, 4) + number(lie.flags, 2) + number(lie.method, 2) + number(0, 8) +
                  claimed + number(name.size(), 2) + number(0, 2 + 2 + 2 + 2 + 4) + number(file_.size(), 4) +
                  name;
    file_ += "PK\x03\x04" + number(0, 2 + 2 + 2 + 4 + 4) + sizes + number(name.size(), 2) + number(0, 2) +
             name + bytes;
    ++count_;
    return *this;
  }
  Archive& add(const std::string& name, const std::string& bytes) { return add(name, bytes, Lie()); }
  /// A network that does nothing.
  static Archive plain() {
    Archive a;
    a.add("net/version", "3\n").add("net/constants.pkl", tuple()).add("net/data.pkl", tuple());
    return a.add("net/code/__torch__.py", "class M(Module):\n  def forward(self, x):\n    return x\n");
  }
  static std::string tuple() { return "\x80\x02)."; }
  std::string text() const {
    return file_ + directory_ + "PK\x05\x06" + number(0, 4) + number(count_, 2) + number(count_, 2) +
           number(directory_.size(), 4) + number(file_.size(), 4) + number(0, 2);
  }

 private:
  static std::string number(std::uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(i < 8 ? value >> (8 * i) & 0xff : 0);
    return out;
  }
  std::string file_, directory_;
  std::uint64_t count_ = 0;
};

}  // namespace troupe::test
