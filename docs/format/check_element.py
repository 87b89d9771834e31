"""Checks the documents of an element by FORMAT.md alone: ``check_element.py ROOT``. Exit code 1: faults."""

import hashlib
import json
import sys
import zlib
from pathlib import Path


def faults(root, sidecar):
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
        yield from [] if element["mode"] == "ar" else ["D001 its bytes are missing"]
    elif file.stat().st_size != (attributes.get("stored_size") or attributes["file_size"]):
        yield f"D002 it has {file.stat().st_size} bytes"
    else:
        with file.open("rb") as stream:
            checksum = hashlib.file_digest(stream, "sha256").hexdigest()
        if checksum != (attributes.get("stored_checksum") or attributes["checksum"]).lower():
            yield f"D003 its SHA-256 is {checksum}"


root, wrong, newest, followed = Path(sys.argv[1]), 0, 0, 0
element = json.loads((root / "element.json").read_bytes())
lines = (root / "adopted.jsonl").read_bytes().splitlines() if "adopted" in element else []
adopted = {line["path"]: int(line["crc32"], 16) for line in map(json.loads, lines)}
folders = {"files", *element.get("adopted", {"folders": []})["folders"]}
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
print("note: the documents lie in an object store and were not checked\n" * ("store" in element), end="")
print("note: wal/ holds changes that files/ has not yet; see section 6\n" * (newest > followed), end="")
sys.exit(wrong > 0)
