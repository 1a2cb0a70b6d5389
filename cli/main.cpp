#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "base/descriptor.hpp"
#include "cli/app.hpp"
#include "cli/signals.hpp"
#include "cli/wiring.hpp"

namespace {

troupe::Terminal real_terminal() {
  troupe::Terminal terminal{std::cout, std::cerr};
  const char* kind = std::getenv("TERM");
  const bool dumb = !kind || std::string(kind) == "dumb";
  terminal.redraw = isatty(STDOUT_FILENO) == 1 && !dumb;
  const char* no_color = std::getenv("NO_COLOR");
  terminal.color = terminal.redraw && !(no_color && *no_color);
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) terminal.width = size.ws_col;
  return terminal;
}

}  // namespace

int main(int argc, char** argv) {
  troupe::allow_many_descriptors();     // a head has eight open for each node
  troupe::SignalInterrupts interrupts;  // first: threads made later inherit the blocked signals
  const troupe::Services services = troupe::real_services(interrupts);
  return troupe::run_command({argv + 1, argv + argc}, services, real_terminal());
}
