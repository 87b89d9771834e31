"""Checks the documents of an ArtStore storage element with nothing but Python: ``check_element.py ROOT``.

Written from FORMAT.md and not from ArtStore's code. It checks the documents and tells if wal/ holds changes
that are not there yet, but does not check the log. Exit code 1: something is wrong.
"""

import hashlib
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path


def faults(root: Path, sidecar: Path) -> Iterator[str]:
    """What is wrong with a document, each with the code of its rule."""
    text, file = sidecar.read_bytes(), sidecar.with_name(sidecar.name.removesuffix(".attr.json"))
    attributes = json.loads(text)
    begun, found, seal = text.rpartition(b'"attributes_crc32"')
    if found and seal != b': "%08x"\n}\n' % zlib.crc32(begun):
        yield "A006 the attribute file is damaged"
    elif not found and adopted.get(str(file.relative_to(root))) != zlib.crc32(text):
        yield "A007 the attribute file is not one that was adopted"
    if Path(attributes.get("storage_filename") or file.name).name != file.name:
        yield f"N001 its name should be {attributes['storage_filename']}"
    elif found and file != root / attributes["storage_path"]:
        yield f"N002 it should be at {attributes['storage_path']}"
    if not file.is_file():
        if element["mode"] != "ar":
            yield "D001 its bytes are missing"
        return
    with file.open("rb") as stream:
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    if file.stat().st_size != (attributes.get("stored_size") or attributes["file_size"]):
        yield f"D002 it has {file.stat().st_size} bytes"
    elif checksum != (attributes.get("stored_checksum") or attributes["checksum"]).lower():
        yield f"D003 its SHA-256 is {checksum}"


root, wrong, newest, followed = Path(sys.argv[1]), 0, 0, 0
element, adopted = json.loads((root / "element.json").read_bytes()), {}
if "adopted" in element:
    lines = [json.loads(line) for line in (root / "adopted.jsonl").read_bytes().splitlines()]
    adopted = {line["path"]: int(line["crc32"], 16) for line in lines}
folders = sorted({"files", *element.get("adopted", {"folders": []})["folders"]})
paths = {path for folder in folders for path in (root / folder).glob("*" if folder == "." else "**/*")}
for path in (path for path in sorted(paths) if path.is_file()):
    found, beside = [], path.with_name(path.name + ".attr.json") in paths
    own = path.parent == root and path.name in ("element.json", "FORMAT.md", "adopted.jsonl")
    try:
        if path.name.endswith(".attr.json"):
            found = list(faults(root, path))
        elif not beside and not own and not path.name.startswith(".tmp-"):
            found = ["O001 it has no attributes"]
    except (ValueError, TypeError, KeyError) as error:
        found = [f"A00{3 if isinstance(error, KeyError) else 1} its attributes are unusable: {error!r}"]
    wrong += len(found)
    print(*(f"{fault[:4]} {path.relative_to(root)}: {fault[5:]}\n" for fault in found), sep="", end="")
for segment in (root / "wal").glob("*.log"):  # a record begins with its length, its number is 8 bytes behind
    data, at = segment.read_bytes(), 128
    while length := int.from_bytes(data[at : at + 4], "little"):
        newest, at = max(newest, int.from_bytes(data[at + 8 : at + 16], "little")), at + 8 + length
if (root / "wal/checkpoint.json").exists():
    followed = json.loads((root / "wal/checkpoint.json").read_bytes())["files_lsn"]
if not (root / "files").exists() and "store" in json.loads((root / "element.json").read_bytes()):
    print("note: the documents lie in an object store and were not checked; see FORMAT.md, section 2")
if newest > followed:
    print("note: wal/ holds changes that files/ has not yet; start the element, or read FORMAT.md, section 6")
sys.exit(wrong > 0)
