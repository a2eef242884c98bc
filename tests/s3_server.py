"""An S3 server on this machine (moto's), for tests of runs on object storage."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

BUCKET = "bucket"
KEYS = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_RETRY_MODE": "standard",
}


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Serve an empty bucket; give the environment in which S3 is this server."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        environment = KEYS | {"AWS_ENDPOINT_URL": f"http://{host}:{port}"}
        yield environment
    finally:
        server.stop()
