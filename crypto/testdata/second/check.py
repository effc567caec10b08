"""A second reader of FORMAT.md, written from that page alone, held against the vectors. It prints how many it agrees on.

Left out are Argon2id and full chunks, which take plain Python too long, and the normalisation of user names and passphrases."""

import base64
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


def cut_card(b):
    """The parts of a card without padding: number, author, meet key, inbox, name, stores; and the bytes behind it."""
    need(len(b) >= 1289 and len(b) > 1288 + b[1288])
    name, rest = b[1289:1289 + b[1288]], b[1289 + b[1288]:]
    need(len(name) <= 64 and all(chr(c) in "abcdefghijklmnopqrstuvwxyz0123456789._-" for c in name))
    need(not name or name[:1].isalnum() and name[-1:].isalnum())
    need(rest and rest[0] <= 4)
    stores, count, rest = [], rest[0], rest[1:]
    for _ in range(count):
        n = int.from_bytes(rest[:2], "big")
        need(len(rest) >= 2 and 1 <= n <= 512 and len(rest) >= 2 + n and all(0x21 <= c <= 0x7e for c in rest[2:2 + n]))
        stores, rest = stores + [rest[2:2 + n].decode()], rest[2 + n:]
    need(len(b) - len(rest) <= 2701)
    return (int.from_bytes(b[:8], "big"), b[8:40], b[40:1256], b[1256:1288], name.decode(), stores), rest


def open_contact(b):
    need(len(b) >= 65 and b[0] == 1)
    card, rest = cut_card(b[1:-64])
    need(not rest)
    verify(card[1], b"postern/2/sign/contact\0" + b[:-64], b[-64:])
    return card


def author_seed(secret):
    return hkdf(unhex(secret), b"", b"postern/1/account/author")


def contact(v):
    b = unhex(v["card"])
    seq, author, meet, inbox, name, stores = open_contact(b)
    door = public(hkdf(unhex(v["secret"]), struct.pack(">I", v["door"]), b"postern/2/account/door"))
    return (str(seq), meet.hex(), inbox.hex(), name, stores) \
        == (v["seq"], v["meetKey"], v["inbox"], v.get("user", ""), v.get("stores", [])) \
        and door == inbox and public(author_seed(v["secret"])) == author \
        and sign(author_seed(v["secret"]), b"postern/2/sign/contact\0" + b[:-64]) == b[-64:]


def fingerprint(v):
    bits = int.from_bytes(blake3(b"postern/2/fingerprint\0" + unhex(v["author"]))[:11], "big")
    numbers, given = [bits >> 11 * (7 - i) & 2047 for i in range(8)], v["words"].split()
    return sorted(zip(numbers, given)) == sorted(zip(sorted(numbers), sorted(given)))


def message(v):
    b = unhex(v["plain"])
    need(len(b) == 2952 and b[0] == 1 and b[1] in (1, 2, 3) and any(b[2:18]))
    kind, to, reply, pair = b[1], b[22:54], b[54:70], b[70:187]
    card, rest = cut_card(b[187:2888])
    need(not any(rest) and (kind == 2) == any(reply))
    need(not any(pair) if kind == 3 else pair[0] == 1 and pair[65:97] == card[1])
    need(to.hex() == v["to"], "recipient")
    signed = b"postern/2/sign/message\0" + b[:2888]
    verify(card[1], signed, b[2888:])
    return (kind, b[2:18].hex(), int.from_bytes(b[18:22], "big"), reply.hex(), pair.hex()) \
        == (v["kind"], v["id"], v["day"], v["replyTo"], v["pair"]) and b[187:2888 - len(rest)].hex() == v["card"] \
        and sign(author_seed(v["secret"]), signed) == b[2888:]


def link(v):
    prefix, _, encoded = v["link"].partition("#")
    b = base64.urlsafe_b64decode(encoded)
    need(prefix == "postern:link" and len(b) == 81 and b[0] in (1, 2))
    secret, read_key = b[49:], unhex(v["readKey"])
    if b[0] == 1:
        need(read_key == hkdf(secret, b"", b"postern/2/link/reader"))
    key, seq, sealed, _ = parse_pointer(unhex(v["pointer"]))
    need(key == b[17:49], "signature")
    plain = open_value(read_key, key, seq, sealed)
    need(plain != b"\3", "revoked")
    need(len(plain) > 9 and plain[0] in (1, 2) and plain[9] in (1, 2))
    end = 9 + (117 if plain[9] == 1 else 149)
    name = plain[end:].decode()
    need(len(plain) > end and "/" not in name and len(plain) - end <= 48)
    seed = unhex(v["seed"])
    return (plain[0] == 2, str(int.from_bytes(plain[1:9], "big")), plain[9:end].hex(), name, str(seq)) \
        == (v.get("file", False), v.get("expires", "0"), v["space"], v["targetName"], v["seq"]) \
        and public(hkdf(seed, b"", b"postern/2/link/writer")) == key and hkdf(seed, b"", b"postern/2/link/secret") == secret


def succession(v):
    b = unhex(v["succession"])
    need(len(b) >= 97 and b[0] == 1)
    old, card = b[1:33], open_contact(b[33:-64])
    need(old != card[1])
    signed = b"postern/2/sign/succession\0" + b[:-64]
    verify(old, signed, b[-64:])
    return (old.hex(), b[33:-64].hex()) == (v["oldAuthor"], v["card"]) and public(author_seed(v["newSecret"])) == card[1] \
        and sign(author_seed(v["oldSecret"]), signed) == b[-64:]


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
                  sizes, capability, mount_seed, letter, name, contact, fingerprint, message, link, succession):
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
