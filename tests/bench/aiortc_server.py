"""aiortc as an echo behind the lines of ``line_server``; as in its own examples, audio is decoded and encoded anew."""

from __future__ import annotations

import asyncio
import sys

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from tests.bench.line_server import Closing, Opening, read_command, say


async def main() -> None:
    """Serve until standard input ends."""
    connections: dict[str, RTCPeerConnection] = {}
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    say(ready=True)
    while line := await reader.readline():
        match read_command(line.decode()):
            case Opening(leg_id, _kind, _name, offer):
                connections[leg_id] = RTCPeerConnection(RTCConfiguration(iceServers=[]))
                say(answer=await _answer(connections[leg_id], offer))
            case Closing(leg_id):
                await connections.pop(leg_id).close()
                say()


async def _answer(connection: RTCPeerConnection, offer: str) -> str:
    @connection.on("track")
    def echo(track: MediaStreamTrack) -> None:
        connection.addTrack(track)

    await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    return connection.localDescription.sdp


if __name__ == "__main__":
    asyncio.run(main())
