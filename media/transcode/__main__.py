"""`python -m media.transcode HOST TAKE GIVE SSRC`: started by `media.transcode.work`."""

from __future__ import annotations

import sys

from media.transcode.child import main

if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
