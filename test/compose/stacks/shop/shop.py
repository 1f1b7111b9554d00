"""Answers GET /RUN/NUMBER with ok when Postgres and Redis answered what they should have."""
import hashlib
import socket

import psycopg2
import redis


def address_towards(host):
    """Our address, as a server on the same network sees it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        return probe.getsockname()[0]


def ask(run, number):
    text = hashlib.sha256(run.encode()).hexdigest()[:32] + "-" + number
    with psycopg2.connect(host="postgres", user="postgres", connect_timeout=3) as db:
        with db.cursor() as cursor:
            cursor.execute("create table if not exists seen (text text)")
            cursor.execute("insert into seen values (%s)", ("row-" + text,))
            cursor.execute("select host(inet_client_addr()), text from seen where text = %s", ("row-" + text,))
            client, row = cursor.fetchone()
    db.close()
    if client != address_towards("postgres"):
        return "Postgres takes us for " + client
    cache = redis.Redis("redis", socket_timeout=3)
    cache.set(number, "value-" + text)
    value = cache.get(number).decode()
    return "ok" if (row, value) == ("row-" + text, "value-" + text) else "wrong answers"


def app(environ, start_response):
    path = environ["PATH_INFO"]
    try:
        answer = "ok" if path == "/healthy" else ask(*path.split("/")[1:3])
    except Exception as error:
        answer = repr(error)
    start_response("200 OK" if answer == "ok" else "502 Bad Gateway", [("Content-Type", "text/plain")])
    return [answer.encode()]
