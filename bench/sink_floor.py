"""The sink's own servers, which throw away what they receive: what no sink can go below. ``sink.py`` starts it."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from otel_audit.receive.addresses import Address, parse_address
from otel_audit.receive.answers import TAKEN, Answer
from otel_audit.receive.desk import Desk
from otel_audit.receive.doors import DoorOptions, Doors
from otel_audit.receive.figures import Figures
from otel_audit.receive.options import ReceiveOptions
from otel_audit.receive.request import Request
from otel_audit.receive.room import Room
from otel_audit.receive.server import end_process


class Floor(Desk):
    """Answers OK at once."""

    def __init__(self) -> None:
        self.options = ReceiveOptions()
        self.room, self.figures, self.is_stopping = Room(self.options), Figures(), False

    async def deliver(self, request: Request) -> Answer:
        self.room.release(len(request.body))
        return TAKEN


async def serve(grpc_address: Address, http_address: Address) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    grpc_address, http_address = grpc_address.claim(), http_address.claim()
    doors = Doors(Floor(), DoorOptions(grpc_address, http_address))
    await doors.open()
    print(f"OTLP/gRPC on {grpc_address}, OTLP/HTTP on {http_address};", file=sys.stderr, flush=True)
    await stop.wait()
    await doors.close()
    end_process(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grpc", type=parse_address, required=True)
    parser.add_argument("--http", type=parse_address, required=True)
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.grpc, chosen.http))


if __name__ == "__main__":
    main()
