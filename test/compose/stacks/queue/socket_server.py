"""Answers the message RUN/NUMBER with ok when the worker answered what it should have."""
import asyncio
import hashlib

import pika
import websockets


def ask(run, number):
    text = hashlib.sha256(run.encode()).hexdigest()[:32] + "-" + number
    connection = pika.BlockingConnection(pika.ConnectionParameters("broker", socket_timeout=3))
    try:
        channel = connection.channel()
        answers = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_declare("work")
        properties = pika.BasicProperties(reply_to=answers)
        channel.basic_publish("", "work", ("asked-" + text).encode(), properties)
        for _, _, body in channel.consume(answers, auto_ack=True, inactivity_timeout=3):
            return "ok" if body == ("answered-" + text).encode() else "a wrong answer, or none"
    finally:
        connection.close()


async def serve(socket, *_):
    async for message in socket:
        try:
            await socket.send(await asyncio.get_running_loop().run_in_executor(None, ask, *message.split("/")))
        except Exception as error:
            await socket.send(repr(error))


async def main():
    async with websockets.serve(serve, "0.0.0.0", 8000):
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
