import sys

print("reading everything at once", file=sys.stderr, flush=True)
everything = bytearray(1 << 30)
