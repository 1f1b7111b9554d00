"""A server and a client of gRPC in Python, for tests, with the methods of the one in Go.

`serve` prints its port; `call ADDRESS AUTHORITY [ROOTS]` makes a call of each kind and prints what came of them as JSON.
"""

import json
import queue
import sys
import threading
from concurrent import futures

import grpc

SAID = (("x-said", "a"), ("x-said", "b"))
PATIENCE_S = 30
LIMITS = [("grpc.max_receive_message_length", 1 << 24), ("grpc.enable_retries", 0)]


class Waits:
    """Counts the calls of Wait, which end when their client gives up."""

    def __init__(self):
        self.changed = threading.Condition()
        self.ended = 0

    def end(self):
        with self.changed:
            self.ended += 1
            self.changed.notify_all()

    def take(self, count):
        """Waits until so many have ended, and forgets them."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended >= count)
            self.ended -= count


WAITS = Waits()


def unary(messages, context):
    message = next(messages)
    said = [value for name, value in context.invocation_metadata() if name == "x-said"]
    context.send_initial_metadata((("x-said", ",".join(said)),))
    context.set_trailing_metadata((("x-length", str(len(message))), ("x-raw-bin", b"\x00\xff")))
    yield message


def deny(messages, context):
    context.set_trailing_metadata((("x-why", "rule"),))
    context.abort(grpc.StatusCode.PERMISSION_DENIED, "nö, 100%")
    yield b""


def break_off(messages, context):
    yield b"one"
    context.abort(grpc.StatusCode.DATA_LOSS, "it broke")


def count(messages, context):
    for at in range(int(next(messages))):
        yield str(at).encode()


def add_up(messages, context):
    yield str(sum(len(message) for message in messages)).encode()


def chat(messages, context):
    yield from messages
    yield b"end"


def wait(messages, context):
    over = threading.Event()

    def end():
        WAITS.end()
        over.set()

    context.add_callback(end)
    yield b"begun"
    over.wait()


def ended(messages, context):
    message = next(messages)
    WAITS.take(int(message))
    yield message


METHODS = {
    "Unary": unary,
    "Deny": deny,
    "Break": break_off,
    "Count": count,
    "Sum": add_up,
    "Chat": chat,
    "Wait": wait,
    "Ended": ended,
}


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=LIMITS)
    handlers = {
        name: grpc.stream_stream_rpc_method_handler(method) for name, method in METHODS.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Peer", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


def pick(metadata):
    """Leaves out what is the implementation's own."""
    picked = {}
    for name, value in metadata or ():
        if name.startswith("x-"):
            text = value.hex() if name.endswith("-bin") else value
            picked.setdefault(name, []).append(text)
    return picked


def end(call, messages):
    try:
        for message in call:
            messages.append(message.decode())
    except (grpc.RpcError, grpc.FutureCancelledError):
        pass
    return {
        "messages": messages,
        "header": pick(call.initial_metadata()),
        "code": call.code().value[0],
        "details": call.details(),
        "trailers": pick(call.trailing_metadata()),
    }


def call(address, authority, roots=None):
    options = [*LIMITS, ("grpc.default_authority", authority)]
    if roots is None:
        channel = grpc.insecure_channel(address, options=options)
    else:
        with open(roots, "rb") as file:
            credentials = grpc.ssl_channel_credentials(file.read())
        options.append(("grpc.ssl_target_name_override", authority))
        channel = grpc.secure_channel(address, credentials, options=options)

    def start(method, messages, timeout=PATIENCE_S, metadata=()):
        return channel.stream_stream("/test.Peer/" + method)(
            messages, timeout=timeout, metadata=metadata
        )

    def make(method, *messages):
        return end(start(method, iter(messages), metadata=SAID), [])

    silence = queue.Queue()
    # Long enough for its message on a busy machine; the other calls go on meanwhile.
    late = start("Wait", iter(silence.get, None), timeout=5)
    late_begun = next(late).decode()
    outcomes = {
        "unary": make("Unary", b"hello"),
        "denied": make("Deny", b"hello"),
        "broken": make("Break", b"hello"),
        "unknown": make("Nothing", b"hello"),
        "serverStream": make("Count", b"100"),
        "clientStream": make("Sum", b"a", b"bc", b"x" * 1_000_000),
    }

    to_say = queue.Queue()
    talk = start("Chat", iter(to_say.get, None))
    said = []
    for message in (b"one", b"two", b""):
        to_say.put(message)
        said.append(next(talk).decode())
    to_say.put(None)
    outcomes["bidirectional"] = end(talk, said)

    waiting = start("Wait", iter(silence.get, None))
    begun = next(waiting).decode()
    waiting.cancel()
    outcomes["cancelled"] = end(waiting, [begun])
    outcomes["deadline"] = end(late, [late_begun])
    silence.put(None)
    silence.put(None)
    outcomes["ended"] = make("Ended", b"2")
    print(json.dumps(outcomes))


if sys.argv[1] == "serve":
    serve()
else:
    call(*sys.argv[2:])
