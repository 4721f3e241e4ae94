"""Errors of the catalog package.

    CatalogError
      BadId        a text is no GB/T 28181 id where one is required
      BadRegion    a region code the division table does not hold

Nothing here is raised for what a device sent: its nonsense is kept, filed and counted, never
refused.
"""


class CatalogError(Exception):
    """Base of every error this package raises on purpose."""


class BadId(CatalogError):
    """A text that had to be an id is none."""

    def __init__(self, text: str) -> None:
        super().__init__(f"not a GB/T 28181 id: {text[:40]!r}")
        self.text = text


class BadRegion(CatalogError):
    """A region (2 or 4 digits) that the division table does not know."""

    def __init__(self, region: str) -> None:
        super().__init__(f"not a known province or city code: {region[:20]!r}")
        self.region = region
