// Command fuzzdiff prints how Go's own libraries read bytes: golang.org/x/mod's sumdb/note, sumdb/tlog, sumdb/dirhash,
// module, modfile, semver and zip, and time.
//
// A request is one byte with the length of its name, the name, four bytes with the length of the input, big-endian, and
// the input. An answer is four bytes with its length, and what was read, in a canonical spelling; the length -1 means
// that the input is refused. The program ends with its input.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/mod/zip"
)

// reading is how Go reads an input; false when it refuses it. The argument is what follows the name of the request.
type reading func(input []byte, argument string) (string, bool)

var readings = map[string]reading{
	"note":    readNote,
	"open":    openNote,
	"vkey":    readKey,
	"tree":    readTree,
	"tile":    readTile,
	"record":  readRecord,
	"proof":   checkTree,
	"module":  escapeModule,
	"escaped": unescapeModule,
	"path":    checkPath,
	"file":    checkFile,
	"private": matchPatterns,
	"go-mod":  modulePath,
	"version": readVersion,
	"time":    readTime,
	"zip":     hashZip,
}

func hashOf(text string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
}

// The lines of a note as written, without any key.
func readNote(input []byte, _ string) (string, bool) {
	_, err := note.Open(input, note.VerifierList())
	var unverified *note.UnverifiedNoteError
	if !errors.As(err, &unverified) {
		return "", false
	}
	lines := []string{}
	for _, line := range unverified.Note.UnverifiedSigs {
		// The base64 of the library has the id of the key in it.
		blob, err := base64.StdEncoding.DecodeString(line.Base64)
		if err != nil {
			log.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s %08x %s", line.Name, line.Hash, base64.StdEncoding.EncodeToString(blob[4:])))
	}
	return encoded(struct {
		Text  string   `json:"text"`
		Lines []string `json:"lines"`
	}{hashOf(unverified.Note.Text), distinct(lines)}), true
}

func distinct(lines []string) []string {
	seen := map[string]bool{}
	out := []string{}
	for _, line := range lines {
		if !seen[line] {
			seen[line] = true
			out = append(out, line)
		}
	}
	return out
}

// JSON as JavaScript writes it.
func encoded(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		log.Fatal(err)
	}
	text := strings.TrimSuffix(out.String(), "\n")
	return strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(text)
}

var verifiers = map[string]note.Verifier{}

func openNote(input []byte, vkey string) (string, bool) {
	verifier, ok := verifiers[vkey]
	if !ok {
		made, err := note.NewVerifier(vkey)
		if err != nil {
			log.Fatal(err)
		}
		verifier, verifiers[vkey] = made, made
	}
	opened, err := note.Open(input, note.VerifierList(verifier))
	if err != nil {
		return "", false
	}
	return hashOf(opened.Text), true
}

func readKey(input []byte, _ string) (string, bool) {
	verifier, err := note.NewVerifier(string(input))
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("%s %08x", verifier.Name(), verifier.KeyHash()), true
}

func readTree(input []byte, _ string) (string, bool) {
	tree, err := tlog.ParseTree(input)
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("%d %s", tree.N, tree.Hash), true
}

func readTile(input []byte, _ string) (string, bool) {
	tile, err := tlog.ParseTilePath(string(input))
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("%d %d %d %d", tile.H, tile.L, tile.N, tile.W), true
}

func readRecord(input []byte, _ string) (string, bool) {
	id, text, rest, err := tlog.ParseRecord(input)
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("%d %s %s", id, hashOf(string(text)), hashOf(string(rest))), true
}

// Two sizes of eight bytes, the two roots, and the hashes of a proof.
func checkTree(input []byte, _ string) (string, bool) {
	if len(input) < 80 || len(input)%32 != 16 {
		return "", false
	}
	size, old := int64(binary.BigEndian.Uint64(input)), int64(binary.BigEndian.Uint64(input[8:]))
	// Beyond 2^62 tlog.CheckTree does not end: its largest power of two below the size is none any more.
	if size > 1<<53 {
		return "", false
	}
	var hashes []tlog.Hash
	for rest := input[16:]; len(rest) > 0; rest = rest[32:] {
		hashes = append(hashes, tlog.Hash(rest[:32]))
	}
	if err := tlog.CheckTree(hashes[2:], size, hashes[0], old, hashes[1]); err != nil {
		return "", false
	}
	return "holds", true
}

