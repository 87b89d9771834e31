"""Header values with parameters: ``form-data; name="file"; filename="…"`` and media types.

The standard library reads them by the rules of e-mail, which differ from what clients of HTTP send
(WHATWG HTML "multipart/form-data encoding algorithm", RFC 7578 §4.2, RFC 8187).
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

_PARAMETER = re.compile(
    rb"""[ \t]*;[ \t]*
    (?: ([!#$%&'*+\-.^_`|~0-9A-Za-z]+)           # a token (RFC 9110, 5.6.2)
        [ \t]*=[ \t]*
        (?: "((?:[^"\\]|\\.)*)" | ([^\s;"]*) )   # a quoted string or a bare value
    )?                                           # a lone semicolon is tolerated
    """,
    re.VERBOSE | re.DOTALL,
)
_EXTENDED = re.compile(rb"(?i:(utf-8)|iso-8859-1)'[^']*'((?:[!#$&+\-.^_`|~0-9A-Za-z]|%[0-9A-Fa-f]{2})*)")
_FORM_ESCAPES = {b"%22": b'"', b"%0d": b"\r", b"%0a": b"\n"}


class UnreadableHeader(ValueError):
    """The value breaks the grammar, or means two things. The text is fit for the client to read."""


@dataclass(frozen=True, slots=True)
class Disposition:
    """What a part of a form says about itself; ``filename`` is None for a field."""

    name: str
    filename: str | None


def parse_disposition(value: bytes) -> Disposition:
    """Reads the ``Content-Disposition`` of a part. Names keep every character, even control characters.

    ``filename*`` (RFC 8187) wins over ``filename``, for it can say every name exactly.
    """
    kind, parameters = _split(value)
    if kind != b"form-data":
        raise UnreadableHeader("it does not say form-data")
    if b"name" not in parameters:
        raise UnreadableHeader("it has no name")
    return Disposition(_text(_unescape_form(parameters[b"name"]), "name"), _filename(parameters))


def parse_filename(value: bytes) -> str:
    """The file name in the ``Content-Disposition`` of a message (RFC 6266), whatever its type."""
    name = _filename(_split(value)[1])
    if name is None:
        raise UnreadableHeader("it has no filename")
    return name


def parse_media_type(value: str) -> tuple[str, dict[str, str]]:
    """The type in lower case and its parameters, their names in lower case."""
    try:
        kind, parameters = _split(value.encode("latin-1"))
    except UnicodeEncodeError as error:
        raise UnreadableHeader("it has characters that a header cannot carry") from error
    return kind.decode("latin-1"), {
        name.decode("latin-1"): content.decode("latin-1") for name, content in parameters.items()
    }


def _split(value: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    kind, semicolon, rest = value.partition(b";")
    parameters: dict[bytes, bytes] = {}
    position, tail = 0, semicolon + rest.rstrip(b" \t")
    while position < len(tail):
        match = _PARAMETER.match(tail, position)
        if match is None:
            raise UnreadableHeader("its parameters are malformed")
        position = match.end()
        name, quoted, bare = match.groups()
        if name is None:
            continue
        if name.lower() in parameters:
            raise UnreadableHeader("it has a parameter twice")
        parameters[name.lower()] = _unescape_quoted(quoted) if quoted is not None else bare
    return kind.strip(b" \t").lower(), parameters


def _unescape_quoted(value: bytes) -> bytes:
    """Takes back ``\\"`` and ``\\\\``. Other backslashes stay: browsers send them unescaped."""
    return re.sub(rb'\\(["\\])', rb"\1", value)


def _filename(parameters: dict[bytes, bytes]) -> str | None:
    extended = parameters.get(b"filename*")
    if extended is not None:
        return _extended(extended)
    plain = parameters.get(b"filename")
    return None if plain is None else _text(_unescape_form(plain), "filename")


def _extended(value: bytes) -> str:
    match = _EXTENDED.fullmatch(value)
    if match is None:
        raise UnreadableHeader("its filename* is not of the form UTF-8''percent-encoded")
    content = unquote_to_bytes(match[2])
    return _text(content, "filename*") if match[1] else content.decode("latin-1")


def _unescape_form(value: bytes) -> bytes:
    """Takes back what the WHATWG algorithm escapes in names: the quotation mark, CR and LF, but no "%".

    A name that holds ``%22`` literally cannot be told from one with a quotation mark (send ``filename*``
    for that); quotation marks in names are the more frequent.
    """
    return re.sub(rb"(?i)%(?:22|0d|0a)", lambda match: _FORM_ESCAPES[match[0].lower()], value)


def _text(value: bytes, what: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableHeader(f"its {what} is not UTF-8") from error
