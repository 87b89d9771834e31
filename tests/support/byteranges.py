"""Reading ``multipart/byteranges``, with the parser of the standard library."""

import email.policy
from email.parser import BytesParser

import httpx


def parts_of(answer: httpx.Response) -> list[tuple[str, str, bytes]]:
    """Content type, ``Content-Range`` and bytes of each part."""
    assert len(answer.content) == int(answer.headers["content-length"])
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=email.policy.HTTP).parsebytes(head + answer.content)
    assert message.get_content_type() == "multipart/byteranges"
    parts: list[tuple[str, str, bytes]] = []
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        parts.append((part.get_content_type(), part["Content-Range"], content))
    return parts
