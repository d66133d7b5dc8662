"""Images that stand for public ones that no test can reach: Debian with what matters of them. What is said of the public images themselves is in the
README of each folder of base-images, with where it comes from."""
import base64

import bases
from jobs import REPOSITORY

TOOLKIT = REPOSITORY / "tests/bench/run/requirements.txt"  # sagemaker-training and all that it needs, pinned


def file(path, text, mode=0o644):
    """A line of a Dockerfile that writes a file."""
    content = base64.b64encode(text.lstrip().encode()).decode()
    return f"RUN mkdir -p {path.rsplit('/', 1)[0] or '/'} && echo {content} | base64 -d >{path} && chmod {mode:o} {path}"


def packages(*names):
    return f"RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends {' '.join(names)} >/dev/null && apt-get clean && rm -rf /var/lib/apt/lists/*"


def python():
    """For python:3.12-slim: pip may install into the interpreter's own folders, and `python` is one of its names."""
    return bases.derived("python", "\n".join([
        packages("python3-pip"),
        "RUN rm /usr/lib/python3*/EXTERNALLY-MANAGED && ln -s python3 /usr/bin/python",
    ]))


NVIDIA_ENTRYPOINT = """
#!/bin/bash
# Shows or reads the parts beside it, in order, then becomes what it was given, or a shell.
for part in "$(dirname "$0")"/entrypoint.d/*; do
	case $part in
	*.txt) cat "$part" ;;
	*.sh) source "$part" ;;
	esac
done
echo
[[ $# -gt 0 ]] || exec /bin/bash
exec "$@"
"""


def cuda():
    """For nvidia/cuda: the entrypoint prints a banner, and one of its parts puts the compatibility libraries before all others."""
    compat = 'export LD_LIBRARY_PATH="/usr/local/cuda/compat${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\n'
    return bases.derived("cuda", "\n".join([
        file("/opt/nvidia/nvidia_entrypoint.sh", NVIDIA_ENTRYPOINT, 0o755),
        file("/opt/nvidia/entrypoint.d/10-banner.txt", "the banner\n"),
        file("/opt/nvidia/entrypoint.d/50-compat.sh", compat),
        'ENTRYPOINT ["/opt/nvidia/nvidia_entrypoint.sh"]',
    ]))


START_WITH_RIGHT_HOSTNAME = """
#!/usr/bin/env bash
# For a training job: a library that answers gethostname() with the job's name of this host, compiled now; then whichever `train` is first in PATH.
if [[ $1 = train ]]; then
	host=$(jq .current_host /opt/ml/input/config/resourceconfig.json)
	printf '#include <string.h>\\nint gethostname(char *name, size_t size) { strncpy(name, %s, size); return 0; }\\n' "$host" >/changehostname.c
	gcc -shared -fPIC -o /libchangehostname.so /changehostname.c
	LD_PRELOAD=/libchangehostname.so train
else
	eval "$@"
fi
"""


def pytorch_dlc():
    """For AWS's Deep Learning Container: /opt/conda/bin first in PATH, and in it the toolkit's `train` (the real one, from PyPI); AWS's kind of entrypoint."""
    return bases.derived("pytorch-dlc", "\n".join([
        packages("python3-venv", "python3-dev", "gcc", "libc6-dev", "jq"),
        file("/opt/requirements.txt", TOOLKIT.read_text()),
        "RUN python3 -m venv /opt/conda && /opt/conda/bin/pip install -q --no-cache-dir -r /opt/requirements.txt",
        file("/usr/local/bin/start_with_right_hostname.sh", START_WITH_RIGHT_HOSTNAME, 0o755),
        'ENV PATH="/opt/conda/bin:$PATH"',
        'ENTRYPOINT ["bash", "-m", "start_with_right_hostname.sh"]',
        'CMD ["/bin/bash"]',
    ]))
