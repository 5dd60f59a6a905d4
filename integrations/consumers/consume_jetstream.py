"""Reads a stream as a durable consumer, until nothing came for a second; run it again for what came since.
consume_jetstream.py URL STREAM SUBJECT, with nats-py."""
import asyncio
import json
import sys

import nats


async def main(url, stream, subject):
    client = await nats.connect(url)
    context = client.jetstream()
    consumer = await context.pull_subscribe(subject, "example-python", stream=stream)
    while True:
        try:
            messages = await consumer.fetch(100, timeout=1)
        except nats.errors.TimeoutError:
            break
        for message in messages:
            event = json.loads(message.data)
            print(json.dumps(event["id"]), json.dumps(event.get("subject")))
            await message.ack()
    await client.close()


asyncio.run(main(*sys.argv[1:]))
