import os
import signal
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(1_000):
    if not os.fork():
        break
while True:
    time.sleep(1_000)
