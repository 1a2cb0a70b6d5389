"""Commands that are stopped with all that they started, once their time or the whole check's is over."""
import os
import signal
import subprocess
import time

SECONDS = 540  # for everything; what was found until then is reported


class Clock:
    def __init__(self, seconds=SECONDS):
        self.seconds, self.start, self.spent = seconds, time.monotonic(), {}

    def left(self):
        return max(1.0, self.seconds - (time.monotonic() - self.start))

    def run(self, name, command, limit=None, **options):
        """(exit code, output); 124 where its time, or that of everything, was over."""
        begun, seconds = time.monotonic(), min(self.left(), limit or self.left())
        # a group of its own: what it started ends with it
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                 start_new_session=True, **options)
        try:
            output = child.communicate(timeout=seconds)[0]
            return child.returncode, output
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            return 124, child.communicate()[0] + f"\nstopped: its {seconds:.0f} s are over"
        except KeyboardInterrupt:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            self.spent[name] = round(self.spent.get(name, 0) + time.monotonic() - begun, 1)
