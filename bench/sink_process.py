"""Servers that ``sink.py`` measures: the sink, its floor, rotel; each a process, with those that it starts."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

PAUSE = threading.Event()

HERE = Path(__file__).parent
LISTENS = re.compile(r"OTLP/gRPC on ([^,]+), OTLP/HTTP on ([^;\s]+)")


class Server:
    """One that listens.

    Args:
        command: that starts it and says where it listens.
        folder: where spool and log are written.
    """

    def __init__(self, command: list[str], folder: str) -> None:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        places = {
            "OTEL_AUDIT_SPOOL": f"{folder}/spool",
            "OTEL_AUDIT_DESTINATION": f"{folder}/log",
            # So that a short run, too, has files made while it sends.
            "OTEL_AUDIT_ROTATION_MAX_AGE": "2s",
        }
        self._process = subprocess.Popen(command, env=plain | places, stderr=subprocess.PIPE, text=True)
        found = LISTENS.search(self._process.stderr.readline())
        self.grpc, self.http = found[1], found[2]

    def cpu_s(self) -> float:
        """Of it and those that it started, so far."""
        ticks = 0
        for pid in self._pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float:
        """Memory that all of them hold now."""
        sizes = (
            re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in self._pids()
        )
        return sum(int(size[1]) for size in sizes if size) / 1024

    def stop(self) -> float:
        """End it in order. Returns the CPU seconds that all of them took."""
        self._process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        said = self._process.stderr.read()
        self._process.stderr.close()
        if self._process.returncode:
            raise SystemExit(f"{self._process.args} ended with {self._process.returncode}: {said}")
        return usage.ru_utime + usage.ru_stime

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.communicate()

    def _pids(self) -> list[int]:
        own = self._process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return [own, *map(int, children)]


def sink(folder: str, workers: int = 1) -> Server:
    command = [str(Path(sys.executable).with_name("otel-audit")), "serve", "--workers", str(workers)]
    return Server([*command, "--grpc", "localhost:0", "--http", "localhost:0"], folder)


def floor(folder: str) -> Server:
    return Server(
        [sys.executable, str(HERE / "sink_floor.py"), "--grpc", "localhost:0", "--http", "localhost:0"],
        folder,
    )


class Rotel:
    """rotel, forwarding to a floor of its own, which does not count.

    Args:
        program: its binary, from the PyPI package.
        folder: for its log.
    """

    def __init__(self, program: str, folder: str) -> None:
        self._behind = floor(folder)
        self.grpc, self.http = (f"127.0.0.1:{port}" for port in free_ports(2))
        self._process = subprocess.Popen(
            [program, "start", "--otlp-grpc-endpoint", self.grpc, "--otlp-http-endpoint", self.http,
             "--otlp-grpc-max-recv-msg-size-mib", "20", "--exporter", "otlp",
             "--otlp-exporter-endpoint", f"http://{self._behind.grpc}",
             "--pid-file", f"{folder}/rotel.pid", "--log-file", f"{folder}/rotel.log"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for address in (self.grpc, self.http):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))).close()
                    break
                except OSError:
                    PAUSE.wait(0.05)

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float:
        size = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self._process.pid}/status").read_text())
        return int(size[1]) / 1024

    def stop(self) -> float:
        self._process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._behind.kill()
        return usage.ru_utime + usage.ru_stime


def free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
