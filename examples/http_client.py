"""Ask a running `edge-mnist serve` which digit pictures show:   python http_client.py 127.0.0.1:8000 PICTURE ..."""

import sys
from http.client import HTTPConnection
from pathlib import Path

connection = HTTPConnection(sys.argv[1])
for path in sys.argv[2:]:
    connection.request("POST", "/classify", Path(path).read_bytes(), {"Content-Type": "image/*"})
    print(f"{path}: {connection.getresponse().read().decode()}")
