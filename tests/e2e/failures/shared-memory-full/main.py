"""What a data loader does: a file in /dev/shm gets its size without its memory, which is then missing when it is written to."""
import mmap
import os

file = os.open("/dev/shm/batch", os.O_RDWR | os.O_CREAT)
os.ftruncate(file, 4 << 20)
batch = mmap.mmap(file, 4 << 20)
for at in range(0, 4 << 20, mmap.PAGESIZE):
    batch[at] = 1
