"""`python -m media.worker FD`: the worker process; started by `media.worker.process` only."""

import sys

from media.worker.child import main

main(int(sys.argv[1]))
