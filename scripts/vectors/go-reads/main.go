// Command go-reads writes test/vectors/go-reads.json: notes in unusual spellings of all kinds, with the results of the
// go command's own libraries: golang.org/x/mod/sumdb/note opens, golang.org/x/mod/sumdb/tlog reads the tree.
//
// Everything is derived from fixed labels, so that a second run writes the same bytes.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"unicode"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A genuine head, which we can corrupt but not sign again.
const (
	genuineKey  = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
	genuineHead = "go.sum database tree\n59270573\nEkQheTMImOKVKhTERgxIOyW9t32zrpLrv5Gfgm9iG4U=\n\n" +
		"— sum.golang.org Az3grnSQw1iR+/V/api81ZxagDTVFbxlBJAJ/TKv0lajAQ6AJytchgY+ix6LAvNWiZ5eeN7BXNQWHGRhIQcW3F+mQAI=\n"
)

// part is a piece of a note and how often it is repeated.
type part struct {
	bytes string
	times int
}

func (p part) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{base64.StdEncoding.EncodeToString([]byte(p.bytes)), p.times})
}

type tree struct {
	Size string `json:"size"`
	Root string `json:"root"`
}

type testCase struct {
	Why  string `json:"why"`
	Key  int    `json:"key"`
	Note []part `json:"note"`
	// Text is the SHA-256 of the signed text, when note.Open takes the note.
	Text string `json:"text,omitempty"`
	// Tree is what tlog.ParseTree reads of that text, when it does.
	Tree *tree `json:"tree,omitempty"`
}

var (
	cases []testCase
	keys  []string
)

// add records Go's result for a note.
func add(key int, why string, parts ...part) {
	var message bytes.Buffer
	for _, p := range parts {
		message.WriteString(strings.Repeat(p.bytes, p.times))
	}
	verifier, err := note.NewVerifier(keys[key])
	check(err)
	c := testCase{Why: why, Key: key, Note: parts}
	if opened, err := note.Open(message.Bytes(), note.VerifierList(verifier)); err == nil {
		c.Text = fmt.Sprintf("%x", sha256.Sum256([]byte(opened.Text)))
		if read, err := tlog.ParseTree([]byte(opened.Text)); err == nil {
			c.Tree = &tree{fmt.Sprint(read.N), read.Hash.String()}
		}
	}
	cases = append(cases, c)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// ---- a log of our own ----

const name = "sum.gossum.example"

var (
	private = ed25519.NewKeyFromSeed([]byte("gossum go-reads: the log's seed."))
	keyID   uint32
)

func makeKey() string {
	public := append([]byte{1}, private.Public().(ed25519.PublicKey)...)
	digest := sha256.Sum256(append([]byte(name+"\n"), public...))
	keyID = binary.BigEndian.Uint32(digest[:])
	return fmt.Sprintf("%s+%08x+%s", name, keyID, base64.StdEncoding.EncodeToString(public))
}

func blob(id uint32, signature []byte) string {
	return base64.StdEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, id), signature...))
}

// line is a signature line of any name.
func line(by, base64 string) string { return "— " + by + " " + base64 + "\n" }

// sign makes the log's line over a text.
func sign(text string) string { return line(name, blob(keyID, ed25519.Sign(private, []byte(text)))) }

// signed is a note over a text.
func signed(text string) string { return text + "\n" + sign(text) }

const (
	origin = "go.sum database tree\n"
	root   = "EkQheTMImOKVKhTERgxIOyW9t32zrpLrv5Gfgm9iG4U="
	text   = origin + "59270573\n" + root + "\n"
)

func one(why, message string) { add(1, why, part{message, 1}) }

