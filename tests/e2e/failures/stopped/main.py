import signal
import sys

print("epoch 3", file=sys.stderr, flush=True)
while True:
    signal.pause()
