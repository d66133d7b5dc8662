"""What assert() of C does."""
import ctypes

ctypes.CDLL(None).__assert_fail(b"rows > 0", b"model.c", 17, b"fit")