func main() {
	keys = []string{genuineKey, makeKey()}

	add(0, "genuine", part{genuineHead, 1})
	one("ours", signed(text))
	envelopes()
	signatureLines()
	names()
	manyLines()
	characters()
	trees()
	random()

	out := bytes.NewBufferString("{\n")
	field := func(name string, value any) {
		b, err := json.Marshal(value)
		check(err)
		fmt.Fprintf(out, "\"%s\": %s,\n", name, b)
	}
	field("about", "Notes and what Go makes of them. note: parts of base64 and how often each is repeated. text: SHA-256 of the "+
		"signed text when note.Open takes the note. tree: what tlog.ParseTree reads of it. key: an index into keys.")
	field("source", "scripts/vectors/go-reads, run with "+runtime.Version()+" and golang.org/x/mod "+modVersion())
	field("keys", keys)
	out.WriteString("\"cases\": [\n")
	for i, c := range cases {
		b, err := json.Marshal(c)
		check(err)
		out.Write(b)
		if i < len(cases)-1 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
	}
	out.WriteString("]\n}\n")
	_, err := os.Stdout.Write(out.Bytes())
	check(err)
}

func modVersion() string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if dependency.Path == "golang.org/x/mod" {
			return dependency.Version
		}
	}
	return "unknown"
}

// envelopes: the note around text and signatures.
func envelopes() {
	good := sign(text)
	for _, c := range []struct{ why, message string }{
		{"nothing", ""},
		{"a newline", "\n"},
		{"two newlines", "\n\n"},
		{"text only", text},
		{"text and an empty line", text + "\n"},
		{"no final newline", strings.TrimSuffix(signed(text), "\n")},
		{"a blank line at the end", signed(text) + "\n"},
		{"two blank lines at the end", signed(text) + "\n\n"},
		{"a blank line in front", "\n" + signed(text)},
		{"no blank line before the signature", text + good},
		{"two blank lines before the signature, unsigned", text + "\n\n" + good},
		{"a blank line ends the signed text", signed(text + "\n")},
		{"two blank lines end the signed text", signed(text + "\n\n")},
		{"a blank line between signatures", text + "\n" + good + "\n" + good},
		{"text follows the signatures", signed(text) + "more\n"},
		{"a signature line inside the text", signed(text + good)},
		{"a whole note as the text", signed(signed(text))},
		{"the text is a single newline", signed("\n")},
		{"the text does not end in a newline", "abc\n\n" + sign("abc")},
		{"CR LF throughout", strings.ReplaceAll(signed(text), "\n", "\r\n")},
		{"CR LF in the signature block", text + "\n" + strings.ReplaceAll(good, "\n", "\r\n")},
		{"a byte order mark in front, unsigned", "\ufeff" + signed(text)},
		{"a byte order mark in front, signed", signed("\ufeff" + text)},
		{"a space in front of the signature line", text + "\n " + good},
		{"a stray line among the signatures", text + "\n" + good + "stray\n" + good},
		{"line separators instead of newlines", strings.ReplaceAll(signed(text), "\n", "\u2028")},
		{"vertical tab as a newline", strings.Replace(signed(text), "\n", "\v", 1)},
		{"NUL at the end", signed(text) + "\x00"},
	} {
		one("envelope: "+c.why, c.message)
	}
	for cut := 1; cut < len(genuineHead); cut += 11 {
		add(0, fmt.Sprintf("genuine, cut to %d bytes", cut), part{genuineHead[:cut], 1})
	}
}

