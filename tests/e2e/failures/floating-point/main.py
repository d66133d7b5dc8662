"""A division by zero in native code; where a CPU lets it pass, what the kernel would have sent."""
import ctypes
import mmap
import os
import platform
import signal

DIVIDE = {"x86_64": b"\x31\xc9\x31\xd2\xf7\xf1\xc3"}  # xor ecx, ecx; xor edx, edx; div ecx; ret
code = DIVIDE.get(platform.machine())
if code is None:
    os.kill(os.getpid(), signal.SIGFPE)
page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)
ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
