"""What launchers do: the program proper is a child, and its end the launcher's exception."""
import subprocess
import sys

subprocess.run([sys.executable, "train.py"], check=True)
