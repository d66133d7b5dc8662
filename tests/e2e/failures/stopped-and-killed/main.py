"""Does not listen."""
import signal

signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("epoch 3", flush=True)
while True:
    signal.pause()
