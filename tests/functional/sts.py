"""A stand-in before moto's STS: it records what is asked, and can shorten sessions or refuse them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.functional.stand_in import HERE, Handler, StandIn

REFUSAL = (
    '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>{code}</Code>'
    "<Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
)
Asked = dict[str, str]
"""The parameters of one call."""


class Sts(StandIn):
    """`lasting` gives the seconds that the n-th session lasts (from 1), `refuses` an error's code and message.

    `lacks` names a field that the n-th answer is sent without.
    """

    def __init__(
        self,
        upstream: str,
        lasting: Callable[[int], float] = lambda _: 3600,
        refuses: Callable[[int, Asked], tuple[str, str] | None] = lambda *_: None,
        lacks: Callable[[int], str | None] = lambda _: None,
    ):
        self.lacks = lacks
        self.asked: list[Asked] = []
        self.lasting = lasting
        self.refuses = refuses
        self.upstream = urlsplit(upstream)
        super().__init__(ThreadingHTTPServer(HERE, _handler(self)))

    def answer(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Answer one call."""
        asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.asked.append(asked)
        number = len(self.asked)
        if (refusal := self.refuses(number, asked)) is not None:
            return 403, REFUSAL.format(code=refusal[0], message=refusal[1]).encode()
        upstream = HTTPConnection(str(self.upstream.hostname), self.upstream.port, timeout=30)
        upstream.request("POST", "/", body, headers)
        answer = upstream.getresponse()
        text = answer.read().decode()
        upstream.close()
        end = datetime.now(timezone.utc) + timedelta(seconds=self.lasting(number))
        text = re.sub(r"<Expiration>[^<]*", f"<Expiration>{end.strftime('%Y-%m-%dT%H:%M:%SZ')}", text)
        if (field := self.lacks(number)) is not None:
            text = re.sub(rf"<{field}>.*</{field}>", "", text, flags=re.DOTALL)
        return answer.status, text.encode()


def _handler(sts: Sts) -> type[Handler]:
    class Answering(Handler):
        def do_POST(self) -> None:
            kept = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
            status, text = sts.answer(self.read_body(), kept)
            self.reply(status, text, Content_Type="text/xml")

    return Answering
