// Command auditlog is the program that gossum audit is compared with: it audits a checksum database in a folder, using
// golang.org/x/mod. It reads every tile of records, hashes the records, compares every tile of hashes with those hashes
// and the root with the signed head, checks each record's lines with x/mod's module package, and looks for duplicate
// module versions. It prints one JSON line.
//
//	auditlog -N WORKERS FOLDER VKEY
package main

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/maphash"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	width  = 1 << height
	// Records below one tile of level 1: what a worker takes at a time.
	unit = width * width
)

// A key locates a module version: a hash of its name, and the number of its record.
type key struct {
	hash uint64
	id   int64
}

type auditor struct {
	dir  string
	size int64
	seed maphash.Seed
}

// A part is the result of the audit of one unit.
type part struct {
	// The hashes of its full tiles of level 0, which level 1 holds.
	above    []tlog.Hash
	keys     []key
	findings int
}

func main() {
	workers := flag.Int("N", 1, "workers")
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: auditlog -N WORKERS FOLDER VKEY")
	}
	verifier, err := note.NewVerifier(flag.Arg(1))
	check(err)
	data, err := os.ReadFile(filepath.Join(flag.Arg(0), "latest"))
	check(err)
	head, err := note.Open(data, note.VerifierList(verifier))
	check(err)
	tree, err := tlog.ParseTree([]byte(head.Text))
	check(err)

	a := &auditor{dir: flag.Arg(0), size: tree.N, seed: maphash.MakeSeed()}
	parts := make([]*part, (tree.N+unit-1)/unit)
	parallel(*workers, len(parts), func(i int) { parts[i] = a.audit(int64(i)) })

	var hashes []tlog.Hash
	findings := 0
	for _, p := range parts {
		hashes = append(hashes, p.above...)
		findings += p.findings
	}
	// Levels above 0, from the hashes of the level below.
	for level := 1; len(hashes) > 0; level++ {
		var above []tlog.Hash
		for from := 0; from < len(hashes); from += width {
			tile := hashes[from:min(from+width, len(hashes))]
			a.compare(level, int64(from/width), tile)
			if len(tile) == width {
				above = append(above, fold(tile))
			}
		}
		hashes = above
	}
	root, err := tlog.TreeHash(tree.N, tlog.HashReaderFunc(a.stored))
	check(err)
	if root != tree.Hash {
		log.Fatalf("the root is %v, the head says %v", root, tree.Hash)
	}
	duplicates := a.duplicates(parts, *workers)
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"audited": tree.N, "root": root.String(), "findings": findings, "duplicates": duplicates,
	}))
}

// parallel calls do for every number below n, from this many goroutines.
func parallel(workers, n int, do func(i int)) {
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	wait.Wait()
}

// audit reads the records of one unit.
func (a *auditor) audit(n int64) *part {
	from, to := n*unit, min((n+1)*unit, a.size)
	p := &part{keys: make([]key, 0, to-from)}
	leaves := make([]tlog.Hash, 0, width)
	for first := from; first < to; first += width {
		leaves = leaves[:0]
		count := min(width, to-first)
		for i, record := range a.records(first, int(count)) {
			leaves = append(leaves, tlog.RecordHash(record))
			path, version, err := parse(record)
			if err != nil {
				p.findings++
				fmt.Fprintf(os.Stderr, "record %d: %v\n", first+int64(i), err)
				continue
			}
			p.keys = append(p.keys, key{a.hash(path, version), first + int64(i)})
		}
		a.compare(0, first/width, leaves)
		if count == width {
			p.above = append(p.above, fold(leaves))
		}
	}
	return p
}

func (a *auditor) hash(path, version string) uint64 {
	var h maphash.Hash
	h.SetSeed(a.seed)
	h.WriteString(path)
	h.WriteByte('@')
	h.WriteString(version)
	return h.Sum64()
}

// read returns the bytes of a tile; level -1 has the records.
func (a *auditor) read(level int, n int64, count int) []byte {
	tile := tlog.Tile{H: height, L: level, N: n, W: count}
	data, err := os.ReadFile(filepath.Join(a.dir, tile.Path()))
	check(err)
	return data
}

// records splits a tile of records at its empty lines.
func (a *auditor) records(first int64, count int) [][]byte {
	data := a.read(-1, first/width, count)
	records := make([][]byte, 0, count)
	for len(data) > 0 {
		end := bytes.Index(data, []byte("\n\n"))
		if end < 0 {
			log.Fatalf("the tile of record %d has no last empty line", first)
		}
		records = append(records, data[:end+1])
		data = data[end+2:]
	}
	if len(records) != count {
		log.Fatalf("the tile of record %d has %d records", first, len(records))
	}
	return records
}