// signatureLines: spellings of the log's line, and its company.
func signatureLines() {
	good := sign(text)
	b64 := strings.TrimSuffix(strings.TrimPrefix(good, "— "+name+" "), "\n")
	bad := line(name, blob(keyID, make([]byte, 64)))
	other := line("other.example", blob(0x01020304, bytes.Repeat([]byte{7}, 72)))
	last := strings.Index(alphabet, b64[len(b64)-2:len(b64)-1])
	for unused := 1; unused < 4; unused++ {
		spelled := b64[:len(b64)-2] + alphabet[last+unused:last+unused+1] + "="
		one(fmt.Sprintf("signature with unused bits %d", unused), text+"\n"+line(name, spelled))
		tail := strings.Index(alphabet, genuineHead[len(genuineHead)-3:len(genuineHead)-2])
		add(0, fmt.Sprintf("genuine signature with unused bits %d", unused),
			part{genuineHead[:len(genuineHead)-3] + alphabet[tail+unused:tail+unused+1] + "=\n", 1})
	}
	for _, c := range []struct{ why, block string }{
		{"hyphen for the dash", strings.Replace(good, "—", "-", 1)},
		{"en dash for the dash", strings.Replace(good, "—", "–", 1)},
		{"no space behind the dash", strings.Replace(good, "— ", "—", 1)},
		{"two spaces behind the dash", strings.Replace(good, "— ", "—  ", 1)},
		{"no-break space behind the dash", strings.Replace(good, "— ", "—\u00a0", 1)},
		{"two spaces behind the name", "— " + name + "  " + b64 + "\n"},
		{"tab behind the name", "— " + name + "\t" + b64 + "\n"},
		{"no space behind the name", "— " + name + b64 + "\n"},
		{"a space at the end", "— " + name + " " + b64 + " \n"},
		{"something more at the end", "— " + name + " " + b64 + " x\n"},
		{"no base64", "— " + name + " \n"},
		{"name only", "— " + name + "\n"},
		{"dash only", "— \n"},
		{"no padding", line(name, strings.TrimRight(b64, "="))},
		{"too much padding", line(name, b64+"=")},
		{"four more padding signs", line(name, b64+"====")},
		{"padding in the middle", line(name, b64[:8]+"===="+b64[8:])},
		{"URL alphabet", line(name, strings.NewReplacer("+", "-", "/", "_").Replace(b64))},
		{"a space in the base64", line(name, b64[:40]+" "+b64[40:])},
		{"a newline in the base64", line(name, b64[:40]+"\n"+b64[40:])},
		{"a no-break space in the base64", line(name, b64[:40]+"\u00a0"+b64[40:])},
		{"a full-width A in the base64", line(name, "\uff21"+b64[1:])},
		{"four bytes in all", line(name, base64.StdEncoding.EncodeToString(make([]byte, 4)))},
		{"five bytes in all, other id", line(name, base64.StdEncoding.EncodeToString(make([]byte, 5)))},
		{"five bytes in all, our id", line(name, blob(keyID, []byte{1}))},
		{"signature of 63 bytes", line(name, blob(keyID, ed25519.Sign(private, []byte(text))[:63]))},
		{"signature of 65 bytes", line(name, blob(keyID, append(ed25519.Sign(private, []byte(text)), 0)))},
		{"not valid", bad},
		{"valid, valid", good + good},
		{"valid, not valid", good + bad},
		{"not valid, valid", bad + good},
		{"unknown, valid", other + good},
		{"valid, unknown", good + other},
		{"unknown twice, valid", other + other + good},
		{"unknown only", other},
		{"unknown, not valid", other + bad},
		{"valid, malformed", good + "— other.example !!!!\n"},
		{"malformed, valid", "— other.example !!!!\n" + good},
		{"valid, hyphen line", good + "- other.example AAAAAAAA\n"},
		{"our name with another id, valid", line(name, blob(keyID+1, make([]byte, 64))) + good},
		{"our id under another name, valid", line("other.example", blob(keyID, make([]byte, 64))) + good},
		{"our name with another id only", line(name, blob(keyID+1, ed25519.Sign(private, []byte(text))))},
		{"our line under another name only", line("other.example", b64)},
		{"name in capitals", line(strings.ToUpper(name), b64)},
		{"valid over another text", sign(text + "more\n")},
		{"valid over the text without its newline", sign(strings.TrimSuffix(text, "\n"))},
		{"valid over the text and the empty line", sign(text + "\n")},
	} {
		one("signature: "+c.why, text+"\n"+c.block)
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// names: white space of every kind, and what only looks like it, in the name of an unknown line.
func names() {
	var runes []rune
	for r := rune(0x20); r < 0x3100; r++ {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			runes = append(runes, r)
		}
	}
	for _, r := range append(runes, 0x7f, 0x80, 0x84, 0x86, 0xad, '+', '/', 0x180e, 0x2800, 0xfeff, 0xfffc, 0xfffd, 0xffff, 0x10ffff) {
		unknown := line("a"+string(r)+"b", blob(1, make([]byte, 64)))
		one(fmt.Sprintf("name with U+%04X", r), text+"\n"+unknown+sign(text))
	}
	for _, bad := range []string{"", "+", "a+", "+a", "a+b"} {
		one(fmt.Sprintf("name %q", bad), text+"\n"+line(bad, blob(1, make([]byte, 64)))+sign(text))
	}
}

// manyLines: up to a hundred signatures, and a large note.
func manyLines() {
	good := sign(text)
	unknown := line("other.example", blob(1, make([]byte, 64)))
	for _, n := range []int{98, 99, 100, 101, 200} {
		add(1, fmt.Sprintf("the valid line %d times", n), part{text + "\n", 1}, part{good, n})
		add(1, fmt.Sprintf("%d unknown lines, then the valid one", n), part{text + "\n", 1}, part{unknown, n}, part{good, 1})
		add(1, fmt.Sprintf("the valid line, then %d unknown ones", n), part{text + "\n", 1}, part{good, 1}, part{unknown, n})
	}
	for _, length := range []int{1000, 60_000, 65_000, 70_000, 1_000_000} {
		padded := text + strings.Repeat("x", length) + "\n"
		add(1, fmt.Sprintf("an extension line of %d bytes", length),
			part{text, 1}, part{"x", length}, part{"\n\n" + sign(padded), 1})
	}
	// Exactly at our bound of 64 KiB, and one byte beyond.
	room := 64*1024 - len(signed(text)) - 1
	for _, length := range []int{room, room + 1} {
		padded := text + strings.Repeat("x", length) + "\n"
		add(1, fmt.Sprintf("a note of %d bytes", 64*1024+length-room),
			part{text, 1}, part{"x", length}, part{"\n\n" + sign(padded), 1})
	}
}

// characters: control characters and broken UTF-8 in a signed text.
func characters() {
	put := func(why, s string) {
		one("in an extension line: "+why, signed(text+"a"+s+"b\n"))
		one("in a name: "+why, text+"\n"+line("a"+s+"b", blob(1, make([]byte, 64)))+sign(text))
	}
	for r := rune(0); r < 0x20; r++ {
		put(fmt.Sprintf("U+%04X", r), string(r))
	}
	for _, r := range []rune{0x7f, 0x80, 0x85, 0x9f, 0xa0, 0x2028, 0xd7ff, 0xe000, 0xfeff, 0xfffd, 0xfffe, 0xffff, 0x1f600, 0x10ffff} {
		put(fmt.Sprintf("U+%04X", r), string(r))
	}
	for _, s := range []string{
		"\x80", "\xbf", "\xc0\x80", "\xc0\xaf", "\xc1\xbf", "\xc2", "\xc2A", "\xe0\x80\xaf", "\xe0\x9f\xbf", "\xe2\x80",
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xed\xa0\xbd\xed\xb8\x80", "\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff", "\xf0\x9f\x98",
	} {
		put(fmt.Sprintf("bytes % x", s), s)
	}
}

// trees: signed texts, well and badly formed.
func trees() {
	last := strings.Index(alphabet, root[len(root)-2:len(root)-1])
	for unused := 1; unused < 4; unused++ {
		spelled := root[:len(root)-2] + alphabet[last+unused:last+unused+1] + "="
		one(fmt.Sprintf("root with unused bits %d", unused), signed(origin+"5\n"+spelled+"\n"))
	}
	for _, size := range []string{
		"0", "1", "00", "01", "007", "-0", "-1", "+0", "+1", "", " ", " 1", "1 ", "1\t", "1_000", "1e3", "1.0", "0x10", "0b1",
		"0o7", "one", "9007199254740990", "9007199254740991", "9007199254740992", "9007199254740993", "09007199254740991",
		"4611686018427387904", "9223372036854775806", "9223372036854775807", "9223372036854775808", "18446744073709551615",
		"18446744073709551616", "99999999999999999999999999", "-9223372036854775808", "٣", "１", "1\u00a0", "\ufeff1", "Infinity", "NaN",
	} {
		one(fmt.Sprintf("size %q", size), signed(origin+size+"\n"+root+"\n"))
	}
	hash := func(n int) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, n)) }
	for _, r := range []string{
		"", " ", hash(31), hash(32), hash(33), hash(0), hash(64), root + " ", " " + root, strings.TrimRight(root, "="), root + "=",
		strings.NewReplacer("+", "-", "/", "_").Replace(hash(32)), strings.ToLower(root), root[:20] + " " + root[20:],
		"==" + root, root[:43] + "A", root + root, "\u00a0" + root, root + "\u2028",
	} {
		one(fmt.Sprintf("root %q", r), signed(origin+"5\n"+r+"\n"))
	}
	for _, first := range []string{
		"go.sum database tree", "go.sum database tree v2", "go.sum database tree ", " go.sum database tree", "Go.sum database tree",
		"go.sum database tre", "go.sum  database tree", "go.sum database tree\u00a0", "", "example.com/log",
	} {
		one(fmt.Sprintf("origin %q", first), signed(first+"\n5\n"+root+"\n"))
	}
	for _, rest := range []string{
		"x\n", "x\ny\n", "\nx\n", "\n\nx\n", "— looks like a signature\n", "go.sum database tree\n6\n" + root + "\n", " \n", "ü\n",
	} {
		one(fmt.Sprintf("extension %q", rest), signed(text+rest))
	}
	for _, whole := range []string{
		"a\n", origin, origin + "5\n", origin + "5\n" + root, origin + "\n5\n" + root + "\n", origin + origin + "5\n" + root + "\n",
		"5\n" + root + "\n" + origin, origin + root + "\n5\n", origin + "5 " + root + "\n\n", origin + "5\n\n" + root + "\n",
	} {
		if strings.HasSuffix(whole, "\n") {
			one(fmt.Sprintf("text %q", whole), signed(whole))
		}
	}
}