// A path, an at sign, and a version, as module.EscapePath and EscapeVersion write them.
func escapeModule(input []byte, _ string) (string, bool) {
	path, version, found := strings.Cut(string(input), "@")
	escapedPath, pathErr := module.EscapePath(path)
	escapedVersion, versionErr := module.EscapeVersion(version)
	if !found || pathErr != nil || versionErr != nil {
		return "", false
	}
	return escapedPath + "@" + escapedVersion, true
}

func unescapeModule(input []byte, _ string) (string, bool) {
	escapedPath, escapedVersion, found := strings.Cut(string(input), "@")
	path, pathErr := module.UnescapePath(escapedPath)
	version, versionErr := module.UnescapeVersion(escapedVersion)
	if !found || pathErr != nil || versionErr != nil {
		return "", false
	}
	return path + "@" + version, true
}

func checkPath(input []byte, _ string) (string, bool) {
	return "", module.CheckPath(string(input)) == nil
}

func checkFile(input []byte, _ string) (string, bool) {
	return "", module.CheckFilePath(string(input)) == nil
}

// Patterns, a newline, and a path.
func matchPatterns(input []byte, _ string) (string, bool) {
	patterns, path, _ := strings.Cut(string(input), "\n")
	return "", module.MatchPrefixPatterns(patterns, path)
}

// As the go command reads the go.mod of a dependency, and as its tools look for the path alone.
func modulePath(input []byte, _ string) (string, bool) {
	quick, whole := modfile.ModulePath(input), ""
	if file, err := modfile.ParseLax("go.mod", input, nil); err == nil && file.Module != nil {
		whole = file.Module.Mod.Path
	}
	return quick + "\n" + whole, quick != "" || whole != ""
}

// Whether it is canonical, or made of a revision.
func readVersion(input []byte, _ string) (string, bool) {
	version := string(input)
	if !utf8.Valid(input) || !semver.IsValid(version) || module.CanonicalVersion(version) != version {
		return "", false
	}
	return strconv.FormatBool(module.IsPseudoVersion(version)), true
}

func readTime(input []byte, _ string) (string, bool) {
	at, err := time.Parse(time.RFC3339, string(input))
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("%d %d", at.Unix(), at.Nanosecond()), true
}

// The hash of a zip, and whether it may be that of the module version in the argument.
func hashZip(input []byte, argument string) (string, bool) {
	file := zipFile()
	must(os.WriteFile(file, input, 0o600))
	hash, err := dirhash.HashZip(file, dirhash.Hash1)
	if err != nil {
		return "", false
	}
	path, version, _ := strings.Cut(argument, "@")
	checked, err := zip.CheckZip(module.Version{Path: path, Version: version}, file)
	if err != nil || checked.Err() != nil {
		return hash + " flawed", true
	}
	return hash + " good", true
}

// The file of a zip, since the libraries read files.
var zipFile = sync.OnceValue(func() string {
	file, err := os.CreateTemp("", "fuzzdiff-")
	must(err)
	must(file.Close())
	return file.Name()
})

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		length, err := in.ReadByte()
		if err == io.EOF {
			must(os.RemoveAll(zipFile()))
			return
		}
		must(err)
		question := make([]byte, length)
		_, err = io.ReadFull(in, question)
		must(err)
		var size uint32
		must(binary.Read(in, binary.BigEndian, &size))
		input := make([]byte, size)
		_, err = io.ReadFull(in, input)
		must(err)
		name, argument, _ := strings.Cut(string(question), " ")
		read, ok := readings[name]
		if !ok {
			log.Fatalf("there is no question %q", name)
		}
		answer, isRead := read(input, argument)
		answered := int32(len(answer))
		if !isRead {
			answer, answered = "", -1
		}
		must(binary.Write(out, binary.BigEndian, answered))
		_, err = out.WriteString(answer)
		must(err)
		// Whoever asks waits for this answer, or has asked for more already.
		if in.Buffered() == 0 {
			must(out.Flush())
		}
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
