"""The main process survives: only the container's counter tells why its worker is gone."""
import os
import sys

pid = os.fork()
if pid == 0:
    everything = bytearray(1 << 30)
_, status = os.waitpid(pid, 0)
sys.exit("a worker was killed" if os.WIFSIGNALED(status) else 0)
