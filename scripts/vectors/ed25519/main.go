// Command ed25519 writes test/vectors/ed25519.json: unusual signatures of all kinds with the result of Go's
// crypto/ed25519, which is the result that Gossum must give.
//
// Everything is derived from fixed labels, so that a second run writes the same bytes.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"runtime"
	"slices"

	"filippo.io/edwards25519"
)

type testCase struct {
	Why       string `json:"why"`
	PublicKey string `json:"publicKey"`
	Message   string `json:"message"`
	Signature string `json:"signature"`
	GoAccepts bool   `json:"goAccepts"`
}

var cases []testCase

// add records a case with Go's own verdict on it.
func add(why string, public, message, signature []byte) bool {
	accepts := ed25519.Verify(public, message, signature)
	cases = append(cases, testCase{
		why, hex.EncodeToString(public), hex.EncodeToString(message), hex.EncodeToString(signature), accepts,
	})
	return accepts
}

// must is add for a case whose verdict is determined by its construction.
func must(want bool, why string, public, message, signature []byte) {
	if add(why, public, message, signature) != want {
		fail("Go does not answer %v: %s", want, why)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// ---- scalars and points ----

// order is that of the base point.
var order, _ = new(big.Int).SetString("27742317777372353535851937790883648493", 10)

func init() { order.Add(order, new(big.Int).Lsh(big.NewInt(1), 252)) }

// scalar derives a scalar from a label.
func scalar(label string) *edwards25519.Scalar {
	digest := sha512.Sum512([]byte(label))
	s, err := edwards25519.NewScalar().SetUniformBytes(digest[:])
	if err != nil {
		fail("%v", err)
	}
	return s
}

func baseMult(s *edwards25519.Scalar) *edwards25519.Point {
	return new(edwards25519.Point).ScalarBaseMult(s)
}

func plus(p, q *edwards25519.Point) *edwards25519.Point { return new(edwards25519.Point).Add(p, q) }

// wideChallenge is SHA-512(R, A, M) before its reduction modulo the order.
func wideChallenge(r, a, message []byte) []byte {
	h := sha512.New()
	h.Write(r)
	h.Write(a)
	h.Write(message)
	return h.Sum(nil)
}

func challenge(r, a, message []byte) *edwards25519.Scalar {
	k, err := edwards25519.NewScalar().SetUniformBytes(wideChallenge(r, a, message))
	if err != nil {
		fail("%v", err)
	}
	return k
}

// littleEndian is the number with these bytes.
func littleEndian(b []byte) *big.Int {
	reversed := bytes.Clone(b)
	slices.Reverse(reversed)
	return new(big.Int).SetBytes(reversed)
}

// bytes32 encodes a number below 2^256.
func bytes32(n *big.Int) []byte {
	out := n.FillBytes(make([]byte, 32))
	slices.Reverse(out)
	return out
}

// torsion gives the i-th multiple of a point of order 8.
func torsion(i int) *edwards25519.Point {
	point := edwards25519.NewIdentityPoint()
	generator := decode(unhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))
	for range i {
		point.Add(point, generator)
	}
	return point
}

// times multiplies a point of small order, whose order is not that of the scalars.
func times(point *edwards25519.Point, n uint64) *edwards25519.Point {
	out := edwards25519.NewIdentityPoint()
	for range n % 8 {
		out.Add(out, point)
	}
	return out
}

func decode(b []byte) *edwards25519.Point {
	p, err := new(edwards25519.Point).SetBytes(b)
	if err != nil {
		fail("%x: %v", b, err)
	}
	return p
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		fail("%v", err)
	}
	return b
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

func low(k *edwards25519.Scalar) uint64 { return uint64(k.Bytes()[0]) % 8 }

// grind finds a message for which the condition on the reduced challenge holds; nil when there is none.
func grind(r, a []byte, ok func(k *edwards25519.Scalar, wide []byte) bool) []byte {
	for i := range 4096 {
		message := fmt.Appendf(nil, "message %d", i)
		if ok(challenge(r, a, message), wideChallenge(r, a, message)) {
			return message
		}
	}
	return nil
}

// ---- encodings of the points of low order ----

func ones(first, last byte) []byte {
	b := bytes.Repeat([]byte{0xff}, 32)
	b[0], b[31] = first, last
	return b
}

func zeros(first, last byte) []byte {
	b := make([]byte, 32)
	b[0], b[31] = first, last
	return b
}

type encoding struct {
	name  string
	bytes []byte
}

func lowOrderEncodings() []encoding {
	var out []encoding
	for i := range 8 {
		out = append(out, encoding{fmt.Sprintf("torsion point %d", i), torsion(i).Bytes()})
	}
	return append(out,
		encoding{"identity with the sign bit", zeros(1, 0x80)},
		encoding{"identity as y = p + 1", ones(0xee, 0x7f)},
		encoding{"identity as y = p + 1 with the sign bit", ones(0xee, 0xff)},
		encoding{"order 2 with the sign bit", ones(0xec, 0xff)},
		encoding{"order 4 as y = p", ones(0xed, 0x7f)},
		encoding{"order 4 as y = p with the sign bit", ones(0xed, 0xff)},
	)
}

func main() {
	seed := sha512.Sum512([]byte("gossum ed25519 vectors: seed"))
	private := ed25519.NewKeyFromSeed(seed[:32])
	public := []byte(private.Public().(ed25519.PublicKey))
	expanded := sha512.Sum512(seed[:32])
	a, err := edwards25519.NewScalar().SetBytesWithClamping(expanded[:32])
	if err != nil {
		fail("%v", err)
	}

	honest(private, public)
	largeS(private, public)
	notPoints(private, public)
	torsionInR(a, public)
	torsionInA(a)
	lowOrderR(a, public)
	lowOrderPairs()
	nonCanonical(a, public)

	out := bytes.NewBufferString("{\n")
	field := func(name string, value any) {
		b, _ := json.Marshal(value)
		fmt.Fprintf(out, "\"%s\": %s,\n", name, b)
	}
	field("about", "Ed25519 signatures with the answer of Go's crypto/ed25519.Verify. All bytes in hex. Constructed, no real keys.")
	field("source", "scripts/vectors/ed25519, run with "+runtime.Version())
	out.WriteString("\"cases\": [\n")
	for i, c := range cases {
		b, _ := json.Marshal(c)
		out.Write(b)
		if i < len(cases)-1 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
	}
	out.WriteString("]\n}\n")
	os.Stdout.Write(out.Bytes())
}

func honest(private ed25519.PrivateKey, public []byte) {
	for _, length := range []int{0, 1, 31, 64, 200} {
		message := bytes.Repeat([]byte{0x67}, length)
		must(true, fmt.Sprintf("honest, message of %d bytes", length), public, message, ed25519.Sign(private, message))
	}
	message := []byte("go.sum database tree\n")
	signature := ed25519.Sign(private, message)
	must(false, "another message", public, []byte("go.sum database treE\n"), signature)
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	must(false, "another key", other.Public().(ed25519.PublicKey), message, signature)
	for bit := 0; bit < 512; bit += 13 {
		flipped := bytes.Clone(signature)
		flipped[bit/8] ^= 1 << (bit % 8)
		must(false, fmt.Sprintf("bit %d of the signature flipped", bit), public, message, flipped)
	}
	for bit := 0; bit < 256; bit += 17 {
		flipped := bytes.Clone(public)
		flipped[bit/8] ^= 1 << (bit % 8)
		must(false, fmt.Sprintf("bit %d of the key flipped", bit), flipped, message, signature)
	}
	for _, length := range []int{0, 1, 32, 63} {
		must(false, fmt.Sprintf("signature of %d bytes", length), public, message, signature[:length])
	}
	must(false, "signature of 65 bytes", public, message, join(signature, []byte{0}))
	must(false, "signature twice", public, message, join(signature, signature))
	must(false, "all zeros", public, message, make([]byte, 64))
	must(false, "all ones", public, message, bytes.Repeat([]byte{0xff}, 64))
}

// largeS: the same S modulo the order, written as a larger number.
func largeS(private ed25519.PrivateKey, public []byte) {
	message := []byte("S is not reduced")
	signature := ed25519.Sign(private, message)
	r, s := signature[:32], littleEndian(signature[32:])
	limit := new(big.Int).Lsh(big.NewInt(1), 256)
	for n := int64(1); ; n++ {
		larger := new(big.Int).Add(s, new(big.Int).Mul(big.NewInt(n), order))
		if larger.Cmp(limit) >= 0 {
			break
		}
		must(false, fmt.Sprintf("S + %dL", n), public, message, join(r, bytes32(larger)))
	}
	for bit := uint(253); bit < 256; bit++ {
		larger := new(big.Int).SetBit(s, int(bit), 1)
		must(false, fmt.Sprintf("bit %d of S set", bit), public, message, join(r, bytes32(larger)))
	}
	must(false, "S = L", public, message, join(r, bytes32(order)))
	must(false, "S = L - 1", public, message, join(r, bytes32(new(big.Int).Sub(order, big.NewInt(1)))))
	// The identity as key: any R = [S]B is valid, so these show the bound itself.
	identity := zeros(1, 0)
	base := edwards25519.NewGeneratorPoint()
	must(true, "S = L - 1 with the identity as key", identity, message,
		join(new(edwards25519.Point).Negate(base).Bytes(), bytes32(new(big.Int).Sub(order, big.NewInt(1)))))
	must(false, "S = L with the identity as key", identity, message, join(identity, bytes32(order)))
	must(false, "S = L + 1 with the identity as key", identity, message,
		join(base.Bytes(), bytes32(new(big.Int).Add(order, big.NewInt(1)))))
}

// notPoints: bytes that no point has, as the key and as R.
func notPoints(private ed25519.PrivateKey, public []byte) {
	message := []byte("not a point")
	signature := ed25519.Sign(private, message)
	found := 0
	for y := byte(2); found < 6; y++ {
		for _, sign := range []byte{0, 0x80} {
			encoded := zeros(y, sign)
			if _, err := new(edwards25519.Point).SetBytes(encoded); err == nil {
				continue
			}
			found++
			must(false, fmt.Sprintf("key %x is not a point", encoded), encoded, message, signature)
			must(false, fmt.Sprintf("R %x is not a point", encoded), public, message, join(encoded, signature[32:]))
		}
	}
}

// torsionInR: R = rB + T for an honest key. The cofactored equation holds, Go's does not, unless T is nothing.
func torsionInR(a *edwards25519.Scalar, public []byte) {
	message := []byte("torsion in R")
	r := scalar("gossum ed25519 vectors: r")
	for i := range 8 {
		encoded := plus(baseMult(r), torsion(i)).Bytes()
		s := edwards25519.NewScalar().MultiplyAdd(challenge(encoded, public, message), a, r)
		must(i == 0, fmt.Sprintf("honest key, R with torsion point %d", i), public, message, join(encoded, s.Bytes()))
	}
}

// torsionInA: keys of mixed order, which only their maker can sign for.
func torsionInA(a *edwards25519.Scalar) {
	r := scalar("gossum ed25519 vectors: r")
	for i := 1; i < 8; i++ {
		key := plus(baseMult(a), torsion(i))
		public := key.Bytes()
		sign := func(encoded, message []byte) []byte {
			return join(encoded, edwards25519.NewScalar().MultiplyAdd(challenge(encoded, public, message), a, r).Bytes())
		}
		for j := range 8 {
			encoded := plus(baseMult(r), torsion(j)).Bytes()
			holds := func(k *edwards25519.Scalar, _ []byte) bool {
				return times(torsion(i), 8-low(k)).Equal(torsion(j)) == 1
			}
			name := fmt.Sprintf("key with torsion point %d, R with torsion point %d", i, j)
			if message := grind(encoded, public, holds); message != nil {
				must(true, name+": the torsion cancels", public, message, sign(encoded, message))
			}
			message := grind(encoded, public, func(k *edwards25519.Scalar, wide []byte) bool { return !holds(k, wide) })
			must(false, name+": the torsion remains", public, message, sign(encoded, message))
		}
		// The challenge is reduced before it multiplies a key whose order is not that of the scalars.
		encoded := baseMult(r).Bytes()
		reduced := grind(encoded, public, func(k *edwards25519.Scalar, wide []byte) bool {
			return low(k) == 0 && wide[0]%8 == 1
		})
		must(true, fmt.Sprintf("key with torsion point %d: holds for the reduced challenge only", i), public, reduced, sign(encoded, reduced))
		wide := grind(encoded, public, func(k *edwards25519.Scalar, wide []byte) bool {
			return low(k) == 1 && wide[0]%8 == 0
		})
		must(false, fmt.Sprintf("key with torsion point %d: holds for the unreduced challenge only", i), public, wide, sign(encoded, wide))
	}
}

// lowOrderR: R of low order for an honest key and for keys of mixed order.
func lowOrderR(a *edwards25519.Scalar, honest []byte) {
	for _, r := range lowOrderEncodings() {
		message := []byte("R of low order")
		s := edwards25519.NewScalar().Multiply(challenge(r.bytes, honest, message), a)
		add("honest key, R is "+r.name, honest, message, join(r.bytes, s.Bytes()))

		key := plus(baseMult(a), torsion(1)).Bytes()
		point := decode(r.bytes)
		ground := grind(r.bytes, key, func(k *edwards25519.Scalar, _ []byte) bool {
			return times(torsion(1), 8-low(k)).Equal(point) == 1
		})
		s = edwards25519.NewScalar().Multiply(challenge(r.bytes, key, ground), a)
		add("key of mixed order, R is "+r.name, key, ground, join(r.bytes, s.Bytes()))
	}
}

// lowOrderPairs: keys and R of low order in every encoding, with S = 0: once where the equation holds for the
// points, when it can, and once where it does not.
func lowOrderPairs() {
	zero := make([]byte, 32)
	for _, key := range lowOrderEncodings() {
		for _, r := range lowOrderEncodings() {
			point, rPoint := decode(key.bytes), decode(r.bytes)
			holds := func(k *edwards25519.Scalar, _ []byte) bool { return times(point, 8-low(k)).Equal(rPoint) == 1 }
			name := fmt.Sprintf("key is %s, R is %s", key.name, r.name)
			if message := grind(r.bytes, key.bytes, holds); message != nil {
				add(name+": equation holds", key.bytes, message, join(r.bytes, zero))
			}
			fails := func(k *edwards25519.Scalar, wide []byte) bool { return !holds(k, wide) }
			if message := grind(r.bytes, key.bytes, fails); message != nil {
				must(false, name+": equation fails", key.bytes, message, join(r.bytes, zero))
			}
		}
		// A key of low order signs for anybody, with any S.
		s := scalar("gossum ed25519 vectors: anybody")
		point := decode(key.bytes)
		for i := range 8 {
			encoded := plus(baseMult(s), torsion(i)).Bytes()
			message := grind(encoded, key.bytes, func(k *edwards25519.Scalar, _ []byte) bool {
				return times(point, 8-low(k)).Equal(torsion(i)) == 1
			})
			if message != nil {
				must(true, fmt.Sprintf("key is %s, R of full order with torsion point %d", key.name, i),
					key.bytes, message, join(encoded, s.Bytes()))
			}
		}
	}
}

// nonCanonical: other encodings of points that are not of low order. Nobody knows their logarithm, so nobody can
// sign for them; as R they are never the canonical encoding that Go compares with.
func nonCanonical(a *edwards25519.Scalar, public []byte) {
	message := []byte("not canonical")
	r := scalar("gossum ed25519 vectors: r")
	for y := byte(0xed); y != 0; y++ {
		for _, sign := range []byte{0x7f, 0xff} {
			encoded := ones(y, sign)
			if _, err := new(edwards25519.Point).SetBytes(encoded); err != nil {
				continue
			}
			s := edwards25519.NewScalar().MultiplyAdd(challenge(encoded, public, message), a, r)
			must(false, fmt.Sprintf("R is not canonical: %x", encoded), public, message, join(encoded, s.Bytes()))
			first := baseMult(r).Bytes()
			s = edwards25519.NewScalar().MultiplyAdd(challenge(first, encoded, message), a, r)
			add(fmt.Sprintf("key is not canonical: %x", encoded), encoded, message, join(first, s.Bytes()))
		}
	}
	// R read canonically for the challenge and written otherwise, and the reverse.
	identity, spelled := zeros(1, 0), ones(0xee, 0x7f)
	s := edwards25519.NewScalar().Multiply(challenge(identity, public, message), a)
	must(false, "R not canonical, challenge over the canonical R", public, message, join(spelled, s.Bytes()))
	s = edwards25519.NewScalar().Multiply(challenge(spelled, public, message), a)
	must(false, "R not canonical, challenge over the R as written", public, message, join(spelled, s.Bytes()))
	must(false, "R canonical, challenge over another spelling", public, message, join(identity, s.Bytes()))
}
