#!/usr/bin/env python3
"""Checks the log of an archive without any of our code: Python's standard library and openssl.

Usage: verify_log.py ARCHIVE TRUST-ROOT.json [RECEIPT.json [RECORD-COMMITMENTS.bin]]

Signed checkpoints (Ed25519, C2SP signed notes), the root over all entries (RFC 6962), the entry of
every certificate, every .tlog-proof, and, if given, one receipt and the tree of the sealed
commitments. The trust root must come from outside the archive. Exit: 0 holds, 1 does not, 2 usage.
"""
import base64
import hashlib
import hmac
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def fail(what):
    print(f"FAILED: {what}")
    sys.exit(1)


def need(condition, what):
    if not condition:
        fail(what)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root_of(leaves):
    """RFC 6962 section 2.1, from the definition (recursive, over leaf hashes)."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"")
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01", root_of(leaves[:split]), root_of(leaves[split:]))


def root_by_path(leaf, index, size, path):
    """RFC 9162 section 2.1.3.2."""
    need(index < size, "an index beyond the tree")
    node, last, result = index, size - 1, leaf
    for sibling in path:
        need(last > 0, "a path that is too long")
        if node % 2 or node == last:
            result = sha256(b"\x01", sibling, result)
            while node % 2 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            result = sha256(b"\x01", result, sibling)
        node, last = node >> 1, last >> 1
    need(last == 0, "a path that is too short")
    return result


def payload(path):
    return json.loads(base64.b64decode(json.loads(Path(path).read_text())["payload"], validate=True))


def open_note(note, vkey):
    """A checkpoint's size and root, once openssl has checked its Ed25519 signature."""
    name, key_hash, encoded = vkey.split("+", 2)
    key = base64.b64decode(encoded)
    need(key[0] == 1, "a log key that is not Ed25519")
    need(sha256(name.encode(), b"\n", key)[:4].hex() == key_hash, "a log key that does not match its hash")
    text, signatures = note.split("\n\n")
    prefix = f"— {name} "
    lines = [line for line in signatures.splitlines() if line.startswith(prefix)]
    need(len(lines) == 1, "a checkpoint that the log did not sign")
    signature = base64.b64decode(lines[0][len(prefix):], validate=True)
    need(signature[:4].hex() == key_hash, "a checkpoint signed by another key")
    with tempfile.TemporaryDirectory() as work:
        files = [Path(work, each) for each in ("key", "sig", "text")]
        spki = bytes.fromhex("302a300506032b6570032100") + key[1:]
        for file, content in zip(files, (spki, signature[4:], f"{text}\n".encode())):
            file.write_bytes(content)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", files[0],
                   "-rawin", "-in", files[2], "-sigfile", files[1]]
        need(subprocess.run(command, capture_output=True).returncode == 0, "a checkpoint's signature")
    origin, size, root = text.split("\n")
    need(origin == name, "a checkpoint of another log")
    return int(size), base64.b64decode(root, validate=True)


def tile_path(number):
    path = f"{number % 1000:03}"
    while number := number // 1000:
        path = f"x{number % 1000:03}/{path}"
    return path


def read_entries(archive, size):
    entries = []
    while len(entries) < size:
        width = min(256, size - len(entries))
        path = tile_path(len(entries) // 256) + (f".p/{width}" if width < 256 else "")
        data = (archive / "tile" / "entries" / path).read_bytes()
        while data:
            length = int.from_bytes(data[:2], "big")
            need(len(data) >= 2 + length, "a torn entries tile")
            entries.append(data[2:2 + length])
            data = data[2 + length:]
    need(len(entries) == size, "the number of entries")
    return entries


def check_log(archive, vkey):
    size, root = open_note((archive / "checkpoint").read_text(), vkey)
    entries = read_entries(archive, size)
    leaves = [sha256(b"\x00", entry) for entry in entries]
    need(root_of(leaves) == root, "the entries do not lead to the checkpoint's root")
    for path in (archive / "checkpoints").glob("*.note"):
        old_size, old_root = open_note(path.read_text(), vkey)
        need(old_size == int(path.stem) and root_of(leaves[:old_size]) == old_root, f"{path.name} is no prefix")
    logged = {entry for entry in entries if entry.startswith(b"erasure-log/v1 certificate\n")}
    for path in sorted((archive / "certificates").rglob("certificate.dsse.json")):
        entry = f"erasure-log/v1 certificate\nsha256 {sha256(path.read_bytes()).hex()}\n".encode()
        need(entry in logged, f"{path.parent.name} is not in the log")
        logged.discard(entry)
        proof, note = (path.parent / "certificate.tlog-proof").read_text().split("\n\n", 1)
        header, index, *hashes = proof.split("\n")
        need(header == "c2sp.org/tlog-proof@v1" and index.startswith("index "), "a proof's form")
        proof_size, proof_root = open_note(note, vkey)
        found = root_by_path(sha256(b"\x00", entry), int(index[6:]), proof_size, map(base64.b64decode, hashes))
        need(found == proof_root, f"the proof of {path.parent.name}")
    need(not logged, f"{len(logged)} logged certificates are missing")
    print(f"OK: {size} entries, root {root.hex()}")


def check_receipt(archive, path, commitments):
    receipt = json.loads(Path(path).read_text())
    place = next((archive / "certificates").rglob(receipt["certificateId"]))
    record_set = payload(place / "certificate.dsse.json")["predicate"]["evidence"]["recordSet"]
    locator = json.dumps(receipt["locator"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    message = b"erasure-certificate/v1/record\x00" + locator.encode()
    commitment = hmac.new(bytes.fromhex(receipt["salt"]), message, "sha256").digest()
    need(commitment.hex() == receipt["commitment"], "the receipt's salt does not open its commitment")
    path = map(bytes.fromhex, receipt["path"])
    root = root_by_path(sha256(b"\x00", commitment), receipt["index"], receipt["treeSize"], path)
    need(root.hex() == record_set["root"] and receipt["treeSize"] == record_set["count"], "the receipt's path")
    print(f"OK: record {receipt['index']} of {receipt['treeSize']}")
    if commitments:
        data = Path(commitments).read_bytes()
        records = [data[start:start + 32] for start in range(0, len(data), 32)]
        need(records == sorted(set(records)) and len(records) == record_set["count"], "the commitments' order")
        root = root_of([sha256(b"\x00", record) for record in records])
        need(root.hex() == record_set["root"], "the commitments do not lead to the certificate's root")
        print(f"OK: {len(records)} commitments lead to the root")


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    archive = Path(arguments[0])
    try:
        check_log(archive, payload(arguments[1])["log"]["vkey"])
        if len(arguments) > 2:
            check_receipt(archive, arguments[2], arguments[3] if len(arguments) > 3 else None)
    except (OSError, ValueError, KeyError, IndexError, TypeError, StopIteration) as error:
        fail(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
