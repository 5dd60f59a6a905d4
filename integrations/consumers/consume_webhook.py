"""An endpoint that believes nobody without the secret. consume_webhook.py PORT SECRET_FILE"""
import base64
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

port, file = int(sys.argv[1]), sys.argv[2]
secret = open(file).read().strip().encode()


class Take(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        at = self.headers.get("webhook-timestamp", "0")
        said = f"{self.headers.get('webhook-id')}.{at}.".encode() + body
        signature = "v1," + base64.b64encode(hmac.digest(secret, said, "sha256")).decode()
        given = self.headers.get("webhook-signature", "")
        if not hmac.compare_digest(signature, given) or abs(time.time() - int(at)) > 300:
            return self.end(401)
        events = json.loads(body)
        for event in events if isinstance(events, list) else [events]:
            print(json.dumps(event["id"]), json.dumps(event.get("subject")), flush=True)
        self.end(204)

    def end(self, status):
        self.send_response(status)
        self.end_headers()


HTTPServer(("127.0.0.1", port), Take).serve_forever()
