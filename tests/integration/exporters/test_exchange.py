"""Commands and replies by turns without waiting: half sent, half received, cut off, and over to a thread that waits."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from spantail_exporters.redis.client import connect
from spantail_exporters.redis.errors import Unavailable
from spantail_exporters.redis.exchange import Exchange
from tests.support.redis.faults import redis_cluster
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from spantail_exporters.redis.client import Client


def said(*turns: Sequence[tuple[Any, ...]]) -> Generator[Sequence[tuple[Any, ...]], list[Any], list[Any]]:
    """All replies of some turns, one after the other."""
    replies = []
    for commands in turns:
        replies += yield commands
    return replies


@contextlib.contextmanager
def client_of(url: str) -> Iterator[Client]:
    client = connect(url, 5.0)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def client(redis_url: str) -> Iterator[Client]:
    with client_of(redis_url) as one:
        one.execute([("PING",)])  # a connection stands
        yield one


def test_nothing_is_begun_where_no_connection_stands(redis_url: str) -> None:
    with client_of(redis_url) as client:
        exchange = Exchange(client, said([("PING",)]))
        assert not exchange.go_on()
        assert exchange.must_wait
        assert exchange.finish() == [b"PONG"]


def test_a_turn_is_begun_and_looked_for(client: Client) -> None:
    exchange = Exchange(client, said([("SET", "a", 1), ("LPUSH", "a", 1), ("GET", "a")]))
    eventually(exchange.go_on)
    first, second, third = exchange.finish()
    assert (first, third) == (b"OK", b"1")
    assert str(second).startswith("WRONGTYPE")


@pytest.mark.parametrize("waits", [False, True])
def test_several_turns(client: Client, *, waits: bool) -> None:
    exchange = Exchange(client, said([("SET", "a", 1)], [("INCR", "a")], [("INCR", "a")]))
    if not waits:
        eventually(exchange.go_on)
    assert exchange.finish() == [b"OK", 2, 3]
    assert exchange.finish() == [b"OK", 2, 3], "what has been said stays said"


def test_without_turns_there_is_nothing_to_wait_for(client: Client) -> None:
    exchange = Exchange(client, said())
    assert exchange.go_on()
    assert exchange.finish() == []


def test_a_frozen_server_leaves_it_half_sent_until_it_goes_on(client: Client) -> None:
    (info,) = client.execute([("INFO", "server")])
    server = psutil.Process(int(info.split(b"process_id:")[1].split()[0]))
    large = b"x" * (16 << 20)  # more than all the buffers on the way
    for finish in (False, True):
        exchange = Exchange(client, said([("SET", "large", large), ("STRLEN", "large")]))
        server.suspend()
        try:
            assert not exchange.go_on()
            assert client.silence.seconds > 0
        finally:
            server.resume()
        if not finish:
            eventually(exchange.go_on)
        assert exchange.finish() == [b"OK", len(large)]
        assert client.silence.seconds == 0


class Piecewise:
    """A server that says what it is told to, byte by byte, to whoever asks; after half an answer it hangs up."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0?protocol=2"
        self._answers: list[bytes] = []
        self.more = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def says(self, text: bytes) -> None:
        self._answers.append(text)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connected, _ = self._listener.accept()
                with connected:
                    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    while asked := connected.recv(65_536):
                        if introductions := asked.count(b"CLIENT"):
                            connected.sendall(b"+OK\r\n" * introductions)
                            continue
                        answer = self._answers.pop(0)
                        for byte in answer:
                            self.more.acquire()
                            connected.sendall(bytes([byte]))
                        if not answer.endswith(b"\r\n"):
                            break

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def piecewise() -> Iterator[Piecewise]:
    server = Piecewise()
    yield server
    server.close()


def test_a_reply_in_pieces(piecewise: Piecewise) -> None:
    with client_of(piecewise.url) as client:
        piecewise.says(b"+PONG\r\n")
        piecewise.more.release(7)
        assert client.execute([("PING",)]) == [b"PONG"]
        text = b"*2\r\n:1\r\n$2\r\nok\r\n-OOM no room\r\n"
        piecewise.says(text)
        exchange = Exchange(client, said([("A",), ("B",)]))
        for _ in text[:-1]:
            assert not exchange.go_on()
            piecewise.more.release()
        piecewise.more.release()
        eventually(exchange.go_on)
        pair, refusal = exchange.finish()
        assert pair == [1, b"ok"]
        assert str(refusal) == "OOM no room"


def test_a_push_whose_end_comes_with_the_next_reply(piecewise: Piecewise) -> None:
    with client_of(piecewise.url) as client:
        piecewise.says(b"+PONG\r\n>2\r\n$4\r\nnews\r\n:1\r\n")
        piecewise.more.release(7 + 7)
        assert client.execute([("PING",)]) == [b"PONG"]
        piecewise.says(b":1\r\n")
        exchange = Exchange(client, said([("INCR", "a")]))
        eventually(lambda: exchange.go_on() or exchange.must_wait or client.silence.seconds)
        piecewise.more.release(100)
        assert exchange.finish() == [1]


@pytest.mark.parametrize("finish", [Exchange.go_on, Exchange.finish])
def test_cut_off_in_the_middle_of_a_reply(piecewise: Piecewise, finish: Callable[[Exchange[Any]], Any]) -> None:
    with client_of(piecewise.url) as client:
        piecewise.says(b"+PONG\r\n")
        piecewise.says(b"$100\r\nhalf")
        piecewise.more.release(7)
        assert client.execute([("PING",)]) == [b"PONG"]
        seen: list[BaseException] = []

        def turns() -> Generator[Sequence[tuple[Any, ...]], list[Any], None]:
            try:
                yield [("GET", "a")]
            except Unavailable as trouble:
                seen.append(trouble)
                raise

        exchange = Exchange(client, turns())
        assert not exchange.go_on()
        piecewise.more.release(100)
        with pytest.raises(Unavailable, match="closed"):
            eventually(lambda: finish(exchange))
        assert [type(trouble) for trouble in seen] == [Unavailable], "the conversation was told"
        assert client.begin([("PING",)]) is None, "half a reply must not meet the next command"
        piecewise.says(b"+PONG\r\n")
        assert client.execute([("PING",)]) == [b"PONG"]


def test_one_node_of_a_cluster_as_it_turns_out(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as cluster, client_of(f"redis://127.0.0.1:{cluster.nodes[0].port}/0") as client:
        client.execute([("PING",)])
        keys = [f"key-{n}" for n in range(30)]
        exchange = Exchange(client, said([("SET", key, 1) for key in keys], [("GET", key) for key in keys]))
        eventually(lambda: exchange.go_on() or exchange.must_wait)
        assert exchange.must_wait
        assert exchange.finish() == [b"OK"] * 30 + [b"1"] * 30
