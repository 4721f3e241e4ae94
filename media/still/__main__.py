"""`python -m media.still`: one process that decodes pictures; started by `media.still.studio`."""

from __future__ import annotations

from media.still.child import main

if __name__ == "__main__":
    main()
