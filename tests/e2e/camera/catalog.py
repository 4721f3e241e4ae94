"""How a camera answers queries: Catalog in pages, DeviceInfo, and the unasked catalog."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .bodies import CATALOG, CATALOG_EMPTY, DEVICE_INFO, Item, fill, item_xml, pages
from .faults import Faults
from .loop import Loop


class Pager:
    """Sends pages one by one: the next leaves when the last was answered (2022 annex M)."""

    def __init__(
        self,
        loop: Loop,
        faults: Faults,
        device_id: str,
        charset: str,
        label: str,
        post: Callable[[bytes, Callable[[], None]], None],
    ) -> None:
        self._loop = loop
        self._faults = faults
        self._device_id = device_id
        self._charset = charset
        self._label = label
        self._post = post

    def send(
        self, sn: str, items: Sequence[Item], per_page: int, sum_num: int | None = None
    ) -> None:
        total = self._faults.sum_num(len(items)) if sum_num is None else sum_num
        if not items:
            body = fill(CATALOG_EMPTY, self._charset, self._label, sn=sn, device_id=self._device_id)
            self._post(body, lambda: None)
            return
        bodies = [
            self._page(sn, page, total) for page in self._faults.arrange(pages(items, per_page))
        ]
        self._next(bodies)

    def _next(self, bodies: list[bytes]) -> None:
        if not bodies:
            return
        rest = bodies[1:]
        gap = self._faults.page_gap_s

        def answered() -> None:
            if gap:
                self._loop.later(gap, lambda: self._next(rest))
            else:
                self._next(rest)

        self._post(bodies[0], answered)

    def _page(self, sn: str, page: Sequence[Item], total: int) -> bytes:
        return fill(
            CATALOG,
            self._charset,
            self._label,
            sn=sn,
            device_id=self._device_id,
            sum_num=total,
            num=len(page),
            items="\n".join(item_xml(item) for item in page),
        )


def device_info(charset: str, label: str, **values: object) -> bytes:
    return fill(DEVICE_INFO, charset, label, **values)
