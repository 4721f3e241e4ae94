"""`python -m tests.e2e.camera`: cameras by hand against a running platform."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path

from . import Camera, Faults, Fleet, channel_item, load


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.camera", description="simulated cameras for tests, by hand"
    )
    parser.add_argument("--server", default="127.0.0.1:5060", help="host:port of the platform")
    parser.add_argument("--server-id", required=True, help="20-digit id of the platform")
    parser.add_argument("--password", required=True)
    parser.add_argument("--first-id", default="64010400001320000001", help="id of the first camera")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--channels", type=int, default=1, help="more than 1: NVRs")
    parser.add_argument("--transport", choices=("udp", "tcp"), default="udp")
    parser.add_argument("--keepalive", type=float, default=30.0, metavar="SECONDS")
    parser.add_argument("--video", type=Path, help="H.264 Annex B file to send")
    parser.add_argument("--sound", type=Path, help="raw G.711 A-law file to send")
    faults = parser.add_argument_group("faults")
    faults.add_argument("--loss", default="", help="pattern, for example ....x loses every fifth")
    faults.add_argument("--dup", default="", help="pattern with d")
    faults.add_argument("--swap", default="", help="pattern with s")
    faults.add_argument("--tcp-split", type=int, default=0, metavar="BYTES")
    faults.add_argument("--ssrc", type=int, default=-1, help="SSRC sent instead of the one asked")
    faults.add_argument("--no-bye", action="store_true", help="never answer BYE")
    faults.add_argument("--invite-status", type=int, default=200)
    faults.add_argument("--never-answer", action="store_true")
    faults.add_argument("--late", type=float, default=0.0, metavar="SECONDS")
    faults.add_argument("--sum-num-off", type=int, default=0, help="added to SumNum")
    faults.add_argument("--charset", default="gb18030")
    faults.add_argument("--label", default="GB2312")
    return parser


def _camera(options: argparse.Namespace, number: int) -> Camera:
    device_id = str(int(options.first_id) + number)
    host, _, port = options.server.rpartition(":")
    items = [
        channel_item(f"{device_id[:10]}131{number % 10}{at:06d}", f"通道{at}", parent_id=device_id)
        for at in range(1, options.channels + 1)
    ]
    faults = Faults(
        loss=options.loss,
        dup=options.dup,
        swap=options.swap,
        tcp_split=options.tcp_split,
        ssrc=options.ssrc,
        answer_bye=not options.no_bye,
        invite_status=options.invite_status,
        never_answer=options.never_answer,
        answer_delay_s=options.late,
        sum_num=lambda true: true + options.sum_num_off,
    )
    return Camera(
        device_id,
        (host, int(port)),
        server_id=options.server_id,
        password=options.password,
        transport=options.transport,
        items=items if options.channels > 1 else None,
        charset=options.charset,
        label=options.label,
        source=load(options.video, options.sound) if options.video else None,
        faults=faults,
    )


def main() -> None:
    options = _parser().parse_args()
    with Fleet.of(options.count, lambda number: _camera(options, number)) as fleet:
        for camera, answer in zip(fleet.cameras, fleet.register(), strict=True):
            print(camera.device_id, answer.start)
        fleet.keepalive_every(options.keepalive)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("bye")


if __name__ == "__main__":
    main()
