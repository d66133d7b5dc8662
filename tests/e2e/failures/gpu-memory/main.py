"""What PyTorch raises, by its name and with its words."""


class OutOfMemoryError(RuntimeError):
    pass


OutOfMemoryError.__module__ = "torch"
raise OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 14.58 GiB of which 1.03 GiB is free. Including "
    "non-PyTorch memory, this process has 13.54 GiB memory in use. Of the allocated memory 12.97 GiB is allocated by PyTorch, and "
    "461.17 MiB is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting "
    "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.")
