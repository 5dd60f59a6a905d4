"""Reads what the NDJSON sink wrote, from where it was; run it again for what came since.
consume_ndjson.py FOLDER STATE: STATE is a file that holds the place."""
import json
import os
import sys

folder, state = sys.argv[1:]
number, at = 1, 0
if os.path.exists(state):
    with open(state) as file:
        number, at = map(int, file.read().split())
while os.path.exists(path := f"{folder}/events-{number:06}.ndjson"):
    with open(path, "rb") as file:
        file.seek(at)
        for line in file:
            if not line.endswith(b"\n"):
                break  # a line without its end is still being written
            event = json.loads(line)
            print(json.dumps(event["id"]), json.dumps(event.get("subject")))
            at += len(line)
    with open(state, "w") as file:
        file.write(f"{number} {at}")
    number, at = number + 1, 0
