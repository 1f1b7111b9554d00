"""Answers what is asked in the queue work. Ends when the broker does, and is started again."""
import pika


def answer(channel, method, properties, body):
    channel.basic_publish("", properties.reply_to, body.replace(b"asked-", b"answered-"))
    channel.basic_ack(method.delivery_tag)


channel = pika.BlockingConnection(pika.ConnectionParameters("broker", heartbeat=10)).channel()
channel.queue_declare("work")
channel.basic_consume("work", answer)
channel.start_consuming()