// random: bytes of a note changed at random, and signed texts put together at random.
func random() {
	r := rand.New(rand.NewPCG(1, 2))
	insert := []string{"\n", "\n\n", " ", "=", "—", "— ", "A", "+", "\x00", "\xff", "\r", "\t", "\u00a0", "\ufeff"}
	for i := range 200 {
		message := genuineHead
		for range 1 + r.IntN(3) {
			at := r.IntN(len(message))
			switch r.IntN(5) {
			case 0:
				message = message[:at] + string([]byte{message[at] ^ 1<<r.IntN(8)}) + message[at+1:]
			case 1:
				message = message[:at] + message[at+1:]
			case 2:
				message = message[:at] + insert[r.IntN(len(insert))] + message[at:]
			case 3:
				end := at + r.IntN(len(message)-at)
				message = message[:at] + message[at:end] + message[at:]
			case 4:
				from := strings.LastIndex(message[:at], "\n") + 1
				to := at + strings.Index(message[at:], "\n") + 1
				message = message[:to] + message[from:]
			}
			if message == "" {
				message = "\n"
			}
			if !strings.Contains(message[len(message)/2:], "\n") {
				message += "\n"
			}
			message = strings.TrimSuffix(message, "\n") + "\n"
		}
		add(0, fmt.Sprintf("random change %d", i), part{message, 1})
	}
	tokens := []string{
		"go.sum database tree", "go.sum database tree", "\n", "\n", "\n", "\n", "5", "0", "12", "9007199254740992", root, root, " ", "-",
		"=", "x", "— ", "\u2028", "\ufeff",
	}
	for i := range 200 {
		var b strings.Builder
		for range 3 + r.IntN(7) {
			b.WriteString(tokens[r.IntN(len(tokens))])
		}
		start := []string{"", "", origin, origin + "5\n", text}[r.IntN(5)]
		one(fmt.Sprintf("random text %d", i), signed(start+b.String()+"\n"))
	}
}
