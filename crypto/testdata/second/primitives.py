"""The primitives of FORMAT.md from their own specifications, slow and plain, with nothing but Python's standard library."""

import hashlib
import hmac
import struct

M32 = 0xFFFFFFFF


class Refused(Exception):
    """Why bytes were refused: "open", "format", "signature" or "retired"."""


# ChaCha20-Poly1305, RFC 8439

QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def chacha_block(key, counter, nonce):
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key), counter, *struct.unpack("<3I", nonce)]
    s = start[:]
    for _ in range(10):
        for a, b, c, d in QUARTERS:
            for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                s[x] = (s[x] + s[y]) & M32
                s[z] ^= s[x]
                s[z] = (s[z] << turn | s[z] >> (32 - turn)) & M32
    return struct.pack("<16I", *((x + y) & M32 for x, y in zip(s, start)))


def chacha(key, nonce, data):
    stream = b"".join(chacha_block(key, 1 + i, nonce) for i in range(-(-len(data) // 64)))
    return bytes(x ^ y for x, y in zip(data, stream))


def aead_tag(key, nonce, ad, sealed):
    once = chacha_block(key, 0, nonce)
    r = int.from_bytes(once[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    message = ad + bytes(-len(ad) % 16) + sealed + bytes(-len(sealed) % 16) + struct.pack("<QQ", len(ad), len(sealed))
    total = 0
    for i in range(0, len(message), 16):
        total = (total + int.from_bytes(message[i:i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(once[16:32], "little")) % 2**128).to_bytes(16, "little")


def seal(key, nonce, ad, plain):
    sealed = chacha(key, nonce, plain)
    return sealed + aead_tag(key, nonce, ad, sealed)


def unseal(key, nonce, ad, sealed):
    if len(sealed) < 16 or aead_tag(key, nonce, ad, sealed[:-16]) != sealed[-16:]:
        raise Refused("open")
    return chacha(key, nonce, sealed[:-16])


# HKDF-SHA256, RFC 5869; 32 bytes need one round

def hkdf(secret, salt, info):
    pseudorandom = hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(pseudorandom, info + b"\1", hashlib.sha256).digest()


# BLAKE3, by its paper

IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8


def compress(chain, words, counter, size, flags):
    s = chain[:8] + IV[:4] + [counter & M32, counter >> 32, size, flags]
    for _ in range(7):
        for i, (a, b, c, d) in enumerate(QUARTERS):
            for word, first, second in ((words[2 * i], 16, 12), (words[2 * i + 1], 8, 7)):
                s[a] = (s[a] + s[b] + word) & M32
                x = s[d] ^ s[a]
                s[d] = (x >> first | x << (32 - first)) & M32
                s[c] = (s[c] + s[d]) & M32
                x = s[b] ^ s[c]
                s[b] = (x >> second | x << (32 - second)) & M32
        words = [words[i] for i in PERMUTATION]
    return [s[i] ^ s[i + 8] for i in range(8)]


def blake3_tree(data, number, root):
    if len(data) > 1024:
        left = 1024 << ((len(data) - 1) // 1024).bit_length() - 1
        both = blake3_tree(data[:left], number, 0) + blake3_tree(data[left:], number + left // 1024, 0)
        return compress(IV, both, 0, 64, PARENT | root)
    chain, flags = IV, CHUNK_START
    blocks = [data[i:i + 64] for i in range(0, len(data), 64)] or [b""]
    for block in blocks[:-1]:
        chain, flags = compress(chain, struct.unpack("<16I", block), number, 64, flags), 0
    last = blocks[-1]
    return compress(chain, struct.unpack("<16I", last + bytes(64 - len(last))), number, len(last), flags | CHUNK_END | root)


def blake3(data):
    return struct.pack("<8I", *blake3_tree(data, 0, ROOT))


# Ed25519, RFC 8032, in extended coordinates

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = (b - a) % P, (d - c) % P, (d + c) % P, (b + a) % P
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(n, p):
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = add(total, p)
        p, n = add(p, p), n >> 1
    return total


def point(encoded):
    y = int.from_bytes(encoded, "little")
    odd, y = y >> 255, y & 2**255 - 1
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P:
        raise Refused("signature")
    if x & 1 != odd:
        x = P - x
    return x, y, 1, x * y % P


def encode(p):
    inverse = pow(p[2], -1, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def sha512(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def expand(seed):
    h = hashlib.sha512(seed).digest()
    return int.from_bytes(h[:32], "little") & (1 << 254) - 8 | 1 << 254, h[32:]


def public(seed):
    return encode(multiply(expand(seed)[0], BASE))


def sign(seed, message):
    scalar, prefix = expand(seed)
    r = sha512(prefix, message) % L
    commitment = encode(multiply(r, BASE))
    challenge = sha512(commitment, public(seed), message)
    return commitment + ((r + challenge * scalar) % L).to_bytes(32, "little")


def verify(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        raise Refused("signature")
    challenge = sha512(signature[:32], key, message) % L
    negated = point(key)
    negated = (P - negated[0], negated[1], 1, P - negated[3])
    if encode(add(multiply(s, BASE), multiply(challenge, negated))) != signature[:32]:
        raise Refused("signature")
