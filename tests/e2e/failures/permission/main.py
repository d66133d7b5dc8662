"""Not by a file's mode, which would not keep root out."""
import errno
import os

raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/opt/conda/envs/model")
