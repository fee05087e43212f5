"""The embedded MQTT 5 broker (iotcore, that is rumqttd) as a child process on a free loopback port.

Guarantees: `start_broker` returns when the port answers; nothing listens outside of 127.0.0.1. It has no
disk, no TLS and no accounts: for the demo only. `python -m agent.demo.broker CONFIG` is the child itself.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from pathlib import Path

from agent.demo.child import Child
from agent.model.errors import Refuse

HOST = "127.0.0.1"
_START_S = 15.0
_TRIES = 3  # between finding a free port and listening on it, another process may take it
TOML = """id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 1048576
max_segment_count = 10
[v5.1]
name = "v5-1"
listen = "{host}:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 262144
max_inflight_count = 100
"""


def start_broker(directory: Path) -> tuple[Child, int]:
    """A running broker and its port. Raises `Refuse` `demo.no-broker`."""
    words = ""
    for _ in range(_TRIES):
        port = _free_port()
        config = directory / "broker.toml"
        config.write_text(TOML.format(host=HOST, port=port), encoding="utf-8")
        broker = Child("broker", "agent.demo.broker", [str(config)], directory / "broker.log")
        if _answers(broker, port):
            return broker, port
        words = broker.last_words()
        broker.close()
    raise Refuse(
        "demo.no-broker",
        f"the embedded broker does not start: {words.splitlines()[-1] if words else 'it said nothing'}",
        f"install it (make demo does, or: pip install iotcore) and read {directory / 'broker.log'}",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _answers(broker: Child, port: int) -> bool:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((HOST, port), timeout=0.5):
                return broker.exit_code is None
        except OSError:
            if select.select([broker.ended], [], [], 0.05)[0]:
                return False
    return False


def main(arguments: list[str]) -> int:
    """The child: runs until it is ended."""
    from iotcore.iotcore import IotCoreBroker  # only this process needs it

    IotCoreBroker(config_path=arguments[0]).run_forever()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
