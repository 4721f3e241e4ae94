"""The reference page of metrics, from `gb28181/figures.py`."""

from __future__ import annotations

from typing import Any, cast

from docs.tools.tables import table
from gb28181.figures import install_figures
from gb28181.telemetry.metrics import Metrics

HEAD = """\
# Metrics

<!-- Made by `make reference` from gb28181/figures.py; edit the meanings there. -->

`GET /metrics` answers in the text format of Prometheus. From loopback it needs no login, from
elsewhere an access token or an API key (`Authorization: Bearer`, `X-API-Key`).

Every figure is kept as a plain number by the part it belongs to and read when the page is asked
for. Labels are small closed sets: a device, a stream or an address is never a label; those are in
the [API](http-api.md) and in the [log](events.md).
"""

TAIL = """\
Besides them the process itself: `gb28181_process_cpu_seconds_total`,
`gb28181_process_resident_memory_bytes`, `gb28181_process_virtual_memory_bytes`,
`gb28181_process_open_fds`, `gb28181_process_max_fds`, `gb28181_process_start_time_seconds`, and
`python_info`.

## Worth an alarm

| Expression | What it says |
|---|---|
| `up == 0`, or `/readyz` is not 200 | the platform is away |
| `gb28181_store_dropped_rows_total` grows | the database failed for so long that history was lost |
| `gb28181_store_waiting_rows > 10000` | the database is too slow or failing |
| `rate(gb28181_sip_kernel_drops_total[5m]) > 0` | raise `net.core.rmem_max` |
| `gb28181_devices{state="online"}` falls by a tenth within minutes | a city lost its network |
"""


class _Anything:
    """Stands in for the application: the readers are registered and never called."""

    def __getattr__(self, name: str) -> _Anything:
        return self


def page() -> str:
    metrics = Metrics(with_process=False)
    install_figures(metrics, cast(Any, _Anything()))
    rows = [
        (
            f"`{figure.name}`",
            figure.kind,
            " ".join(f"`{label}`" for label in figure.labels),
            figure.meaning,
        )
        for figure in metrics.figures()
    ]
    return "\n".join([HEAD, table(("Name", "Kind", "Labels", "Meaning"), rows), TAIL])