// compare compares a tile of hashes with the computed hashes.
func (a *auditor) compare(level int, n int64, hashes []tlog.Hash) {
	data := a.read(level, n, len(hashes))
	if len(data) != len(hashes)*tlog.HashSize {
		log.Fatalf("tile %d/%d has %d bytes", level, n, len(data))
	}
	for i := range hashes {
		if !bytes.Equal(data[i*tlog.HashSize:(i+1)*tlog.HashSize], hashes[i][:]) {
			log.Fatalf("tile %d/%d, hash %d is wrong", level, n, i)
		}
	}
}

// fold returns the hash of a full tile, which is in the tile above.
func fold(hashes []tlog.Hash) tlog.Hash {
	var buffer [width / 2]tlog.Hash
	level := hashes
	for len(level) > 1 {
		for i := 0; i < len(level); i += 2 {
			buffer[i/2] = tlog.NodeHash(level[i], level[i+1])
		}
		level = buffer[:len(level)/2]
	}
	return level[0]
}

// stored reads hashes of the tree from its tiles, which were compared before.
func (a *auditor) stored(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, index := range indexes {
		tile := tlog.TileForIndex(height, index)
		available := a.size>>(height*tile.L) - tile.N*width
		tile.W = int(min(available, width))
		h, err := tlog.HashFromTile(tile, a.read(tile.L, tile.N, tile.W), index)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, h)
	}
	return hashes, nil
}

// parse checks the lines of a record and returns the module version that they are about.
func parse(record []byte) (path, version string, err error) {
	if !utf8.Valid(record) {
		return "", "", errors.New("not UTF-8")
	}
	for _, b := range record {
		if b < ' ' && b != '\n' {
			return "", "", errors.New("a control character")
		}
	}
	files, rest, isLine := strings.Cut(string(record), "\n")
	goMod, rest, isSecond := strings.Cut(rest, "\n")
	if !isLine || !isSecond || rest != "" {
		return "", "", errors.New("not two lines")
	}
	if path, version, err = line(files); err != nil {
		return "", "", err
	}
	otherPath, otherVersion, err := line(goMod)
	if err != nil {
		return "", "", err
	}
	if otherPath != path || otherVersion != version+"/go.mod" {
		return "", "", fmt.Errorf("lines of %s@%s and %s@%s", path, version, otherPath, otherVersion)
	}
	if err := module.Check(path, version); err != nil {
		return "", "", err
	}
	if module.IsPseudoVersion(version) {
		if _, err := module.PseudoVersionTime(version); err != nil {
			return "", "", err
		}
		if _, err := module.PseudoVersionBase(version); err != nil {
			return "", "", err
		}
	}
	return path, version, nil
}

// line splits a line of go.sum and checks its hash.
func line(text string) (path, version string, err error) {
	path, rest, isFirst := strings.Cut(text, " ")
	version, hash, isSecond := strings.Cut(rest, " ")
	if !isFirst || !isSecond {
		return "", "", fmt.Errorf("not three fields: %q", text)
	}
	digits, isH1 := strings.CutPrefix(hash, "h1:")
	var sum [48]byte
	if !isH1 || len(digits) != 44 {
		return "", "", fmt.Errorf("no h1: %q", hash)
	}
	if n, err := base64.StdEncoding.Strict().Decode(sum[:], []byte(digits)); err != nil || n != tlog.HashSize {
		return "", "", fmt.Errorf("no h1: %q", hash)
	}
	return path, version, nil
}

// duplicates counts the records whose module version has an earlier record.
func (a *auditor) duplicates(parts []*part, workers int) int {
	// By the first byte of the hash, so that workers sort a part each.
	buckets := make([][]key, 256)
	for _, p := range parts {
		for _, k := range p.keys {
			b := k.hash >> 56
			buckets[b] = append(buckets[b], k)
		}
		p.keys = nil
	}
	counts := make([]int, len(buckets))
	parallel(workers, len(buckets), func(b int) {
		slices.SortFunc(buckets[b], func(x, y key) int {
			return cmp.Or(cmp.Compare(x.hash, y.hash), cmp.Compare(x.id, y.id))
		})
		for i := 1; i < len(buckets[b]); i++ {
			x, y := buckets[b][i-1], buckets[b][i]
			if x.hash == y.hash && a.name(x.id) == a.name(y.id) {
				counts[b]++
			}
		}
	})
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}

func (a *auditor) name(id int64) string {
	first := id - id%width
	records := a.records(first, int(min(width, a.size-first)))
	path, version, err := parse(records[id-first])
	check(err)
	return path + "@" + version
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
